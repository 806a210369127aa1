//! Two machines' worth of hosts, a register and both stores, driven by hand: what is asked for waits until somebody carries
//! it out.

use std::sync::mpsc::{Receiver, Sender, channel};
use tidemill_relocate::{
    Boot, Capability, ChainKind, Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer,
    EdgeId, EdgeRecord, Event, Floor, Frontier, Host, HostId, Incarnation, Label, Mutant, Nonce, Observed,
    Preset, Producer, ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Reply, Request, Restored,
    Resumed, Seg, StageId, Standing, Swapped, Target, Terms, Verb,
};
use tidemill_seam::{Duration, Entropy, Instant, Version};

pub(crate) type Item = Vec<u8>;

pub(crate) const EDGE: EdgeId = EdgeId([1; 16]);
pub(crate) const STAGE: StageId = StageId([2; 16]);
pub(crate) const RIGHT: Capability = Capability(3);
pub(crate) const A: HostId = HostId(0xa);
pub(crate) const B: HostId = HostId(0xb);
pub(crate) const TERMS: Terms = Terms { ttl: Duration::from_secs(1), drift_ppm: 200 };
pub(crate) const OP: Duration = Duration::from_millis(20);

/// What the store of the producer's stage holds.
#[derive(Clone, Default, Debug)]
pub(crate) struct Written {
    pub(crate) inc: u64,
    pub(crate) durable: Frontier,
    pub(crate) from: u64,
    pub(crate) entries: Vec<(Label, Item)>,
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<Host<Item>>,
    pub(crate) record: Standing,
    pub(crate) written: Written,
    pub(crate) taken: Floor,
    pub(crate) committed: Vec<Item>,
    pub(crate) producer: Producer<Item>,
    pub(crate) wants: Vec<ProducerEffect<Item>>,
    pub(crate) consumer: Consumer<Item>,
    pub(crate) asks: Vec<ConsumerEffect<Item>>,
    /// What the consumer's stage was shown, and has not taken back.
    pub(crate) shown: Vec<Item>,
    /// What it was told that it never sees, and what may leave.
    pub(crate) lost: Vec<(u64, u64)>,
    pub(crate) released: Vec<u64>,
    preset: Preset,
    /// What is left out of both ends.
    without: Option<Mutant>,
    nonce: u64,
    watched: Observed<Producer<Item>, Sender<(Instant, Event)>>,
    watched_consumer: Observed<Consumer<Item>, Sender<(Instant, Event)>>,
    /// What both were seen to do.
    pub(crate) events: Receiver<(Instant, Event)>,
}

struct Count<'a>(&'a mut u64);

impl Entropy for Count<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        *self.0 += 1;
        bytes.copy_from_slice(&self.0.to_le_bytes()[..bytes.len()]);
    }
}

pub(crate) fn host(id: HostId) -> Host<Item> {
    let mut host = Host::new(id, Boot::default(), 1 << 20);
    host.admit(EDGE, RIGHT);
    host
}

pub(crate) fn producer_config() -> ProducerConfig {
    ProducerConfig {
        edge: EDGE,
        stage: STAGE,
        capability: RIGHT,
        hosts: vec![A, B],
        capacity: 1 << 10,
        retain_max: 1 << 10,
        window: 8,
        op_timeout: OP,
        backoff: OP,
        poll: Duration::from_millis(100),
        terms: TERMS,
    }
}

pub(crate) fn consumer_config(preset: Preset) -> ConsumerConfig {
    ConsumerConfig {
        edge: EDGE,
        capability: RIGHT,
        preset,
        window: 4,
        read_max: 2,
        op_timeout: OP,
        backoff: OP,
        poll: Duration::from_millis(100),
        complain_after: Duration::from_millis(50),
    }
}

fn producer(without: Option<Mutant>) -> Producer<Item> {
    let fresh = Producer::new(producer_config()).expect("fair terms");
    without.into_iter().fold(fresh, Producer::without)
}

