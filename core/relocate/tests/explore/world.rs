//! A producer's lives, a consumer's lives, a host, a register and two stores: all that an edge is made of.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use tidemill_relocate::{
    Capability, Chain, ChainKind, Consumer, ConsumerEffect, EdgeError, EdgeId, EdgeRecord, Floor, Frontier,
    Host, HostId, Label, Mutant, Preset, Producer, ProducerEffect, StageId, Standing, Terms,
};
use tidemill_seam::{Duration, Version};

/// An item says who produced it.
pub(crate) type Item = [u8; 1];

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
}

/// One step of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    BearProducer,
    BearConsumer,
    Crash,
    Push(usize),
    Checkpoint(usize),
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
    /// What is final.
    pub(crate) finals: Vec<Item>,
}

/// What the store of the consumer's stage holds.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Taken {
    pub(crate) inc: u64,
    pub(crate) seq: u64,
    pub(crate) floor: Floor,
    /// What is committed.
    pub(crate) committed: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(crate) struct Maker {
    pub(crate) machine: Producer<Item>,
    pub(crate) asks: Vec<ProducerEffect<Item>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Taker {
    pub(crate) machine: Consumer<Item>,
    pub(crate) asks: Vec<ConsumerEffect<Item>>,
    /// What its state covers: what was committed when it was born, and what it was shown since.
    pub(crate) shown: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) bounds: Bounds,
    pub(crate) sabotage: Sabotage,
    pub(crate) host: Host<Item>,
    pub(crate) record: Standing,
    pub(crate) before: Option<Standing>,
    pub(crate) written: Written,
    pub(crate) taken: Taken,
    pub(crate) makers: Vec<Maker>,
    pub(crate) takers: Vec<Taker>,
    pub(crate) crashes: u8,
    pub(crate) nonces: u64,
    /// Segments that were lent, those that were sealed, and the greatest generation that the host was shown.
    pub(crate) lent: Vec<(u64, u64)>,
    pub(crate) sealed: Vec<(u64, u64)>,
    pub(crate) fence: u64,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, &self.record, &self.written, &self.taken, self.crashes).hash(state);
        (&self.lent, &self.sealed, self.fence).hash(state);
        if self.bounds.stale {
            self.before.hash(state);
        }
        for maker in &self.makers {
            // Who is over does nothing any more.
            let Some(machine) = Some(&maker.machine).filter(|machine| machine.error().is_none()) else {
                continue;
            };
            machine.hash(state);
            for ask in &maker.asks {
                discriminant(ask).hash(state);
                match ask {
                    ProducerEffect::Swap(_, version, record) => (version, record).hash(state),
                    ProducerEffect::Ask(_, _, request) => request.hash(state),
                    _ => {}
                }
            }
        }
        for taker in &self.takers {
            let Some(machine) = Some(&taker.machine).filter(|machine| machine.error().is_none()) else {
                continue;
            };
            (machine, &taker.shown).hash(state);
            for ask in &taker.asks {
                discriminant(ask).hash(state);
                match ask {
                    ConsumerEffect::Swap(_, version, record) => (version, record).hash(state),
                    ConsumerEffect::Ask(_, _, request) => request.hash(state),
                    ConsumerEffect::Commit(off) => off.hash(state),
                    _ => {}
                }
            }
        }
    }
}

pub(crate) fn fresh_host(sabotage: Sabotage) -> Host<Item> {
    let mut host = Host::new(HOST, 1 << 20);
    if let Sabotage::In(mutant) = sabotage {
        host = host.without(mutant);
    }
    host.admit(EDGE, RIGHT);
    host
}

impl World {
    pub(crate) fn new(bounds: Bounds, sabotage: Sabotage) -> Self {
        let record = EdgeRecord::new(EDGE, ChainKind::Origin, TERMS);
        let durable = Frontier::default();
        Self {
            bounds,
            sabotage,
            host: fresh_host(sabotage),
            record: Standing { version: Version(1), record },
            before: None,
            written: Written { inc: 0, seq: 0, durable, from: 0, entries: Vec::new(), finals: Vec::new() },
            taken: Taken { inc: 0, seq: 0, floor: Floor::default(), committed: Vec::new() },
            makers: Vec::new(),
            takers: Vec::new(),
            crashes: 0,
            nonces: 0,
            lent: Vec::new(),
            sealed: Vec::new(),
            fence: 0,
        }
    }

    /// What a search should have come by, or it shows nothing.
    pub(crate) fn sights(&self) -> Sights {
        let record = &self.record.record;
        let everything = usize::from(self.bounds.items);
        let fenced = |error: Option<EdgeError>| matches!(error, Some(EdgeError::Fenced { .. }));
        let whole = self.taken.committed.len() == everything && record.floor.off as usize == everything;
        Sights {
            whole,
            whole_after_move: whole && record.generation.get() > 1,
            whole_after_crash: whole && self.crashes > 0,
            rolled_back: self.takers.iter().any(|taker| taker.machine.rollbacks() > 0),
            maker_fenced: self.makers.iter().any(|maker| fenced(maker.machine.error())),
            taker_fenced: self.takers.iter().any(|taker| fenced(taker.machine.error())),
            drained: record.segs().len() > 1,
            complained: record.complaint.generation.get() > 0,
        }
    }
}

/// The chain of items, each produced by the life that it names.
pub(crate) fn chain(items: &[Item]) -> Chain {
    (0..).zip(items).fold(Chain::EMPTY, |chain, (off, item)| {
        ChainKind::Origin.extend(chain, off, Label(u128::from(item[0])))
    })
}
