//! A producer and four who read, each under its own policy, over one segment in shared memory.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_ring::Layout;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{
    Consumer, JoinError, Next, Peer, PeerName, Policy, Producer, Reader, Segment, Spec, Start,
};
use tidemill_sim::{Arena, Duration, Env, Lateness, MachineId, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::watch::{Handled, Item, item, watch};

pub(crate) const TICK: Duration = Duration::from_nanos(100);
/// Between a death and the next life.
pub(crate) const DOWN: Duration = Duration::from_nanos(700);
const HOLD: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_micros(200);

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) items: u64,
    pub(crate) capacity: u32,
    /// Who dies is back after a while.
    pub(crate) returns: bool,
    /// Who takes part besides `risk`.
    pub(crate) lossy: bool,
    pub(crate) slow: bool,
    pub(crate) second: bool,
    /// Stores are seen late, and probes are in doubt.
    pub(crate) late: bool,
    /// The segment is there already.
    pub(crate) made: bool,
}

impl Plan {
    pub(crate) const ALL: Self = Self {
        items: 10,
        capacity: 4,
        returns: true,
        lossy: true,
        slow: true,
        second: true,
        late: false,
        made: false,
    };
    pub(crate) const SMALL: Self = Self {
        items: 4,
        capacity: 2,
        returns: true,
        lossy: false,
        slow: false,
        second: false,
        late: false,
        made: true,
    };
}

/// What the laws look at in the end.
#[derive(Default)]
pub(crate) struct Desk {
    /// Items that `risk` took, all its lives together.
    pub(crate) taken: Cell<u64>,
    pub(crate) evicted: Cell<u64>,
    pub(crate) lagged: Cell<u64>,
    pub(crate) restarted: Cell<u64>,
    pub(crate) crashed: Cell<bool>,
    handled: Rc<Handled>,
    plan: Cell<Option<Plan>>,
}

impl Desk {
    fn plan(&self) -> Plan {
        self.plan.get().expect("the story has a plan")
    }
}

impl Plan {
    fn spec(self) -> Spec {
        let (participants, journal) = if self.made { (2, 0) } else { (5, 8) };
        let spec = Spec::of::<Item>(self.capacity).line(1).page(1).history(1);
        spec.participants(participants).journal(journal)
    }
}

/// Plays the story to its end, and judges it.
pub(crate) fn play(sim: &mut Sim, plan: Plan) -> Rc<Desk> {
    let host = sim.machine("host");
    let words = Layout::of(&plan.spec()).expect("a ring").words();
    let arena = sim.arena(host, "segment", words);
    let desk = Rc::new(Desk::default());
    desk.plan.set(Some(plan));
    let since = watch(&arena, &desk.handled, plan.late);
    if plan.late {
        let (rate, order) = (Rate::percent(40), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 30, within: TICK.saturating_mul(2), order }));
        arena.doubt(Rate::percent(30));
    }
    let world = (host, &arena, &desk);
    if plan.made {
        spawn(
            sim,
            world,
            "maker",
            |env, mapping, desk| async move { drop(come(&env, &mapping, &desk).await) },
        );
        sim.run_for(TICK).expect_ok();
    }
    spawn(sim, world, "producer", produce);
    spawn(sim, world, "risk", risk);
    if plan.second {
        spawn(sim, world, "second", second);
    }
    if plan.lossy {
        spawn(sim, world, "lossy", lossy);
    }
    if plan.slow {
        spawn(sim, world, "slow", slow);
    }
    since.the_crash_point(sim);
    sim.run_for(PATIENCE).expect_ok();
    desk
}

/// A process of the story, which has the arena mapped and shares what the story writes down.
pub(crate) fn spawn<D: 'static, F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    (host, arena, desk): (MachineId, &Arena, &Rc<D>),
    name: &str,
    body: fn(Env, Mapping, Rc<D>) -> F,
) {
    let (arena, desk) = (arena.clone(), Rc::clone(desk));
    sim.spawn_async(host, name, move |env| {
        let mapping = env.seams().map(&arena);
        body(env, mapping, Rc::clone(&desk))
    });
}

/// Whoever comes first makes the segment.
async fn come(env: &Env, mapping: &Mapping, desk: &Desk) -> Segment<Mapping> {
    loop {
        if let Ok(segment) = Segment::attach(mapping.clone()) {
            return segment;
        }
        let live = mapping.liveness();
        let made =
            Segment::create(mapping.clone(), &desk.plan().spec(), SegmentId(1), Creator::default(), &live);
        if let Ok(segment) = made {
            return segment;
        }
        env.sleep(TICK).await;
    }
}

