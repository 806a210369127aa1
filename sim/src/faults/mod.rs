//! Faults: ordinary code that looks at what is about to happen and gives a verdict.
//!
//! A [`Fault`] is a closure over an [`Occasion`], or one of the ready-made ones: [`kill`], [`pause`], [`isolate`],
//! [`partition`], [`clock_step`], [`clock_rate`], [`loss`], [`delay`], [`duplicate`], [`corrupt`]. It has a name, a time
//! ([`Fault::once`], [`Fault::times`], [`Fault::at`], [`Fault::between`], [`Fault::every`], [`Fault::often`]), and counts
//! how often it fired, changed what happened, and was refused by the [budget](Placement). [`Sim::install`] gives a guard
//! that removes it when dropped.
//!
//! Every fault decides by a stream of its own, `fault/NAME`: adding one moves no decision of another, and 0 is no fault.
//! A world without faults never looks at any of this but for one flag where a datagram is sent and one where a process
//! takes an event.

mod heal;
mod install;
mod judge;
mod layout;
mod placement;
mod ready;
mod scenario;
mod stock;
mod strike;
mod swarm;
mod whims;

pub use heal::Phase;
pub use install::FaultCounts;
pub use layout::Layout;
pub use placement::{Keeps, Placement};
pub use ready::{clock_rate, clock_step, corrupt, delay, duplicate, isolate, kill, loss, partition, pause};
pub use scenario::{Lived, Load, Scenario};
pub use swarm::{Family, Swarm};
pub use whims::SimBuggify;

pub(crate) use install::Faults;
pub(crate) use judge::{FILTER, Judged};
pub(crate) use whims::Whims;

use std::fmt;

use tidemill_seam::{Duration, Instant};

use crate::choice::Rate;
use crate::machine::ProcessId;
use crate::net::{Datagram, Verdict};
use crate::streams::{Choices, StreamId};

/// What a fault may interfere with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Occasion<'a> {
    /// A datagram is sent. [`Verdict::Crash`] and [`Verdict::Pause`] hit its sender: it is not sent, and the sender
    /// ends with the present event, or rests after it.
    Send(Datagram<'a>),
    /// A process is about to take an event. [`Verdict::Crash`] kills it before it does, [`Verdict::Pause`] and
    /// [`Verdict::Delay`] make the event wait. The other verdicts concern datagrams only and pass everything else.
    Take {
        /// Virtual time.
        at: Instant,
        /// Who.
        process: ProcessId,
        /// What.
        event: Taken,
    },
}

/// The event that a process is about to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Its start, or restart.
    Start,
    /// A datagram.
    Datagram,
    /// A timer fell due.
    Timer {
        /// What the timer was set with.
        token: u64,
    },
    /// It was notified.
    Notified,
}

/// The decisions of one fault.
#[derive(Debug)]
pub struct Dice<'a> {
    pub(crate) choices: &'a mut Choices,
    pub(crate) stream: StreamId,
}

impl Dice<'_> {
    /// Decides, below `n`; a single possibility draws nothing.
    ///
    /// # Panics
    /// If `n` is zero: there is nothing to choose from.
    pub fn choose(&mut self, kind: &'static str, n: u64) -> u64 {
        self.choices.choose_by(self.stream, kind, n)
    }

    /// Decides whether something happens; never and always draw nothing.
    pub fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        self.choices.chance_by(self.stream, kind, rate)
    }

    /// A number from 1 to 2^`bits` − 1 whose logarithm is uniform, in whole numbers only and so the same everywhere; 0
    /// with the probability of one magnitude.
    pub fn magnitude(&mut self, magnitude: &'static str, within: &'static str, bits: u32) -> u64 {
        match self.choose(magnitude, u64::from(bits) + 1) {
            0 => 0,
            bit => (1 << (bit - 1)) + self.choose(within, 1 << (bit - 1)),
        }
    }
}

/// What decides over an occasion.
pub(crate) type Judge = Box<dyn FnMut(&Occasion<'_>, &mut Dice<'_>) -> Verdict>;

