//! The doors to messages, and to values over messages.

use super::{AttachError, Builder, Lock, Mapping, Passed, Place, Ring, identity};
use crate::MonotonicClock;
use std::marker::PhantomData;
use tidemill_ring::Plain;
use tidemill_ring::codec::Codec;
use tidemill_ring::frame::{self, Fixed, Memory, Var};
use tidemill_ring::layout::Kind;
use tidemill_ring::typed;
use tidemill_seam::Clock;

/// The half that publishes messages in parts, in shared memory.
pub type FrameProducer<const N: usize> = frame::FrameProducer<N, Mapping, Lock>;
/// One of several that publish messages in parts, in shared memory.
pub type MultiFrameProducer<const N: usize> = frame::MultiFrameProducer<N, Mapping, Lock>;
/// The half that takes messages from parts and is waited for, in shared memory.
pub type FrameConsumer<const N: usize> = frame::FrameConsumer<N, Mapping, Lock, Memory>;
/// The half that copies messages from parts and may be overtaken, in shared memory.
pub type FrameReader<const N: usize> = frame::FrameReader<N, Mapping, Lock, Memory>;
/// The half that publishes messages in runs, in shared memory.
pub type VarProducer<const G: usize> = frame::VarProducer<G, Mapping, Lock>;
/// One of several that publish messages in runs, in shared memory.
pub type MultiVarProducer<const G: usize> = frame::MultiVarProducer<G, Mapping, Lock>;
/// The half that takes messages from runs and is waited for, in shared memory.
pub type VarConsumer<const G: usize> = frame::VarConsumer<G, Mapping, Lock, Memory>;
/// The half that copies messages from runs and may be overtaken, in shared memory.
pub type VarReader<const G: usize> = frame::VarReader<G, Mapping, Lock, Memory>;
/// The half that publishes values, over the messages of `F`.
pub type TypedProducer<T, C, F> = typed::TypedProducer<T, C, F, Memory>;
/// The half that takes values, over the messages of `F`.
pub type TypedConsumer<T, C, F> = typed::TypedConsumer<T, C, F>;

/// A ring of values: what [`Builder::typed`] gives.
#[derive(Debug)]
pub struct Typed<T, C, E> {
    builder: Builder<E>,
    codec: C,
    value: PhantomData<fn(T) -> T>,
}

impl Ring {
    /// With `n` slots, each for a part of a message of up to `N` bytes.
    ///
    /// ```
    /// use tidemill_host::ring;
    /// use tidemill_ring::Next;
    ///
    /// # let name = format!("fr{}", std::process::id());
    /// # let name = name.as_str();
    /// let mut producer = ring(name)?.frames::<64>(16).frame_producer()?;
    /// let mut consumer = ring(name)?.frames::<64>(16).name("risk").frame_consumer()?;
    /// producer.try_publish(&[7; 100], 1)?;
    /// assert!(matches!(consumer.try_next(), Some(Next::Item(message)) if message.len() == 100));
    /// drop((producer, consumer));
    /// ring(name)?.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn frames<const N: usize>(self, n: u32) -> Builder<Fixed<N>> {
        self.slots(n)
    }

    /// With `n` granules of `G` bytes, of which each message takes one run.
    pub fn runs<const G: usize>(self, n: u32) -> Builder<Var<G>> {
        Builder::new(Place::Path(self.path), n).indexed()
    }
}

impl Passed {
    /// With `n` slots, each for a part of a message of up to `N` bytes.
    pub fn frames<const N: usize>(self, n: u32) -> Builder<Fixed<N>> {
        self.slots(n)
    }

    /// With `n` granules of `G` bytes, of which each message takes one run.
    pub fn runs<const G: usize>(self, n: u32) -> Builder<Var<G>> {
        Builder::new(Place::Descriptor(self.0), n).indexed()
    }
}

impl<E: Plain> Builder<E> {
    /// No message is longer than `bytes`: for so many there is memory. One that is, is broken, and the next one is not. Unless
    /// told, as many as go through the whole ring.
    #[must_use]
    pub fn message_max(mut self, bytes: usize) -> Self {
        self.message_max = Some(bytes);
        self
    }

    fn memory(&self) -> Memory {
        let whole = self.spec.capacity as usize * self.spec.size as usize;
        Memory::new(self.message_max.map_or(whole, |bytes| bytes.min(whole)))
    }

    /// Values of `T` in that codec instead of messages: the last word about the ring, whose header names the codec.
    #[must_use]
    pub fn typed<T, C: Codec<T>>(mut self, codec: C) -> Typed<T, C, E> {
        self.spec = self.spec.codec(C::ID.0);
        Typed { builder: self, codec, value: PhantomData }
    }
}

/// Messages in parts.
impl<const N: usize> Builder<Fixed<N>> {
    /// Produces messages.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn frame_producer(self) -> Result<FrameProducer<N>, AttachError> {
        Ok(frame::FrameProducer::over(self.producer()?))
    }

    /// Produces messages beside others, in a ring of several [`producers`](Self::producers).
    ///
    /// # Errors
    /// As for [`multi_producer`](Self::multi_producer).
    pub fn multi_frame_producer(self) -> Result<MultiFrameProducer<N>, AttachError> {
        Ok(frame::MultiFrameProducer::over(self.multi_producer()?))
    }

    /// Takes part as one who takes messages and is waited for.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn frame_consumer(self) -> Result<FrameConsumer<N>, AttachError> {
        let memory = self.memory();
        Ok(frame::FrameConsumer::over(self.consumer()?, memory))
    }

    /// Takes part as one who copies messages and may be overtaken.
    ///
    /// # Errors
    /// As for [`reader`](Self::reader).
    pub fn frame_reader(self) -> Result<FrameReader<N>, AttachError> {
        let memory = self.memory();
        Ok(frame::FrameReader::over(self.reader()?, memory))
    }
}

