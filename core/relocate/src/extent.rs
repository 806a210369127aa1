//! Blocks of a store that one life of a stage wrote for one of its checkpoints, and nobody else can have written.

use crate::bad::{Bad, Object, Why};
use crate::bytes::CRC;
use crate::{Incarnation, StageId};
use alloc::vec::Vec;

/// Blocks in a row; none where the count is zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Extent {
    /// The first one.
    pub block: u64,
    /// How many they are.
    pub count: u64,
}

/// Who writes blocks, and for which checkpoint: no block of another life, or of another checkpoint, passes for one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Salt {
    /// The stage.
    pub stage: StageId,
    /// Which life of it.
    pub inc: Incarnation,
    /// Which of its checkpoints.
    pub seq: u64,
}

/// Bytes of a block that its checksum takes.
const CHECKSUM: usize = 4;

impl Salt {
    /// What a block at a place in the extents has to be signed with.
    fn checksum(&self, index: u64, data: &[u8]) -> u32 {
        let mut digest = CRC.digest();
        digest.update(&self.stage.0);
        digest.update(&self.inc.0.to_le_bytes());
        digest.update(&self.seq.to_le_bytes());
        digest.update(&index.to_le_bytes());
        digest.update(data);
        digest.finalize()
    }

    /// Whether a whole block was written for this place by nobody else.
    pub(crate) fn signed(&self, index: u64, whole: &[u8]) -> bool {
        whole
            .split_last_chunk::<CHECKSUM>()
            .is_some_and(|(data, checksum)| self.checksum(index, data).to_le_bytes() == *checksum)
    }
}

/// Blocks of `block` bytes that it takes to hold `len` bytes.
///
/// # Panics
/// If a block holds nothing beside its checksum.
pub const fn blocks_for(len: u64, block: usize) -> u64 {
    assert!(block > CHECKSUM, "a block holds more than its checksum");
    len.div_ceil((block - CHECKSUM) as u64)
}

/// Whole blocks that hold `bytes`, to be written in order.
///
/// # Panics
/// If a block holds nothing beside its checksum.
pub fn pack(bytes: &[u8], block: usize, salt: Salt) -> Vec<u8> {
    let count = blocks_for(bytes.len() as u64, block) as usize;
    let mut packed = Vec::with_capacity(count * block);
    for (index, piece) in (0..).zip(bytes.chunks(block - CHECKSUM)) {
        let start = packed.len();
        packed.extend_from_slice(piece);
        packed.resize(start + block - CHECKSUM, 0);
        let checksum = salt.checksum(index, &packed[start..]);
        packed.extend_from_slice(&checksum.to_le_bytes());
    }
    packed
}

/// The `len` bytes that [`pack`] put into `blocks`.
///
/// # Errors
/// If they are not exactly as many blocks as that takes, or one of them is damaged, was put elsewhere, or is not of this
/// checkpoint.
///
/// # Panics
/// If a block holds nothing beside its checksum.
pub fn unpack(blocks: &[u8], len: u64, block: usize, salt: Salt) -> Result<Vec<u8>, Bad> {
    let corrupt = |why| Bad::Corrupt { object: Object::Block, why };
    if blocks_for(len, block).checked_mul(block as u64) != Some(blocks.len() as u64) {
        return Err(corrupt(Why::Length));
    }
    if !(0..).zip(blocks.chunks_exact(block)).all(|(index, whole)| salt.signed(index, whole)) {
        return Err(corrupt(Why::Checksum));
    }
    strip(blocks, len, block)
}

/// The first `len` bytes in blocks whose checksums somebody compared, and which are as many as that takes.
pub(crate) fn strip(blocks: &[u8], len: u64, block: usize) -> Result<Vec<u8>, Bad> {
    let mut bytes = Vec::with_capacity(len as usize);
    for whole in blocks.chunks_exact(block) {
        let data = &whole[..block - CHECKSUM];
        let left = len as usize - bytes.len();
        let (used, unused) = data.split_at(left.min(data.len()));
        if unused.iter().any(|byte| *byte != 0) {
            let why = Why::Field("bytes behind the last");
            return Err(Bad::Corrupt { object: Object::Block, why });
        }
        bytes.extend_from_slice(used);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Salt, blocks_for, pack, unpack};
    use crate::bad::{Bad, Object, Why};
    use crate::{Incarnation, StageId};
    use alloc::vec::Vec;

    const SALT: Salt = Salt { stage: StageId([9; 16]), inc: Incarnation(3), seq: 7 };
    const BLOCK: usize = 32;

    fn text() -> Vec<u8> {
        (0..100).map(|at| at ^ 0x33).collect()
    }

    #[test]
    fn bytes_of_any_length_come_back_out_of_whole_blocks() {
        for len in 0..text().len() {
            let packed = pack(&text()[..len], BLOCK, SALT);
            assert_eq!(packed.len() as u64, blocks_for(len as u64, BLOCK) * BLOCK as u64);
            assert_eq!(unpack(&packed, len as u64, BLOCK, SALT).as_deref(), Ok(&text()[..len]));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_missing_byte_is_refused() {
        let packed = pack(&text(), BLOCK, SALT);
        for bit in 0..packed.len() * 8 {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unpack(&flipped, 100, BLOCK, SALT).is_err(), "bit {bit}");
        }
        assert!((0..packed.len()).all(|len| unpack(&packed[..len], 100, BLOCK, SALT).is_err()));
    }

    // A zombie's late write, a block of the checkpoint before, and two blocks that changed places.
    #[test]
    fn a_block_of_another_life_checkpoint_stage_or_place_is_no_block_of_ours() {
        let packed = pack(&text(), BLOCK, SALT);
        let others = [
            Salt { inc: Incarnation(2), ..SALT },
            Salt { seq: 6, ..SALT },
            Salt { stage: StageId([8; 16]), ..SALT },
        ];
        for other in others {
            assert!(unpack(&packed, 100, BLOCK, other).is_err(), "{other:?}");
        }
        let mut swapped = packed;
        let (first, second) = swapped.split_at_mut(BLOCK);
        first.swap_with_slice(&mut second[..BLOCK]);
        assert!(unpack(&swapped, 100, BLOCK, SALT).is_err());
    }

    #[test]
    fn a_length_that_the_blocks_do_not_have_allocates_nothing() {
        let packed = pack(&text(), BLOCK, SALT);
        let wrong = Err(Bad::Corrupt { object: Object::Block, why: Why::Length });
        for len in [u64::MAX, u64::MAX / 2, 1 << 40, 113, 84, 0] {
            assert_eq!(unpack(&packed, len, BLOCK, SALT), wrong, "{len}");
        }
        assert_eq!(
            unpack(&packed, 99, BLOCK, SALT),
            Err(Bad::Corrupt { object: Object::Block, why: Why::Field("bytes behind the last") })
        );
    }
}
