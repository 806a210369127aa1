extern crate alloc;

use super::{Codec, CodecId, DecodeError, EncodeError, View};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::ops::{Deref, DerefMut};
use flatbuffers::{Allocator, FlatBufferBuilder, Follow, InvalidFlatbuffer, Verifiable, WIPOffset};

/// FlatBuffers: tables that are read where they lie, after they were verified as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flat;

/// A value that is a FlatBuffers table: what joins it with the type that `flatc` generated.
pub trait Table: Sized {
    /// The generated root type.
    type Root<'b>: Follow<'b, Inner = Self::Root<'b>> + Verifiable + 'b;

    /// Writes the table, as the generated `create` does.
    fn write<'b, A: Allocator + 'b>(
        &self,
        builder: &mut FlatBufferBuilder<'b, A>,
    ) -> WIPOffset<Self::Root<'b>>;

    /// The value of a verified table; `None` where the table means none.
    fn read(root: Self::Root<'_>) -> Option<Self>;
}

impl<T: Table> Codec<T> for Flat {
    const ID: CodecId = CodecId(4);

    fn encode(&self, value: &T, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let have = grant.len();
        // The builder leaves gaps as it finds them, and no gap shall show what lay there before.
        grant.fill(0);
        let mut builder = FlatBufferBuilder::new_in(Memory { grant, spilled: Vec::new() });
        let root = value.write(&mut builder);
        builder.finish_minimal(root);
        let (memory, start) = builder.collapse_in();
        if !memory.spilled.is_empty() {
            return Err(EncodeError::NoRoom { have });
        }
        memory.grant.copy_within(start.., 0);
        Ok(have - start)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError> {
        T::read(root::<T>(bytes)?).ok_or(DecodeError::Invalid)
    }
}

impl<T: Table> View<T> for Flat {
    type Ref<'a>
        = T::Root<'a>
    where
        T: 'a;

    fn view<'a>(&self, bytes: &'a [u8]) -> Result<T::Root<'a>, DecodeError>
    where
        T: 'a,
    {
        root::<T>(bytes)
    }
}

fn root<T: Table>(bytes: &[u8]) -> Result<T::Root<'_>, DecodeError> {
    flatbuffers::root::<T::Root<'_>>(bytes).map_err(|error| match error {
        InvalidFlatbuffer::RangeOutOfBounds { .. } => DecodeError::Short,
        InvalidFlatbuffer::TooManyTables
        | InvalidFlatbuffer::ApparentSizeTooLarge
        | InvalidFlatbuffer::DepthLimitReached => DecodeError::TooLarge,
        _ => DecodeError::Invalid,
    })
}

/// The grant, and where it is too small the heap: a builder cannot be told that there is no more, so it is let finish
/// what is then thrown away.
struct Memory<'g> {
    grant: &'g mut [u8],
    spilled: Vec<u8>,
}

impl Deref for Memory<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.spilled.is_empty() { self.grant } else { &self.spilled }
    }
}

impl DerefMut for Memory<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        if self.spilled.is_empty() { self.grant } else { &mut self.spilled }
    }
}

// SAFETY: growing moves what was written to the end of the larger memory, zeroes before it; `len` is that of the memory.
unsafe impl Allocator for Memory<'_> {
    type Error = Infallible;

    fn grow_downwards(&mut self) -> Result<(), Infallible> {
        let old: &[u8] = self;
        let mut larger = alloc::vec![0; (old.len() * 2).max(64)];
        let start = larger.len() - old.len();
        larger[start..].copy_from_slice(old);
        self.spilled = larger;
        Ok(())
    }

    fn len(&self) -> usize {
        self.deref().len()
    }
}
