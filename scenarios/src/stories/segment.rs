//! producer ═[segment in shared memory]═▶ keeper      whole, in order and once, whoever dies at any store
//!                      ╠═══════════════▶ screen      may be overtaken, and knows by how much
//!                      ╚═══════════════▶ sluggard    too slow, evicted, and back again
//!
//! The shipped segment, made by whoever comes first. Everybody may die at any store and comes back; stores are seen late,
//! and now and then nobody can say whether a dead one is dead. The keeper's place is kept while it is away, so that it
//! misses nothing; the screen counts what it was told it missed, and the segment's account of it has to say the same.

use super::{broken, law};
use std::cell::Cell;
use std::rc::Rc;
use tidemill_ring::coordinate::{self, Coordinate};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{
    Consumer, JoinError, Layout, Next, Peer, PeerName, Policy, Producer, Reader, Segment, Spec, Start,
};
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Arena, Env, Failure, Lateness, MachineId, Mapping, Rate, Sim, SimLiveness, StoreCrash, StoreOrder,
    expects, reachable,
};

pub(super) const STORY: Story = Story {
    name: "segment",
    picture: "producer ═[segment in shared memory]═▶ keeper, screen, sluggard",
    about: "readers of a segment get what their policy promises, wherever anybody dies and however late stores are seen",
    seeds: 500,
    must: Must::Pass,
    params: &[
        Param {
            name: "items",
            default: 60,
            range: 1..=100_000,
            about: "items published",
            shrink: Shrink::Items,
        },
        Param {
            name: "readers",
            default: 2,
            range: 0..=2,
            about: "readers beside the keeper: a screen, then a sluggard",
            shrink: Shrink::Machines,
        },
        Param {
            name: "deaths",
            default: 40,
            range: 0..=90,
            about: "lives of a hundred that end at a store",
            shrink: Shrink::Faults,
        },
        Param {
            name: "late",
            default: 30,
            range: 0..=100,
            about: "stores of a hundred that are seen late",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const TICK: Duration = Duration::from_nanos(100);
/// Between a death and the next life.
const DOWN: Duration = Duration::from_nanos(700);
/// How long the keeper's place is kept: longer than it is ever away.
const HOLD: Duration = Duration::from_secs(1);
/// What lives that end early may take besides the items.
const PATIENCE: Duration = Duration::from_millis(5);
const DOUBT: Rate = Rate::percent(20);

type Item = [u32; 2];

const fn item(at: u64) -> Item {
    [at as u32, !(at as u32)]
}

/// What outlives every process, and what the laws look at.
#[derive(Default)]
struct Desk {
    items: u64,
    capacity: u32,
    /// Items that the keeper handled, in all its lives.
    taken: Cell<u64>,
    /// Whether the keeper heard the end.
    ended: Cell<bool>,
}

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let capacity = 2 << sim.choose("capacity", 3);
    let desk = Rc::new(Desk { items: params.get("items"), capacity, ..Desk::default() });
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&desk.spec()).expect("such a ring can be").words());
    let (late, within) = (Rate::percent(params.get("late") as u32), TICK.saturating_mul(20));
    arena.delay(Some(Lateness { rate: late, accesses: 30, within, order: StoreOrder::PerWord }));
    arena.doubt(DOUBT);
    let rate = Rate::percent(params.get("deaths") as u32);
    let world = (host, &arena, &desk, rate);
    spawn(sim, world, "producer", produce);
    spawn(sim, world, "keeper", keep);
    if params.get("readers") > 0 {
        spawn(sim, world, "screen", show);
    }
    if params.get("readers") > 1 {
        expects!(sim, "a reader that was too slow is out");
        spawn(sim, world, "sluggard", lag);
    }
    broken(sim.run_for(PATIENCE + TICK.saturating_mul(100 * desk.items)))?;
    let (taken, items) = (desk.taken.get(), desk.items);
    law(sim, "every item arrives", taken == items, || format!("{taken} of {items} did"))?;
    law(sim, "the keeper hears the end", desk.ended.get(), || "it still waits".to_owned())
}

