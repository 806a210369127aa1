//! What is public of rings, used as somebody does who comes with the documentation only: one test a row of verbs, on shared
//! memory and in a file.

mod fresh;
mod managed;
mod messages;
mod parties;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_host::ring::{self, AttachError, Builder, Ring};
use tidemill_host::{MonotonicClock, OsEntropy};
use tidemill_ring::header::Field;
use tidemill_ring::name::{Name, NameError};
use tidemill_ring::topology::{Depths, Session, Topology, TopologyError, Workers, session_tag};
use tidemill_ring::wait::{Ended, Until};
use tidemill_ring::{Layout, Next, Position, Segment, Spec, SpecError, Start, Why};
use tidemill_seam::{Clock, Duration};

/// A ring that no other test uses, in shared memory or in a file. Its name goes with it.
struct Own(Ring);

impl Own {
    fn each() -> [Self; 2] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        [None, Some(std::env::temp_dir())].map(|root: Option<PathBuf>| {
            // Relaxed: counts, orders nothing.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let ring = ring::ring(&format!("s{}x{number}", std::process::id())).expect("a name");
            Self(if let Some(root) = root { ring.under(root) } else { ring })
        })
    }

    fn ring(&self) -> Ring {
        self.0.clone()
    }

    fn slots(&self) -> Builder<u64> {
        self.ring().slots(8)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(self.0.path());
    }
}

fn soon(ms: u64) -> Until<'static> {
    Until::deadline(MonotonicClock.now() + Duration::from_millis(ms))
}

// RING-SPMC, RING-POLICY: a ring by its name; one who produces, one who is waited for and one who is not
#[test]
fn surface_builder() {
    for own in Own::each() {
        let of = || own.slots().history(2).participants(4).journal(8);
        assert_eq!(of().name("early").consumer().err(), Some(AttachError::NotFound));
        let mut tx = of().producer().expect("nobody else does");
        let mut risk = of().name("risk").start(Start::Earliest).consumer().expect("there is room");
        let mut screen = of().name("screen").lossy().start(Start::Earliest).reader().expect("there is room");
        tx.try_push(7).expect("there is room");
        assert!(matches!(risk.try_next(), Some(Next::Item(item)) if *item == 7));
        assert_eq!(screen.try_next(), Some(Next::Item(7)));
        assert!(matches!(of().producer(), Err(AttachError::NameTaken { .. })));
        assert!(matches!(of().name("risk").consumer(), Err(AttachError::NameTaken { .. })));
        assert!(matches!(own.ring().remove(), Err(AttachError::NameTaken { .. })), "it is in use");
        drop((tx, risk, screen));
        own.ring().remove().expect("nobody uses it");
        assert!(!own.0.path().exists());
    }
}

// RING-SPMC, RING-LOAN: every verb of a producer, with the refusal that gives back what was not taken
#[test]
fn surface_producer() {
    for own in Own::each() {
        let mut tx = own.slots().producer().expect("nobody else does");
        let mut rx = own.slots().name("risk").consumer().expect("there is room");
        assert_eq!(tx.try_push(0), Ok(Position(0)));
        assert_eq!(tx.try_publish(|at| at.0).map_err(|_| ()), Ok(Position(1)));
        assert_eq!(tx.publish(|at| at.0, Until::forever()).map_err(|_| ()), Ok(Position(2)));
        assert_eq!(tx.try_batch(2, |at| at.0).map_err(|_| ()), Ok(Position(3)));
        assert_eq!(tx.batch(2, |at| at.0, soon(1_000)).map_err(|_| ()), Ok(Position(5)));
        assert_eq!(tx.grant(1).expect("there is room").position(), Some(Position(7)), "and given up");
        let mut grant = tx.grant(1).expect("what was given up is room");
        grant.put(7).expect("granted");
        assert_eq!(grant.commit(), Position(7));
        let refused = tx.try_push(8).expect_err("it is full");
        assert!(matches!((refused.item, refused.why), (8, Why::Full { by: 0, missing: 1 })));
        assert!(matches!(tx.try_batch(9, |at| at.0).expect_err("never").why, Why::TooLarge { max: 8 }));
        let late = tx.publish(|at| at.0, soon(5)).expect_err("nobody takes anything");
        assert!(matches!(late.why, Why::Full { .. }));
        let (taken, news) = rx.poll(9, |item, at, _| assert_eq!(*item, at.0));
        assert_eq!((taken, news), (8, None));
    }
}

