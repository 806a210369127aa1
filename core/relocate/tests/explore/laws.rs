//! The laws of §9 over a state and the one before it.

use crate::world::{World, chain};

impl World {
    /// The first law whose name begins with `only` and that does not hold.
    pub(crate) fn broken(&self, before: &Self, only: &str) -> Option<&'static str> {
        let laws = [
            Self::committed,
            Self::kept,
            Self::grown,
            Self::decided,
            Self::certified,
            Self::followed,
            Self::mapped,
        ];
        laws.iter().find_map(|law| law(self, before).filter(|name| name.starts_with(only)))
    }

    fn committed(&self, _: &Self) -> Option<&'static str> {
        let is = self.written.finals.starts_with(&self.taken.committed);
        (!is).then_some("S1: what is committed is not what is final")
    }

    fn kept(&self, _: &Self) -> Option<&'static str> {
        let (floor, written) = (self.record.record.floor.off, &self.written);
        if floor > self.taken.committed.len() as u64 {
            return Some("S2: the floor is above what is committed");
        }
        let whole = written.from + written.entries.len() as u64 == written.durable.off;
        (written.from > floor || !whole).then_some("S2: what is final and above the floor is not retained")
    }

    fn grown(&self, before: &Self) -> Option<&'static str> {
        let (record, old) = (&self.record.record, &before.record.record);
        let (written, taken) = (&self.written, &self.taken);
        let pairs = [
            (written.inc, before.written.inc, "S3: a life of the producer came back"),
            (taken.inc, before.taken.inc, "S3: a life of the consumer came back"),
            (written.durable.off, before.written.durable.off, "S3: a checkpoint of the producer fell"),
            (taken.floor.off, before.taken.floor.off, "S3: a checkpoint of the consumer fell"),
            (record.ver, old.ver, "S3: the record went back"),
            (record.generation.get(), old.generation.get(), "S3: the generation went back"),
            (record.floor.off, old.floor.off, "S3: the floor fell"),
            (record.frontier.off, old.frontier.off, "S3: the frontier fell"),
        ];
        pairs.iter().find(|(new, old, _)| new < old).map(|(.., name)| *name)
    }

    fn decided(&self, before: &Self) -> Option<&'static str> {
        let (record, old) = (&self.record.record, &before.record.record);
        let same = (record.owner, record.newest()) == (old.owner, old.newest());
        (record.generation == old.generation && !same).then_some("S4: two owners of one generation")
    }

    fn certified(&self, _: &Self) -> Option<&'static str> {
        let (record, finals) = (&self.record.record, &self.written.finals);
        if record.floor.off > record.frontier.off {
            return Some("S5: the floor is above the frontier");
        }
        match finals.get(..record.frontier.off as usize) {
            None => Some("S5: the frontier is above the checkpoint"),
            Some(finals) => (chain(finals) != record.frontier.chain)
                .then_some("S5: the frontier certifies something else"),
        }
    }

    fn followed(&self, before: &Self) -> Option<&'static str> {
        let follows =
            |world: &Self| world.takers.iter().map(|taker| taker.machine.follows()).collect::<Vec<_>>();
        let back = follows(self).iter().zip(follows(before)).any(|(new, old)| new.0 < old.0 || new.1 < old.1);
        back.then_some("S8: a reader went back")
    }

    /// What the record maps below the frontier is what is final, where a segment holds it.
    fn mapped(&self, _: &Self) -> Option<&'static str> {
        let record = &self.record.record;
        for off in record.floor.off..record.frontier.off {
            let Some(seg) = record.serves(off) else { return Some("S8: nothing serves what is final") };
            let held = self.host.peek(record.edge, seg.generation, seg.nonce, off);
            let item = self.written.finals.get(off as usize);
            if held.is_some_and(|entry| Some(&entry.payload) != item) {
                return Some("S8: what is mapped below the frontier is not final");
            }
        }
        None
    }
}
