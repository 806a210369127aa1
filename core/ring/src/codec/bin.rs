use super::{Codec, CodecId, DecodeError, EncodeError};
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode, error};

/// bincode 2 in its standard form: little-endian, small numbers in one byte.
///
/// A value takes 16 MiB of memory at most, whatever lengths the bytes claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bincode;

const LIMIT: usize = 1 << 24;
const CONFIG: Configuration<LittleEndian, Varint, Limit<LIMIT>> = Bincode::CONFIG;

impl Bincode {
    /// The form, for who decodes without a type.
    pub const CONFIG: Configuration<LittleEndian, Varint, Limit<LIMIT>> =
        bincode::config::standard().with_limit::<LIMIT>();
}

impl<T: Encode + Decode<()>> Codec<T> for Bincode {
    const ID: CodecId = CodecId(2);

    fn encode(&self, value: &T, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let have = grant.len();
        bincode::encode_into_slice(value, grant, CONFIG).map_err(|error| match error {
            error::EncodeError::UnexpectedEnd => EncodeError::NoRoom { have },
            _ => EncodeError::Value,
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        match bincode::decode_from_slice(bytes, CONFIG) {
            Ok((value, len)) if len == bytes.len() => Ok(value),
            Ok((_, len)) => Err(DecodeError::Long { left: bytes.len() - len }),
            Err(error::DecodeError::UnexpectedEnd { .. }) => Err(DecodeError::Short),
            Err(error::DecodeError::LimitExceeded) => Err(DecodeError::TooLarge),
            Err(_) => Err(DecodeError::Invalid),
        }
    }
}
