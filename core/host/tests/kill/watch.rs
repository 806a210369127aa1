//! Who waits for a process that is killed is woken by whoever watches: its sleep has no other end, for it lasts a minute.

use super::counted::{Calls, Counted};
use super::victim::{Item, item, peer, shared};
use super::{MEMORIES, Stage, Victim, died};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{self, Backing, Doubt, Lock, Notice, Verdict, Vigil, Watch};
use tidemill_ring::wait::{Until, Wait};
use tidemill_ring::{Consumer, End, Layout, Next, Producer, Segment, Start};
use tidemill_seam::{Clock, Duration, Instant, Life};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitIdOptions, kill_process};

/// A watch, and what it notices.
struct Watched {
    watch: Watch,
    notices: Receiver<Notice>,
    calls: Arc<Calls>,
}

impl Watched {
    fn new() -> Self {
        let (says, notices) = channel();
        let watch =
            Watch::new(move |notice| says.send(*notice).expect("somebody listens")).expect("a thread");
        Self { watch, notices, calls: Calls::sleeping_for(60) }
    }

    /// A party that sleeps until it is woken, or for a minute, and hears of deaths.
    fn party(&self, stage: &Stage) -> (Segment<Counted>, Lock) {
        let mut backing = stage.backing.again().expect("it is open");
        self.watch.add(&mut backing).expect("a segment");
        let Backing { mapping, lock } = backing;
        let region = Counted { mapping, calls: Arc::clone(&self.calls) };
        (Segment::attach(region).expect("a segment"), lock)
    }

    fn consumer(&self, stage: &Stage) -> Consumer<Item, Counted, Lock> {
        let (segment, lock) = self.party(stage);
        let mut rx = segment.consumer(lock, &peer("steady"), Start::Earliest).expect("there is room");
        rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
        rx
    }

    fn producer(&self, stage: &Stage) -> Producer<Item, Counted, Lock> {
        let (segment, lock) = self.party(stage);
        let mut tx = segment.producer(lock, ring::identity()).expect("nobody else does");
        tx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
        tx
    }

    /// The next notice is of the death of `child`, and nobody slept until then for longer than it took to wake him.
    fn heard_of(&self, child: u32, slot: u32) {
        let Notice { holder, verdict, .. } = self.notices.recv().expect("it watches");
        assert_eq!((holder.who.process, holder.slot, verdict), (child, slot, Verdict::Dead));
        let [.., overslept] = self.calls.all();
        assert_eq!(overslept, 0, "somebody slept through a death");
    }
}

/// Kills a child while another thread `waits` for it. Gives how long that took from the kill on.
fn killed_while<T: Send>(child: &Victim, waits: impl FnOnce() -> T + Send) -> (T, Duration) {
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || (waits(), MonotonicClock.now()));
        // Most likely asleep by then, and the child known to who watches; the wait has to end in any case.
        std::thread::sleep(std::time::Duration::from_millis(150));
        let killed = MonotonicClock.now();
        kill_process(child.pid(), Signal::KILL).expect("our child");
        let (found, at): (T, Instant) = waits.join().expect("no panic");
        (found, at.since(killed))
    })
}

// RING-DEATH: who sleeps until a producer publishes is woken by its death, and goes on with the next one
#[test]
fn a_watched_death_of_a_producer_wakes_who_reads() {
    for memory in MEMORIES {
        let (stage, watched) = (Stage::new(memory), Watched::new());
        let mut rx = watched.consumer(&stage);
        for generation in 1..=3 {
            let child = stage.spawn("produces", u64::MAX);
            let at = generation * 3;
            while rx.position().0 < u64::from(at) {
                match rx.next(Until::forever()).expect("nothing ends it") {
                    Next::Item(lease) => assert_eq!(*lease, item(lease.position().0)),
                    Next::Restarted { new, .. } => assert_eq!(new, generation),
                    other => panic!("{other:?}"),
                }
            }
            let ((), took) = killed_while(&child, || match rx.next(Until::forever()) {
                Ok(Next::Closed(end)) => assert_eq!(end, End::Crashed),
                other => panic!("{other:?}"),
            });
            println!("{memory}: {took} from the kill of a producer to the news of it");
            watched.heard_of(child.0.id(), Layout::PRODUCER);
        }
    }
    died(9);
}

// RING-DEATH: who sleeps for want of room is woken by the death of the consumer that it waits for
#[test]
fn a_watched_death_of_a_consumer_wakes_who_publishes() {
    for memory in MEMORIES {
        let (stage, watched) = (Stage::new(memory), Watched::new());
        let mut tx = watched.producer(&stage);
        let child = stage.spawn("lingers", u64::MAX);
        tx.wait_for(&["victim"], Until::forever()).expect("it comes");
        while tx.try_publish(|at| item(at.0)).is_ok() {}
        let (at, took) =
            killed_while(&child, || tx.publish(|at| item(at.0), Until::forever()).map(|at| at.0));
        assert_eq!(at.map_err(|refused| refused.why), Ok(8));
        println!("{memory}: {took} from the kill of a consumer to the next item");
        watched.heard_of(child.0.id(), 0);
    }
    died(3);
}

