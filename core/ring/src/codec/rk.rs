use super::{Codec, CodecId, DecodeError, EncodeError, View};
use core::mem::MaybeUninit;
use rkyv::api::low::{
    LowDeserializer, LowSerializer, LowValidator, access, deserialize, to_bytes_in_with_alloc,
};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::SubAllocator;
use rkyv::ser::writer::Buffer;
use rkyv::{Archive, Deserialize, Portable, Serialize};

/// rkyv 0.8: values that are read where they lie, after their bytes were validated as a whole.
///
/// Grants and frames begin on a multiple of 16, as those of [`Fixed`](crate::frame::Fixed) do. Encoding takes 1 KiB of
/// stack for scratch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rkyv;

const SCRATCH: usize = 1024;

impl<T> Codec<T> for Rkyv
where
    T: Archive + for<'g, 's> Serialize<LowSerializer<Buffer<'g>, SubAllocator<'s>, Failure>>,
    T::Archived:
        Portable + for<'a> CheckBytes<LowValidator<'a, Failure>> + Deserialize<T, LowDeserializer<Failure>>,
{
    const ID: CodecId = CodecId(3);

    fn encode(&self, value: &T, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let (have, mut scratch) = (grant.len(), [MaybeUninit::uninit(); SCRATCH]);
        let allocator = SubAllocator::new(&mut scratch);
        match to_bytes_in_with_alloc::<_, _, Failure>(value, Buffer::from(grant), allocator) {
            Ok(used) => Ok(used.len()),
            Err(Failure) => Err(EncodeError::NoRoom { have }),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        deserialize::<T, Failure>(archived::<T>(bytes)?).map_err(|Failure| DecodeError::Invalid)
    }
}

impl<T> View<T> for Rkyv
where
    Self: Codec<T>,
    T: Archive,
    T::Archived: Portable + for<'a> CheckBytes<LowValidator<'a, Failure>>,
{
    type Ref<'a>
        = &'a T::Archived
    where
        T: 'a;

    fn view<'a>(&self, bytes: &'a [u8]) -> Result<&'a T::Archived, DecodeError>
    where
        T: 'a,
    {
        archived::<T>(bytes)
    }
}

fn archived<T>(bytes: &[u8]) -> Result<&T::Archived, DecodeError>
where
    T: Archive,
    T::Archived: Portable + for<'a> CheckBytes<LowValidator<'a, Failure>>,
{
    let need = align_of::<T::Archived>();
    if bytes.len() < size_of::<T::Archived>() {
        return Err(DecodeError::Short);
    }
    if !bytes.as_ptr().addr().is_multiple_of(need) {
        return Err(DecodeError::Misaligned { need });
    }
    access::<T::Archived, Failure>(bytes).map_err(|Failure| DecodeError::Invalid)
}