/// Messages in runs.
impl<const G: usize> Builder<Var<G>> {
    fn indexed(mut self) -> Self {
        self.spec = self.spec.kind(Kind::Frames);
        self
    }

    /// Produces messages.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn var_producer(self) -> Result<VarProducer<G>, AttachError> {
        Ok(frame::VarProducer::over(self.producer()?)?)
    }

    /// Produces messages beside others, in a ring of several [`producers`](Self::producers).
    ///
    /// # Errors
    /// As for [`multi_producer`](Self::multi_producer).
    pub fn multi_var_producer(mut self) -> Result<MultiVarProducer<G>, AttachError> {
        let (segment, lock) = self.open_as_meant()?;
        let mut producer =
            segment.multi_var_producer(lock, identity())?.coordinate(self.coordinate, MonotonicClock.now());
        self.wait.map_or(Ok(()), |wait| producer.wait_by(wait))?;
        Ok(producer)
    }

    /// Takes part as one who takes messages and is waited for.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn var_consumer(self) -> Result<VarConsumer<G>, AttachError> {
        let memory = self.memory();
        Ok(frame::VarConsumer::over(self.consumer()?, memory)?)
    }

    /// Takes part as one who copies messages and may be overtaken.
    ///
    /// # Errors
    /// As for [`reader`](Self::reader).
    pub fn var_reader(self) -> Result<VarReader<G>, AttachError> {
        let memory = self.memory();
        Ok(frame::VarReader::over(self.reader()?, memory)?)
    }
}

/// Values over messages in parts.
impl<T, C: Codec<T>, const N: usize> Typed<T, C, Fixed<N>> {
    /// Produces values.
    ///
    /// # Errors
    /// As for [`Builder::producer`].
    pub fn producer(self) -> Result<TypedProducer<T, C, FrameProducer<N>>, AttachError> {
        let scratch = self.builder.memory();
        Ok(typed::TypedProducer::over(self.builder.frame_producer()?, self.codec, scratch)?)
    }

    /// Produces values beside others.
    ///
    /// # Errors
    /// As for [`Builder::multi_producer`].
    pub fn multi_producer(self) -> Result<TypedProducer<T, C, MultiFrameProducer<N>>, AttachError> {
        let scratch = self.builder.memory();
        Ok(typed::TypedProducer::over(self.builder.multi_frame_producer()?, self.codec, scratch)?)
    }

    /// Takes part as one who takes values and is waited for.
    ///
    /// # Errors
    /// As for [`Builder::consumer`]; a ring of another codec is [`AttachError::Incompatible`].
    pub fn consumer(self) -> Result<TypedConsumer<T, C, FrameConsumer<N>>, AttachError> {
        Ok(typed::TypedConsumer::over(self.builder.frame_consumer()?, self.codec)?)
    }

    /// Takes part as one who copies values and may be overtaken.
    ///
    /// # Errors
    /// As for [`Builder::reader`]; a ring of another codec is [`AttachError::Incompatible`].
    pub fn reader(self) -> Result<TypedConsumer<T, C, FrameReader<N>>, AttachError> {
        Ok(typed::TypedConsumer::over(self.builder.frame_reader()?, self.codec)?)
    }
}

/// Values over messages in runs.
impl<T, C: Codec<T>, const G: usize> Typed<T, C, Var<G>> {
    /// Produces values.
    ///
    /// # Errors
    /// As for [`Builder::producer`].
    pub fn producer(self) -> Result<TypedProducer<T, C, VarProducer<G>>, AttachError> {
        let scratch = self.builder.memory();
        Ok(typed::TypedProducer::over(self.builder.var_producer()?, self.codec, scratch)?)
    }

    /// Produces values beside others.
    ///
    /// # Errors
    /// As for [`Builder::multi_producer`].
    pub fn multi_producer(self) -> Result<TypedProducer<T, C, MultiVarProducer<G>>, AttachError> {
        let scratch = self.builder.memory();
        Ok(typed::TypedProducer::over(self.builder.multi_var_producer()?, self.codec, scratch)?)
    }

    /// Takes part as one who takes values and is waited for.
    ///
    /// # Errors
    /// As for [`Builder::consumer`]; a ring of another codec is [`AttachError::Incompatible`].
    pub fn consumer(self) -> Result<TypedConsumer<T, C, VarConsumer<G>>, AttachError> {
        Ok(typed::TypedConsumer::over(self.builder.var_consumer()?, self.codec)?)
    }

    /// Takes part as one who copies values and may be overtaken.
    ///
    /// # Errors
    /// As for [`Builder::reader`]; a ring of another codec is [`AttachError::Incompatible`].
    pub fn reader(self) -> Result<TypedConsumer<T, C, VarReader<G>>, AttachError> {
        Ok(typed::TypedConsumer::over(self.builder.var_reader()?, self.codec)?)
    }
}
