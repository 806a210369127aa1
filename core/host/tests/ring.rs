//! Rings by name, by file and by descriptor, within one process: every handle has a mapping and claims of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_host::ring::{self, AttachError, Consumer, Producer, Ring};
use tidemill_ring::header::Field;
use tidemill_ring::name::NameError;
use tidemill_ring::table::PeerNameError;
use tidemill_ring::{JoinError, Next, Policy, Spec, SpecError, Start};
use tidemill_seam::Duration;

/// A ring that no other test uses, in shared memory or in a file. Its name goes with it.
struct Own(Ring);

impl Own {
    fn each() -> [Self; 2] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        [None, Some(std::env::temp_dir())].map(|root: Option<PathBuf>| {
            // Relaxed: counts, orders nothing.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let ring = ring::ring(&format!("t{}x{number}", std::process::id())).expect("a name");
            Self(if let Some(root) = root { ring.under(root) } else { ring })
        })
    }

    fn slots(&self, n: u32) -> ring::Builder<u64> {
        self.0.clone().slots(n)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(self.0.path());
    }
}

fn push(tx: &mut Producer<u64>, n: u64) {
    for _ in 0..n {
        tx.try_publish(|at| at.0).expect("there is room");
    }
}

/// Takes what waits, in order; gives how many that were.
fn drain(rx: &mut Consumer<u64>) -> u64 {
    let first = rx.position().0;
    while let Some(Next::Item(lease)) = rx.try_next() {
        assert_eq!(*lease, lease.position().0);
    }
    rx.position().0 - first
}

fn incompatible(error: Option<AttachError>, of: Field) -> bool {
    matches!(error, Some(AttachError::Incompatible { field, .. }) if field == of)
}

// RING-SPMC: one producer and several consumers, each through a mapping of its own
#[test]
fn what_one_publishes_all_receive() {
    for own in Own::each() {
        let mut tx = own.slots(8).producer().expect("nobody else does");
        let mut all = ["one", "two"].map(|name| own.slots(8).name(name).consumer().expect("there is room"));
        for _ in 0..100 {
            push(&mut tx, 5);
            assert!(all.iter_mut().all(|rx| drain(rx) == 5));
        }
        tx.close();
        assert!(all.iter_mut().all(|rx| matches!(rx.try_next(), Some(Next::Closed(_)))));
    }
}

// RING-STALE: R-RING-10, a second producer with whatever in mind cannot touch a ring that is used
#[test]
fn a_second_creator_cannot_truncate_a_live_ring() {
    for own in Own::each() {
        let mut tx = own.slots(8).producer().expect("nobody else does");
        let mut rx = own.slots(8).consumer().expect("there is room");
        let taken = Some(AttachError::NameTaken { owner: ring::identity() });
        for attempt in 0..1_000 {
            push(&mut tx, 1);
            if attempt % 2 == 0 {
                assert_eq!(own.slots(8).producer().err(), taken);
            } else {
                assert!(incompatible(own.slots(4).producer().err(), Field::Capacity));
            }
            assert_eq!(drain(&mut rx), 1);
        }
        assert!(matches!(own.0.remove().err(), Some(AttachError::NameTaken { .. })));
    }
}

// RING-JOIN: R-RING-12, a name is one participant's, on whichever thread; its owner is named
#[test]
fn two_live_consumers_cannot_share_a_name() {
    for own in Own::each() {
        let _tx = own.slots(8).producer().expect("nobody else does");
        let first = own.slots(8).name("risk").consumer().expect("there is room");
        let second = || own.slots(8).name("risk").consumer().err();
        let taken = Some(AttachError::NameTaken { owner: ring::identity() });
        assert_eq!(second(), taken);
        std::thread::scope(|scope| {
            let others = [(); 4].map(|()| scope.spawn(second));
            for other in others {
                assert_eq!(other.join().expect("no panic"), taken);
            }
        });
        drop(first);
        assert_eq!(second(), None, "whoever left is gone");
    }
}

// RING-RESTART: R-RING-04, a second session on the same name inherits no cursor of the first
#[test]
fn a_clean_restart_delivers_fifty_of_fifty() {
    for own in Own::each() {
        for session in 0..3 {
            let mut tx = own.slots(64).producer().expect("the last one left");
            assert_eq!(tx.published().0, 50 * session);
            let mut rx = own.slots(64).name("sink").consumer().expect("the last one left");
            push(&mut tx, 50);
            assert_eq!(drain(&mut rx), 50);
        }
        own.0.remove().expect("nobody has it open");
        assert_eq!(own.slots(64).producer().expect("made anew").published().0, 0);
    }
}

