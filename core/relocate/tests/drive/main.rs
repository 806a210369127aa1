//! The ends over seams in memory: what the machines ask for is carried out, said again, and settled.

mod world;

use tidemill_relocate::drive::{Draft, EndError, KeepError, Keeper, PushError};
use tidemill_relocate::{Chain, EdgeError, Incarnation, Label, Output};
use world::{EDGE, Item, Memory, Trio, mint};

fn item(number: u8) -> Item {
    vec![number; 5]
}

/// Ten items, pushed as they are taken and made final at once.
fn ten(trio: &mut Trio) {
    for number in 0..10 {
        trio.until(|trio| trio.station.machine().is_active());
        assert_eq!(trio.station.push(item(number)), Ok(number.into()));
    }
    assert!(trio.station.checkpoint(b"ten"));
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
    assert!(trio.station.checkpoint(b"one"));
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
    assert!(zombie.machine().is_active() && zombie.checkpoint(b"eleven"));
    while zombie.error().is_none() {
        zombie.poll();
    }
    let by = Incarnation(2);
    assert_eq!(zombie.error(), Some(EndError::Edge(EdgeError::Fenced { by })));
    assert!(trio.station.checkpoint(b"eleven"));
    trio.until(|trio| trio.taken.released == 11);
    assert_eq!(trio.taken.items[10], item(10));
}

#[test]
fn an_item_that_no_datagram_carries_comes_back() {
    let mut trio = Trio::new();
    assert_eq!(trio.station.push(vec![0; 400]), Err(PushError::TooLong(vec![0; 400])));
    assert_eq!(trio.station.push(item(0)), Err(PushError::Full(item(0))), "it does not own the edge yet");
}

fn draft(off: u64) -> Draft<Item> {
    let output =
        Output { edge: EDGE, off, chain: Chain(off.into()), retained: off - 1, seen: 3, ended: false };
    let entries = vec![(Label(9), item(9))];
    Draft { inputs: Vec::new(), outputs: vec![output], entries, state: vec![off as u8; 3] }
}

#[test]
fn what_is_kept_is_what_the_next_life_finds() {
    let keeps = Memory::default();
    let (mut shelf, life) = mint(&keeps);
    let life = life.expect("the first life");
    assert_eq!((life.inc, life.checkpoint, life.entries), (Incarnation(1), None, Vec::new()));
    assert_eq!((shelf.keep(&draft(4)), shelf.keep(&draft(7))), (Ok(1), Ok(2)));
    assert_eq!(Keeper::<Item>::confirm(&mut shelf), Ok(()));
    let (_, life) = mint(&keeps);
    let life = life.expect("the second life");
    let checkpoint = life.checkpoint.expect("it was kept");
    assert_eq!((life.inc, checkpoint.seq, checkpoint.inc), (Incarnation(2), 2, Incarnation(1)));
    assert_eq!((checkpoint.outputs, checkpoint.state), (draft(7).outputs, vec![7; 3]));
    assert_eq!(life.entries, draft(7).entries);
}

// S3: whoever was fenced keeps nothing, and knows by whom.
#[test]
fn a_life_that_is_over_keeps_nothing() {
    let keeps = Memory::default();
    let (mut first, _) = mint(&keeps);
    let (_second, life) = mint(&keeps);
    let by = life.expect("the second life").inc;
    assert_eq!(first.keep(&draft(4)), Err(KeepError::Fenced { by }));
    assert_eq!(Keeper::<Item>::confirm(&mut first), Err(KeepError::Fenced { by }));
    let (_, life) = mint(&keeps);
    assert_eq!(life.expect("the third life").checkpoint, None);
}

// Q4: what nobody says anything about is settled by reading, and kept once.
#[test]
fn a_checkpoint_of_unknown_outcome_is_kept_once() {
    for happens in [true, false] {
        let keeps = Memory::default();
        let (mut shelf, _) = mint(&keeps);
        keeps.1.borrow_mut().push_back(happens);
        assert_eq!((shelf.keep(&draft(4)), shelf.keep(&draft(7))), (Ok(1), Ok(2)), "happens: {happens}");
        keeps.1.borrow_mut().push_back(happens);
        let (_, life) = mint(&keeps);
        let life = life.expect("a life");
        assert_eq!(
            life.inc,
            Incarnation(if happens { 3 } else { 2 }),
            "a life that nobody knows of is skipped"
        );
        assert_eq!(life.checkpoint.expect("it was kept").seq, 2);
    }
}
