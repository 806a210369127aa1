//! A ring of messages that may be wrong: a queue of what was published, and arithmetic for its room.

use crate::frames::{ABANDONED, Framed, Given, LEN_MAX, Refusal};

super::faults! {
    /// Every 17th message has another byte in its middle.
    FlipsAByte => "RL-1",
    /// Of two that wait the second is given first.
    Reorders => "RL-1",
    /// Who dies with a message in hand has taken it.
    ForgetsTheTaken => "RL-1",
    /// What is held is overwritten by the message that is published meanwhile.
    OverwritesTheHeld => "RL-2",
    /// What is let go of without being taken was taken.
    TakesWhatWasLetGo => "RL-1",
    /// The beginning of a message that was never ended is given as a message.
    GivesTheBeginning => "RL-14",
    /// Nothing is told of a message that was never ended.
    SwallowsTheBroken => "RL-14",
    /// What is broken is told twice.
    TellsTwice => "RL-14",
    /// A message of several parts lacks its last byte.
    CutsShort => "RL-14",
    /// What was begun before a restart goes on behind it.
    RestartEndsNothing => "RL-14",
    /// What is given up is shown as far as it was written.
    ShowsTheAbandoned => "RL-15",
    /// What is refused is shown as far as there was room.
    ShowsHalfOfTheRefused => "RL-15",
    /// What never fits is to wait.
    WaitsForTheTooLarge => "RL-15",
    /// The longest message never fits.
    RefusesTheLongest => "RL-15",
    /// Nothing comes behind a length that cannot be.
    PoisonPill => "RL-18",
    /// A length that cannot be is cut to what there is.
    GivesTheLie => "RL-18",
}

const PART: usize = 16;
const ROOM: usize = 80;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Whole,
    Orphan,
    Lie,
    Restart,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    what: What,
    kind: u8,
    len: usize,
    bytes: [u8; LEN_MAX],
}

/// A ring with at most one fault.
#[derive(Debug)]
pub struct Twin {
    fault: Option<Fault>,
    capacity: usize,
    waiting: [Entry; ROOM],
    len: usize,
    open: bool,
    given: u32,
    again: bool,
}

