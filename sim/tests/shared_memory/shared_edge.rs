//! An edge of flow between two simulated processes: its laws over an arena, and both ends dead at every store.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_contracts::Effort;
use tidemill_contracts::edge::{SharedRx, SharedTx, shared, shared_words};
use tidemill_flow::shared::{Edge, OpenError, Rx, Shape, Tx};
use tidemill_flow::{Caps, Header};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{JoinError, Next, Peer, PeerName, Spec};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Arena, Duration, Env, Lateness, MachineId, Mapping, Rate, Sim, SimLiveness, StoreOrder};

type Item = [u32; 5];

const TICK: Duration = Duration::from_nanos(100);
const DOWN: Duration = Duration::from_nanos(700);
/// How long the place of a consumer is kept.
const HOLD: Duration = Duration::from_micros(50);
const PATIENCE: Duration = Duration::from_micros(400);

fn item(at: u64) -> Item {
    [at as u32, !(at as u32), 3, 5 * at as u32, 7]
}

/// What the laws look at in the end.
#[derive(Default)]
struct Desk {
    items: Cell<u64>,
    /// Items that came out, each counted once.
    taken: Cell<u64>,
    /// Items that came out again.
    again: Cell<u64>,
    /// Lives of the producer that began with items on the edge.
    inherited: Cell<u64>,
    ended: Cell<bool>,
    judged: Cell<bool>,
}

fn shape() -> Shape {
    Shape::over::<Item>(Spec::of::<u32>(4).line(1).page(1).journal(0)).expect("an edge")
}

fn spawn<F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    (host, arena, desk): (MachineId, &Arena, &Rc<Desk>),
    name: &str,
    body: fn(Env, Mapping, Rc<Desk>) -> F,
) {
    let (arena, desk) = (arena.clone(), Rc::clone(desk));
    sim.spawn_async(host, name, move |env| {
        let mapping = env.seams().map(&arena);
        body(env, mapping, Rc::clone(&desk))
    });
}

/// Whoever comes first makes the edge.
async fn come(env: &Env, mapping: &Mapping) -> Edge<Item, Mapping> {
    loop {
        if let Ok(edge) = Edge::attach(mapping.clone()) {
            return edge;
        }
        let live = mapping.liveness();
        let made = Edge::create(mapping.clone(), &shape(), SegmentId(1), Creator::default(), &live);
        if let Ok(edge) = made {
            return edge;
        }
        env.sleep(TICK).await;
    }
}

