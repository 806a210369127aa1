//! Messages over one segment in shared memory, in parts and in runs: either side dead at every store.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_ring::frame::{Broken, Fixed, Message, Room, Sink, Source, Var};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{JoinError, Layout, Next, Peer, PeerName, Policies, Position, Segment, Spec, Start};
use tidemill_seam::Instant;
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::held;
use super::world::{DOWN, TICK, spawn};
use super::written;

pub(super) const N: usize = 16;
const SLOTS: u64 = 4;
pub(super) const MESSAGES: u64 = 9;
pub(super) const HOLD: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_micros(200);

pub(super) type Tx = tidemill_ring::frame::FrameProducer<N, Mapping, SimLiveness>;
pub(super) type VarTx = tidemill_ring::frame::VarProducer<N, Mapping, SimLiveness>;
type Rx = tidemill_ring::frame::FrameConsumer<N, Mapping, SimLiveness, Room<64>>;
type VarRx = tidemill_ring::frame::VarConsumer<N, Mapping, SimLiveness, Room<64>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Parts,
    Runs,
}

/// A producer of either form.
pub(super) trait Sends: Sink + Sized {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self>;
    fn next(&mut self) -> Position;
    fn see_to(&mut self, now: Instant);
    fn end(self);
}

/// A consumer of either form.
trait Takes: Source + Sized {
    fn join(segment: Segment<Mapping>, live: SimLiveness, peer: &Peer) -> Result<Self, JoinError>;
    fn over(&self) -> bool;
}

impl Sends for Tx {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self> {
        segment.frame_producer(live, Identity::default()).ok()
    }
    fn next(&mut self) -> Position {
        self.raw().published()
    }
    fn see_to(&mut self, now: Instant) {
        self.tend(now);
    }
    fn end(self) {
        self.into_raw().close();
    }
}

impl Sends for VarTx {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self> {
        segment.var_producer(live, Identity::default()).ok()
    }
    fn next(&mut self) -> Position {
        self.published()
    }
    fn see_to(&mut self, now: Instant) {
        self.tend(now);
    }
    fn end(self) {
        self.close();
    }
}

impl Takes for Rx {
    fn join(segment: Segment<Mapping>, live: SimLiveness, peer: &Peer) -> Result<Self, JoinError> {
        segment.frame_consumer(live, peer, Start::Resume, Room::new())
    }
    fn over(&self) -> bool {
        self.tend().is_some()
    }
}

impl Takes for VarRx {
    fn join(segment: Segment<Mapping>, live: SimLiveness, peer: &Peer) -> Result<Self, JoinError> {
        segment.var_consumer(live, peer, Start::Resume, Room::new())
    }
    fn over(&self) -> bool {
        self.tend().is_some()
    }
}

#[derive(Clone, Copy)]
pub(super) struct Plan {
    form: Form,
    pub(super) returns: bool,
    late: bool,
    /// The consumer sees messages where they lie, and holds each while the producer goes on.
    held: bool,
    /// The producer writes messages where they will lie, and takes its time for each.
    written: bool,
}

/// What the laws look at in the end.
pub(super) struct Desk {
    pub(super) plan: Plan,
    /// Messages that the consumer took, all its lives together.
    pub(super) taken: Cell<u64>,
    pub(super) restarted: Cell<u64>,
    /// Messages that their producer began to write in place, and did not end.
    pub(super) spoiled: Cell<u64>,
}

pub(super) fn payload(number: u64) -> Vec<u8> {
    let len = number * 23 % (N as u64 * SLOTS + 1);
    (0..len).map(|at| (number * 31 + at * 7) as u8).collect()
}

impl Plan {
    /// Everything is copied in and out, and whoever dies comes back.
    const COPIED: Self = Self { form: Form::Parts, returns: true, late: false, held: false, written: false };

    fn spec(self) -> Spec {
        let spec = match self.form {
            Form::Parts => Spec::of::<Fixed<N>>(SLOTS as u32),
            Form::Runs => Var::<N>::spec(SLOTS as u32),
        };
        let spec = spec.line(1).page(1).participants(2).journal(0);
        if self.written { spec.policies(Policies::BLOCK) } else { spec }
    }

    /// Which message comes at a position, if any does: whoever takes over goes on there.
    pub(super) fn number_at(self, position: Position) -> u64 {
        let mut at = 0;
        for number in 0..MESSAGES {
            let slots = (payload(number).len().div_ceil(N) as u64).max(1);
            let left = SLOTS - at % SLOTS;
            let gap = if self.form == Form::Runs && slots > left { left } else { 0 };
            if position.0 == at || position.0 == at + gap {
                return number;
            }
            at += gap + slots;
        }
        assert_eq!(position.0, at, "no message begins or ends at {position}");
        MESSAGES
    }
}

