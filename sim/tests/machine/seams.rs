//! The simulated seams are judged by the contracts that judge every world.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_contracts::link::Ends;
use tidemill_contracts::{Effort, clock::Pace, entropy::Bits};
use tidemill_seam::{Clock, Duration, Notify, Stream, Streams};
use tidemill_sim::{
    Config, Context, Event, LinkConfig, MachineId, Process, Rate, Seams, Sim, SimLink, StreamConfig,
};

/// Lives, and leaves its seams to the test.
struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

fn inhabited(sim: &mut Sim<Idle>, name: &str) -> Seams {
    let machine = sim.machine(name);
    resident(sim, machine, "idle")
}

fn resident(sim: &mut Sim<Idle>, machine: MachineId, name: &str) -> Seams {
    let shown = Rc::new(RefCell::new(None));
    let into = Rc::clone(&shown);
    sim.spawn_with(machine, name, move |seams| {
        *into.borrow_mut() = Some(seams.clone());
        Idle
    });
    shown.take().expect("the factory ran")
}

// SIM-CONTRACTS: the simulated clock
#[test]
fn the_clock_keeps_its_laws_at_any_rate() {
    for ppm in [0, 300, -300] {
        let mut sim = Sim::new(1);
        let seams = inhabited(&mut sim, "host");
        let host = sim.address(seams.me()).machine;
        sim.set_clock_rate(host, ppm);
        let pace = Pace::Virtual { drift_ppm: i32::unsigned_abs(ppm) };
        tidemill_contracts::clock(
            || seams.clock(),
            |span| sim.run_for(span).expect_ok(),
            pace,
            Effort::Quick,
        )
        .unwrap();
    }
}

// SIM-CONTRACTS: simulated entropy
#[test]
fn entropy_keeps_its_laws() {
    let pair = || {
        let mut sim = Sim::new(42);
        (inhabited(&mut sim, "a").entropy(), inhabited(&mut sim, "b").entropy())
    };
    tidemill_contracts::entropy(pair, Bits::Seeded, Effort::Quick).unwrap();
}

// SIM-CONTRACTS: the simulated bell
#[test]
fn notify_keeps_its_laws() {
    let sim = RefCell::new(Sim::new(1));
    let seams = inhabited(&mut sim.borrow_mut(), "host");
    struct Waiting<'a>(tidemill_sim::SimClock, &'a RefCell<Sim<Idle>>);
    impl Clock for Waiting<'_> {
        fn now(&self) -> tidemill_seam::Instant {
            self.1.borrow_mut().run_for(Duration::from_millis(1)).expect_ok();
            self.0.now()
        }
    }
    tidemill_contracts::notify(|| seams.notify(), &Waiting(seams.clock(), &sim), Effort::Quick).unwrap();
}

fn link_laws(config: LinkConfig) {
    let sim = RefCell::new(Sim::with(7, Config { mtu: 1400, inbox_max: 1 << 20, ..Config::default() }));
    sim.borrow_mut().links(config);
    let mut pairs = 0;
    let make = || {
        pairs += 1;
        let mut sim = sim.borrow_mut();
        let left = inhabited(&mut sim, &format!("left{pairs}")).link();
        let right = inhabited(&mut sim, &format!("right{pairs}")).link();
        sim.run().expect_ok();
        let (to_left, to_right) = (left.address(), right.address());
        Ends::<SimLink, SimLink> { left, right, to_left, to_right }
    };
    let settle = || sim.borrow_mut().run().expect_ok();
    tidemill_contracts::link(make, settle, &mut [0; 4096], Effort::Quick).unwrap();
}

// SIM-CONTRACTS: simulated links, under the suite that judges UDP
#[test]
fn links_keep_their_laws_however_lossy_they_are() {
    link_laws(LinkConfig::PERFECT);
    let rate = Rate::percent(20);
    link_laws(LinkConfig { loss: rate, duplicate: rate, reorder: rate, ..LinkConfig::default() });
}

// SIM-CONTRACTS: simulated arenas
#[test]
fn an_arena_keeps_its_laws_through_two_mappings() {
    let mut sim = Sim::new(1);
    let host = sim.machine("host");
    let [one, other] = ["one", "other"].map(|name| resident(&mut sim, host, name));
    let mut number = 0;
    let mut views = |words| {
        number += 1;
        let arena = sim.arena(host, &format!("ring{number}"), words);
        (one.map(&arena), other.map(&arena))
    };
    tidemill_contracts::region_views(&mut views, Effort::Quick).unwrap();
    tidemill_contracts::region_lent(&mut views, Effort::Quick).unwrap();
    tidemill_contracts::exchange(views, Effort::Quick).unwrap();
}

#[test]
fn a_notified_process_runs_and_one_notified_twice_runs_once() {
    struct Counts(Rc<RefCell<u32>>);
    impl Process for Counts {
        fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
            *self.0.borrow_mut() += u32::from(event == Event::Notified);
        }
    }
    let (mut sim, count) = (Sim::new(1), Rc::new(RefCell::new(0)));
    let (host, bell, counter) = (sim.machine("host"), Rc::new(RefCell::new(None)), Rc::clone(&count));
    let shown = Rc::clone(&bell);
    sim.spawn_with(host, "counts", move |seams| {
        *shown.borrow_mut() = Some(seams.notify());
        Counts(Rc::clone(&counter))
    });
    let bell = bell.take().unwrap();
    bell.notify();
    bell.notify();
    sim.run().expect_ok();
    assert_eq!(*count.borrow(), 1);
    bell.notify();
    sim.run().expect_ok();
    assert_eq!(*count.borrow(), 2);
}

#[test]
fn a_link_of_a_killed_process_is_closed() {
    use tidemill_seam::{Link, RecvError, SendError};
    let mut sim = Sim::new(1);
    let seams = inhabited(&mut sim, "host");
    let mut link = seams.link();
    sim.kill(seams.me());
    assert_eq!(link.send(seams.address(), b"x"), Err(SendError::Closed));
    assert_eq!(link.recv(&mut []), Err(RecvError::Closed));
}

/// Opens streams between two processes that leave their ports to the test.
fn stream_laws(link: LinkConfig, config: StreamConfig) {
    let sim = RefCell::new(Sim::new(7));
    sim.borrow_mut().links(link);
    sim.borrow_mut().streams(config);
    let seams = ["left", "right"].map(|name| inhabited(&mut sim.borrow_mut(), name));
    let mut ports = seams.map(|seams| seams.streams());
    let to = ports[1].address();
    let settle = || sim.borrow_mut().run_for(Duration::from_millis(50)).expect_ok();
    let make = || {
        let mut left = ports[0].connect(to);
        while !left.is_open().unwrap() {
            settle();
        }
        (left, ports[1].accept().expect("whoever opened was accepted").0)
    };
    tidemill_contracts::stream(make, settle, Effort::Quick).unwrap();
}

// SIM-CONTRACTS: streams keep their laws over perfect links and over bad ones.
#[test]
fn streams_keep_their_laws_however_bad_the_links_are() {
    stream_laws(LinkConfig::PERFECT, StreamConfig::default());
    let rate = Rate::percent(10);
    let patience = Duration::from_secs(3_600);
    let config =
        StreamConfig { patience, short: rate, window: 2_000, buffer: 900, ..StreamConfig::default() };
    stream_laws(LinkConfig { loss: rate, reorder: rate, corrupt: rate, ..LinkConfig::default() }, config);
}
