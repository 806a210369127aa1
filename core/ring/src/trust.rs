//! Items and messages seen and written where they lie, by who believes those that share the region.
//!
//! ```text
//!  Trusting<Consumer<E>>          &E  │ held until it is acknowledged: the cursor stays, so the gate does,
//!  Trusting<VarConsumer>       &[u8]  │ so nobody is granted the slot                                    (RL-2)
//!  Trusting<FrameConsumer>     &[u8]  │ where a message is one part; more of them are put together in memory
//!  Trusting<Producer<E>>      &mut E  │ granted, and not shown before it is committed                    (RL-1)
//!  Trusting<VarProducer>   &mut [u8]  │
//!  Trusting<FrameProducer> &mut [u8]  │ for each part
//! ```
//! Everything else in this crate copies, word by word and by atomics: a peer that keeps no law costs wrong bytes there, and
//! nothing worse. A reference is another matter. Behind a shared one nobody may write, and an exclusive one is nobody else's
//! to look through; a store of a hostile peer there is undefined behaviour of *this* process, whatever is checked. The laws
//! forbid such stores, and hold only as far as those that can write to the region keep them. So whoever makes a
//! [`Trusting`] says `unsafe` once, and has to know that. Who does not copies (RL-18): the same halves, unwrapped.
//!
//! # Why it is sound among those who keep the laws
//! - A slot is written between the grant and the publication only. Room is granted below the least cursor plus capacity
//!   (RL-2), and the cursor of a consumer moves when it says so, or once it is proved dead (RL-8). Until then what it saw
//!   stays.
//! - What was written is ordered before what is seen by `published` or a commit word (RL-1), and what was seen before what is
//!   written there next by the cursor: so none of these accesses race, atomic or not.
//! - Who may be overtaken reads what may be written meanwhile (RL-5). Beside a producer that writes in place that would be a
//!   race, so its ring admits nobody of that kind.
//!
//! Refuses: elements that would not be aligned where they lie, and a producer whose ring admits who copies.

use crate::consumer::Consumer;
use crate::element::Plain;
use crate::frame::{Messages, VarProducer};
use crate::producer::Producer;
use crate::table::{Policies, Policy};
use crate::view::View;
use core::fmt;
use tidemill_seam::{Duration, Exchange, Lend, Liveness};

mod items;
mod loans;
mod managed;
mod messages;
mod parts;

pub use items::Seen;
pub use loans::{Loan, RunLoan};
pub use messages::SeenMessage;
pub use parts::FrameLoan;

/// A half whose items are seen and written where they lie.
#[derive(Debug)]
pub struct Trusting<S>(S);

/// Nothing can be seen or written in place through this half, which comes back.
pub struct Unfit<S> {
    /// The half.
    pub half: S,
    /// Why.
    pub why: NotInPlace,
}

/// Why something cannot be seen or written where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotInPlace {
    /// Its slots do not begin on multiples of what its elements need, at this address.
    Misaligned {
        /// Bytes of whose multiple they would have to begin.
        need: usize,
    },
    /// The ring admits participants that read what may be overwritten.
    Overtaken,
}

/// A half that may be wrapped.
pub trait Half {
    /// Whether what lies behind it can be seen or written in place.
    ///
    /// # Errors
    /// [`NotInPlace`].
    fn fits(&self) -> Result<(), NotInPlace>;
}

impl<S: Half> Trusting<S> {
    /// The same half, for whoever believes those that share the region.
    ///
    /// # Errors
    /// [`Unfit`] with the half.
    ///
    /// # Safety
    /// Until this half is gone, whoever can write to the region, in this process or in another, keeps the laws of this crate:
    /// it writes through its halves only, believes in nobody's death without proof, and nobody writes into the region's words
    /// besides. Beside a producer nobody copies items out of the region who is no consumer: no onlooker, no doctor.
    pub unsafe fn new(half: S) -> Result<Self, Unfit<S>> {
        match half.fits() {
            Ok(()) => Ok(Self(half)),
            Err(why) => Err(Unfit { half, why }),
        }
    }
}

impl<S> Trusting<S> {
    /// The half. Not to be replaced by another, which nobody trusted.
    pub const fn half(&self) -> &S {
        &self.0
    }

    /// Back to the half, which copies.
    pub fn into_raw(self) -> S {
        self.0
    }
}

fn aligned<R: Lend>(view: &View<R>, need: usize) -> Result<(), NotInPlace> {
    if view.is_aligned(need) { Ok(()) } else { Err(NotInPlace::Misaligned { need }) }
}

/// Whether everybody in the ring is waited for.
fn gates(policies: Policies) -> Result<(), NotInPlace> {
    let after = Duration::ZERO;
    let overtaken = policies.allow(Policy::Lossy) || policies.allow(Policy::Evict { after });
    if overtaken { Err(NotInPlace::Overtaken) } else { Ok(()) }
}

impl<E: Plain, R: Exchange + Lend, L: Liveness> Half for Consumer<E, R, L> {
    fn fits(&self) -> Result<(), NotInPlace> {
        aligned(self.view(), align_of::<E>())
    }
}

impl<F, E: Plain, R: Exchange + Lend, L: Liveness> Half for Messages<F, Consumer<E, R, L>> {
    /// Bytes lie anywhere.
    fn fits(&self) -> Result<(), NotInPlace> {
        Ok(())
    }
}

impl<E: Plain, R: Exchange + Lend, L: Liveness> Half for Producer<E, R, L> {
    fn fits(&self) -> Result<(), NotInPlace> {
        aligned(self.view(), align_of::<E>())?;
        gates(self.view().layout().spec().policies)
    }
}

impl<const G: usize, R: Exchange + Lend, L: Liveness> Half for VarProducer<G, R, L> {
    fn fits(&self) -> Result<(), NotInPlace> {
        gates(self.policies())
    }
}

impl fmt::Display for NotInPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { need } => write!(f, "slots do not begin on multiples of {need} bytes here"),
            Self::Overtaken => f.write_str("the ring admits who reads what may be overwritten"),
        }
    }
}

impl<S> fmt::Display for Unfit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.why, f)
    }
}

/// Without the half, which may be anything.
impl<S> fmt::Debug for Unfit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfit").field("why", &self.why).finish_non_exhaustive()
    }
}

impl core::error::Error for NotInPlace {}
impl<S> core::error::Error for Unfit<S> {}