async fn produce(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let items = desk.plan().items;
    let mut tx: Producer<Item, Mapping, SimLiveness> = loop {
        if let Ok(tx) = come(&env, &mapping, &desk).await.producer(mapping.liveness(), Identity::default()) {
            break tx;
        }
        env.sleep(TICK).await;
    };
    // As whoever coordinates would: nothing is published before it is heard.
    let heard = |one: tidemill_ring::segment::Participant| {
        one.ctl.state == State::Live && one.name.is_some_and(|name| name.as_str() == "risk")
    };
    for _ in 0..60 {
        if come(&env, &mapping, &desk).await.participants().any(heard) {
            break;
        }
        env.sleep(TICK).await;
    }
    while tx.published().0 < items {
        let at = tx.published().0;
        let done = if at % 3 == 1 && at + 2 <= items && tx.batch_max() >= 2 {
            tx.try_batch(2, |at| item(at.0)).is_ok()
        } else {
            tx.try_push(item(at)).is_ok()
        };
        if !done {
            tx.tend(env.now());
        }
        env.sleep(TICK).await;
    }
    tx.close();
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

async fn join(
    env: &Env,
    mapping: &Mapping,
    desk: &Desk,
    peer: Peer,
    start: Start,
) -> Consumer<Item, Mapping, SimLiveness> {
    loop {
        match come(env, mapping, desk).await.consumer(mapping.liveness(), &peer, start) {
            Ok(rx) => return rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn read(
    env: &Env,
    mapping: &Mapping,
    desk: &Desk,
    peer: Peer,
    start: Start,
) -> Reader<Item, Mapping, SimLiveness> {
    loop {
        match come(env, mapping, desk).await.reader(mapping.liveness(), &peer, start) {
            Ok(rx) => return rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    }
}

/// Loses nothing: its place is kept while it is dead.
async fn risk(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    if desk.taken.get() == desk.plan().items {
        return;
    }
    let mut rx = join(&env, &mapping, &desk, peer("risk").hold(HOLD), Start::Resume).await;
    let (first, taken) = (rx.position().0, desk.taken.get());
    // Whoever died between an item and its acknowledgement sees that one again.
    assert!(first == taken || first + 1 == taken, "begins at {first} after {taken}");
    follow(&env, &mut rx, &desk, |at| desk.taken.set(at + 1)).await;
}

/// Reads on where it stopped, if somebody kept that for it.
async fn second(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let mut rx = join(&env, &mapping, &desk, peer("second"), Start::Resume).await;
    follow(&env, &mut rx, &desk, |_| ()).await;
}

async fn follow(
    env: &Env,
    rx: &mut Consumer<Item, Mapping, SimLiveness>,
    desk: &Desk,
    mut took: impl FnMut(u64),
) {
    loop {
        let next = rx.position().0;
        match step(rx, next, &mut took) {
            Some(Next::Item(())) if (next + 1).is_multiple_of(3) => continue,
            Some(Next::Item(())) => assert_eq!(rx.position().0, next + 1),
            Some(Next::Restarted { old, new }) => {
                assert!(old < new);
                desk.restarted.set(desk.restarted.get() + 1);
            }
            Some(Next::Closed(_)) => return,
            Some(other) => panic!("a consumer hears {other:?}"),
            None if rx.tend().is_some() => {
                desk.crashed.set(true);
                if !desk.plan().returns {
                    return;
                }
            }
            None => {}
        }
        env.sleep(TICK).await;
    }
}

/// Handles what comes next; the item is acknowledged afterwards.
fn step(
    rx: &mut Consumer<Item, Mapping, SimLiveness>,
    next: u64,
    took: &mut impl FnMut(u64),
) -> Option<Next<()>> {
    let heard = rx.try_next()?.map(|lease| {
        assert_eq!((lease.position().0, *lease), (next, item(next)), "RL-1");
        took(next);
    });
    Some(heard)
}

/// Is told what it missed.
async fn lossy(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    desk.handled.slot.set(None);
    let mut ui = read(&env, &mapping, &desk, peer("lossy").policy(Policy::Lossy), Start::Earliest).await;
    desk.handled.items.set(0);
    desk.handled.slot.set(Some(ui.slot()));
    loop {
        let next = ui.position().0;
        match ui.try_next() {
            Some(Next::Item(got)) => {
                assert_eq!(got, item(next), "RL-5");
                desk.handled.items.set(desk.handled.items.get() + 1);
            }
            Some(Next::Lagged { from, to }) => {
                assert!(from.0 == next && to > from);
                desk.lagged.set(desk.lagged.get() + to.0 - from.0);
            }
            Some(Next::Restarted { .. }) => {}
            Some(Next::Closed(_)) => return,
            Some(other) => panic!("a lossy reader hears {other:?}"),
            None if ui.tend().is_some() && !desk.plan().returns => return,
            None => {}
        }
        env.sleep(TICK.saturating_mul(if next.is_multiple_of(4) { 9 } else { 1 })).await;
    }
}

/// Too slow for its policy, again and again.
async fn slow(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let evict = Policy::Evict { after: TICK.saturating_mul(4) };
    loop {
        let mut reader = read(&env, &mapping, &desk, peer("slow").policy(evict), Start::Latest).await;
        loop {
            let next = reader.position().0;
            match reader.try_next() {
                Some(Next::Item(got)) => assert_eq!(got, item(next), "RL-5"),
                Some(Next::Evicted { at }) => {
                    assert_eq!(at.0, next);
                    desk.evicted.set(desk.evicted.get() + 1);
                    break;
                }
                Some(Next::Restarted { .. }) => {}
                Some(Next::Closed(_)) => return,
                Some(other) => panic!("a slow reader hears {other:?}"),
                None if reader.tend().is_some() && !desk.plan().returns => return,
                None => {}
            }
            env.sleep(TICK.saturating_mul(13)).await;
        }
    }
}