/// When a ready-made fault strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// So many times, each after a number of events of its targets that is drawn anew.
    Events { times: u64 },
    /// At an instant of virtual time.
    At(Instant),
    /// Once, at an instant drawn from a window.
    Between(Instant, Instant),
    /// Again and again.
    Every(Duration),
    /// At one in so many events of its targets, on the average.
    Often(u64),
}

/// What a fault does.
pub(crate) enum Deed {
    Kill,
    Pause,
    /// Cuts machines off from all others.
    Isolate,
    /// Cuts one target off from the other, in one direction or both.
    Cut {
        one_way: bool,
    },
    ClockStep(Duration),
    ClockRate(i32),
    Judge(Judge),
}

/// How long the consequence of a fault lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lasts {
    /// Until the world is healed.
    Heal,
    /// So long.
    For(Duration),
    /// From a millisecond to a second, drawn by magnitude.
    Drawn,
}

/// A fault that may be installed. Dropping it does nothing.
#[must_use = "a fault does nothing until it is installed"]
pub struct Fault {
    pub(crate) name: String,
    pub(crate) targets: Vec<String>,
    pub(crate) deed: Deed,
    pub(crate) when: When,
    pub(crate) lasts: Lasts,
}

impl Fault {
    /// A fault of one's own: a closure that looks at every occasion. The first fault that does not pass decides.
    ///
    /// ```
    /// use tidemill_sim::{Fault, Occasion, Rate, Sim, Verdict};
    /// let mut sim: Sim = Sim::new(1);
    /// let fault = Fault::new("short-ones-get-lost", |occasion, dice| match occasion {
    ///     Occasion::Send(datagram) if datagram.bytes.len() < 4 && dice.chance("lost", Rate::percent(50)) => {
    ///         Verdict::Drop
    ///     }
    ///     _ => Verdict::Pass,
    /// });
    /// let guard = sim.install(fault);
    /// # drop(guard);
    /// ```
    pub fn new(name: &str, judge: impl FnMut(&Occasion<'_>, &mut Dice<'_>) -> Verdict + 'static) -> Self {
        Self::ready(name.to_owned(), Vec::new(), Deed::Judge(Box::new(judge)))
    }

    pub(crate) fn ready(name: String, targets: Vec<String>, deed: Deed) -> Self {
        let lasts = match deed {
            Deed::Kill => Lasts::Heal,
            _ => Lasts::Drawn,
        };
        Self { name, targets, deed, when: When::Events { times: 1 }, lasts }
    }

    /// The consequence lasts for a while that is drawn, by magnitude, from a millisecond to a second.
    pub(crate) fn drawn(self) -> Self {
        Self { lasts: Lasts::Drawn, ..self }
    }

    /// It is called `name` instead.
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// It strikes once, after a number of events of its targets that is drawn by magnitude, from one to thousands; 0 is
    /// never. What a fault does if nothing else is said.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// It strikes so many times, each time after a number of events of its targets that is drawn by magnitude.
    pub fn times(self, times: u64) -> Self {
        Self { when: When::Events { times }, ..self }
    }

    /// It strikes at an instant of virtual time.
    pub fn at(self, at: Instant) -> Self {
        Self { when: When::At(at), ..self }
    }

    /// It strikes once, at an instant drawn from a window of virtual time: `from` is in it, `to` is not.
    pub fn between(self, from: Instant, to: Instant) -> Self {
        Self { when: When::Between(from, to), ..self }
    }

    /// It strikes again and again, `span` of virtual time apart.
    pub fn every(self, span: Duration) -> Self {
        Self { when: When::Every(span), ..self }
    }

    /// It strikes at one in `events` events of its targets, on the average.
    pub fn often(self, events: u64) -> Self {
        Self { when: When::Often(events.max(1)), ..self }
    }

    /// Who was killed starts again after `span`.
    pub fn restart_after(self, span: Duration) -> Self {
        self.lasting(span)
    }

    /// The consequence ends after `span`: who was killed starts again, who was paused runs on, what was cut is joined,
    /// a clock keeps time again. Nothing undoes a step of a clock.
    pub fn lasting(self, span: Duration) -> Self {
        Self { lasts: Lasts::For(span), ..self }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("name", &self.name).field("when", &self.when).finish_non_exhaustive()
    }
}
