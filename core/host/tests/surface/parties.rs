use super::{Own, soon};
use std::sync::mpsc::channel;
use tidemill_host::ring::{self, Watch};
use tidemill_ring::coordinate::{Coordinate, Held};
use tidemill_ring::name::Name;
use tidemill_ring::required::{Alert, Alerted, OnFail, Presence, Required, RequiredError};
use tidemill_ring::wait::{Cancel, Ended, Pause, Until, Wait};
use tidemill_ring::{End, Next, Policies, Policy, Position, Refused, Start, Trusting, Why};
use tidemill_seam::Duration;

// RING-LOAN, RING-RESTART: every verb of a consumer, and all that it can hear
#[test]
fn surface_consumer() {
    for own in Own::each() {
        let mut tx = own.slots().producer().expect("nobody else does");
        let mut rx = own.slots().name("risk").consumer().expect("there is room");
        assert!(rx.try_next().is_none());
        assert!(matches!(rx.next(soon(2)), Err(Ended::Deadline)));
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(rx.next(Until::cancel(&cancel)), Err(Ended::Cancelled)));
        for item in 0..6 {
            tx.try_push(item).expect("there is room");
        }
        assert_eq!((rx.peek(0), rx.peek(5), rx.peek(6)), (Some(0), Some(5), None));
        let Some(Next::Item(lease)) = rx.try_next() else { panic!("an item") };
        assert_eq!((*lease, lease.position()), (0, Position(0)));
        lease.put_back();
        assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(item)) if *item == 0));
        assert_eq!(rx.ack(Position(2)), Position(2), "apart from reading");
        let mut seen = Vec::new();
        assert_eq!(rx.poll(3, |item, at, last| seen.push((*item, at.0, last))), (3, None));
        assert_eq!(seen, [(2, 2, false), (3, 3, false), (4, 4, true)]);
        tx.hand_over();
        let mut tx = own.slots().producer().expect("the last one left");
        assert!(matches!(rx.try_next(), Some(Next::Item(item)) if *item == 5));
        assert!(matches!(rx.try_next(), Some(Next::Restarted { old: 1, new: 2 })));
        tx.try_push(6).expect("there is room");
        tx.close();
        assert!(matches!(rx.try_next(), Some(Next::Item(item)) if *item == 6));
        assert!(matches!(rx.try_next(), Some(Next::Closed(End::Finished))));
        rx.done();
    }
}

// RING-LOAN: items where they lie, by who believes the others and says so
#[test]
fn surface_trusting() {
    for own in Own::each() {
        let of = || own.slots().policies(Policies::BLOCK);
        let (tx, rx) = (of().producer().expect("nobody else does"), of().consumer().expect("there is room"));
        // SAFETY: the ring is this test's, and both halves keep the laws.
        let mut tx = unsafe { Trusting::new(tx) }.expect("everybody is waited for");
        // SAFETY: as above.
        let mut rx = unsafe { Trusting::new(rx) }.expect("a mapping is aligned");
        let mut loan = tx.try_loan().expect("there is room");
        *loan = 7;
        assert_eq!(loan.commit(), Position(0));
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("an item") };
        assert_eq!(*seen, 7);
        seen.ack();
        assert!(rx.try_next().is_none());
    }
}

// RING-POLICY: who may be overtaken is told what it missed, and who is too slow that it is out
#[test]
fn surface_reader() {
    for own in Own::each() {
        let of = || own.slots().history(2);
        let mut tx = of().producer().expect("nobody else does");
        let mut lossy = of().name("screen").lossy().reader().expect("there is room");
        for item in 0..20 {
            tx.try_push(item).expect("nobody is waited for");
        }
        let Some(Next::Lagged { from: Position(0), to }) = lossy.try_next() else {
            panic!("it was overtaken")
        };
        assert_eq!(lossy.next(Until::forever()), Ok(Next::Item(to.0)));
        let evicts = Policy::Evict { after: Duration::from_millis(1) };
        let mut slow = of().name("slow").policy(evicts).reader().expect("there is room");
        for _ in 0..20 {
            tx.publish(|at| at.0, Until::forever()).expect("whoever does not move is out");
        }
        assert!(matches!(slow.try_next(), Some(Next::Evicted { .. })));
    }
}

