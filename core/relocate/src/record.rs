//! The record of an edge: who owns it, where its queue lies, and what is true of it for ever.

use crate::bad::{Bad, Object, Why};
use crate::bytes::{CRC, Source, Target};
use crate::{Chain, ChainKind, EdgeId, FenceEpoch, HostId, Incarnation, Nonce, Owner, StageId};
use core::hash::{Hash, Hasher};
use tidemill_seam::Duration;

/// Segments that a record names at most.
pub const SEGMENTS: usize = 8;
/// The end of an edge that nobody closed.
pub const OPEN: u64 = u64::MAX;

const MAGIC: [u8; 4] = *b"TMER";
const VERSION: u16 = 1;
const RESERVED: usize = 68;
const DETERMINISTIC: u8 = 1;

/// A piece of a queue in the memory of one host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Seg {
    /// The generation that it was made for.
    pub generation: FenceEpoch,
    /// Who keeps it.
    pub host: HostId,
    /// Which one of those that were ever made for this generation.
    pub nonce: Nonce,
    /// The first offset in it.
    pub base: u64,
}

/// How far the output of the producer is final: its durable checkpoint says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Frontier {
    /// Offsets below are final.
    pub off: u64,
    /// The chain of them.
    pub chain: Chain,
    /// The checkpoint that made them so.
    pub seq: u64,
}

/// How far the consumer has committed: its durable checkpoint says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Floor {
    /// Offsets below need not be kept.
    pub off: u64,
    /// The chain of them.
    pub chain: Chain,
    /// Which life of the consumer committed them.
    pub inc: Incarnation,
    /// The checkpoint that covers them.
    pub seq: u64,
}

/// What a consumer could not obtain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Complaint {
    /// From the segment of this generation; none where nobody complains.
    pub generation: FenceEpoch,
    /// The offset.
    pub off: u64,
}

/// Terms under which hosts lend memory to an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Terms {
    /// How long a lease lasts on the clock of the host.
    pub ttl: Duration,
    /// By how many millionths a clock may go wrong.
    pub drift_ppm: u32,
}

/// The one place where it stands who owns an edge and where its queue lies.
///
/// `generation`, `owner` and `segs` are decisions: whoever changes them has seen the record that it replaces. `frontier`,
/// `floor` and `end` are facts, which only grow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeRecord {
    /// Which writing of this record; the first is one.
    pub ver: u64,
    /// The edge.
    pub edge: EdgeId,
    /// The generation that appends; none before the first owner.
    pub generation: FenceEpoch,
    /// Who appends.
    pub owner: Owner,
    /// What is final.
    pub frontier: Frontier,
    /// What is committed.
    pub floor: Floor,
    /// The offset after the last item, [`OPEN`] until it is known.
    pub end: u64,
    /// What the consumer misses.
    pub complaint: Complaint,
    /// Terms of leases.
    pub lease: Terms,
    /// How entries are told apart.
    pub chain: ChainKind,
    /// Whether the producer promises that what it repeats is equal. Then the floor may be above the frontier, and entries
    /// have to be told apart by what they say.
    pub deterministic: bool,
    /// Offsets below were given up by an operator.
    pub accepted_loss: u64,
    /// Where the queue lies, oldest first.
    segs: [Seg; SEGMENTS],
    nsegs: u8,
}

/// Why an edge is not handed over to a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// The record names as many segments as it can. One that begins at the floor always fits.
    TooMany,
    /// It begins above the floor, and nothing serves what lies between.
    AboveFloor,
    /// It is of no generation, or of one that is not above the one that stands.
    Older,
}

/// Nothing is lost there that could be given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoLoss;

impl core::fmt::Display for NoLoss {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("nothing that is final is lost there")
    }
}

impl core::error::Error for NoLoss {}

impl EdgeRecord {
    /// Bytes of a record: it fits into one sector.
    pub const BYTES: usize = 512;

    /// The first writing of the record of an edge that nobody owns.
    pub fn new(edge: EdgeId, chain: ChainKind, lease: Terms) -> Self {
        Self {
            ver: 1,
            edge,
            generation: FenceEpoch::NONE,
            owner: Owner::default(),
            frontier: Frontier::default(),
            floor: Floor::default(),
            end: OPEN,
            complaint: Complaint::default(),
            lease,
            chain,
            deterministic: false,
            accepted_loss: 0,
            segs: [Seg::default(); SEGMENTS],
            nsegs: 0,
        }
    }

