use super::model::item;
use super::{EdgeRx, EdgeTx};
use crate::ring::PATIENCE;
use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use core::sync::atomic::{AtomicBool, Ordering};
use tidemill_flow::{Bounce, Caps, Policy};
use tidemill_seam::Instant;

/// E25: the laws that hold at every instant, with the ends on two threads. `make` as in [`suite`](super::suite()).
pub fn threads<T: EdgeTx + Send, R: EdgeRx + Send>(
    mut make: impl FnMut(Caps, u32) -> Option<(T, R)>,
    effort: Effort,
) -> Verdict {
    let mut passed = Passed::default();
    for (capacity, start) in [(1, 0), (2, u32::MAX - 3), (4, u32::MAX - 1_000), (64, 0)] {
        for caps in super::policies(capacity).into_iter().flatten() {
            for caps in [caps, caps.bytes(u32::MAX, 60 * capacity)] {
                if let Some((tx, rx)) = make(caps, start) {
                    passed.add(race(caps, tx, rx, effort)?);
                }
            }
        }
    }
    assert!(passed.histories > 0, "the edge can have none of the caps that are tried");
    Ok(passed)
}

/// What became of the items, as their producer saw it.
#[derive(Default)]
struct Account {
    accepted: u64,
    evicted: u64,
    disorder: bool,
    waits: bool,
}

/// One race on one edge that was just made.
pub fn race<T: EdgeTx + Send, R: EdgeRx + Send>(caps: Caps, mut tx: T, mut rx: R, effort: Effort) -> Verdict {
    let total = effort.steps();
    // A verdict ends the race: the producer must not wait for a consumer that has left.
    let over = AtomicBool::new(false);
    let over = &over;
    std::thread::scope(|scope| {
        let producer = scope.spawn(move || {
            let mut account = Account::default();
            let mut number = 1;
            // Relaxed: ends a loop, orders nothing.
            while number <= total && !over.load(Ordering::Relaxed) {
                let mut last = 0;
                let pushed = tx.push(item(&caps, number), Instant::ZERO, &mut |found| {
                    account.disorder |= found.number <= last || found.number >= number;
                    last = found.number;
                    account.evicted += 1;
                });
                match pushed {
                    Ok(()) => account.accepted += 1,
                    Err((Bounce::Wait, _)) => {
                        account.waits |= caps.policy != Policy::Wait;
                        std::thread::yield_now();
                        continue;
                    }
                    Err(_) => {}
                }
                number += 1;
            }
            account
        });
        let mut trial = Trial::new(0x0E25);
        let received = consume(&mut trial, &mut rx, caps, total);
        // Relaxed: as above.
        over.store(true, Ordering::Relaxed);
        let account = producer.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        let received = received?;
        trial.require("E25", !account.waits, "a push waits on an edge that never does")?;
        trial.require("E25", !account.disorder, "others than the oldest are thrown away")?;
        trial.same(
            "E25",
            account.accepted,
            received + account.evicted,
            "accepted is not delivered plus evicted",
        )?;
        Ok(trial.passed())
    })
}

fn consume<R: EdgeRx>(trial: &mut Trial, rx: &mut R, caps: Caps, total: u32) -> Result<u64, Violation> {
    let (mut received, mut last, mut patience) = (0, 0, PATIENCE);
    loop {
        trial.next();
        let shown = if trial.dice.one_in(4) { rx.peek() } else { None };
        trial.require("E25", rx.waiting() <= caps.hard_items + 1, "more wait than the hard cap")?;
        // Drained first, then popped: nothing can come in between.
        let drained = rx.is_drained();
        let Some(found) = rx.pop() else {
            if drained {
                break;
            }
            patience -= 1;
            trial.require("E25", patience > 0, "an item never comes, or an edge never closes")?;
            std::thread::yield_now();
            continue;
        };
        patience = PATIENCE;
        trial.require(
            "E25",
            shown.is_none_or(|shown| shown == found),
            "an item that was shown is not the next pop",
        )?;
        trial.require("E25", found == item(&caps, found.number), "an item is not what was pushed")?;
        trial.require("E25", found.number > last, "an item is repeated, or overtakes an older one")?;
        let next = caps.policy != Policy::Wait || found.number == last + 1;
        trial.require("E25", next, "an edge that waits loses an item")?;
        (received, last) = (received + 1, found.number);
    }
    let newest = caps.policy == Policy::DropNewest || last == total;
    trial.require("E25", newest, "the newest item is lost")?;
    Ok(received)
}
