use super::model::{Fate, Model, item, level};
use super::{EdgeRx, EdgeTx, Item};
use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};
use tidemill_flow::{Bounce, Caps, Cause, Level, Policy};
use tidemill_seam::{Duration, Instant};

/// Items with this bit are made to be refused: their numbers are never used otherwise.
const DOOMED: u32 = 1 << 31;

struct Bench<T, R> {
    trial: Trial,
    model: Model,
    tx: T,
    rx: R,
    now: Instant,
    dropped: [u32; Cause::ALL.len()],
}

/// One history of an edge that was just made.
pub fn history<T: EdgeTx, R: EdgeRx>(caps: Caps, tx: T, rx: R, seed: u64, effort: Effort) -> Verdict {
    run(caps, tx, rx, seed, effort.steps())
}

pub(super) fn run<T: EdgeTx, R: EdgeRx>(caps: Caps, tx: T, rx: R, seed: u64, steps: u32) -> Verdict {
    let now = Instant::from_nanos(1_000_000);
    let mut bench = Bench {
        trial: Trial::new(seed),
        model: Model::new(caps),
        tx,
        rx,
        now,
        dropped: [0; Cause::ALL.len()],
    };
    let mut filling = true;
    for _ in 0..steps {
        bench.trial.next();
        if bench.trial.dice.one_in(3 * caps.hard_items.min(64)) {
            filling = !filling;
        }
        match bench.trial.dice.below(16) {
            0..=3 => bench.push()?,
            4..=7 => bench.pop()?,
            8 => bench.peek()?,
            9 => bench.push_doomed()?,
            _ if filling => bench.push()?,
            _ => bench.pop()?,
        }
        bench.figures()?;
    }
    if bench.trial.dice.one_in(2) { bench.close_tx() } else { bench.close_rx() }
}

impl<T: EdgeTx, R: EdgeRx> Bench<T, R> {
    /// Something looks wrong: the law is the one broken by the items themselves, if they are, else the one that was seen.
    fn follow_up(&mut self, seen: Violation) -> Violation {
        while let Some(found) = self.rx.pop() {
            if let Err(violation) = self.delivered(found) {
                return violation;
            }
        }
        if self.model.len() > 0 { self.trial.violation("E2", "an item is lost") } else { seen }
    }

    fn require(&mut self, law: &'static str, holds: bool, what: &'static str) -> Result<(), Violation> {
        self.trial.require(law, holds, what).map_err(|seen| self.follow_up(seen))
    }

    /// One item came out.
    fn delivered(&mut self, found: Item) -> Result<(), Violation> {
        let Model { first, next, .. } = self.model;
        self.trial.require("E4", found.number & DOOMED == 0, "a refused item is delivered")?;
        self.trial.require("E3", found.number >= first, "an item is delivered twice")?;
        self.trial.require("E2", found.number < next, "an item is delivered that nobody pushed")?;
        self.trial.require("E2", found == self.model.item(found.number), "an item is not what was pushed")?;
        if found.number != first {
            let swapped = (first..next).map_while(|_| self.rx.pop()).any(|later| later.number == first);
            self.trial.require("E1", !swapped, "an item overtakes an older one")?;
            return Err(self.trial.violation("E2", "an item is lost"));
        }
        self.model.first += 1;
        self.model.shown = false;
        Ok(())
    }

    fn push(&mut self) -> Result<(), Violation> {
        let new = self.model.item(self.model.next);
        self.offer(new)
    }

    /// An item that is too long, or too late, where the edge refuses such.
    fn push_doomed(&mut self) -> Result<(), Violation> {
        let mut doomed = self.model.item(self.model.next | DOOMED);
        if self.model.caps.hard_bytes < Item::LONGEST && self.trial.dice.one_in(2) {
            doomed.bytes = self.model.caps.hard_bytes + 1;
        } else if self.model.caps.refuse_expired {
            self.now += Duration::from_nanos(u64::from(self.trial.dice.below(1_000)));
            doomed.deadline = self.now - Duration::from_nanos(1);
        } else {
            return Ok(());
        }
        self.offer(doomed)
    }

