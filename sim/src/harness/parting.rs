//! Where two runs of one seed part.
//!
//! The hash of a run covers everything that happened so far, so two runs are the same up to a point if their hashes are
//! the same there, and no longer from the first event on that differs. Both run again with their hashes noted at points
//! between the last at which they agreed and the first at which they did not, until few events are left between the two.
//! Only then a trace is kept, and only up to there.
//!
//! Who parts by what is no function of the seed may part elsewhere the next time. Every round therefore looks at both ends
//! of its interval once more, and goes on with another interval where they no longer hold. Runs that are not caught so are
//! traced whole.

use crate::tape::Mark;
use crate::trace::{Parting, Trace};

/// Points at which the hash is noted within an interval.
const POINTS: u64 = 30;
/// Events that may lie in an interval of which a trace is kept.
const WINDOW: u64 = 256;
/// Rounds, at most: a billion events take seven where every run parts at the same event.
const ROUNDS: u32 = 12;
/// Rounds in which both runs were the same, at most.
const QUIET: u32 = 5;
/// Whole traces of both, at most.
const WHOLE: u32 = 3;

/// A run that can be had again.
pub trait Again {
    /// Why it cannot.
    type Error;

    /// The hash at the end of the first step that reaches each number of events in `at`, ascending, and at the end. It may
    /// end after more than `until` events.
    ///
    /// # Errors
    /// The run could not be had again.
    fn marks(&self, at: &[u64], until: Option<u64>) -> Result<Marked, Self::Error>;

    /// The run with a trace, ended after more than `until` events.
    ///
    /// # Errors
    /// The run could not be had again.
    fn trace(&self, until: u64) -> Result<Trace, Self::Error>;
}

/// The hashes of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marked {
    /// On the way.
    pub marks: Vec<Mark>,
    /// After its last event.
    pub end: Mark,
}

/// The first event at which two runs differ, and both runs up to there.
#[derive(Debug)]
pub struct Parted {
    /// The runs, ended soon after the event.
    pub sides: [Trace; 2],
    /// The event.
    pub parting: Parting,
    /// How often both ran again to find it.
    pub rounds: u32,
}

impl Parted {
    /// Where the runs part, as text: the causal past of the first event that differs, in each of them.
    pub fn text(&self, names: [&str; 2]) -> String {
        let [one, other] = &self.sides;
        let found = format!("bisected in {} rounds\n", self.rounds);
        one.parting_text(names, other, self.parting) + &found
    }
}

/// Both runs are the same after `low` events; they are not after `high`. Neither goes on past `end`.
#[derive(Clone, Copy)]
struct Interval {
    low: u64,
    high: u64,
    end: u64,
}

/// What a round found out.
enum Found {
    /// This time both were the same.
    Nothing,
    Closer(Interval),
}

/// Finds the first event at which two runs differ. `None` where they were the same again and again.
///
/// # Errors
/// One of the runs could not be had again.
pub fn part<A: Again + ?Sized>(one: &A, other: &A) -> Result<Option<Parted>, A::Error> {
    let (mut quiet, mut interval) = (0, None);
    for rounds in 1..=ROUNDS {
        let found = match interval {
            None => ends(one, other)?,
            Some(Interval { low, high, .. }) if high - low <= WINDOW => {
                let sides = [one.trace(high)?, other.trace(high)?];
                match sides[0].parting(&sides[1]).filter(|parting| (parting.at as u64) < high) {
                    Some(parting) => return Ok(Some(Parted { sides, parting, rounds })),
                    None => Found::Nothing,
                }
            }
            Some(wide) => narrow(one, other, wide)?,
        };
        interval = match found {
            Found::Closer(interval) => Some(interval),
            Found::Nothing => {
                quiet += 1;
                None
            }
        };
        if quiet == QUIET {
            return Ok(None);
        }
    }
    for rounds in ROUNDS + 1..=ROUNDS + WHOLE {
        let sides = [one.trace(u64::MAX)?, other.trace(u64::MAX)?];
        if let Some(parting) = sides[0].parting(&sides[1]) {
            return Ok(Some(Parted { sides, parting, rounds }));
        }
    }
    Ok(None)
}

fn ends<A: Again + ?Sized>(one: &A, other: &A) -> Result<Found, A::Error> {
    let [one, other] = [one.marks(&[], None)?.end, other.marks(&[], None)?.end];
    if one == other {
        return Ok(Found::Nothing);
    }
    // Where one run is the beginning of the other, the first event that differs is the one that it does not have.
    let end = one.events.min(other.events) + 1;
    Ok(Found::Closer(Interval { low: 0, high: end, end }))
}

fn narrow<A: Again + ?Sized>(one: &A, other: &A, interval: Interval) -> Result<Found, A::Error> {
    let at = interval.points();
    let until = Some(interval.high);
    let [one, other] = [one.marks(&at, until)?.marks, other.marks(&at, until)?.marks];
    let pairs: Vec<(Mark, Mark)> = one.into_iter().zip(other).collect();
    let agreed = pairs.partition_point(|(one, other)| one == other);
    let low = agreed.checked_sub(1).map_or(0, |last| pairs[last].0.events);
    Ok(match pairs.get(agreed) {
        Some((one, other)) => interval.between(low, one.events.max(other.events)),
        None if low < interval.high => interval.between(low, interval.high),
        None if low < interval.end => interval.between(low, interval.end),
        None => Found::Nothing,
    })
}

