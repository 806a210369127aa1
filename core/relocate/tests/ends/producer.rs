use crate::rig::{A, B, Rig, host, producer_config, waits};
use tidemill_relocate::{
    BadTerms, Chain, Complaint, EdgeError, FenceEpoch, Incarnation, Label, Preset, Producer, ProducerConfig,
    ProducerEffect, ProducerEvent, ProducerTimer, Reply, Request, Terms, Verb,
};
use tidemill_seam::Duration;

const EARLY: Preset = Preset::ExactlyOnceEarly;

fn generation(rig: &Rig) -> u64 {
    rig.record.record.generation.get()
}

#[test]
fn nothing_is_taken_before_the_edge_is_owned() {
    let mut rig = Rig::new(EARLY);
    rig.bear_producer();
    assert_eq!(rig.push(), Err(b"0.1".to_vec()), "it comes back");
    rig.settle_producer();
    assert_eq!((rig.push(), generation(&rig)), (Ok(0), 1));
}

#[test]
fn offsets_survive_a_move() {
    let mut rig = Rig::running(EARLY, 3);
    rig.tell(ProducerEvent::Relocate { to: B });
    assert_eq!(rig.push(), Err(b"3.1".to_vec()), "not in the middle of it");
    rig.settle();
    assert_eq!(
        (rig.push(), rig.seg().host, rig.seg().base),
        (Ok(3), B, 3),
        "drained: nothing is pushed again"
    );
    rig.settle();
    assert_eq!(rig.shown(), ["0.1", "1.1", "2.1", "3.1"]);
    assert_eq!((rig.producer.moves(), rig.consumer.rollbacks()), (2, 0));
}

#[test]
fn a_host_that_dies_is_abandoned_and_what_is_retained_is_pushed_again() {
    let mut rig = Rig::running(EARLY, 3);
    rig.hosts.remove(0);
    assert_eq!(rig.push(), Ok(3));
    rig.settle();
    assert_eq!((rig.seg().host, rig.seg().base, rig.record.record.segs().len()), (B, 0, 1));
    rig.settle();
    assert_eq!((rig.shown().len(), rig.consumer.rollbacks()), (4, 0), "the same items lie there");
}

#[test]
fn the_speculative_suffix_of_an_earlier_life_is_cut() {
    let mut rig = Rig::running(EARLY, 2);
    rig.write();
    rig.push().expect("room");
    rig.settle();
    assert_eq!(rig.shown(), ["0.1", "1.1", "2.1"]);
    rig.bear_producer();
    rig.settle();
    assert_eq!((rig.seg().base, generation(&rig)), (2, 2), "its checkpoint, not the end of the segment");
    rig.push().expect("room");
    rig.push().expect("room");
    rig.write();
    rig.settle();
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.rollbacks()), (vec!["0.1", "1.1", "2.2", "3.2"], 1));
}

#[test]
fn entries_that_are_pushed_again_keep_their_labels() {
    let mut rig = Rig::running(EARLY, 2);
    rig.write();
    rig.hosts[0] = host(A);
    rig.bear_producer();
    rig.settle();
    let labels: Vec<Label> = rig.producer.retained().map(|(label, _)| label).collect();
    let seg = rig.seg();
    let read = Request { target: Rig::target(seg), verb: Verb::Read { off: 0, max: 9 } };
    let Some(Reply::Data { entries, .. }) = rig.ask(seg.host, read) else { panic!("they are there") };
    assert!(entries.iter().map(|entry| entry.label).eq(labels));
    assert_eq!(entries[0].label, Label(1), "of the life that produced it");
}

#[test]
fn a_zombie_learns_from_the_record_the_store_or_the_host() {
    let mut rig = Rig::running(EARLY, 1);
    let by = Incarnation(2);
    // A later life took the edge.
    let mut late = rig.record.clone();
    late.record.owner.inc = by;
    rig.wake_producer(ProducerTimer::Poll);
    let Some(ProducerEffect::Read(op)) = rig.wants.iter().find(|want| !waits(want)).cloned() else {
        panic!()
    };
    let mut twin = rig.producer.clone();
    _ = twin.step(rig.now, ProducerEvent::Record(op, Ok(Box::new(late))), &mut NoEntropy);
    assert_eq!(twin.error(), Some(EdgeError::Fenced { by }));
    // The store refused its checkpoint.
    let mut twin = rig.producer.clone();
    _ = twin.step(rig.now, ProducerEvent::Fenced { by }, &mut NoEntropy);
    assert_eq!((twin.error(), twin.push(Vec::new()).is_err()), (Some(EdgeError::Fenced { by }), true));
    // The host was shown a later generation, and the store knows whose.
    rig.settle();
    let seg = rig.seg();
    let seal = Request { target: Rig::target(seg), verb: Verb::Seal { by: FenceEpoch::new(9) } };
    _ = rig.ask(A, seal);
    rig.written.inc = 2;
    rig.push().expect("room");
    rig.settle();
    assert_eq!((rig.producer.error(), generation(&rig)), (Some(EdgeError::Fenced { by }), 1));
}

