use crate::rig::{A, Rig, host};
use tidemill_relocate::{
    ConsumerEffect, ConsumerEvent, ConsumerTimer, EdgeError, FenceEpoch, Incarnation, Preset, ProducerEvent,
    Reply, Request, Verb,
};

const EARLY: Preset = Preset::ExactlyOnceEarly;

/// What it asks a host for.
fn asked(rig: &Rig) -> Option<Verb<Vec<u8>>> {
    rig.asks.iter().find_map(|ask| match ask {
        ConsumerEffect::Ask(_, _, request) => Some(request.verb.clone()),
        _ => None,
    })
}

fn snapshot(rig: &mut Rig, off: u64) {
    rig.show(ConsumerEvent::Snapshot { off });
}

#[test]
fn pop_is_not_an_ack() {
    let mut rig = Rig::running(EARLY, 2);
    rig.write();
    rig.settle();
    assert_eq!((rig.shown().len(), rig.record.record.floor.off), (2, 0), "read, and still there");
    snapshot(&mut rig, 2);
    rig.settle();
    assert_eq!((rig.committed(), rig.record.record.floor.off), (vec!["0.1", "1.1"], 2));
    let read = Request { target: Rig::target(rig.seg()), verb: Verb::Read { off: 1, max: 1 } };
    assert_eq!(rig.ask(A, read), Some(Reply::Below { base: 2 }), "trimmed once the record says so");
}

#[test]
fn by_default_a_stage_is_shown_what_is_final_and_nothing_else() {
    let mut rig = Rig::new(Preset::ExactlyOnce);
    rig.bear_producer();
    rig.settle_producer();
    rig.push().expect("room");
    rig.push().expect("room");
    let resumed = tidemill_relocate::Resumed { committed: rig.taken, seen: 0 };
    rig.show(ConsumerEvent::Minted(resumed));
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.cursor()), (vec![], 2), "read ahead, not shown");
    rig.write();
    rig.settle();
    rig.settle();
    assert_eq!(rig.shown(), ["0.1", "1.1"]);
}

#[test]
fn a_snapshot_waits_for_its_certificate() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.push().expect("room");
    rig.settle();
    snapshot(&mut rig, 1);
    snapshot(&mut rig, 2);
    rig.settle();
    assert_eq!(rig.committed(), ["0.1"], "the second is not final");
    rig.write();
    rig.settle();
    rig.settle();
    assert_eq!(rig.committed(), ["0.1", "1.1"]);
}

#[test]
fn the_window_stops_what_is_speculative_and_never_what_is_final() {
    let mut rig = Rig::running(EARLY, 9);
    assert_eq!(rig.shown().len(), 4, "the window");
    rig.write();
    rig.settle_producer();
    rig.settle();
    assert_eq!(rig.shown().len(), 9, "up to the certificate");
}

#[test]
fn offsets_that_nothing_serves_are_an_error_and_not_skipped() {
    let mut rig = Rig::running(EARLY, 3);
    rig.write();
    rig.settle();
    snapshot(&mut rig, 3);
    rig.settle();
    rig.tell(ProducerEvent::Relocate { to: A });
    rig.settle();
    // A consumer whose store was put back to the beginning.
    (rig.taken.off, rig.taken.chain) = (0, Default::default());
    rig.committed.clear();
    rig.bear_consumer();
    rig.settle_consumer();
    assert_eq!(rig.consumer.error(), Some(EdgeError::Gap { need: 0, have: 3 }));
    assert_eq!(rig.shown(), Vec::<&str>::new());
}

#[test]
fn a_sealed_empty_queue_leads_on() {
    let mut rig = Rig::running(EARLY, 2);
    rig.tell(ProducerEvent::Relocate { to: crate::rig::B });
    rig.settle();
    rig.push().expect("room");
    rig.settle();
    assert_eq!(rig.record.record.segs().len(), 2);
    rig.settle();
    assert_eq!(rig.shown(), ["0.1", "1.1", "2.1"]);
}

#[test]
fn a_segment_that_only_the_consumer_cannot_reach_is_complained_about() {
    let mut rig = Rig::running(EARLY, 1);
    let there = rig.hosts.remove(0);
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    assert_eq!(rig.record.record.complaint.generation, FenceEpoch::NONE, "not at the first failure");
    rig.wake_consumer(ConsumerTimer::Again);
    rig.settle_consumer();
    rig.wake_consumer(ConsumerTimer::Again);
    rig.settle_consumer();
    assert_eq!(
        (rig.record.record.complaint.generation, rig.record.record.complaint.off),
        (FenceEpoch::new(1), 1)
    );
    rig.hosts.insert(0, there);
    rig.wake_producer(tidemill_relocate::ProducerTimer::Poll);
    rig.settle();
    rig.settle();
    assert_eq!((rig.seg().generation, rig.shown().len()), (FenceEpoch::new(2), 1));
}

#[test]
fn a_segment_that_fails_once_is_forgiven() {
    let mut rig = Rig::running(EARLY, 1);
    let there = rig.hosts.remove(0);
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    rig.hosts.insert(0, there);
    for _ in 0..2 {
        rig.wake_consumer(ConsumerTimer::Again);
        rig.settle_consumer();
        rig.asks.push(ConsumerEffect::Wake(ConsumerTimer::Again, crate::rig::OP));
    }
    assert_eq!(rig.record.record.complaint.generation, FenceEpoch::NONE);
}

