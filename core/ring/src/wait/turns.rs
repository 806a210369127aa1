use super::{Ended, PROBE_DEFAULT, Pause, Until, Wait};
use tidemill_seam::{Clock, Duration, Instant};

/// Turns without a look at the clock, while nothing sleeps: a clock costs more than a turn.
const CLOCK_EVERY: u32 = 64;

/// What a world lends to whoever waits, besides the time. Any of it may come back early.
pub trait Idle: Clock {
    /// Lets others run.
    fn yield_now(&self);

    /// Sleeps until `until`.
    fn sleep(&self, until: Instant);

    /// The longest slice of one sleep of who reads: more than a probe only in a world where deaths are [noticed](Self::noticed).
    fn slice(&self) -> Duration {
        PROBE_DEFAULT
    }

    /// Whether a death was noticed since [`asks`](Self::asks): who waits then asks at once who lives, and does not sleep
    /// before. So that none is missed, it is noticed here first and the sleepers are woken then.
    #[inline]
    fn noticed(&self) -> bool {
        false
    }

    /// Who waits asks who lives, from now on.
    #[inline]
    fn asks(&self) {}
}

impl<I: Idle + ?Sized> Idle for &I {
    fn yield_now(&self) {
        (**self).yield_now();
    }
    fn sleep(&self, until: Instant) {
        (**self).sleep(until);
    }
    fn slice(&self) -> Duration {
        (**self).slice()
    }
    fn noticed(&self) -> bool {
        (**self).noticed()
    }
    fn asks(&self) {
        (**self).asks();
    }
}

/// What to do after one look in vain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// How to rest.
    pub pause: Pause,
    /// The present instant, where the clock was looked at for this turn.
    pub now: Instant,
    /// Until when, at most.
    pub end: Instant,
    /// Whether a probe has passed since that was said last, or since the wait began: time to ask who lives.
    pub due: bool,
}

impl Turn {
    /// How long to rest, at most.
    pub fn span(&self) -> Duration {
        self.end.since(self.now)
    }

    /// Rests, unless that needs a word to sleep on.
    pub(crate) fn rest(&self, idle: &impl Idle) {
        match self.pause {
            Pause::Again | Pause::Park => {}
            Pause::Hint => crate::sync::spin_loop(),
            Pause::Yield => idle.yield_now(),
            Pause::Sleep(_) => idle.sleep(self.end),
        }
    }
}

/// The turns of one wait, for who cannot hand over its loop: a world that never blocks, a task.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'c> {
    wait: Wait,
    until: Until<'c>,
    probe: Duration,
    turn: u32,
    /// When it was due last.
    asked: Option<Instant>,
    now: Instant,
    rested: bool,
}

impl<'c> Turns<'c> {
    /// A wait that begins.
    pub const fn new(wait: Wait, until: Until<'c>, probe: Duration) -> Self {
        Self { wait, until, probe, turn: 0, asked: None, now: Instant::ZERO, rested: false }
    }

    /// What to do after one more look in vain.
    ///
    /// # Errors
    /// [`Ended`] where the wait is over.
    pub fn next(&mut self, clock: &impl Clock) -> Result<Turn, Ended> {
        self.until.check_cancel()?;
        let pause = self.wait.pause(self.turn);
        let spins = matches!(pause, Pause::Again | Pause::Hint);
        if spins && !self.turn.is_multiple_of(CLOCK_EVERY) {
            self.turn = self.turn.wrapping_add(1);
            return Ok(Turn { pause, now: self.now, end: self.now, due: false });
        }
        self.now = clock.now();
        self.until.check(self.now)?;
        self.turn = self.turn.wrapping_add(u32::from(spins));
        let due = self.asked.is_some_and(|asked| self.now < asked || self.now.since(asked) >= self.probe);
        if due || self.asked.is_none() {
            self.asked = Some(self.now);
        }
        self.rested |= !spins;
        let span = if let Pause::Sleep(span) = pause { span.min(self.probe) } else { self.probe };
        Ok(Turn { pause, now: self.now, end: self.until.slice(self.now, span), due })
    }

    /// When the clock was looked at last.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Whether somebody cancelled it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.until.check_cancel().is_err()
    }

    /// Whether it has done more than spin.
    pub const fn has_rested(&self) -> bool {
        self.rested
    }
}

/// One who waits for something in a segment.
pub(crate) trait Waiter {
    type Found;
    type World: Idle;

    /// What there is.
    fn look(&mut self) -> Option<Self::Found>;

    /// Sees to those whom it waits for; what came of it.
    fn tend(&mut self, now: Instant) -> Option<Self::Found>;

    /// Says that it sleeps, and looks again: whether it may.
    fn lies_down(&mut self) -> bool;

    /// Sleeps until it is woken, for `span` at most.
    fn sleep(&self, span: Duration);

    fn world(&self) -> &Self::World;
}

/// Waits until there is something, or `until` is over. Whoever rested tends once more before its deadline counts: so a
/// wait of many short calls sees to the dead as one long call does.
pub(crate) fn wait<W: Waiter>(who: &mut W, turns: &mut Turns<'_>) -> Result<W::Found, Ended> {
    loop {
        if let Some(found) = who.look() {
            return Ok(found);
        }
        let turn = match turns.next(who.world()) {
            Ok(turn) => turn,
            Err(Ended::Deadline) if turns.has_rested() => {
                let found = who.tend(turns.now()).or_else(|| who.look());
                return found.ok_or(Ended::Deadline);
            }
            Err(ended) => return Err(ended),
        };
        if turn.due || who.world().noticed() {
            who.world().asks();
            if let Some(found) = who.tend(turn.now) {
                return Ok(found);
            }
        }
        if turn.pause != Pause::Park {
            turn.rest(who.world());
        } else if who.lies_down() && !who.world().noticed() && !turns.is_cancelled() {
            who.sleep(turn.span());
        }
    }
}
