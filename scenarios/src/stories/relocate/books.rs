//! What really happened, as the registers and the hosts show it, and the laws that it has to keep at every step.

use std::collections::{BTreeMap, BTreeSet};
use tidemill_relocate::{
    Capability, Chain, ChainKind, Checkpoint, EdgeId, EdgeRecord, FenceEpoch, HostId, Incarnation, Label,
    Nonce, Owner, Producer, Reply, Request, Seg, StageId, StageRecord, Verb,
};

use super::ends::Item;

pub(super) const EDGE: EdgeId = EdgeId(*b"readings of 2010");
pub(super) const RIGHT: Capability = Capability(0x5eed);
pub(super) const STATION: StageId = StageId(*b"station's stage.");
pub(super) const CENTRE: StageId = StageId(*b"centre's stage..");

/// A law, and how it was broken.
pub(super) type Broken = (&'static str, String);

type Kept = Result<(), Broken>;

fn law(holds: bool, name: &'static str, message: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err((name, message())) }
}

/// An item that is final, or that a segment holds: what tells it from others, and what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    label: Label,
    says: u64,
}

/// A segment as its host was seen to treat it.
#[derive(Debug)]
struct Shadow {
    host: HostId,
    base: u64,
    entries: Vec<Entry>,
    sealed: bool,
}

/// How far a stage is, by its own register.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Durable {
    pub(super) inc: Incarnation,
    pub(super) seq: u64,
    pub(super) off: u64,
    pub(super) retained: u64,
}

/// A checkpoint of the station that was begun: what it makes final beyond what is, if it counts.
#[derive(Debug)]
struct Draft {
    off: u64,
    retained: u64,
    /// The first of these entries, and the chain before it.
    from: u64,
    before: Chain,
    entries: Vec<(Label, Item)>,
}

/// What happened at least once: faults that were seen to strike.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sights {
    pub(super) drained: bool,
    pub(super) abandoned: bool,
    pub(super) complained: bool,
    pub(super) refused: bool,
    pub(super) forgotten: bool,
    pub(super) unmapped: bool,
    pub(super) conflict: bool,
    pub(super) gap: bool,
    pub(super) full: bool,
    pub(super) orphan: bool,
    pub(super) late: bool,
}

#[derive(Debug)]
pub(super) struct Books {
    kind: ChainKind,
    /// What is final, the chain and the digest before each offset.
    finals: Vec<Entry>,
    chains: Vec<Chain>,
    digests: Vec<u64>,
    pub(super) station: Durable,
    pub(super) centre: Durable,
    pub(super) record: EdgeRecord,
    /// The owner and the segment of every generation that the record ever had.
    homes: BTreeMap<FenceEpoch, (Owner, Seg)>,
    shadows: BTreeMap<(FenceEpoch, u64), Shadow>,
    fences: BTreeMap<HostId, FenceEpoch>,
    /// What each life said at an offset.
    said: BTreeMap<(u64, Incarnation, Label), u64>,
    /// Checkpoints that were begun and do not count yet, by their numbers.
    drafts: BTreeMap<(u64, Incarnation), Draft>,
    /// Segments that were ever lent.
    ever: BTreeSet<(HostId, FenceEpoch, Nonce)>,
    pub(super) sights: Sights,
    /// Segments that each host lends.
    pub(super) lent: BTreeMap<HostId, usize>,
}

