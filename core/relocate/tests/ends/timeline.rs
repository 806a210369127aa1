//! The worked death of §14, row by row: machine A runs the producer and hosts its queue, and dies.

use crate::rig::{A, B, Rig, host};
use tidemill_relocate::{
    ConsumerEvent, ConsumerTimer, EdgeError, FenceEpoch, Incarnation, Preset, ProducerEffect, ProducerEvent,
    ProducerTimer,
};

/// Generation, frontier, floor, and where it lies.
fn row(rig: &Rig) -> (u64, u64, u64, Vec<(u64, u64, u64)>) {
    let record = &rig.record.record;
    let segs = record.segs().iter().map(|seg| (seg.generation.get(), seg.host.0, seg.base)).collect();
    (record.generation.get(), record.frontier.off, record.floor.off, segs)
}

/// Up to the moment of the death: 0–5 are appended to A, checkpoint 4 is durable and its frontier was never published.
fn before() -> Rig {
    let mut rig = Rig::running(Preset::ExactlyOnceEarly, 2);
    rig.write();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 2 });
    rig.settle();
    (2..4).for_each(|_| _ = rig.push());
    rig.settle_producer();
    // Drops what it has not committed, so that what it retains begins at the floor.
    rig.wake_producer(ProducerTimer::Poll);
    rig.settle_producer();
    rig.write();
    // Nobody hears of the frontier.
    let swaps = |want: &ProducerEffect<_>| matches!(want, ProducerEffect::Swap(..));
    let at = rig.wants.iter().position(swaps).expect("it publishes");
    let ProducerEffect::Swap(op, ..) = rig.wants.remove(at) else { unreachable!() };
    rig.tell(ProducerEvent::Late(op));
    (4..6).for_each(|_| _ = rig.push());
    rig.settle_producer();
    rig
}

#[test]
fn one_death_step_by_step() {
    let mut rig = before();
    assert_eq!(row(&rig), (1, 2, 2, vec![(1, A.0, 0)]));
    assert_eq!((rig.written.durable.off, rig.written.from, rig.written.entries.len()), (4, 2, 2));
    poll_until(&mut rig, 5);
    rig.show(ConsumerEvent::Snapshot { off: 4 });
    assert_eq!((rig.consumer.cursor(), rig.committed()), (5, vec!["0.1", "1.1"]));

    // 0 s: A dies, with the segment, the producer, and items 4 and 5. The consumer times out twice and complains.
    rig.hosts.remove(0);
    rig.wants.clear();
    rig.wake_consumer(ConsumerTimer::Poll);
    rig.settle_consumer();
    for _ in 0..2 {
        rig.wake_consumer(ConsumerTimer::Again);
        rig.settle_consumer();
    }
    let complaint = rig.record.record.complaint;
    assert_eq!((complaint.generation, complaint.off), (FenceEpoch::new(1), 5));

    // 1.05 s: incarnation 2 on B abandons A, from the floor on.
    rig.bear_producer();
    rig.settle_producer();
    assert_eq!(
        row(&rig),
        (2, 4, 2, vec![(2, B.0, 2)]),
        "and publishes the frontier that the first life could not"
    );
    assert_eq!(rig.record.record.complaint.generation, FenceEpoch::NONE);

    // The consumer rebinds; B's end is below its cursor, and it commits 4 by what it read on A.
    rig.settle();
    assert_eq!((rig.consumer.cursor(), rig.committed()), (5, vec!["0.1", "1.1", "2.1", "3.1"]));
    assert_eq!(row(&rig), (2, 4, 4, vec![(2, B.0, 2)]));

    // The producer appends 4′ and 5′. The chain before 5 differs: the consumer rolls back to 4.
    (4..6).for_each(|_| _ = rig.push());
    rig.settle_producer();
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.rollbacks()), (vec!["0.1", "1.1", "2.1", "3.1", "4.2", "5.2"], 1));

    // Checkpoint 6, frontier 6, commit 6, floor 6.
    rig.write();
    rig.settle_producer();
    rig.show(ConsumerEvent::Snapshot { off: 6 });
    rig.settle();
    assert_eq!(row(&rig), (2, 6, 6, vec![(2, B.0, 2)]));
    assert_eq!(rig.committed(), ["0.1", "1.1", "2.1", "3.1", "4.2", "5.2"], "each once");
}

/// The consumer reads on, and the host shows nothing from `off` on.
fn poll_until(rig: &mut Rig, off: u64) {
    rig.wake_consumer(ConsumerTimer::Poll);
    while rig.consumer.cursor() < off {
        assert!(rig.settle_one(off), "it reads up to {off}");
    }
}

// 3 s, the variant: A was only cut off. Its producer comes back, appends where nobody looks, and learns.
#[test]
fn a_producer_that_was_only_cut_off_comes_back_to_nothing() {
    let mut rig = before();
    let (mut cut_off, pending) = (rig.producer.clone(), rig.wants.clone());
    let there = rig.hosts.remove(0);
    rig.bear_producer();
    rig.settle_producer();
    rig.hosts.push(there);
    std::mem::swap(&mut rig.producer, &mut cut_off);
    rig.wants = pending;
    let before = row(&rig);
    let off = rig.producer.push(b"6.1".to_vec()).expect("it believes that it owns the edge");
    rig.tell(ProducerEvent::Pushed);
    rig.settle_producer();
    assert_eq!((off, rig.producer.error()), (6, None), "its own segment takes it");
    rig.wake_producer(ProducerTimer::Poll);
    rig.settle_producer();
    let by = Incarnation(2);
    assert_eq!(rig.producer.error(), Some(EdgeError::Fenced { by }));
    assert_eq!(row(&rig), before, "the record does not change");
    rig.hosts = vec![host(A)];
}
