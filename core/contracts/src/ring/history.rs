use super::model::{Model, entry};
use super::{RingConsumer, RingEvictor, RingProducer};
use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};

/// The longest batch that is tried.
const BATCH: usize = 24;

/// One history of a ring that was just made.
pub fn history<const W: usize, P: RingProducer<W>, C: RingConsumer<W>>(
    producer: P,
    consumer: C,
    capacity: u32,
    seed: u64,
    effort: Effort,
) -> Verdict {
    run(producer, consumer, capacity, seed, effort, |_| Ok(()))
}

/// One history of a ring that evicts.
pub fn evicting_history<const W: usize, P: RingEvictor<W>, C: RingConsumer<W>>(
    producer: P,
    consumer: C,
    capacity: u32,
    seed: u64,
    effort: Effort,
) -> Verdict {
    run(producer, consumer, capacity, seed, effort, Bench::evict)
}

struct Bench<const W: usize, P, C> {
    trial: Trial,
    model: Model,
    producer: P,
    consumer: C,
}

fn run<const W: usize, P: RingProducer<W>, C: RingConsumer<W>>(
    producer: P,
    consumer: C,
    capacity: u32,
    seed: u64,
    effort: Effort,
    mut evict: impl FnMut(&mut Bench<W, P, C>) -> Result<(), Violation>,
) -> Verdict {
    let mut bench = Bench { trial: Trial::new(seed), model: Model::new(capacity), producer, consumer };
    let mut filling = true;
    for _ in 0..effort.steps() {
        bench.trial.next();
        // Long runs towards full and towards empty: both ends are where rings go wrong.
        if bench.trial.dice.one_in(4 * capacity.min(64)) {
            filling = !filling;
        }
        match bench.trial.dice.below(16) {
            0..=2 => bench.push()?,
            3 => bench.push_batch()?,
            4..=6 => bench.pop()?,
            7 => bench.pop_batch()?,
            8 => bench.stage()?,
            9 => bench.take()?,
            10 => evict(&mut bench)?,
            11 => bench.peek()?,
            _ if filling => bench.push()?,
            _ => bench.pop()?,
        }
        bench.occupancy()?;
    }
    if bench.trial.dice.one_in(2) { bench.close_producer() } else { bench.close_consumer() }
}

impl<const W: usize, P: RingProducer<W>, C: RingConsumer<W>> Bench<W, P, C> {
    /// Something looks wrong: the law is the one broken by the entries themselves, if they are, else the one that was seen.
    fn follow_up(&mut self, seen: Violation) -> Violation {
        self.producer.publish();
        self.model.shown = self.model.next;
        for _ in 0..=self.model.capacity {
            let Some(found) = self.consumer.pop() else { break };
            if let Err(violation) = self.model.delivered(&mut self.trial, found, || self.consumer.pop()) {
                return violation;
            }
        }
        if self.model.waiting() > 0 { self.trial.violation("E2", "an entry is lost") } else { seen }
    }

    fn require(&mut self, law: &'static str, holds: bool, what: &'static str) -> Result<(), Violation> {
        self.trial.require(law, holds, what).map_err(|seen| self.follow_up(seen))
    }

    fn accepted(&mut self, accepted: bool) -> Result<(), Violation> {
        let (least, most) = self.model.room();
        if accepted && most == 0 {
            return Err(self.overfull());
        }
        self.require("E11", accepted || least == 0, "an entry is refused although there is room")
    }

    /// More went in than fits: at the cost of the oldest entry, or not.
    fn overfull(&mut self) -> Violation {
        self.producer.publish();
        if self.consumer.pop() == Some(entry(self.model.first)) {
            return self.trial.violation("E11", "more entries are taken than the capacity");
        }
        self.trial.violation("E7", "a push removes the oldest entry")
    }

    /// A refusal returns the entry and changes nothing.
    fn refused(&mut self, back: [u32; W], before: u32) -> Result<(), Violation> {
        let same = back == entry(self.model.next);
        self.trial.require("E4", same, "a refusal returns another entry")?;
        let after = self.consumer.waiting();
        self.trial.require("E4", after == before, "a refusal changes what waits")
    }

    fn push(&mut self) -> Result<(), Violation> {
        let full = self.model.room().1 == 0;
        let before = self.consumer.waiting();
        let outcome = self.producer.push(entry(self.model.next));
        self.accepted(outcome.is_ok())?;
        match outcome {
            Ok(()) => {
                self.model.next += 1;
                self.model.shown = self.model.next;
            }
            Err(back) if full => self.refused(back, before)?,
            Err(_) => {}
        }
        Ok(())
    }

    fn stage(&mut self) -> Result<(), Violation> {
        if !P::STAGES {
            return Ok(());
        }
        for _ in 0..=self.trial.dice.below(4) {
            let before = self.consumer.waiting();
            let outcome = self.producer.stage(entry(self.model.next));
            self.accepted(outcome.is_ok())?;
            if let Err(back) = outcome {
                self.refused(back, before)?;
                break;
            }
            self.model.next += 1;
        }
        let early = self.consumer.waiting() > self.model.ready();
        self.trial.require("RL-1", !early, "an entry is counted before it was published")?;
        if self.trial.dice.one_in(2) {
            self.producer.publish();
            self.model.shown = self.model.next;
        }
        Ok(())
    }

