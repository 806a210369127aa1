//! What those who read know of the stream, and what they are told besides items.

use crate::frame::Broken;
use crate::layout::{At, Layout};
use crate::segment::{PeerFault, Phase, Position, Standing};
use crate::sync::Ordering;
use crate::view::View;
use core::hint;
use tidemill_seam::{Exchange, Life, Liveness, Region};

mod shared;

/// What comes next to somebody who reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<T> {
    /// An item.
    Item(T),
    /// The items from `from` to before `to` were overwritten before they were read. `to` comes next.
    Lagged {
        /// The first that is gone.
        from: Position,
        /// The first that is not.
        to: Position,
    },
    /// Another producer goes on from here. Nothing that was published is lost.
    Restarted {
        /// The generation that was heard last.
        old: u32,
        /// The generation from here on.
        new: u32,
    },
    /// Everything was read, and nothing will come unless somebody begins anew.
    Closed(End),
    /// This reader was too slow for its policy, and is out. Its next item would have been `at`.
    Evicted {
        /// Where it stopped.
        at: Position,
    },
    /// A word was found that its owner does not write (RL-18).
    Fault(PeerFault),
    /// A message that will never be delivered. It was passed: the next one comes next.
    Broken {
        /// Where that was seen.
        at: Position,
        /// Which message, and why.
        what: Broken,
    },
}

impl<T> Next<T> {
    /// The item, or whatever else it is, as news of any kind of item.
    ///
    /// # Errors
    /// What it is.
    pub fn item<O>(self) -> Result<T, Next<O>> {
        Err(match self {
            Self::Item(item) => return Ok(item),
            Self::Lagged { from, to } => Next::Lagged { from, to },
            Self::Restarted { old, new } => Next::Restarted { old, new },
            Self::Closed(end) => Next::Closed(end),
            Self::Evicted { at } => Next::Evicted { at },
            Self::Fault(fault) => Next::Fault(fault),
            Self::Broken { at, what } => Next::Broken { at, what },
        })
    }

    /// The same with what `f` makes of the item.
    pub fn map<O>(self, f: impl FnOnce(T) -> O) -> Next<O> {
        match self.item() {
            Ok(item) => Next::Item(f(item)),
            Err(news) => news,
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Its producer ended it.
    Finished,
    /// Its producer gave up, because somebody whom it needs did.
    Shut,
    /// Its producer was proved dead.
    Crashed,
}

/// How far somebody has read, and what it knows of the producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follow {
    /// The next position to read.
    pub(crate) next: u64,
    /// Positions below are published, and of the producer that we know.
    pub(crate) known: u64,
    /// The word of the state while the producer goes on that we know: of generation zero before the first.
    ours: u32,
    /// The word that shows with that one what waits, and most that can: nothing where several may produce, whose positions are
    /// pairs (G9), and that word again.
    shows: At,
    most: u32,
}

/// What two words show of what comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Glance {
    /// Items.
    Items,
    /// Nothing.
    Nothing,
    /// More has to be looked at.
    Ask,
}

impl Follow {
    pub(crate) fn new<R: Region>(view: &View<R>, next: u64) -> Self {
        let layout = view.layout();
        let (shows, most) =
            if view.shared() { (Layout::STATE, 0) } else { (layout.published, layout.spec().capacity) };
        let mut follow = Self { next, known: next, ours: 0, shows, most };
        follow.hear_of(view.standing().map_or(0, |standing| standing.generation));
        follow
    }

    /// Which producer we know: zero before the first.
    const fn generation(&self) -> u32 {
        Standing::generation_in(self.ours)
    }

    fn hear_of(&mut self, generation: u32) {
        self.ours = Standing { phase: Phase::Ready, generation }.encode();
    }

    /// Learns what was published: `next` where a low word is enough, because at most a ring of items waits.
    pub(crate) fn near<R: Region>(&mut self, view: &View<R>) -> Result<(), PeerFault> {
        let at = view.layout().published;
        // Acquire: pairs with the Release in `Producer::show` (RL-1).
        let low = view.load(at, Ordering::Acquire);
        let ahead = low.wrapping_sub(self.next as u32);
        let capacity = view.layout().spec().capacity;
        if ahead > capacity {
            let (least, most) =
                (u64::from(self.next as u32), u64::from(self.next as u32) + u64::from(capacity));
            let fault = (Layout::PRODUCER, u64::from(low), (least, most));
            return Err(PeerFault { slot: fault.0, word: at.0, value: fault.1, allowed: fault.2 });
        }
        self.known = self.next + u64::from(ahead);
        Ok(())
    }

