//! Who takes part: stations that append, centres that read, hosts that lend, and a stranger without a right.

use super::books::{Books, Broken, EDGE, NOTHING, RIGHT, STATION, digest};
use crate::stories::pipeline::EXPECTED;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_pipeline::{Celsius, Window, judge};
use tidemill_relocate::drive::{
    ConsumerEnd, EndError, Ground, HostEnd, ProducerEnd, PushError, Taker, World,
};
use tidemill_relocate::{
    Capability, ConsumerConfig, FenceEpoch, HostId, Incarnation, Nonce, Preset, ProducerConfig, Reply,
    Request, Seg, StageError, StageId, StageStore, Target, Terms, Verb, wire,
};
use tidemill_seam::{Duration, Instant};
use tidemill_sim::{
    Address, Context, DiskId, Event, Process, RegisterId, Seams, SimDisk, SimEntropy, SimLeaseClock, SimLink,
    SimRegister, TimerId, reachable,
};

/// A reading, and which life of the station took it down.
pub(super) type Item = Rc<[u8]>;

/// How an edge is used.
#[derive(Clone, Debug)]
pub(super) struct Tune {
    pub(super) rows: u64,
    /// Between two readings; none where they come as fast as they are taken.
    pub(super) pace: Duration,
    /// Readings a checkpoint.
    pub(super) batch: u64,
    /// From this reading on the first life of the station writes no checkpoint.
    pub(super) mute: u64,
    pub(super) capacity: u64,
    pub(super) retain_max: u64,
    pub(super) window: u64,
    pub(super) read_max: u32,
    pub(super) preset: Preset,
    pub(super) terms: Terms,
    pub(super) op_timeout: Duration,
    pub(super) resend: Duration,
    pub(super) backoff: Duration,
    pub(super) poll: Duration,
    pub(super) complain_after: Duration,
}

impl Default for Tune {
    fn default() -> Self {
        Self {
            rows: 60,
            pace: Duration::from_millis(5),
            batch: 8,
            mute: u64::MAX,
            capacity: 1 << 14,
            retain_max: 1 << 12,
            window: 8,
            read_max: 8,
            preset: Preset::ExactlyOnce,
            terms: Terms { ttl: Duration::from_secs(1), drift_ppm: 200 },
            op_timeout: Duration::from_millis(50),
            resend: Duration::from_millis(15),
            backoff: Duration::from_millis(20),
            poll: Duration::from_millis(200),
            complain_after: Duration::from_millis(100),
        }
    }
}

/// What an end has to know.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) tune: Tune,
    pub(super) hosts: Vec<(HostId, Address)>,
    pub(super) edge: RegisterId,
    pub(super) station: Shelf,
    pub(super) centre: Shelf,
}

/// Where a stage keeps its checkpoints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf {
    pub(super) stage: StageId,
    pub(super) register: RegisterId,
    pub(super) disk: DiskId,
}

/// Bytes of a state at most.
const STATE: u64 = 256;
/// Lives that may follow a zombie before what it writes late lies where one of them wrote. Nobody sleeps for longer than so many take.
pub(super) const AREAS: u64 = 32;
/// How long a stage whose disk failed it waits before it begins again.
const REST: Duration = Duration::from_millis(200);

impl Tune {
    /// Blocks that a stage takes, in each of its areas.
    pub(super) fn blocks(&self) -> u64 {
        let retained = (self.retain_max / ITEM as u64 + 1) * (ITEM as u64 + 32);
        2 * (STATE + 1024).div_ceil(500) + 2 * retained.div_ceil(500) + 4
    }
}

impl Shelf {
    fn open(&self, seams: &Seams) -> StageStore<SimDisk, SimRegister> {
        self.over(seams.disk(self.disk), seams.register(self.register))
    }

    pub(super) fn over(&self, disk: SimDisk, register: SimRegister) -> StageStore<SimDisk, SimRegister> {
        StageStore::new(disk, register, self.stage, 1, AREAS, STATE).expect("as many blocks as it takes")
    }
}

/// The seams of the simulation.
#[derive(Debug)]
pub(super) struct Simulated;

