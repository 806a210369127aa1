use super::{Codec, CodecId, DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// postcard: compact, one byte for small numbers, no description of itself.
///
/// Time and memory of a decode are bounded by the bytes, unless the type has sequences of elements of no bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Postcard;

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {
    const ID: CodecId = CodecId(1);

    fn encode(&self, value: &T, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let have = grant.len();
        match postcard::to_slice(value, grant) {
            Ok(used) => Ok(used.len()),
            Err(postcard::Error::SerializeBufferFull) => Err(EncodeError::NoRoom { have }),
            Err(_) => Err(EncodeError::Value),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(DecodeError::Long { left: rest.len() }),
            Err(postcard::Error::DeserializeUnexpectedEnd) => Err(DecodeError::Short),
            Err(_) => Err(DecodeError::Invalid),
        }
    }
}
