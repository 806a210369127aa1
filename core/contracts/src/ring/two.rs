use super::model::entry;
use super::{RingConsumer, RingProducer};
use crate::trial::Trial;
use crate::{Effort, Verdict};
use core::sync::atomic::{AtomicBool, Ordering};

/// Looks for an entry before it is called lost: a producer that can run has run long before.
pub(crate) const PATIENCE: u32 = 1 << 20;

/// E25: order, conservation and occupancy with the halves on two threads. `make` as in [`suite`](super::suite()).
pub fn threads<const W: usize, P: RingProducer<W> + Send, C: RingConsumer<W> + Send>(
    mut make: impl FnMut(u32, u32) -> Option<(P, C)>,
    effort: Effort,
) -> Verdict {
    let mut passed = crate::Passed::default();
    for (capacity, start) in [(1, 0), (2, u32::MAX - 3), (16, u32::MAX - 1_000), (1_024, 0)] {
        if let Some((producer, consumer)) = make(capacity, start) {
            passed.add(race(producer, consumer, capacity, effort)?);
        }
    }
    assert!(passed.histories > 0, "the ring can be of none of the capacities that are tried");
    Ok(passed)
}

fn race<const W: usize, P: RingProducer<W> + Send, C: RingConsumer<W> + Send>(
    mut producer: P,
    mut consumer: C,
    capacity: u32,
    effort: Effort,
) -> Verdict {
    let total = 4 * effort.steps();
    // A verdict ends the race: the producer must not wait for a consumer that has left.
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            // Relaxed: ends a loop, orders nothing.
            while number <= total && !over.load(Ordering::Relaxed) {
                match producer.push(entry(number)) {
                    Ok(()) => number += 1,
                    Err(_) => std::thread::yield_now(),
                }
            }
        });
        let mut trial = Trial::new(0x0E25);
        let verdict = (1..=total).try_for_each(|number| {
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
            trial.same("E25", number, found[0], "an entry is lost, repeated or out of order")
        });
        // Relaxed: as above.
        over.store(true, Ordering::Relaxed);
        verdict.map(|()| trial.passed())
    })
}
