//! A producer's lives, a consumer's lives, a host, a register and two stores: all that an edge is made of.

use crate::part::{Part, Pool};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use tidemill_relocate::{
    Boot, Capability, Chain, ChainKind, Consumer, ConsumerEffect, EdgeError, EdgeId, EdgeRecord, Floor,
    Frontier, Host, HostId, Incarnation, Label, Mutant, Preset, Producer, ProducerEffect, Request, StageId,
    Standing, Terms,
};
use tidemill_seam::{Duration, Version};

/// An item says which life produced it, and what it says beside that.
pub(crate) type Item = [u8; 2];

pub(crate) const EDGE: EdgeId = EdgeId([1; 16]);
pub(crate) const STAGE: StageId = StageId([2; 16]);
pub(crate) const RIGHT: Capability = Capability(3);
pub(crate) const HOST: HostId = HostId(4);
pub(crate) const TERMS: Terms = Terms { ttl: Duration::from_secs(10), drift_ppm: 200 };

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) items: u8,
    pub(crate) generations: u64,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    pub(crate) crashes: u8,
    /// Whether nobody else moves while a producer does.
    pub(crate) atomic: bool,
    /// Whether a consumer may be shown the record before the last one.
    pub(crate) stale: bool,
    /// Whether nobody may say what became of a producer's swap.
    pub(crate) unknown: bool,
    /// Whether an answer of the host may be lost after its effect.
    pub(crate) deaf: bool,
    pub(crate) preset: Preset,
    /// Whether the producer is said to repeat itself, and does not.
    pub(crate) lies: bool,
    /// Whether the producer comes to an end.
    pub(crate) ends: bool,
    /// How often the producer's stage may go back to its checkpoint.
    pub(crate) rollbacks: u8,
    /// Whether a consumer goes by where the record says that offsets lie, and not by chains.
    pub(crate) by_map: bool,
    /// How often a request to lend arrives again, after the host forgot everything.
    pub(crate) echoes: u8,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            items: 0,
            generations: 0,
            producers: 0,
            consumers: 0,
            crashes: 0,
            atomic: false,
            stale: false,
            unknown: false,
            deaf: false,
            preset: Preset::ExactlyOnceEarly,
            lies: false,
            ends: false,
            rollbacks: 0,
            by_map: false,
            echoes: 0,
        }
    }
}

/// What is left out, in a machine or around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sabotage {
    None,
    In(Mutant),
    /// The register takes a producer's record whatever stands there.
    BlindPublish,
    /// The store takes checkpoints from lives that are over.
    UnfencedProducerStore,
    UnfencedConsumerStore,
    /// The external sink takes what an earlier life of the consumer writes after a later one.
    UnfencedSink,
    /// The key of what leaves names the generation too.
    GenerationInSinkKey,
    /// Requests are taken in the order of their hashes, by a hash that differs from run to run.
    HashOrder,
}

/// One step of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    BearProducer,
    BearConsumer,
    Crash,
    Push(usize),
    Checkpoint(usize),
    /// A producer comes to an end.
    Close(usize),
    /// A producer's stage goes back to its checkpoint.
    GoBack(usize),
    /// Carries out a request of a producer, and answers it.
    Produce(usize, usize),
    /// The host never sees the request.
    Lose(usize, usize),
    /// The host does what a producer asks for, and its answer is lost.
    Deafen(usize, usize),
    /// The same for a consumer.
    DeafenTaker(usize, usize),
    /// A swap of a producer is answered by nobody, whether it was carried out or not.
    Blur(usize, usize, bool),
    /// Carries out a request of a consumer, and answers it.
    Consume(usize, usize),
    /// Shows a consumer the record before the last one.
    Lag(usize, usize),
    PollProducer(usize),
    PollConsumer(usize),
    /// A request to lend that the host granted before it forgot everything arrives once more.
    Echo(usize),
}

/// What some state of a search showed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Sights {
    /// Every item is committed, and the record says so.
    pub(crate) whole: bool,
    pub(crate) whole_after_move: bool,
    pub(crate) whole_after_crash: bool,
    pub(crate) rolled_back: bool,
    pub(crate) maker_fenced: bool,
    pub(crate) taker_fenced: bool,
    /// Two segments are in use.
    pub(crate) drained: bool,
    pub(crate) complained: bool,
    /// More is committed than is final.
    pub(crate) past_frontier: bool,
    /// Somebody noticed that the producer does not repeat itself.
    pub(crate) found_out: bool,
    /// The consumer committed the end, and the producer left.
    pub(crate) finished: bool,
}

