use super::{Meta, Stamp};
use crate::codec::DecodeError;
use core::fmt;

/// Makes messages of the parts of one owner.
///
/// `B` is the memory for a message of several parts: an array, a borrowed slice, a vector of its full length. A message
/// that is longer is broken, and the next one is not.
#[derive(Clone, Debug)]
pub struct Assembler<B> {
    buffer: B,
    open: Option<Open>,
    /// A message that is known to be broken, whose other parts are nothing new.
    skipped: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    first: Meta,
    /// The part that comes next.
    next: u16,
    /// Bytes so far.
    len: usize,
}

/// What became of a part that was no fault.
enum Taken {
    Single,
    Last { first: Meta, len: usize },
    Kept,
    Skipped,
}

/// A whole message, as long as its owner sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// What the sender means by it.
    pub kind: u8,
    /// Its number among those of its owner, wrapping.
    pub message: u32,
    /// When it was sent, where the ring is stamped.
    pub sent: Stamp,
    /// Parts that it came in.
    pub parts: u16,
    /// The payload.
    pub bytes: &'a [u8],
}

/// A message that will never be delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Why.
    pub cause: Cause,
    /// Its number, as far as its header can be believed.
    pub message: u32,
    /// Parts of it that had come, in order, before it broke.
    pub parts_seen: u16,
}

/// Why a message is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Another message began before its last part came.
    Cut,
    /// A part came, and not its first.
    NoFirst,
    /// Another part came than the next one.
    Gap {
        /// The number of the next one.
        want: u16,
        /// The number that came.
        have: u16,
    },
    /// A header that cannot be: no parts, a part beyond the last, or another count or kind than the first part's.
    Header,
    /// A part of another length than it says, or than its message leaves it.
    Length {
        /// Bytes it says.
        says: u32,
        /// Bytes it has.
        has: u32,
    },
    /// It is longer than the memory for it.
    TooLarge {
        /// Bytes of the longest.
        max: usize,
    },
    /// Its owner was started again.
    Restart,
    /// Its owner died or gave it up, and the rest of it is void.
    Void,
    /// Its reader was overtaken.
    Lagged,
    /// Its owner ended the stream before its last part came.
    Ended,
    /// The payload is no value of the codec.
    Codec(DecodeError),
}