fn consumer(preset: Preset, without: Option<Mutant>) -> Consumer<Item> {
    without.into_iter().fold(Consumer::new(consumer_config(preset)), Consumer::without)
}

impl Rig {
    /// An edge that nobody uses yet.
    pub(crate) fn new(preset: Preset) -> Self {
        Self::without(preset, None)
    }

    /// The same, but for one safeguard perhaps.
    pub(crate) fn without(preset: Preset, without: Option<Mutant>) -> Self {
        let repeats = preset == Preset::Deterministic;
        let kind = if repeats { ChainKind::Content } else { ChainKind::Origin };
        let mut record = EdgeRecord::new(EDGE, kind, TERMS);
        record.deterministic = repeats;
        let (into, events) = channel();
        Self {
            watched: Observed::new(producer(without), into.clone()),
            watched_consumer: Observed::new(consumer(preset, without), into),
            events,
            now: Instant::ZERO,
            hosts: vec![host(A), host(B)],
            record: Standing { version: Version(1), record },
            written: Written::default(),
            taken: Floor::default(),
            committed: Vec::new(),
            producer: producer(without),
            wants: Vec::new(),
            consumer: consumer(preset, without),
            asks: Vec::new(),
            shown: Vec::new(),
            lost: Vec::new(),
            released: Vec::new(),
            preset,
            without,
            nonce: 0,
        }
    }

    /// The same with both ends alive and settled, and items up to `items` pushed.
    pub(crate) fn running(preset: Preset, items: u64) -> Self {
        Self::new(preset).run(items)
    }

    pub(crate) fn run(self, items: u64) -> Self {
        let mut rig = self;
        rig.bear_producer();
        rig.bear_consumer();
        rig.settle();
        (0..items).for_each(|_| _ = rig.push());
        rig.settle();
        rig
    }

    pub(crate) fn bear_producer(&mut self) {
        self.written.inc += 1;
        self.producer = producer(self.without);
        self.wants.clear();
        let Written { inc, durable, from, entries } = self.written.clone();
        self.tell(ProducerEvent::Minted(Restored { inc: Incarnation(inc), durable, seen: 0, from, entries }));
    }

    pub(crate) fn bear_consumer(&mut self) {
        self.taken.inc.0 += 1;
        self.consumer = consumer(self.preset, self.without);
        self.asks.clear();
        self.shown.clone_from(&self.committed);
        self.show(ConsumerEvent::Minted(Resumed { committed: self.taken, seen: 0 }));
    }

    /// The producer's stage goes back to its checkpoint, and goes on as a later life.
    pub(crate) fn go_back(&mut self) {
        self.written.inc += 1;
        let Written { inc, durable, from, entries } = self.written.clone();
        self.tell(ProducerEvent::Minted(Restored { inc: Incarnation(inc), durable, seen: 0, from, entries }));
    }

    /// Pushes an item that says where it was produced, and by whom.
    pub(crate) fn push(&mut self) -> Result<u64, Item> {
        let item = format!("{}.{}", self.producer.next(), self.written.inc).into_bytes();
        let off = self.producer.push(item).map_err(|full| full.0)?;
        self.tell(ProducerEvent::Pushed);
        Ok(off)
    }

    /// The producer's stage writes everything down, as its own life may.
    pub(crate) fn write(&mut self) {
        let (off, seq) = (self.producer.next(), self.written.durable.seq + 1);
        self.written.durable = Frontier { off, chain: self.producer.chain_at(off), seq };
        self.written.from = self.producer.retained_from();
        self.written.entries = self.producer.retained().map(|(label, item)| (label, item.clone())).collect();
        self.tell(ProducerEvent::Checkpointed { off, seq });
    }

    pub(crate) fn tell(&mut self, event: ProducerEvent<Item>) {
        // Whoever is watched does the same.
        self.watched.get_mut().clone_from(&self.producer);
        let watched = self.watched.step(self.now, event.clone(), &mut Count(&mut self.nonce.clone()));
        let effects = self.producer.step(self.now, event, &mut Count(&mut self.nonce));
        assert_eq!((&watched, self.watched.get()), (&effects, &self.producer));
        self.wants.extend(effects);
    }