/// Before any item.
pub(super) const NOTHING: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over words of eight bytes, the last one filled with its length (Fowler, Noll, Vo).
pub(super) fn digest(before: u64, bytes: &[u8]) -> u64 {
    let fold = |digest: u64, word: u64| (digest ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [bytes.len() as u8; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(
        words.iter().fold(before, |digest, word| fold(digest, u64::from_le_bytes(*word))),
        u64::from_le_bytes(last),
    )
}

impl Books {
    pub(super) fn new(record: EdgeRecord) -> Self {
        Self {
            kind: record.chain,
            finals: Vec::new(),
            chains: vec![Chain::EMPTY],
            digests: vec![NOTHING],
            station: Durable::default(),
            centre: Durable::default(),
            record,
            homes: BTreeMap::new(),
            shadows: BTreeMap::new(),
            fences: BTreeMap::new(),
            said: BTreeMap::new(),
            drafts: BTreeMap::new(),
            ever: BTreeSet::new(),
            sights: Sights::default(),
            lent: BTreeMap::new(),
        }
    }

    /// The station began to write a checkpoint.
    pub(super) fn drafted(&mut self, seq: u64, station: &Producer<Item>) {
        let (off, retained) = (station.next(), station.retained_from());
        let from = self.finals().clamp(retained, off);
        let entries = station.retained().skip((from - retained) as usize);
        let entries = entries.map(|(label, item)| (label, Item::clone(item))).collect();
        let (inc, before) = (station.inc(), station.chain_at(from));
        self.drafts.insert((seq, inc), Draft { off, retained, from, before, entries });
    }

    /// The station's register holds this now, and its disk that.
    pub(super) fn station_wrote(&mut self, record: &StageRecord, head: Option<&Checkpoint>) -> Kept {
        let was = self.station;
        let mut now = Durable { inc: record.inc, seq: record.checkpoint.seq, ..was };
        law(now.inc >= was.inc && now.seq >= was.seq, "S3", || {
            format!("a stage went back: {was:?}, {now:?}")
        })?;
        let output = head.and_then(|head| head.outputs.first()).filter(|_| now.seq > was.seq);
        let Some(output) = output else {
            self.station = now;
            return Ok(());
        };
        (now.off, now.retained) = (output.off, output.retained);
        law(now.off >= was.off, "S3", || format!("what was final is not: {was:?}, {now:?}"))?;
        let Some(draft) = self.drafts.remove(&(now.seq, record.checkpoint.inc)) else {
            return Err(("S11", format!("nobody wrote checkpoint {}", now.seq)));
        };
        law((draft.off, draft.retained) == (now.off, now.retained), "S11", || {
            format!("{draft:?} was written, and {now:?} is there")
        })?;
        let before = self.chains.get(draft.from as usize);
        law(before == Some(&draft.before), "S3", || format!("what is final before {} changed", draft.from))?;
        for (off, (label, payload)) in (draft.from..).zip(&draft.entries) {
            let item = Entry { label: *label, says: digest(NOTHING, payload) };
            match self.finals.get(off as usize) {
                Some(known) => law(*known == item, "S3", || format!("what is final at {off} changed"))?,
                None => self.finish(off, item, payload),
            }
        }
        let all = self.finals() == now.off;
        law(all, "S2", || format!("{} are final, {} written", self.finals(), now.off))?;
        law(self.chains[now.off as usize] == output.chain, "S5", || {
            format!("another chain before {}", now.off)
        })?;
        self.drafts.retain(|(seq, _), _| *seq > now.seq);
        self.station = now;
        self.retained()
    }

    /// A life of the station found this: everything that is final and not committed, byte for byte.
    pub(super) fn station_began(&self, station: &Producer<Item>) -> Kept {
        let (inc, from, off) = (station.inc(), station.retained_from(), station.next());
        law(inc < self.station.inc || off == self.station.off, "S11", || {
            format!("life {} finds {off}, and {:?} is there", inc.0, self.station)
        })?;
        law(inc < self.station.inc || from <= self.record.floor.off, "S2", || {
            format!("life {} finds what is retained from {from} on", inc.0)
        })?;
        let found = station.retained().map(|(label, item)| Entry { label, says: digest(NOTHING, item) });
        let same =
            self.finals.get(from as usize..off as usize).is_some_and(|known| found.eq(known.iter().copied()));
        law(same, "S11", || format!("life {} does not find what is final from {from} to {off}", inc.0))
    }

    fn finish(&mut self, off: u64, item: Entry, payload: &[u8]) {
        self.finals.push(item);
        self.chains.push(self.kind.extend(self.chains[off as usize], off, item.label));
        self.digests.push(digest(self.digests[off as usize], payload));
    }

    /// The centre's register holds this now, and its disk that.
    pub(super) fn centre_wrote(&mut self, record: &StageRecord, head: Option<&Checkpoint>) -> Kept {
        let was = self.centre;
        let mut now = Durable { inc: record.inc, seq: record.checkpoint.seq, ..was };
        law(now.inc >= was.inc && now.seq >= was.seq, "S3", || {
            format!("a stage went back: {was:?}, {now:?}")
        })?;
        if let Some(head) = head {
            let input = head.inputs.first().copied().unwrap_or_default();
            now.off = input.off;
            law(now.off >= was.off, "S3", || format!("what was committed is not: {was:?}, {now:?}"))?;
            let off = now.off as usize;
            law(off < self.digests.len(), "S1", || {
                format!("{off} are committed, {} final", self.finals.len())
            })?;
            let state = head.state.first_chunk::<8>().map(|word| u64::from_le_bytes(*word));
            let same = state == Some(self.digests[off]) && input.chain == self.chains[off];
            law(same, "S1", || format!("what is committed below {off} is not what is final"))?;
        }
        self.centre = now;
        Ok(())
    }

    /// The record of the edge is this now.
    pub(super) fn record_wrote(&mut self, bytes: &[u8]) -> Kept {
        let new = EdgeRecord::decode(bytes).map_err(|bad| ("S11", bad.to_string()))?;
        let old = std::mem::replace(&mut self.record, new);
        let new = &self.record;
        let grown = [
            (old.ver, new.ver, "ver"),
            (old.generation.get(), new.generation.get(), "generation"),
            (old.floor.off, new.floor.off, "floor"),
            (old.frontier.off, new.frontier.off, "frontier"),
        ];
        for (old, new, what) in grown {
            law(old <= new, "S3", || format!("the {what} went back from {old} to {new}"))?;
        }
        let (floor, frontier) = (new.floor.off, new.frontier.off);
        law(floor <= frontier, "S5", || format!("floor {floor}, frontier {frontier}"))?;
        let final_ = self.finals.len() as u64;
        law(frontier <= final_, "S5", || format!("frontier {frontier}, and {final_} are final"))?;
        let same = self.chains[frontier as usize] == new.frontier.chain;
        law(same, "S5", || format!("frontier {frontier} certifies something else"))?;
        let committed = self.centre.off;
        law(floor <= committed, "S2", || format!("floor {floor}, and {committed} are committed"))?;
        if let Some(seg) = new.newest() {
            let home = *self.homes.entry(new.generation).or_insert((new.owner, *seg));
            law(home == (new.owner, *seg), "S4", || format!("two owners of {:?}", new.generation))?;
        }
        self.sights.complained |= new.complaint.generation != FenceEpoch::NONE;
        if new.generation > old.generation && old.generation != FenceEpoch::NONE {
            let drained = new.segs().len() > 1;
            self.sights.drained |= drained;
            self.sights.abandoned |= !drained;
        }
        self.retained()?;
        let from = if new_home(&old, &self.record) { floor } else { old.frontier.off.max(floor) };
        (from..frontier).try_for_each(|off| self.mapped(off))
    }

    fn retained(&self) -> Kept {
        let (from, floor) = (self.station.retained, self.record.floor.off);
        law(from <= floor, "S2", || format!("floor {floor}, and what is retained begins at {from}"))
    }

    /// What the record maps at an offset below the frontier is final, where a segment holds it.
    fn mapped(&self, off: u64) -> Kept {
        let Some(seg) = self.record.serves(off) else {
            return Err(("S8", format!("nothing serves {off}, which is final")));
        };
        let held = self.shadows.get(&(seg.generation, seg.nonce.0)).and_then(|shadow| shadow.at(off));
        let same = held.is_none_or(|held| self.finals.get(off as usize) == Some(&held));
        law(same, "S8", || format!("what is mapped at {off} is not final"))
    }

    /// A host gave this reply to this request; `fresh` where it had no such segment before.
    pub(super) fn host_said(
        &mut self,
        host: HostId,
        (request, fresh): (&Request<Item>, bool),
        reply: &Reply<Item>,
    ) -> Kept {
        let target = request.target;
        let key = (target.generation, target.nonce.0);
        let rightful = target.edge == EDGE && target.capability == RIGHT;
        let known = rightful && self.shadows.get(&key).is_some_and(|shadow| shadow.host == host);
        let makes = rightful && matches!(request.verb, Verb::Alloc { .. });
        self.sights.refused |= !known && !makes;
        let told = matches!(reply, Reply::Unknown | Reply::Boot { .. });
        law(known || makes || told, "S14", || {
            format!("{} answers {reply:?} about a segment that it does not have", host.0)
        })?;
        self.sights.late |= makes && matches!(reply, Reply::Boot { .. } | Reply::Unknown);
        let fence = self.fences.entry(host).or_insert(FenceEpoch::NONE);
        match (&request.verb, reply) {
            (Verb::Alloc { base, .. }, Reply::Granted { .. }) if fresh => {
                law(target.generation >= *fence, "S6", || format!("lent below fence {fence:?}"))?;
                *fence = target.generation;
                let first = self.ever.insert((host, target.generation, target.nonce));
                law(first, "S14", || format!("{key:?} came back without what it held"))?;
                let lent = Shadow { host, base: *base, entries: Vec::new(), sealed: false };
                let twin = self.shadows.insert(key, lent);
                law(twin.is_none_or(|twin| twin.host == host), "S4", || format!("{key:?} is lent twice"))?;
            }
            (Verb::Seal { by }, Reply::End { .. }) => {
                *fence = (*fence).max(*by);
                self.shadows.entry(key).and_modify(|shadow| shadow.sealed = true);
            }
            (Verb::Append { inc, off, entry }, Reply::Ack { .. }) => {
                let fence = *fence;
                law(target.generation >= fence, "S6", || format!("acknowledged below fence {fence:?}"))?;
                let item = Entry { label: entry.label, says: digest(NOTHING, &entry.payload) };
                return self.acknowledged(key, *inc, *off, item);
            }
            (Verb::Append { .. }, Reply::Conflict) => self.sights.conflict = true,
            (Verb::Append { .. }, Reply::Gap { .. }) => self.sights.gap = true,
            (Verb::Append { .. }, Reply::Full) => self.sights.full = true,
            (Verb::Trim { off }, Reply::Ok) => {
                let floor = self.record.floor.off;
                law(*off <= floor, "S9", || format!("trimmed below {off}, and the floor is {floor}"))?;
            }
            (Verb::Free { .. }, Reply::Ok) => {
                self.shadows.remove(&key);
                self.sights.orphan = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn acknowledged(&mut self, key: (FenceEpoch, u64), inc: Incarnation, off: u64, item: Entry) -> Kept {
        let home = self.homes.get(&key.0);
        let owned = home.is_some_and(|(owner, seg)| owner.inc == inc && seg.nonce.0 == key.1);
        law(owned, "S4", || format!("{inc:?} appends to {key:?}, which it never owned"))?;
        let says = *self.said.entry((off, inc, item.label)).or_insert(item.says);
        law(says == item.says, "S7", || format!("{inc:?} says two things at {off}"))?;
        let Some(shadow) = self.shadows.get_mut(&key) else { return Ok(()) };
        law(!shadow.sealed, "S6", || format!("{off} is acknowledged after the seal"))?;
        let next = shadow.base + shadow.entries.len() as u64;
        law(off == next, "S7", || format!("{off} is acknowledged where {next} is next"))?;
        shadow.entries.push(item);
        let (record, newest) = (&self.record, self.record.newest());
        self.sights.unmapped |= newest.is_none_or(|seg| (seg.generation, seg.nonce.0) != key);
        let maps = record.serves(off).is_some_and(|seg| (seg.generation, seg.nonce.0) == key);
        if off.is_multiple_of(256) {
            let floor = record.floor.off;
            self.said = self.said.split_off(&(floor, Incarnation(0), Label(0)));
        }
        if maps && off < self.record.frontier.off { self.mapped(off) } else { Ok(()) }
    }

    /// A host begins again, and knows nothing.
    pub(super) fn host_began(&mut self, host: HostId) {
        let before = self.shadows.len();
        self.shadows.retain(|_, shadow| shadow.host != host);
        self.sights.forgotten |= self.shadows.len() < before;
        self.fences.remove(&host);
    }

    /// The offset after the last item that a host was given.
    pub(super) fn appended(&self, host: HostId) -> u64 {
        let mine = self.shadows.values().filter(|shadow| shadow.host == host);
        mine.map(|shadow| shadow.base + shadow.entries.len() as u64).max().unwrap_or(0)
    }

    /// How many items are final.
    pub(super) fn finals(&self) -> u64 {
        self.finals.len() as u64
    }
}

impl Shadow {
    fn at(&self, off: u64) -> Option<Entry> {
        self.entries.get(usize::try_from(off.checked_sub(self.base)?).ok()?).copied()
    }
}

fn new_home(old: &EdgeRecord, new: &EdgeRecord) -> bool {
    old.generation != new.generation
}