    fn offer(&mut self, new: Item) -> Result<(), Violation> {
        let before = self.tx.waiting();
        let permit = self.tx.permits();
        let fates = self.model.fates(&new, self.now);
        let (mut count, mut right, mut unshown) = (0, true, true);
        let front = self.model.first;
        let oldest = front + u32::from(self.model.shown);
        let caps = self.model.caps;
        let outcome = self.tx.push(new, self.now, &mut |found| {
            unshown &= found.number >= oldest || found.number < front;
            right &= found == item(&caps, oldest + count);
            count += 1;
        });
        self.trial.require("E13", unshown, "an item that was shown is thrown away")?;
        if permit && new.number & DOOMED == 0 {
            let waits = matches!(outcome, Err((Bounce::Wait, _)));
            self.require("E9", !waits, "a push waits although a permit was given")?;
        }
        self.evicted((count, right), &outcome, fates)?;
        match outcome {
            Ok(()) => self.accepted(new, count, fates),
            Err((why, back)) => {
                self.trial.require("E4", back == new, "a refusal returns another item")?;
                self.refused(why, &new, fates)?;
                if let Bounce::Refused(cause) = why {
                    self.dropped[cause as usize] += 1;
                }
                let same = self.tx.waiting() == before;
                self.trial.require("E4", same, "a refusal changes what waits")?;
                self.counters()
            }
        }
    }

    /// E7, E8: nothing is thrown away unless the policy says so, and then the fewest and the oldest.
    fn evicted(
        &mut self,
        (count, oldest): (u32, bool),
        outcome: &Result<(), (Bounce, Item)>,
        fates: [Fate; 2],
    ) -> Result<(), Violation> {
        let may = fates.iter().any(|fate| matches!(fate, Fate::Evicts(_)));
        let why =
            if matches!(self.model.caps.policy, Policy::Wait | Policy::DropNewest) { "E7" } else { "E8" };
        self.trial.require(why, may || count == 0, "a push throws away what it need not")?;
        self.trial.require("E8", oldest, "others than the oldest are thrown away")?;
        if may {
            let fewest =
                fates.contains(&Fate::Evicts(count)) || fates.contains(&Fate::Accepted) && count == 0;
            self.trial.require(
                "E8",
                fewest && outcome.is_ok(),
                "more or fewer are thrown away than make room",
            )?;
        }
        Ok(())
    }

    fn accepted(&mut self, new: Item, evicted: u32, fates: [Fate; 2]) -> Result<(), Violation> {
        let due = |fate| fates.contains(&fate);
        self.trial.require("E6", fates[0] != Fate::Refused(Cause::TooLarge), "an item too long is taken")?;
        self.trial.require("E21", fates[0] != Fate::Refused(Cause::Expired), "an expired item is taken")?;
        if !due(Fate::Accepted) && evicted == 0 && self.model.len() > 0 {
            // A hard cap was exceeded: at the cost of the oldest item, or not.
            let kept = self.rx.pop().is_some_and(|found| found.number == self.model.first);
            self.trial.require("E7", kept, "a push removes the oldest item")?;
            return Err(self.trial.violation("E5", "more is taken than a hard cap allows"));
        }
        if evicted > 0 && self.model.shown {
            // The shown item stays, those behind it are gone: pop it here, so that the window has no hole.
            let found = self.rx.pop();
            let kept = found == Some(self.model.item(self.model.first));
            self.trial.require("E13", kept, "an item that was shown is thrown away")?;
            self.model.first += 1;
            self.model.shown = false;
        }
        self.dropped[Cause::Evicted as usize] += evicted;
        self.model.first += evicted;
        self.model.next += 1;
        debug_assert!(new.number & DOOMED == 0, "what is doomed is not accepted");
        self.counters()
    }

    fn refused(&mut self, why: Bounce, new: &Item, fates: [Fate; 2]) -> Result<(), Violation> {
        let found = match why {
            Bounce::Wait => Fate::Waits,
            Bounce::Refused(cause) => Fate::Refused(cause),
            Bounce::Foreign => {
                return Err(self.trial.violation("E21", "an item of this pool is called foreign"));
            }
        };
        if fates.contains(&found) {
            return Ok(());
        }
        if fates.contains(&Fate::Refused(Cause::TooLarge)) {
            return Err(self.trial.violation("E6", "an item too long is not refused as such"));
        }
        if self.model.caps.policy == Policy::Wait && matches!(found, Fate::Refused(Cause::Full)) {
            return Err(self.trial.violation("E9", "an edge that waits drops an item"));
        }
        let mut with = self.model.loads()[0];
        with.items += 1;
        with.bytes += new.bytes;
        let law = if level(&self.model.caps, with) == Level::Pressure { "E10" } else { "E21" };
        Err(self.trial.violation(law, "an item is refused although there is room, or for a wrong reason"))
    }

