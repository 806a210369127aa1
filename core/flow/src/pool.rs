//! Memory for messages: slots with one allocator, and tokens that own a share of one slot.
//!
//! A pool has one *home*, which alone hands slots out and takes them in, and a number of *lanes*, on which everybody
//! else sends them back. Each word has one writer, so nothing here needs a compare-and-swap, there is no shared free
//! list, and the cost of an operation does not depend on how full the pool is.
//!
//! # Laws
//! - **M1** What was stored is read; the manager sets bytes and class.
//! - **M2** Exactly `N` fit.
//! - **M3** Freed slots are used again.
//! - **M4** A handle that has outlived its slot is [`Stale`](Misuse::Stale).
//! - **M5** A double return is refused, the slot intact.
//! - **M6** A token of another pool is [`Foreign`](Misuse::Foreign).
//! - **M7** An aborted loan leaves no trace.
//! - **M8** Each payload is dropped once, also with the pool.
//! - **M9** Available + live = capacity, from any thread.
//! - **M10** The number of words touched does not depend on the fill.
//! - **M11** Editing asks for the full weight.
//! - **M12** Any order of return of any split frees once, after the last.
//! - **M13** Giving back neither fails nor blocks.
//! - **M14** The class is true.
//! - **M16** A panicking writer aborts its loan.

mod home;
mod lane;
mod manager;
mod slot;
mod statics;
mod token;

pub use home::{Home, Lease, Loan};
pub use lane::Returns;
pub use manager::{Manager, Misuse, Refused};
pub use statics::{StaticPool, Taken};
pub use token::{FULL_WEIGHT, RawToken, Token};

pub(crate) use slot::{Pool, Slot, holds};
