//! Values over a ring of messages, by a codec that the segment's header names.
//!
//! ```text
//!  &T ──encode──▶ scratch ──▶ Sink: parts or runs ──▶ Source ──decode──▶ T, or a view of it in place
//! ```
//! What cannot be decoded is [`Next::Broken`] with its position, and the next message is delivered. The messages beneath
//! stay in reach: [`TypedProducer::raw`], [`TypedConsumer::raw`].

use crate::codec::{Codec, CodecId, DecodeError, EncodeError, View};
use crate::follow::Next;
use crate::frame::{Broken, Cause, Message, PatientSink, PatientSource, Sink, Source, TryFill};
use crate::header::{Field, Incompatible};
use crate::producer::{Refused, Why};
use crate::segment::{Position, Segment};
use crate::wait::{Ended, Until};
use core::fmt;
use core::marker::PhantomData;
use tidemill_seam::Region;

mod managed;

/// Why a value was not published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishError {
    /// The codec has no form for it, or none that fits into the scratch memory.
    Encode(EncodeError),
    /// The ring does not take it.
    Refused(Why),
}

/// The half that publishes values of `T`, encoded by `C` into the scratch memory `B`, over the messages of `F`.
#[derive(Debug)]
pub struct TypedProducer<T, C, F, B> {
    frames: F,
    codec: C,
    scratch: B,
    value: PhantomData<fn(&T)>,
}

/// The half that takes values of `T`, decoded by `C`, from the messages of `F`: of a consumer or of a reader.
#[derive(Debug)]
pub struct TypedConsumer<T, C, F> {
    frames: F,
    codec: C,
    value: PhantomData<fn() -> T>,
}

fn agree(got: CodecId, want: CodecId) -> Result<(), Incompatible> {
    Incompatible::unless(Field::Codec, u64::from(got.0), u64::from(want.0))
}

impl<R: Region> Segment<R> {
    /// Whether its messages are in that codec.
    ///
    /// # Errors
    /// [`Incompatible`] with [`Field::Codec`].
    pub fn speaks(&self, codec: CodecId) -> Result<(), Incompatible> {
        agree(CodecId(self.header().layout.spec().codec), codec)
    }
}

impl<T, C: Codec<T>, F: Sink, B: AsMut<[u8]>> TypedProducer<T, C, F, B> {
    /// Values over the messages of `frames`. `scratch` is as long as the longest value, and begins on a multiple of 16
    /// where the codec asks for that: [`Room`](crate::frame::Room), or `Memory` on the heap.
    ///
    /// # Errors
    /// [`Incompatible`] where the ring was made for another codec.
    pub fn over(frames: F, codec: C, scratch: B) -> Result<Self, Incompatible> {
        agree(frames.codec(), C::ID)?;
        Ok(Self { frames, codec, scratch, value: PhantomData })
    }

    /// Publishes a value. Gives where its message begins.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn try_publish(&mut self, value: &T) -> Result<Position, PublishError> {
        let len = self.encode(value)?;
        self.send(len)
    }

    /// Encodes a value into the scratch memory. Gives its length.
    fn encode(&mut self, value: &T) -> Result<usize, PublishError> {
        self.codec.encode(value, self.scratch.as_mut()).map_err(PublishError::Encode)
    }

    /// Publishes the first `len` bytes of the scratch memory.
    fn send(&mut self, len: usize) -> Result<Position, PublishError> {
        let published = self.frames.try_publish(&self.scratch.as_mut()[..len], 0);
        published.map_err(|Refused { why, .. }| PublishError::Refused(why))
    }

    /// As [`try_publish`](Self::try_publish), once there is room.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn publish(&mut self, value: &T, until: Until<'_>) -> Result<Position, PublishError>
    where
        F: PatientSink,
    {
        let len = self.encode(value)?;
        let published = self.frames.publish(&self.scratch.as_mut()[..len], 0, until);
        published.map_err(|Refused { why, .. }| PublishError::Refused(why))
    }

    /// Publishes a value that is encoded where its message will lie, into room for `len` bytes, and copied nowhere. Gives where
    /// its message begins.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn try_publish_in_place(&mut self, value: &T, len: usize) -> Result<Position, PublishError>
    where
        F: TryFill,
    {
        let codec = &self.codec;
        match self.frames.try_fill(len, 0, |room| codec.encode(value, room)) {
            Ok(Ok(at)) => Ok(at),
            Ok(Err(error)) => Err(PublishError::Encode(error)),
            Err(Refused { why, .. }) => Err(PublishError::Refused(why)),
        }
    }

    /// The messages beneath.
    pub fn raw(&mut self) -> &mut F {
        &mut self.frames
    }

    /// Back to the messages: to close the stream, or to hand it over.
    pub fn into_raw(self) -> F {
        self.frames
    }
}

