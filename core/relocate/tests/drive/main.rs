//! The ends over seams in memory: what the machines ask for is carried out, said again, and settled.

mod world;

use tidemill_relocate::drive::{EndError, PushError};
use tidemill_relocate::{EdgeError, Incarnation, StageError};
use world::{Item, OP, Trio};

fn item(number: u8) -> Item {
    vec![number; 5]
}

/// Ten items, pushed as they are taken and made final at once.
fn ten(trio: &mut Trio) {
    for number in 0..10 {
        trio.until(|trio| trio.station.machine().is_active());
        assert_eq!(trio.station.push(item(number)), Ok(number.into()));
    }
    assert!(trio.station.checkpoint(b"ten").is_some());
}

#[test]
fn what_was_pushed_is_taken_committed_and_released() {
    let mut trio = Trio::new();
    ten(&mut trio);
    trio.until(|trio| trio.taken.released == 10 && trio.station.machine().retained_from() == 10);
    assert_eq!(trio.taken.items, (0..10).map(item).collect::<Vec<_>>());
    assert_eq!((trio.station.error(), trio.centre.error()), (None, None));
}

#[test]
fn a_request_is_said_again_until_it_is_answered() {
    let mut trio = Trio::new();
    trio.net.borrow_mut().loses = 3;
    ten(&mut trio);
    let slow = trio.until(|trio| trio.taken.released == 10);
    assert_eq!(trio.taken.items, (0..10).map(item).collect::<Vec<_>>());
    assert!(slow > 0, "time passes before something is said again");
}

#[test]
fn a_host_that_nobody_hears_is_given_up_and_asked_again() {
    let mut trio = Trio::new();
    trio.until(|trio| trio.station.machine().is_active());
    trio.net.borrow_mut().loses = 1;
    assert_eq!(trio.station.push(item(0)), Ok(0));
    trio.until(|trio| !trio.station.machine().is_active());
    trio.net.borrow_mut().loses = 0;
    trio.until(|trio| trio.station.machine().is_active());
    assert!(trio.station.checkpoint(b"one").is_some());
    trio.until(|trio| trio.taken.released == 1);
    assert!(trio.station.machine().moves() > 1, "under a new generation");
}

#[test]
fn a_later_life_goes_on_where_the_last_checkpoint_was_and_ends_the_one_before() {
    let mut trio = Trio::new();
    ten(&mut trio);
    trio.until(|trio| trio.station.kept() == 10);
    let _ = trio.station.push(item(99));
    let mut zombie = trio.next_station();
    trio.until(|trio| trio.station.machine().is_active());
    assert_eq!(trio.station.restored(), Some(b"ten".to_vec()));
    assert_eq!(trio.station.push(item(10)), Ok(10), "what was not durable is gone");
    assert!(zombie.machine().is_active() && zombie.checkpoint(b"eleven").is_some());
    while zombie.error().is_none() {
        zombie.poll();
    }
    let by = Incarnation(2);
    let fenced = [EndError::Edge(EdgeError::Fenced { by }), EndError::Stage(StageError::Fenced { by })];
    assert!(zombie.error().is_some_and(|error| fenced.contains(&error)), "{:?}", zombie.error());
    assert!(trio.station.checkpoint(b"eleven").is_some());
    trio.until(|trio| trio.taken.released == 11);
    assert_eq!(trio.taken.items[10], item(10));
}

#[test]
fn an_item_that_no_datagram_carries_comes_back() {
    let mut trio = Trio::new();
    assert_eq!(trio.station.push(vec![0; 400]), Err(PushError::TooLong(vec![0; 400])));
    assert_eq!(trio.station.push(item(0)), Err(PushError::Full(item(0))), "it does not own the edge yet");
}

// K5: what the stage could not keep is kept a little later, and nothing is final before.
#[test]
fn a_checkpoint_that_finds_no_space_is_written_again() {
    let mut trio = Trio::new();
    trio.until(|trio| trio.station.machine().is_active());
    assert_eq!(trio.station.push(item(0)), Ok(0));
    trio.station_keeps.1.1.set(2);
    assert!(trio.station.checkpoint(b"one").is_some());
    trio.until(|trio| trio.station.wants_checkpoint());
    assert_eq!((trio.station.kept(), trio.taken.items.len()), (0, 0));
    while trio.station.checkpoint(b"one").is_none() || trio.station_keeps.1.1.get() > 0 {
        trio.until(|trio| trio.station.wants_checkpoint());
        trio.time.0.set(trio.time.0.get() + OP.as_nanos());
    }
    trio.centre_keeps.1.1.set(2);
    trio.until(|trio| trio.taken.released == 1);
    assert_eq!((trio.station.error(), trio.centre.error()), (None, None));
}

#[test]
fn entries_travel_together() {
    let mut trio = Trio::new();
    trio.until(|trio| trio.station.machine().is_active());
    let before = trio.net.borrow().sent;
    (0..4).for_each(|number| assert!(trio.station.push(vec![number]).is_ok()));
    trio.station.poll();
    assert_eq!(trio.net.borrow().sent - before, 2, "three entries and one in two datagrams of 200 bytes");
}

// L1, S14: whatever a host was asked before it forgot everything comes again, and brings nothing back.
#[test]
fn a_host_that_forgot_everything_takes_no_old_request_for_a_new_one() {
    let mut trio = Trio::new();
    for number in 0..3 {
        trio.until(|trio| trio.station.machine().is_active());
        assert_eq!(trio.station.push(item(number)), Ok(number.into()));
    }
    trio.until(|trio| trio.centre.machine().cursor() == 0 && trio.station.machine().next() == 3);
    trio.next_host();
    trio.net.borrow_mut().repeat();
    trio.host.poll();
    assert_eq!(trio.host.host().segments(), 0);
    assert!(trio.station.checkpoint(b"three").is_some());
    trio.until(|trio| trio.taken.released == 3);
    assert_eq!(trio.taken.items, (0..3).map(item).collect::<Vec<_>>());
}

#[test]
fn an_edge_ends_once_whoever_takes_over_in_between() {
    let mut trio = Trio::new();
    ten(&mut trio);
    trio.until(|trio| trio.station.kept() == 10);
    trio.station.close();
    assert!(matches!(trio.station.push(item(10)), Err(PushError::Full(_))));
    assert!(trio.station.checkpoint(b"all").is_some());
    trio.until(|trio| trio.station.stage().record().is_some_and(|record| record.checkpoint.seq == 2));
    drop(trio.next_station());
    trio.until(|trio| trio.taken.ended);
    trio.next_centre();
    trio.until(|trio| trio.station.machine().is_done() && trio.centre.machine().is_finished());
    assert_eq!((trio.taken.items.len(), trio.taken.released), (10, 10));
}