/// What became of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fed<'a> {
    /// It was the last of its message.
    Message(Message<'a>),
    /// It is kept; more are to come.
    Kept,
    /// Its message was reported as broken before.
    Skipped,
    /// Its message is broken, now.
    Broken(Broken),
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Assembler<B> {
    /// One that has seen nothing, with memory for messages of so many bytes.
    pub const fn new(buffer: B) -> Self {
        Self { buffer, open: None, skipped: None }
    }

    /// Takes a part: first, an open message that it ends without completing it, then what became of the part itself.
    pub fn feed<'a>(&'a mut self, meta: Meta, bytes: &'a [u8]) -> (Option<Broken>, Fed<'a>) {
        let cut = if self.cuts(&meta) { self.end(Cause::Cut) } else { None };
        let fed = match self.take(meta, bytes) {
            Ok(Taken::Single) => Fed::Message(message(meta, bytes)),
            Ok(Taken::Last { first, len }) => Fed::Message(message(first, &self.buffer.as_ref()[..len])),
            Ok(Taken::Kept) => Fed::Kept,
            Ok(Taken::Skipped) => Fed::Skipped,
            Err(cause) => {
                let parts_seen = self.open.take().map_or(0, |open| open.next);
                self.skipped = Some(meta.message);
                Fed::Broken(Broken { cause, message: meta.message, parts_seen })
            }
        };
        (cut, fed)
    }

    /// Ends the open message for a reason of the ring's own. What comes of it later is nothing new, unless its owner was
    /// started again: then its numbers begin anew.
    pub fn end(&mut self, cause: Cause) -> Option<Broken> {
        let open = self.open.take();
        if let Some(Open { first, .. }) = open {
            self.skipped = Some(first.message);
        }
        if cause == Cause::Restart {
            self.skipped = None;
        }
        open.map(|open| Broken { cause, message: open.first.message, parts_seen: open.next })
    }

    /// A message of one part came and was not fed, while none was open.
    pub(super) fn single(&mut self) {
        self.skipped = None;
    }

    /// The memory for a message of several parts.
    pub(super) fn memory(&self) -> &[u8] {
        self.buffer.as_ref()
    }

    /// Whether a part with that header ends the open message, because it is of another one.
    pub(super) fn cuts(&self, meta: &Meta) -> bool {
        self.open.is_some_and(|open| meta.is_first() || open.first.message != meta.message)
    }

    /// The message that is open: its number, and how many of its parts have come.
    pub fn open(&self) -> Option<(u32, u16)> {
        self.open.map(|open| (open.first.message, open.next))
    }

    fn take(&mut self, meta: Meta, bytes: &[u8]) -> Result<Taken, Cause> {
        if !meta.is_first() && self.open.is_none() && self.skipped == Some(meta.message) {
            return Ok(Taken::Skipped);
        }
        if meta.part >= meta.parts {
            return Err(Cause::Header);
        }
        if meta.len as usize != bytes.len() {
            return Err(length(meta, bytes));
        }
        if meta.is_single() {
            self.skipped = None;
            return Ok(Taken::Single);
        }
        let open = match self.open {
            Some(open) => open,
            None if meta.is_first() => self.begin(meta)?,
            None => return Err(Cause::NoFirst),
        };
        self.append(open, meta, bytes)
    }

    fn begin(&mut self, first: Meta) -> Result<Open, Cause> {
        let max = self.buffer.as_ref().len();
        let least = first.len as usize * usize::from(first.parts - 1);
        if first.len == 0 {
            return Err(Cause::Header);
        }
        if least >= max {
            return Err(Cause::TooLarge { max });
        }
        self.skipped = None;
        Ok(Open { first, next: 0, len: 0 })
    }

    fn append(&mut self, open: Open, meta: Meta, bytes: &[u8]) -> Result<Taken, Cause> {
        let Open { first, next, len } = open;
        if (meta.parts, meta.kind) != (first.parts, first.kind) {
            return Err(Cause::Header);
        }
        if meta.part != next {
            return Err(Cause::Gap { want: next, have: meta.part });
        }
        let full = meta.len == first.len;
        let fits = if meta.is_last() { meta.len > 0 && meta.len <= first.len } else { full };
        if !fits {
            return Err(length(meta, bytes));
        }
        let (max, end) = (self.buffer.as_ref().len(), len + bytes.len());
        self.buffer.as_mut().get_mut(len..end).ok_or(Cause::TooLarge { max })?.copy_from_slice(bytes);
        if meta.is_last() {
            self.open = None;
            return Ok(Taken::Last { first, len: end });
        }
        self.open = Some(Open { first, next: next + 1, len: end });
        Ok(Taken::Kept)
    }
}

const fn message(meta: Meta, bytes: &[u8]) -> Message<'_> {
    Message { kind: meta.kind, message: meta.message, sent: meta.sent, parts: meta.parts, bytes }
}

const fn length(meta: Meta, bytes: &[u8]) -> Cause {
    Cause::Length { says: meta.len, has: bytes.len() as u32 }
}

/// An [`Assembler`] for each owner of a ring that has several: their parts may come in any order among each other.
#[derive(Clone, Debug)]
pub struct Owners<B, const N: usize> {
    each: [Assembler<B>; N],
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, const N: usize> Owners<B, N> {
    /// One for each memory.
    pub fn new(buffers: [B; N]) -> Self {
        Self { each: buffers.map(Assembler::new) }
    }

    /// The one of `owner`; `None` where there is no such owner.
    pub fn of(&mut self, owner: usize) -> Option<&mut Assembler<B>> {
        self.each.get_mut(owner)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} is broken after {} parts: {}", self.message, self.parts_seen, self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("another began before its last part"),
            Self::NoFirst => f.write_str("its first part is missing"),
            Self::Gap { want, have } => write!(f, "part {have} came where {want} was next"),
            Self::Header => f.write_str("its header cannot be"),
            Self::Length { says, has } => write!(f, "a part says {says} bytes and has {has}"),
            Self::TooLarge { max } => write!(f, "it is longer than {max} bytes"),
            Self::Restart => f.write_str("its owner was started again"),
            Self::Void => f.write_str("its owner died, or gave it up"),
            Self::Lagged => f.write_str("its reader was overtaken"),
            Self::Ended => f.write_str("its owner ended the stream before its last part"),
            Self::Codec(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for Broken {}
