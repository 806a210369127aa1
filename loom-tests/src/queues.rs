//! Histories of the plain ring of several producers.

use crate::{Lapse, Sparse, lengths, thread};
use tidemill_ring::mpsc::{Consumer, Producer, Spec, split};

/// Who pushed it, and which of its own that was.
const W: usize = 2;
type Tx = Producer<Sparse, W>;
type Rx = Consumer<Sparse, W>;

/// The stamp of the first slot.
pub const STAMP: u32 = 8;
/// From one stamp to the next.
const STRIDE: u32 = 4;
/// Tail and cursor of the consumer.
const PAIRS: [u32; 2] = [0, 2];

fn ring(capacity: u32, lapse: Lapse) -> (Tx, Rx) {
    let spec = Spec::new(capacity).line(1);
    let words = spec.words::<W>();
    assert_eq!(words, STAMP + capacity * STRIDE, "the words above are those of this layout");
    let pair = |at| PAIRS.contains(&at) || (at >= STAMP && (at - STAMP).is_multiple_of(STRIDE));
    let standing = |at: u32| (4..STAMP).contains(&at);
    let region = Sparse::with_pairs(words, lapse, |at| !standing(at), pair);
    split(region, spec).expect("it fits")
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
