//! The machine against a model that keeps every look and computes each span from them anew.

extern crate std;
use super::{Alerted, Desk, OnFail, Peer, Presence, State, at, required};
use crate::required::{Machine, Seen, Verdict};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use std::vec::Vec;
use tidemill_seam::{Duration, Instant};

/// One look at one of them.
#[derive(Clone, Copy, Debug)]
struct Look {
    now: u64,
    peer: Peer,
    published: u64,
}

/// As `State`, with looks in place of instants.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Where {
    Awaited,
    Healthy,
    Stalled(usize),
    Gone(usize),
    Done,
}

struct Model {
    looks: Vec<Look>,
    /// Looks at which it was taken for advanced, whatever its cursor did.
    entered: Vec<usize>,
    at: Where,
    was_there: bool,
}

impl Model {
    /// The time of look `from`, as the last look sees it: a clock that went back took the time of every look with it.
    fn time(&self, from: usize) -> u64 {
        self.looks[from..].iter().map(|look| look.now).min().unwrap()
    }

    fn since(&self, from: usize) -> u64 {
        self.looks.last().unwrap().now - self.time(from)
    }

    fn advances(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or(0, |at| self.looks[at].peer.cursor);
        self.looks[at].peer.cursor > before
    }

    /// How long it has blocked without an advance; none where it does not block.
    fn stood(&self) -> Option<u64> {
        let last = self.looks.len() - 1;
        let blocked = self.looks.iter().rev().take_while(|look| look.peer.blocks).count();
        let began = (blocked > 0).then(|| last + 1 - blocked)?;
        let moved = (0..=last).rev().find(|at| self.advances(*at) || self.entered.contains(at));
        Some(self.since(began).min(moved.map_or(u64::MAX, |moved| self.since(moved))))
    }

    fn look(&mut self, look: Look, progress: u64) -> Option<Alerted> {
        use Presence::{Absent, Dead, Done, Joining, Left, Ready};
        self.looks.push(look);
        let here = self.looks.len() - 1;
        let advances = self.advances(here);
        let enter = |model: &mut Self| {
            model.entered.push(here);
            model.was_there = true;
        };
        let (next, said) = match (self.at, look.peer.presence) {
            (Where::Awaited | Where::Done, Ready) => {
                enter(self);
                (Where::Healthy, None)
            }
            (Where::Gone(_), Ready) => {
                enter(self);
                (Where::Healthy, Some(Alerted::Cleared))
            }
            (Where::Awaited | Where::Healthy | Where::Done, Done) => {
                self.was_there = true;
                (Where::Done, None)
            }
            (Where::Stalled(_) | Where::Gone(_), Done) => (Where::Done, Some(Alerted::Cleared)),
            (Where::Healthy | Where::Stalled(_), Dead) => (Where::Gone(here), Some(Alerted::Died)),
            (Where::Healthy | Where::Stalled(_), Left | Absent) => (Where::Gone(here), Some(Alerted::Left)),
            (Where::Stalled(_), Ready | Joining) if advances => (Where::Healthy, Some(Alerted::Cleared)),
            (Where::Healthy, Ready | Joining) if !advances && look.peer.cursor < look.published => {
                match self.stood().filter(|stood| *stood >= progress) {
                    Some(stood) => {
                        let stalled_for = Duration::from_nanos(stood);
                        (Where::Stalled(here), Some(Alerted::Stalled { stalled_for }))
                    }
                    None => (Where::Healthy, None),
                }
            }
            (at, _) => (at, None),
        };
        self.at = next;
        said
    }

    fn state(&self) -> State {
        let instant = |at| Instant::from_nanos(self.time(at));
        match self.at {
            Where::Awaited => State::Awaited,
            Where::Healthy => State::Healthy,
            Where::Stalled(at) => State::Stalled(instant(at)),
            Where::Gone(at) => State::Gone(instant(at)),
            Where::Done => State::Done,
        }
    }

    fn is_overdue(&self, grace: u64) -> bool {
        matches!(self.at, Where::Stalled(at) | Where::Gone(at) if self.since(at) >= grace)
    }
}