// RING-DEATH, RING-MPSC: who sleeps behind a claim is woken by the death of whose it is, and gets what lies behind
#[test]
fn a_watched_death_in_a_claim_frees_who_waits_behind_it() {
    for memory in MEMORIES {
        let (stage, watched) = (Stage::of(memory, &shared()), Watched::new());
        let mut rx = watched.consumer(&stage);
        let child = stage.spawn("clings", u64::MAX);
        for at in 0..2 {
            assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(lease)) if *lease == item(at)));
        }
        let (segment, lock) = stage.party();
        let mut tx = segment.multi_producer::<Item, _>(lock, ring::identity()).expect("a place is free");
        let mut last = 1;
        let claimed = loop {
            let at = tx.try_publish(|at| item(at.0)).expect("there is room").0;
            if at > last + 1 {
                break at - 1;
            }
            assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(lease)) if *lease == item(at)));
            last = at;
        };
        let (next, took) = killed_while(&child, || match rx.next(Until::forever()) {
            Ok(Next::Item(lease)) => *lease,
            other => panic!("{other:?}"),
        });
        assert_eq!(next, item(claimed + 1));
        println!("{memory}: {took} from the kill of a producer in a claim to the item behind it");
        watched.heard_of(child.0.id(), Layout::POSTS);
    }
    died(3);
}

/// Turns a vigil until it says something.
fn said(vigil: &mut Vigil) -> Notice {
    loop {
        let mut said = Vec::new();
        let rest = vigil.turn(|notice| said.push(*notice)).expect("it watches over somebody");
        if let [notice] = said[..] {
            return notice;
        }
        assert!(said.is_empty(), "{said:?}");
        let rest = Timespec { tv_sec: 0, tv_nsec: rest.as_nanos() as i64 };
        poll(&mut [PollFd::new(vigil, PollFlags::IN)], Some(&rest)).expect("our own descriptor");
    }
}

/// A vigil over a stage, and the claims by whose being it watches.
fn vigil(stage: &Stage) -> (Vigil, Backing) {
    let (mut vigil, mut backing) =
        (Vigil::new().expect("a descriptor"), stage.backing.again().expect("open"));
    assert_eq!(vigil.turn(|notice| panic!("{notice:?}")), None, "it watches over nobody");
    vigil.add(&mut backing).expect("a segment");
    (vigil, backing)
}

// RING-DEATH: without a thread a death makes a descriptor readable; what is stopped is not dead, and a lock that a child keeps
// is a doubt that ends with the child
#[test]
fn a_vigil_is_something_to_poll_and_says_what_it_doubts() {
    let stage = Stage::new("shm");
    let (mut vigil, backing) = vigil(&stage);
    let mut rx = stage.consumer("steady");
    let parent = stage.spawn("forks", 0);
    let mut forked = None;
    super::harm::until("an item", || match rx.try_next() {
        Some(Next::Item(item)) => {
            forked = rustix::process::Pid::from_raw(item[0].cast_signed());
            true
        }
        _ => false,
    });
    let forked = super::harm::Forked(forked.expect("a process"));
    assert_eq!(
        vigil.turn(|notice| panic!("{notice:?}")),
        Some(Duration::from_millis(100)),
        "all can be seen"
    );
    kill_process(parent.pid(), Signal::STOP).expect("our child");
    super::status(&parent, WaitIdOptions::STOPPED);
    vigil.turn(|notice| panic!("stopped is not dead: {notice:?}"));
    let pid = parent.0.id();
    kill_process(parent.pid(), Signal::KILL).expect("our child");
    // No time limit: it is the kernel that makes it readable.
    poll(&mut [PollFd::new(&vigil, PollFlags::IN)], None).expect("our own descriptor");
    let _zombie = super::wait(parent);
    let mut doubts = Vec::new();
    let rest = vigil.turn(|notice| doubts.push((notice.holder.who.process, notice.verdict)));
    let inherited = Verdict::Doubt(Doubt::Inherited);
    assert_eq!(doubts, [(pid, inherited), (pid, inherited)], "its place and that of a producer");
    assert_eq!(rest, Some(Duration::from_millis(10)), "no process tells of the end of that");
    assert_eq!(rx.tend(), None, "the child keeps the claim");
    drop(forked);
    let mut dead = Vec::new();
    super::harm::until("a proof", || {
        vigil.turn(|notice| dead.push(notice.verdict));
        dead.len() == 2
    });
    assert_eq!(dead, [Verdict::Dead; 2]);
    assert_eq!(rx.tend(), Some(End::Crashed));
    drop(backing);
    assert_eq!(
        vigil.turn(|notice| panic!("{notice:?}")),
        None,
        "whose claims are gone is watched for no longer"
    );
}

// RING-DEATH: of a process in another pid namespace there is one witness, and that is said; its lock frees who waits all the same
#[test]
fn a_death_in_another_namespace_has_one_witness() {
    let stage = Stage::new("file");
    let super::Place::Path(path) = &stage.place else { unreachable!("a file has a path") };
    let Some(child) = super::harm::unshared(&["-Urpf", "--kill-child=KILL"], "", "stays", path) else {
        return;
    };
    let (mut vigil, _backing) = vigil(&stage);
    let mut steps = Vec::new();
    super::harm::until("a participant", || {
        vigil.turn(|notice| steps.push(notice.verdict));
        !steps.is_empty()
    });
    let _zombie = super::kill(child);
    steps.push(said(&mut vigil).verdict);
    assert_eq!(steps, [Life::Alive, Life::Dead].map(|life| Verdict::Doubt(Doubt::Apart(life))));
    assert!(steps[1].frees());
}

/// Behind a process whose number another one has by now: both witnesses say that it is dead.
pub(super) fn is_dead_for(place: &str) {
    let (mut vigil, mut backing) = (Vigil::new().expect("a descriptor"), super::victim::backing(place));
    vigil.add(&mut backing).expect("a segment");
    assert_eq!(said(&mut vigil).verdict, Verdict::Dead);
}