impl Desk {
    fn spec(&self) -> Spec {
        Spec::of::<Item>(self.capacity).line(1).page(1).history(1).participants(4).journal(8)
    }
}

fn spawn<F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    (host, arena, desk, rate): (MachineId, &Arena, &Rc<Desk>, Rate),
    name: &str,
    body: fn(Party) -> F,
) {
    let (arena, shared) = (arena.clone(), Rc::clone(desk));
    let process = sim.spawn_async(host, name, move |env| {
        let mapping = env.seams().map(&arena);
        body(Party { env, mapping, desk: Rc::clone(&shared) })
    });
    // About four stores an item, and a few hundred to make the segment: a life may end anywhere, and need not end before.
    let within = 4 * desk.items + 1_000;
    sim.crash_at_store(process, StoreCrash { rate, within, restart: Some(DOWN) });
}

/// One life of one of them.
struct Party {
    env: Env,
    mapping: Mapping,
    desk: Rc<Desk>,
}

impl Party {
    /// The segment: whoever comes first makes it.
    async fn segment(&self) -> Segment<Mapping> {
        let live = self.mapping.liveness();
        loop {
            if let Ok(segment) = Segment::attach(self.mapping.clone()) {
                return segment;
            }
            let made = (SegmentId(1), Creator::default());
            if let Ok(segment) =
                Segment::create(self.mapping.clone(), &self.desk.spec(), made.0, made.1, &live)
            {
                return segment;
            }
            self.rest(1).await;
        }
    }

    async fn rest(&self, most: u64) {
        self.env.sleep(TICK.saturating_mul(1 + self.env.choose("rest", most))).await;
    }

    /// Whether to come again for a place in the table.
    async fn comes_again(&self, error: JoinError) {
        match error {
            JoinError::NameTaken { .. } | JoinError::TableFull { .. } | JoinError::Contended => {}
            other => self.env.fail("there is a place for everybody", other.to_string()),
        }
        self.rest(2).await;
    }

    async fn reader(&self, peer: Peer, start: Start) -> Reader<Item, Mapping, SimLiveness> {
        loop {
            match self.segment().await.reader(self.mapping.liveness(), &peer, start) {
                Ok(reader) => return reader,
                Err(error) => self.comes_again(error).await,
            }
        }
    }

    /// An item that came out has to be the one of its position.
    fn judge(&self, who: &str, at: u64, found: Item) {
        if found != item(at) {
            self.env.fail("whole and in order", format!("{who}: item {at} is {found:x?}"));
        }
    }

    /// What nobody should hear.
    fn unheard_of<T: core::fmt::Debug>(&self, who: &str, news: T) {
        self.env.fail("nobody hears what is not so", format!("{who} hears {news:?}"));
    }
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a short name"))
}

async fn produce(own: Party) {
    let mut ring: Producer<Item, Mapping, SimLiveness> = loop {
        let who = Identity::default();
        if let Ok(ring) = own.segment().await.producer(own.mapping.liveness(), who) {
            break ring;
        }
        own.rest(1).await;
    };
    // Nothing is published before there is a place for the keeper.
    let waits = Coordinate::WaitFor { n: 1, by: HOLD };
    let mut start = coordinate::Start::new(waits, own.env.now(), ring.published().0);
    let table = own.segment().await;
    loop {
        let keeper = table.participants().filter(|one| {
            let there = matches!(one.ctl.state, State::Live | State::Dead | State::Held);
            there && one.name.is_some_and(|name| name.as_str() == "keeper")
        });
        if start.admit(own.env.now(), keeper.count() as u32, ring.published().0).is_ok() {
            break;
        }
        if own.desk.taken.get() == own.desk.items {
            break;
        }
        own.rest(1).await;
    }
    while ring.published().0 < own.desk.items {
        let (at, left) = (ring.published().0, own.desk.items - ring.published().0);
        let two = left > 1 && ring.batch_max() > 1 && own.env.choose("batch", 4) == 1;
        let done =
            if two { ring.try_batch(2, |at| item(at.0)).is_ok() } else { ring.try_push(item(at)).is_ok() };
        if !done {
            ring.tend(own.env.now());
        }
        own.rest(3).await;
    }
    ring.close();
}