fn play(sim: &mut Sim, plan: Plan) -> Rc<Desk> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&plan.spec()).expect("a ring").words());
    let desk = Rc::new(Desk { plan, taken: Cell::new(0), restarted: Cell::new(0), spoiled: Cell::new(0) });
    if plan.late {
        let (rate, order) = (Rate::percent(40), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 30, within: TICK.saturating_mul(2), order }));
        arena.doubt(Rate::percent(30));
    }
    let world = (host, &arena, &desk);
    match plan.form {
        Form::Parts => {
            if plan.written {
                spawn(sim, world, "producer", written::parts);
            } else {
                spawn(sim, world, "producer", produce::<Tx>);
            }
            if plan.held {
                spawn(sim, world, "risk", held::parts);
            } else {
                spawn(sim, world, "risk", risk::<Rx>);
            }
        }
        Form::Runs => {
            if plan.written {
                spawn(sim, world, "producer", written::runs);
            } else {
                spawn(sim, world, "producer", produce::<VarTx>);
            }
            if plan.held {
                spawn(sim, world, "risk", held::runs);
            } else {
                spawn(sim, world, "risk", risk::<VarRx>);
            }
        }
    }
    sim.run_for(PATIENCE).expect_ok();
    desk
}

/// Whoever comes first makes the segment.
pub(super) async fn come(env: &Env, mapping: &Mapping, desk: &Desk) -> Segment<Mapping> {
    loop {
        if let Ok(segment) = Segment::attach(mapping.clone()) {
            return segment;
        }
        let (live, spec) = (mapping.liveness(), desk.plan.spec());
        if let Ok(segment) = Segment::create(mapping.clone(), &spec, SegmentId(1), Creator::default(), &live)
        {
            return segment;
        }
        env.sleep(TICK).await;
    }
}

/// The only producer, once somebody hears it: nothing is published before.
pub(super) async fn opened<T: Sends>(env: &Env, mapping: &Mapping, desk: &Desk) -> T {
    let tx = loop {
        if let Some(tx) = T::open(come(env, mapping, desk).await, mapping.liveness()) {
            break tx;
        }
        env.sleep(TICK).await;
    };
    for _ in 0..60 {
        let segment = come(env, mapping, desk).await;
        if segment.participants().any(|one| one.ctl.state == State::Live) {
            break;
        }
        env.sleep(TICK).await;
    }
    tx
}

async fn produce<T: Sends>(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let mut tx: T = opened(&env, &mapping, &desk).await;
    loop {
        let number = desk.plan.number_at(tx.next());
        if number == MESSAGES {
            break;
        }
        if tx.try_publish(&payload(number), number as u8).is_err() {
            tx.see_to(env.now());
        }
        env.sleep(TICK).await;
    }
    tx.end();
}

/// Loses nothing: its place is kept while it is dead.
async fn risk<T: Takes>(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    if desk.taken.get() == MESSAGES {
        return;
    }
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(HOLD);
    let mut rx: T = loop {
        match T::join(come(&env, &mapping, &desk).await, mapping.liveness(), &peer) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    let mut first = true;
    loop {
        match rx.hear(|message, _| take(&desk, message, std::mem::take(&mut first))) {
            Some(Next::Item(())) => {}
            Some(Next::Restarted { .. }) => desk.restarted.set(desk.restarted.get() + 1),
            Some(Next::Closed(_)) => return,
            Some(Next::Broken { at, what: Broken { cause, .. } }) => {
                panic!("RL-15: parts are shown together, and yet at {at}: {cause}")
            }
            Some(other) => panic!("a consumer hears {other:?}"),
            None if rx.over() && !desk.plan.returns => return,
            None => {}
        }
        env.sleep(TICK).await;
    }
}

/// Whoever died between a message and its acknowledgement sees that one again.
pub(super) fn take(desk: &Desk, message: Message<'_>, first: bool) {
    let (number, taken) = (u64::from(message.kind), desk.taken.get());
    assert!(number == taken || (first && number + 1 == taken), "message {number} after {taken}");
    assert_eq!(message.bytes, payload(number), "RL-14: message {number} is not what was sent");
    desk.taken.set(number + 1);
}

/// Somebody dies at every store.
fn at_every_store(victim: &str, plan: Plan) {
    let (Plan { form, returns, held, written, .. }, name) = (plan, format!("host/{victim}"));
    let who = Victim::new(&name);
    let who = if returns { who.restarting(DOWN) } else { who };
    let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
        let desk = play(sim, plan);
        let stopped = sim.stats().store_deaths > 0 && !returns;
        let taken = desk.taken.get();
        assert!(taken == MESSAGES || (stopped && taken < MESSAGES), "{taken} of {MESSAGES}");
    });
    let seen = if held { ", seen in place" } else { "" };
    let sent = if written { ", written in place" } else { "" };
    println!(
        "{form:?}{sent}{seen}, {victim}, {}: {points}",
        if returns { "back again" } else { "gone for good" }
    );
    points.expect_ok();
}

