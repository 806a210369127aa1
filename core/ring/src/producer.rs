//! The one who publishes. Refuses what does not fit, and says whom it waits for.

use crate::coordinate::{self, Held};
use crate::element::Plain;
use crate::gate::{Gate, Scan};
use crate::header::{Field, Incompatible};
use crate::journal::Kind;
use crate::layout::Layout;
use crate::required::RequiredError;
use crate::segment::{PeerFault, Phase, Position, Segment, Standing};
use crate::sync::Ordering;
use crate::table::{Identity, State};
use crate::view::View;
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use tidemill_seam::{Exchange, Life, Liveness};

mod begin;
mod clear;
mod grant;
mod layered;
mod managed;
mod patient;
mod tend;
mod wait;

pub use begin::Startup;
pub use grant::Grant;
pub use managed::{Deaf, Managed};
pub use tend::Tended;

pub(crate) use layered::Layered;
pub(crate) use patient::{Patient, wait_for_room, wait_until};
pub(crate) use tend::{Tender, Waiting};

/// Nothing was published: what was to be comes back, with the reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused<T> {
    /// What was not taken.
    pub item: T,
    /// Why.
    pub why: Why,
}

/// Why a publication is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// There is no room, and will be once that participant moves.
    Full {
        /// Its slot; the claim of a producer among several for whose item everybody waits, or that keeps what there is for
        /// consumers that are still to come; or [`Layout::PRODUCER`] where others
        /// were faster every time.
        by: u32,
        /// Slots that are missing.
        missing: u32,
    },
    /// There never will be room for so many at once.
    TooLarge {
        /// How many there can be: items, or bytes where messages are published.
        max: u32,
    },
    /// A participant that must not stall has stalled or died (`Policy::Fail`).
    Failed {
        /// Its slot.
        by: u32,
    },
    /// It begins with consumers that are not there yet, or did not come in time.
    Held(Held),
    /// A consumer that it cannot do without is missing.
    Required(RequiredError),
    /// The wait for room was cancelled.
    Cancelled,
}

/// Why nobody produces through this handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The slots hold something else.
    Incompatible(Incompatible),
    /// Somebody else produces, or cannot be proved dead.
    Taken {
        /// In which generation.
        generation: u32,
        /// Who that is.
        who: Identity,
    },
    /// As many produce as may at a time, or cannot be proved dead.
    Crowded {
        /// How many that is.
        producers: u32,
    },
    /// A word was found that no producer writes (RL-18).
    Fault(PeerFault),
}

/// The half that publishes items of `E`. One at a time, and only under its claim.
///
/// Dropping it ends the stream ([`Phase::Closed`]); [`hand_over`](Self::hand_over) leaves it open for the next one.
pub struct Producer<E: Plain, R: Exchange, L: Liveness> {
    view: View<R>,
    live: L,
    standing: Standing,
    next: u64,
    /// The first position without room, as far as is known.
    limit: u64,
    gate: Gate,
    waiting: Waiting,
    start: coordinate::Start,
    wait: Wait,
    /// Slots whose dead are somebody else's to let go.
    spared: u64,
    item: PhantomData<fn(E)>,
}

impl Why {
    /// Whether waiting may help.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Full { .. } | Self::Held(Held::Awaiting { .. }))
    }
}

impl<R: Exchange> Segment<R> {
    /// Produces here, from the first position that was not published: the first ever, or after one that closed or is proved
    /// dead (RL-8, RL-10).
    ///
    /// # Errors
    /// [`OpenError`]: other elements, or another producer.
    pub fn producer<E: Plain, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<Producer<E, R, L>, OpenError> {
        self.holds::<E>().map_err(OpenError::Incompatible)?;
        let producers = u64::from(self.view.layout().spec().producers);
        Incompatible::unless(Field::Producers, producers, 1).map_err(OpenError::Incompatible)?;
        Producer::open(self.view, live, who)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    fn open(view: View<R>, live: L, who: Identity) -> Result<Self, OpenError> {
        // Acquire: pairs with the Release of whoever made the segment, or closed it.
        let word = view.load(Layout::STATE, Ordering::Acquire);
        let foreign = PeerFault {
            slot: Layout::PRODUCER,
            word: Layout::STATE.0,
            value: u64::from(word),
            allowed: (2, u64::from(u32::MAX)),
        };
        let seen = Standing::decode(word).filter(|seen| seen.phase != Phase::Making);
        let seen = seen.ok_or(OpenError::Fault(foreign))?;
        let taken =
            |view: &View<R>| OpenError::Taken { generation: seen.generation, who: view.producer_who() };
        if seen.generation > 0 && live.probe(Layout::PRODUCER, seen.generation) != Life::Dead {
            return Err(taken(&view));
        }
        let standing = Standing { phase: Phase::Ready, generation: seen.next_generation() };
        if live.claim(Layout::PRODUCER, standing.generation).is_err() {
            return Err(taken(&view));
        }
        match begin(&view, (word, standing), who) {
            Ok(Some(next)) => {
                let gate = Gate::open(&view, next);
                let limit = gate.limit(&view);
                view.foresee(view.layout().published, next, limit);
                let (waiting, wait) = (Waiting::default(), view.usual_wait());
                let start = coordinate::Start::AT_ONCE;
                Ok(Self {
                    view,
                    live,
                    standing,
                    next,
                    limit,
                    gate,
                    waiting,
                    start,
                    wait,
                    spared: 0,
                    item: PhantomData,
                })
            }
            lost => {
                live.release(Layout::PRODUCER, standing.generation);
                Err(lost.err().map_or_else(|| taken(&view), OpenError::Fault))
            }
        }
    }

    /// Slots of the ring.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.view.layout().spec().capacity
    }

