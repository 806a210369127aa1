//! Waits between mappings: who sleeps costs nothing, who is woken is woken by the kernel, and where nobody waits nobody calls
//! it.
//!
//! For the ten seconds of R-RING-15: `cargo test -p tidemill-host --test wait -- idle=10`.

mod counted;

use counted::{Calls, Counted};
use rustix::time::{ClockId, clock_gettime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{self, AttachError, Backing, Lock, Ring, Watch};
use tidemill_ring::coordinate::{Coordinate, Held};
use tidemill_ring::wait::{Cancel, Ended, Until, Wait};
use tidemill_ring::{End, Next, Peer, PeerName, Segment, Start, Why};
use tidemill_seam::{Clock, Duration};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u32> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A ring that no other test uses, in shared memory or in a file. Its name goes with it.
struct Own(Ring);

impl Own {
    fn each() -> [Self; 2] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        [None, Some(std::env::temp_dir())].map(|root: Option<PathBuf>| {
            // Relaxed: counts, orders nothing.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let ring = ring::ring(&format!("w{}x{number}", std::process::id())).expect("a name");
            Self(if let Some(root) = root { ring.under(root) } else { ring })
        })
    }

    fn slots(&self, n: u32) -> ring::Builder<u64> {
        self.0.clone().slots(n)
    }

    /// A party whose calls to the kernel for a sleep are counted.
    fn counted(&self, calls: &Arc<Calls>) -> (Segment<Counted>, Lock) {
        self.counted_under(None, calls)
    }

    /// The same under a watch.
    fn counted_under(&self, watch: Option<&Watch>, calls: &Arc<Calls>) -> (Segment<Counted>, Lock) {
        let mut backing = self.0.backing().expect("it was made");
        watch.map_or(Ok(()), |watch| watch.add(&mut backing)).expect("a segment");
        let Backing { mapping, lock } = backing;
        let region = Counted { mapping, calls: Arc::clone(calls) };
        (Segment::attach(region).expect("a segment"), lock)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(self.0.path());
    }
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

fn soon(ms: u64) -> Until<'static> {
    Until::deadline(MonotonicClock.now() + Duration::from_millis(ms))
}

/// Processor time of this thread.
fn burnt() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::from_nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// For how many seconds an idle party is looked at: one unless told, as in `-- idle=10`.
fn idle() -> u64 {
    let told = std::env::args().find_map(|arg| arg.strip_prefix("idle=").map(str::to_owned));
    told.map_or(1, |seconds| seconds.parse().expect("a number of seconds"))
}

// RING-WAIT: R-RING-15, under a watch a consumer that waits in vain turns over four times a second, for at most a thousandth
// of a core; and who watches ten times, whatever the number of rings
#[test]
fn a_watched_consumer_takes_a_thousandth_of_a_core() {
    let idle = idle();
    for own in Own::each() {
        let _tx = own.slots(8).producer().expect("nobody else does");
        let (watch, calls) = (Watch::new(|_| ()).expect("a thread"), Arc::default());
        let (segment, lock) = own.counted_under(Some(&watch), &calls);
        let risk = peer("risk").who(ring::identity());
        let mut rx = segment.consumer::<u64, _>(lock, &risk, Start::Latest).expect("there is room");
        rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
        let (before, turns) = (burnt(), watch.turns());
        let deadline = MonotonicClock.now() + Duration::from_secs(idle);
        assert!(matches!(rx.next(Until::deadline(deadline)), Err(Ended::Deadline)));
        let (burnt, [sleeps, ..], turns) = (burnt() - before, calls.all(), watch.turns() - turns);
        println!("{idle} s idle under a watch: {sleeps} sleeps, {burnt} of processor time, {turns} turns");
        // A slice is 250 ms; one that a signal cuts short, or whose end the clock shows late, is slept in two.
        assert!((1..=5 * idle).contains(&sleeps), "{sleeps} sleeps in {idle} s");
        assert!(burnt <= Duration::from_millis(idle), "{burnt} in {idle} s is more than a thousandth");
        assert!(turns <= 11 * idle + 2, "{turns} turns in {idle} s");
    }
}

// RING-WAIT: R-RING-15, a consumer that waits in vain is asleep between two probes, and its thread takes next to nothing
#[test]
fn a_blocked_consumer_burns_no_cpu() {
    let idle = idle();
    for own in Own::each() {
        let _tx = own.slots(8).producer().expect("nobody else does");
        let calls = Arc::default();
        let (segment, lock) = own.counted(&calls);
        let mut rx = segment.consumer::<u64, _>(lock, &peer("risk"), Start::Latest).expect("there is room");
        rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
        let before = burnt();
        let deadline = MonotonicClock.now() + Duration::from_secs(idle);
        assert!(matches!(rx.next(Until::deadline(deadline)), Err(Ended::Deadline)));
        let (burnt, [sleeps, ..]) = (burnt() - before, calls.all());
        println!("{idle} s idle: {sleeps} sleeps, {burnt} of processor time");
        // A probe is 10 ms; a slice that a signal cuts short, or whose end the clock shows late, is slept in two.
        assert!((1..=110 * idle).contains(&sleeps), "{sleeps} sleeps in {idle} s");
        assert!(burnt <= Duration::from_millis(50 * idle), "{burnt} in {idle} s is no sleep");
    }
}

