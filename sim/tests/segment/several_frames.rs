//! Messages of two producers over one segment in shared memory, in parts and in runs: every party dead at every store.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_ring::frame::{Fixed, MultiFrameProducer, MultiVarProducer, Room, Sink, Source, Var};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{JoinError, Layout, Next, Peer, PeerName, Segment, Spec, Start};
use tidemill_seam::Instant;
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::world::{DOWN, TICK, spawn};

const N: usize = 16;
const SLOTS: u32 = 4;
const PRODUCERS: [&str; 2] = ["left", "right"];
const HOLD: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_micros(60);

type Tx = MultiFrameProducer<N, Mapping, SimLiveness>;
type VarTx = MultiVarProducer<N, Mapping, SimLiveness>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Parts,
    Runs,
}

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
struct Plan {
    form: Form,
    /// Messages of each producer.
    messages: usize,
    /// Who dies is back after a while.
    returns: bool,
    /// Stores are seen late, and probes are in doubt.
    late: bool,
}

impl Plan {
    fn spec(self) -> Spec {
        let spec = match self.form {
            Form::Parts => Spec::of::<Fixed<N>>(SLOTS),
            Form::Runs => Var::<N>::spec(SLOTS),
        };
        spec.line(1).page(1).participants(1).producers(2).journal(0)
    }
}

/// What a producer knows of itself, over all its lives.
#[derive(Default)]
struct Own {
    alive: Cell<bool>,
    attempts: Cell<u8>,
    /// Attempts that it was told were published.
    published: RefCell<Vec<u8>>,
    finished: Cell<bool>,
}

/// What the laws look at in the end.
struct Desk {
    plan: Plan,
    own: [Own; 2],
    /// Who sent what `risk` was given, and at which attempt.
    given: RefCell<Vec<(usize, u8)>>,
    heard: Cell<bool>,
}

/// One of several producers, of either form.
trait Sends: Sink + Sized {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self>;
    /// Claims room for a message, writes half of it, and gives it up: whether there was any.
    fn give_up(&mut self, payload: &[u8]) -> bool;
    fn see_to(&mut self, now: Instant);
}

impl Sends for Tx {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self> {
        segment.multi_frame_producer(live, Identity::default()).ok()
    }
    fn give_up(&mut self, payload: &[u8]) -> bool {
        self.grant(payload.len(), 0).map(|mut grant| grant.write(&payload[..payload.len() / 2])).is_ok()
    }
    fn see_to(&mut self, now: Instant) {
        self.tend(now);
    }
}

impl Sends for VarTx {
    fn open(segment: Segment<Mapping>, live: SimLiveness) -> Option<Self> {
        segment.multi_var_producer(live, Identity::default()).ok()
    }
    fn give_up(&mut self, payload: &[u8]) -> bool {
        self.grant(payload.len(), 0).map(|mut grant| grant.write(&payload[..payload.len() / 2])).is_ok()
    }
    fn see_to(&mut self, now: Instant) {
        self.tend(now);
    }
}

/// What a producer sends at an attempt: its own kind, and up to three parts of bytes that nobody else sends.
fn message(who: usize, attempt: u8) -> (u8, Vec<u8>) {
    let kind = (who as u8) << 7 | attempt;
    let len = (usize::from(attempt) * 23 + who * 11) % (3 * N + 1);
    (kind, (0..len).map(|at| kind ^ (at * 7) as u8).collect())
}

impl Desk {
    fn is_over(&self) -> bool {
        self.own.iter().all(|own| own.finished.get() || !(own.alive.get() || self.plan.returns))
    }

    /// Every message that a producer was told is published is taken, once and in its order, and nothing else is.
    fn judge(&self) {
        let given = self.given.borrow();
        for (who, own) in self.own.iter().enumerate() {
            let attempts: Vec<u8> = given.iter().filter(|(of, _)| *of == who).map(|(_, at)| *at).collect();
            assert!(attempts.is_sorted_by(|one, next| one < next), "RL-11: {attempts:?}");
            let told = own.published.borrow();
            let lost = told.iter().find(|attempt| !attempts.contains(attempt));
            assert_eq!(lost, None, "RL-12: what {} published is lost", PRODUCERS[who]);
            // One a life may have been shown before its producer knew.
            assert!(attempts.iter().all(|at| *at <= own.attempts.get()), "RL-13: {attempts:?}");
            assert!(attempts.len() <= told.len() + 1, "RL-15: {attempts:?} of {told:?}");
        }
    }