    /// Most items that one batch may have: what the history leaves of the capacity.
    #[inline]
    pub fn batch_max(&self) -> u32 {
        self.capacity() - self.view.layout().spec().history
    }

    /// The position of the next item.
    #[inline]
    pub fn published(&self) -> Position {
        Position(self.next)
    }

    /// The oldest position that is surely intact.
    #[inline]
    pub fn gate(&self) -> Position {
        Position(self.gate.position)
    }

    /// Which producer of this segment this is, counted from one.
    pub fn generation(&self) -> u32 {
        self.standing.generation
    }

    pub(crate) fn view(&self) -> &View<R> {
        &self.view
    }

    /// Publishes `item`.
    ///
    /// # Errors
    /// [`Refused`] with the item. Asks nobody whether it lives: see [`tend`](Self::tend).
    #[inline]
    pub fn try_push(&mut self, item: E) -> Result<Position, Refused<E>> {
        if self.next >= self.limit
            && let Err(why) = self.make_room(1)
        {
            return Err(Refused { item, why });
        }
        let position = self.next;
        self.view.publish(position, &item);
        self.next = position + 1;
        self.view.rouse_readers();
        Ok(Position(position))
    }

    /// Publishes what `make` gives for its position. A refused closure did not run.
    ///
    /// # Errors
    /// [`Refused`] with the closure.
    #[inline]
    pub fn try_publish<F: FnOnce(Position) -> E>(&mut self, make: F) -> Result<Position, Refused<F>> {
        if self.next >= self.limit
            && let Err(why) = self.make_room(1)
        {
            return Err(Refused { item: make, why });
        }
        let position = self.next;
        self.view.publish(position, &make(Position(position)));
        self.next = position + 1;
        self.view.rouse_readers();
        Ok(Position(position))
    }

    /// Publishes `n` items at once, as `make` gives them: all, or none where it is refused or `make` panics. Gives the
    /// position of the first.
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run. More than [`batch_max`](Self::batch_max) is refused at once.
    #[inline]
    pub fn try_batch<F: FnMut(Position) -> E>(
        &mut self,
        n: u32,
        mut make: F,
    ) -> Result<Position, Refused<F>> {
        let (first, end) = match self.grant(n) {
            Ok(Grant { at, end, .. }) => (at, end),
            Err(Refused { why, .. }) => return Err(Refused { item: make, why }),
        };
        let mut at = first;
        while at < end {
            at = self.view.put_run(at, end, |at| make(Position(at)));
        }
        if first < end {
            self.show(first, end);
        }
        Ok(Position(first))
    }