// RING-SPMC: where everybody is, by positions from zero; nobody is minus one
#[test]
fn surface_positions() {
    for own in Own::each() {
        let mut tx = own.slots().producer().expect("nobody else does");
        assert_eq!((tx.published(), tx.gate(), tx.participants()), (Position(0), Position(0), 0));
        let mut rx = own.slots().name("risk").consumer().expect("there is room");
        for item in 0..3 {
            tx.try_push(item).expect("there is room");
        }
        assert_eq!((tx.published(), rx.position(), tx.participants()), (Position(3), Position(0), 1));
        assert!(tx.is_consumed(Position(0)) && !tx.is_consumed(Position(1)));
        assert_eq!(tx.drained(soon(5)), Err(Ended::Deadline));
        assert_eq!(rx.poll(9, |_, _, _| ()).0, 3);
        assert_eq!(tx.drained(Until::forever()), Ok(()));
        let look = ring::Look::at(own.0.path()).expect("a ring");
        let cursor = look.segment().find("risk").map(|one| one.cursor);
        assert_eq!((look.segment().published(), cursor), (Position(3), Some(Position(3))));
    }
}

// RING-LAYOUT, RING-HEADER: what a ring is to be, where everything lies, and what of it differs from what is there
#[test]
fn surface_layout() {
    let spec = Spec::of::<u64>(8).history(2);
    let layout = Layout::of(&spec).expect("a ring");
    assert_eq!(layout.bytes(), 4 * u64::from(layout.words()));
    assert_eq!(Layout::of(&Spec::of::<u64>(7)), Err(SpecError::Capacity(7)));
    let file = ring::memfd(&spec).expect("there is memory");
    let passed = || ring::over(file.try_clone().expect("a descriptor"));
    let segment = Segment::attach(passed().backing().expect("sealed").mapping).expect("a ring");
    assert_eq!(segment.header().layout, layout);
    let mut tx = passed().slots::<u64>(8).history(2).producer().expect("nobody else does");
    tx.try_push(7).expect("there is room");
    assert_eq!(segment.item::<u64>(Position(0)), Some(7));
    let other = passed().slots::<u64>(16).consumer().err();
    let differs = AttachError::Incompatible { field: Field::Capacity, got: 8, want: 16 };
    assert_eq!(other, Some(differs));
    let open = std::fs::File::open("/dev/null").expect("there");
    assert!(matches!(ring::over(open.into()).backing(), Err(AttachError::Unsealed)));
}

// RING-NAMES: names that every system takes, one scheduler with its workers, and the rings of a session
#[test]
fn surface_names_and_topology() {
    assert!(matches!(Name::parse("Prices"), Err(NameError::Character { .. })));
    assert!(matches!(ring::ring("aringwhosenameislong"), Err(NameError::Long { max: 14, .. })));
    let unique = Name::unique("job", &mut OsEntropy).expect("a prefix");
    assert!(unique.as_str().starts_with("job") && unique.len() == Name::LEN_MAX);
    let topology = Topology::new(unique, 8, Workers::new(2).expect("two")).expect("a power of two");
    let jobs =
        || ring::ring(topology.scheduler().name.as_str()).expect("its name").under(std::env::temp_dir());
    let mut scheduler = jobs().slots::<u64>(topology.scheduler().depth).producer().expect("nobody else does");
    let attach = |index| {
        let worker = topology.worker(index).expect("one of two");
        let ring = jobs().slots::<u64>(worker.channel.depth).name(worker.name.as_str());
        ring.consumer().expect("there is room")
    };
    let mut workers = [attach(0), attach(1)];
    scheduler.try_push(7).expect("there is room");
    for worker in &mut workers {
        assert!(matches!(worker.try_next(), Some(Next::Item(job)) if *job == 7));
    }
    assert_eq!(topology.worker(2), Err(TopologyError::NoWorker { index: 2, count: 2 }));
    drop((scheduler, workers));
    jobs().remove().expect("nobody uses it");
    let session = Session::new("model-7b", 2, Depths::default()).expect("two runners");
    let (calls, answers) = session.for_rank(1).expect("one of two");
    assert_eq!((calls.depth, answers.depth, answers.consumers), (1024, 256, 1));
    assert!(calls.name.as_str().contains(std::str::from_utf8(&session_tag("model-7b")).expect("digits")));
    assert_eq!(session.paths("/tmp").count(), 3);
}

// RING-COUNTERS: what an application counts lies in the segment, and what it means is seen by whoever looks
#[test]
fn surface_counters() {
    for own in Own::each() {
        let _tx = own.slots().counters(2).producer().expect("nobody else does");
        let mut orders = own.ring().counter(0x100, "orders").expect("a free place");
        orders.add(41);
        orders.add(1);
        assert!(matches!(own.ring().counter(0x100, "orders"), Err(AttachError::Counter(_))));
        let look = ring::Look::at(own.0.path()).expect("a ring");
        let seen: Vec<(u32, u64)> = look.segment().counters().map(|one| (one.id, one.value)).collect();
        assert_eq!((seen, orders.value()), (vec![(0x100, 42)], 42));
    }
}
