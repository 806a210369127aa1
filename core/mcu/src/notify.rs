use crate::Doze;
use core::cell::Cell;
use core::fmt;
use critical_section::Mutex;
use tidemill_seam::{Epoch, Instant, Notify, Woken};

/// A bell that interrupts ring and one core sleeps for.
///
/// The epoch is checked and the sleep begun inside one critical section: an interrupt that would ring in between pends,
/// ends the sleep at once and rings when the section is left (W1). Deadlines are readings of the clock it is made of.
///
/// Waiting inside a critical section of one's own never ends, for no interrupt can ring.
pub struct Bell<C> {
    clock: C,
    epoch: Mutex<Cell<u32>>,
}

impl<C: Doze> Bell<C> {
    /// A bell that nobody has rung yet.
    pub const fn new(clock: C) -> Self {
        Self { clock, epoch: Mutex::new(Cell::new(0)) }
    }

    fn look_or_doze(&self, seen: Epoch, until: Option<Instant>) -> Option<Woken> {
        critical_section::with(|section| {
            if self.epoch.borrow(section).get() != seen.0 {
                return Some(Woken::Notified);
            }
            if until.is_some_and(|until| self.clock.now() >= until) {
                return Some(Woken::TimedOut);
            }
            self.clock.doze(until);
            None
        })
    }
}

impl<C: Doze> Notify for Bell<C> {
    fn epoch(&self) -> Epoch {
        critical_section::with(|section| Epoch(self.epoch.borrow(section).get()))
    }

    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        loop {
            if let Some(woken) = self.look_or_doze(seen, until) {
                return woken;
            }
        }
    }

    fn notify(&self) {
        critical_section::with(|section| {
            let epoch = self.epoch.borrow(section);
            epoch.set(epoch.get().wrapping_add(1));
        });
    }
}

impl<C> fmt::Debug for Bell<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = critical_section::with(|section| self.epoch.borrow(section).get());
        f.debug_struct("Bell").field("epoch", &epoch).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Bell;
    use crate::Doze;
    use core::cell::{Cell, RefCell};
    use tidemill_seam::{Clock, Instant, Notify, Woken};

    extern crate std;
    use std::vec::Vec;

    /// Time moves only in sleep; each sleep runs what an interrupt would run, as soon as the section is left.
    #[derive(Default)]
    struct Dream {
        now: Cell<u64>,
        sleeps: Cell<u32>,
        deadlines: RefCell<Vec<Option<Instant>>>,
    }

    impl Clock for Dream {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.now.get())
        }
    }

    impl Doze for Dream {
        fn doze(&self, until: Option<Instant>) {
            self.now.set(self.now.get() + 10);
            self.sleeps.set(self.sleeps.get() + 1);
            self.deadlines.borrow_mut().push(until);
        }
    }

    #[test]
    fn w1_a_ring_between_the_look_and_the_sleep_never_sleeps() {
        let dream = Dream::default();
        let bell = Bell::new(&dream);
        let seen = bell.epoch();
        bell.notify();
        assert_eq!(bell.wait(seen, None), Woken::Notified);
        assert_eq!(bell.wait(seen, None), Woken::Notified, "W1: also a wait that starts later");
        assert_eq!(dream.sleeps.get(), 0);
    }

    #[test]
    fn w2_an_unrung_wait_sleeps_up_to_its_deadline_and_hands_it_to_the_timer() {
        let dream = Dream::default();
        let bell = Bell::new(&dream);
        let until = Some(Instant::from_nanos(25));
        assert_eq!(bell.wait(bell.epoch(), until), Woken::TimedOut);
        assert_eq!(dream.now.get(), 30);
        assert_eq!(*dream.deadlines.borrow(), [until; 3]);
    }

    #[test]
    fn w2_a_deadline_that_has_passed_never_sleeps() {
        let dream = Dream::default();
        let bell = Bell::new(&dream);
        assert_eq!(bell.wait(bell.epoch(), Some(Instant::ZERO)), Woken::TimedOut);
        assert_eq!(dream.sleeps.get(), 0);
    }
}