// RING-MPSC: several who produce into one order; a claim that is given up is a gap that nobody hears of
#[test]
fn surface_several_producers() {
    for own in Own::each() {
        let of = || own.slots().producers(2);
        let mut one = of().multi_producer().expect("a place");
        let mut two = of().multi_producer().expect("a place");
        let mut rx = of().name("risk").consumer().expect("there is room");
        assert_eq!(one.try_push(1), Ok(Position(0)));
        drop(two.claim().expect("there is room"));
        assert_eq!(two.publish(|at| at.0, Until::forever()).map_err(|_| ()), Ok(Position(2)));
        assert_eq!(one.claim().expect("there is room").commit(3), Position(3));
        let mut heard = Vec::new();
        while let Some(Next::Item(item)) = rx.try_next() {
            heard.push(*item);
        }
        assert_eq!(heard, [1, 2, 3]);
        one.close();
        two.close();
        assert!(matches!(rx.try_next(), Some(Next::Closed(End::Finished))));
    }
}

// RING-WAIT: a consumer on a thread of its own, which stops at once
#[test]
fn surface_spawn() {
    for own in Own::each() {
        let mut tx = own.slots().producer().expect("nobody else does");
        let consumer = own.slots().name("risk").consumer().expect("there is room");
        let (says, heard) = channel();
        let handler = move |next: Next<&u64>| {
            if let Next::Item(item) = next {
                says.send(*item).expect("somebody listens");
            }
        };
        let cores = rustix::thread::sched_getaffinity(None).expect("ours");
        let core = (0..).find(|core| cores.is_set(*core)).expect("this thread runs on one");
        let running = ring::spawn(consumer, handler, Wait::DEFAULT).expect("a thread");
        let running = running.pin(core).expect("a core of ours");
        tx.publish(|_| 7, Until::forever()).expect("it is read");
        assert_eq!(heard.recv(), Ok(7));
        assert!(running.is_running());
        running.stop();
        assert_eq!(running.join().expect("no panic").position(), Position(1));
    }
}

// RING-WAIT: what is done between two looks is a value
#[test]
fn surface_wait() {
    assert_eq!(Wait::DEFAULT, Wait::Park { spins: 100 });
    assert_eq!([Wait::Spin, Wait::SpinHint].map(|wait| wait.pause(9)), [Pause::Again, Pause::Hint]);
    let yields = Wait::Yield { spins: 1 };
    assert_eq!([0, 1].map(|turn| yields.pause(turn)), [Pause::Hint, Pause::Yield]);
    let span = Duration::from_millis(1);
    assert_eq!(Wait::Sleep(span).pause(0), Pause::Sleep(span));
    for own in Own::each() {
        let watch = Watch::new(|_| ()).expect("a thread");
        let of = || own.slots().wait(Wait::Park { spins: 0 }).watched_by(&watch);
        let mut tx = of().producer().expect("nobody else does");
        let mut rx = of().consumer().expect("there is room");
        tx.publish(|_| 7, Until::forever()).expect("there is room");
        assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(item)) if *item == 7));
    }
}