impl Sights {
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            whole: self.whole | other.whole,
            whole_after_move: self.whole_after_move | other.whole_after_move,
            whole_after_crash: self.whole_after_crash | other.whole_after_crash,
            rolled_back: self.rolled_back | other.rolled_back,
            maker_fenced: self.maker_fenced | other.maker_fenced,
            taker_fenced: self.taker_fenced | other.taker_fenced,
            drained: self.drained | other.drained,
            complained: self.complained | other.complained,
            past_frontier: self.past_frontier | other.past_frontier,
            found_out: self.found_out | other.found_out,
            finished: self.finished | other.finished,
        }
    }
}

/// What the store of the producer's stage holds.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Written {
    pub(crate) inc: u64,
    pub(crate) seq: u64,
    pub(crate) durable: Frontier,
    pub(crate) from: u64,
    pub(crate) entries: Vec<(Label, Item)>,
    /// What is final, and whether that is all.
    pub(crate) finals: Vec<Item>,
    pub(crate) ended: bool,
}

/// What the store of the consumer's stage holds.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Taken {
    pub(crate) inc: u64,
    pub(crate) seq: u64,
    pub(crate) floor: Floor,
    /// What is committed, and whether the end is.
    pub(crate) committed: Vec<Item>,
    pub(crate) finished: bool,
}

/// A life of the producer's stage.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) machine: Producer<Item>,
    pub(crate) asks: Vec<ProducerEffect<Item>>,
    /// What was final when it was born, and what it produced since.
    pub(crate) made: Vec<Item>,
    /// How often it went back without becoming another.
    pub(crate) takes: u8,
    /// It produces nothing more.
    pub(crate) closed: bool,
    /// It does not repeat itself, and was said to.
    pub(crate) lies: bool,
}

/// A life of the consumer's stage.
#[derive(Clone, Debug)]
pub(crate) struct Taker {
    pub(crate) machine: Consumer<Item>,
    pub(crate) asks: Vec<ConsumerEffect<Item>>,
    /// What its state covers: what was committed when it was born, and what it was shown since.
    pub(crate) shown: Vec<Item>,
    /// What this offset and those before caused has left.
    pub(crate) released: u64,
}

/// What a host was asked for, and what an external sink holds: for whoever judges.
#[derive(Clone, Hash, Default, Debug)]
pub(crate) struct Ghosts {
    /// Segments that were lent, those that were sealed, and the greatest generation that the host was shown.
    pub(crate) lent: Vec<(u64, u64)>,
    pub(crate) sealed: Vec<(u64, u64)>,
    pub(crate) fence: u64,
    /// Requests that it granted and then forgot, where they may arrive again.
    pub(crate) heard: Vec<Request<Item>>,
    pub(crate) forgotten: Vec<Request<Item>>,
    /// By key: which life of the consumer wrote last, and what.
    pub(crate) sink: BTreeMap<(u64, u64), (u64, Item)>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) bounds: Bounds,
    pub(crate) sabotage: Sabotage,
    pub(crate) host: Part<Host<Item>>,
    pub(crate) record: Part<Standing>,
    pub(crate) before: Option<Part<Standing>>,
    pub(crate) written: Part<Written>,
    pub(crate) taken: Part<Taken>,
    pub(crate) makers: Vec<Part<Maker>>,
    pub(crate) takers: Vec<Part<Taker>>,
    pub(crate) ghosts: Part<Ghosts>,
    pub(crate) crashes: u8,
    pub(crate) echoes: u8,
    pub(crate) rollbacks: u8,
    pub(crate) nonces: u64,
}

/// What the states of one depth have in common.
#[derive(Default, Debug)]
pub(crate) struct Pools {
    hosts: Pool<Host<Item>>,
    records: Pool<Standing>,
    written: Pool<Written>,
    taken: Pool<Taken>,
    makers: Pool<Maker>,
    takers: Pool<Taker>,
    ghosts: Pool<Ghosts>,
}

impl World {
    /// Keeps in common with others what is equal.
    pub(crate) fn share(&mut self, pools: &mut Pools) {
        self.host.share(&mut pools.hosts);
        self.record.share(&mut pools.records);
        self.before.iter_mut().for_each(|before| before.share(&mut pools.records));
        self.written.share(&mut pools.written);
        self.taken.share(&mut pools.taken);
        self.makers.iter_mut().for_each(|maker| maker.share(&mut pools.makers));
        self.takers.iter_mut().for_each(|taker| taker.share(&mut pools.takers));
        self.ghosts.share(&mut pools.ghosts);
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, &self.record, &self.written, &self.taken, &self.ghosts).hash(state);
        (self.crashes, self.echoes, self.rollbacks).hash(state);
        if self.bounds.stale {
            self.before.hash(state);
        }
        (&self.makers, &self.takers).hash(state);
    }
}

