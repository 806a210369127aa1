//! Two producers and who reads beside them, as tasks that wait by futures.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use tidemill_ring::table::{Identity, State};
use tidemill_ring::wait::Until;
use tidemill_ring::{Consumer, JoinError, Layout, MultiProducer, Next, Peer, PeerName, Spec, Start};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::tasks::World;
use super::world::{DOWN, TICK};

/// Items of each producer.
const EACH: u32 = 4;
/// A few probes.
const PATIENCE: Duration = Duration::from_millis(150);

type Item = [u32; 2];

#[derive(Default)]
struct Desk {
    /// What each producer has published in all its lives, as far as it lived to count it.
    sent: [Cell<u32>; 2],
    seen: RefCell<BTreeSet<Item>>,
}

impl Desk {
    fn has_all_of(&self, producer: u32) -> bool {
        (0..EACH).all(|number| self.seen.borrow().contains(&[producer, number]))
    }

    fn has_all(&self) -> bool {
        self.has_all_of(0) && self.has_all_of(1)
    }
}

fn spec() -> Spec {
    Spec::of::<Item>(2).line(1).page(1).participants(1).journal(0).producers(2)
}

async fn produce(world: World, desk: Rc<Desk>, producer: u32) {
    let sent = &desk.sent[producer as usize];
    let mut tx: MultiProducer<Item, Mapping, SimLiveness> = loop {
        let place = world.come(&spec()).await.multi_producer(world.words.liveness(), Identity::default());
        if let Ok(tx) = place {
            break tx;
        }
        world.env.sleep(TICK).await;
    };
    // Nothing is published before it is heard.
    for _ in 0..60 {
        if world.come(&spec()).await.participants().any(|one| one.ctl.state == State::Live) {
            break;
        }
        world.env.sleep(TICK).await;
    }
    while sent.get() < EACH {
        let item = [producer, sent.get()];
        let published = tx.publish_in(|_| item, &world, Until::forever()).await;
        published.expect("whoever is dead is waited for no longer");
        sent.set(sent.get() + 1);
        if world.env.chance("rests", Rate::percent(50)) {
            world.env.sleep(TICK).await;
        }
    }
    tx.close();
}

async fn consume(world: World, desk: Rc<Desk>) {
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(TICK);
    let mut rx: Consumer<Item, Mapping, SimLiveness> = loop {
        match world.come(&spec()).await.consumer(world.words.liveness(), &peer, Start::Resume) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => world.env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    while !desk.has_all() {
        match rx.next_in(&world, Until::forever()).await.expect("nothing ends it") {
            Next::Item(lease) => {
                let [producer, number] = *lease;
                // Whoever died behind the item and before it was counted sends it again.
                let sent = desk.sent[producer as usize].get();
                assert!(number <= sent && number < EACH, "RL-1: {number} of {producer}, which sent {sent}");
                desk.seen.borrow_mut().insert(*lease);
            }
            // While nobody has a post the stream is over; somebody may come back.
            Next::Closed(_) => world.env.sleep(TICK).await,
            other => panic!("a consumer hears {other:?}"),
        }
    }
}

fn play(sim: &mut Sim, late: bool) -> Rc<Desk> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&spec()).expect("a ring").words());
    if late {
        let (rate, order) = (Rate::percent(60), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 40, within: TICK.saturating_mul(4), order }));
    }
    let desk = Rc::new(Desk::default());
    let party = {
        let desk = Rc::clone(&desk);
        move |env: Env| (World { words: env.seams().map(&arena), env }, Rc::clone(&desk))
    };
    for (producer, name) in (0..).zip(["one", "two"]) {
        let party = party.clone();
        sim.spawn_async(host, name, move |env| {
            let (world, desk) = party(env);
            produce(world, desk, producer)
        });
    }
    sim.spawn_async(host, "risk", move |env| {
        let (world, desk) = party(env);
        consume(world, desk)
    });
    sim.run_for(PATIENCE).expect_ok();
    desk
}

// RING-ASYNC, RING-MPSC, RING-CRASH: one of two producers that wait by futures, or who reads beside them, dies at every store and
// comes back
#[test]
fn any_task_of_a_crowd_dies_at_every_store_of_its_waits_rl_12_rl_16() {
    for victim in ["one", "risk"] {
        let name = format!("host/{victim}");
        let points = CrashPoints::visit(1, &Victim::new(&name).restarting(DOWN), |sim: &mut Sim| {
            let desk = play(sim, false);
            assert!(desk.has_all(), "everything that is published arrives: {:?}", desk.seen.borrow());
        });
        println!("a crowd of tasks, {victim}: {points}");
        points.expect_ok();
    }
}

// RING-ASYNC, RING-MPSC, RING-MEMORY: however late stores are seen, every item of each arrives
#[test]
fn no_task_of_a_crowd_sleeps_through_what_was_stored_late() {
    for seed in 0..100 {
        assert!(play(&mut Sim::new(seed), true).has_all(), "seed {seed}");
    }
}