// RING-COORDINATE: a producer that begins with its consumers; who is there is found by name, and waited for
#[test]
fn surface_coordination() {
    for own in Own::each() {
        let how = Coordinate::BufferUntil { n: 2, max: 4 };
        let mut tx = own.slots().coordinate(how).producer().expect("nobody else does");
        tx.try_push(0).expect("it is kept");
        let one = own.slots().name("risk-a").start(Start::Earliest).consumer().expect("there is room");
        let other = own.slots().name("risk-b").start(Start::Earliest).not_ready();
        let mut other = other.consumer().expect("there is room");
        assert_eq!((tx.presence("risk-a"), tx.presence("risk-b")), (Presence::Ready, Presence::Joining));
        let missing = tx.wait_for(&["risk-a", "risk-b"], soon(2)).expect_err("one is not ready");
        assert_eq!((missing.have, missing.want), (1, 2));
        let Err(Refused { why, .. }) = tx.try_batch(4, |at| at.0) else { panic!("no more than is kept") };
        assert_eq!(why, Why::Held(Held::Awaiting { have: 1, want: 2 }));
        other.ready();
        tx.wait_for(&["risk-a", "risk-b"], Until::forever()).expect("both are");
        let look = ring::Look::at(own.0.path()).expect("a ring");
        assert_eq!(look.segment().find("risk-a").map(|found| found.slot), Some(one.slot()));
        assert_eq!(look.segment().find_prefix("risk-").count(), 2);
        assert!(matches!(other.try_next(), Some(Next::Item(item)) if *item == 0), "from the first on");
    }
}

// RING-COORDINATE, RING-MPSC: each of several begins with its consumers, by the same words
#[test]
fn surface_coordination_of_several() {
    for own in Own::each() {
        let of = || own.slots().producers(2);
        let how = Coordinate::BufferUntil { n: 1, max: 2 };
        let mut one = of().coordinate(how).multi_producer().expect("a place");
        let wait = Coordinate::WaitFor { n: 1, by: Duration::from_secs(60) };
        let mut other = of().coordinate(wait).multi_producer().expect("a place");
        assert_eq!(one.try_push(7), Ok(Position(0)));
        let awaiting = Why::Held(Held::Awaiting { have: 0, want: 1 });
        let late = other.publish(|at| at.0, soon(2)).map_err(|refused| refused.why);
        assert_eq!(late, Err(awaiting));
        assert_eq!(one.try_push(8), Ok(Position(1)));
        assert_eq!(one.try_push(9).map_err(|refused| refused.why), Err(awaiting));
        assert_eq!(other.wait_for(&["risk"], soon(2)).map_err(|missing| missing.have), Err(0));
        let mut rx = of().name("risk").start(Start::Earliest).consumer().expect("there is room");
        assert_eq!((one.try_push(9), other.try_push(10)), (Ok(Position(2)), Ok(Position(3))));
        assert_eq!(rx.poll(9, |_, _, _| ()).0, 4, "from the first on");
    }
}

// RING-REQUIRED: a producer that cannot do without somebody is told of its absence, and says so until it is begun anew
#[test]
fn surface_required() {
    for own in Own::each() {
        let risk = Name::parse("risk").expect("a name");
        let (grace, progress) = (Duration::from_millis(5), Duration::from_millis(5));
        let required = Required { grace, progress, on_fail: OnFail::Shutdown, ..Required::new([risk]) };
        let mut alerts = Vec::new();
        let tx = own.slots().producer().expect("nobody else does");
        let mut tx = tx.managed(required).on_alert(|alert: &Alert| alerts.push(alert.what));
        let rx = own.slots().name("risk").consumer().expect("there is room");
        tx.publish(|at| at.0, Until::forever()).expect("it is there");
        drop(rx);
        let why = loop {
            if let Err(refused) = tx.publish(|at| at.0, soon(1))
                && let Why::Required(why) = refused.why
            {
                break why;
            }
        };
        assert_eq!(why, RequiredError::Died { id: risk });
        assert!(tx.check().is_err(), "the same answer for ever");
        tx.reset();
        let _rx = own.slots().name("risk").consumer().expect("there is room");
        let mut raw = tx.raw();
        raw.try_push(9).expect("unmanaged, it goes on");
        assert_eq!(alerts[0], Alerted::Left);
    }
}