impl World for Simulated {
    type Clock = SimLeaseClock;
    type Entropy = SimEntropy;
    type Link = SimLink;
    type Edge = SimRegister;
    type Stage = SimRegister;
    type Blocks = SimDisk;
}

pub(super) type Shared = Rc<RefCell<Books>>;

/// The birth counts, for a process that is started again is given the same random bytes again.
fn ground(seams: &Seams, birth: u64, plan: &Plan, shelf: Shelf) -> Ground<Simulated> {
    (0..birth * LIVES).for_each(|_| drop(seams.entropy()));
    Ground {
        clock: seams.lease_clock(),
        entropy: seams.entropy(),
        link: seams.link(),
        edge: seams.register(plan.edge),
        stage: shelf.open(seams),
        hosts: plan.hosts.clone(),
        resend: plan.tune.resend,
    }
}

/// One timer, for when an end wants to be called again.
#[derive(Debug, Default)]
struct Alarm(Option<(TimerId, Instant)>);

impl Alarm {
    /// The instant is one of the clock for leases.
    fn set(&mut self, context: &mut Context<'_>, due: Instant) {
        if self.0.is_some_and(|(_, set)| set == due) {
            return;
        }
        if let Some((timer, _)) = self.0.take() {
            context.cancel(timer);
        }
        if due < Instant::MAX {
            let after = due.since(context.lease_now());
            self.0 = Some((context.timer(after, 0), due));
        }
    }

    fn rang(&mut self, event: Event<'_>) {
        if matches!(event, Event::Timer { .. }) {
            self.0 = None;
        }
    }
}

fn keep(context: &mut Context<'_>, kept: Result<(), Broken>) {
    if let Err((law, message)) = kept {
        context.fail(law, message);
    }
}

/// How a life may end: by a later one, or by a disk that fails it. In that case another one begins in its place.
fn over(context: &mut Context<'_>, error: Option<EndError>) -> bool {
    match error {
        None => false,
        Some(error) if error.is_fenced() => false,
        Some(EndError::Stage(StageError::Unsynced | StageError::StateLost { why: None, .. })) => {
            reachable!(*context, "a stage whose disk failed it begins again");
            true
        }
        Some(error) => {
            context.fail("a life ends when a later one begins", error.to_string());
            false
        }
    }
}

/// Streams of random bytes that the lives of one process take at most.
const LIVES: u64 = 16;

/// What a story knows of a life.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Life {
    pub(super) inc: u64,
    pub(super) over: bool,
    pub(super) rollbacks: u64,
    /// The next offset that it writes or reads, and what is durable of it.
    pub(super) cursor: u64,
    pub(super) kept: u64,
}

/// The station: it appends readings, and writes down how far it is.
pub(super) struct Station {
    end: ProducerEnd<Simulated, Item>,
    alarm: Alarm,
    seams: Seams,
    plan: Rc<Plan>,
    books: Shared,
    rests: Option<Instant>,
    /// The next reading, once the checkpoint is known; and when it is due.
    next: Option<u64>,
    due: Instant,
    life: Rc<Cell<Life>>,
    order: Rc<Cell<Option<HostId>>>,
}

impl Station {
    pub(super) fn new(
        (seams, birth): (&Seams, u64),
        (plan, books): (&Rc<Plan>, &Shared),
        life: &Rc<Cell<Life>>,
        order: &Rc<Cell<Option<HostId>>>,
    ) -> Self {
        let (plan, books, life, order) =
            (Rc::clone(plan), Rc::clone(books), Rc::clone(life), Rc::clone(order));
        let (end, seams) = (Self::end(seams, birth, &plan), seams.clone());
        let (alarm, rests, next, due) = (Alarm::default(), None, None, Instant::ZERO);
        Self { end, alarm, seams, plan, books, rests, next, due, life, order }
    }

