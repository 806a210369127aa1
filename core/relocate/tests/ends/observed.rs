//! What whoever watches is told. That nobody does anything else for it is asserted at every step of every test here: the rig watches.

use crate::rig::{B, Rig};
use tidemill_relocate::{
    ConsumerEvent, EdgeError, Event, FenceEpoch, Incarnation, Preset, ProducerEvent, ProducerTimer,
};
use tidemill_seam::Duration;

const EARLY: Preset = Preset::ExactlyOnceEarly;

fn events(rig: &Rig) -> Vec<Event> {
    rig.events.try_iter().map(|(_, event)| event).collect()
}

#[test]
fn a_planned_move_is_told_with_its_pause() {
    let mut rig = Rig::running(EARLY, 3);
    let first = events(&rig);
    assert!(
        matches!(first[..], [Event::Acquired { again: 0, pause_ns: None, seg }] if seg.base == 0),
        "{first:?}"
    );
    rig.tell(ProducerEvent::Relocate { to: B });
    rig.now += Duration::from_millis(7);
    rig.settle();
    let told = events(&rig);
    let [Event::Left { generation }, Event::Acquired { seg, again: 0, pause_ns: Some(7_000_000) }, ..] =
        told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!((generation, seg.generation, seg.host), (FenceEpoch::new(1), FenceEpoch::new(2), B));
}

#[test]
fn a_host_that_dies_is_told_with_what_is_pushed_again() {
    let mut rig = Rig::running(EARLY, 3);
    events(&rig);
    rig.hosts.remove(0);
    rig.push().expect("room");
    rig.settle();
    let told = events(&rig);
    assert!(told.iter().any(|event| matches!(event, Event::Left { .. })), "{told:?}");
    let again = |event: &Event| matches!(event, Event::Acquired { again: 4, seg, .. } if seg.host == B);
    assert!(told.iter().any(again), "{told:?}");
}

#[test]
fn a_commit_and_what_the_producer_lets_go_of_for_it_are_told() {
    let mut rig = Rig::running(EARLY, 3);
    rig.write();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 3 });
    rig.settle();
    let told = events(&rig);
    assert!(told.contains(&Event::Committed { off: 3 }), "{told:?}");
    rig.tell(ProducerEvent::Woke(ProducerTimer::Poll));
    rig.settle();
    let told = events(&rig);
    assert_eq!(told, [Event::Retained { items: 0, bytes: 0 }], "the consumer has it");
}

#[test]
fn an_end_that_is_over_is_told_once() {
    let mut rig = Rig::running(EARLY, 1);
    events(&rig);
    let by = Incarnation(9);
    for _ in 0..2 {
        rig.tell(ProducerEvent::Fenced { by });
    }
    let halted = Event::Halted(EdgeError::Fenced { by });
    assert_eq!(events(&rig).iter().filter(|event| **event == halted).count(), 1);
}
