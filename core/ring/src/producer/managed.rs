use super::layered::Layered;
use super::patient::{Patient, wait_for_room};
use super::{Grant, Producer, Refused, Why};
use crate::coordinate::Held;
use crate::element::Plain;
use crate::heal;
use crate::layout::Layout;
use crate::required::{Alert, Machine, Peer, Presence, Required, Seen, State};
use crate::segment::{Phase, Position, Standing};
use crate::sync::Ordering;
use crate::view::View;
use crate::wait::{Idle, PROBE_DEFAULT, Turns, Until};
use core::fmt;
use tidemill_seam::{Clock, Exchange, Instant, Liveness};

/// A producer of any layer that cannot do without certain consumers: every call looks after them, by the clock of its world,
/// and is refused once one of them is gone for good ([`Why::Required`]).
///
/// - Nothing is published before all of them have been ready ([`Why::Held`]).
/// - The place of a required consumer that died is kept for the grace: the same name again goes on where that one stopped.
/// - The table is looked at once a [`check`](Required::check) at most; in between a call costs a look at the clock.
/// - What never fits is refused at once, whoever is missing.
///
/// Its verbs are those of the producer `P`: of items, of messages in parts or in runs, of values.
pub struct Managed<P, H, const N: usize> {
    producer: P,
    machine: Machine<N>,
    hook: H,
    /// Consumers were told of a shutdown, and the producer is still ours.
    drains: bool,
}

/// Hears no alert.
pub type Deaf = fn(&Alert);

impl<P: Layered<World: Clock>, const N: usize> Managed<P, Deaf, N> {
    /// That producer, which cannot do without those consumers from now on.
    pub(crate) fn new(producer: P, required: Required<N>) -> Self {
        let machine = Machine::new(required, producer.items().live.now());
        Self { producer, machine, hook: |_| (), drains: false }
    }
}

impl<P: Layered, H, const N: usize> Managed<P, H, N> {
    /// The same whose alerts `hook` hears, each once.
    pub fn on_alert<G: FnMut(&Alert)>(self, hook: G) -> Managed<P, G, N> {
        let Self { producer, machine, drains, .. } = self;
        Managed { producer, machine, hook, drains }
    }

    /// Where each of them stands, in the order of their ids.
    pub fn states(&self) -> [State; N] {
        self.machine.states()
    }

    /// The position of the next item.
    pub fn published(&self) -> Position {
        self.producer.items().published()
    }

    pub(crate) fn beneath(&self) -> &P {
        &self.producer
    }

    /// For what was checked.
    pub(crate) fn beneath_mut(&mut self) -> &mut P {
        &mut self.producer
    }
}

impl<P: Layered<World: Clock>, H: FnMut(&Alert), const N: usize> Managed<P, H, N> {
    /// The producer without any of this. A ring that was to drain goes on.
    pub fn raw(mut self) -> P {
        self.go_on();
        self.producer.items_mut().spared = 0;
        self.producer
    }

    /// Begins anew: all of them are awaited, nothing has failed, and a ring that was to drain goes on.
    pub fn reset(&mut self) {
        self.machine.reset(self.producer.items().live.now());
        self.go_on();
    }

    /// Looks after them without publishing: to be called now and then by who has nothing to publish.
    ///
    /// # Errors
    /// Why a publication would be refused on their account.
    pub fn check(&mut self) -> Result<(), Why> {
        let now = self.producer.items().live.now();
        if self.machine.is_due(now) {
            self.step(now);
        }
        self.machine.answer().map_err(Why::Required)?;
        let missing = self.machine.starting();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Why::Held(Held::Awaiting { have: N as u32 - missing.len(), want: N as u32 }))
    }

    #[cold]
    fn step(&mut self, now: Instant) {
        let (producer, hook) = (self.producer.items_mut(), &mut self.hook);
        let blocked = producer.blocked_at();
        let peers = self.machine.required().ids.each_ref().map(|id| producer.peer(id.as_str(), blocked));
        let seen = Seen { published: producer.next, peers: &peers };
        let verdict = self.machine.step(now, seen, hook);
        for at in verdict.release.iter() {
            producer.let_go(self.machine.required().ids[at].as_str());
        }
        producer.spared = 0;
        for at in self.machine.kept(now).iter() {
            let found = producer.view.find(self.machine.required().ids[at].as_str());
            producer.spared |= found.map_or(0, |(slot, _)| 1 << slot);
        }
        if blocked.is_some() {
            producer.tend(now);
        }
        if verdict.drain && !self.drains {
            self.drains = true;
            producer.turn(Phase::Ready, Phase::Shut);
        }
    }

    fn go_on(&mut self) {
        if self.drains {
            self.drains = false;
            self.producer.items_mut().turn(Phase::Shut, Phase::Ready);
        }
    }

    /// Looks after them until `room` finds some, or a reason not to wait for it.
    pub(crate) fn await_with(
        &mut self,
        until: Until<'_>,
        mut room: impl FnMut(&mut P) -> Result<(), Why>,
    ) -> Result<(), Why>
    where
        P::World: Idle,
    {
        let probe = PROBE_DEFAULT.min(self.machine.required().check);
        let mut turns = Turns::new(self.producer.items().wait, until, probe);
        wait_for_room(self, &mut turns, |managed| {
            managed.check()?;
            room(&mut managed.producer)
        })
    }
}

