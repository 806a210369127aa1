use super::{AppCount, AppCounterError, ID_LEAST};
use crate::header::{Creator, SegmentId};
use crate::{Heap, Layout, Local, PeerName, Segment, Spec, SpecError};
use alloc::vec::Vec;
use tidemill_seam::Liveness;

fn name(label: &str) -> PeerName {
    PeerName::parse(label).expect("a label")
}

fn segment(counters: u32) -> Segment<Heap> {
    let spec = Spec::of::<u64>(8).participants(2).counters(counters);
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    Segment::create(region, &spec, SegmentId(1), Creator::default(), &Local::new()).expect("a segment")
}

// RING-COUNTERS: a counter has one writer at a time, goes on where the last one stopped, and is read by anybody
#[test]
fn a_counter_goes_on_where_the_last_one_stopped() {
    let (segment, live) = (segment(2), Local::new());
    let mut orders = segment.counter(&live, ID_LEAST, name("orders")).expect("a free place");
    assert_eq!(orders.value(), 0);
    orders.add(3);
    assert_eq!(segment.counter(&live, ID_LEAST, name("orders")).err(), Some(AppCounterError::Taken));
    assert_eq!(
        segment.counter(&live, ID_LEAST, name("bids")).err(),
        Some(AppCounterError::Label(name("orders")))
    );
    assert_eq!(segment.counter(&live, 7, name("bids")).err(), Some(AppCounterError::Id(7)));
    let mut bids = segment.counter(&live, 0x200, name("bids")).expect("a free place");
    bids.add(u64::from(u32::MAX) * 5);
    assert_eq!(segment.counter(&live, 0x201, name("asks")).err(), Some(AppCounterError::Full(2)));
    let read = |place, id, label, value| AppCount { place, id, label: Some(name(label)), value };
    let all = [read(0, ID_LEAST, "orders", 3), read(1, 0x200, "bids", u64::from(u32::MAX) * 5)];
    assert_eq!(segment.counters().collect::<Vec<_>>(), all);
    drop(orders);
    let orders = segment.counter(&live, ID_LEAST, name("orders")).expect("nobody counts that any more");
    assert_eq!((orders.value(), orders.place()), (3, 0));
}

// RING-COUNTERS: of two who declare at the same time one is told so, and nobody finds half a counter
#[test]
fn only_one_declares_at_a_time() {
    let (segment, live) = (segment(1), Local::new());
    live.claim(Layout::REGISTRAR, 0).expect("nobody declares");
    assert_eq!(segment.counter(&live, 0x100, name("orders")).err(), Some(AppCounterError::Contended));
    assert_eq!(segment.counters().count(), 0);
    live.release(Layout::REGISTRAR, 0);
    // Whoever died behind its claim left a place that is free.
    live.claim(Layout::COUNTERS, 0).expect("nobody counts");
    assert_eq!(segment.counter(&live, 0x100, name("orders")).err(), Some(AppCounterError::Taken));
    live.release(Layout::COUNTERS, 0);
    assert!(segment.counter(&live, 0x100, name("orders")).is_ok());
}

// RING-COUNTERS: a ring without them lies as it did before there were any, and one with too many cannot be
#[test]
fn a_ring_has_as_many_as_were_asked_for() {
    let with = |n| Layout::of(&Spec::of::<u64>(8).counters(n)).map(|layout| layout.words());
    assert_eq!(with(17), Err(SpecError::Counters(17)));
    assert!(with(16).unwrap() > with(0).unwrap(), "they take room");
    let (none, live) = (segment(0), Local::new());
    assert_eq!(none.counter(&live, 0x100, name("orders")).err(), Some(AppCounterError::Full(0)));
    let back = Segment::attach(segment(3).region()).map(|segment| segment.header().layout.spec().counters);
    assert_eq!(back, Ok(3));
}
