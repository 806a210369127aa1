use crate::desk::{Desk, DeskError, Standing, Swapped};
use crate::effects::Op;
use crate::record::EdgeRecord;
use alloc::boxed::Box;
use tidemill_seam::{Instant, Register, Version};

/// What is under way at the register of the edge.
#[derive(Debug)]
enum Errand {
    Read(Op),
    Swap { op: Op, expected: Version, ver: u64, bytes: Box<[u8; EdgeRecord::BYTES]> },
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Told {
    Record(Op, Result<Box<Standing>, DeskError>),
    Swapped(Op, Result<Swapped, DeskError>),
    Late(Op),
}

/// Reads and swaps the record of an edge, one at a time, and listens for hints that it moved.
#[derive(Debug)]
pub(super) struct Clerk<R> {
    desk: Desk<R>,
    errand: Option<Errand>,
    due: Instant,
    /// The version that was seen last, and the last one beyond which a hint was heard.
    stands: Version,
    hinted: Version,
}

impl<R: Register> Clerk<R> {
    pub(super) const fn new(register: R) -> Self {
        let (stands, hinted) = (Version::NONE, Version::NONE);
        Self { desk: Desk::new(register, 0), errand: None, due: Instant::MAX, stands, hinted }
    }

    /// The newest writing that was seen, by this life or one before.
    pub(super) const fn seen(&self) -> u64 {
        self.desk.seen()
    }

    /// What a life before saw.
    pub(super) fn remember(&mut self, seen: u64) {
        self.desk.remember(seen);
    }

    pub(super) fn read(&mut self, op: Op, due: Instant) {
        (self.errand, self.due) = (Some(Errand::Read(op)), due);
    }

    pub(super) fn swap(&mut self, op: Op, expected: Version, record: &EdgeRecord, due: Instant) {
        let bytes = Box::new(record.encode());
        (self.errand, self.due) = (Some(Errand::Swap { op, expected, ver: record.ver, bytes }), due);
    }

    /// What became of what is under way, unless it still is.
    pub(super) fn told(&mut self, now: Instant, awaits: impl Fn(Op) -> bool) -> Option<Told> {
        let (told, op) = match self.errand.as_ref()? {
            Errand::Read(op) | Errand::Swap { op, .. } if !awaits(*op) => {
                self.errand = None;
                return None;
            }
            Errand::Read(op) => (Told::Record(*op, self.desk.read().map(Box::new)), *op),
            Errand::Swap { op, expected, ver, bytes } => {
                (Told::Swapped(*op, self.desk.exchange(*expected, *ver, &bytes[..])), *op)
            }
        };
        let told = match told {
            Told::Record(_, Err(DeskError::Pending)) | Told::Swapped(_, Err(DeskError::Pending)) => {
                if now < self.due {
                    return None;
                }
                Told::Late(op)
            }
            told => told,
        };
        match &told {
            Told::Record(_, Ok(standing)) => self.stands = standing.version,
            Told::Swapped(_, Ok(Swapped::Won(version))) => self.stands = *version,
            _ => {}
        }
        (self.errand, self.due) = (None, Instant::MAX);
        Some(told)
    }

    /// Whether the record may have moved since it was seen last: a hint, once for what was seen.
    pub(super) fn hint(&mut self) -> bool {
        if self.errand.is_some() || self.stands <= self.hinted || !self.desk.moved(self.stands) {
            return false;
        }
        self.hinted = self.stands;
        true
    }

    pub(super) const fn due(&self) -> Instant {
        self.due
    }
}
