use crate::bad::Bad;
use crate::checkpoint::{Checkpoint, Input, Output};
use crate::{Incarnation, Label};
use alloc::vec::Vec;
use core::fmt;

/// What a stage wants to be durable: how far it read and wrote, its state, and what its consumers may still ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft<P> {
    /// How far it read.
    pub inputs: Vec<Input>,
    /// How far it wrote; one at most.
    pub outputs: Vec<Output>,
    /// The entries of that output from [`Output::retained`] up to [`Output::off`].
    pub entries: Vec<(Label, P)>,
    /// The bytes of its state.
    pub state: Vec<u8>,
}

/// A life of a stage, and what the lives before left to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life<P> {
    /// Which life it is.
    pub inc: Incarnation,
    /// Its checkpoint; none where no life before wrote one.
    pub checkpoint: Option<Checkpoint>,
    /// The entries of its output that may still be asked for.
    pub entries: Vec<(Label, P)>,
}

/// Why nothing was minted, kept or confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepError {
    /// It is under way: call again, with the same arguments.
    Pending,
    /// The store cannot be reached at this moment: ask again later.
    Unavailable,
    /// A later life took over. This one is over.
    Fenced {
        /// It.
        by: Incarnation,
    },
    /// What was acknowledged cannot be read. Nothing older is taken in its place.
    Lost(Bad),
    /// It does not fit.
    TooLong,
    /// The store is gone, or damaged.
    Closed,
}

/// What a stage keeps beyond its lives.
///
/// # Laws
/// - **S3** A life is minted once, and is greater than every earlier one. From then on no earlier one keeps anything.
/// - A draft is kept whole or not at all. Once [`keep`](Self::keep) said so it is what the next life finds, and nothing older.
/// - Whoever asks again after `Unavailable` asks for the same: nothing is kept twice.
pub trait Keeper<P> {
    /// Begins a life.
    ///
    /// # Errors
    /// See [`KeepError`].
    fn mint(&mut self) -> Result<Life<P>, KeepError>;

    /// Makes a draft durable: which checkpoint of the stage it is.
    ///
    /// # Errors
    /// See [`KeepError`].
    fn keep(&mut self, draft: &Draft<P>) -> Result<u64, KeepError>;

    /// Whether this life may still keep something.
    ///
    /// # Errors
    /// See [`KeepError`].
    fn confirm(&mut self) -> Result<(), KeepError>;
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("it is under way"),
            Self::Unavailable => f.write_str("the store cannot be reached at this moment"),
            Self::Fenced { by } => write!(f, "incarnation {} took over", by.0),
            Self::Lost(bad) => write!(f, "what was acknowledged is lost: {bad}"),
            Self::TooLong => f.write_str("it does not fit"),
            Self::Closed => f.write_str("the store is gone, or damaged"),
        }
    }
}

impl core::error::Error for KeepError {}