async fn sender(env: &Env, mapping: &Mapping) -> Tx<Item, Mapping, SimLiveness> {
    loop {
        let edge = come(env, mapping).await;
        match edge.tx(mapping.liveness(), Identity::default(), Caps::wait(4)) {
            Ok(tx) => return tx,
            Err(OpenError::Ring(_)) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn receiver(env: &Env, mapping: &Mapping) -> Rx<Item, Mapping, SimLiveness> {
    let peer = Peer::new(PeerName::parse("sink").expect("a name")).hold(HOLD);
    loop {
        match come(env, mapping).await.rx(mapping.liveness(), &peer) {
            Ok(rx) => return rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn produce(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let mut tx = sender(&env, &mapping).await;
    let waiting = tx.waiting().items;
    desk.inherited.set(desk.inherited.get() + u64::from(waiting > 0));
    assert!(tx.live() >= waiting && tx.live() <= 4, "X1: {} slots for {waiting} items", tx.live());
    while tx.published().0 < desk.items.get() {
        let at = tx.published().0;
        // One loan is in hand at every store, and given back only in a life that lasts.
        let spare = tx.loan().expect("there are four more slots than tickets");
        let mut loan = tx.loan().expect("there are four more slots than tickets");
        tx.write(&mut loan, 0, &item(at));
        let header = Header::new(at, at, env.now());
        if let Err(bounced) = tx.send(loan, header, size_of::<Item>() as u32, env.now()) {
            tx.abort(bounced.token);
            tx.tend(env.now());
        }
        tx.abort(spare);
        env.sleep(TICK).await;
    }
    tx.close();
}

async fn consume(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    if desk.ended.get() {
        return;
    }
    let mut rx = receiver(&env, &mapping).await;
    assert!(
        rx.position().0 <= desk.taken.get(),
        "X3: begins at {} behind {}",
        rx.position(),
        desk.taken.get()
    );
    loop {
        let at = rx.position().0;
        if !look(at, &mut rx, &desk) {
            if desk.ended.get() {
                return;
            }
            env.sleep(TICK).await;
            continue;
        }
        // What is shown stays what it is until it is released, however long that takes.
        env.sleep(TICK.saturating_mul(3)).await;
        assert!(look(at, &mut rx, &desk), "what was shown is gone");
        rx.pass();
        let (taken, next) = (desk.taken.get(), at + 1);
        desk.again.set(desk.again.get() + u64::from(next <= taken));
        desk.taken.set(taken.max(next));
        // Two are held; the rest goes back.
        rx.release(tidemill_ring::Position(next.saturating_sub(2)));
    }
}

/// Whether the item at that position is shown, whole.
fn look(at: u64, rx: &mut Rx<Item, Mapping, SimLiveness>, desk: &Desk) -> bool {
    match rx.peek() {
        Some(Next::Item(held)) => {
            let (header, mut last) = (*held.header(), [0]);
            held.read(4, &mut last);
            assert_eq!((held.position().0, header.sequence, held.get(), last), (at, at, item(at), [7]));
            true
        }
        Some(Next::Closed(_)) => {
            desk.ended.set(true);
            false
        }
        Some(Next::Restarted { old, new }) => {
            assert!(old < new);
            false
        }
        Some(other) => panic!("a consumer hears {other:?}"),
        None => false,
    }
}

/// Behind everybody: once nobody keeps a place, every slot is free, and each is free once.
async fn judge(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    drop(receiver(&env, &mapping).await);
    let mut tx = sender(&env, &mapping).await;
    tx.recover();
    assert_eq!(tx.live(), 0, "X2: every slot is free");
    let loans: Vec<_> = (0..shape().slots()).map(|_| tx.loan().expect("as many as there are")).collect();
    assert!(tx.loan().is_none(), "X2: a slot is free twice");
    loans.into_iter().for_each(|loan| tx.abort(loan));
    desk.judged.set(true);
}

/// Makes the edge and leaves it: nobody who is killed makes one then.
async fn make(env: Env, mapping: Mapping, _: Rc<Desk>) {
    drop(come(&env, &mapping).await);
}

/// Plays to the end. What was sent has arrived then, and every slot is free.
fn play(sim: &mut Sim, items: u64, made: bool, disturb: impl FnOnce(&mut Sim, &Arena)) -> Rc<Desk> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "edge", shape().words());
    let desk = Rc::new(Desk::default());
    desk.items.set(items);
    let world = (host, &arena, &desk);
    if made {
        spawn(sim, world, "maker", make);
        sim.run_for(TICK).expect_ok();
    }
    spawn(sim, world, "producer", produce);
    spawn(sim, world, "consumer", consume);
    disturb(sim, &arena);
    sim.run_for(PATIENCE).expect_ok();
    assert_eq!((desk.taken.get(), desk.ended.get()), (items, true), "X3: everything arrives");
    spawn(sim, world, "judge", judge);
    sim.run_for(PATIENCE).expect_ok();
    assert!(desk.judged.get(), "X2: somebody is not proved dead");
    desk
}

// RING-EDGE, RING-CRASH: the process that sends dies at every store, of making, opening, writing, sending, and taking back.
#[test]
fn who_sends_dies_at_every_store_and_every_slot_has_one_owner() {
    let again = Cell::new(0);
    let victim = Victim::new("host/producer").restarting(DOWN);
    let points = CrashPoints::visit(1, &victim, |sim: &mut Sim| {
        let desk = play(sim, 12, false, |_, _| ());
        again.set(again.get() + desk.inherited.get());
    });
    println!("producer: {points}");
    points.expect_ok();
    assert!(again.get() > 20, "{} lives began with items on the edge", again.get());
}

// RING-EDGE, RING-CRASH: the process that receives dies at every store; what it had not released comes again, nothing else.
#[test]
fn who_receives_dies_at_every_store_and_what_it_held_comes_again() {
    let again = Cell::new(0);
    let victim = Victim::new("host/consumer").restarting(DOWN);
    let points = CrashPoints::visit(1, &victim, |sim: &mut Sim| {
        let desk = play(sim, 12, false, |_, _| ());
        assert!(desk.again.get() <= 3, "{} items came again", desk.again.get());
        again.set(again.get() + desk.again.get());
    });
    println!("consumer: {points}");
    points.expect_ok();
    assert!(again.get() > 10, "{} items came again", again.get());
}

// RING-EDGE, RING-CRASH: the successor of who died dies too, and so does the one at the other end, at every pair of stores.
#[test]
fn two_die_at_every_pair_of_stores() {
    let [producer, consumer] =
        ["host/producer", "host/consumer"].map(|name| Victim::new(name).restarting(DOWN));
    for (first, second, items) in [(&producer, &producer, 1), (&consumer, &producer, 2)] {
        let points = CrashPoints::visit_pairs(1, first, second, |sim: &mut Sim| {
            play(sim, items, true, |_, _| ());
        });
        println!("{} and {}: {points}", first.process, second.process);
        points.expect_ok();
    }
}

// RING-EDGE, RING-MEMORY: the same however late stores are seen, and however often nothing can be proved.
#[test]
fn late_stores_and_doubtful_proofs_change_nothing() {
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        play(&mut sim, 40, false, |sim, arena| {
            let (rate, order) = (Rate::percent(40), StoreOrder::PerWord);
            arena.delay(Some(Lateness { rate, accesses: 30, within: TICK.saturating_mul(2), order }));
            arena.doubt(Rate::percent(30));
            let who = ["host/producer", "host/consumer"][seed as usize % 2];
            sim.after(TICK.saturating_mul(10 + seed % 50), move |sim| {
                let process = sim.processes().find(|process| sim.name(*process) == who).expect("it is there");
                sim.kill(process);
                sim.after(DOWN, move |sim| sim.restart(process));
            });
        });
    }
}

// SIM-CONTRACTS: the suite over an arena.
// RING-EDGE: the laws of an edge, between two mappings of one arena.
#[test]
fn an_edge_between_two_mappings_keeps_the_laws_of_an_edge() {
    let worlds = RefCell::new(Vec::new());
    let make = |caps: Caps, start| {
        (caps.hard_items <= 16).then(|| {
            let mut sim: Sim = Sim::new(1);
            let ends = between(&mut sim, caps, start);
            worlds.borrow_mut().push(sim);
            ends
        })?
    };
    if let Err(violation) = tidemill_contracts::edge(make, Effort::Quick) {
        panic!("{violation}");
    }
}

type Ends = (SharedTx<Mapping, SimLiveness>, SharedRx<Mapping, SimLiveness>);

fn between(sim: &mut Sim, caps: Caps, start: u32) -> Option<Ends> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "edge", shared_words(&caps));
    let [one, other] = ["one", "other"].map(|name| {
        let (arena, shown) = (arena.clone(), Rc::new(RefCell::new(None)));
        let shows = Rc::clone(&shown);
        sim.spawn_async(host, name, move |env| {
            *shows.borrow_mut() = Some(env.seams().map(&arena));
            async {}
        });
        shown.take().expect("it was born")
    });
    let party = |mapping: Mapping| {
        let live = mapping.liveness();
        (mapping, live)
    };
    shared(party(one), party(other), caps, start)
}