/// What happens to the clock and the participant before a look: mostly little, now and then a leap.
#[derive(Clone, Copy, Debug)]
struct Turn {
    clock: i64,
    peer: Peer,
    publishes: u64,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    // In steps of ten milliseconds, so that spans end on the nanosecond as well as beyond it.
    let clock = prop_oneof![6 => 0..6_i64, 2 => 20..30_i64, 1 => 90..110_i64, 1 => -300..0_i64]
        .prop_map(|steps| steps * 10_000_000);
    let presence = prop_oneof![
        2 => Just(Presence::Absent),
        2 => Just(Presence::Joining),
        14 => Just(Presence::Ready),
        1 => Just(Presence::Done),
        1 => Just(Presence::Left),
        1 => Just(Presence::Dead),
    ];
    let peer = (presence, 0..4_u64, any::<bool>(), any::<bool>())
        .prop_map(|(presence, cursor, blocks, reader)| Peer { presence, cursor, blocks, reader });
    let turn = (clock, peer, 0..2_u64).prop_map(|(clock, peer, publishes)| Turn { clock, peer, publishes });
    proptest::collection::vec(turn, 1..60)
}

fn on_fails() -> impl Strategy<Value = OnFail> {
    prop_oneof![Just(OnFail::Shutdown), Just(OnFail::AlertOnly), Just(OnFail::Evict)]
}

proptest! {
    #![proptest_config(crate::cases::cases(512))]

    // RING-REQUIRED: every sequence of looks, with clocks that leap and consumers that flap, goes as the table says.
    #[test]
    fn the_machine_goes_as_the_model_does(turns in turns(), on_fail in on_fails()) {
        let config = required(on_fail);
        let (progress, grace) = (config.progress.as_nanos(), config.grace.as_nanos());
        let mut machine = Machine::new(config, at(4_000));
        let mut model = Model { looks: Vec::new(), entered: Vec::new(), at: Where::Awaited, was_there: false };
        let (mut now, mut begun, mut cursor, mut published) = (at(4_000).as_nanos(), at(4_000).as_nanos(), 0, 4);
        for turn in turns {
            now = now.saturating_add_signed(turn.clock);
            begun = begun.min(now);
            cursor = (cursor + turn.peer.cursor / 3).min(published);
            published += turn.publishes;
            let peer = Peer { cursor, ..turn.peer };
            let mut alerts = Vec::new();
            // The second never comes after all: it was done before it began.
            let other = Peer { presence: Presence::Done, ..Peer::default() };
            let seen = Seen { published, peers: &[peer, other] };
            let verdict = machine.step(Instant::from_nanos(now), seen, &mut |alert| alerts.push(alert.what));
            let said = model.look(Look { now, peer, published }, progress);
            prop_assert_eq!(alerts, said.into_iter().collect::<Vec<_>>());
            let evicts = on_fail == OnFail::Evict
                && model.is_overdue(grace)
                && (peer.reader || matches!(model.at, Where::Gone(_)));
            prop_assert_eq!(verdict.release.contains(0), evicts);
            if evicts {
                model.at = Where::Awaited;
            }
            let late = model.at == Where::Awaited && !model.was_there && now - begun >= config.startup.as_nanos();
            let shuts = on_fail == OnFail::Shutdown && model.is_overdue(grace);
            prop_assert_eq!((verdict.answer.is_err(), verdict.drain), (late || shuts, shuts));
            if late || shuts {
                break;
            }
            prop_assert_eq!(machine.states()[0], model.state());
        }
    }

    // RING-REQUIRED: whatever happens after a failure, the answer is the same until a reset.
    #[test]
    fn a_failure_stays_what_it_is(turns in turns()) {
        let mut desk = Desk::new(OnFail::Shutdown);
        let failed = desk.look(5_000, [Peer::default(); 2]);
        for turn in turns {
            let Verdict { answer, .. } = desk.look(turn.clock.unsigned_abs() / 1_000_000, [turn.peer; 2]);
            prop_assert_eq!(answer, failed.answer);
        }
        prop_assert_eq!(desk.said(), []);
    }
}
