//! Messages of any length over slots of one length, and how they become messages again.
//!
//! ```text
//!  payload ──split──▶ part 0 of 3 │ part 1 of 3 │ part 2 of 3 ──▶ Fixed<N> slots ──▶ Assembler ──▶ the whole payload, or Broken
//!                     header: 16 bytes beside each part, never among its bytes
//!  payload ──────────▶ one run of granules ──▶ Var<G> slots, told apart by the index ──▶ the whole payload, or Broken
//! ```
//! Two forms over a segment, each with a producer, a consumer that is waited for and a reader that may be overtaken:
//! - [`FrameProducer`], [`FrameConsumer`], [`FrameReader`] over slots of [`Fixed<N>`](Fixed): parts, all granted and shown together.
//! - [`VarProducer`], [`VarConsumer`], [`VarReader`] over granules of [`Var<G>`](Var): each message in one run.
//!
//! Where several produce, [`MultiFrameProducer`] and [`MultiVarProducer`] publish to the same consumers and readers. All of a message
//! is claimed by one exchange (RL-11) and settles from its end on: its slots are neighbours, whoever else publishes, and it is seen
//! whole or not at all, whoever dies. So one message at a time is kept, with whose it is: its number counts among those of that owner
//! only, and a slot of another owner, one that was given up or one that is void ends it.
//!
//! The pieces beneath are pure: [`split`] borrows the payload, the [`Assembler`] brings its own memory or is given it, and a
//! message of one part is never assembled.
//!
//! # Laws
//! - **RL-13** *Commit words live in the index.* See [`index`](crate::index).
//! - **RL-14** *Parts.* Each part carries index, count and message id; state is kept per owner. A new first part, a restart
//!   or a void ends the open message as [`Broken`]; a part without its first is `Broken`, once a message; a short
//!   message is never delivered. Whatever is fed is consumed: no bytes stop the next message.
//! - **RL-15** *Refusal.* A message is published whole or not at all; one that never fits is refused at once.
//! - **RL-18** *Foreign words.* A header is checked before anything in it is used; a lie is a [`Cause`], never a panic.

mod assembler;
mod filling;
mod fixed;
mod gather;
mod lent;
mod managed;
mod memory;
mod messages;
mod meta;
mod onlooker;
mod parts;
mod patient;
mod producer;
mod received;
mod several;
mod sizes;
mod split;
mod var;

pub use assembler::{Assembler, Broken, Cause, Fed, Message, Owners};
pub use fixed::{Fixed, Lie};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use memory::Memory;
pub use memory::Room;
pub use messages::Messages;
pub use meta::{Meta, Stamp};
pub use parts::{FrameConsumer, FrameReader};
pub use patient::{PatientSink, PatientSource};
pub use producer::{FrameGrant, FrameProducer, Unfilled};
pub use received::Received;
pub use several::{MultiFrameGrant, MultiFrameProducer};
pub use sizes::{SizeClasses, SizesError};
pub use split::{Part, Parts, TooLarge, split};
pub use var::{
    Begins, MultiVarGrant, MultiVarProducer, Run, Runs, Var, VarConsumer, VarGrant, VarProducer, VarReader,
};

pub(crate) use gather::Hand;
pub(crate) use lent::Lent;
pub(crate) use managed::Roomy;
pub(crate) use producer::Places;

use crate::codec::CodecId;
use crate::follow::Next;
use crate::producer::Refused;
use crate::segment::Position;

/// Where messages go.
pub trait Sink {
    /// Publishes a payload whole. Gives where it begins.
    ///
    /// # Errors
    /// [`Refused`]; [`Why::TooLarge`](crate::Why::TooLarge) counts bytes.
    fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>>;

    /// Bytes of the longest message.
    fn payload_max(&self) -> usize;

    /// Which codec the ring was made for.
    fn codec(&self) -> CodecId;
}

/// Where messages go that are written where they will lie.
pub trait TryFill: Sink {
    /// Bytes of the longest room.
    fn room_max(&self) -> usize {
        self.payload_max()
    }

    /// Publishes what `fill` writes into room for `len` bytes: as many as it says, or nothing where it fails. A refused
    /// closure did not run.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_publish`](Sink::try_publish); within, what `fill` fails with.
    fn try_fill<X>(
        &mut self,
        len: usize,
        kind: u8,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, X>,
    ) -> Result<Result<Position, X>, Refused<()>>;
}

/// Where messages come from.
pub trait Source {
    /// Shows the next message to `each`, where that is what comes next; it is taken then.
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>>;

    /// Which codec the ring was made for.
    fn codec(&self) -> CodecId;
}

/// Hands up to `limit` messages to `each`. Gives their number, and what else was heard, behind them.
pub(crate) fn poll<S: Source>(
    source: &mut S,
    limit: u32,
    mut each: impl FnMut(Message<'_>, Position),
) -> (u32, Option<Next<()>>) {
    let mut count = 0;
    while count < limit {
        match source.hear(&mut each) {
            Some(Next::Item(())) => count += 1,
            other => return (count, other),
        }
    }
    (count, None)
}

#[cfg(test)]
mod tests;