struct NoEntropy;

impl tidemill_seam::Entropy for NoEntropy {
    fn fill(&mut self, _: &mut [u8]) {
        unreachable!("nothing is made");
    }
}

// Somebody sealed the segment and never took the edge: whoever may still write goes on elsewhere.
#[test]
fn a_seal_that_nobody_followed_up_is_no_end() {
    let mut rig = Rig::running(EARLY, 1);
    let seg = rig.seg();
    _ = rig.ask(A, Request { target: Rig::target(seg), verb: Verb::Seal { by: FenceEpoch::new(2) } });
    rig.push().expect("room");
    rig.settle();
    assert_eq!((rig.producer.is_active(), generation(&rig), rig.seg().base), (true, 2, 1));
}

#[test]
fn a_complaint_moves_the_queue_once() {
    let mut rig = Rig::running(EARLY, 2);
    rig.record.record.complaint = Complaint { generation: FenceEpoch::new(1), off: 1 };
    for _ in 0..2 {
        rig.wake_producer(ProducerTimer::Poll);
        rig.settle();
    }
    let record = &rig.record.record;
    assert_eq!((generation(&rig), record.complaint, rig.seg().host), (2, Complaint::default(), B));
}

#[test]
fn a_full_queue_asks_for_a_checkpoint_and_goes_on_once_the_consumer_trimmed() {
    let mut rig = Rig::new(EARLY);
    rig.bear_producer();
    rig.settle_producer();
    while rig.producer.push(vec![7; 100]).is_ok() {
        rig.tell(ProducerEvent::Pushed);
        rig.settle_producer();
    }
    assert!(
        rig.wants.contains(&ProducerEffect::Checkpoint),
        "only a certificate lets the consumer free room"
    );
    let (seg, appended) = (rig.seg(), 7);
    let read = Request { target: Rig::target(seg), verb: Verb::Read { off: appended, max: 1 } };
    assert_eq!(rig.ask(A, read.clone()), Some(Reply::Empty { next: appended, sealed: false }));
    _ = rig.ask(A, Request { target: Rig::target(seg), verb: Verb::Trim { off: 3 } });
    rig.wake_producer(ProducerTimer::Poll);
    rig.settle_producer();
    assert!(matches!(rig.ask(A, read), Some(Reply::Data { off: 7, .. })));
}

#[test]
fn more_than_may_be_retained_comes_back() {
    let mut rig = Rig::running(EARLY, 0);
    let most = producer_config().retain_max as usize;
    assert!(rig.producer.push(vec![0; most]).is_ok());
    assert!(rig.producer.push(vec![0]).is_err());
}

#[test]
fn a_lease_that_is_not_renewed_in_time_moves_the_queue() {
    for renewed in [true, false] {
        let mut rig = Rig::running(EARLY, 1);
        rig.now += Duration::from_millis(if renewed { 700 } else { 990 });
        rig.wake_producer(ProducerTimer::Renew);
        rig.settle();
        assert_eq!(generation(&rig), if renewed { 1 } else { 2 });
    }
    // The host gave the memory to somebody else.
    let mut rig = Rig::running(EARLY, 1);
    rig.hosts[0] = host(A);
    rig.wake_producer(ProducerTimer::Renew);
    rig.settle();
    assert_eq!((generation(&rig), rig.producer.is_active()), (2, true));
}

#[test]
fn a_host_without_room_is_passed_over() {
    let mut rig = Rig::new(EARLY);
    rig.hosts.remove(0);
    rig.bear_producer();
    rig.settle_producer();
    assert_eq!(rig.seg().host, B);
    let mut nowhere = Rig::new(EARLY);
    nowhere.hosts.clear();
    nowhere.bear_producer();
    nowhere.settle_producer();
    assert!(!nowhere.producer.is_active());
    nowhere.hosts.push(host(A));
    nowhere.wake_producer(ProducerTimer::Again);
    nowhere.settle_producer();
    assert!(nowhere.producer.is_active(), "it tries again");
}

#[test]
fn another_entry_at_an_offset_is_a_divergence() {
    let mut rig = Rig::running(EARLY, 1);
    rig.push().expect("room");
    let at = rig.wants.iter().position(|want| matches!(want, ProducerEffect::Ask(..))).expect("an append");
    let ProducerEffect::Ask(op, ..) = rig.wants.remove(at) else { unreachable!() };
    rig.tell(ProducerEvent::Reply(op, Reply::Conflict));
    let generation = FenceEpoch::new(1);
    assert_eq!(rig.producer.error(), Some(EdgeError::Diverged { off: 1, generation }));
}