    fn end(seams: &Seams, birth: u64, plan: &Plan) -> ProducerEnd<Simulated, Item> {
        let tune = &plan.tune;
        let config = ProducerConfig {
            edge: EDGE,
            stage: STATION,
            capability: RIGHT,
            hosts: plan.hosts.iter().map(|(host, _)| *host).collect(),
            capacity: tune.capacity,
            retain_max: tune.retain_max,
            window: tune.window,
            op_timeout: tune.op_timeout,
            backoff: tune.backoff,
            poll: tune.poll,
            terms: tune.terms,
        };
        ProducerEnd::new(config, ground(seams, birth, plan, plan.station)).expect("fair terms")
    }

    /// Appends what is due, and writes down how far it is.
    fn append(&mut self, context: &mut Context<'_>) {
        if let Some(state) = self.end.restored() {
            self.next = Some(state.first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word)));
            keep(context, self.books.borrow().station_began(self.end.machine()));
        }
        let (Some(mut next), now) = (self.next, context.lease_now()) else { return };
        while next < self.plan.tune.rows && self.due <= now && self.end.machine().is_active() {
            match self.end.push(item(next, self.end.machine().inc().0)) {
                Ok(off) if off == next => {}
                Ok(off) => context.fail("G1", format!("reading {next} is at offset {off}")),
                Err(PushError::Full(_)) => break,
                Err(PushError::TooLong(_)) => context.fail("an item fits", "it does not"),
            }
            next += 1;
            if self.plan.tune.pace > Duration::ZERO {
                self.due = now + self.plan.tune.pace;
            }
            self.write(next);
        }
        self.next = Some(next);
        self.write(next);
    }

    /// Whatever life comes next reads what became durable.
    fn begin_again(&mut self, context: &mut Context<'_>) {
        let now = context.lease_now();
        let rests = *self.rests.get_or_insert(now + REST);
        if rests <= now {
            (self.end, self.next, self.rests) = (Self::end(&self.seams, 0, &self.plan), None, None);
        }
        self.alarm.set(context, rests);
    }

    fn write(&mut self, next: u64) {
        let tune = &self.plan.tune;
        let mute = self.end.machine().inc().0 == 1 && next > tune.mute;
        let enough = next == tune.rows || next - self.end.kept() >= tune.batch;
        if (enough || self.end.wants_checkpoint()) && !mute {
            let Some(seq) = self.end.checkpoint(&next.to_le_bytes()) else { return };
            self.books.borrow_mut().drafted(seq, self.end.machine());
        }
    }
}

/// Bytes of an item.
pub(super) const ITEM: usize = 20;

/// The reading of that row, by a life of the station: what another life says at this offset differs.
pub(super) fn item(row: u64, inc: u64) -> Item {
    let Celsius { line, minute, milli_c } = EXPECTED[row as usize].reading;
    let mut bytes = [0; ITEM];
    bytes[..4].copy_from_slice(&line.to_le_bytes());
    bytes[4..8].copy_from_slice(&minute.to_le_bytes());
    bytes[8..12].copy_from_slice(&milli_c.to_le_bytes());
    bytes[12..].copy_from_slice(&inc.to_le_bytes());
    Rc::from(&bytes[..])
}

impl Process for Station {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        self.alarm.rang(event);
        self.end.poll();
        if let Some(to) = self.order.take() {
            self.end.relocate(to);
        }
        self.append(context);
        let due = self.end.poll();
        let machine = self.end.machine();
        let over_now = self.end.error().is_some();
        let (inc, cursor, kept) = (machine.inc().0, machine.next(), self.end.kept());
        self.life.set(Life { inc, over: over_now, rollbacks: 0, cursor, kept });
        if over(context, self.end.error()) {
            return self.begin_again(context);
        }
        let more = self.next.is_some_and(|next| next < self.plan.tune.rows) && machine.is_active();
        let waits = more && self.due > context.lease_now();
        self.alarm.set(context, if waits { due.min(self.due) } else { due });
    }
}

/// The centre: window and anomalies over what it reads.
pub(super) struct Centre {
    end: ConsumerEnd<Simulated, Item>,
    taker: Mean,
    alarm: Alarm,
    seams: Seams,
    plan: Rc<Plan>,
    rests: Option<Instant>,
    follows: (u64, u64),
    life: Rc<Cell<Life>>,
}

