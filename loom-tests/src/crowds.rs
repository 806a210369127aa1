//! Histories of a segment of several producers whose parties sleep.

use crate::segments::Claims;
use crate::shared::{Heard, Item, Tx, asleep, joined, reads};
use crate::{Lapse, Sparse, lengths, thread};
use tidemill_ring::Segment;
use tidemill_ring::wait::Parking;
use tidemill_seam::{Duration, Region};

/// Sleeps as whoever has lain down: until woken.
fn sleep(region: &Sparse, bed: u32) {
    region.wait(bed, Parking::<Sparse>::ASLEEP, Duration::MAX);
}

/// Publishes, asleep whenever there is no room.
fn publish(segment: &Segment<Sparse>, tx: &mut Tx<Claims>, item: Item) {
    while tx.try_push(item).is_err() {
        if tx.lie_down(1) {
            sleep(segment.region(), tx.bed());
        }
    }
}

/// A consumer sleeps whenever there is nothing beside one of several producers, which leaves a gap first: it is woken for every
/// item (RL-16).
pub fn sleep_beside_a_settled_claim(lapse: Lapse) {
    let n = lengths(1, 12);
    let (segment, live) = asleep(2, lapse);
    let (mut tx, mut rx) = (joined(&segment, live.clone()), reads(&segment, live));
    let pusher = thread::spawn(move || {
        for i in 1..=n {
            while tx.claim().map(drop).is_err() {
                thread::yield_now();
            }
            while tx.try_push([1, i]).is_err() {
                thread::yield_now();
            }
        }
        tx
    });
    let mut heard = Heard::default();
    while heard.items < n {
        if !heard.take(&mut rx) && rx.lie_down() {
            sleep(segment.region(), rx.bed());
        }
    }
    let tx = pusher.join().expect("the producer ran through");
    std::mem::forget((rx, tx));
}

/// One of several producers sleeps for room beside a consumer that takes what there is, or passes what is no item: it is woken
/// (RL-16).
pub fn sleep_for_room_among_several(lapse: Lapse, gap: bool) {
    let (segment, live) = asleep(1, lapse);
    let (mut tx, mut rx) = (joined(&segment, live.clone()), reads(&segment, live));
    if gap {
        drop(tx.claim().expect("a fresh ring has room"));
    } else {
        tx.try_push([1, 1]).expect("a fresh ring has room");
    }
    let taker = thread::spawn(move || {
        let mut heard = Heard::default();
        while heard.take(&mut rx) {}
        (rx, heard)
    });
    publish(&segment, &mut tx, [1, 2 - u32::from(gap)]);
    let (mut rx, mut heard) = taker.join().expect("the consumer ran through");
    while heard.take(&mut rx) {}
    assert_eq!(heard.items, 2 - u32::from(gap), "an item that was published is lost");
    std::mem::forget((rx, tx));
}

/// One of two producers sleeps while the other one holds the claim that everybody waits for, and nobody reads: it is woken by who
/// settles that (RL-11, RL-16).
pub fn sleep_for_a_claim(lapse: Lapse, gives_up: bool) {
    let (segment, live) = asleep(1, lapse);
    let (mut holds, mut waits) = (joined(&segment, live.clone()), joined(&segment, live));
    std::mem::forget(holds.claim().expect("a fresh ring has room"));
    let holder = thread::spawn(move || {
        let held = holds.held().expect("it was claimed");
        if gives_up {
            drop(held);
        } else {
            held.commit([1, 1]);
        }
        holds
    });
    publish(&segment, &mut waits, [2, 1]);
    let holds = holder.join().expect("the holder ran through");
    std::mem::forget((holds, waits));
}
