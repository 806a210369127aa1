//! The laws over a state and the one before it.

use crate::world::{Sabotage, World};
use tidemill_relocate::{OPEN, Preset};

type Law = fn(&World, &World) -> Option<&'static str>;

impl World {
    /// The first law whose name begins with `only` and that does not hold. What nobody changed was judged before.
    pub(crate) fn broken(&self, before: &Self, only: &str) -> Option<&'static str> {
        let facts = self.record.is(&before.record)
            && self.written.is(&before.written)
            && self.taken.is(&before.taken);
        let held = self.host.is(&before.host);
        let laws: [(bool, Law); 8] = [
            (!facts, Self::committed),
            (!facts, Self::kept),
            (!facts, Self::grown),
            (!facts, Self::decided),
            (!facts, Self::certified),
            (true, Self::followed),
            (!facts || !held, Self::mapped),
            (!facts || !self.ghosts.is(&before.ghosts), Self::sunk),
        ];
        let judged = laws.iter().filter(|(moved, _)| *moved);
        judged.map(|(_, law)| law).find_map(|law| law(self, before).filter(|name| name.starts_with(only)))
    }

    fn committed(&self, _: &Self) -> Option<&'static str> {
        let (committed, finals) = (&self.taken.committed, &self.written.finals);
        if self.taken.finished && (committed != finals || !self.written.ended) {
            return Some("S1: the end came before everything was committed");
        }
        if !self.bounds.is_deterministic() {
            return (!finals.starts_with(committed)).then_some("S1: what is committed is not what is final");
        }
        if !self.bounds.lies {
            let one = finals.starts_with(committed) || committed.starts_with(finals);
            return (!one).then_some("S1: what is committed is not what is final");
        }
        // Whoever does not repeat itself is not believed: what is committed was said by one life.
        let said = self.makers.iter().any(|maker| maker.made.starts_with(committed));
        (!said && !committed.is_empty()).then_some("S1: what is committed was said by nobody")
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
        if record.floor.off > record.frontier.off && !record.deterministic {
            return Some("S5: the floor is above the frontier");
        }
        let ends = record.end == finals.len() as u64 && record.end == record.frontier.off;
        if record.end != OPEN && (!ends || !self.written.ended) {
            return Some("S5: the end is above the checkpoint");
        }
        match finals.get(..record.frontier.off as usize) {
            None => Some("S5: the frontier is above the checkpoint"),
            Some(finals) => (self.bounds.chain(finals) != record.frontier.chain)
                .then_some("S5: the frontier certifies something else"),
        }
    }

    fn followed(&self, before: &Self) -> Option<&'static str> {
        let mut lives = self.takers.iter().zip(&before.takers).filter(|(new, old)| !new.is(old));
        let back = lives.any(|(new, old)| {
            let (new, old) = (new.machine.follows(), old.machine.follows());
            new.0 < old.0 || new.1 < old.1
        });
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

    /// A sink that replaces by key holds what is committed, once.
    fn sunk(&self, _: &Self) -> Option<&'static str> {
        if self.bounds.preset != Preset::AtLeastOnce {
            return None;
        }
        let wrong = (0..).zip(&self.taken.committed).any(|(off, item)| {
            let mut rows = self.ghosts.sink.iter().filter(|((_, at), _)| *at == off).map(|(_, (_, row))| row);
            rows.next() != Some(item) || rows.next().is_some()
        });
        wrong.then_some("S1: the sink does not hold what is committed")
    }

    /// What a life of the consumer caused, up to an offset, leaves.
    pub(crate) fn release(&mut self, at: usize, off: u64) -> Result<(), &'static str> {
        let taker = self.takers[at].change();
        let (inc, follows) = (taker.machine.floor().inc.0, taker.machine.follows().1.get());
        let from = std::mem::replace(&mut taker.released, off);
        if self.bounds.preset != Preset::AtLeastOnce {
            let covered = self.taken.committed.get(..off as usize);
            return match covered == taker.shown.get(..off as usize) && covered.is_some() {
                true => Ok(()),
                false => Err("S1: an effect left before the commit that covers it"),
            };
        }
        let generation = if self.sabotage == Sabotage::GenerationInSinkKey { follows } else { 0 };
        for off in from..off {
            let row = (inc, taker.shown[off as usize]);
            let sink = &mut self.ghosts.change().sink;
            let old = sink.get(&(generation, off)).map_or(0, |(inc, _)| *inc);
            if old <= inc || self.sabotage == Sabotage::UnfencedSink {
                sink.insert((generation, off), row);
            }
        }
        Ok(())
    }
}