    fn push_batch(&mut self) -> Result<(), Violation> {
        let mut entries = [[0; W]; BATCH];
        let wanted = self.trial.dice.below(BATCH as u32 + 1);
        for (i, place) in (0..wanted).zip(&mut entries) {
            *place = entry(self.model.next + i);
        }
        let (least, most) = self.model.room();
        let before = self.consumer.waiting();
        let pushed = self.producer.push_batch(&entries[..wanted as usize]) as u32;
        if pushed > most {
            return Err(self.overfull());
        }
        if pushed > 0 {
            self.model.next += pushed;
            self.model.shown = self.model.next;
        }
        if pushed < wanted {
            let due = if pushed == 0 { before } else { self.model.ready() };
            let same = self.consumer.waiting() == due;
            self.trial.require("E4", same, "a refusal changes what waits")?;
        }
        self.require("E14", pushed >= wanted.min(least), "a batch is shorter than what fits")
    }

    fn delivered(&mut self, found: Option<[u32; W]>) -> Result<(), Violation> {
        match found {
            Some(found) => self.model.delivered(&mut self.trial, found, || self.consumer.pop()),
            None => {
                let nothing = self.model.ready() == 0;
                self.require("E22", nothing, "a pop gives nothing although an entry waits")
            }
        }
    }

    fn pop(&mut self) -> Result<(), Violation> {
        let found = self.consumer.pop();
        if found.is_some() {
            self.model.held = 0;
        }
        self.delivered(found)
    }

    fn take(&mut self) -> Result<(), Violation> {
        for _ in 0..=self.trial.dice.below(3) {
            let found = self.consumer.take();
            if C::HOLDS && found.is_some() {
                self.model.held += 1;
            }
            self.delivered(found)?;
        }
        if self.trial.dice.one_in(2) {
            self.consumer.release();
            self.model.held = 0;
        }
        Ok(())
    }

    fn pop_batch(&mut self) -> Result<(), Violation> {
        let mut entries = [[0; W]; BATCH];
        let wanted = self.trial.dice.below(BATCH as u32 + 1);
        let due = wanted.min(self.model.ready());
        let popped = self.consumer.pop_batch(&mut entries[..wanted as usize]);
        let mut batch = entries.into_iter().take(popped);
        while let Some(found) = batch.next() {
            let rest = || batch.next().or_else(|| self.consumer.pop());
            self.model.delivered(&mut self.trial, found, rest)?;
        }
        if popped > 0 {
            self.model.held = 0;
        }
        self.require("E14", popped as u32 == due, "a batch is not the longest prefix that waits")
    }

    fn peek(&mut self) -> Result<(), Violation> {
        let i = self.trial.dice.below((self.model.ready() + 2).min(C::SIGHT));
        let expected = (i < self.model.ready()).then(|| entry(self.model.first + i));
        let found = self.consumer.peek(i);
        self.require("E13", found == expected, "peek(i) is not the i-th later pop")?;
        let untouched = self.consumer.peek(i) == expected && self.consumer.waiting() == self.model.ready();
        self.trial.require("E13", untouched, "peek has an effect")
    }

    fn occupancy(&mut self) -> Result<(), Violation> {
        let ready = self.consumer.waiting();
        if self.model.ready() == 0 {
            self.require("E22", ready == 0, "the consumer counts entries although none waits")?;
        }
        self.require("E11", ready == self.model.ready(), "the consumer miscounts what waits")?;
        let waiting = self.producer.waiting();
        let (least, most) = (self.model.waiting(), self.model.waiting() + self.model.held);
        self.require("E11", (least..=most).contains(&waiting), "the producer miscounts what waits")?;
        let room = self.producer.room();
        let (least, most) = self.model.room();
        self.require("E11", room <= most && (room > 0 || least == 0), "the producer misjudges its room")
    }

    /// E20: what waits is drained, and what was never published is never seen.
    fn close_producer(mut self) -> Verdict {
        let open = !self.consumer.is_closed();
        self.trial.require("E20", open, "a ring is closed although its producer lives")?;
        drop(self.producer);
        let closed = self.consumer.is_closed();
        self.trial.require("E20", closed, "the consumer does not hear that its producer is gone")?;
        while self.model.ready() > 0 {
            let Some(found) = self.consumer.pop() else {
                return Err(self.trial.violation("E20", "a closed ring is not drained to its end"));
            };
            self.model.delivered(&mut self.trial, found, || self.consumer.pop())?;
        }
        let beyond = self.consumer.pop().is_some();
        self.trial.require("E20", !beyond, "a drained ring goes on")?;
        Ok(self.trial.passed())
    }

    /// E20: the producer hears of it, and takes back what is left.
    fn close_consumer(mut self) -> Verdict {
        let open = !self.producer.is_closed();
        self.trial.require("E20", open, "a ring is closed although its consumer lives")?;
        drop(self.consumer);
        let closed = self.producer.is_closed();
        self.trial.require("E20", closed, "the producer does not hear that its consumer is gone")?;
        if P::RECOVERS {
            let (mut number, mut right) = (self.model.first, true);
            self.producer.recover(&mut |back| {
                right &= back == entry(number);
                number += 1;
            });
            let all = right && number == self.model.next;
            self.trial.require("E20", all, "what a closed consumer left is not taken back in order")?;
        }
        Ok(self.trial.passed())
    }
}

impl<const W: usize, P: RingEvictor<W>, C: RingConsumer<W>> Bench<W, P, C> {
    /// E8: the fewest, and the oldest.
    fn evict(&mut self) -> Result<(), Violation> {
        let keep = self.trial.dice.below(self.model.capacity + 2);
        let due = self.model.waiting().saturating_sub(keep).min(self.model.ready());
        let (mut number, mut oldest) = (self.model.first, true);
        self.producer.evict_over(keep, &mut |found| {
            oldest &= found == entry(number);
            number += 1;
        });
        self.trial.require("E8", oldest, "an eviction takes others than the oldest")?;
        self.trial.same(
            "E8",
            due,
            number - self.model.first,
            "an eviction takes more or fewer than it must",
        )?;
        self.model.first = number;
        Ok(())
    }
}