    pub(crate) fn show(&mut self, event: ConsumerEvent<Item>) {
        self.watched_consumer.get_mut().clone_from(&self.consumer);
        let watched = self.watched_consumer.step(self.now, event.clone());
        let effects = self.consumer.step(event);
        assert_eq!((&watched, self.watched_consumer.get()), (&effects, &self.consumer));
        for effect in effects {
            match effect {
                ConsumerEffect::Deliver(off, items) => {
                    assert_eq!(off as usize, self.shown.len(), "what is shown comes next");
                    self.shown.extend(items);
                }
                ConsumerEffect::Rollback(off) => self.shown.truncate(off as usize),
                ConsumerEffect::Lost(from, to) => {
                    self.shown.resize(to as usize, b"lost".to_vec());
                    self.lost.push((from, to));
                }
                ConsumerEffect::Release(off) => self.released.push(off),
                effect => self.asks.push(effect),
            }
        }
    }

    /// Has the consumer look, and carries out everything that either end asks for, until both wait; what else asks to be woken
    /// later waits.
    pub(crate) fn settle(&mut self) {
        let polls = |ask: &ConsumerEffect<Item>| matches!(ask, ConsumerEffect::Wake(ConsumerTimer::Poll, _));
        if self.asks.iter().any(polls) {
            self.wake_consumer(ConsumerTimer::Poll);
        }
        while self.settle_producer() | self.settle_consumer() {}
    }

    /// Carries out what the producer asks for; whether there was anything.
    pub(crate) fn settle_producer(&mut self) -> bool {
        let mut any = false;
        while self.produce_one() {
            any = true;
        }
        any
    }

    /// Carries out the first thing that the producer asks for, if there is any.
    pub(crate) fn produce_one(&mut self) -> bool {
        let Some(at) = self.wants.iter().position(|want| !waits(want)) else { return false };
        let want = self.wants.remove(at);
        if let Some(event) = self.carry_out(want) {
            self.tell(event);
        }
        true
    }

    fn carry_out(&mut self, want: ProducerEffect<Item>) -> Option<ProducerEvent<Item>> {
        match want {
            ProducerEffect::Read(op) => Some(ProducerEvent::Record(op, Ok(Box::new(self.record.clone())))),
            ProducerEffect::Swap(op, version, record) => {
                Some(ProducerEvent::Swapped(op, Ok(self.swap(version, *record))))
            }
            ProducerEffect::Ask(op, to, request) => Some(match self.ask(to, request) {
                Some(reply) => ProducerEvent::Reply(op, reply),
                None => ProducerEvent::Late(op),
            }),
            ProducerEffect::Confirm(op) if self.producer.inc().0 == self.written.inc => {
                Some(ProducerEvent::Confirmed(op))
            }
            ProducerEffect::Confirm(_) => Some(ProducerEvent::Fenced { by: Incarnation(self.written.inc) }),
            ProducerEffect::Tell(to, request) => {
                _ = self.ask(to, request);
                None
            }
            ProducerEffect::Wake(..) | ProducerEffect::Checkpoint => None,
        }
    }

    /// Carries out what the consumer asks for; whether there was anything.
    pub(crate) fn settle_consumer(&mut self) -> bool {
        let mut any = false;
        while self.once() {
            any = true;
        }
        any
    }

    /// Carries out the first thing that the consumer asks for, if there is any.
    fn once(&mut self) -> bool {
        let Some(at) = self.asks.iter().position(|ask| !matches!(ask, ConsumerEffect::Wake(..))) else {
            return false;
        };
        let event = match self.asks.remove(at) {
            ConsumerEffect::Read(op) => ConsumerEvent::Record(op, Ok(Box::new(self.record.clone()))),
            ConsumerEffect::Swap(op, version, record) => {
                ConsumerEvent::Swapped(op, Ok(self.swap(version, *record)))
            }
            ConsumerEffect::Ask(op, to, request) => match self.ask(to, request) {
                Some(reply) => ConsumerEvent::Reply(op, reply),
                None => ConsumerEvent::Late(op),
            },
            ConsumerEffect::Commit(off) => self.commit(off),
            ConsumerEffect::Finish(off) => match self.commit(off) {
                ConsumerEvent::Committed { off, seq } => ConsumerEvent::Finished { off, seq },
                fenced => fenced,
            },
            ConsumerEffect::Tell(to, request) => {
                _ = self.ask(to, request);
                return true;
            }
            _ => return true,
        };
        self.show(event);
        true
    }

