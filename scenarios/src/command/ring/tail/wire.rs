//! The bytes of a value, read by one codec as far as its type says, with the crates that wrote them.

use super::schema::{Number, Type};
use super::value::Value;
use bincode::de::read::{BorrowReader, Reader};
use bincode::de::{Decoder, DecoderImpl};
use bincode::{BorrowDecode, Decode};
use postcard::de_flavors::Slice;
use serde::Deserialize;
use tidemill_ring::codec::{Bincode, DecodeError, bincode, postcard};
use tidemill_ring::element::{self, Plain};

/// Values in each other, at most: nobody reads a line that is longer.
const VALUES_MAX: u32 = 1 << 16;

/// How the bytes came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// They lie as they are.
    Plain,
    Postcard,
    Bincode,
}

/// The value that `bytes` are, all of them.
pub(super) fn decode(by: By, kind: &Type, bytes: &[u8]) -> Result<Value, DecodeError> {
    match by {
        By::Plain => whole(AsIs(bytes), kind),
        By::Postcard => whole(postcard::Deserializer::from_bytes(bytes), kind),
        By::Bincode => whole(DecoderImpl::new(Rest(bytes), Bincode::CONFIG, ()), kind),
    }
}

fn whole(mut wire: impl Wire, kind: &Type) -> Result<Value, DecodeError> {
    let value = read(&mut wire, kind, &mut { VALUES_MAX })?;
    match wire.left() {
        0 => Ok(value),
        left => Err(DecodeError::Long { left }),
    }
}

fn read(wire: &mut impl Wire, kind: &Type, left: &mut u32) -> Result<Value, DecodeError> {
    *left = left.checked_sub(1).ok_or(DecodeError::TooLarge)?;
    Ok(match kind {
        Type::Number(number) => wire.number(*number)?,
        Type::Bool => Value::Bool(wire.flag()?),
        Type::Char => Value::Char(wire.letter()?),
        Type::Text => Value::Text(String::from_utf8(wire.bytes()?).map_err(|_| DecodeError::Invalid)?),
        Type::Bytes => Value::Bytes(wire.bytes()?),
        Type::Option(each) => match wire.tag()? {
            0 => Value::Option(None),
            1 => Value::Option(Some(Box::new(read(wire, each, left)?))),
            _ => return Err(DecodeError::Invalid),
        },
        Type::List(each) => {
            let count = wire.count()?;
            Value::List((0..count).map(|_| read(wire, each, left)).collect::<Result<_, _>>()?)
        }
        Type::Array(each, count) if **each == Type::Number(Number::U8) => {
            Value::Bytes((0..*count).map(|_| wire.tag()).collect::<Result<_, _>>()?)
        }
        Type::Array(each, count) => {
            Value::List((0..*count).map(|_| read(wire, each, left)).collect::<Result<_, _>>()?)
        }
        Type::Fields(fields) => self::fields(wire, fields, left)?,
        Type::Variants(variants) => {
            let (name, carried) = usize::try_from(wire.variant()?)
                .ok()
                .and_then(|at| variants.get(at))
                .ok_or(DecodeError::Invalid)?;
            let carried = carried.as_ref().map(|kind| read(wire, kind, left)).transpose()?;
            Value::Variant(name.clone(), carried.map(Box::new))
        }
    })
}

fn fields(
    wire: &mut impl Wire,
    fields: &[(Option<String>, Type)],
    left: &mut u32,
) -> Result<Value, DecodeError> {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, kind) in fields {
        names.extend(name.clone());
        values.push(read(wire, kind, left)?);
    }
    Ok(if names.is_empty() {
        Value::Tuple(values)
    } else {
        Value::Struct(names.into_iter().zip(values).collect())
    })
}

/// One codec, over the bytes of one value.
trait Wire {
    fn number(&mut self, number: Number) -> Result<Value, DecodeError>;
    fn flag(&mut self) -> Result<bool, DecodeError>;
    fn letter(&mut self) -> Result<char, DecodeError>;
    /// One byte.
    fn tag(&mut self) -> Result<u8, DecodeError>;
    /// Elements that follow.
    fn count(&mut self) -> Result<u64, DecodeError>;
    /// The number of a variant.
    fn variant(&mut self) -> Result<u32, DecodeError>;
    /// As many bytes as they say.
    fn bytes(&mut self) -> Result<Vec<u8>, DecodeError>;
    /// Bytes that were not read.
    fn left(self) -> usize;
}

/// A number by what reads one of any width.
macro_rules! number {
    ($number:expr, $read:ident $(, $at:expr)?) => {
        match $number {
            Number::U8 => Value::Unsigned($read::<u8>($($at)?)?.into()),
            Number::U16 => Value::Unsigned($read::<u16>($($at)?)?.into()),
            Number::U32 => Value::Unsigned($read::<u32>($($at)?)?.into()),
            Number::U64 | Number::Usize => Value::Unsigned($read::<u64>($($at)?)?),
            Number::U128 => Value::Wide($read::<u128>($($at)?)?.to_string()),
            Number::I8 => Value::Signed($read::<i8>($($at)?)?.into()),
            Number::I16 => Value::Signed($read::<i16>($($at)?)?.into()),
            Number::I32 => Value::Signed($read::<i32>($($at)?)?.into()),
            Number::I64 | Number::Isize => Value::Signed($read::<i64>($($at)?)?),
            Number::I128 => Value::Wide($read::<i128>($($at)?)?.to_string()),
            Number::F32 => Value::Single($read::<f32>($($at)?)?),
            Number::F64 => Value::Double($read::<f64>($($at)?)?),
        }
    };
}