// RING-WAIT: two threads behind two mappings wake each other for every item: no sleep of either lasts until its end
#[test]
fn whoever_sleeps_in_another_mapping_is_woken_by_the_kernel_rl_16() {
    const ROUNDS: u64 = 300;
    for (own, back) in Own::each().into_iter().zip(Own::each()) {
        drop((own.slots(2).producer().expect("a ring"), back.slots(2).producer().expect("a ring")));
        let calls = Calls::sleeping_for(60);
        let play = |to: &Own, from: &Own, first: bool| {
            let (segment, lock) = to.counted(&calls);
            let mut tx = segment.producer::<u64, _>(lock, ring::identity()).expect("nobody else does");
            let (segment, lock) = from.counted(&calls);
            let mut rx = segment.consumer::<u64, _>(lock, &peer("risk"), Start::Earliest).expect("room");
            for wait in [rx.wait_by(Wait::Park { spins: 0 }), tx.wait_by(Wait::Park { spins: 0 })] {
                wait.expect("this ring wakes who sleeps");
            }
            for round in 0..ROUNDS {
                if first {
                    tx.publish(|_| round, Until::forever()).expect("there will be room");
                }
                loop {
                    match rx.next(Until::forever()) {
                        Ok(Next::Item(item)) => break assert_eq!(*item, round),
                        Ok(Next::Restarted { .. } | Next::Closed(_)) => {}
                        other => panic!("{other:?}"),
                    }
                }
                if !first {
                    tx.publish(|_| round, Until::forever()).expect("there will be room");
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| play(&own, &back, true));
            scope.spawn(|| play(&back, &own, false));
        });
        let [sleeps, wakes, overslept] = calls.all();
        println!("{ROUNDS} rounds: {sleeps} sleeps, {wakes} wakes");
        assert_eq!(overslept, 0, "somebody slept through a wake");
        assert!(wakes > 0, "nobody ever slept");
    }
}

// RING-WAIT: where items and room are there, nobody calls the kernel or the allocator
#[test]
fn the_steady_path_neither_calls_nor_allocates() {
    drop(std::hint::black_box(Box::new(1)));
    assert!(ALLOCATIONS.get() > 0, "the counter counts");
    for own in Own::each() {
        drop(own.slots(8).producer().expect("a ring"));
        let calls = Arc::default();
        let (segment, lock) = own.counted(&calls);
        let mut tx = segment.producer::<u64, _>(lock, ring::identity()).expect("nobody else does");
        let (segment, lock) = own.counted(&calls);
        let mut rx = segment.consumer::<u64, _>(lock, &peer("risk"), Start::Earliest).expect("room");
        while rx.try_next().is_some() {}
        let before = ALLOCATIONS.get();
        for at in 0..20_000 {
            let at = tx.publish(|_| at, Until::forever()).expect("there is room").0;
            tx.batch(3, |at| at.0, Until::forever()).expect("there is room");
            assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(_))));
            assert_eq!(rx.poll(9, |_, _, _| ()).0, 3, "at {at}");
        }
        assert_eq!((calls.all(), ALLOCATIONS.get() - before), ([0; 3], 0));
    }
}

// RING-WAIT: a cancel and a close end a sleep in another thread
#[test]
fn a_cancel_and_a_close_end_a_sleep() {
    for own in Own::each() {
        let mut tx = own.slots(8).producer().expect("nobody else does");
        let mut rx = own.slots(8).consumer().expect("there is room");
        let cancel = Cancel::new();
        thread::scope(|scope| {
            let waits = scope.spawn(|| matches!(rx.next(Until::cancel(&cancel)), Err(Ended::Cancelled)));
            cancel.cancel();
            assert!(waits.join().expect("no panic"));
        });
        assert_eq!(tx.publish(|_| 7, Until::forever()).expect("there is room").0, 0);
        assert_eq!(tx.drained(soon(1)), Err(Ended::Deadline));
        thread::scope(|scope| {
            let waits = scope.spawn(|| {
                assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(item)) if *item == 7));
                matches!(rx.next(Until::forever()), Ok(Next::Closed(End::Finished)))
            });
            tx.drained(Until::forever()).expect("nothing cancels");
            tx.close();
            assert!(waits.join().expect("no panic"));
        });
    }
}

