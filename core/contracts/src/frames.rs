//! Laws of messages over a shared ring: RL-1, RL-2, RL-10, RL-14, RL-15, RL-18, as [`tidemill_ring::frame`] states them.
//!
//! The model is a queue of what was published, by number: [`byte`] and [`kind`] say what message `n` is. Beside the messages
//! stand those that somebody began and never ended, and those whose length is a lie: each is told as broken, once.

mod ours;

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};

pub use ours::{
    Parts, PartsInPlace, PartsOfSeveral, Runs, RunsInPlace, RunsOfSeveral, parts_words, runs_words,
    several_parts_words, several_runs_words,
};

/// Bytes of the longest message.
pub const LEN_MAX: usize = 256;

/// The kind of a message that is given up before it is shown.
pub const ABANDONED: u8 = 255;

const WAITING: usize = 64;

/// The byte of a message at a place.
pub const fn byte(number: u64, at: usize) -> u8 {
    (number.wrapping_mul(0x9E37_79B9) as usize ^ at.wrapping_mul(0x85EB)) as u8
}

/// What the sender means by a message.
pub const fn kind(number: u64) -> u8 {
    (number % 251) as u8
}

/// What a consumer is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// A message of that kind and length.
    Message(u8, usize),
    /// A message that will never be delivered.
    Broken,
    /// Nothing at this moment.
    Nothing,
}

/// Why a message is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no room.
    Full,
    /// There never will be.
    TooLarge,
}

/// A ring of messages as the suite drives it: a producer, and a consumer that is waited for.
pub trait Framed {
    /// Bytes of the longest message: up to [`LEN_MAX`].
    fn payload_max(&self) -> usize;
    /// Publishes a message.
    ///
    /// # Errors
    /// [`Refusal`]; nothing of it is to be seen then.
    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal>;
    /// Asks for room for a message of the kind [`ABANDONED`], writes half of it, and gives it up.
    fn abandon(&mut self, payload: &[u8]);
    /// Somebody who keeps no law begins a message of several parts and never ends it: whether he could.
    fn orphan(&mut self) -> bool;
    /// Somebody who keeps no law publishes a message whose length is a lie: whether he could.
    fn lie(&mut self) -> bool;
    /// What comes next, which is taken.
    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given;
    /// What comes next, whereupon the consumer dies before it takes a message; the next one of its name goes on.
    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given;
    /// What comes next, held while another message is published, and let go of without being taken: what was seen of it before
    /// and behind that, and what became of the other one.
    fn hold(
        &mut self,
        seen: &mut [[u8; LEN_MAX]; 2],
        kind: u8,
        payload: &[u8],
    ) -> (Given, Result<(), Refusal>);
    /// The producer dies, and another one begins.
    fn restart(&mut self);
}

#[derive(Clone, Copy)]
enum Event {
    Message {
        number: u64,
        len: usize,
    },
    Orphan,
    Lie,
    Restart,
    /// A restart before the present consumer came: it hears nothing of it.
    Past,
}

struct Bench<S> {
    trial: Trial,
    ring: S,
    waiting: [Event; WAITING],
    head: usize,
    len: usize,
    /// An orphan was taken, and what ends it has not come.
    open: bool,
    number: u64,
    /// The kind of the message that was refused last.
    refused: Option<u8>,
}

/// Runs every law over rings of several capacities. `make(capacity)` gives a fresh one of so many slots of 16 bytes.
pub fn suite<S: Framed>(mut make: impl FnMut(u32) -> S, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for (seed, capacity) in (0xF7A3..).zip([2, 4, 8, 16]) {
        passed.add(history_of(make(capacity), seed, effort)?);
    }
    Ok(passed)
}

fn history_of<S: Framed>(ring: S, seed: u64, effort: Effort) -> Verdict {
    let waiting = [Event::Orphan; WAITING];
    let trial = Trial::new(seed);
    let mut bench = Bench { trial, ring, waiting, head: 0, len: 0, open: false, number: 0, refused: None };
    for _ in 0..effort.steps() {
        bench.trial.next();
        match bench.trial.dice.below(34) {
            0..=13 => bench.publish()?,
            14..=25 => bench.take()?,
            26 => bench.abandon(),
            27 => bench.too_large()?,
            28 => {
                if bench.has_room() && bench.ring.orphan() {
                    bench.add(Event::Orphan);
                }
            }
            29 => {
                if bench.has_room() && bench.ring.lie() {
                    bench.add(Event::Lie);
                }
            }
            30 => bench.die()?,
            31..=32 => bench.hold()?,
            _ => {
                if bench.has_room() {
                    bench.ring.restart();
                    bench.add(Event::Restart);
                }
            }
        }
    }
    while bench.len > 0 || bench.open {
        bench.trial.next();
        if bench.len == 0 {
            bench.ring.restart();
            bench.add(Event::Restart);
        }
        bench.take()?;
    }
    Ok(bench.trial.passed())
}

impl<S: Framed> Bench<S> {
    fn has_room(&self) -> bool {
        self.len < WAITING
    }

    fn add(&mut self, event: Event) {
        self.waiting[(self.head + self.len) % WAITING] = event;
        self.len += 1;
    }

    fn pop(&mut self) {
        (self.head, self.len) = ((self.head + 1) % WAITING, self.len - 1);
    }

    fn length(&mut self) -> usize {
        let max = self.ring.payload_max();
        if self.trial.dice.one_in(8) { max } else { self.trial.dice.below(max as u32 + 1) as usize }
    }

    fn fill(&self, payload: &mut [u8; LEN_MAX]) {
        for (at, place) in payload.iter_mut().enumerate() {
            *place = byte(self.number, at);
        }
    }