type Post<'b> = postcard::Deserializer<'b, Slice<'b>>;

fn post<'b, T: Deserialize<'b>>(from: &mut Post<'b>) -> Result<T, DecodeError> {
    T::deserialize(from).map_err(|error| match error {
        postcard::Error::DeserializeUnexpectedEnd => DecodeError::Short,
        _ => DecodeError::Invalid,
    })
}

impl Wire for Post<'_> {
    fn number(&mut self, number: Number) -> Result<Value, DecodeError> {
        Ok(number!(number, post, self))
    }
    fn flag(&mut self) -> Result<bool, DecodeError> {
        post(self)
    }
    fn letter(&mut self) -> Result<char, DecodeError> {
        post(self)
    }
    fn tag(&mut self) -> Result<u8, DecodeError> {
        post(self)
    }
    fn count(&mut self) -> Result<u64, DecodeError> {
        post(self)
    }
    fn variant(&mut self) -> Result<u32, DecodeError> {
        post(self)
    }
    fn bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        post::<&[u8]>(self).map(<[u8]>::to_vec)
    }
    fn left(self) -> usize {
        self.finalize().map_or(0, <[u8]>::len)
    }
}

/// What is left of the bytes, for bincode.
struct Rest<'b>(&'b [u8]);

impl Reader for Rest<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<(), bincode::error::DecodeError> {
        into.copy_from_slice(self.take_bytes(into.len())?);
        Ok(())
    }
}

impl<'b> BorrowReader<'b> for Rest<'b> {
    fn take_bytes(&mut self, len: usize) -> Result<&'b [u8], bincode::error::DecodeError> {
        let short =
            bincode::error::DecodeError::UnexpectedEnd { additional: len.saturating_sub(self.0.len()) };
        let (taken, rest) = self.0.split_at_checked(len).ok_or(short)?;
        self.0 = rest;
        Ok(taken)
    }
}

fn bin<T: Decode<()>>(from: &mut impl Decoder<Context = ()>) -> Result<T, DecodeError> {
    T::decode(from).map_err(unread)
}

fn unread(error: bincode::error::DecodeError) -> DecodeError {
    match error {
        bincode::error::DecodeError::UnexpectedEnd { .. } => DecodeError::Short,
        bincode::error::DecodeError::LimitExceeded => DecodeError::TooLarge,
        _ => DecodeError::Invalid,
    }
}

impl<C: bincode::config::Config> Wire for DecoderImpl<Rest<'_>, C, ()> {
    fn number(&mut self, number: Number) -> Result<Value, DecodeError> {
        Ok(number!(number, bin, self))
    }
    fn flag(&mut self) -> Result<bool, DecodeError> {
        bin(self)
    }
    fn letter(&mut self) -> Result<char, DecodeError> {
        bin(self)
    }
    fn tag(&mut self) -> Result<u8, DecodeError> {
        bin(self)
    }
    fn count(&mut self) -> Result<u64, DecodeError> {
        bin(self)
    }
    fn variant(&mut self) -> Result<u32, DecodeError> {
        bin(self)
    }
    fn bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        <&[u8]>::borrow_decode(self).map(<[u8]>::to_vec).map_err(unread)
    }
    fn left(mut self) -> usize {
        self.reader().0.len()
    }
}

/// Fields that lie as they are, back to back.
struct AsIs<'b>(&'b [u8]);

fn as_is<T: Plain>(from: &mut AsIs<'_>) -> Result<T, DecodeError> {
    let (taken, rest) = from.0.split_at_checked(size_of::<T>()).ok_or(DecodeError::Short)?;
    from.0 = rest;
    element::from_bytes(taken).ok_or(DecodeError::Short)
}

/// What is no plain type was refused before anything was read.
impl Wire for AsIs<'_> {
    fn number(&mut self, number: Number) -> Result<Value, DecodeError> {
        Ok(number!(number, as_is, self))
    }
    fn flag(&mut self) -> Result<bool, DecodeError> {
        Err(DecodeError::Invalid)
    }
    fn letter(&mut self) -> Result<char, DecodeError> {
        Err(DecodeError::Invalid)
    }
    fn tag(&mut self) -> Result<u8, DecodeError> {
        as_is(self)
    }
    fn count(&mut self) -> Result<u64, DecodeError> {
        Err(DecodeError::Invalid)
    }
    fn variant(&mut self) -> Result<u32, DecodeError> {
        Err(DecodeError::Invalid)
    }
    fn bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        Err(DecodeError::Invalid)
    }
    fn left(self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests;
