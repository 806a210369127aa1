//! Gaps, and whoever may say that they are one's own fault; the end of an edge.

use crate::rig::{A, Rig, host};
use tidemill_relocate::{
    ConsumerEvent, EdgeError, Incarnation, NoLoss, Preset, ProducerEvent, ProducerTimer, Resumed,
};
use tidemill_seam::Version;

const EARLY: Preset = Preset::ExactlyOnceEarly;

/// An operator writes into the record what is given up.
fn accept(rig: &mut Rig, need: u64, have: u64) -> Result<(), NoLoss> {
    rig.record.record.accept_loss(need, have)?;
    rig.record.record.ver += 1;
    rig.record.version = Version(rig.record.version.0 + 1);
    Ok(())
}

/// Three items are committed and forgotten, and the store of the consumer was put back to the beginning.
fn forgotten() -> Rig {
    let mut rig = Rig::running(EARLY, 3);
    rig.write();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 3 });
    rig.settle();
    rig.tell(ProducerEvent::Relocate { to: A });
    rig.settle();
    (rig.taken.off, rig.taken.chain) = (0, Default::default());
    rig.committed.clear();
    rig.bear_consumer();
    rig.settle_consumer();
    rig
}

#[test]
fn a_consumer_goes_on_behind_what_an_operator_gave_up_and_says_what_that_is() {
    let mut rig = forgotten();
    assert_eq!(rig.consumer.error(), Some(EdgeError::Gap { need: 0, have: 3 }));
    accept(&mut rig, 0, 2).expect("it is final");
    rig.bear_consumer();
    rig.settle_consumer();
    assert_eq!(rig.consumer.error(), Some(EdgeError::Gap { need: 0, have: 3 }), "one more is missing");
    accept(&mut rig, 0, 3).expect("it is final");
    (0..2).for_each(|_| _ = rig.push());
    rig.write();
    rig.settle_producer();
    rig.bear_consumer();
    rig.settle();
    assert_eq!((rig.shown(), rig.lost.clone()), (vec!["lost", "lost", "lost", "3.1", "4.1"], vec![(0, 3)]));
    rig.show(ConsumerEvent::Snapshot { off: 5 });
    rig.settle();
    assert_eq!((rig.committed().len(), rig.record.record.floor.off), (5, 5), "held against the frontier");
}

// What lies behind the gap is not what was certified: the chain that the segment claims is not believed.
#[test]
fn behind_a_loss_nothing_is_committed_that_is_not_final() {
    let mut rig = forgotten();
    accept(&mut rig, 0, 3).expect("it is final");
    (0..2).for_each(|_| _ = rig.push());
    rig.write();
    rig.settle_producer();
    rig.record.record.frontier.chain = tidemill_relocate::Chain(5);
    rig.bear_consumer();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 5 });
    rig.settle();
    assert_eq!((rig.committed().len(), rig.consumer.rollbacks() > 0), (0, true));
}

#[test]
fn a_producer_goes_on_without_what_it_retained_once_an_operator_gave_it_up() {
    for alive in [true, false] {
        let mut rig = Rig::running(EARLY, 2);
        rig.write();
        rig.settle_producer();
        rig.written.from = 2;
        rig.written.entries.clear();
        if !alive {
            rig.hosts[0] = host(A);
        }
        rig.bear_producer();
        rig.settle_producer();
        assert_eq!(rig.producer.error(), Some(EdgeError::Gap { need: 0, have: 2 }));
        accept(&mut rig, 0, 2).expect("it is final");
        rig.bear_producer();
        rig.settle();
        rig.push().expect("room");
        rig.write();
        rig.bear_consumer();
        rig.settle();
        let read = if alive { ["0.1", "1.1", "2.3"] } else { ["lost", "lost", "2.3"] };
        assert_eq!(rig.shown(), read, "what a host still has is not lost");
        assert_eq!(rig.lost, if alive { vec![] } else { vec![(0, 2)] });
    }
}

