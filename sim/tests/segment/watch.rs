//! What has to hold at every store, whoever makes it and whoever dies of it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_ring::table::{Ctl, State};
use tidemill_ring::{Position, Segment};
use tidemill_seam::Region;
use tidemill_sim::{Arena, ProcessId, Sim, Stored};

pub(crate) type Item = [u32; 2];

pub(crate) fn item(at: u64) -> Item {
    [at as u32, !(at as u32)]
}

/// An arena as a debugger sees it: looking is no access.
#[derive(Clone)]
pub(crate) struct Look(pub(crate) Arena);

// SAFETY: the words of an arena live as long as a handle; one thread reaches them, and an index beyond them panics.
unsafe impl Region for Look {
    fn words(&self) -> u32 {
        self.0.words()
    }

    unsafe fn load(&self, at: u32, _: Ordering) -> u32 {
        self.0.look(at).expect("within the arena")
    }

    unsafe fn store(&self, _: u32, _: u32, _: Ordering) {
        unreachable!("who looks on stores nothing");
    }

    fn is_wide(&self) -> bool {
        true
    }

    unsafe fn load_pair(&self, at: u32, _: Ordering) -> u64 {
        let word = |at| u64::from(self.0.look(at).expect("within the arena"));
        word(at) | word(at + 1) << 32
    }

    fn fence(&self, _: Ordering) {}
}

/// A lossy reader as its story counts: its slot, and the items that it has handled there.
#[derive(Default)]
pub(crate) struct Handled {
    pub(crate) slot: Cell<Option<u32>>,
    pub(crate) items: Cell<u64>,
}

/// From when on stores are judged: all of them, or those of a run that a death makes another one. What came before was
/// judged in the run without that death.
#[derive(Clone, Default)]
pub(crate) struct Since(Rc<Cell<Option<(ProcessId, u64)>>>);

impl Since {
    /// From the last store before the crash point of this run, if it has one. Its victim is there, and has stored nothing.
    pub(crate) fn the_crash_point(&self, sim: &Sim) {
        self.0.set(sim.crash_point().and_then(|(name, store)| {
            let victim = sim.processes().find(|process| sim.name(*process) == name)?;
            Some((victim, store))
        }));
    }

    /// Whether it is time, and stays so. A crash point counts no more stores than arrive here: it is never too late.
    pub(crate) fn is_past(&self, stored: Stored) -> bool {
        let Some((victim, mut left)) = self.0.get() else { return true };
        left -= u64::from(stored.process == victim);
        let is_past = left <= 1;
        self.0.set(Some((victim, left)).filter(|_| !is_past));
        is_past
    }
}

struct Watch {
    look: Look,
    segment: Option<Segment<Look>>,
    gate: u64,
    published: u64,
    table: Vec<Ctl>,
    handled: Rc<Handled>,
    /// Stores may be seen later than they are made.
    late: bool,
}

/// Judges every store into `arena` from now on, or from when it is told to.
pub(crate) fn watch(arena: &Arena, handled: &Rc<Handled>, late: bool) -> Since {
    let mut watch = Watch {
        look: Look(arena.clone()),
        segment: None,
        gate: 0,
        published: 0,
        table: Vec::new(),
        handled: Rc::clone(handled),
        late,
    };
    let told = Since::default();
    let since = told.clone();
    arena.watch(move |stored| {
        if since.is_past(stored) {
            watch.judge();
        } else {
            // What it was before the stores that were passed over says nothing about the next one.
            watch.table.clear();
        }
    });
    told
}

impl Watch {
    fn judge(&mut self) {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => match Segment::attach(self.look.clone()) {
                Ok(segment) => segment,
                Err(_) => return,
            },
        };
        self.intact(&segment);
        self.turned(&segment);
        self.accounted(&segment);
        self.segment = Some(segment);
    }

    /// RL-2: neither position goes back, and what lies between them is intact.
    fn intact(&mut self, segment: &Segment<Look>) {
        let (gate, published) = (segment.gate().0, segment.published().0);
        assert!(gate >= self.gate, "RL-2: the gate goes back from {} to {gate}", self.gate);
        assert!(published >= self.published, "RL-1: {} was published, now {published}", self.published);
        assert!(gate <= published, "RL-2: the gate at {gate} is beyond {published}");
        for at in gate..published {
            let found = segment.item::<Item>(Position(at));
            assert_eq!(found, Some(item(at)), "RL-2: position {at} between {gate} and {published}");
        }
        (self.gate, self.published) = (gate, published);
    }

    /// RL-7: every control word goes its way.
    fn turned(&mut self, segment: &Segment<Look>) {
        let slots = segment.header().layout.spec().participants;
        let table: Vec<Ctl> =
            (0..slots).map(|slot| segment.ctl(slot).expect("RL-7: a control word is an owner's")).collect();
        for (slot, (from, to)) in self.table.iter().zip(&table).enumerate() {
            assert!(from == to || lawful(*from, *to), "RL-7: slot {slot} goes from {from:?} to {to:?}");
        }
        self.table = table;
    }

    /// RL-17: every item since a participant began is somewhere, at every store.
    fn accounted(&self, segment: &Segment<Look>) {
        for one in segment.participants() {
            let account = one.account;
            let told = account.consumed + account.lagged + account.lost + account.in_flight;
            assert_eq!(account.end - account.start, told, "RL-17: {one:?}");
            let live = one.ctl.state == State::Live;
            if live && self.handled.slot.get() == Some(one.slot) {
                let handled = self.handled.items.get();
                let least = if self.late { 0 } else { handled };
                assert!(
                    (least..=handled + 1).contains(&account.consumed),
                    "RL-17: {handled} were handled: {account:?}"
                );
            }
        }
    }
}

fn lawful(from: Ctl, to: Ctl) -> bool {
    let next = to.generation == from.generation + 1;
    match (from.state, to.state) {
        (State::Free, State::Joining) | (State::Live | State::Dead | State::Held, State::Live) => next,
        (State::Joining, State::Live | State::Free)
        | (State::Live, State::Leaving | State::Dead | State::Evicted)
        | (State::Dead, State::Free | State::Held)
        | (State::Leaving | State::Held | State::Evicted, State::Free) => from.generation == to.generation,
        _ => false,
    }
}
