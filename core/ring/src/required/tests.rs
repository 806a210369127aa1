extern crate std;
use super::{
    Alert, Alerted, Ids, Machine, OnFail, Peer, Presence, Required, RequiredError, Seen, State, Verdict,
};
use crate::name::Name;
use std::string::ToString;
use std::vec::Vec;
use tidemill_seam::{Duration, Instant};

mod model;

const MS: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Instant {
    Instant::ZERO + MS.saturating_mul(ms)
}

fn id(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn required(on_fail: OnFail) -> Required<2> {
    Required { on_fail, ..Required::new([id("risk"), id("audit")]) }
}

fn ready(cursor: u64) -> Peer {
    Peer { presence: Presence::Ready, cursor, ..Peer::default() }
}

fn blocking(cursor: u64) -> Peer {
    Peer { blocks: true, ..ready(cursor) }
}

fn is(presence: Presence) -> Peer {
    Peer { presence, ..Peer::default() }
}

/// A machine with what it has said.
struct Desk {
    machine: Machine<2>,
    alerts: Vec<Alert>,
}

impl Desk {
    fn new(on_fail: OnFail) -> Self {
        Self { machine: Machine::new(required(on_fail), at(0)), alerts: Vec::new() }
    }

    /// Both are there and ready, at time 0.
    fn open(on_fail: OnFail) -> Self {
        let mut desk = Self::new(on_fail);
        desk.sees(0, [ready(0), ready(0)]);
        assert_eq!(desk.machine.states(), [State::Healthy; 2]);
        desk
    }

    /// The first has blocked since 10 ms and was found to stall at 260 ms.
    fn stalled(on_fail: OnFail) -> Self {
        let mut desk = Self::open(on_fail);
        desk.sees(10, [blocking(3), ready(9)]);
        desk.sees(260, [blocking(3), ready(9)]);
        assert_eq!(desk.states(), [State::Stalled(at(260)), State::Healthy]);
        desk.alerts.clear();
        desk
    }

    fn look(&mut self, ms: u64, peers: [Peer; 2]) -> Verdict {
        let seen = Seen { published: 10, peers: &peers };
        self.machine.step(at(ms), seen, &mut |alert| self.alerts.push(*alert))
    }

    /// A look of which only the state or the alerts matter.
    fn sees(&mut self, ms: u64, peers: [Peer; 2]) {
        let _ = self.look(ms, peers);
    }

    fn states(&self) -> [State; 2] {
        self.machine.states()
    }

    fn said(&mut self) -> Vec<(Name, Alerted)> {
        self.alerts.drain(..).map(|alert| (alert.id, alert.what)).collect()
    }
}

// RING-REQUIRED: Awaited, and ready in time.
#[test]
fn whoever_is_ready_in_time_is_healthy_and_nobody_is_told() {
    let mut desk = Desk::new(OnFail::Shutdown);
    let verdict = desk.look(4_999, [ready(0), is(Presence::Joining)]);
    assert_eq!((verdict.answer, desk.states()), (Ok(()), [State::Healthy, State::Awaited]));
    assert_eq!(desk.look(4_999, [ready(0), ready(0)]).answer, Ok(()));
    assert_eq!((desk.states(), desk.said()), ([State::Healthy; 2], std::vec![]));
    assert_eq!(desk.look(100_000, [ready(0), ready(0)]).answer, Ok(()));
}

// RING-REQUIRED: Awaited, and the startup time is over.
#[test]
fn whoever_is_not_ready_in_time_fails_the_start_by_name() {
    let mut desk = Desk::new(OnFail::AlertOnly);
    let verdict = desk.look(5_000, [ready(0), is(Presence::Joining)]);
    let error = RequiredError::Startup { missing: Ids::NONE.with(1) };
    assert_eq!((verdict.answer, verdict.drain), (Err(error), false));
    assert_eq!(desk.states(), [State::Healthy, State::Failed]);
    assert_eq!(error.to_string(), "1 required consumers did not come in time");
}

// RING-REQUIRED: Healthy, blocks without an advance for the progress time.
#[test]
fn a_consumer_that_blocks_and_stands_still_is_told_of_once() {
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(10, [blocking(3), ready(9)]);
    desk.sees(259, [blocking(3), ready(9)]);
    assert_eq!(desk.said(), []);
    desk.sees(260, [blocking(3), ready(9)]);
    desk.sees(300, [blocking(3), ready(9)]);
    let stalled_for = Duration::from_millis(250);
    assert_eq!(desk.said(), [(id("risk"), Alerted::Stalled { stalled_for })]);
    assert_eq!(desk.states(), [State::Stalled(at(260)), State::Healthy]);
}

#[test]
fn an_idle_publisher_accuses_nobody() {
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(10, [ready(3), ready(9)]);
    assert_eq!(desk.look(60_000, [ready(3), ready(9)]).answer, Ok(()));
    let mut caught_up = blocking(10);
    caught_up.presence = Presence::Ready;
    desk.sees(60_001, [caught_up, ready(9)]);
    desk.sees(90_000, [caught_up, ready(9)]);
    assert_eq!((desk.said(), desk.states()), (std::vec![], [State::Healthy; 2]));
}

#[test]
fn the_span_begins_where_the_block_began_or_with_the_last_advance() {
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(1_000, [blocking(3), ready(9)]);
    desk.sees(1_200, [blocking(4), ready(9)]);
    desk.sees(1_449, [blocking(4), ready(9)]);
    desk.sees(1_449, [ready(4), ready(9)]);
    desk.sees(1_460, [blocking(4), ready(9)]);
    desk.sees(1_709, [blocking(4), ready(9)]);
    assert_eq!(desk.said(), []);
    desk.sees(1_710, [blocking(4), ready(9)]);
    assert_eq!(desk.said().len(), 1);
}

// RING-REQUIRED: Healthy or Stalled, and proved dead, or left without a word.
#[test]
fn a_death_and_a_leave_without_a_word_are_told_of_once_each() {
    for (presence, what) in
        [(Presence::Dead, Alerted::Died), (Presence::Left, Alerted::Left), (Presence::Absent, Alerted::Left)]
    {
        for mut desk in [Desk::open(OnFail::Shutdown), Desk::stalled(OnFail::Shutdown)] {
            desk.sees(270, [is(presence), ready(9)]);
            desk.sees(280, [is(presence), ready(9)]);
            assert_eq!(desk.states(), [State::Gone(at(270)), State::Healthy], "{presence:?}");
            assert_eq!(desk.said(), [(id("risk"), what)]);
        }
    }
}

#[test]
fn a_consumer_that_was_done_is_missed_by_nobody() {
    for mut desk in [Desk::new(OnFail::Shutdown), Desk::open(OnFail::Shutdown)] {
        let verdict = desk.look(6_000, [is(Presence::Done), ready(9)]);
        assert_eq!((verdict.answer, desk.states()[0]), (Ok(()), State::Done));
        assert_eq!(desk.look(60_000, [Peer::default(), ready(9)]).answer, Ok(()));
        desk.sees(60_001, [ready(9), ready(9)]);
        assert_eq!((desk.states()[0], desk.said()), (State::Healthy, std::vec![]));
    }
}

// RING-REQUIRED: Stalled or Gone, and it advances or is back.
#[test]
fn whoever_advances_or_is_back_is_well_again() {
    let mut desk = Desk::stalled(OnFail::Shutdown);
    desk.sees(1_259, [blocking(4), ready(9)]);
    assert_eq!(
        (desk.states(), desk.said()),
        ([State::Healthy; 2], std::vec![(id("risk"), Alerted::Cleared)])
    );
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(10, [is(Presence::Dead), ready(9)]);
    desk.sees(500, [is(Presence::Joining), ready(9)]);
    assert_eq!(desk.states()[0], State::Gone(at(10)), "whoever joins is not back yet");
    desk.sees(1_009, [blocking(0), ready(9)]);
    assert_eq!(desk.said(), [(id("risk"), Alerted::Died), (id("risk"), Alerted::Cleared)]);
    desk.sees(1_258, [blocking(0), ready(9)]);
    assert_eq!(desk.states(), [State::Healthy; 2], "its spans begin anew");
}

// RING-REQUIRED: Stalled or Gone until the grace is over, and the ring shuts down.
#[test]
fn after_the_grace_the_ring_drains_and_every_call_fails_alike_until_a_reset() {
    let mut desk = Desk::stalled(OnFail::Shutdown);
    assert_eq!(desk.look(1_259, [blocking(3), ready(9)]).answer, Ok(()));
    let error = RequiredError::Stalled { id: id("risk") };
    let failed = Verdict { answer: Err(error), release: Ids::NONE, drain: true };
    assert_eq!(desk.look(1_260, [blocking(3), ready(9)]), failed);
    assert_eq!(
        desk.look(1_270, [ready(10), is(Presence::Dead)]),
        failed,
        "full or not, whoever else is missing"
    );
    assert_eq!((desk.machine.answer(), desk.said()), (Err(error), std::vec![]));
    desk.machine.reset(at(2_000));
    assert_eq!((desk.machine.answer(), desk.states()), (Ok(()), [State::Awaited; 2]));
    assert_eq!(desk.look(6_999, [ready(0), is(Presence::Absent)]).answer, Ok(()));
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(10, [ready(0), is(Presence::Left)]);
    let error = RequiredError::Died { id: id("audit") };
    assert_eq!(desk.look(1_010, [ready(0), Peer::default()]).answer, Err(error));
}

// RING-REQUIRED: Stalled or Gone until the grace is over, and it is evicted.
#[test]
fn only_a_reader_or_whoever_is_gone_is_evicted_and_may_come_back_at_any_time() {
    let mut desk = Desk::stalled(OnFail::Evict);
    let verdict = desk.look(9_000, [blocking(3), ready(9)]);
    assert_eq!((verdict.answer, verdict.release), (Ok(()), Ids::NONE), "it may hold a lease");
    let reader = Peer { reader: true, ..blocking(3) };
    let verdict = desk.look(9_001, [reader, ready(9)]);
    assert_eq!((verdict.answer, verdict.release, verdict.drain), (Ok(()), Ids::NONE.with(0), false));
    assert_eq!(desk.states(), [State::Awaited, State::Healthy]);
    assert_eq!(desk.look(90_000, [Peer::default(), ready(9)]).release, Ids::NONE);
    assert_eq!(desk.look(90_001, [ready(9), is(Presence::Dead)]).release, Ids::NONE);
    assert_eq!(desk.look(91_001, [ready(9), is(Presence::Dead)]).release, Ids::NONE.with(1));
    assert_eq!(desk.states(), [State::Healthy, State::Awaited]);
}

// RING-REQUIRED: Stalled or Gone until the grace is over, and alerts were all that was asked for.
#[test]
fn where_alerts_are_all_that_was_asked_for_nothing_follows() {
    let mut desk = Desk::stalled(OnFail::AlertOnly);
    let verdict = desk.look(90_000, [blocking(3), is(Presence::Dead)]);
    assert_eq!(verdict, Verdict { answer: Ok(()), release: Ids::NONE, drain: false });
    assert_eq!(desk.states(), [State::Stalled(at(260)), State::Gone(at(90_000))]);
}

#[test]
fn the_table_is_looked_at_once_a_check_and_at_once_after_the_clock_went_back() {
    let mut desk = Desk::new(OnFail::Shutdown);
    assert!(desk.machine.is_due(at(0)));
    desk.sees(100, [ready(0), ready(0)]);
    assert!(!desk.machine.is_due(at(104)) && desk.machine.is_due(at(105)) && desk.machine.is_due(at(99)));
}

#[test]
fn a_clock_that_goes_back_begins_the_spans_anew() {
    let mut desk = Desk::open(OnFail::Shutdown);
    desk.sees(10_000, [blocking(3), ready(9)]);
    desk.sees(10, [blocking(3), ready(9)]);
    desk.sees(259, [blocking(3), ready(9)]);
    assert_eq!(desk.said(), []);
    desk.sees(260, [blocking(3), ready(9)]);
    assert_eq!(desk.said().len(), 1);
}