impl Interval {
    /// Both ends, which may hold no longer, and points at equal distances between them.
    fn points(self) -> Vec<u64> {
        let width = u128::from(self.high - self.low);
        let inner = |point: u64| self.low + (width * u128::from(point) / u128::from(POINTS + 1)) as u64;
        (0..=POINTS + 1).map(inner).filter(|at| *at > 0).collect()
    }

    fn between(self, low: u64, high: u64) -> Found {
        Found::Closer(Self { low, high, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::{Again, Marked, ROUNDS, WHOLE, part};
    use crate::tape::Mark;
    use crate::trace::Trace;
    use crate::{Config, Duration, Sim};
    use core::convert::Infallible;
    use std::cell::{Cell, RefCell};

    /// A process that sleeps `events` times, a nanosecond each, but `late` longer the `at`-th time.
    fn sleeper(events: u64, at: u64, late: u64, trace: bool, until: u64, marks: &[u64]) -> (Marked, Trace) {
        let mut sim: Sim = Sim::with(1, Config { trace, ..Config::default() });
        let host = sim.machine("host");
        sim.spawn_async(host, "sleeper", move |env| async move {
            for number in 0..events {
                let late = if number == at { late } else { 0 };
                env.sleep(Duration::from_nanos(1 + late)).await;
            }
        });
        let (mut noted, mut due) = (Vec::new(), marks.iter().peekable());
        while sim.stats().events <= until && sim.step() {
            let events = sim.stats().events;
            if due.next_if(|at| **at <= events).is_some() {
                while due.next_if(|at| **at <= events).is_some() {}
                noted.push(Mark { events, hash: sim.hash() });
            }
        }
        let end = Mark { events: sim.stats().events, hash: sim.hash() };
        (Marked { marks: noted, end }, sim.traced())
    }

    struct Sleeper<'a> {
        events: u64,
        /// When it is late: another instant every time it runs.
        at: &'a dyn Fn(u32) -> u64,
        late: u64,
        runs: Cell<u32>,
        longest: RefCell<Vec<u64>>,
    }

    impl<'a> Sleeper<'a> {
        fn new(events: u64, at: &'a dyn Fn(u32) -> u64, late: u64) -> Self {
            Self { events, at, late, runs: Cell::new(0), longest: RefCell::default() }
        }

        fn run(&self, trace: bool, until: u64, marks: &[u64]) -> (Marked, Trace) {
            self.runs.set(self.runs.get() + 1);
            sleeper(self.events, (self.at)(self.runs.get()), self.late, trace, until, marks)
        }
    }

    impl Again for Sleeper<'_> {
        type Error = Infallible;

        fn marks(&self, at: &[u64], until: Option<u64>) -> Result<Marked, Infallible> {
            Ok(self.run(false, until.unwrap_or(u64::MAX), at).0)
        }

        fn trace(&self, until: u64) -> Result<Trace, Infallible> {
            let trace = self.run(true, until, &[]).1;
            self.longest.borrow_mut().push(trace.len() as u64);
            Ok(trace)
        }
    }

    // SIM-CHECK: two runs are bisected by their hashes to the first event that differs.
    #[test]
    fn the_first_event_that_differs_is_found_wherever_it_is_in_few_rounds() {
        // Its start is event 0, so that the sleep of number n ends with event n + 1.
        for events in [1, 40, 3_000, 20_000] {
            for at in [0, events / 3, events - 1] {
                let always = move |_| at;
                let [plain, late] = [0, 7].map(|late| Sleeper::new(events, &always, late));
                let Ok(parted) = part(&plain, &late);
                let parted = parted.expect("they differ");
                assert_eq!(parted.parting.at as u64, at + 1, "of {events} events");
                assert!(parted.parting.left && parted.parting.right);
                assert!(parted.rounds <= 6 && late.runs.get() == parted.rounds, "{} rounds", parted.rounds);
                let kept = late.longest.borrow().iter().copied().max();
                assert!(kept <= Some(at + 400), "{kept:?} events were kept where event {} differs", at + 1);
            }
        }
    }

    #[test]
    fn a_run_that_ends_early_parts_at_the_event_that_it_does_not_have() {
        let never = |_| u64::MAX;
        let [short, long] = [3_000, 4_000].map(|events| Sleeper::new(events, &never, 0));
        let Ok(parted) = part(&short, &long);
        let parting = parted.expect("they differ").parting;
        assert_eq!((parting.at, parting.left, parting.right), (3_001, false, true));
    }

    #[test]
    fn runs_that_part_elsewhere_every_time_are_caught_where_they_part_that_time() {
        let never = |_| u64::MAX;
        let wanders = |run: u32| u64::from(run) * 7_919 % 5_000;
        let (plain, late) = (Sleeper::new(5_000, &never, 0), Sleeper::new(5_000, &wanders, 7));
        let Ok(parted) = part(&plain, &late);
        let parted = parted.expect("they differ");
        assert_eq!(parted.parting.at as u64, wanders(late.runs.get()) + 1);
        assert!(parted.rounds <= ROUNDS + WHOLE);
    }

    #[test]
    fn runs_that_are_the_same_do_not_part() {
        let never = |_| u64::MAX;
        let [one, other] = [0, 0].map(|late| Sleeper::new(300, &never, late));
        assert!(part(&one, &other).is_ok_and(|parted| parted.is_none()));
        // Once they differ, and then never again.
        let first = |run: u32| if run == 1 { 100 } else { u64::MAX };
        let once = Sleeper::new(300, &first, 7);
        assert!(part(&one, &once).is_ok_and(|parted| parted.is_none()));
    }
}