// RING-CRASH, RING-LAYERS: either side dies at every store, and no message is lost, doubled, short or made up.
#[test]
fn messages_survive_a_death_at_every_store_rl_14_rl_15() {
    for form in [Form::Parts, Form::Runs] {
        for victim in ["producer", "risk"] {
            for returns in [true, false] {
                at_every_store(victim, Plan { form, returns, ..Plan::COPIED });
            }
        }
    }
}

// RING-CRASH, RING-LOAN: the same with a consumer that holds each message where it lies while the producer goes on: nothing is
// overwritten under it, and what it died with comes again (RL-2, RL-8).
#[test]
fn messages_that_are_held_survive_a_death_at_every_store_rl_2_rl_8() {
    for returns in [true, false] {
        at_every_store("risk", Plan { form: Form::Parts, returns, held: true, ..Plan::COPIED });
        at_every_store("risk", Plan { form: Form::Runs, returns, held: true, ..Plan::COPIED });
    }
    // A producer knows nothing of how messages are seen: one form and one end of it are enough.
    at_every_store("producer", Plan { form: Form::Runs, held: true, ..Plan::COPIED });
}

// RING-CRASH, RING-LOAN: the same with a producer that writes messages where they will lie: what it had not committed is nobody's,
// whatever it had written of it (RL-1, RL-15).
#[test]
fn messages_that_are_written_in_place_survive_a_death_at_every_store_rl_1_rl_15() {
    for form in [Form::Parts, Form::Runs] {
        for returns in [true, false] {
            at_every_store("producer", Plan { form, returns, written: true, ..Plan::COPIED });
        }
    }
}

// RING-CRASH, RING-LOAN: no store tells of what is written in place, so it dies at every tick as well: in the middle of messages,
// with a consumer that sees them where they lie.
#[test]
fn messages_that_are_written_in_place_survive_a_death_at_every_moment_rl_1_rl_15() {
    for form in [Form::Parts, Form::Runs] {
        let (plan, mut between) = (Plan { form, held: true, written: true, ..Plan::COPIED }, 0);
        for tick in 1..120 {
            let mut sim = Sim::new(1);
            dies_after(&mut sim, tick);
            let desk = play(&mut sim, plan);
            assert_eq!(desk.taken.get(), MESSAGES, "{form:?}, tick {tick}");
            between += desk.spoiled.get();
        }
        assert!(between > 4, "{form:?}: {between} deaths in the middle of a message");
    }
}

/// The producer dies after so many ticks, and comes back.
fn dies_after(sim: &mut Sim, ticks: u64) {
    sim.after(TICK.saturating_mul(ticks), |sim| {
        let producer = sim.processes().find(|process| sim.name(*process) == "host/producer");
        let producer = producer.expect("it is there");
        sim.kill(producer);
        sim.after(DOWN, move |sim| sim.restart(producer));
    });
}

// RING-MEMORY, RING-LAYERS: the same however late stores are seen, with a producer that is killed and comes back.
#[test]
fn messages_survive_late_stores_and_doubtful_proofs() {
    let mut restarted = 0;
    for seed in 0..40 {
        for (form, held) in
            [(Form::Parts, false), (Form::Runs, false), (Form::Parts, true), (Form::Runs, true)]
        {
            let mut sim = Sim::new(seed);
            dies_after(&mut sim, 10 + seed % 30);
            let desk = play(&mut sim, Plan { form, late: true, held, ..Plan::COPIED });
            assert_eq!(desk.taken.get(), MESSAGES, "seed {seed}, {form:?}");
            restarted += desk.restarted.get();
        }
    }
    assert!(restarted > 10, "{restarted}");
}
