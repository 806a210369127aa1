//! The rolling hash of a run (law K4), and the digest of a payload.
//!
//! Two lanes of 64 bits, each mixed by a folded 64×64→128 multiplication, as in wyhash (Wang Yi,
//! <https://github.com/wangyi-fudan/wyhash>) and foldhash. Certifies that two runs took the same path; it is no defence
//! against someone who wants two paths to look alike. Bytes are read little-endian, so every machine agrees.

const MIX: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];

/// The hash of everything that happened so far, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RollingHash {
    low: u64,
    high: u64,
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

impl RollingHash {
    pub(crate) const fn new() -> Self {
        Self { low: MIX[0], high: MIX[1] }
    }

    /// Appends one event: one multiplication a lane, neither waits for the other, then each lane takes up the other.
    #[inline(always)]
    pub(crate) fn append(&mut self, at_ns: u64, what: u64, arg: u64, digest: u64) {
        let when = fold(self.low ^ at_ns, what ^ MIX[2]);
        let how = fold(self.high ^ arg, digest ^ MIX[3]);
        self.low = when.wrapping_add(how.rotate_left(32));
        self.high = how ^ self.low;
    }

    pub(crate) fn value(self) -> u128 {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }
}

/// 64 bits that stand for `bytes`; the length counts. Two lanes, so that no multiplication waits for its neighbour.
#[inline]
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).wrapping_mul(MIX[3]);
    let (mut even, mut odd) = (MIX[0] ^ length, MIX[1] ^ length);
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        [even, odd] = absorb([even, odd], block);
    }
    if !rest.is_empty() {
        let mut tail = [0; 32];
        tail[..rest.len()].copy_from_slice(rest);
        [even, odd] = absorb([even, odd], &tail);
    }
    fold(even, odd ^ MIX[2])
}

#[inline(always)]
fn absorb([even, odd]: [u64; 2], block: &[u8; 32]) -> [u64; 2] {
    let (words, _) = block.as_chunks::<8>();
    let word = |at: usize| u64::from_le_bytes(words[at]);
    [fold(even ^ word(0), word(1) ^ MIX[2]), fold(odd ^ word(2), word(3) ^ MIX[3])]
}

#[cfg(feature = "unhashed")]
impl<P: crate::Process> crate::Sim<P> {
    /// Keeps no hash of what happens from now on, so that a bench can weigh it: two runs can no longer be told apart.
    pub fn leave_hash_out(&mut self) {
        self.kernel.unhashed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{RollingHash, digest};
    use std::collections::BTreeSet;

    #[test]
    fn every_bit_of_a_payload_and_its_length_count() {
        let mut seen = BTreeSet::new();
        for len in [0, 1, 8, 15, 16, 17, 64] {
            let mut bytes = vec![0_u8; len];
            assert!(seen.insert(digest(&bytes)));
            for bit in 0..len * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(seen.insert(digest(&bytes)), "bit {bit} of {len} bytes is not seen");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn the_order_of_events_counts() {
        let (mut a, mut b) = (RollingHash::new(), RollingHash::new());
        a.append(1, 2, 3, 4);
        a.append(5, 6, 7, 8);
        b.append(5, 6, 7, 8);
        b.append(1, 2, 3, 4);
        assert_ne!(a.value(), b.value());
    }

    #[test]
    fn the_hash_is_the_same_on_every_machine() {
        let mut hash = RollingHash::new();
        hash.append(1, 2, 3, digest(b"the same on every machine"));
        assert_eq!(hash.value(), 0x36c5446f9b67e2f0b9a9ea682c27adf8, "{:#x}", hash.value());
    }
}