// Who is over does nothing any more; what it said counts where it may say something else.
impl Hash for Maker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.machine.error().is_some() {
            return if self.lies {
                self.made.hash(state)
            };
        }
        (&self.machine, &self.made, self.takes, self.closed).hash(state);
        for ask in &self.asks {
            discriminant(ask).hash(state);
            match ask {
                ProducerEffect::Swap(_, version, record) => (version, record).hash(state),
                ProducerEffect::Ask(_, _, request) => request.hash(state),
                _ => {}
            }
        }
    }
}

impl Hash for Taker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.machine.error().is_some() {
            return;
        }
        (&self.machine, &self.shown, self.released).hash(state);
        for ask in &self.asks {
            discriminant(ask).hash(state);
            match ask {
                ConsumerEffect::Swap(_, version, record) => (version, record).hash(state),
                ConsumerEffect::Ask(_, _, request) => request.hash(state),
                ConsumerEffect::Commit(off) | ConsumerEffect::Finish(off) => off.hash(state),
                _ => {}
            }
        }
    }
}

/// The host in its life after so many crashes.
pub(crate) fn fresh_host(sabotage: Sabotage, crashes: u8) -> Host<Item> {
    let mut host = Host::new(HOST, Boot(crashes.into()), 1 << 20);
    if let Sabotage::In(mutant) = sabotage {
        host = host.without(mutant);
    }
    host.admit(EDGE, RIGHT);
    host
}

impl World {
    pub(crate) fn new(bounds: Bounds, sabotage: Sabotage) -> Self {
        let mut record = EdgeRecord::new(EDGE, bounds.kind(), TERMS);
        record.deterministic = bounds.is_deterministic();
        let durable = Frontier::default();
        let (entries, finals) = (Vec::new(), Vec::new());
        let written = Written { inc: 0, seq: 0, durable, from: 0, entries, finals, ended: false };
        let (floor, committed) = (Floor::default(), Vec::new());
        let taken = Taken { inc: 0, seq: 0, floor, committed, finished: false };
        Self {
            bounds,
            sabotage,
            host: Part::new(fresh_host(sabotage, 0)),
            record: Part::new(Standing { version: Version(1), record }),
            before: None,
            written: Part::new(written),
            taken: Part::new(taken),
            makers: Vec::new(),
            takers: Vec::new(),
            ghosts: Part::new(Ghosts::default()),
            crashes: 0,
            echoes: 0,
            rollbacks: 0,
            nonces: 0,
        }
    }

    /// What a search should have come by, or it shows nothing.
    pub(crate) fn sights(&self) -> Sights {
        let record = &self.record.record;
        let everything = usize::from(self.bounds.items);
        let fenced = |error: Option<EdgeError>| matches!(error, Some(EdgeError::Fenced { .. }));
        let differs = |error: Option<EdgeError>| matches!(error, Some(EdgeError::NotDeterministic { .. }));
        let whole = if self.bounds.ends {
            self.taken.finished && self.makers.iter().any(|maker| maker.machine.is_done())
        } else {
            self.taken.committed.len() == everything
                && self.written.finals.len() == everything
                && record.floor.off as usize == everything
        };
        let errors = || {
            let makers = self.makers.iter().map(|maker| maker.machine.error());
            makers.chain(self.takers.iter().map(|taker| taker.machine.error()))
        };
        Sights {
            whole,
            whole_after_move: whole && record.generation.get() > 1,
            whole_after_crash: whole && self.crashes > 0,
            rolled_back: self.takers.iter().any(|taker| taker.machine.rollbacks() > 0),
            maker_fenced: self.makers.iter().any(|maker| fenced(maker.machine.error())),
            taker_fenced: self.takers.iter().any(|taker| fenced(taker.machine.error())),
            drained: record.segs().len() > 1,
            complained: record.complaint.generation.get() > 0,
            past_frontier: record.floor.off > record.frontier.off,
            found_out: errors().any(differs),
            finished: whole && self.bounds.ends,
        }
    }
}

impl Bounds {
    pub(crate) fn is_deterministic(&self) -> bool {
        self.preset == Preset::Deterministic
    }

    pub(crate) fn kind(&self) -> ChainKind {
        if self.is_deterministic() { ChainKind::Content } else { ChainKind::Origin }
    }

    /// What a life of the producer says at an offset.
    pub(crate) fn item(&self, inc: u64, off: u64, take: u8) -> Item {
        let repeats = self.is_deterministic() && !self.lies;
        [if repeats { 0 } else { inc as u8 }, off as u8 + 32 * take]
    }

    /// The chain of items, each produced by the life that it names.
    pub(crate) fn chain(&self, items: &[Item]) -> Chain {
        let kind = self.kind();
        (0..).zip(items).fold(Chain::EMPTY, |chain, (off, item)| {
            kind.extend(chain, off, kind.label(Incarnation(item[0].into()), item))
        })
    }
}