/// Misses nothing, although it dies: its place is kept.
async fn keep(own: Party) {
    if own.desk.taken.get() == own.desk.items {
        own.desk.ended.set(true);
        return;
    }
    let mut ring: Consumer<Item, Mapping, SimLiveness> = loop {
        let (live, peer) = (own.mapping.liveness(), peer("keeper").hold(HOLD));
        match own.segment().await.consumer(live, &peer, Start::Resume) {
            Ok(ring) => break ring,
            Err(error) => own.comes_again(error).await,
        }
    };
    // Whoever died between an item and its acknowledgement sees that one again.
    let (first, taken) = (ring.position().0, own.desk.taken.get());
    if first != taken && first + 1 != taken {
        own.env.fail("nothing is missed and nothing comes twice", format!("begins at {first} after {taken}"));
    }
    let table = own.segment().await;
    loop {
        let at = ring.position().0;
        let nothing = match ring.try_next() {
            Some(Next::Item(lease)) => {
                own.judge("keeper", at, *lease);
                own.desk.taken.set(at + 1);
                false
            }
            Some(Next::Restarted { old, new }) if old < new => {
                reachable!(own.env, "a producer comes back");
                false
            }
            Some(Next::Closed(_)) => break,
            Some(other) => {
                own.unheard_of("keeper", other);
                false
            }
            None => true,
        };
        let published = table.published().0;
        if nothing && ring.tend().is_some() && published > at {
            own.unheard_of("keeper", format!("of a death at {at}, and {published} were published"));
        }
        own.rest(3).await;
    }
    own.desk.ended.set(true);
}

/// Shows what it can, and counts what it missed.
async fn show(own: Party) {
    let mut ring = own.reader(peer("screen").policy(Policy::Lossy), Start::Earliest).await;
    let table = own.segment().await;
    let (mut handled, mut missed) = (0, 0);
    loop {
        let at = ring.position().0;
        match ring.try_next() {
            Some(Next::Item(found)) => {
                own.judge("screen", at, found);
                handled += 1;
            }
            Some(Next::Lagged { from, to }) if from.0 == at && to > from => {
                reachable!(own.env, "a reader is overtaken");
                missed += to.0 - from.0;
            }
            Some(Next::Restarted { .. }) | None => {}
            Some(Next::Closed(_)) => break,
            Some(other) => own.unheard_of("screen", other),
        }
        let told = table.participant(ring.slot()).map(|one| (one.account.consumed, one.account.lagged));
        if told != Some((handled, missed)) {
            let found = format!("{handled} were handled and {missed} missed, and {told:?} counted");
            own.env.fail("the account is exact", found);
        }
        own.rest(12).await;
    }
}

/// Too slow for its policy, and back again.
async fn lag(own: Party) {
    let evict = Policy::Evict { after: TICK.saturating_mul(4) };
    loop {
        let mut ring = own.reader(peer("sluggard").policy(evict), Start::Latest).await;
        loop {
            let at = ring.position().0;
            match ring.try_next() {
                Some(Next::Item(found)) => own.judge("sluggard", at, found),
                Some(Next::Evicted { at: told }) => {
                    reachable!(own.env, "a reader that was too slow is out");
                    if told.0 != at {
                        own.unheard_of("sluggard", format!("that it is out at {told}, and was at {at}"));
                    }
                    break;
                }
                Some(Next::Restarted { .. }) | None => {}
                Some(Next::Closed(_)) => return,
                Some(other) => own.unheard_of("sluggard", other),
            }
            own.rest(20).await;
        }
        own.rest(5).await;
    }
}
