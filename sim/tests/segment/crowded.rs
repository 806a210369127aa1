//! Two producers and who reads beside them, all asleep whenever they wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::wait::Parking;
use tidemill_ring::{Consumer, JoinError, Layout, MultiProducer, Next, Peer, PeerName, Segment, Spec, Start};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Mapping, Sim, SimLiveness};

use super::world::{DOWN, TICK};

/// Items of each producer.
const EACH: u32 = 4;
const PATIENCE: Duration = Duration::from_micros(300);
const HOLD: Duration = Duration::from_micros(20);
const PROBE: Duration = TICK.saturating_mul(9);

type Item = [u32; 2];

#[derive(Default)]
struct Desk {
    /// What each producer has published in all its lives, as far as it lived to count it.
    sent: [Cell<u32>; 2],
    seen: RefCell<BTreeSet<Item>>,
    slept: Cell<u64>,
}

impl Desk {
    fn has_all_of(&self, producer: u32) -> bool {
        (0..EACH).all(|number| self.seen.borrow().contains(&[producer, number]))
    }
}

/// One party: its words, and what the laws look at.
struct Party {
    env: Env,
    mapping: Mapping,
    desk: Rc<Desk>,
}

impl Party {
    fn spec() -> Spec {
        Spec::of::<Item>(2).line(1).page(1).participants(1).journal(0).producers(2)
    }

    async fn come(&self) -> Segment<Mapping> {
        loop {
            if let Ok(segment) = Segment::attach(self.mapping.clone()) {
                return segment;
            }
            let (mapping, live) = (self.mapping.clone(), self.mapping.liveness());
            let made = Segment::create(mapping, &Self::spec(), SegmentId(1), Creator::default(), &live);
            if let Ok(segment) = made {
                return segment;
            }
            self.env.sleep(TICK).await;
        }
    }

    async fn doze(&self, bed: u32) {
        self.desk.slept.set(self.desk.slept.get() + 1);
        self.mapping.doze(&self.env, bed, Parking::<Mapping>::ASLEEP, PROBE).await;
    }
}

async fn produce(party: Party, producer: u32) {
    let sent = &party.desk.sent[producer as usize];
    let mut tx: MultiProducer<Item, Mapping, SimLiveness> = loop {
        let segment = party.come().await;
        if let Ok(tx) = segment.multi_producer(party.mapping.liveness(), Identity::default()) {
            break tx;
        }
        party.env.sleep(TICK).await;
    };
    // Nothing is published before it is heard.
    for _ in 0..60 {
        let segment = party.come().await;
        if segment.participants().any(|one| one.ctl.state == State::Live) {
            break;
        }
        party.env.sleep(TICK).await;
    }
    while sent.get() < EACH {
        if tx.try_push([producer, sent.get()]).is_ok() {
            sent.set(sent.get() + 1);
            if sent.get() == EACH / 2 {
                party.env.sleep(PROBE).await;
            }
            continue;
        }
        tx.tend(party.env.now());
        if tx.lie_down(1) {
            party.doze(tx.bed()).await;
        }
    }
    tx.close();
}

async fn consume(party: Party) {
    let (env, desk) = (party.env.clone(), Rc::clone(&party.desk));
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(HOLD);
    let mut rx: Consumer<Item, Mapping, SimLiveness> = loop {
        match party.come().await.consumer(party.mapping.liveness(), &peer, Start::Resume) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    while !(desk.has_all_of(0) && desk.has_all_of(1)) {
        // Seen before it is acknowledged.
        let heard = rx.try_next().map(|next| {
            next.map(|lease| {
                let [producer, number] = *lease;
                // Whoever died behind the item and before it was counted sends it again.
                let sent = desk.sent[producer as usize].get();
                assert!(number <= sent && number < EACH, "RL-1: {number} of {producer}, which sent {sent}");
                desk.seen.borrow_mut().insert(*lease);
            })
        });
        match heard {
            Some(Next::Item(())) => env.sleep(TICK.saturating_mul(2)).await,
            // While nobody has a post the stream is over; somebody may come back.
            Some(Next::Closed(_)) => env.sleep(PROBE).await,
            Some(other) => panic!("a consumer hears {other:?}"),
            None => {
                rx.tend();
                if rx.lie_down() {
                    party.doze(rx.bed()).await;
                }
            }
        }
    }
}

fn play(sim: &mut Sim) -> Rc<Desk> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&Party::spec()).expect("a ring").words());
    let desk = Rc::new(Desk::default());
    let party = {
        let desk = Rc::clone(&desk);
        move |env: Env| Party { mapping: env.seams().map(&arena), env, desk: Rc::clone(&desk) }
    };
    let (first, second, third) = (party.clone(), party.clone(), party);
    sim.spawn_async(host, "one", move |env| produce(first(env), 0));
    sim.spawn_async(host, "two", move |env| produce(second(env), 1));
    sim.spawn_async(host, "risk", move |env| consume(third(env)));
    sim.run_for(PATIENCE).expect_ok();
    desk
}

// RING-WAIT, RING-MPSC, RING-CRASH: one of two producers, or who reads beside them, dies at every store while everybody sleeps
// whenever it waits: the others go on, and what was published arrives (RL-12, RL-16).
#[test]
fn who_sleeps_in_a_crowd_is_woken_whoever_dies_at_whatever_store_rl_12_rl_16() {
    let desk = play(&mut Sim::new(1));
    assert!(desk.has_all_of(0) && desk.has_all_of(1), "{:?}", desk.seen.borrow());
    assert!(desk.slept.get() >= 4, "{} sleeps", desk.slept.get());
    for victim in ["one", "risk"] {
        for returns in [true, false] {
            let name = format!("host/{victim}");
            let who = Victim::new(&name);
            let who = if returns { who.restarting(DOWN) } else { who };
            let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
                let desk = play(sim);
                let died = sim.stats().store_deaths > 0;
                if returns || !died {
                    assert!(desk.has_all_of(0), "the first one's items arrive");
                }
                if returns || !died || victim == "one" {
                    assert!(desk.has_all_of(1), "the second one's items arrive");
                }
            });
            println!("crowd, {victim}, {}: {points}", if returns { "back again" } else { "gone for good" });
            points.expect_ok();
        }
    }
}