    /// Carries out one thing that the consumer asks for, but shows it nothing from `before` on; whether there was anything.
    pub(crate) fn settle_one(&mut self, before: u64) -> bool {
        let Some(at) = self.asks.iter().position(|ask| !matches!(ask, ConsumerEffect::Wake(..))) else {
            return false;
        };
        let mut ask = self.asks.remove(at);
        if let ConsumerEffect::Ask(_, _, Request { verb: Verb::Read { off, max }, .. }) = &mut ask {
            *max = (*max).min((before - *off) as u32);
        }
        let rest = std::mem::take(&mut self.asks);
        self.asks.push(ask);
        self.once();
        self.asks.splice(0..0, rest);
        true
    }

    fn commit(&mut self, off: u64) -> ConsumerEvent<Item> {
        if self.consumer.floor().inc != self.taken.inc {
            return ConsumerEvent::Fenced { by: self.taken.inc };
        }
        self.committed = self.shown[..off as usize].to_vec();
        self.taken.seq += 1;
        self.taken.off = off;
        ConsumerEvent::Committed { off, seq: self.taken.seq }
    }

    fn swap(&mut self, version: Version, record: EdgeRecord) -> Swapped {
        if version != self.record.version {
            return Swapped::Lost;
        }
        let record = EdgeRecord::decode(&record.encode()).expect("a record that can be read");
        self.record = Standing { version: Version(version.0 + 1), record };
        Swapped::Won(self.record.version)
    }

    /// What a host answers, if it is there.
    pub(crate) fn ask(&mut self, to: HostId, request: Request<Item>) -> Option<Reply<Item>> {
        let now = self.now;
        Some(self.hosts.iter_mut().find(|host| host.id() == to)?.step(now, request))
    }

    pub(crate) fn wake_producer(&mut self, timer: ProducerTimer) {
        let mine =
            |want: &ProducerEffect<Item>| matches!(want, ProducerEffect::Wake(set, _) if *set == timer);
        assert!(self.wants.iter().any(mine), "it asked to be woken");
        self.wants.retain(|want| !mine(want));
        self.tell(ProducerEvent::Woke(timer));
    }

    pub(crate) fn wake_consumer(&mut self, timer: ConsumerTimer) {
        let mine = |ask: &ConsumerEffect<Item>| matches!(ask, ConsumerEffect::Wake(set, _) if *set == timer);
        assert!(self.asks.iter().any(mine), "it asked to be woken");
        self.asks.retain(|ask| !mine(ask));
        self.show(ConsumerEvent::Woke(timer));
    }

    /// Names a segment, with the right to it.
    pub(crate) fn target(seg: Seg) -> Target {
        Target { edge: EDGE, capability: RIGHT, generation: seg.generation, nonce: Nonce(seg.nonce.0) }
    }

    pub(crate) fn seg(&self) -> Seg {
        *self.record.record.newest().expect("somebody owns it")
    }

    pub(crate) fn shown(&self) -> Vec<&str> {
        self.shown.iter().map(|item| std::str::from_utf8(item).expect("text")).collect()
    }

    pub(crate) fn committed(&self) -> Vec<&str> {
        self.committed.iter().map(|item| std::str::from_utf8(item).expect("text")).collect()
    }
}

pub(crate) fn waits(want: &ProducerEffect<Item>) -> bool {
    matches!(want, ProducerEffect::Wake(..) | ProducerEffect::Checkpoint)
}