    fn publish(&mut self) -> Result<(), Violation> {
        let (len, mut payload) = (self.length(), [0; LEN_MAX]);
        if !self.has_room() {
            return Ok(());
        }
        self.fill(&mut payload);
        let mut published = self.ring.publish(kind(self.number), &payload[..len]);
        if published.is_err() && self.len == 0 {
            // What is empty may have to be passed first: what was broken or given up, then a gap at the end of the ring.
            for _ in 0..2 {
                if published.is_err() {
                    self.take()?;
                    published = self.ring.publish(kind(self.number), &payload[..len]);
                }
            }
            let empty =
                self.trial.require("RL-15", published.is_ok(), "an empty ring refuses what fits into it");
            empty?;
        }
        self.outcome(published, len)
    }

    /// What became of the message that was to be published.
    fn outcome(&mut self, published: Result<(), Refusal>, len: usize) -> Result<(), Violation> {
        match published {
            Ok(()) => self.add(Event::Message { number: self.number, len }),
            Err(why) => {
                let full = why == Refusal::Full;
                self.trial.require("RL-15", full, "what fits is refused for ever")?;
                self.refused = Some(kind(self.number));
            }
        }
        self.number += 1;
        Ok(())
    }

    fn hold(&mut self) -> Result<(), Violation> {
        let (len, mut payload, mut seen) = (self.length(), [0; LEN_MAX], [[0; LEN_MAX]; 2]);
        if !self.has_room() {
            return Ok(());
        }
        self.fill(&mut payload);
        let (given, published) = self.ring.hold(&mut seen, kind(self.number), &payload[..len]);
        let stays = seen[0] == seen[1];
        self.trial.require("RL-2", stays, "what is held is overwritten")?;
        // What was let go of comes again.
        self.judge(given, &seen[0])?;
        self.outcome(published, len)
    }

    fn too_large(&mut self) -> Result<(), Violation> {
        let max = self.ring.payload_max();
        let published = self.ring.publish(0, &[0; LEN_MAX + 1][..max + 1]);
        let refused = published == Err(Refusal::TooLarge);
        self.trial.require("RL-15", refused, "what never fits is not refused at once, and for ever")
    }

    fn abandon(&mut self) {
        let (len, mut payload) = (self.length(), [0; LEN_MAX]);
        self.fill(&mut payload);
        self.ring.abandon(&payload[..len]);
    }

    fn take(&mut self) -> Result<(), Violation> {
        let mut into = [0; LEN_MAX];
        let given = self.ring.take(&mut into);
        if self.judge(given, &into)? {
            self.pop();
        }
        Ok(())
    }

    fn die(&mut self) -> Result<(), Violation> {
        let mut into = [0; LEN_MAX];
        let given = self.ring.die(&mut into);
        self.judge(given, &into)?;
        // What a consumer knew of an open message, and of a producer, died with it.
        self.open = false;
        for at in 0..self.len {
            let event = &mut self.waiting[(self.head + at) % WAITING];
            if matches!(event, Event::Restart) {
                *event = Event::Past;
            }
        }
        Ok(())
    }

    /// Whether a message was given that waits at the head of the queue.
    fn judge(&mut self, given: Given, into: &[u8; LEN_MAX]) -> Result<bool, Violation> {
        let expected = self.expected();
        let shown = match (expected, given) {
            (_, Given::Message(found, _)) if found == ABANDONED => true,
            (Some(Event::Message { number, .. }), Given::Message(found, _)) => {
                found != kind(number) && self.refused == Some(found)
            }
            _ => false,
        };
        self.trial.require("RL-15", !shown, "what was refused or given up is shown")?;
        match (expected, given) {
            (Some(Event::Message { number, len }), Given::Message(found, had)) => {
                self.trial.same("RL-1", kind(number), found, "a message of another kind")?;
                self.trial.same("RL-14", len as u64, had as u64, "a message of another length")?;
                let same = (0..len).all(|at| into[at] == byte(number, at));
                self.trial.require("RL-1", same, "another message than the one that was published")?;
                Ok(true)
            }
            (Some(Event::Message { .. }), Given::Nothing) => {
                Err(self.trial.violation("RL-1", "nothing is given although a message was published"))
            }
            (Some(Event::Message { .. }), Given::Broken) => {
                Err(self.trial.violation("RL-14", "a message is told as broken that is whole, or twice"))
            }
            (Some(_), Given::Broken) | (None, Given::Nothing) => {
                self.trial.require("RL-14", true, "what was broken is told, and nothing is made up")?;
                Ok(false)
            }
            (Some(Event::Lie), _) => {
                Err(self.trial.violation("RL-18", "a length that cannot be is not told as broken"))
            }
            (Some(_), _) => {
                Err(self.trial.violation("RL-14", "a message that was never ended is not told as broken"))
            }
            (None, Given::Broken) => {
                Err(self.trial.violation("RL-14", "something is broken that was not published"))
            }
            (None, Given::Message(..)) => {
                Err(self.trial.violation("RL-15", "a message is given that was not published"))
            }
        }
    }

    /// What has to be heard next; anything but a message is off the queue then. `Orphan` for a message that is over.
    fn expected(&mut self) -> Option<Event> {
        while self.len > 0 {
            let event = self.waiting[self.head];
            match event {
                Event::Past => self.pop(),
                _ if self.open => {
                    self.open = false;
                    return Some(Event::Orphan);
                }
                Event::Message { .. } => return Some(event),
                Event::Lie => {
                    self.pop();
                    return Some(event);
                }
                Event::Orphan => {
                    self.pop();
                    self.open = true;
                }
                Event::Restart => self.pop(),
            }
        }
        None
    }
}