/// Items.
impl<E: Plain, R: Exchange, L: Liveness + Clock> Producer<E, R, L> {
    /// The same that cannot do without those consumers from now on.
    pub fn managed<const N: usize>(self, required: Required<N>) -> Managed<Self, Deaf, N> {
        Managed::new(self, required)
    }
}

/// Of items.
impl<E: Plain, R: Exchange, L: Liveness + Clock, H: FnMut(&Alert), const N: usize>
    Managed<Producer<E, R, L>, H, N>
{
    /// As [`Producer::try_push`].
    ///
    /// # Errors
    /// [`Refused`] with the item.
    pub fn try_push(&mut self, item: E) -> Result<Position, Refused<E>> {
        match self.check() {
            Ok(()) => self.producer.try_push(item),
            Err(why) => Err(Refused { item, why }),
        }
    }

    /// As [`Producer::try_publish`].
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run.
    pub fn try_publish<F: FnOnce(Position) -> E>(&mut self, make: F) -> Result<Position, Refused<F>> {
        match self.check() {
            Ok(()) => self.producer.try_publish(make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// As [`Producer::try_batch`].
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run. A batch that never fits is refused at once.
    pub fn try_batch<F: FnMut(Position) -> E>(&mut self, n: u32, make: F) -> Result<Position, Refused<F>> {
        match self.fits(n).and_then(|()| self.check()) {
            Ok(()) => self.producer.try_batch(n, make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// As [`Producer::grant`].
    ///
    /// # Errors
    /// [`Refused`]. Room that there never is is refused at once.
    pub fn grant(&mut self, n: u32) -> Result<Grant<'_, E, R, L>, Refused<()>> {
        match self.fits(n).and_then(|()| self.check()) {
            Ok(()) => self.producer.grant(n),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    fn fits(&self, n: u32) -> Result<(), Why> {
        let max = self.producer.batch_max();
        if n > max { Err(Why::TooLarge { max }) } else { Ok(()) }
    }
}

/// Of items, with a wait.
impl<E: Plain, R: Exchange, L: Liveness + Idle, H: FnMut(&Alert), const N: usize>
    Managed<Producer<E, R, L>, H, N>
{
    /// As [`Producer::publish`].
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run.
    pub fn publish<F: FnOnce(Position) -> E>(
        &mut self,
        make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.await_room(1, until) {
            Ok(()) => self.producer.try_publish(make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// As [`Producer::batch`].
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run. A batch that never fits is refused at once.
    pub fn batch<F: FnMut(Position) -> E>(
        &mut self,
        n: u32,
        make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.await_room(n, until) {
            Ok(()) => self.producer.try_batch(n, make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    fn await_room(&mut self, n: u32, until: Until<'_>) -> Result<(), Why> {
        self.fits(n)?;
        self.await_with(until, |producer| producer.room(n))
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Consumers take what is there, and then hear of a shutdown; or, the other way round, hear no more of one.
    fn turn(&mut self, from: Phase, to: Phase) {
        let word = |phase| Standing { phase, ..self.standing }.encode();
        // The exchange releases, as in `end`.
        if self.view.exchange(Layout::STATE, word(from), word(to)).is_ok() {
            self.view.rouse_readers();
        }
    }

    /// Where those are who stand in the way of a publication that was refused; `None` where none was, or nobody does.
    fn blocked_at(&mut self) -> Option<u64> {
        let scan = self.look();
        scan.least.filter(|_| self.waiting.is_refused(self.next, self.limit))
    }

    /// What the table shows of the participant of that name.
    fn peer(&self, name: &str, blocked: Option<u64>) -> Peer {
        let Some((slot, ctl)) = self.view.find(name) else { return Peer::default() };
        let at = self.view.layout().cursor(slot);
        // Acquire: pairs with the Release of the cursor, as in `scan`.
        let low = self.view.load(at, Ordering::Acquire);
        Peer {
            presence: self.view.presence(slot, ctl, &self.live),
            cursor: self.view.position(at),
            blocks: ctl.gates() && blocked.is_some_and(|at| at as u32 == low),
            reader: ctl.copies,
        }
    }

    /// Releases the slot of that name: of a dead one, or of a reader that may be evicted.
    fn let_go(&mut self, name: &str) {
        let Some((slot, ctl)) = self.view.find(name) else { return };
        if self.view.presence(slot, ctl, &self.live) == Presence::Dead {
            heal::free(&self.view, slot, ctl);
        } else if ctl.copies {
            self.evict(slot, ctl);
        }
    }
}

impl<P: Layered, H, const N: usize> Patient for Managed<P, H, N> {
    type Region = P::Region;
    type World = P::World;

    fn view(&self) -> &View<P::Region> {
        &self.producer.items().view
    }

    fn world(&self) -> &P::World {
        &self.producer.items().live
    }

    fn see_to_others(&mut self, now: Instant) {
        self.producer.items_mut().tend(now);
    }
}

impl<P: fmt::Debug, H, const N: usize> fmt::Debug for Managed<P, H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { producer, drains, .. } = self;
        let states = self.machine.states();
        f.debug_struct("Managed")
            .field("producer", producer)
            .field("states", &states)
            .field("drains", drains)
            .finish_non_exhaustive()
    }
}
