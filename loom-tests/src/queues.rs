//! Histories of the plain ring of several producers.

use crate::histories::{Bed, Habit};
use crate::{Flaw, Flawed, Lapse, Sparse, lengths, thread};
use std::sync::Arc;
use tidemill_ring::mpsc::{Consumer, Producer, Spec, split};
use tidemill_ring::wake::EventCount;

/// Who pushed it, and which of its own that was.
const W: usize = 2;
type Tx = Producer<Sparse, W>;
type Rx = Consumer<Sparse, W>;

/// The stamp of the first slot.
pub const STAMP: u32 = 8;
/// From one stamp to the next.
const STRIDE: u32 = 4;
/// Tail and cursor of the consumer.
const PAIRS: [u32; 2] = [0, DONE];
/// The cursor of the consumer.
pub const DONE: u32 = 2;
/// How many produce.
pub const PRODUCERS: u32 = 6;
/// The entry of the first slot.
pub const ENTRY: u32 = STAMP + 2;

fn ring(capacity: u32, lapse: Lapse) -> (Tx, Rx) {
    over(capacity, lapse, |region| region)
}

fn over(capacity: u32, lapse: Lapse, and: impl FnOnce(Sparse) -> Sparse) -> (Tx, Rx) {
    let spec = Spec::new(capacity).line(1);
    let words = spec.words::<W>();
    assert_eq!(words, STAMP + capacity * STRIDE, "the words above are those of this layout");
    let pair = |at| PAIRS.contains(&at) || (at >= STAMP && (at - STAMP).is_multiple_of(STRIDE));
    let standing = |at: u32| (4..STAMP).contains(&at) && at != PRODUCERS;
    let region = Sparse::with_pairs(words, lapse, |at| !standing(at), pair);
    split(and(region), spec).expect("it fits")
}

fn push(mut tx: Tx, who: u32, n: u32) -> Tx {
    for i in 1..=n {
        while tx.push([who, i]).is_err() {
            thread::yield_now();
        }
    }
    tx
}

/// Takes an entry if one is there: the next one of somebody.
fn take(rx: &mut Rx, last: &mut [u32; 2]) -> bool {
    let Some([who, i]) = rx.pop() else { return false };
    assert!((1..=2).contains(&who), "an entry of nobody: {who} {i}");
    let before = std::mem::replace(&mut last[who as usize - 1], i);
    assert_eq!(i, before + 1, "another entry of {who} than its next");
    true
}

/// Two producers push side by side, over a ring of so many slots, and who pops gives them back: every entry of each, whole and in
/// its order (E1, E2, RL-1, RL-2).
pub fn two_push_and_one_pops(lapse: Lapse, capacity: u32) {
    let n = lengths(1, 30);
    let (one, mut rx) = ring(capacity, lapse);
    let other = one.clone();
    let pushers = [(one, 1), (other, 2)].map(|(tx, who)| thread::spawn(move || push(tx, who, n)));
    let mut last = [0; 2];
    while last.iter().sum::<u32>() < 2 * n {
        if !take(&mut rx, &mut last) {
            thread::yield_now();
        }
    }
    for pusher in pushers {
        pusher.join().expect("a producer ran through");
    }
    assert_eq!(last, [n; 2], "an entry that was pushed is lost");
}

/// Two producers push side by side into a ring that has room for both; what they had claimed is popped once they are done: both
/// entries, whoever was first (E2, RL-1).
pub fn two_push_and_then_one_pops(lapse: Lapse) {
    let (one, mut rx) = ring(2, lapse);
    let other = one.clone();
    let pushers = [(one, 1), (other, 2)].map(|(tx, who)| thread::spawn(move || push(tx, who, 1)));
    let txs = pushers.map(|pusher| pusher.join().expect("a producer ran through"));
    let mut last = [0; 2];
    while take(&mut rx, &mut last) {}
    assert_eq!(last, [1; 2], "an entry that was pushed is lost");
    drop(txs);
}

/// Two producers push and go. Whoever hears of the end before it looks has seen every entry by then (E20).
pub fn two_push_and_go(lapse: Lapse) {
    let (one, mut rx) = over(2, lapse, |region| region.turning_at(PRODUCERS));
    let other = one.clone();
    let pushers = [(one, 1), (other, 2)].map(|(tx, who)| thread::spawn(move || drop(push(tx, who, 1))));
    let mut last = [0; 2];
    loop {
        let closed = rx.is_closed();
        while take(&mut rx, &mut last) {}
        if closed {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(last, [1; 2], "closed before the last entry was seen");
    for pusher in pushers {
        pusher.join().expect("a producer ran through");
    }
}

/// Two producers push and ring a bell; a consumer sleeps whenever it finds nothing, and is woken for every entry (E27).
pub fn two_push_and_one_sleeps(habit: Habit, flaw: Flaw) {
    let n = lengths(1, 12);
    let (one, mut rx) = ring(32, Lapse::None);
    let other = one.clone();
    let bell = EventCount::new(Flawed::new(2, flaw), 0).expect("two words fit");
    let bed = Arc::new(Bed::default());
    let pushers = [(one, 1), (other, 2)].map(|(mut tx, who)| {
        let (bell, bed) = (bell.clone(), bed.clone());
        thread::spawn(move || {
            for i in 1..=n {
                if habit == Habit::BellFirst {
                    bell.notify(|| bed.unpark());
                }
                tx.push([who, i]).expect("all of them fit");
                if habit != Habit::BellFirst {
                    bell.notify(|| bed.unpark());
                }
            }
            tx
        })
    });
    let mut last = [0; 2];
    while last.iter().sum::<u32>() < 2 * n {
        let early = bell.epoch();
        if !take(&mut rx, &mut last) {
            let seen = if habit == Habit::EpochLate { bell.epoch() } else { early };
            bell.wait(seen, || bed.park());
        }
    }
    for pusher in pushers {
        pusher.join().expect("a producer ran through");
    }
}