// RING-POLICY: a reader that nobody waits for is overtaken, and told
#[test]
fn a_lossy_reader_is_told_what_it_missed() {
    for own in Own::each() {
        let build = || own.slots(8).history(4);
        let mut tx = build().producer().expect("nobody else does");
        let mut rx = build().lossy().name("ui").reader().expect("there is room");
        push(&mut tx, 100);
        let Some(Next::Lagged { from, to }) = rx.try_next() else { panic!("a hundred fit into eight") };
        assert!(from.0 == 0 && (92..=96).contains(&to.0), "{to}");
        assert_eq!(rx.try_next(), Some(Next::Item(to.0)));
    }
}

// RING-SPMC, RING-UNTRUSTED: a sealed descriptor is a ring without a name
#[test]
fn a_ring_in_a_memfd_is_reached_by_its_descriptor_only() {
    let file = ring::memfd(&Spec::of::<u64>(8)).expect("there is room");
    let over = || ring::over(file.try_clone().expect("a descriptor")).slots::<u64>(8);
    let mut tx = over().producer().expect("nobody else does");
    let mut rx = over().consumer().expect("there is room");
    push(&mut tx, 5);
    assert_eq!(drain(&mut rx), 5);
    assert_eq!(over().producer().err(), Some(AttachError::NameTaken { owner: ring::identity() }));
    let plain = std::fs::File::open("/proc/self/exe").expect("this program");
    let plain = ring::over(plain.into()).slots::<u64>(8).consumer().err();
    assert_eq!(plain, Some(AttachError::Unsealed));
}

// RING-TYPES, RING-STALE: what does not fit is refused by the first thing that differs
#[test]
fn a_ring_that_is_not_the_one_that_was_meant_is_refused_by_what_differs() {
    for own in Own::each() {
        assert_eq!(own.slots(8).consumer().err(), Some(AttachError::NotFound));
        let spec = SpecError::History { history: 8, capacity: 8 };
        assert_eq!(own.slots(8).history(8).producer().err(), Some(AttachError::Spec(spec)));
        assert!(!own.0.path().exists(), "a refused ring was made");
        drop(own.slots(8).participants(1).producer().expect("nobody else does"));
        let other = |n| own.slots(n).participants(1);
        assert!(incompatible(other(16).consumer().err(), Field::Capacity));
        assert!(incompatible(other(8).history(1).producer().err(), Field::History));
        assert!(incompatible(own.slots(8).producer().err(), Field::Participants));
        assert!(incompatible(other(8).journal(0).producer().err(), Field::Journal));
        assert!(incompatible(own.0.clone().slots::<i64>(8).consumer().err(), Field::Fingerprint));
        assert!(incompatible(own.0.clone().slots::<u32>(8).consumer().err(), Field::ElementSize));
        let _one = other(8).name("one").consumer().expect("there is room");
        let full = Some(AttachError::TableFull { participants: 1 });
        assert_eq!(other(8).name("two").consumer().err(), full);
        let length = Some(AttachError::PeerName(PeerNameError::Length(0)));
        assert_eq!(other(8).name("").consumer().err(), length);
        let ahead = other(8).name("two").policy(Policy::Evict { after: Duration::ZERO }).consumer().err();
        assert!(matches!(ahead, Some(AttachError::Join(JoinError::Role(_)))), "{ahead:?}");
        let none = other(8).name("two").lossy().start(Start::Earliest).reader().err();
        assert_eq!(none, Some(AttachError::Join(JoinError::NoHistory)));
    }
    assert!(matches!(ring::ring("Prices"), Err(NameError::Character { at: 0, found: 'P' })));
    assert!(matches!(ring::ring("fifteenletters1"), Err(NameError::Long { len: 15, max: 14 })));
}

// RING-STALE: a file that was cut or grown under a name is refused before anything of it is touched
#[test]
fn a_segment_of_another_length_than_its_own_is_refused() {
    for own in Own::each() {
        drop(own.slots(8).producer().expect("nobody else does"));
        let file = std::fs::OpenOptions::new().write(true).open(own.0.path()).expect("there");
        let whole = file.metadata().expect("there").len();
        for length in [whole + 4, whole + 3, whole - 4, 516, 512, 4, 0] {
            file.set_len(length).expect("it is ours");
            for error in [own.slots(8).consumer().err(), own.slots(8).producer().err()] {
                assert!(incompatible(error, Field::Length), "{length} of {whole} bytes: {error:?}");
            }
        }
    }
}
