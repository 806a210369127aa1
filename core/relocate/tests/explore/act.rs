//! What becomes of the world when it does.

use crate::part::Part;
use crate::world::{
    Action, EDGE, HOST, Item, Maker, RIGHT, STAGE, Sabotage, TERMS, Taker, World, Written, fresh_host,
};
use tidemill_relocate::{
    Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer, EdgeError, EdgeRecord, Floor,
    Frontier, Incarnation, Label, Mutant, Op, Producer, ProducerConfig, ProducerEffect, ProducerEvent,
    ProducerTimer, Reply, Request, Restored, Resumed, Standing, Swapped, Verb,
};
use tidemill_seam::{Duration, Entropy, Instant, Version};

const SOON: Duration = Duration::from_millis(1);

/// Nonces that differ from life to life, and from segment to segment where an answer may be lost.
struct Fixed(u64);

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0.to_le_bytes()[..bytes.len()]);
    }
}

impl World {
    /// Takes a step; the law that broke while it was taken.
    pub(crate) fn act(&mut self, action: Action) -> Result<(), &'static str> {
        match action {
            Action::BearProducer => self.bear_producer(),
            Action::BearConsumer => self.bear_consumer(),
            Action::Crash => {
                self.crashes += 1;
                *self.host.change() = fresh_host(self.sabotage, self.crashes);
                let ghosts = self.ghosts.change();
                (ghosts.lent, ghosts.sealed, ghosts.fence) = (Vec::new(), Vec::new(), 0);
                ghosts.forgotten.append(&mut ghosts.heard);
                Ok(())
            }
            Action::Push(at) => self.push(at),
            Action::Checkpoint(at) => self.checkpoint(at),
            Action::Close(at) => {
                let maker = self.makers[at].change();
                maker.closed = true;
                let retained = matches!(maker.machine.close(), Err(EdgeError::Retained { .. }));
                assert!(retained, "nothing is committed before it is final");
                self.tell_producer(at, ProducerEvent::Pushed)
            }
            Action::GoBack(at) => self.go_back(at),
            Action::Produce(at, which) => {
                let ask = self.makers[at].change().asks.remove(which);
                self.produce(at, ask)
            }
            Action::Consume(at, which) => {
                let ask = self.takers[at].change().asks.remove(which);
                self.consume(at, ask)
            }
            Action::PollProducer(at) => {
                self.tell_producer(at, ProducerEvent::Woke(ProducerTimer::Poll))?;
                let reads = |ask: &ProducerEffect<Item>| matches!(ask, ProducerEffect::Read(_));
                match self.makers[at].asks.iter().position(reads) {
                    Some(read) => self.act(Action::Produce(at, read)),
                    None => Ok(()),
                }
            }
            Action::PollConsumer(at) => {
                self.tell_consumer(at, ConsumerEvent::Woke(ConsumerTimer::Poll))?;
                let reads = |ask: &ConsumerEffect<Item>| matches!(ask, ConsumerEffect::Read(_));
                match self.takers[at].asks.iter().position(reads) {
                    Some(read) => self.act(Action::Consume(at, read)),
                    None => Ok(()),
                }
            }
            Action::Echo(which) => self.echo(which),
            astray => self.astray(astray),
        }
    }

    /// A request to lend arrives again, and nobody waits for its answer.
    fn echo(&mut self, which: usize) -> Result<(), &'static str> {
        self.echoes += 1;
        let request = self.ghosts.forgotten[which].clone();
        match self.host.change().step(Instant::ZERO, request) {
            Reply::Granted { .. } => Err("S14: a segment came back without what it held"),
            _ => Ok(()),
        }
    }

    fn push(&mut self, at: usize) -> Result<(), &'static str> {
        let maker = self.makers[at].change();
        let owned = maker.machine.is_active();
        let item = self.bounds.item(maker.machine.inc().0, maker.machine.next(), maker.takes);
        if maker.machine.push(item).is_err() {
            return Ok(());
        }
        maker.made.push(item);
        if !owned {
            return Err("S4: produced before it owned the edge");
        }
        self.tell_producer(at, ProducerEvent::Pushed)
    }

    /// A request, an answer or a reading that goes astray.
    fn astray(&mut self, action: Action) -> Result<(), &'static str> {
        match action {
            Action::Lose(at, which) => {
                if let ProducerEffect::Ask(op, ..) = self.makers[at].change().asks.remove(which) {
                    self.tell_producer(at, ProducerEvent::Late(op))?;
                }
            }
            Action::Deafen(at, which) => {
                if let ProducerEffect::Ask(op, _, request) = self.makers[at].change().asks.remove(which) {
                    self.ask(request)?;
                    self.tell_producer(at, ProducerEvent::Late(op))?;
                }
            }
            Action::DeafenTaker(at, which) => {
                if let ConsumerEffect::Ask(op, _, request) = self.takers[at].change().asks.remove(which) {
                    self.ask(request)?;
                    self.tell_consumer(at, ConsumerEvent::Late(op))?;
                }
            }
            Action::Blur(at, which, done) => {
                if let ProducerEffect::Swap(op, version, record) = self.makers[at].change().asks.remove(which)
                {
                    if done {
                        self.swap(version, &record, false);
                    }
                    self.tell_producer(at, ProducerEvent::Swapped(op, Ok(Swapped::Unknown)))?;
                }
            }
            Action::Lag(at, which) => {
                if let (ConsumerEffect::Read(op), Some(old)) =
                    (self.takers[at].change().asks.remove(which), self.before.clone())
                {
                    self.tell_consumer(at, ConsumerEvent::Record(op, Ok(Box::new((*old).clone()))))?;
                }
            }
            _ => unreachable!("nothing else goes astray"),
        }
        Ok(())
    }

    fn bear_producer(&mut self) -> Result<(), &'static str> {
        self.written.change().inc += 1;
        let config = ProducerConfig {
            edge: EDGE,
            stage: STAGE,
            capability: RIGHT,
            hosts: vec![HOST],
            capacity: 4096,
            retain_max: 1 << 20,
            window: 1,
            op_timeout: SOON,
            backoff: SOON,
            poll: SOON,
            terms: TERMS,
        };
        let mut machine = Producer::new(config).expect("fair terms");
        if let Sabotage::In(mutant) = self.sabotage {
            machine = machine.without(mutant);
        }
        let lies = self.bounds.lies;
        let maker = Maker { machine, asks: Vec::new(), made: Vec::new(), takes: 0, closed: false, lies };
        self.makers.push(Part::new(maker));
        self.restore(self.makers.len() - 1)
    }

    /// A producer finds what its checkpoint says.
    fn restore(&mut self, at: usize) -> Result<(), &'static str> {
        let Written { inc, seq, durable, from, entries, finals, ended } = (*self.written).clone();
        let maker = self.makers[at].change();
        (maker.made, maker.closed) = (finals, ended);
        let restored = Restored { inc: Incarnation(inc), durable, seen: 0, from, entries };
        self.tell_producer(at, ProducerEvent::Minted(restored))?;
        match ended {
            true => self.tell_producer(at, ProducerEvent::Ended { off: durable.off, seq }),
            false => Ok(()),
        }
    }

    fn go_back(&mut self, at: usize) -> Result<(), &'static str> {
        self.rollbacks += 1;
        if self.sabotage == Sabotage::In(Mutant::RollbackInPlace) {
            self.makers[at].change().takes += 1;
        } else {
            self.written.change().inc += 1;
        }
        self.restore(at)
    }

    fn bear_consumer(&mut self) -> Result<(), &'static str> {
        self.taken.change().inc += 1;
        let config = ConsumerConfig {
            edge: EDGE,
            capability: RIGHT,
            preset: self.bounds.preset,
            window: u64::from(self.bounds.items),
            read_max: 1,
            op_timeout: SOON,
            backoff: SOON,
            poll: SOON,
            complain_after: SOON,
        };
        let mut machine = Consumer::new(config);
        let by_map = self.bounds.by_map.then_some(Mutant::MapRule);
        if let (Some(mutant), _) | (None, Sabotage::In(mutant)) = (by_map, self.sabotage) {
            machine = machine.without(mutant);
        }
        let shown = self.taken.committed.clone();
        self.takers.push(Part::new(Taker { machine, asks: Vec::new(), shown, released: 0 }));
        let committed = Floor { inc: Incarnation(self.taken.inc), ..self.taken.floor };
        let resumed = Resumed { committed, seen: 0 };
        self.tell_consumer(self.takers.len() - 1, ConsumerEvent::Minted(resumed))?;
        match self.taken.finished {
            true => {
                let (off, seq) = (self.taken.floor.off, self.taken.seq);
                self.tell_consumer(self.takers.len() - 1, ConsumerEvent::Finished { off, seq })
            }
            false => Ok(()),
        }
    }

    /// The stage of a producer writes down everything so far.
    fn checkpoint(&mut self, at: usize) -> Result<(), &'static str> {
        let Maker { machine, made, closed, .. } = &*self.makers[at];
        let ended = *closed;
        let (inc, off, from) = (machine.inc().0, machine.next(), machine.retained_from());
        if self.written.inc != inc && self.sabotage != Sabotage::UnfencedProducerStore {
            let by = Incarnation(self.written.inc);
            return self.tell_producer(at, ProducerEvent::Fenced { by });
        }
        let finals = made.clone();
        let entries: Vec<(Label, Item)> = machine.retained().map(|(label, item)| (label, *item)).collect();
        if !finals.starts_with(&self.written.finals) {
            return Err("S3: what was final changed");
        }
        if entries.iter().map(|(_, item)| item).ne(&finals[from as usize..]) {
            return Err("S2: what is retained is not what was produced");
        }
        let seq = self.written.seq + 1;
        let durable = Frontier { off, chain: machine.chain_at(off), seq };
        let inc = self.written.inc;
        *self.written.change() = Written { inc, seq, durable, from, entries, finals, ended };
        let event = match ended {
            true => ProducerEvent::Ended { off, seq },
            false => ProducerEvent::Checkpointed { off, seq },
        };
        self.tell_producer(at, event)
    }

    fn produce(&mut self, at: usize, ask: ProducerEffect<Item>) -> Result<(), &'static str> {
        let event = match ask {
            ProducerEffect::Read(op) => ProducerEvent::Record(op, Ok(Box::new((*self.record).clone()))),
            ProducerEffect::Swap(op, version, record) => {
                let blind = self.sabotage == Sabotage::BlindPublish;
                ProducerEvent::Swapped(op, Ok(self.swap(version, &record, blind)))
            }
            ProducerEffect::Ask(op, _, request) => ProducerEvent::Reply(op, self.ask(request)?),
            ProducerEffect::Confirm(op) => {
                let by = Incarnation(self.written.inc);
                match by == self.makers[at].machine.inc() {
                    true => ProducerEvent::Confirmed(op),
                    false => ProducerEvent::Fenced { by },
                }
            }
            ProducerEffect::Wake(timer, _) => ProducerEvent::Woke(timer),
            ProducerEffect::Tell(..) | ProducerEffect::Checkpoint => return Ok(()),
        };
        self.tell_producer(at, event)
    }

    fn consume(&mut self, at: usize, ask: ConsumerEffect<Item>) -> Result<(), &'static str> {
        let event = match ask {
            ConsumerEffect::Read(op) => ConsumerEvent::Record(op, Ok(Box::new((*self.record).clone()))),
            ConsumerEffect::Swap(op, version, record) => {
                ConsumerEvent::Swapped(op, Ok(self.swap(version, &record, false)))
            }
            ConsumerEffect::Ask(op, _, request) => ConsumerEvent::Reply(op, self.ask(request)?),
            ConsumerEffect::Wake(timer, _) => ConsumerEvent::Woke(timer),
            ConsumerEffect::Commit(off) => return self.commit(at, off, false),
            ConsumerEffect::Finish(off) => return self.commit(at, off, true),
            ConsumerEffect::Tell(..)
            | ConsumerEffect::Deliver(..)
            | ConsumerEffect::Lost(..)
            | ConsumerEffect::Release(_)
            | ConsumerEffect::Rollback(_) => return Ok(()),
        };
        self.tell_consumer(at, event)
    }

    /// The stage of a consumer writes down everything below an offset, and that it is all where it is.
    fn commit(&mut self, at: usize, off: u64, ends: bool) -> Result<(), &'static str> {
        let inc = self.takers[at].machine.floor().inc.0;
        if inc != self.taken.inc && self.sabotage != Sabotage::UnfencedConsumerStore {
            let by = Incarnation(self.taken.inc);
            return self.tell_consumer(at, ConsumerEvent::Fenced { by });
        }
        let committed = self.takers[at].shown[..off as usize].to_vec();
        if !committed.starts_with(&self.taken.committed) {
            return Err("S3: what was committed is taken back");
        }
        if ends && self.taken.finished {
            return Err("S1: the end came twice");
        }
        let taken = self.taken.change();
        (taken.seq, taken.committed) = (taken.seq + 1, committed);
        taken.finished |= ends;
        let seq = taken.seq;
        let event = match ends {
            true => ConsumerEvent::Finished { off, seq },
            false => ConsumerEvent::Committed { off, seq },
        };
        self.tell_consumer(at, event)?;
        self.taken.change().floor = self.takers[at].machine.floor();
        Ok(())
    }

    fn swap(&mut self, version: Version, record: &EdgeRecord, blind: bool) -> Swapped {
        if version != self.record.version && !blind {
            return Swapped::Lost;
        }
        let next = Version(self.record.version.0 + 1);
        let new = Part::new(Standing { version: next, record: record.clone() });
        self.before = Some(std::mem::replace(&mut self.record, new));
        Swapped::Won(next)
    }

    /// The host answers; S6 and S14 are looked at here.
    fn ask(&mut self, request: Request<Item>) -> Result<Reply<Item>, &'static str> {
        let segment = (request.target.generation.get(), request.target.nonce.0);
        let target = request.target;
        let (appends, seals) = match &request.verb {
            Verb::Append { off, entry, .. } => (Some((*off, entry.payload)), None),
            Verb::Seal { by } => (None, Some(by.get())),
            _ => (None, None),
        };
        let before = self.host.segments();
        let lends = self.bounds.echoes > 0 && matches!(request.verb, Verb::Alloc { .. });
        let heard = lends.then(|| request.clone());
        let reply = match request.verb {
            // Nothing changes.
            Verb::Read { .. } => (*self.host).clone().step(Instant::ZERO, request),
            _ => self.host.change().step(Instant::ZERO, request),
        };
        if self.host.segments() > before {
            let ghosts = self.ghosts.change();
            ghosts.lent.push(segment);
            ghosts.lent.sort_unstable();
            ghosts.fence = ghosts.fence.max(segment.0);
            ghosts.heard.extend(heard);
        }
        let refused =
            matches!(reply, Reply::Unknown | Reply::Stale { .. } | Reply::NoSpace | Reply::Boot { .. });
        if !refused && !self.ghosts.lent.contains(&segment) {
            return Err("S14: a segment was used by another name");
        }
        match &reply {
            Reply::End { .. } => {
                let ghosts = self.ghosts.change();
                ghosts.fence = ghosts.fence.max(seals.unwrap_or(0));
                if !ghosts.sealed.contains(&segment) {
                    ghosts.sealed.push(segment);
                    ghosts.sealed.sort_unstable();
                }
            }
            Reply::Ack { .. } | Reply::AlreadyHave { .. } => {
                let held = appends.map(|(off, item)| {
                    (self.host.peek(target.edge, target.generation, target.nonce, off), item)
                });
                if held.is_some_and(|(held, item)| held.is_some_and(|held| held.payload != item)) {
                    return Err("S7: two contents at one offset");
                }
                if self.ghosts.sealed.contains(&segment) {
                    return Err("S6: acknowledged after a seal");
                }
                if segment.0 < self.ghosts.fence {
                    return Err("S6: acknowledged below the fence");
                }
            }
            _ => {}
        }
        Ok(reply)
    }

    fn tell_producer(&mut self, at: usize, event: ProducerEvent<Item>) -> Result<(), &'static str> {
        let maker = self.makers[at].change();
        self.nonces += u64::from(self.bounds.deaf);
        let mut entropy = Fixed(maker.machine.inc().0 << 32 | self.nonces);
        let mut orders = Vec::new();
        for effect in maker.machine.step(Instant::ZERO, event, &mut entropy) {
            match effect {
                ProducerEffect::Wake(timer, after) => {
                    maker.asks.retain(|ask| !matches!(ask, ProducerEffect::Wake(set, _) if *set == timer));
                    maker.asks.push(ProducerEffect::Wake(timer, after));
                }
                ProducerEffect::Tell(_, request) => orders.push(request),
                ProducerEffect::Checkpoint => {}
                ask => maker.asks.push(ask),
            }
        }
        let machine = &maker.machine;
        let over = machine.error().is_some() || machine.is_done();
        maker.asks.retain(|ask| !over && op(ask).is_none_or(|op| machine.awaits(op)) && !regular(ask));
        maker.asks.sort_by_key(op);
        orders.into_iter().try_for_each(|request| self.order(request))
    }

    fn tell_consumer(&mut self, at: usize, event: ConsumerEvent<Item>) -> Result<(), &'static str> {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let effects = self.takers[at].change().machine.step(event);
            for effect in effects {
                let taker = self.takers[at].change();
                match effect {
                    ConsumerEffect::Wake(timer, after) => {
                        taker
                            .asks
                            .retain(|ask| !matches!(ask, ConsumerEffect::Wake(set, _) if *set == timer));
                        taker.asks.push(ConsumerEffect::Wake(timer, after));
                    }
                    ConsumerEffect::Tell(_, request) => self.order(request)?,
                    ConsumerEffect::Deliver(off, items) => {
                        assert_eq!(off as usize, taker.shown.len(), "what is delivered comes next");
                        taker.shown.extend(items);
                        events.push(ConsumerEvent::Snapshot { off: taker.shown.len() as u64 });
                    }
                    ConsumerEffect::Rollback(off) => {
                        taker.shown.truncate(off as usize);
                        taker.released = taker.released.min(off);
                    }
                    ConsumerEffect::Release(off) => self.release(at, off)?,
                    ask => taker.asks.push(ask),
                }
            }
        }
        let taker = self.takers[at].change();
        let (over, machine) = (taker.machine.error().is_some(), &taker.machine);
        taker.asks.retain(|ask| {
            let regular = matches!(ask, ConsumerEffect::Wake(ConsumerTimer::Poll, _));
            !over && asked(ask).is_none_or(|op| machine.awaits(op)) && !regular
        });
        taker.asks.sort_by_key(asked);
        Ok(())
    }

    /// A host is told something, and nobody waits for its answer; S9 and S12 are looked at here.
    fn order(&mut self, request: Request<Item>) -> Result<(), &'static str> {
        let record = &self.record.record;
        let (frees, generation) = (matches!(request.verb, Verb::Free { .. }), request.target.generation);
        let nonce = request.target.nonce;
        if matches!(request.verb, Verb::Trim { off } if off > record.floor.off) {
            return Err("S9: trimmed above the floor");
        }
        let newest = record.newest().is_some_and(|seg| (seg.generation, seg.nonce) == (generation, nonce));
        if frees && newest && record.floor.off < record.end {
            return Err("S12: what the record maps was given back");
        }
        self.host.change().step(Instant::ZERO, request);
        Ok(())
    }
}

/// What recurs by itself, and is always possible here.
fn regular(ask: &ProducerEffect<Item>) -> bool {
    matches!(ask, ProducerEffect::Wake(ProducerTimer::Poll | ProducerTimer::Renew, _))
}

fn op(ask: &ProducerEffect<Item>) -> Option<Op> {
    match ask {
        ProducerEffect::Read(op)
        | ProducerEffect::Swap(op, ..)
        | ProducerEffect::Ask(op, ..)
        | ProducerEffect::Confirm(op) => Some(*op),
        _ => None,
    }
}

fn asked(ask: &ConsumerEffect<Item>) -> Option<Op> {
    match ask {
        ConsumerEffect::Read(op) | ConsumerEffect::Swap(op, ..) | ConsumerEffect::Ask(op, ..) => Some(*op),
        _ => None,
    }
}
