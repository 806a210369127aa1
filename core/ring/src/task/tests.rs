extern crate std;

use super::Doze;
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::header::{Creator, SegmentId};
use crate::producer::Why;
use crate::table::Identity;
use crate::wait::{Cancel, Ended, Until};
use crate::{Heap, Layout, Local, Peer, PeerName, Policy, Producer, Segment, Spec, Start};
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::collections::VecDeque;
use std::future::poll_fn;
use tidemill_seam::{Clock, Duration, Instant, Liveness, Region};

mod several;

type Tx<'w> = Producer<u64, Heap, &'w Local>;
type Rx<'w> = Consumer<u64, Heap, &'w Local>;

/// A world in which time passes, and others act, only while somebody dozes.
#[derive(Default)]
struct World<'w> {
    now: Cell<u64>,
    dozes: Cell<u32>,
    meanwhile: RefCell<VecDeque<Box<dyn FnOnce() + 'w>>>,
}

impl Clock for World<'_> {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.get())
    }
}

impl Doze<Heap> for World<'_> {
    async fn doze(&self, region: &Heap, at: u32, value: u32, span: Duration) {
        // SAFETY: the bed of a party is a word of its region.
        assert_eq!(unsafe { region.load(at, Ordering::Relaxed) }, value, "asleep on the word");
        self.dozes.set(self.dozes.get() + 1);
        let mut polled = false;
        poll_fn(|_| if core::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
        match self.meanwhile.borrow_mut().pop_front() {
            Some(happens) => happens(),
            None => self.now.set(self.now.get() + span.as_nanos()),
        }
    }
}

impl<'w> World<'w> {
    fn meanwhile(&self, happens: impl FnOnce() + 'w) {
        self.meanwhile.borrow_mut().push_back(Box::new(happens));
    }
}

/// Polls until it is done; gives how often that was in vain.
fn block_on<T>(future: impl Future<Output = T>) -> (T, u32) {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    for vain in 0..1_000 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return (done, vain);
        }
    }
    panic!("it is never done");
}

/// The next item, and how often was asked for it in vain.
fn taken(rx: &mut Rx<'_>, world: &World<'_>) -> (Option<u64>, u32) {
    let (next, vain) = block_on(rx.next_in(world, Until::forever()));
    (next.ok().and_then(|next| next.item::<()>().ok().map(|item| *item)), vain)
}

fn ring(live: &Local, history: u32) -> Segment<Heap> {
    let spec = Spec::of::<u64>(4).participants(2).history(history);
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    Segment::create(region, &spec, SegmentId(1), Creator::default(), live).expect("a segment")
}

fn peer(policy: Policy) -> Peer {
    Peer::new(PeerName::parse("risk").expect("a name")).policy(policy)
}

fn halves<'w>(live: &'w Local) -> (Tx<'w>, Rx<'w>) {
    let segment = ring(live, 0);
    let rx = segment.clone().consumer(live, &peer(Policy::Block), Start::Earliest).expect("room");
    (segment.producer(live, Identity::default()).expect("nobody else does"), rx)
}

// RING-ASYNC: a task that finds nothing dozes until something comes, and a future that is dropped took nothing
#[test]
fn a_task_dozes_until_an_item_comes() {
    let live = Local::new();
    let (tx, mut rx) = halves(&live);
    let tx = RefCell::new(tx);
    let push = |item| assert!(tx.borrow_mut().try_push(item).is_ok(), "there is room");
    let world = World::default();
    push(1);
    assert_eq!(taken(&mut rx, &world), (Some(1), 0));
    world.meanwhile(|| push(2));
    assert_eq!(taken(&mut rx, &world), (Some(2), 1));
    assert_eq!((world.dozes.get(), world.now.get()), (1, 0));
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(rx.next_in(&world, Until::forever())).poll(&mut context).is_pending());
    push(3);
    assert_eq!(taken(&mut rx, &world), (Some(3), 0), "nothing was lost with the future");
    drop(world);
    tx.into_inner().close();
    assert!(matches!(
        block_on(rx.next_in(&World::default(), Until::forever())).0,
        Ok(Next::Closed(End::Finished))
    ));
}

// RING-ASYNC, RING-DEATH: a wait of a task ends by a deadline, a cancel, and a proved death
#[test]
fn every_wait_of_a_task_has_an_end() {
    let live = Local::new();
    let (tx, mut rx) = halves(&live);
    let (cancel, generation) = (Cancel::new(), tx.generation());
    let world = World::default();
    let soon = Until::deadline(Instant::from_nanos(25_000_000));
    assert_eq!(block_on(rx.next_in(&world, soon)).0.err(), Some(Ended::Deadline));
    assert_eq!((world.now.get(), world.dozes.get()), (25_000_000, 3), "two probes and a half");
    world.meanwhile(|| cancel.cancel());
    assert_eq!(block_on(rx.next_in(&world, Until::cancel(&cancel))).0.err(), Some(Ended::Cancelled));
    core::mem::forget(tx);
    world.meanwhile(|| live.release(Layout::PRODUCER, generation));
    assert!(matches!(block_on(rx.next_in(&world, Until::forever())).0, Ok(Next::Closed(End::Crashed))));
}

// RING-ASYNC: a task that finds no room dozes until somebody reads; one that is refused kept its closure
#[test]
fn a_task_dozes_until_there_is_room() {
    let live = Local::new();
    let (mut tx, rx) = halves(&live);
    let (rx, slot, generation) = (RefCell::new(rx), 0, 1);
    let world = World::default();
    for i in 0..4 {
        assert_eq!(
            block_on(tx.publish_in(|at| at.0, &world, Until::forever())).0.map(|at| at.0).ok(),
            Some(i)
        );
    }
    let refused = block_on(tx.publish_in(|_| unreachable!("it is refused"), &world, Until::now())).0;
    assert_eq!(refused.err().map(|refused| refused.why), Some(Why::Full { by: 0, missing: 1 }));
    world.meanwhile(|| assert_eq!(rx.borrow_mut().poll(2, |_, _, _| ()).0, 2));
    let published = block_on(tx.publish_in(|at| at.0, &world, Until::forever())).0;
    assert_eq!((published.map(|at| at.0).ok(), world.dozes.get()), (Some(4), 1));
    assert_eq!(tx.try_push(5).map(|at| at.0).ok(), Some(5));
    world.meanwhile(|| live.release(slot, generation));
    let published = block_on(tx.publish_in(|at| at.0, &world, Until::forever())).0;
    assert_eq!(published.map(|at| at.0).ok(), Some(6), "the dead are waited for no longer");
    drop(world);
    core::mem::forget(rx);
}

// RING-ASYNC: who may be overtaken waits as a task too
#[test]
fn a_reader_dozes_too() {
    let live = Local::new();
    let segment = ring(&live, 2);
    let mut ui =
        segment.clone().reader::<u64, _>(&live, &peer(Policy::Lossy), Start::Earliest).expect("room");
    let tx = RefCell::new(segment.producer::<u64, _>(&live, Identity::default()).expect("nobody else does"));
    let world = World::default();
    world.meanwhile(|| {
        for item in 0..9 {
            tx.borrow_mut().try_push(item).expect("nobody gates");
        }
    });
    let (next, vain) = block_on(ui.next_in(&world, Until::forever()));
    assert!(matches!(next, Ok(Next::Lagged { from, .. }) if from.0 == 0) && vain == 1, "{next:?}");
}