#[test]
fn a_gap_is_filled_from_where_it_begins() {
    let mut rig = Rig::running(EARLY, 2);
    rig.push().expect("room");
    let at = rig.wants.iter().position(|want| matches!(want, ProducerEffect::Ask(..))).expect("an append");
    let ProducerEffect::Ask(op, ..) = rig.wants.remove(at) else { unreachable!() };
    rig.tell(ProducerEvent::Reply(op, Reply::Gap { next: 1 }));
    rig.settle();
    let read = Request { target: Rig::target(rig.seg()), verb: Verb::Read { off: 2, max: 1 } };
    assert!(matches!(rig.ask(A, read), Some(Reply::Data { off: 2, .. })));
}

#[test]
fn a_register_that_was_put_back_stops_everything() {
    let mut rig = Rig::running(EARLY, 1);
    rig.record.record.ver -= 1;
    rig.wake_producer(ProducerTimer::Poll);
    rig.settle();
    assert_eq!(rig.producer.error(), Some(EdgeError::Regressed { seen: 2, found: 1 }));
}

#[test]
fn what_is_retained_is_held_against_the_checkpoint_and_the_floor() {
    let mut rig = Rig::running(EARLY, 2);
    rig.write();
    rig.settle();
    let whole = rig.written.clone();
    rig.written.durable.chain = Chain(99);
    rig.bear_producer();
    rig.settle_producer();
    assert_eq!(rig.producer.error(), Some(EdgeError::Diverged { off: 2, generation: FenceEpoch::new(1) }));
    rig.written = whole;
    rig.written.from = 1;
    rig.written.entries.remove(0);
    rig.bear_producer();
    rig.settle_producer();
    assert_eq!(
        rig.producer.error(),
        Some(EdgeError::Gap { need: 0, have: 2 }),
        "and nothing before 2 has a chain"
    );
}

#[test]
fn the_last_generation_is_the_last() {
    let mut rig = Rig::new(EARLY);
    let last = tidemill_relocate::Seg { generation: FenceEpoch::LAST, host: A, ..Default::default() };
    let owner = tidemill_relocate::Owner { stage: crate::rig::STAGE, inc: Incarnation(1) };
    rig.record.record.hand_over(owner, last).expect("it is later");
    rig.bear_producer();
    rig.settle_producer();
    assert_eq!(rig.producer.error(), Some(EdgeError::Exhausted));
}

#[test]
fn an_answer_that_nobody_awaits_is_dropped_and_counted() {
    let mut rig = Rig::running(EARLY, 0);
    rig.push().expect("room");
    let at = rig.wants.iter().position(|want| matches!(want, ProducerEffect::Ask(..))).expect("an append");
    let ProducerEffect::Ask(op, ..) = rig.wants[at] else { unreachable!() };
    rig.settle_producer();
    let before = rig.producer.dropped();
    rig.tell(ProducerEvent::Reply(op, Reply::Conflict));
    rig.tell(ProducerEvent::Late(op));
    assert_eq!((rig.producer.error(), rig.producer.dropped()), (None, before + 2));
}

#[test]
fn terms_that_nobody_can_keep_make_no_producer() {
    let terms = Terms { ttl: Duration::from_millis(30), drift_ppm: 0 };
    let config = ProducerConfig { terms, ..producer_config() };
    assert!(matches!(Producer::<Vec<u8>>::new(config), Err(BadTerms::NoTimeToRenew { .. })));
}

/// The appends that a producer waits for: requests and offsets.
fn appends(rig: &Rig) -> Vec<(tidemill_relocate::Op, u64)> {
    let append = |want: &ProducerEffect<_>| match want {
        ProducerEffect::Ask(op, _, Request { verb: Verb::Append { off, .. }, .. }) => Some((*op, *off)),
        _ => None,
    };
    rig.wants.iter().filter_map(append).collect()
}

// L1: an append overtook another, and what the host then missed has come since, was acknowledged, committed and let go.
#[test]
fn a_host_that_missed_an_entry_once_is_not_asked_for_what_it_has() {
    let mut rig = Rig::running(EARLY, 0);
    (0..2).for_each(|_| _ = rig.push());
    let [(first, 0), (second, 1)] = appends(&rig)[..] else { panic!("{:?}", rig.wants) };
    rig.wants.clear();
    rig.tell(ProducerEvent::Reply(first, Reply::Ack { next: 1, credit: 900 }));
    rig.tell(ProducerEvent::Reply(second, Reply::Gap { next: 0 }));
    let [(again, 1)] = appends(&rig)[..] else { panic!("{:?}", rig.wants) };
    assert!(rig.producer.is_active());
    // The second time it is no news of before: it lost what it acknowledged.
    rig.tell(ProducerEvent::Reply(again, Reply::Gap { next: 0 }));
    assert!(!rig.producer.is_active(), "it moves");
}