    fn finished(&self) -> usize {
        self.own.iter().filter(|own| own.finished.get()).count()
    }
}

fn play(sim: &mut Sim, plan: Plan) -> Rc<Desk> {
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&plan.spec()).expect("a ring").words());
    let (given, heard) = (RefCell::default(), Cell::new(false));
    let desk = Rc::new(Desk { plan, own: Default::default(), given, heard });
    let world = (host, &arena, &desk);
    spawn(sim, world, "maker", |env, mapping, desk| async move {
        let (live, spec) = (mapping.liveness(), desk.plan.spec());
        Segment::create(mapping, &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
        drop(env);
    });
    sim.run_for(TICK).expect_ok();
    if plan.late {
        let (rate, order) = (Rate::percent(40), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 30, within: TICK.saturating_mul(2), order }));
        arena.doubt(Rate::percent(30));
    }
    let [left, right] = PRODUCERS;
    match plan.form {
        Form::Parts => {
            spawn(sim, world, left, |env, mapping, desk| produce::<Tx>(env, mapping, desk, 0));
            spawn(sim, world, right, |env, mapping, desk| produce::<Tx>(env, mapping, desk, 1));
        }
        Form::Runs => {
            spawn(sim, world, left, |env, mapping, desk| produce::<VarTx>(env, mapping, desk, 0));
            spawn(sim, world, right, |env, mapping, desk| produce::<VarTx>(env, mapping, desk, 1));
        }
    }
    spawn(sim, world, "risk", risk);
    sim.run_for(PATIENCE).expect_ok();
    desk
}

fn attached(mapping: &Mapping) -> Segment<Mapping> {
    Segment::attach(mapping.clone()).expect("it was made")
}

/// Alive for as long as this is.
struct Alive(Rc<Desk>, usize);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.own[self.1].alive.set(false);
    }
}

/// Publishes its messages, and gives up every third one in the middle.
async fn produce<T: Sends>(env: Env, mapping: Mapping, desk: Rc<Desk>, who: usize) {
    let own = &desk.own[who];
    if own.finished.get() {
        return;
    }
    own.alive.set(true);
    let _alive = Alive(Rc::clone(&desk), who);
    let mut tx = loop {
        match T::open(attached(&mapping), mapping.liveness()) {
            Some(tx) => break tx,
            None => env.sleep(TICK).await,
        }
    };
    for _ in 0..60 {
        if attached(&mapping).participants().any(|one| one.ctl.state == State::Live) {
            break;
        }
        env.sleep(TICK).await;
    }
    while own.published.borrow().len() < desk.plan.messages {
        let attempt = own.attempts.get() + 1;
        own.attempts.set(attempt);
        let (kind, payload) = message(who, attempt);
        let done = if attempt.is_multiple_of(3) {
            tx.give_up(&payload)
        } else {
            let published = tx.try_publish(&payload, kind).is_ok();
            if published {
                own.published.borrow_mut().push(attempt);
            }
            published
        };
        if !done {
            own.attempts.set(attempt - 1);
            tx.see_to(env.now());
        }
        env.sleep(TICK).await;
    }
    own.finished.set(true);
}

/// Loses nothing: its place is kept while it is dead.
async fn risk(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    if desk.heard.get() {
        return;
    }
    match desk.plan.form {
        Form::Parts => {
            let join = |segment: Segment<Mapping>, live, peer: &Peer| {
                segment.frame_consumer::<N, _, _>(live, peer, Start::Resume, Room::<64>::new())
            };
            hear(env, mapping, desk, join, |rx| {
                rx.tend();
            })
            .await;
        }
        Form::Runs => {
            let join = |segment: Segment<Mapping>, live, peer: &Peer| {
                segment.var_consumer::<N, _, _>(live, peer, Start::Resume, Room::<64>::new())
            };
            hear(env, mapping, desk, join, |rx| {
                rx.tend();
            })
            .await;
        }
    }
}

