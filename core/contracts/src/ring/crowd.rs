use super::model::entry;
use super::two::PATIENCE;
use super::{RingConsumer, RingProducer};
use crate::trial::{Dice, Trial};
use crate::{Effort, Passed, Verdict, Violation};
use core::sync::atomic::{AtomicBool, Ordering};

/// The longest batch that is tried.
const BATCH: u32 = 3;

/// E14, E20 and E25 of a ring of `N` producers, 8 at most, each on a thread of its own: what each pushed comes out once, whole, in
/// its order, a batch in one piece; and the last one that goes closes the ring. `make` as in [`suite`](super::suite()).
pub fn crowd<const W: usize, const N: usize, P: RingProducer<W> + Send, C: RingConsumer<W>>(
    mut make: impl FnMut(u32, u32) -> Option<([P; N], C)>,
    effort: Effort,
) -> Verdict {
    const { assert!(1 <= N && N <= 8, "a number has three bits for who pushed it") };
    let mut passed = Passed::default();
    for (capacity, start) in [(1, 0), (2, u32::MAX - 3), (16, u32::MAX - 1_000), (1_024, 0)] {
        if let Some((producers, consumer)) = make(capacity, start) {
            passed.add(race(producers, consumer, capacity, effort)?);
        }
    }
    assert!(passed.histories > 0, "the ring can be of none of the capacities that are tried");
    Ok(passed)
}

/// Who pushed it, whether it follows another in its batch, and which of its own it is.
#[derive(Clone, Copy)]
struct Tag {
    who: u32,
    follows: bool,
    nth: u32,
}

impl Tag {
    const fn number(self) -> u32 {
        self.who << 29 | (self.follows as u32) << 28 | self.nth
    }

    const fn of(number: u32) -> Self {
        Self { who: number >> 29, follows: number >> 28 & 1 == 1, nth: number & ((1 << 28) - 1) }
    }
}

/// Pushes all of one producer's, one by one and in batches, as long as somebody looks.
fn pushes<const W: usize, P: RingProducer<W>>(mut tx: P, who: u32, total: u32, over: &AtomicBool) -> P {
    let (mut dice, mut nth) = (Dice::new(u64::from(who)), 1);
    // Relaxed: ends a loop, orders nothing.
    while nth <= total && !over.load(Ordering::Relaxed) {
        let wanted = (1 + dice.below(BATCH)).min(total - nth + 1);
        let batch: [[u32; W]; BATCH as usize] =
            core::array::from_fn(|i| entry(Tag { who, follows: i > 0, nth: nth + i as u32 }.number()));
        let pushed = match wanted {
            1 => u32::from(tx.push(batch[0]).is_ok()),
            _ => tx.push_batch(&batch[..wanted as usize]) as u32,
        };
        nth += pushed;
        if pushed == 0 {
            std::thread::yield_now();
        }
    }
    tx
}

fn race<const W: usize, const N: usize, P: RingProducer<W> + Send, C: RingConsumer<W>>(
    producers: [P; N],
    mut consumer: C,
    capacity: u32,
    effort: Effort,
) -> Verdict {
    let total = effort.steps();
    let mut trial = Trial::new(0x0E25);
    // A verdict ends the race: nobody may wait for a consumer that has left.
    let over = AtomicBool::new(false);
    let (verdict, producers) = std::thread::scope(|scope| {
        let (mut who, over) = (0, &over);
        let pushers = producers.map(|tx| {
            who += 1;
            let who = who - 1;
            scope.spawn(move || pushes(tx, who, total, over))
        });
        let verdict = takes::<W, N, C>(&mut consumer, capacity, total, &mut trial);
        // Relaxed: as above.
        over.store(true, Ordering::Relaxed);
        (verdict, pushers.map(|pusher| pusher.join().expect("a producer does not panic")))
    });
    verdict?;
    for producer in producers {
        trial.require("E20", !consumer.is_closed(), "a ring is closed although a producer of it lives")?;
        drop(producer);
    }
    trial.require("E20", consumer.is_closed(), "nobody hears that the last producer is gone")?;
    Ok(trial.passed())
}

fn takes<const W: usize, const N: usize, C: RingConsumer<W>>(
    consumer: &mut C,
    capacity: u32,
    total: u32,
    trial: &mut Trial,
) -> Result<(), Violation> {
    let mut came = [0; N];
    let mut before = Tag { who: u32::MAX, follows: false, nth: 0 };
    for _ in 0..total as usize * N {
        trial.next();
        let mut patience = PATIENCE;
        let found = loop {
            trial.require("E25", consumer.waiting() <= capacity, "more wait than the capacity")?;
            if let Some(found) = consumer.pop() {
                break found;
            }
            patience -= 1;
            trial.require("E25", patience > 0, "an entry never comes")?;
            std::thread::yield_now();
        };
        trial.require("E25", found == entry(found[0]), "an entry is not whole")?;
        let tag = Tag::of(found[0]);
        let last = came.get_mut(tag.who as usize);
        let Some(last) = last else { return Err(trial.violation("E25", "an entry of nobody")) };
        trial.same("E25", *last + 1, tag.nth, "an entry is lost, repeated or out of order")?;
        *last = tag.nth;
        let behind = !tag.follows || (before.who == tag.who && before.nth + 1 == tag.nth);
        trial.require("E14", behind, "another entry comes between those of a batch")?;
        before = tag;
    }
    trial.require("E25", consumer.pop().is_none(), "more comes out than was pushed")
}
