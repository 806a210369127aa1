//! What an edge said up to an offset, in 128 bits.

use crate::Incarnation;
use twox_hash::XxHash3_128;

/// The digest of the first `n` entries of an edge: of their order, and of what tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Chain(pub u128);

/// What tells one entry at an offset from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Label(pub u128);

/// How entries are told apart. Both ends of an edge use the same kind: it is in the record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ChainKind {
    /// By the incarnation that produced them, which keep the label when they are pushed again. No payload is read: it
    /// trusts the bytes of its own machine.
    #[default]
    Origin = 0,
    /// By XXH3-128 of the payload: damage shows, malice need not.
    Content = 1,
    /// By BLAKE3 of the payload, cut to 128 bits, and so is the chain.
    #[cfg(feature = "hostile")]
    Hostile = 2,
}

impl ChainKind {
    /// The kind of that number in a record.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Origin),
            1 => Some(Self::Content),
            #[cfg(feature = "hostile")]
            2 => Some(Self::Hostile),
            _ => None,
        }
    }

    /// What tells an entry from others, produced by `inc` and saying `payload`.
    pub fn label(self, inc: Incarnation, payload: &[u8]) -> Label {
        match self {
            Self::Origin => Label(u128::from(inc.0)),
            Self::Content => Label(XxHash3_128::oneshot(payload)),
            #[cfg(feature = "hostile")]
            Self::Hostile => Label(cut(&blake3::hash(payload))),
        }
    }

    /// The label that a reader gives to an entry: where payloads are hashed it believes nobody else.
    pub fn relabel(self, said: Label, payload: &[u8]) -> Label {
        match self {
            Self::Origin => said,
            _ => self.label(Incarnation(0), payload),
        }
    }

    /// The digest of `n + 1` entries, from that of the first `n` and the label of the one at offset `n`.
    #[inline]
    pub fn extend(self, chain: Chain, off: u64, label: Label) -> Chain {
        let mut bytes = [0; 40];
        bytes[..16].copy_from_slice(&chain.0.to_le_bytes());
        bytes[16..32].copy_from_slice(&label.0.to_le_bytes());
        bytes[32..].copy_from_slice(&off.to_le_bytes());
        match self {
            Self::Origin | Self::Content => Chain(XxHash3_128::oneshot(&bytes)),
            #[cfg(feature = "hostile")]
            Self::Hostile => Chain(cut(&blake3::hash(&bytes))),
        }
    }
}

#[cfg(feature = "hostile")]
fn cut(hash: &blake3::Hash) -> u128 {
    let [low, high] = [0, 8].map(|at| {
        let bytes = core::array::from_fn(|i| hash.as_bytes()[at + i]);
        u128::from(u64::from_le_bytes(bytes))
    });
    low | high << 64
}

impl Chain {
    /// Of no entries.
    pub const EMPTY: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::{Chain, ChainKind, Label};
    use crate::Incarnation;

    fn kinds() -> impl Iterator<Item = ChainKind> {
        (0..=u8::MAX).filter_map(ChainKind::from_number)
    }

    #[test]
    fn a_kind_reads_back_from_its_number() {
        assert!(kinds().all(|kind| ChainKind::from_number(kind as u8) == Some(kind)));
        assert_eq!(kinds().count(), if cfg!(feature = "hostile") { 3 } else { 2 });
    }

    #[test]
    fn a_chain_tells_order_offset_and_label_apart() {
        for kind in kinds() {
            let (one, two) = (Label(1), Label(2));
            let chain =
                |labels: [Label; 2]| kind.extend(kind.extend(Chain::EMPTY, 0, labels[0]), 1, labels[1]);
            assert_eq!(chain([one, two]), chain([one, two]));
            assert_ne!(chain([one, two]), chain([two, one]));
            assert_ne!(chain([one, two]), chain([one, one]));
            assert_ne!(kind.extend(Chain::EMPTY, 0, one), kind.extend(Chain::EMPTY, 1, one));
            assert_ne!(kind.extend(Chain::EMPTY, 0, Label(0)), Chain::EMPTY);
        }
    }

    #[test]
    fn an_origin_names_who_produced_and_a_content_what() {
        let label = |kind: ChainKind, inc, payload: &[u8]| kind.label(Incarnation(inc), payload);
        assert_eq!(label(ChainKind::Origin, 3, b"a"), label(ChainKind::Origin, 3, b"b"));
        assert_ne!(label(ChainKind::Origin, 3, b"a"), label(ChainKind::Origin, 4, b"a"));
        for kind in kinds().filter(|kind| *kind != ChainKind::Origin) {
            assert_eq!(label(kind, 3, b"a"), label(kind, 4, b"a"));
            assert_ne!(label(kind, 3, b"a"), label(kind, 3, b"b"));
            assert_eq!(
                kind.relabel(Label(99), b"a"),
                label(kind, 0, b"a"),
                "a lie about the label is not heard"
            );
        }
        assert_eq!(ChainKind::Origin.relabel(Label(99), b"a"), Label(99));
    }

    // The published test vectors of both functions for no input: what is written today must be readable for ever.
    #[test]
    fn the_hashes_are_the_published_ones() {
        assert_eq!(
            label_of(ChainKind::Content),
            0x99aa_06d3_0147_98d8_6001_c324_468d_497f,
            "XXH3-128 of nothing"
        );
        #[cfg(feature = "hostile")]
        assert_eq!(
            label_of(ChainKind::Hostile).to_le_bytes(),
            [0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6, 0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49],
            "BLAKE3 of nothing"
        );
    }

    fn label_of(kind: ChainKind) -> u128 {
        kind.label(Incarnation(0), b"").0
    }
}
