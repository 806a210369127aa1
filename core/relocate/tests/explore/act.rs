//! What becomes of the world when it does.

use crate::world::{
    Action, EDGE, HOST, Item, Maker, RIGHT, STAGE, Sabotage, TERMS, Taker, World, Written, fresh_host,
};
use tidemill_relocate::{
    Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer, EdgeRecord, Floor, Frontier,
    Incarnation, Label, Op, Producer, ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Reply,
    Request, Restored, Resumed, Standing, Swapped, Verb,
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
                self.host = fresh_host(self.sabotage);
                (self.lent, self.sealed, self.fence) = (Vec::new(), Vec::new(), 0);
                self.crashes += 1;
            }
            Action::Push(at) => {
                let owned = self.makers[at].machine.is_active();
                let inc = self.makers[at].machine.inc().0 as u8;
                if self.makers[at].machine.push([inc]).is_ok() {
                    if !owned {
                        return Err("S4: produced before it owned the edge");
                    }
                    self.tell_producer(at, ProducerEvent::Pushed);
                }
            }
            Action::Checkpoint(at) => return self.checkpoint(at),
            Action::Produce(at, which) => {
                let ask = self.makers[at].asks.remove(which);
                return self.produce(at, ask);
            }
            Action::Consume(at, which) => {
                let ask = self.takers[at].asks.remove(which);
                return self.consume(at, ask);
            }
            Action::Lose(..)
            | Action::Deafen(..)
            | Action::DeafenTaker(..)
            | Action::Blur(..)
            | Action::Lag(..) => {
                return self.astray(action);
            }
            Action::PollProducer(at) => {
                self.tell_producer(at, ProducerEvent::Woke(ProducerTimer::Poll));
                let reads = |ask: &ProducerEffect<Item>| matches!(ask, ProducerEffect::Read(_));
                if let Some(read) = self.makers[at].asks.iter().position(reads) {
                    return self.act(Action::Produce(at, read));
                }
            }
            Action::PollConsumer(at) => {
                self.tell_consumer(at, ConsumerEvent::Woke(ConsumerTimer::Poll));
                let reads = |ask: &ConsumerEffect<Item>| matches!(ask, ConsumerEffect::Read(_));
                if let Some(read) = self.takers[at].asks.iter().position(reads) {
                    return self.act(Action::Consume(at, read));
                }
            }
        }
        Ok(())
    }

    /// A request, an answer or a reading that goes astray.
    fn astray(&mut self, action: Action) -> Result<(), &'static str> {
        match action {
            Action::Lose(at, which) => {
                if let ProducerEffect::Ask(op, ..) = self.makers[at].asks.remove(which) {
                    self.tell_producer(at, ProducerEvent::Late(op));
                }
            }
            Action::Deafen(at, which) => {
                if let ProducerEffect::Ask(op, _, request) = self.makers[at].asks.remove(which) {
                    self.ask(request)?;
                    self.tell_producer(at, ProducerEvent::Late(op));
                }
            }
            Action::DeafenTaker(at, which) => {
                if let ConsumerEffect::Ask(op, _, request) = self.takers[at].asks.remove(which) {
                    self.ask(request)?;
                    self.tell_consumer(at, ConsumerEvent::Late(op));
                }
            }
            Action::Blur(at, which, done) => {
                if let ProducerEffect::Swap(op, version, record) = self.makers[at].asks.remove(which) {
                    if done {
                        self.swap(version, &record, false);
                    }
                    self.tell_producer(at, ProducerEvent::Swapped(op, Ok(Swapped::Unknown)));
                }
            }
            Action::Lag(at, which) => {
                if let (ConsumerEffect::Read(op), Some(old)) =
                    (self.takers[at].asks.remove(which), self.before.clone())
                {
                    self.tell_consumer(at, ConsumerEvent::Record(op, Ok(Box::new(old))));
                }
            }
            _ => unreachable!("nothing else goes astray"),
        }
        Ok(())
    }

    fn bear_producer(&mut self) {
        self.written.inc += 1;
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
        self.makers.push(Maker { machine, asks: Vec::new() });
        let Written { inc, durable, from, entries, .. } = self.written.clone();
        let restored = Restored { inc: Incarnation(inc), durable, seen: 0, from, entries };
        self.tell_producer(self.makers.len() - 1, ProducerEvent::Minted(restored));
    }

    fn bear_consumer(&mut self) {
        self.taken.inc += 1;
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
        if let Sabotage::In(mutant) = self.sabotage {
            machine = machine.without(mutant);
        }
        self.takers.push(Taker { machine, asks: Vec::new(), shown: self.taken.committed.clone() });
        let committed = Floor { inc: Incarnation(self.taken.inc), ..self.taken.floor };
        let resumed = Resumed { committed, seen: 0 };
        self.tell_consumer(self.takers.len() - 1, ConsumerEvent::Minted(resumed));
    }

    /// The stage of a producer writes down everything so far.
    fn checkpoint(&mut self, at: usize) -> Result<(), &'static str> {
        let machine = &self.makers[at].machine;
        let inc = machine.inc().0;
        if self.written.inc != inc && self.sabotage != Sabotage::UnfencedProducerStore {
            let by = Incarnation(self.written.inc);
            self.tell_producer(at, ProducerEvent::Fenced { by });
            return Ok(());
        }
        let off = machine.next();
        let from = machine.retained_from();
        let entries: Vec<(Label, Item)> = machine.retained().map(|(label, item)| (label, *item)).collect();
        let mut finals = self.written.finals.clone();
        finals.truncate(from as usize);
        finals.extend(entries.iter().map(|(_, item)| *item));
        if !finals.starts_with(&self.written.finals) {
            return Err("S3: what was final changed");
        }
        let seq = self.written.seq + 1;
        let durable = Frontier { off, chain: machine.chain_at(off), seq };
        self.written = Written { inc: self.written.inc, seq, durable, from, entries, finals };
        self.tell_producer(at, ProducerEvent::Checkpointed { off, seq });
        Ok(())
    }

    fn produce(&mut self, at: usize, ask: ProducerEffect<Item>) -> Result<(), &'static str> {
        match ask {
            ProducerEffect::Read(op) => {
                let record = self.record.clone();
                self.tell_producer(at, ProducerEvent::Record(op, Ok(Box::new(record))));
            }
            ProducerEffect::Swap(op, version, record) => {
                let blind = self.sabotage == Sabotage::BlindPublish;
                let swapped = self.swap(version, &record, blind);
                self.tell_producer(at, ProducerEvent::Swapped(op, Ok(swapped)));
            }
            ProducerEffect::Ask(op, _, request) => {
                let reply = self.ask(request)?;
                self.tell_producer(at, ProducerEvent::Reply(op, reply));
            }
            ProducerEffect::Confirm(op) => {
                let by = Incarnation(self.written.inc);
                let fenced = by != self.makers[at].machine.inc();
                let event = if fenced { ProducerEvent::Fenced { by } } else { ProducerEvent::Confirmed(op) };
                self.tell_producer(at, event);
            }
            ProducerEffect::Wake(timer, _) => self.tell_producer(at, ProducerEvent::Woke(timer)),
            ProducerEffect::Tell(..) | ProducerEffect::Checkpoint => {}
        }
        Ok(())
    }

    fn consume(&mut self, at: usize, ask: ConsumerEffect<Item>) -> Result<(), &'static str> {
        match ask {
            ConsumerEffect::Read(op) => {
                let record = self.record.clone();
                self.tell_consumer(at, ConsumerEvent::Record(op, Ok(Box::new(record))));
            }
            ConsumerEffect::Swap(op, version, record) => {
                let swapped = self.swap(version, &record, false);
                self.tell_consumer(at, ConsumerEvent::Swapped(op, Ok(swapped)));
            }
            ConsumerEffect::Ask(op, _, request) => {
                let reply = self.ask(request)?;
                self.tell_consumer(at, ConsumerEvent::Reply(op, reply));
            }
            ConsumerEffect::Wake(timer, _) => self.tell_consumer(at, ConsumerEvent::Woke(timer)),
            ConsumerEffect::Commit(off) => {
                let floor = self.takers[at].machine.floor();
                if floor.inc.0 != self.taken.inc && self.sabotage != Sabotage::UnfencedConsumerStore {
                    let by = Incarnation(self.taken.inc);
                    self.tell_consumer(at, ConsumerEvent::Fenced { by });
                    return Ok(());
                }
                let seq = self.taken.seq + 1;
                let committed = self.takers[at].shown[..off as usize].to_vec();
                if !committed.starts_with(&self.taken.committed) {
                    return Err("S3: what was committed is taken back");
                }
                self.tell_consumer(at, ConsumerEvent::Committed { off, seq });
                self.taken.committed = committed;
                (self.taken.seq, self.taken.floor) = (seq, self.takers[at].machine.floor());
            }
            ConsumerEffect::Tell(..)
            | ConsumerEffect::Deliver(..)
            | ConsumerEffect::Release(_)
            | ConsumerEffect::Rollback(_) => {}
        }
        Ok(())
    }

    fn swap(&mut self, version: Version, record: &EdgeRecord, blind: bool) -> Swapped {
        if version != self.record.version && !blind {
            return Swapped::Lost;
        }
        let next = Version(self.record.version.0 + 1);
        let old = std::mem::replace(&mut self.record, Standing { version: next, record: record.clone() });
        self.before = Some(old);
        Swapped::Won(next)
    }

    /// The host answers; S6 and S14 are looked at here.
    fn ask(&mut self, request: Request<Item>) -> Result<Reply<Item>, &'static str> {
        let (target, verb) = (request.target, request.verb.clone());
        let before = self.host.segments();
        let reply = self.host.step(Instant::ZERO, request);
        let segment = (target.generation.get(), target.nonce.0);
        if self.host.segments() > before {
            self.lent.push(segment);
            self.lent.sort_unstable();
        }
        let refused = matches!(reply, Reply::Unknown | Reply::Stale { .. } | Reply::NoSpace);
        if !refused && !self.lent.contains(&segment) {
            return Err("S14: a segment was used by another name");
        }
        match (&verb, &reply) {
            (Verb::Alloc { .. }, Reply::Granted { .. }) => self.fence = self.fence.max(segment.0),
            (Verb::Seal { by }, Reply::End { .. }) => {
                self.fence = self.fence.max(by.get());
                if !self.sealed.contains(&segment) {
                    self.sealed.push(segment);
                    self.sealed.sort_unstable();
                }
            }
            (Verb::Append { .. }, Reply::Ack { .. } | Reply::AlreadyHave { .. }) => {
                if self.sealed.contains(&segment) {
                    return Err("S6: acknowledged after a seal");
                }
                if segment.0 < self.fence {
                    return Err("S6: acknowledged below the fence");
                }
            }
            _ => {}
        }
        Ok(reply)
    }

    fn tell_producer(&mut self, at: usize, event: ProducerEvent<Item>) {
        let maker = &mut self.makers[at];
        self.nonces += u64::from(self.bounds.deaf);
        let mut entropy = Fixed(maker.machine.inc().0 << 32 | self.nonces);
        let effects: Vec<_> = maker.machine.step(Instant::ZERO, event, &mut entropy).into_iter().collect();
        for effect in effects {
            match effect {
                ProducerEffect::Wake(timer, after) => {
                    self.makers[at]
                        .asks
                        .retain(|ask| !matches!(ask, ProducerEffect::Wake(set, _) if *set == timer));
                    self.makers[at].asks.push(ProducerEffect::Wake(timer, after));
                }
                ProducerEffect::Tell(_, request) => _ = self.host.step(Instant::ZERO, request),
                ProducerEffect::Checkpoint => {}
                ask => self.makers[at].asks.push(ask),
            }
        }
        let maker = &mut self.makers[at];
        let over = maker.machine.error().is_some();
        let machine = &maker.machine;
        maker.asks.retain(|ask| !over && op(ask).is_none_or(|op| machine.awaits(op)) && !regular(ask));
        maker.asks.sort_by_key(op);
    }

    fn tell_consumer(&mut self, at: usize, event: ConsumerEvent<Item>) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let effects: Vec<_> = self.takers[at].machine.step(event).into_iter().collect();
            for effect in effects {
                let taker = &mut self.takers[at];
                match effect {
                    ConsumerEffect::Wake(timer, after) => {
                        taker
                            .asks
                            .retain(|ask| !matches!(ask, ConsumerEffect::Wake(set, _) if *set == timer));
                        taker.asks.push(ConsumerEffect::Wake(timer, after));
                    }
                    ConsumerEffect::Tell(_, request) => _ = self.host.step(Instant::ZERO, request),
                    ConsumerEffect::Deliver(off, items) => {
                        assert_eq!(off as usize, taker.shown.len(), "what is delivered comes next");
                        taker.shown.extend(items);
                        events.push(ConsumerEvent::Snapshot { off: taker.shown.len() as u64 });
                    }
                    ConsumerEffect::Rollback(off) => taker.shown.truncate(off as usize),
                    ConsumerEffect::Release(_) => {}
                    ask => taker.asks.push(ask),
                }
            }
        }
        let taker = &mut self.takers[at];
        let (over, machine) = (taker.machine.error().is_some(), &taker.machine);
        taker.asks.retain(|ask| {
            let regular = matches!(ask, ConsumerEffect::Wake(ConsumerTimer::Poll, _));
            !over && asked(ask).is_none_or(|op| machine.awaits(op)) && !regular
        });
        taker.asks.sort_by_key(asked);
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
