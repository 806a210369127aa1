//! The record of a stage: which life of it may write, and where its checkpoint lies.

use crate::bad::{Bad, Object, Why};
use crate::bytes::{CRC, Source, Target};
use crate::record::open;
use crate::{Extent, Incarnation, Salt, StageId};

/// Extents of a checkpoint at most.
pub const EXTENTS: usize = 16;
/// Extents of a retained log at most.
pub const LOG_EXTENTS: usize = 8;

const MAGIC: [u8; 4] = *b"TMSR";
const VERSION: u16 = 1;
const RESERVED: usize = 36;

/// Where the current checkpoint of a stage lies.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Pointer {
    /// Which life of the stage wrote it.
    pub inc: Incarnation,
    /// Which checkpoint of the stage it is; the first is one, and none is zero.
    pub seq: u64,
    /// Its length in bytes.
    pub len: u64,
    /// XXH3-128 of these bytes.
    pub digest: u128,
    /// Where they lie, in order.
    pub extents: [Extent; EXTENTS],
    /// Where the retained entries lie, in order.
    pub log: [Extent; LOG_EXTENTS],
}

/// The register of a stage holds this. Whoever swaps it in with a greater incarnation fences every smaller one in the store
/// of the stage; whoever swaps in a greater `seq` makes the output before it final.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StageRecord {
    /// Which writing of this record; the first is one.
    pub ver: u64,
    /// The stage.
    pub stage: StageId,
    /// The life that may write.
    pub inc: Incarnation,
    /// How the bytes of the state are to be read: the stage's own number.
    pub schema: u64,
    /// Its current checkpoint.
    pub checkpoint: Pointer,
}

impl Pointer {
    /// What the blocks of this checkpoint are salted with.
    pub const fn salt(&self, stage: StageId) -> Salt {
        Salt { stage, inc: self.inc, seq: self.seq }
    }
}

impl StageRecord {
    /// Bytes of a record.
    pub const BYTES: usize = 512;

    /// The first writing: nobody lives, and nothing was written down.
    pub fn new(stage: StageId, schema: u64) -> Self {
        Self { ver: 1, stage, inc: Incarnation(0), schema, checkpoint: Pointer::default() }
    }

    /// The bytes of it.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut into = Target::new(&mut bytes);
        into.put(MAGIC).u16(VERSION).u16(Self::BYTES as u16).u64(self.ver).put(self.stage.0);
        into.u64(self.inc.0).u64(self.schema);
        let Pointer { inc, seq, len, digest, extents, log } = &self.checkpoint;
        into.u64(inc.0).u64(*seq).u64(*len).u128(*digest);
        for extent in extents.iter().chain(log) {
            into.u64(extent.block).u64(extent.count);
        }
        into.put([0; RESERVED]);
        let covered = into.at();
        let checksum = CRC.checksum(&bytes[..covered]);
        bytes[covered..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The record in `bytes`.
    ///
    /// # Errors
    /// If they are not exactly one, whole and possible; a blank one is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Bad> {
        let mut from = Source::new(open(Object::StageRecord, MAGIC, VERSION, bytes)?);
        let (ver, stage) = (from.u64(), StageId(from.array()));
        let (inc, schema) = (Incarnation(from.u64()), from.u64());
        let (by, seq, len, digest) = (Incarnation(from.u64()), from.u64(), from.u64(), from.u128());
        let extents = core::array::from_fn(|_| Extent { block: from.u64(), count: from.u64() });
        let log = core::array::from_fn(|_| Extent { block: from.u64(), count: from.u64() });
        let checkpoint = Pointer { inc: by, seq, len, digest, extents, log };
        let reserved = from.array() != [0; RESERVED];
        let none = seq == 0;
        let bad = [
            (reserved, "reserved bytes"),
            (ver == 0, "ver"),
            (by > inc, "inc"),
            (none != (by == Incarnation(0)), "seq"),
            (none && checkpoint != Pointer::default(), "checkpoint"),
            (!none && len == 0, "len"),
            (!packed(&extents) || !packed(&log), "extents"),
        ];
        match bad.iter().find(|(is, _)| *is) {
            Some((_, field)) => Err(Bad::Corrupt { object: Object::StageRecord, why: Why::Field(field) }),
            None => Ok(Self { ver, stage, inc, schema, checkpoint }),
        }
    }
}