    /// Where the queue lies, oldest first; generations and bases ascend.
    pub fn segs(&self) -> &[Seg] {
        &self.segs[..usize::from(self.nsegs)]
    }

    /// The segment that is appended to.
    pub fn newest(&self) -> Option<&Seg> {
        self.segs().last()
    }

    /// The segment that serves an offset: the newest one that begins at it or before.
    pub fn serves(&self, off: u64) -> Option<&Seg> {
        self.segs().iter().rev().find(|seg| seg.base <= off)
    }

    /// Hands the edge to `owner` under the generation of `seg`, which serves everything from its base on. Segments that it
    /// covers are dropped, and so are those that hold nothing above the floor; nobody complains any more.
    ///
    /// # Errors
    /// See [`Unfit`]; nothing is changed.
    pub fn hand_over(&mut self, owner: Owner, seg: Seg) -> Result<(), Unfit> {
        if seg.generation <= self.generation {
            return Err(Unfit::Older);
        }
        let mut kept = [Seg::default(); SEGMENTS];
        let mut count = 0;
        let old = self.segs();
        for (at, old_seg) in old.iter().enumerate().filter(|(_, old_seg)| old_seg.base < seg.base) {
            let end = old.get(at + 1).map_or(seg.base, |next| next.base.min(seg.base));
            if end > self.floor.off {
                kept[count] = *old_seg;
                count += 1;
            }
        }
        *kept.get_mut(count).ok_or(Unfit::TooMany)? = seg;
        if kept[0].base > self.floor.off.max(self.accepted_loss) {
            return Err(Unfit::AboveFloor);
        }
        (self.segs, self.nsegs) = (kept, count as u8 + 1);
        (self.generation, self.owner, self.complaint) = (seg.generation, owner, Complaint::default());
        Ok(())
    }

    /// An operator gives up the offsets from `need` to `have`, as a [`Gap`](crate::EdgeError::Gap) names them: the consumer goes
    /// on at `have`, and tells its stage what it never saw. Nothing else passes a gap.
    ///
    /// # Errors
    /// If nothing is given up by that, or what is not even final; nothing is changed.
    pub fn accept_loss(&mut self, need: u64, have: u64) -> Result<(), NoLoss> {
        if need >= have || have <= self.accepted_loss || have > self.frontier.off.max(self.floor.off) {
            return Err(NoLoss);
        }
        self.accepted_loss = have;
        Ok(())
    }

    /// Forgets where the queue lies: nothing there can be had.
    pub(crate) fn give_up_segs(&mut self) {
        (self.segs, self.nsegs) = ([Seg::default(); SEGMENTS], 0);
    }

