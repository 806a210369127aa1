//! Messages of any length over slots of one length: parts, and how they become messages again.
//!
//! ```text
//!  payload ──split──▶ part 0 of 3 │ part 1 of 3 │ part 2 of 3 ──▶ slots ──▶ Assembler ──▶ the whole payload, or Broken
//!                     header: 16 bytes beside each part, never among its bytes
//! ```
//! Pure: nothing here touches a ring. [`split`] borrows the payload, the [`Assembler`] brings its own memory or is
//! given it, and a message of one part is never copied.
//!
//! # Laws
//! - **RL-14** *Parts.* Each part carries index, count and message id; state is kept per owner. A new first part, a restart
//!   or a void ends the open message as [`Broken`]; a part without its first is `Broken`, once a message; a short
//!   message is never delivered. Whatever is fed is consumed: no bytes stop the next message.
//! - **RL-18** *Foreign words.* A header is checked before anything in it is used; a lie is a [`Cause`], never a panic.

mod assembler;
mod fixed;
mod meta;
mod sizes;
mod split;

pub use assembler::{Assembler, Broken, Cause, Fed, Message, Owners};
pub use fixed::{Fixed, Lie};
pub use meta::{Meta, Stamp};
pub use sizes::{SizeClasses, SizesError};
pub use split::{Part, Parts, TooLarge, split};

#[cfg(test)]
mod tests;