impl Twin {
    /// A ring of so many slots of 16 bytes, at most 16.
    pub const fn new(capacity: u32, fault: Option<Fault>) -> Self {
        let none = Entry { what: What::Whole, kind: 0, len: 0, bytes: [0; LEN_MAX] };
        let waiting = [none; ROOM];
        Self { fault, capacity: capacity as usize, waiting, len: 0, open: false, given: 0, again: false }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn parts(len: usize) -> usize {
        len.div_ceil(PART).max(1)
    }

    fn free(&self) -> usize {
        let taken = self.waiting[..self.len].iter().map(|one| match one.what {
            What::Whole => Self::parts(one.len),
            What::Orphan | What::Lie => 1,
            What::Restart => 0,
        });
        self.capacity.saturating_sub(taken.sum())
    }

    fn add(&mut self, what: What, kind: u8, bytes: &[u8]) {
        if self.len == ROOM {
            return;
        }
        let one = &mut self.waiting[self.len];
        (one.what, one.kind, one.len) = (what, kind, bytes.len());
        one.bytes[..bytes.len()].copy_from_slice(bytes);
        self.len += 1;
    }

    fn remove(&mut self, at: usize) -> Entry {
        let one = self.waiting[at];
        self.waiting.copy_within(at + 1..self.len, at);
        self.len -= 1;
        one
    }

    /// A message is over that was never ended.
    fn over(&mut self) -> Option<Given> {
        self.open = false;
        if self.has(Fault::SwallowsTheBroken) {
            return None;
        }
        self.again = self.has(Fault::TellsTwice);
        Some(if self.has(Fault::GivesTheBeginning) { Given::Message(0, PART) } else { Given::Broken })
    }

    fn hear(&mut self, into: &mut [u8; LEN_MAX], keep: bool) -> Given {
        if core::mem::take(&mut self.again) {
            return Given::Broken;
        }
        while self.len > 0 {
            let what = self.waiting[0].what;
            let ends = what != What::Restart || !self.has(Fault::RestartEndsNothing);
            if self.open
                && ends
                && let Some(given) = self.over()
            {
                return given;
            }
            match what {
                What::Whole => return self.whole(into, keep),
                What::Lie if self.has(Fault::PoisonPill) => return Given::Nothing,
                What::Lie => {
                    self.remove(0);
                    let lies = self.has(Fault::GivesTheLie);
                    return if lies { Given::Message(0, PART) } else { Given::Broken };
                }
                What::Orphan => self.open = true,
                What::Restart => {}
            }
            self.remove(0);
        }
        Given::Nothing
    }

    fn whole(&mut self, into: &mut [u8; LEN_MAX], keep: bool) -> Given {
        let second = self.has(Fault::Reorders) && self.len > 1 && self.waiting[1].what == What::Whole;
        let keep = keep && !self.has(Fault::ForgetsTheTaken);
        let at = usize::from(second);
        let one = if keep { self.waiting[at] } else { self.remove(at) };
        self.given += 1;
        *into = one.bytes;
        if self.has(Fault::FlipsAByte) && self.given.is_multiple_of(17) {
            into[one.len / 2] ^= 1;
        }
        let short = usize::from(self.has(Fault::CutsShort) && one.len > PART);
        Given::Message(one.kind, one.len - short)
    }
}

impl Framed for Twin {
    fn payload_max(&self) -> usize {
        self.capacity * PART
    }

    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal> {
        let (parts, free) = (Self::parts(payload.len()), self.free());
        if parts > self.capacity && !self.has(Fault::WaitsForTheTooLarge) {
            return Err(Refusal::TooLarge);
        }
        let longest = self.has(Fault::RefusesTheLongest) && parts == self.capacity;
        if parts > free || longest {
            if self.has(Fault::ShowsHalfOfTheRefused) && free > 0 && !longest {
                self.add(What::Whole, kind, &payload[..free * PART]);
            }
            return Err(Refusal::Full);
        }
        self.add(What::Whole, kind, payload);
        Ok(())
    }

    fn abandon(&mut self, payload: &[u8]) {
        if self.has(Fault::ShowsTheAbandoned) && Self::parts(payload.len()) <= self.free() {
            self.add(What::Whole, ABANDONED, &payload[..payload.len() / 2]);
        }
    }

    fn orphan(&mut self) -> bool {
        let fits = self.free() > 0;
        if fits {
            self.add(What::Orphan, 0, &[]);
        }
        fits
    }

    fn lie(&mut self) -> bool {
        let fits = self.free() > 0;
        if fits {
            self.add(What::Lie, 0, &[]);
        }
        fits
    }

    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        self.hear(into, false)
    }

    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        let given = self.hear(into, true);
        self.open = false;
        let mut at = 0;
        while at < self.len {
            if self.waiting[at].what == What::Restart {
                self.remove(at);
            } else {
                at += 1;
            }
        }
        given
    }

    fn hold(
        &mut self,
        seen: &mut [[u8; LEN_MAX]; 2],
        kind: u8,
        payload: &[u8],
    ) -> (Given, Result<(), Refusal>) {
        let given = self.hear(&mut seen[0], !self.has(Fault::TakesWhatWasLetGo));
        seen[1] = seen[0];
        let published = self.publish(kind, payload);
        if let (true, Given::Message(_, len), Ok(())) = (self.has(Fault::OverwritesTheHeld), given, published)
        {
            let len = len.min(payload.len());
            seen[1][..len].copy_from_slice(&payload[..len]);
        }
        (given, published)
    }

    fn restart(&mut self) {
        self.add(What::Restart, 0, &[]);
    }
}
