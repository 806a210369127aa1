extern crate std;

use super::{CreateError, Phase, Position, Segment};
use crate::Inline;
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::header::{AttachError, Creator, Field, SegmentId};
use crate::join::{JoinError, Start};
use crate::journal::Kind;
use crate::layout::{Layout, Spec};
use crate::local::Local;
use crate::producer::{OpenError, Producer, Tended, Why};
use crate::reader::Reader;
use crate::table::{Identity, Peer, PeerName, Policies, Policy, State};
use core::cell::Cell;
use std::vec::Vec;
use tidemill_seam::{Claimed, Duration, Instant, Life, Liveness};

const WORDS: usize = 1 << 11;
type Memory = Inline<WORDS>;
type Item = [u32; 2];
type Tx<'a, L> = Producer<Item, &'a Memory, &'a L>;
type Rx<'a, L> = Consumer<Item, &'a Memory, &'a L>;
type Ui<'a, L> = Reader<Item, &'a Memory, &'a L>;

const WHO: Identity = Identity { process: 1, started: 2, namespace: 3 };

/// Claims of which some holders are dead, as the test has it.
#[derive(Default)]
struct World {
    local: Local,
    dead: Cell<u64>,
    unknown: Cell<bool>,
    /// Dead ones call as well.
    probes: Cell<u32>,
}

mod begins;
mod filled;
mod laws;
mod managed;
mod managed_layers;
mod noticed;
mod party;
mod regressions;
mod shared;
mod shared_batches;
mod shared_begins;
mod shared_waits;
mod waits;
mod words;

impl World {
    /// Whoever holds the claim of `slot` is dead: it stores nothing more.
    fn kill(&self, slot: u32) {
        let generation = self.holder(slot).expect("somebody lives there");
        self.local.release(slot, generation);
        self.dead.set(self.dead.get() + 1);
    }

    fn holder(&self, slot: u32) -> Option<u32> {
        (0..64).find(|generation| self.local.probe(slot, *generation) == Life::Alive)
    }
}

impl Liveness for World {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.local.claim(slot, generation)
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        self.probes.set(self.probes.get() + 1);
        if self.unknown.get() { Life::Unknown } else { self.local.probe(slot, generation) }
    }
    fn release(&self, slot: u32, generation: u32) {
        self.local.release(slot, generation);
    }
}

fn spec(capacity: u32) -> Spec {
    Spec::of::<Item>(capacity).line(1).page(1).participants(4).journal(16)
}

fn item(i: u64) -> Item {
    [i as u32, !(i as u32)]
}

fn made<'a>(memory: &'a Memory, world: &World, spec: &Spec) -> Segment<&'a Memory> {
    Segment::create(memory, spec, SegmentId(1), Creator::default(), world).expect("it fits")
}

fn attached(memory: &Memory) -> Segment<&Memory> {
    Segment::attach(memory).expect("it was made")
}

fn producer<'a>(memory: &'a Memory, world: &'a World) -> Tx<'a, World> {
    attached(memory).producer(world, WHO).expect("nobody else produces")
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

fn consumer<'a>(memory: &'a Memory, world: &'a World, name: &str, start: Start) -> Rx<'a, World> {
    attached(memory).consumer(world, &peer(name), start).expect("there is room")
}

fn reader<'a>(memory: &'a Memory, world: &'a World, name: &str, policy: Policy) -> Ui<'a, World> {
    attached(memory).reader(world, &peer(name).policy(policy), Start::Earliest).expect("there is room")
}

/// Takes what waits. Everything has to be whole and in order.
fn drain<L: Liveness>(rx: &mut Rx<'_, L>) -> core::ops::Range<u64> {
    let first = rx.position().0;
    while let Some(Next::Item(lease)) = rx.try_next() {
        assert_eq!(*lease, item(lease.position().0));
    }
    first..rx.position().0
}

fn push<L: Liveness>(tx: &mut Tx<'_, L>, n: u64) {
    for _ in 0..n {
        let at = tx.published();
        assert_eq!(tx.try_push(item(at.0)), Ok(at));
    }
}