/// The state of the centre: the digest of what it took, and the readings that its window still needs.
#[derive(Default)]
struct Mean {
    off: u64,
    digest: u64,
    window: Window,
    last: Vec<i32>,
    released: u64,
    wrong: Option<Broken>,
}

impl Mean {
    fn push(&mut self, reading: Celsius) -> tidemill_pipeline::Mean {
        if self.last.len() == Window::READINGS {
            self.last.remove(0);
        }
        self.last.push(reading.milli_c);
        self.window.push(reading)
    }
}

impl Taker<Item> for Mean {
    fn restore(&mut self, off: u64, state: &[u8]) {
        let (digest, last) = match state.split_first_chunk::<8>() {
            Some((digest, last)) => (u64::from_le_bytes(*digest), last),
            None => (NOTHING, &[][..]),
        };
        let last = last.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word));
        *self = Self { off, digest, released: self.released, ..Self::default() };
        last.for_each(|milli_c| _ = self.push(Celsius { line: 0, minute: 0, milli_c }));
    }

    fn take(&mut self, off: u64, item: Item) {
        let word = |at: usize| item[at..].first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
        let reading = Celsius { line: word(0), minute: word(4), milli_c: word(8) as i32 };
        let verdict = judge(reading, self.push(reading));
        let expected = EXPECTED.get(off as usize);
        if off != self.off || expected != Some(&verdict) {
            let message = format!("{verdict:?} at {off}, not {expected:?} at {}", self.off);
            self.wrong.get_or_insert(("G1", message));
        }
        (self.off, self.digest) = (off + 1, digest(self.digest, &item));
    }

    fn state(&self) -> Vec<u8> {
        let mut state = self.digest.to_le_bytes().to_vec();
        self.last.iter().for_each(|milli_c| state.extend(milli_c.to_le_bytes()));
        state
    }

    fn lost(&mut self, from: u64, to: u64) {
        self.wrong.get_or_insert(("S2", format!("nobody accepted that {from} to {to} are lost")));
    }

    fn release(&mut self, off: u64) {
        if off < self.released {
            self.wrong.get_or_insert(("S1", format!("{off} is released after {}", self.released)));
        }
        self.released = off;
    }
}

impl Centre {
    pub(super) fn new((seams, birth): (&Seams, u64), plan: &Rc<Plan>, life: &Rc<Cell<Life>>) -> Self {
        let (end, plan, life) = (Self::end(seams, birth, plan), Rc::clone(plan), Rc::clone(life));
        let (taker, alarm, seams) = (Mean::default(), Alarm::default(), seams.clone());
        Self { end, taker, alarm, seams, plan, rests: None, follows: (0, 0), life }
    }

    /// Whatever life comes next reads what became durable.
    fn begin_again(&mut self, context: &mut Context<'_>) {
        let now = context.lease_now();
        let rests = *self.rests.get_or_insert(now + REST);
        if rests <= now {
            (self.end, self.follows, self.rests) = (Self::end(&self.seams, 0, &self.plan), (0, 0), None);
        }
        self.alarm.set(context, rests);
    }

    fn end(seams: &Seams, birth: u64, plan: &Plan) -> ConsumerEnd<Simulated, Item> {
        let tune = &plan.tune;
        let config = ConsumerConfig {
            edge: EDGE,
            capability: RIGHT,
            preset: tune.preset,
            window: tune.window,
            read_max: tune.read_max,
            op_timeout: tune.op_timeout,
            backoff: tune.backoff,
            poll: tune.poll,
            complain_after: tune.complain_after,
        };
        ConsumerEnd::new(config, ground(seams, birth, plan, plan.centre))
    }
}

impl Process for Centre {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        self.alarm.rang(event);
        let due = self.end.poll(&mut self.taker);
        let machine = self.end.machine();
        let (ver, generation) = machine.follows();
        let follows = (ver, generation.get());
        if follows.0 < self.follows.0 || follows.1 < self.follows.1 {
            context.fail("S8", format!("a reader went back from {:?} to {follows:?}", self.follows));
        }
        self.follows = follows;
        if let Some((law, message)) = self.taker.wrong.take() {
            context.fail(law, message);
        }
        let over_now = self.end.error().is_some();
        let (inc, rollbacks, cursor) = (machine.floor().inc.0, machine.rollbacks(), machine.cursor());
        self.life.set(Life { inc, over: over_now, rollbacks, cursor, kept: machine.floor().off });
        if over(context, self.end.error()) {
            return self.begin_again(context);
        }
        self.alarm.set(context, due);
    }
}