#[test]
fn a_rollback_waits_for_the_commit_that_is_under_way() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.push().expect("room");
    rig.settle();
    snapshot(&mut rig, 1);
    // The certificate is there, the commit on its way.
    rig.wake_consumer(ConsumerTimer::Poll);
    let read = rig.asks.iter().position(|ask| matches!(ask, ConsumerEffect::Read(_))).expect("it looks");
    let ConsumerEffect::Read(op) = rig.asks.remove(read) else { unreachable!() };
    rig.show(ConsumerEvent::Record(op, Ok(Box::new(rig.record.clone()))));
    assert!(rig.asks.contains(&ConsumerEffect::Commit(1)));
    // What comes next was produced by somebody else.
    let Some(Verb::Read { off: 2, .. }) = asked(&rig) else { panic!("it reads on") };
    let at = rig.asks.iter().position(|ask| matches!(ask, ConsumerEffect::Ask(..))).expect("it reads");
    let ConsumerEffect::Ask(op, ..) = rig.asks.remove(at) else { unreachable!() };
    let chain = tidemill_relocate::Chain(77);
    rig.show(ConsumerEvent::Reply(op, Reply::Data { off: 2, chain, entries: Vec::new() }));
    assert_eq!((rig.shown().len(), rig.consumer.rollbacks()), (2, 0), "nothing is taken back yet");
    rig.settle_consumer();
    assert_eq!((rig.committed(), rig.consumer.rollbacks()), (vec!["0.1"], 1));
    assert_eq!(rig.shown(), ["0.1", "1.1"], "and read again");
}

#[test]
fn a_segment_that_contradicts_a_certificate_twice_is_complained_about() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.settle_producer();
    rig.record.record.frontier.chain = tidemill_relocate::Chain(5);
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    let complaint = rig.record.record.complaint;
    assert_eq!(
        (complaint.generation, rig.consumer.rollbacks()),
        (FenceEpoch::new(1), 2),
        "and then it waits"
    );
}

#[test]
fn a_zombie_is_over_with_its_first_commit() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    snapshot(&mut rig, 1);
    rig.taken.inc = Incarnation(2);
    rig.settle();
    rig.settle();
    assert_eq!(rig.consumer.error(), Some(EdgeError::Fenced { by: Incarnation(2) }));
    assert_eq!((rig.committed(), rig.record.record.floor.off), (vec![], 0));
}

#[test]
fn an_older_record_is_ignored_and_counted() {
    let mut rig = Rig::running(EARLY, 1);
    let old = rig.record.clone();
    rig.write();
    rig.settle_producer();
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    let follows = rig.consumer.follows();
    rig.record = old;
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    assert_eq!((rig.consumer.follows(), rig.consumer.stale()), (follows, 1));
}

// The crash falls between the commit and the record that says so.
#[test]
fn a_floor_that_was_not_published_is_derived_from_the_checkpoint() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.settle_producer();
    snapshot(&mut rig, 1);
    rig.wake_consumer(ConsumerTimer::Poll);
    let chain = rig.record.record.frontier.chain;
    rig.committed = rig.shown.clone();
    (rig.taken.off, rig.taken.chain, rig.taken.seq) = (1, chain, 1);
    rig.bear_consumer();
    rig.settle_consumer();
    assert_eq!((rig.record.record.floor.off, rig.record.record.floor.inc), (1, Incarnation(2)));
}

#[test]
fn a_host_that_forgot_everything_leads_to_a_complaint_and_another_segment() {
    let mut rig = Rig::running(EARLY, 2);
    rig.hosts[0] = host(A);
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    for _ in 0..2 {
        rig.wake_consumer(ConsumerTimer::Again);
        rig.settle_consumer();
    }
    rig.wake_producer(tidemill_relocate::ProducerTimer::Poll);
    rig.settle();
    rig.push().expect("room");
    rig.settle();
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.rollbacks()), (vec!["0.1", "1.1", "2.1"], 0));
}

// The queue moved on; what the consumer still has to read lies in the segment before, which it can no longer reach.
#[test]
fn a_segment_that_is_drained_and_lost_is_complained_about_and_given_up() {
    let mut rig = Rig::running(EARLY, 0);
    (0..3).for_each(|_| _ = rig.push());
    rig.settle_producer();
    rig.tell(ProducerEvent::Relocate { to: crate::rig::B });
    rig.settle_producer();
    rig.hosts[0] = host(A);
    rig.settle();
    for _ in 0..2 {
        rig.wake_consumer(ConsumerTimer::Again);
        rig.settle_consumer();
    }
    assert_eq!(rig.record.record.complaint.generation, FenceEpoch::new(1), "of the older one");
    rig.wake_producer(tidemill_relocate::ProducerTimer::Poll);
    rig.settle();
    assert_eq!((rig.seg().generation, rig.seg().base), (FenceEpoch::new(3), 0));
    assert_eq!(rig.shown(), ["0.1", "1.1", "2.1"]);
}

// What is committed was read elsewhere, and the new segment takes no entry before it has those.
#[test]
fn a_floor_that_overtakes_a_segment_does_not_stop_it() {
    let mut rig = Rig::running(EARLY, 3);
    rig.write();
    rig.settle();
    let segment = rig.hosts[0].clone();
    rig.hosts.remove(0);
    _ = rig.push();
    // The new segment is there, and nothing is in it yet.
    while !rig.record.record.segs().iter().any(|seg| seg.host == crate::rig::B) {
        assert!(rig.produce_one());
    }
    rig.hosts.push(segment);
    (rig.record.record.floor.off, rig.record.record.floor.chain) = (3, rig.record.record.frontier.chain);
    rig.wake_producer(tidemill_relocate::ProducerTimer::Poll);
    rig.settle_producer();
    let read = Request { target: Rig::target(rig.seg()), verb: Verb::Read { off: 3, max: 1 } };
    assert!(matches!(rig.ask(crate::rig::B, read), Some(Reply::Data { off: 3, .. })));
    assert_eq!(rig.producer.retained_from(), 3);
}
