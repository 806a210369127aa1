use core::fmt;

/// The shape of a [`Store`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Bytes of a block: what is written at once and lies at a multiple of itself. At least one.
    pub block: u32,
    /// Blocks, counted from zero.
    pub blocks: u64,
}

/// Why nothing, or not everything, was read. What the buffer holds then is not said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// It does not begin and end at the edge of a block.
    Misaligned,
    /// It reaches beyond the last block.
    OutOfRange,
    /// The device takes nothing at this moment: ask again later.
    Stalled,
    /// The device could not read it. Asking again may help.
    Failed,
    /// The store is gone; nothing will ever be read through this handle again.
    Closed,
}

/// Why blocks were not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// It does not begin and end at the edge of a block. Nothing was written.
    Misaligned,
    /// It reaches beyond the last block. Nothing was written.
    OutOfRange,
    /// The device takes nothing at this moment: ask again later. Nothing was written.
    Stalled,
    /// There is no space behind these blocks. Nothing was written.
    Full,
    /// The device could not write it: each block is as it was or as it should be (D6).
    Failed,
    /// The store is gone; nothing will ever be written through this handle again.
    Closed,
}

/// Why a sync did not succeed, or not yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncError {
    /// It is under way: call again for its outcome.
    Pending,
    /// It failed, and nobody knows what became durable (D6).
    Failed,
    /// The store is gone; whether anything became durable will not be heard through this handle.
    Closed,
}

/// Blocks of bytes that outlive their process, and outlive power once they are synced.
///
/// Whoever writes through a handle owns the store as far as order is concerned: two writers of one block agree among
/// themselves.
///
/// # Laws
/// - **D1** A read gives what was written last, synced or not, through any handle; a block that was never written is
///   all zero.
/// - **D2** What a successful sync covers survives the loss of power: every later read gives it, or what was written
///   after it.
/// - **D3** A sync covers every write that was accepted before its first call, and no later one has to be covered.
/// - **D4** The loss of power leaves each block as it was when it was last covered, as any later write made it, or torn:
///   some bytes of the one and the others of the other. A block that nobody wrote since is untouched.
/// - **D5** A call that is refused as misaligned, out of range, stalled or full has no effect.
/// - **D6** A write that failed leaves each of its blocks as before, as written, or torn, now and after a loss of power.
///   A sync that failed may have made all, some or nothing of what it covers durable, and no later sync covers it,
///   unless it is written again.
/// - **D7** No call waits for another party. `Stalled` and `Pending` say that the caller should ask again after its
///   [`Notify`](crate::Notify) rang or a while later; a pending sync gives its outcome to one call.
/// - **D8** The geometry never changes while a handle lives.
///
/// Nothing is promised about a damaged medium: a read may succeed and give other bytes, which is why records carry
/// checksums.
pub trait Store {
    /// Its shape.
    fn geometry(&self) -> Geometry;

    /// Fills `into` from the blocks that begin at byte `at`; both are multiples of the block.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError>;

    /// Replaces the blocks that begin at byte `at`; both are multiples of the block. Durable only after a sync.
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError>;

    /// Makes every write so far durable. While a sync is pending further calls ask for its outcome and begin no other.
    fn sync(&mut self) -> Result<(), SyncError>;
}

impl<S: Store + ?Sized> Store for &mut S {
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        (**self).read(at, into)
    }
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        (**self).write(at, from)
    }
    fn sync(&mut self) -> Result<(), SyncError> {
        (**self).sync()
    }
}

/// Where an access lies, or why it lies nowhere: what every implementation checks first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// It does not begin and end at the edge of a block.
    Misaligned,
    /// It reaches beyond the last block.
    OutOfRange,
}

impl Geometry {
    /// Bytes in all; saturates.
    pub const fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block as u64)
    }

    /// Whether `len` bytes at byte `at` are whole blocks of this store; gives the first block and how many they are.
    pub const fn place(&self, at: u64, len: usize) -> Result<(u64, u64), Misfit> {
        let block = self.block as u64;
        if !at.is_multiple_of(block) || !(len as u64).is_multiple_of(block) {
            return Err(Misfit::Misaligned);
        }
        let (first, count) = (at / block, len as u64 / block);
        match first.checked_add(count) {
            Some(end) if end <= self.blocks => Ok((first, count)),
            _ => Err(Misfit::OutOfRange),
        }
    }
}

impl From<Misfit> for ReadError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Misaligned => Self::Misaligned,
            Misfit::OutOfRange => Self::OutOfRange,
        }
    }
}

impl From<Misfit> for WriteError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Misaligned => Self::Misaligned,
            Misfit::OutOfRange => Self::OutOfRange,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Misaligned => "a read that does not begin and end at the edge of a block",
            Self::OutOfRange => "a read beyond the last block",
            Self::Stalled => "the device takes nothing at this moment",
            Self::Failed => "the device could not read",
            Self::Closed => "the store is gone",
        })
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Misaligned => "a write that does not begin and end at the edge of a block",
            Self::OutOfRange => "a write beyond the last block",
            Self::Stalled => "the device takes nothing at this moment",
            Self::Full => "no space is left behind these blocks",
            Self::Failed => "the device could not write; each block is old or new",
            Self::Closed => "the store is gone",
        })
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "the sync is under way",
            Self::Failed => "the sync failed, and nobody knows what became durable",
            Self::Closed => "the store is gone",
        })
    }
}

impl core::error::Error for ReadError {}
impl core::error::Error for WriteError {}
impl core::error::Error for SyncError {}

#[cfg(test)]
mod tests {
    use super::{Geometry, Misfit};

    #[test]
    fn only_whole_blocks_within_the_store_have_a_place() {
        let shape = Geometry { block: 512, blocks: 4 };
        assert_eq!(shape.place(512, 1024), Ok((1, 2)));
        assert_eq!(shape.place(2048, 0), Ok((4, 0)));
        assert_eq!(shape.place(2048, 512), Err(Misfit::OutOfRange));
        assert_eq!(shape.place(u64::MAX - 511, 512), Err(Misfit::OutOfRange));
        assert_eq!(shape.place(1, 512), Err(Misfit::Misaligned));
        assert_eq!(shape.place(0, 511), Err(Misfit::Misaligned));
    }
}
