extern crate std;
use super::{Cancel, Ended, PROBE_DEFAULT, Parking, Pause, Rest, Until, Wait, wait_for};
use crate::Inline;
use core::cell::{Cell, RefCell};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::vec::Vec;
use tidemill_seam::{Clock, Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// A world whose time passes only while somebody rests: a nanosecond a turn, a microsecond a yield.
#[derive(Default)]
struct World {
    now: Cell<u64>,
    reads: Cell<u32>,
    did: RefCell<Vec<&'static str>>,
    /// A park or a sleep comes back this long after it began, where that is earlier than asked.
    woken_after: Option<u64>,
}

impl World {
    fn passes(&self, ns: u64, what: &'static str) {
        self.now.set(self.now.get() + ns);
        if self.did.borrow().last() != Some(&what) {
            self.did.borrow_mut().push(what);
        }
    }

    fn sleeps(&self, until: Instant, what: &'static str) {
        let span = until.since(Instant::from_nanos(self.now.get())).as_nanos();
        assert!(span <= PROBE_DEFAULT.as_nanos(), "a slice of {span} ns");
        self.passes(self.woken_after.map_or(span, |early| early.min(span)), what);
    }
}

impl Clock for World {
    fn now(&self) -> Instant {
        self.reads.set(self.reads.get() + 1);
        Instant::from_nanos(self.now.get())
    }
}

impl Rest for &World {
    fn hint(&mut self) {
        self.passes(1, "hint");
    }
    fn yield_now(&mut self) {
        self.passes(1_000, "yield");
    }
    fn sleep(&mut self, until: Instant) {
        self.sleeps(until, "sleep");
    }
    fn park(&mut self, until: Instant, found: &mut dyn FnMut() -> bool) {
        if !found() {
            self.sleeps(until, "park");
        }
    }
}

fn waits(
    world: &World,
    wait: Wait,
    until: &Until<'_>,
    look: impl FnMut() -> Option<u32>,
) -> Result<u32, Ended> {
    wait_for(wait, until, PROBE_DEFAULT, world, &mut &*world, look)
}

// RING-WAIT: what is there is found, however late the deadline and however cancelled the wait.
#[test]
fn what_is_there_is_found_before_the_clock_is_read() {
    let (world, cancel) = (World::default(), Cancel::new());
    cancel.cancel();
    assert_eq!(waits(&world, Wait::DEFAULT, &Until::now().or(&cancel), || Some(7)), Ok(7));
    assert_eq!(world.reads.get(), 0);
}

// RING-WAIT: a strategy spins, then does what it says.
#[test]
fn a_strategy_spins_as_often_as_it_says_and_then_rests() {
    for (wait, rests) in [
        (Wait::Yield { spins: 3 }, std::vec!["hint", "yield"]),
        (Wait::Park { spins: 3 }, std::vec!["hint", "park"]),
        (Wait::Park { spins: 0 }, std::vec!["park"]),
        (Wait::Sleep(MS), std::vec!["sleep"]),
        (Wait::SpinHint, std::vec!["hint"]),
    ] {
        let world = World::default();
        let until = Until::deadline(Instant::from_nanos(10_000));
        assert_eq!(waits(&world, wait, &until, || None), Err(Ended::Deadline), "{wait:?}");
        assert_eq!(*world.did.borrow(), rests, "{wait:?}");
    }
    assert_eq!(
        (Wait::Park { spins: 2 }.pause(1), Wait::Park { spins: 2 }.pause(2)),
        (Pause::Hint, Pause::Park)
    );
    assert!(Wait::default().parks() && !Wait::Spin.parks());
}

// RING-WAIT: a cancel ends any wait, a deadline is met to the nanosecond where somebody sleeps.
#[test]
fn a_cancel_ends_a_wait_and_counts_before_a_deadline() {
    for wait in [Wait::Spin, Wait::SpinHint, Wait::Yield { spins: 1 }, Wait::Sleep(MS), Wait::DEFAULT] {
        let (world, cancel, looks) = (World::default(), Cancel::new(), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            (looks.get() == 1_000).then(|| cancel.cancel());
            None
        };
        assert_eq!(waits(&world, wait, &Until::cancel(&cancel), look), Err(Ended::Cancelled), "{wait:?}");
        assert!((1_000..=1_001).contains(&looks.get()), "{wait:?}: {} looks", looks.get());
        assert_eq!(Until::now().or(&cancel).check(Instant::MAX), Err(Ended::Cancelled));
    }
    assert_eq!(Until::forever().check(Instant::MAX), Ok(()));
}

#[test]
fn an_hour_of_sleep_is_slept_in_probes_and_ends_on_time() {
    let world = World::default();
    let hour = Duration::from_secs(if cfg!(miri) { 1 } else { 3_600 });
    let until = Until::deadline(Instant::ZERO + hour);
    assert_eq!(waits(&world, Wait::Sleep(Duration::MAX), &until, || None), Err(Ended::Deadline));
    assert_eq!(world.now.get(), hour.as_nanos());
}

#[test]
fn a_spinning_wait_reads_the_clock_once_in_sixty_four_turns() {
    let (world, looks) = (World::default(), Cell::new(0));
    let look = || {
        looks.set(looks.get() + 1);
        (looks.get() == 6_401).then_some(0)
    };
    assert_eq!(waits(&world, Wait::Spin, &Until::deadline(Instant::MAX), look), Ok(0));
    assert_eq!(world.reads.get(), 100);
}

// RING-WAIT: whatever falls between the last look and the sleep is seen, or the sleeper is woken.
#[test]
fn work_that_comes_between_the_look_and_the_sleep_is_found_rl_16() {
    let words = Inline::<2>::new();
    let parking = Parking::new(&words, 1).unwrap();
    assert!(!parking.wake(|| panic!("nobody sleeps")));
    assert!(!parking.sleep(|| true, || panic!("slept over work")));
    let woken = Cell::new(0);
    let wake = || woken.set(woken.get() + 1);
    let word = || words.word(1).unwrap().load(crate::sync::Ordering::Relaxed);
    assert!(parking.sleep(
        || false,
        || {
            assert_eq!(word(), Parking::<Inline<2>>::ASLEEP);
            assert!(parking.wake(wake) && !parking.wake(wake), "a second publisher leaves it to the first");
            assert_ne!(word(), Parking::<Inline<2>>::ASLEEP, "whoever is on its way to sleep comes back");
        }
    ));
    assert_eq!((woken.get(), word()), (1, 0));
    assert!(Parking::new(&words, 2).is_none());
}

fn strategies() -> impl Strategy<Value = Wait> {
    prop_oneof![
        Just(Wait::Spin),
        Just(Wait::SpinHint),
        (0..200_u32).prop_map(|spins| Wait::Yield { spins }),
        (1..20_000_000_u64).prop_map(|ns| Wait::Sleep(Duration::from_nanos(ns))),
        (0..200_u32).prop_map(|spins| Wait::Park { spins }),
    ]
}

proptest! {
    #![proptest_config(crate::cases::cases(256))]

    // RING-WAIT: a wait ends at its deadline, never before and at most a few turns late.
    #[test]
    fn no_wait_ends_before_its_deadline_or_sleeps_past_it(
        wait in strategies(),
        deadline in 0..50_000_u64,
        early in any::<bool>(),
    ) {
        // A spin takes no time of this world, so it never sees its deadline pass.
        let world = World { woken_after: early.then_some(777), ..World::default() };
        let until = Until::deadline(Instant::from_nanos(deadline));
        let look = || { if wait == Wait::Spin { world.now.set(world.now.get() + 1); } None };
        prop_assert_eq!(waits(&world, wait, &until, look), Err(Ended::Deadline));
        let late = world.now.get().checked_sub(deadline);
        prop_assert!(late.is_some_and(|late| late <= 1_000), "{late:?} ns late");
    }
}