    fn pop(&mut self) -> Result<(), Violation> {
        match self.rx.pop() {
            Some(found) => self.delivered(found),
            None => self.require("E22", self.model.len() == 0, "a pop gives nothing although an item waits"),
        }
    }

    fn peek(&mut self) -> Result<(), Violation> {
        let due = (self.model.len() > 0).then(|| self.model.item(self.model.first));
        let found = self.rx.peek();
        if found.is_some() {
            self.model.shown = true;
        }
        self.require("E13", found == due, "peek does not show the next pop")?;
        let again = self.rx.peek() == due && self.rx.waiting() == self.model.len();
        self.trial.require("E13", again, "peek has an effect")
    }

    fn counters(&mut self) -> Result<(), Violation> {
        for cause in Cause::ALL {
            let (law, what) = match cause {
                Cause::Evicted | Cause::Flushed => ("E2", "what was thrown away is miscounted"),
                _ => ("E4", "a refusal changes more or less than its own counter"),
            };
            let found = self.tx.dropped(cause);
            self.trial.same(law, self.dropped[cause as usize], found, what)?;
        }
        Ok(())
    }

    fn figures(&mut self) -> Result<(), Violation> {
        let ready = self.rx.waiting();
        if self.model.len() == 0 {
            self.require("E22", ready == 0, "the consumer counts items although none waits")?;
        }
        self.require("E11", ready == self.model.len(), "the consumer miscounts what waits")?;
        let loads = self.model.loads();
        let found = self.tx.waiting();
        let items = loads.iter().any(|load| load.items == found.items);
        self.require("E11", items, "the producer miscounts what waits")?;
        // An edge without byte caps need not count bytes.
        let caps = self.model.caps;
        if caps.hard_bytes != u32::MAX || caps.soft_bytes != u32::MAX {
            self.require("E12", loads.contains(&found), "bytes remain, or are missing, by some way out")?;
        }
        let standing = self.tx.level();
        let due = loads.iter().any(|load| level(&caps, *load) == standing);
        self.require("E10", due, "the watermark is not exact")
    }

    /// E20: what waits is delivered, then the edge says that it is drained.
    fn close_tx(mut self) -> Verdict {
        let early = self.rx.is_drained();
        self.trial.require("E20", !early, "an edge is drained although its producer lives")?;
        let Self { mut trial, model, tx, mut rx, .. } = self;
        drop(tx);
        for number in model.first..model.next {
            trial.require("E20", !rx.is_drained(), "an edge is called drained although an item waits")?;
            let Some(found) = rx.pop() else {
                trial.require("E22", rx.waiting() == 0, "a pop gives nothing although an item waits")?;
                return Err(trial.violation("E20", "a closed edge is not drained to its end"));
            };
            trial.require("E3", found.number >= number, "an item is delivered twice")?;
            trial.require(
                "E2",
                found == model.item(number),
                "an item is lost, or overtaken, or not what was pushed",
            )?;
        }
        let again = rx.pop().is_some();
        trial.require("E3", !again, "an item is delivered twice")?;
        trial.require("E20", rx.is_drained(), "a drained edge does not say so")?;
        Ok(trial.passed())
    }

    /// E20: every push is refused, and everything is free.
    fn close_rx(self) -> Verdict {
        let Self { mut trial, model, mut tx, rx, now, dropped } = self;
        trial.require("E20", !tx.is_closed(), "an edge is closed although its consumer lives")?;
        drop(rx);
        trial.require("E20", tx.is_closed(), "the producer does not hear that its consumer is gone")?;
        for _ in 0..3 {
            let new = model.item(model.next);
            let outcome = tx.push(new, now, &mut |_| ());
            let refused = outcome == Err((Bounce::Refused(Cause::Closed), new));
            trial.require("E20", refused, "a closed edge takes an item, or keeps it")?;
        }
        trial.same("E20", 0_u32, tx.unfreed(), "memory is not free although both ends have let go")?;
        let lost = tx.dropped(Cause::Flushed) + tx.dropped(Cause::Closed);
        let due = dropped[Cause::Flushed as usize] + dropped[Cause::Closed as usize] + 3 + model.len();
        trial.same("E20", due, lost, "what a closed consumer left is not counted")?;
        Ok(trial.passed())
    }
}