/// A host, and whoever watches what it says.
pub(super) struct Lender {
    end: HostEnd<SimLeaseClock, SimLink, Item>,
    alarm: Alarm,
    books: Shared,
    capacity: u64,
}

impl Lender {
    pub(super) fn new((seams, birth): (&Seams, u64), id: HostId, capacity: u64, books: &Shared) -> Self {
        books.borrow_mut().host_began(id);
        (0..birth).for_each(|_| drop(seams.entropy()));
        let (clock, mut entropy) = (seams.lease_clock(), seams.entropy());
        let mut end = HostEnd::new(id, capacity, clock, &mut entropy, seams.link());
        end.host_mut().admit(EDGE, RIGHT);
        Self { end, alarm: Alarm::default(), books: Rc::clone(books), capacity }
    }
}

impl Process for Lender {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        self.alarm.rang(event);
        let mut kept = Ok(());
        let books = &mut *self.books.borrow_mut();
        let due = self.end.poll_by(|host, now, request| {
            let attach = Request { target: request.target, verb: Verb::Attach };
            let allocates = matches!(request.verb, Verb::Alloc { .. });
            let fresh = allocates && host.step(now, attach) == Reply::Unknown;
            let asked = request.clone();
            let reply = host.step(now, request);
            if kept.is_ok() {
                kept = books.host_said(host.id(), (&asked, fresh), &reply);
            }
            reply
        });
        let host = self.end.host();
        let (held, lent) = (host.held(), host.lent());
        if held > lent || lent > self.capacity {
            context.fail("S13", format!("{held} bytes are held, {lent} of {} lent", self.capacity));
        }
        books.lent.insert(host.id(), host.segments());
        keep(context, kept);
        self.alarm.set(context, due);
    }
}

/// Asks hosts for what it has no right to, a few times.
pub(super) struct Stranger {
    plan: Rc<Plan>,
    books: Shared,
    left: u32,
}

impl Stranger {
    pub(super) fn new(plan: &Rc<Plan>, books: &Shared) -> Self {
        Self { plan: Rc::clone(plan), books: Rc::clone(books), left: 4 }
    }

    /// What it would do to a segment of which one thing is not as it says.
    fn lie(context: &mut Context<'_>, seg: Seg) -> Request<Item> {
        let mut target =
            Target { edge: EDGE, capability: RIGHT, generation: seg.generation, nonce: seg.nonce };
        match context.choose("lie", 3) {
            0 => target.capability = Capability(1),
            1 => target.nonce = Nonce(seg.nonce.0 ^ 1),
            _ => target.generation = seg.generation.bump().unwrap_or(seg.generation),
        }
        let (inc, off) = (Incarnation(u64::MAX), seg.base);
        let verb = match context.choose("verb", 5) {
            0 => Verb::Read { off, max: 1 },
            1 => Verb::Trim { off: off + 1 },
            2 => Verb::Free { inc },
            3 => Verb::Seal { by: FenceEpoch::LAST },
            _ => Verb::Renew { inc },
        };
        Request { target, verb }
    }
}

impl Process for Stranger {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let newest = self.books.borrow().record.newest().copied();
        match (event, newest) {
            (Event::Timer { .. }, Some(seg)) => {
                let mut bytes = Vec::new();
                wire::encode_request(7, &Self::lie(context, seg), &mut bytes);
                for (_, host) in &self.plan.hosts {
                    context.send(*host, &bytes).expect("a short datagram to a machine that is there");
                }
                self.left -= 1;
            }
            (Event::Start | Event::Timer { .. }, _) => {}
            _ => return,
        }
        if self.left > 0 {
            context.timer(self.plan.tune.poll, 0);
        }
    }
}