#[test]
fn only_what_is_final_can_be_given_up() {
    let mut rig = Rig::running(EARLY, 3);
    rig.write();
    rig.settle_producer();
    for (need, have) in [(0, 0), (2, 1), (0, 4)] {
        assert_eq!(accept(&mut rig, need, have), Err(NoLoss), "{need}..{have}");
    }
    assert_eq!((accept(&mut rig, 0, 3), accept(&mut rig, 0, 3)), (Ok(()), Err(NoLoss)), "once");
}

#[test]
fn a_closed_edge_stays_until_everything_is_committed_and_ends_once() {
    let mut rig = Rig::running(EARLY, 2);
    assert_eq!(rig.producer.close(), Err(EdgeError::Retained { n: 2 }));
    assert!(rig.push().is_err(), "nothing comes any more");
    rig.settle();
    assert!(!rig.consumer.is_finished(), "no checkpoint says so");
    rig.write();
    let (off, seq) = (2, rig.written.durable.seq);
    rig.tell(ProducerEvent::Ended { off, seq });
    rig.settle();
    assert_eq!((rig.committed(), rig.consumer.is_finished()), (vec!["0.1", "1.1"], true));
    assert_eq!((rig.record.record.end, rig.record.record.floor.off), (2, 2));
    assert_eq!(rig.producer.close(), Err(EdgeError::Retained { n: 2 }), "it has not looked");
    rig.wake_producer(ProducerTimer::Poll);
    rig.settle_producer();
    assert_eq!((rig.producer.close(), rig.producer.is_done()), (Ok(()), true));
    assert_eq!(rig.hosts.iter().map(|host| host.segments()).sum::<usize>(), 0, "it gave its memory back");
    // Later lives find it in their checkpoints.
    rig.bear_consumer();
    rig.show(ConsumerEvent::Finished { off, seq: rig.taken.seq });
    rig.bear_producer();
    rig.tell(ProducerEvent::Ended { off, seq });
    rig.settle();
    assert_eq!((rig.consumer.is_finished(), rig.producer.is_done(), rig.committed().len()), (true, true, 2));
}

#[test]
fn what_was_said_beyond_the_end_is_taken_back() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.push().expect("room");
    rig.settle();
    assert_eq!(rig.shown().len(), 2);
    // The life that said it dies before its checkpoint, and the next one has nothing to say.
    rig.bear_producer();
    _ = rig.producer.close();
    let (off, seq) = (1, rig.written.durable.seq);
    rig.tell(ProducerEvent::Ended { off, seq });
    rig.settle();
    rig.settle();
    assert_eq!((rig.committed(), rig.consumer.rollbacks(), rig.record.record.end), (vec!["0.1"], 1, 1));
    assert!(rig.consumer.is_finished());
}

// The crash falls between the commit and what it lets leave.
#[test]
fn crash_between_commit_and_notify_repeats_notify() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 1 });
    rig.settle();
    assert_eq!(rig.released, [1]);
    rig.bear_consumer();
    assert_eq!(rig.released, [1, 1]);
}

// G5: a stage that takes back what it produced is another life of itself, at the same machine.
#[test]
fn a_stage_that_goes_back_goes_on_as_a_later_life() {
    let mut rig = Rig::running(EARLY, 1);
    rig.write();
    rig.push().expect("room");
    rig.settle();
    assert!(rig.producer.speculates());
    rig.go_back();
    rig.settle();
    assert_eq!((rig.producer.inc(), rig.seg().generation.get(), rig.seg().base), (Incarnation(2), 2, 1));
    rig.push().expect("room");
    rig.write();
    rig.settle();
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.rollbacks()), (vec!["0.1", "1.2"], 1));
    // So does the consumer's.
    rig.taken.inc = Incarnation(9);
    rig.shown.clear();
    let resumed = Resumed { committed: rig.taken, seen: 0 };
    rig.show(ConsumerEvent::Minted(resumed));
    rig.settle();
    assert_eq!((rig.shown(), rig.consumer.floor().inc), (vec!["0.1", "1.2"], Incarnation(9)));
}