async fn hear<S: Source>(
    env: Env,
    mapping: Mapping,
    desk: Rc<Desk>,
    join: impl Fn(Segment<Mapping>, SimLiveness, &Peer) -> Result<S, JoinError>,
    tend: impl Fn(&S),
) {
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(HOLD);
    let mut rx = loop {
        match join(attached(&mapping), mapping.liveness(), &peer) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    loop {
        let heard = rx.hear(|got, _| {
            let (who, attempt) = (usize::from(got.kind >> 7), got.kind & 127);
            assert_eq!(
                (got.kind, got.bytes.to_vec()),
                message(who, attempt),
                "RL-14: it is not what was sent"
            );
            let mut given = desk.given.borrow_mut();
            // Whoever died between a message and its acknowledgement sees that one again.
            if given.last() != Some(&(who, attempt)) {
                given.push((who, attempt));
            }
        });
        match heard {
            Some(Next::Item(())) => {}
            Some(Next::Closed(_)) if desk.is_over() => break,
            None | Some(Next::Closed(_)) => tend(&rx),
            Some(other) => panic!("a consumer of several hears {other:?}"),
        }
        env.sleep(TICK).await;
    }
    desk.heard.set(true);
}

/// Somebody dies at every store.
fn at_every_store(victim: &str, plan: Plan) {
    let (Plan { form, returns, messages, .. }, name) = (plan, format!("host/{victim}"));
    let who = Victim::new(&name);
    let who = if returns { who.restarting(DOWN) } else { who };
    let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
        let desk = play(sim, plan);
        let gone = sim.stats().store_deaths > 0 && !returns;
        if !(gone && victim == "risk") {
            desk.judge();
        }
        let producers = if gone && PRODUCERS.contains(&victim) { 1 } else { 2 };
        assert!(desk.finished() >= producers, "who lives publishes all of its {messages} messages");
    });
    println!(
        "{form:?} of several, {victim}, {}: {points}",
        if returns { "back again" } else { "gone for good" }
    );
    points.expect_ok();
}

// RING-MPSC, RING-CRASH, RING-LAYERS: each of two producers dies at every store of its messages, those that it gives up included, and
// with or without a next life none is lost that it was told of, and none is doubled, short, or of both.
#[test]
fn one_of_two_producers_dies_at_every_store_of_its_messages_rl_11_rl_12_rl_14() {
    for form in [Form::Parts, Form::Runs] {
        for victim in PRODUCERS {
            for returns in [true, false] {
                at_every_store(victim, Plan { form, messages: 3, returns, late: false });
            }
        }
    }
}

// RING-MPSC, RING-CRASH, RING-LAYERS: so does whoever takes them.
#[test]
fn who_takes_messages_of_several_dies_at_every_store_rl_2_rl_8() {
    for form in [Form::Parts, Form::Runs] {
        for returns in [true, false] {
            at_every_store("risk", Plan { form, messages: 3, returns, late: false });
        }
    }
}

// RING-MPSC, RING-MEMORY, RING-LAYERS: however late stores are seen and however often nothing can be proved, messages of several are
// whole.
#[test]
fn late_stores_and_doubtful_proofs_break_no_message_of_several() {
    let mut given = 0;
    for seed in 0..20 {
        for form in [Form::Parts, Form::Runs] {
            let mut sim = Sim::new(seed);
            sim.after(TICK.saturating_mul(5 + seed % 20), |sim| {
                let left = sim.processes().find(|process| sim.name(*process) == "host/left");
                let left = left.expect("it is there");
                sim.kill(left);
                sim.after(DOWN.saturating_mul(2), move |sim| sim.restart(left));
            });
            let desk = play(&mut sim, Plan { form, messages: 6, returns: true, late: true });
            desk.judge();
            assert_eq!(desk.finished(), 2, "seed {seed}, {form:?}");
            given += desk.given.borrow().len();
        }
    }
    assert!(given >= 20 * 2 * 12, "{given}");
}