    /// Room for `n` items, to be filled and shown at once. Dropping it shows nothing.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_batch`](Self::try_batch).
    pub fn grant(&mut self, n: u32) -> Result<Grant<'_, E, R, L>, Refused<()>> {
        let refuse = |why| Err(Refused { item: (), why });
        if n > self.batch_max() {
            return refuse(Why::TooLarge { max: self.batch_max() });
        }
        if self.next + u64::from(n) > self.limit
            && let Err(why) = self.make_room(n)
        {
            return refuse(why);
        }
        let end = self.next + u64::from(n);
        Ok(Grant { at: self.next, end, producer: self })
    }

    /// Whether everybody who gates has taken what lies below `position`.
    pub fn is_consumed(&self, position: Position) -> bool {
        let scan = self.view.scan(self.gate.position, self.next);
        scan.least.is_none_or(|least| position.0 <= least)
    }

    /// Participants that read, those whose place is kept included.
    pub fn participants(&self) -> u32 {
        let reads = |slot: &u32| {
            let state = self.view.ctl(*slot).map(|ctl| ctl.state);
            matches!(state, Some(State::Live | State::Held))
        };
        self.view.slots().filter(reads).count() as u32
    }

    /// Ends the stream: consumers drain what was published, then hear of it.
    pub fn close(mut self) {
        self.end(Phase::Closed);
    }

    /// Ends the stream because somebody who is needed is missing.
    pub fn shut_down(mut self) {
        self.end(Phase::Shut);
    }

    /// Goes, and leaves the stream open for the next producer.
    pub fn hand_over(mut self) {
        self.live.release(Layout::PRODUCER, self.standing.generation);
        self.standing.phase = Phase::Closed;
    }

    fn end(&mut self, phase: Phase) {
        let word = Standing { phase, ..self.standing }.encode();
        // The exchange releases: pairs with the Acquire in `standing`; the last publication is visible with it. It fails
        // only where a word stands that we did not write.
        if self.view.exchange(Layout::STATE, self.standing.encode(), word).is_ok() {
            self.view.note(Kind::Closed, Layout::PRODUCER, self.standing.generation, self.next);
            self.view.rouse_readers();
        }
        self.live.release(Layout::PRODUCER, self.standing.generation);
        self.standing.phase = phase;
        self.limit = 0;
    }

    /// Shows everything below `to`, from the next position on.
    #[inline]
    fn show(&mut self, next: u64, to: u64) {
        debug_assert_eq!(next, self.next, "what was filled is not what comes next");
        // Its Release pairs with the Acquire of `published` in consumers and readers (RL-1).
        self.view.show(self.view.layout().published, to);
        self.next = to;
        self.view.rouse_readers();
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, n: u32) -> Result<(), Why> {
        let end = self.next + u64::from(n);
        let held = self.begin(None, end);
        let scan = self.look();
        if end <= self.limit {
            return Ok(());
        }
        if let Some(held) = held {
            return Err(Why::Held(held));
        }
        let at = scan.least.unwrap_or(self.gate.position);
        self.waiting.refused(self.next, end);
        if self.waiting.has_failed(scan.slot, at) {
            return Err(Why::Failed { by: scan.slot });
        }
        Err(Why::Full { by: scan.slot, missing: (end - self.limit) as u32 })
    }

    fn look(&mut self) -> Scan {
        let scan = self.gate.rescan(&self.view, self.next);
        self.find_room();
        scan
    }

    /// Finds out up to where there is room, as far as is known.
    fn find_room(&mut self) {
        self.limit = self.gate.limit(&self.view).min(self.start.ceiling());
        self.view.foresee(self.view.layout().published, self.next, self.limit);
    }
}

/// Takes over: gives where to go on. `None` where somebody else was faster.
fn begin<R: Exchange>(
    view: &View<R>,
    (word, standing): (u32, Standing),
    who: Identity,
) -> Result<Option<u64>, PeerFault> {
    let layout = view.layout();
    let (gate, next) = (view.position(layout.gate), view.position(layout.published));
    let most = gate.saturating_add(u64::from(layout.spec().capacity));
    if !(gate..=most).contains(&next) {
        let (slot, word) = (Layout::PRODUCER, layout.published.0);
        return Err(PeerFault { slot, word, value: next, allowed: (gate, most) });
    }
    view.write(Layout::PRODUCER_WHO, &who.encode());
    view.set(Layout::RESTART, next);
    // The exchange releases: pairs with the Acquire in `standing`; who sees the generation sees where it began.
    if view.exchange(Layout::STATE, word, standing.encode()).is_err() {
        return Ok(None);
    }
    view.note(Kind::Opened, Layout::PRODUCER, standing.generation, next);
    view.rouse_readers();
    Ok(Some(next))
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Producer<E, R, L> {
    fn drop(&mut self) {
        if self.standing.phase == Phase::Ready {
            self.end(Phase::Closed);
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Producer<E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("generation", &self.standing.generation)
            .field("next", &self.next)
            .field("gate", &self.gate.position)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { by, missing } => {
                write!(f, "slot {by} has not moved, and {missing} slots are missing")
            }
            Self::TooLarge { max } => write!(f, "no more than {max} fit at once"),
            Self::Failed { by } => write!(f, "slot {by} must not stall, and did"),
            Self::Held(held) => fmt::Display::fmt(held, f),
            Self::Required(error) => fmt::Display::fmt(error, f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.why, f)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incompatible(error) => fmt::Display::fmt(error, f),
            Self::Taken { generation, who } => {
                write!(f, "process {} produces here, in generation {generation}", who.process)
            }
            Self::Crowded { producers } => write!(f, "all {producers} places of producers are taken"),
            Self::Fault(fault) => fmt::Display::fmt(fault, f),
        }
    }
}

/// Without the item, which may be a closure.
impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<T> core::error::Error for Refused<T> {}
impl core::error::Error for OpenError {}