impl<T, C: Codec<T>, F: Source> TypedConsumer<T, C, F> {
    /// Values of the messages of `frames`.
    ///
    /// # Errors
    /// [`Incompatible`] where the ring was made for another codec.
    pub fn over(frames: F, codec: C) -> Result<Self, Incompatible> {
        agree(frames.codec(), C::ID)?;
        Ok(Self { frames, codec, value: PhantomData })
    }

    /// What comes next, decoded: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<T>> {
        let codec = &self.codec;
        let heard = self.frames.hear(|message, at| judged(codec.decode(message.bytes), &message, at))?;
        Some(flat(heard))
    }

    /// What comes next, decoded, once something does.
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<T>, Ended>
    where
        F: PatientSource,
    {
        let codec = &self.codec;
        let decode = |message: Message<'_>, at| judged(codec.decode(message.bytes), &message, at);
        Ok(flat(self.frames.hear_until(until, decode)?))
    }

    /// Shows the next value to `look` where it lies, checked as a whole before.
    pub fn view<O>(&mut self, look: impl FnOnce(C::Ref<'_>) -> O) -> Option<Next<O>>
    where
        C: View<T>,
        T: 'static,
    {
        let codec = &self.codec;
        let heard = self.frames.hear(|message, at| match codec.view(message.bytes) {
            Ok(value) => Ok(look(value)),
            Err(error) => judged(Err(error), &message, at),
        })?;
        Some(flat(heard))
    }

    /// Hands up to `limit` values to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, mut each: impl FnMut(T, Position)) -> (u32, Option<Next<()>>) {
        let mut count = 0;
        while count < limit {
            let codec = &self.codec;
            let heard = self.frames.hear(|message, at| {
                judged(codec.decode(message.bytes), &message, at).map(|value| each(value, at))
            });
            match heard.map(flat) {
                Some(Next::Item(())) => count += 1,
                other => return (count, other),
            }
        }
        (count, None)
    }

    /// The messages beneath.
    pub fn raw(&mut self) -> &mut F {
        &mut self.frames
    }

    /// Back to the messages.
    pub fn into_raw(self) -> F {
        self.frames
    }
}

/// A decoded value, or why its message is broken, and where.
type Judged<T> = Result<T, (Position, Broken)>;

fn judged<T>(decoded: Result<T, DecodeError>, message: &Message<'_>, at: Position) -> Judged<T> {
    let broken =
        |error| Broken { cause: Cause::Codec(error), message: message.message, parts_seen: message.parts };
    decoded.map_err(|error| (at, broken(error)))
}

fn flat<T>(heard: Next<Judged<T>>) -> Next<T> {
    match heard.item() {
        Ok(Ok(value)) => Next::Item(value),
        Ok(Err((at, what))) => Next::Broken { at, what },
        Err(news) => news,
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => fmt::Display::fmt(error, f),
            Self::Refused(why) => fmt::Display::fmt(why, f),
        }
    }
}

impl core::error::Error for PublishError {}