    /// As `near`, for somebody who may lie any distance behind.
    pub(crate) fn far<R: Region>(&mut self, view: &View<R>) -> Result<(), PeerFault> {
        let at = view.layout().published;
        let published = view.position(at);
        if published < self.next {
            let allowed = (self.next, u64::MAX >> 1);
            return Err(PeerFault { slot: Layout::PRODUCER, word: at.0, value: published, allowed });
        }
        self.known = published;
        Ok(())
    }

    /// Learns what was published, where nothing else can have happened: the producer that we know goes on. What
    /// [`news`](Self::news) finds out with [`near`](Self::near), by two loads.
    #[inline]
    pub(crate) fn glance<R: Region>(&mut self, view: &View<R>) -> Glance {
        let next = self.next;
        let (glance, ahead) = self.ahead(view, next as u32);
        if glance == Glance::Items {
            self.known = next + u64::from(ahead);
        }
        glance
    }

    /// What is published from `next` on, and how much.
    #[inline]
    fn ahead<R: Region>(&self, view: &View<R>, next: u32) -> (Glance, u32) {
        // Acquire: pairs with the Release in `View::show` (RL-1). The state is looked at behind it: what another producer
        // published shows that it began.
        let ahead = view.load(self.shows, Ordering::Acquire).wrapping_sub(next);
        if ahead == 0 {
            hint::cold_path();
            let nothing = !view.shared() && self.goes_on(view);
            return (if nothing { Glance::Nothing } else { Glance::Ask }, 0);
        }
        // At most so many (RL-18).
        (if ahead <= self.most && self.goes_on(view) { Glance::Items } else { Glance::Ask }, ahead)
    }

    /// Whether the stream is that of the producer that we know, and did not end.
    #[inline]
    fn goes_on<R: Region>(&self, view: &View<R>) -> bool {
        // Acquire: as in `standing`.
        view.load(Layout::STATE, Ordering::Acquire) == self.ours
    }

    /// Whether another producer began, or the stream ended, at the next position. `look` is `near` or `far`.
    pub(crate) fn news<R: Region, T>(
        &mut self,
        view: &View<R>,
        look: fn(&mut Self, &View<R>) -> Result<(), PeerFault>,
    ) -> Option<Next<T>> {
        if let Err(fault) = look(self, view) {
            return Some(Next::Fault(fault));
        }
        let Some(standing) = view.standing() else {
            let word = u64::from(view.load(Layout::STATE, Ordering::Relaxed));
            let (slot, at) = (Layout::PRODUCER, Layout::STATE.0);
            return Some(Next::Fault(PeerFault {
                slot,
                word: at,
                value: word,
                allowed: (1, u64::from(u32::MAX)),
            }));
        };
        if standing.generation != self.generation() {
            let boundary = view.position(Layout::RESTART);
            if self.next < boundary {
                // First what the last one left, whom we may never have heard of.
                if self.generation() == 0 {
                    self.hear_of(standing.generation.saturating_sub(1));
                }
                self.known = self.known.min(boundary);
                return None;
            }
            let old = self.generation();
            self.hear_of(standing.generation);
            if old > 0 {
                return Some(Next::Restarted { old, new: standing.generation });
            }
        }
        let end = match standing.phase {
            Phase::Closed => End::Finished,
            Phase::Shut => End::Shut,
            Phase::Making | Phase::Ready => return None,
        };
        // Published before it closed: looked at once more, now that the close was seen.
        match look(self, view) {
            Err(fault) => Some(Next::Fault(fault)),
            Ok(()) => (self.next == self.known).then_some(Next::Closed(end)),
        }
    }

    /// Whether the producer is proved dead and everything that it published was read.
    pub(crate) fn crashed<R: Exchange, L: Liveness>(
        &self,
        view: &View<R>,
        live: &L,
        look: fn(&mut Self, &View<R>) -> Result<(), PeerFault>,
    ) -> bool {
        let Some(standing) = view.standing().filter(|standing| standing.phase == Phase::Ready) else {
            return false;
        };
        let dead = standing.generation > 0
            && live.probe(Layout::PRODUCER, standing.generation) == Life::Dead
            && view.standing() == Some(standing);
        // Looked at after the proof: no later store of the dead one reaches us (RL-8).
        let mut seen = *self;
        dead && look(&mut seen, view).is_ok() && seen.next == seen.known
    }
}