// RING-WAIT: a ring that spins only is another ring, and nobody sleeps on it
#[test]
fn a_ring_that_spins_only_refuses_sleepers() {
    for own in Own::each() {
        let mut tx = own.slots(8).spin_only().producer().expect("nobody else does");
        let park = own.slots(8).wait(Wait::DEFAULT).consumer();
        assert_eq!(park.err(), Some(AttachError::SpinOnly));
        let mut rx = own.slots(8).wait(Wait::Yield { spins: 9 }).consumer().expect("there is room");
        tx.try_push(1).expect("there is room");
        assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(item)) if *item == 1));
        drop(tx);
        let other = own.slots(8).producer().err();
        assert!(matches!(other, Some(AttachError::Incompatible { .. })), "{other:?}");
    }
}

// RING-COORDINATE: a producer by name begins with its consumers, or says how many came
#[test]
fn a_ring_by_name_begins_with_its_consumers() {
    for own in Own::each() {
        let how = Coordinate::WaitFor { n: 2, by: Duration::from_millis(20) };
        let mut late = own.slots(8).coordinate(how).producer().expect("nobody else does");
        let refused = late.publish(|_| 0, Until::forever()).expect_err("nobody came").why;
        assert_eq!(refused, Why::Held(Held::Startup { have: 0, want: 2 }));
        drop(late);
        let how = Coordinate::BufferUntil { n: 2, max: 4 };
        let mut tx = own.slots(8).coordinate(how).producer().expect("the last one left");
        let _one = own.slots(8).name("one").start(Start::Earliest).consumer().expect("there is room");
        for item in 0..4 {
            tx.try_push(item).expect("it is kept");
        }
        let held = Why::Held(Held::Awaiting { have: 1, want: 2 });
        assert_eq!(tx.try_push(4).expect_err("no more than four").why, held);
        let two = own.slots(8).name("two").start(Start::Earliest).not_ready().consumer();
        let mut two = two.expect("there is room");
        assert_eq!(tx.try_push(4).expect_err("one of two is ready").why, held);
        thread::scope(|scope| {
            let waits = scope.spawn(|| tx.wait_for(&["one", "two"], Until::forever()));
            two.ready();
            waits.join().expect("no panic").expect("both are there");
        });
        tx.try_push(4).expect("both are there");
        assert_eq!(two.poll(9, |item, at, _| assert_eq!(*item, at.0)).0, 5, "from the first item on");
    }
}

/// What a handler heard.
#[derive(PartialEq, Eq, Debug)]
enum Heard {
    Item(u64),
    End(End),
}

// RING-WAIT: a consumer on a thread of its own hears everything in order, and ends with the stream or by a word
#[test]
fn a_consumer_runs_on_its_own_thread_until_it_is_stopped_or_the_stream_ends() {
    for own in Own::each() {
        let mut tx = own.slots(8).producer().expect("nobody else does");
        let (says, heard) = std::sync::mpsc::channel();
        let start = |name: &str| {
            let says = says.clone();
            let consumer = own.slots(8).name(name).consumer().expect("there is room");
            let handler = move |next: Next<&u64>| match next {
                Next::Item(item) => says.send(Heard::Item(*item)).expect("somebody listens"),
                Next::Closed(end) => says.send(Heard::End(end)).expect("somebody listens"),
                other => panic!("a consumer that is waited for is told {other:?}"),
            };
            ring::spawn(consumer, handler, Wait::Park { spins: 0 }).expect("a thread")
        };
        let stopped = start("stopped");
        for at in 0..20 {
            tx.publish(|at| at.0, Until::forever()).expect("it is read");
            assert_eq!(heard.recv().expect("it runs"), Heard::Item(at));
        }
        assert!(stopped.is_running());
        stopped.stop();
        assert_eq!(stopped.join().expect("no panic").position().0, 20);
        let cores = rustix::thread::sched_getaffinity(None).expect("ours");
        let core = (0..).find(|core| cores.is_set(*core)).expect("this thread runs on one");
        let ended = start("ended").pin(core).expect("a core of ours");
        tx.publish(|at| at.0, Until::forever()).expect("it is read");
        tx.close();
        let all = [heard.recv(), heard.recv()].map(|heard| heard.expect("it runs"));
        assert_eq!(all, [Heard::Item(20), Heard::End(End::Finished)]);
        assert_eq!(ended.join().expect("no panic").position().0, 21);
    }
}

// RING-WAIT: a handler that panics ends its thread, and nobody is held up by it
#[test]
fn a_panic_of_a_handler_is_told_by_the_join_and_holds_nobody_up() {
    for own in Own::each() {
        let mut tx = own.slots(2).producer().expect("nobody else does");
        let consumer = own.slots(2).consumer().expect("there is room");
        let running = ring::spawn(consumer, |_| panic!("the handler"), Wait::DEFAULT).expect("a thread");
        for _ in 0..9 {
            tx.publish(|at| at.0, Until::forever()).expect("whoever panicked has left");
        }
        assert_eq!(
            running.join().err().and_then(|why| why.downcast_ref::<&str>().copied()),
            Some("the handler")
        );
    }
}
