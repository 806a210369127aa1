use super::{Assembler, Broken, Cause, Fed, Fixed, Message, Meta, Stamp};
use crate::follow::Next;
use crate::index::Span;
use crate::segment::Position;

/// A message that is whole, and where its bytes are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) kind: u8,
    pub(super) message: u32,
    pub(super) sent: Stamp,
    pub(super) parts: u16,
    pub(super) len: usize,
}

impl Whole {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let Message { kind, message, sent, parts, bytes } = *message;
        Self { kind, message, sent, parts, len: bytes.len() }
    }

    /// A message of one part, whose header is that.
    pub(super) const fn single(meta: &Meta) -> Self {
        let Meta { kind, len, message, sent, parts, .. } = *meta;
        Self { kind, message, sent, parts, len: len as usize }
    }

    /// A run of granules that begins at a position.
    pub(super) fn run(position: u64, span: Span) -> Self {
        let Span { len, kind, .. } = span;
        Self { kind, message: position as u32, sent: Stamp::default(), parts: 1, len: len as usize }
    }

    /// With its bytes at the start of `memory`.
    pub(super) fn within<'a>(&self, memory: &'a [u8]) -> Message<'a> {
        let Self { kind, message, sent, parts, len } = *self;
        Message { kind, message, sent, parts, bytes: &memory[..len] }
    }
}

/// A whole message that was not acknowledged yet: where it begins, and where the next one does.
#[derive(Clone, Copy, Debug)]
pub struct Hand {
    pub(super) at: u64,
    pub(super) end: u64,
    pub(super) whole: Whole,
}

impl Hand {
    /// Where it begins.
    pub(crate) const fn position(&self) -> Position {
        Position(self.at)
    }

    /// Where what comes behind it does.
    pub(crate) const fn end(&self) -> Position {
        Position(self.end)
    }

    /// Its bytes.
    pub(crate) const fn len(&self) -> usize {
        self.whole.len
    }

    /// With its bytes at the start of `memory`.
    pub(crate) fn message<'a>(&self, memory: &'a [u8]) -> Message<'a> {
        self.whole.within(memory)
    }
}

/// What became of the part in the slot.
pub(super) enum Step {
    /// It is of another message than the open one, which ends here. The part itself was not fed.
    Cut(Broken),
    Broken(Broken),
    Kept,
    Skipped,
    Whole(Whole),
}

/// Parts of fixed slots on their way to messages.
#[derive(Debug)]
pub(super) struct Gather<const N: usize, B> {
    assembler: Assembler<B>,
    pub(super) slot: Fixed<N>,
    /// Whose the part in the slot is, where several produce.
    pub(super) from: u32,
    /// Whose parts the assembler was given last.
    owner: u32,
}

impl<const N: usize, B: AsRef<[u8]> + AsMut<[u8]>> Gather<N, B> {
    pub(super) const fn new(memory: B) -> Self {
        Self { assembler: Assembler::new(memory), slot: Fixed::new(), from: 0, owner: 0 }
    }

    /// Takes what lies in the slot.
    pub(super) fn take(&mut self) -> Step {
        let (meta, bytes) = self.slot.rumour();
        let other = self.from != self.owner;
        if (other || self.assembler.cuts(&meta))
            && let Some(broken) = self.assembler.end(Cause::Cut)
        {
            return Step::Cut(broken);
        }
        if other {
            // Whose numbers have nothing to do with those before.
            self.owner = self.from;
            self.assembler.end(Cause::Restart);
        }
        match self.assembler.feed(meta, bytes).1 {
            Fed::Message(message) => Step::Whole(Whole::of(&message)),
            Fed::Kept => Step::Kept,
            Fed::Skipped => Step::Skipped,
            Fed::Broken(broken) => Step::Broken(broken),
        }
    }

    /// Whether no message is open.
    pub(super) fn is_idle(&self) -> bool {
        self.assembler.open().is_none()
    }

    /// A message of one part came, and was not fed.
    pub(super) fn single(&mut self) {
        self.assembler.single();
    }

    /// The memory for a message of several parts.
    pub(super) fn memory(&self) -> &[u8] {
        self.assembler.memory()
    }

    /// The open message, where what comes next is no part of it.
    pub(super) fn end(&mut self, cause: Cause) -> Option<Broken> {
        self.assembler.end(cause)
    }

    /// What the news of a stream breaks.
    pub(super) fn hear<T>(&mut self, news: &Next<T>) -> Option<Broken> {
        let cause = match news {
            Next::Restarted { .. } => Cause::Restart,
            Next::Lagged { .. } => Cause::Lagged,
            Next::Closed(_) | Next::Evicted { .. } => Cause::Ended,
            Next::Item(_) | Next::Fault(_) | Next::Broken { .. } => return None,
        };
        self.assembler.end(cause)
    }

    /// The message that was whole last.
    pub(super) fn message(&self, whole: &Whole) -> Message<'_> {
        if whole.parts == 1 {
            return whole.within(self.slot.rumour().1);
        }
        whole.within(self.assembler.memory())
    }
}