    /// The bytes of it.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let mut into = Target::new(&mut bytes);
        into.put(MAGIC).u16(VERSION).u16(Self::BYTES as u16).u64(self.ver).put(self.edge.0);
        into.u64(self.generation.get()).put(self.owner.stage.0).u64(self.owner.inc.0);
        into.u64(self.frontier.off).u128(self.frontier.chain.0).u64(self.frontier.seq);
        into.u64(self.floor.off).u128(self.floor.chain.0).u64(self.floor.inc.0).u64(self.floor.seq);
        into.u64(self.end).u64(self.complaint.generation.get()).u64(self.complaint.off);
        into.u64(self.lease.ttl.as_nanos()).u32(self.lease.drift_ppm);
        into.u8(self.chain as u8).u8(if self.deterministic { DETERMINISTIC } else { 0 });
        into.u8(self.nsegs).u8(0);
        for seg in &self.segs {
            into.u64(seg.generation.get()).u64(seg.host.0).u64(seg.nonce.0).u64(seg.base);
        }
        into.u64(self.accepted_loss).put([0; RESERVED]);
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
        let record = Self::fields(bytes)?;
        match record.impossible() {
            Some(field) => Err(corrupt(Why::Field(field))),
            None => Ok(record),
        }
    }

    fn fields(bytes: &[u8]) -> Result<Self, Bad> {
        let mut from = Source::new(open(Object::EdgeRecord, MAGIC, VERSION, bytes)?);
        let (ver, edge, generation) = (from.u64(), EdgeId(from.array()), FenceEpoch::new(from.u64()));
        let owner = Owner { stage: StageId(from.array()), inc: Incarnation(from.u64()) };
        let frontier = Frontier { off: from.u64(), chain: Chain(from.u128()), seq: from.u64() };
        let (off, chain) = (from.u64(), Chain(from.u128()));
        let floor = Floor { off, chain, inc: Incarnation(from.u64()), seq: from.u64() };
        let end = from.u64();
        let complaint = Complaint { generation: FenceEpoch::new(from.u64()), off: from.u64() };
        let lease = Terms { ttl: Duration::from_nanos(from.u64()), drift_ppm: from.u32() };
        let field = |name| corrupt(Why::Field(name));
        let chain = ChainKind::from_number(from.u8()).ok_or(field("chain kind"))?;
        let (flags, nsegs, pad) = (from.u8(), from.u8(), from.u8());
        if flags & !DETERMINISTIC != 0 {
            return Err(field("flags"));
        }
        if usize::from(nsegs) > SEGMENTS {
            return Err(field("nsegs"));
        }
        let segs = core::array::from_fn(|_| Seg {
            generation: FenceEpoch::new(from.u64()),
            host: HostId(from.u64()),
            nonce: Nonce(from.u64()),
            base: from.u64(),
        });
        let accepted_loss = from.u64();
        if pad != 0 || from.array() != [0; RESERVED] {
            return Err(field("reserved bytes"));
        }
        let deterministic = flags == DETERMINISTIC;
        Ok(Self {
            ver,
            edge,
            generation,
            owner,
            frontier,
            floor,
            end,
            complaint,
            lease,
            chain,
            deterministic,
            accepted_loss,
            segs,
            nsegs,
        })
    }

    /// A field that no writer leaves like this.
    pub(crate) fn impossible(&self) -> Option<&'static str> {
        let (used, unused) = self.segs.split_at(usize::from(self.nsegs));
        let ascend = used
            .windows(2)
            .all(|pair| pair[0].generation < pair[1].generation && pair[0].base < pair[1].base);
        let newest = used.last().map_or(FenceEpoch::NONE, |seg| seg.generation);
        let oldest = used.first();
        let complaint = self.complaint;
        let bad = [
            (self.ver == 0, "ver"),
            (newest != self.generation, "generation"),
            ((self.generation == FenceEpoch::NONE) != (self.owner == Owner::default()), "owner"),
            // What repeats itself is known by what it says, and by nothing else.
            (self.deterministic && self.chain == ChainKind::Origin, "flags"),
            (!self.deterministic && self.floor.off > self.frontier.off, "floor"),
            (self.floor.off.max(self.frontier.off) > self.end, "end"),
            (complaint.generation > self.generation, "complaint"),
            (complaint.generation == FenceEpoch::NONE && complaint.off != 0, "complaint"),
            (!ascend || oldest.is_some_and(|seg| seg.generation == FenceEpoch::NONE), "segs"),
            (oldest.is_some_and(|seg| seg.base > self.floor.off.max(self.accepted_loss)), "segs"),
            (self.accepted_loss > self.frontier.off.max(self.floor.off), "accepted loss"),
            (unused.iter().any(|seg| *seg != Seg::default()), "segs"),
        ];
        bad.iter().find(|(is, _)| *is).map(|(_, field)| *field)
    }
}

// Of the places for segments those that are used: the others are blank.
impl Hash for EdgeRecord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.ver, self.edge, self.generation, self.owner, self.frontier, self.floor).hash(state);
        (self.end, self.complaint, self.lease, self.chain, self.deterministic).hash(state);
        (self.accepted_loss, self.segs()).hash(state);
    }
}

fn corrupt(why: Why) -> Bad {
    Bad::Corrupt { object: Object::EdgeRecord, why }
}

/// What lies between the head and the checksum of a record of 512 bytes.
pub(crate) fn open(object: Object, magic: [u8; 4], known: u16, bytes: &[u8]) -> Result<&[u8], Bad> {
    let corrupt = |why| Bad::Corrupt { object, why };
    if bytes.len() != EdgeRecord::BYTES {
        return Err(corrupt(Why::Length));
    }
    let (covered, checksum) = bytes.split_last_chunk::<4>().ok_or(corrupt(Why::Length))?;
    let mut from = Source::new(covered);
    if from.array() != magic {
        return Err(corrupt(Why::Magic));
    }
    if CRC.checksum(covered).to_le_bytes() != *checksum {
        return Err(corrupt(Why::Checksum));
    }
    let version = from.u16();
    if version != known {
        return Err(Bad::Unsupported { object, version });
    }
    if usize::from(from.u16()) != bytes.len() {
        return Err(corrupt(Why::Field("len")));
    }
    Ok(from.left())
}

#[cfg(feature = "serde")]
mod show;

#[cfg(test)]
mod tests;