/// Whether the unused ones are blank and come last, and every used one ends within 64 bits.
fn packed(extents: &[Extent]) -> bool {
    let used = extents.iter().take_while(|extent| extent.count > 0).count();
    let (used, unused) = extents.split_at(used);
    used.iter().all(|extent| extent.block.checked_add(extent.count).is_some())
        && unused.iter().all(|extent| *extent == Extent::default())
}

#[cfg(test)]
mod tests {
    use super::{Extent, Pointer, StageRecord};
    use crate::bad::{Bad, Object, Why};
    use crate::bytes::CRC;
    use crate::{Incarnation, StageId};

    fn record() -> StageRecord {
        let mut checkpoint =
            Pointer { inc: Incarnation(3), seq: 41, len: 900, digest: 1 << 99, ..Pointer::default() };
        checkpoint.extents[0] = Extent { block: 8, count: 2 };
        checkpoint.extents[1] = Extent { block: 20, count: 1 };
        checkpoint.log[0] = Extent { block: 64, count: 5 };
        StageRecord { ver: 77, stage: StageId([5; 16]), inc: Incarnation(4), schema: 6, checkpoint }
    }

    fn forged(at: usize, new: &[u8]) -> Result<StageRecord, Bad> {
        let mut bytes = record().encode();
        bytes[at..at + new.len()].copy_from_slice(new);
        let checksum = CRC.checksum(&bytes[..508]);
        bytes[508..].copy_from_slice(&checksum.to_le_bytes());
        StageRecord::decode(&bytes)
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        assert_eq!(StageRecord::decode(&record().encode()), Ok(record()));
        let fresh = StageRecord::new(StageId([5; 16]), 6);
        assert_eq!(StageRecord::decode(&fresh.encode()), Ok(fresh));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_prefix_is_refused() {
        let bytes = record().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(StageRecord::decode(&flipped).is_err(), "bit {bit}");
        }
        assert!((0..bytes.len()).all(|len| StageRecord::decode(&bytes[..len]).is_err()));
    }

    #[test]
    fn blank_is_not_zero_and_one_record_is_not_the_other() {
        let magic = Err(Bad::Corrupt { object: Object::StageRecord, why: Why::Magic });
        assert_eq!(StageRecord::decode(&[0; 512]), magic);
        let terms = crate::Terms::default();
        let edge = crate::EdgeRecord::new(crate::EdgeId([1; 16]), crate::ChainKind::Origin, terms);
        assert_eq!(StageRecord::decode(&edge.encode()), magic);
    }

    #[test]
    fn a_record_that_no_writer_leaves_is_refused_by_the_name_of_the_field() {
        let cases: &[(&str, usize, &[u8])] = &[
            ("ver", 8, &[0; 8]),
            ("inc", 32, &[2]),
            ("seq", 48, &[0]),
            ("seq", 56, &[0]),
            ("checkpoint", 48, &[0; 16]),
            ("len", 64, &[0; 8]),
            ("extents", 96, &[0; 8]),
            ("extents", 112, &[0]),
            ("extents", 88, &[0xff; 8]),
            ("reserved bytes", 507, &[1]),
        ];
        for &(field, at, new) in cases {
            let why = Why::Field(field);
            assert_eq!(
                forged(at, new),
                Err(Bad::Corrupt { object: Object::StageRecord, why }),
                "{field} at {at}"
            );
        }
        assert_eq!(forged(4, &[9]), Err(Bad::Unsupported { object: Object::StageRecord, version: 9 }));
    }
}
