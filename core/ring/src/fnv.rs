//! FNV-1a over 64 bits (Fowler, Noll, Vo: RFC 9923), in `const`: for names of things, never against an adversary.

/// The hash of nothing.
pub(crate) const BEGIN: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// `hash` with `bytes` behind what it has seen.
pub(crate) const fn fold(mut hash: u64, mut bytes: &[u8]) -> u64 {
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(PRIME);
        bytes = rest;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, fold};

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(fold(BEGIN, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fold(BEGIN, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fold(BEGIN, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fold(fold(BEGIN, b"foo"), b"bar"), fold(BEGIN, b"foobar"));
    }
}
