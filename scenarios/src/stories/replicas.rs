//! client ──▶ r0 r1 r2      a register on three replicas in memory: no write is lost, although one of them may always be down
//!
//! A write counts once two replicas have it, a read asks two. A replica that comes back knows nothing: it asks both others and
//! answers nobody before. Every answer says how often each replica was born, as far as its sender knows, so that an
//! acknowledgement from an earlier life counts for nothing (crash vectors: Michael, Ports, Sharma, Szekeres, "Recovering
//! Shared Objects Without Stable Storage", DISC 2017).

use crc::{CRC_32_ISO_HDLC, Crc};
use std::cell::Cell;
use std::rc::Rc;
use tidemill_seam::{Duration, Instant};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::oracle::{Probe, exactly_once};
use tidemill_sim::{
    Address, Context, Event, Failure, Keeps, Load, Placement, Process, Sim, Swarm, expects, kill, reachable,
    sometimes, watermark,
};

pub(super) const STORY: Story = Story {
    name: "replicas",
    picture: "client ──▶ r0 r1 r2",
    about: "no write to three replicas in memory is lost while at most one of them is down",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "writes",
            default: 40,
            range: 1..=100_000,
            about: "writes the client makes, each read back",
            shrink: Shrink::Items,
        },
        Param {
            name: "beyond",
            default: 0,
            range: 0..=1,
            about: "whether two replicas die at once, which no run survives",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const REPLICAS: usize = 3;
const NAMES: [&str; REPLICAS] = ["r0", "r1", "r2"];
const QUORUM: usize = 2;
const RESEND: Duration = Duration::from_millis(25);

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let addresses = replicas(sim);
    let beyond = params.get("beyond") == 1;
    let group = Placement::new().node("client", "client", Keeps::Volatile);
    let placement =
        if beyond { group } else { group.replicas("register", &NAMES, REPLICAS - QUORUM, Keeps::Volatile) };
    let mut scenario =
        sim.load(Writes { count: params.get("writes"), done: Rc::default(), replicas: addresses });
    if beyond {
        let (at, span) = (Instant::ZERO + Duration::from_millis(50), Duration::from_millis(10));
        for name in &NAMES[..QUORUM] {
            scenario = scenario.fault(kill(name).at(at).restart_after(span));
        }
    }
    scenario
        .place(placement)
        .swarm(&Swarm::all())
        .check(exactly_once("writes"))
        .check(|sim: &Sim, _| sim.budget_kept())
        .safe_for(Duration::from_secs(3))
        .live_within(Duration::from_secs(5));
    if let Some(failure) = sim.failure() {
        return Err(failure.clone());
    }
    let refused = sim.faults().any(|(_, counts)| counts.refused > 0);
    let down = sim.processes().any(|process| !sim.is_alive(process));
    expects!(sim, "a replica comes back and learns what it forgot");
    sometimes!(sim, refused, "the budget refuses a fault");
    sometimes!(sim, down, "a replica stays down and nobody needs it");
    sometimes!(sim, sim.stats().kills == 0, "nobody dies");
    watermark!(sim, "virtual time of a run", sim.now().since(Instant::ZERO));
    Ok(())
}

fn replicas(sim: &mut Sim) -> [Address; REPLICAS] {
    let machines = NAMES.map(|name| sim.machine(name));
    let addresses = machines.map(|machine| Address { machine, port: 0 });
    for (me, machine) in machines.into_iter().enumerate() {
        // What a replica has of durable memory: how often it was born.
        let mut births = 0;
        let process = sim.spawn_with(machine, "replica", move |_| {
            births += 1;
            let mut lives = [0; REPLICAS];
            lives[me] = births;
            let value = (births == 1).then_some(0);
            Box::new(Replica { me, peers: addresses, lives, value, heard: [None; REPLICAS] })
        });
        sim.daemon(process);
    }
    addresses
}

/// What is asked or answered. The answer repeats the number that it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Write,
    Wrote,
    Read,
    Have,
}

/// How often each replica was born, as far as somebody knows.
type Lives = [u32; REPLICAS];

struct Word {
    kind: Kind,
    from: usize,
    lives: Lives,
    number: u64,
    value: u64,
}

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

impl Word {
    fn seal(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8, self.from as u8];
        self.lives.iter().for_each(|births| bytes.extend(births.to_le_bytes()));
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.value.to_le_bytes());
        bytes.extend(CRC.checksum(&bytes).to_le_bytes());
        bytes
    }

    /// The word, if it is whole.
    fn open(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if CRC.checksum(body).to_le_bytes() != *checksum {
            return None;
        }
        let ([kind, from], mut rest) = body.split_first_chunk::<2>()?;
        let kind = *[Kind::Write, Kind::Wrote, Kind::Read, Kind::Have].get(usize::from(*kind))?;
        let mut lives = [0; REPLICAS];
        for births in &mut lives {
            let (word, after) = rest.split_first_chunk::<4>()?;
            (*births, rest) = (u32::from_le_bytes(*word), after);
        }
        let (number, value) = rest.split_first_chunk::<8>()?;
        let value = u64::from_le_bytes(value.try_into().ok()?);
        Some(Self { kind, from: usize::from(*from), lives, number: u64::from_le_bytes(*number), value })
    }
}

fn learn(lives: &mut Lives, other: &Lives) {
    lives.iter_mut().zip(other).for_each(|(mine, other)| *mine = (*mine).max(*other));
}

fn tell(context: &mut Context<'_>, to: Address, word: &Word) {
    context.send(to, &word.seal()).expect("a short datagram to a machine that is there");
}

struct Replica {
    me: usize,
    peers: [Address; REPLICAS],
    lives: Lives,
    /// The greatest value that was written; `None` until it is known again.
    value: Option<u64>,
    /// What the others answered in this life.
    heard: [Option<u64>; REPLICAS],
}

impl Replica {
    fn word(&self, kind: Kind, number: u64, value: u64) -> Word {
        Word { kind, from: self.me, lives: self.lives, number, value }
    }

    fn life(&self) -> u64 {
        u64::from(self.lives[self.me])
    }

    /// Asks both others what is written.
    fn ask(&self, context: &mut Context<'_>) {
        let word = self.word(Kind::Read, self.life(), 0);
        let others = (0..REPLICAS).filter(|peer| *peer != self.me);
        others.for_each(|peer| tell(context, self.peers[peer], &word));
        context.timer(RESEND, 0);
    }

    /// In its first life it knows that nothing is written; later only what both others say.
    fn hear(&mut self, context: &mut Context<'_>, word: &Word) {
        self.heard[word.from] = Some(word.value);
        let others = (0..REPLICAS).filter(|peer| *peer != self.me);
        let known: Option<Vec<u64>> = others.map(|peer| self.heard[peer]).collect();
        if let Some(known) = known {
            self.value = known.into_iter().max();
            context.recovered();
            reachable!(context, "a replica comes back and learns what it forgot");
        }
    }
}

impl Process for Replica {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let Event::Datagram { from, bytes, .. } = event else {
            if self.value.is_none() {
                self.ask(context);
            }
            return;
        };
        let Some(word) = Word::open(bytes) else { return };
        learn(&mut self.lives, &word.lives);
        match (word.kind, self.value) {
            (Kind::Write, Some(value)) => {
                self.value = Some(value.max(word.value));
                tell(context, from, &self.word(Kind::Wrote, word.number, word.value));
            }
            (Kind::Read, Some(value)) => tell(context, from, &self.word(Kind::Have, word.number, value)),
            (Kind::Have, None) if word.number == self.life() => self.hear(context, &word),
            _ => {}
        }
    }
}

/// Writes 1, 2, 3 … and reads each back.
struct Writes {
    count: u64,
    done: Rc<Cell<u64>>,
    replicas: [Address; REPLICAS],
}

impl Load<Box<dyn Process>> for Writes {
    fn begin(&mut self, sim: &mut Sim) {
        let (machine, probe) = (sim.machine("client"), sim.probe("writes"));
        let (replicas, done) = (self.replicas, self.done.clone());
        let (lives, answers) = ([0; REPLICAS], [None; REPLICAS]);
        let client = Client { replicas, count: self.count, done, probe, lives, answers, reads: false };
        sim.spawn(machine, "client", Box::new(client));
    }

    fn left(&self, _: &Sim) -> u64 {
        self.count - self.done.get()
    }
}

struct Client {
    replicas: [Address; REPLICAS],
    count: u64,
    done: Rc<Cell<u64>>,
    probe: Probe,
    lives: Lives,
    /// What each replica answered, and in which of its lives.
    answers: [Option<(u32, u64)>; REPLICAS],
    /// Whether the number is written and now read back.
    reads: bool,
}

impl Client {
    /// The number that is written or read back.
    fn number(&self) -> u64 {
        self.done.get() + 1
    }

    fn finished(&self) -> bool {
        self.done.get() == self.count
    }

    fn ask(&self, context: &mut Context<'_>) {
        let (kind, number) = (if self.reads { Kind::Read } else { Kind::Write }, self.number());
        let word = Word { kind, from: REPLICAS, lives: self.lives, number, value: number };
        self.replicas.iter().for_each(|replica| tell(context, *replica, &word));
        context.timer(RESEND, self.turn());
    }

    /// Tells the writes and the reads apart.
    fn turn(&self) -> u64 {
        self.number() * 2 + u64::from(self.reads)
    }

    /// The answers that count, once there are enough of them.
    fn quorum(&self, context: &Context<'_>) -> Option<u64> {
        let current = |(replica, answer): (usize, &Option<(u32, u64)>)| {
            answer.and_then(|(life, value)| (life == self.lives[replica]).then_some(value))
        };
        let valid: Vec<u64> = self.answers.iter().enumerate().filter_map(current).collect();
        if valid.len() < self.answers.iter().flatten().count() {
            reachable!(context, "an acknowledgement from an earlier life");
        }
        (valid.len() >= QUORUM).then(|| valid.into_iter().max()).flatten()
    }

    fn take(&mut self, context: &mut Context<'_>, word: &Word) {
        let wanted = if self.reads { Kind::Have } else { Kind::Wrote };
        if word.kind != wanted || word.number != self.number() || self.finished() {
            return;
        }
        self.answers[word.from] = Some((word.lives[word.from], word.value));
        let Some(value) = self.quorum(context) else { return };
        let number = self.number();
        if self.reads && value != number {
            context.fail("a read sees the last write", format!("it saw {value}, and {number} was written"));
        }
        self.answers = [None; REPLICAS];
        if self.reads {
            self.probe.delivered(number);
            self.done.set(number);
        }
        self.reads = !self.reads;
        if !self.finished() {
            self.begin(context);
        }
    }

    fn begin(&self, context: &mut Context<'_>) {
        if !self.reads {
            self.probe.sent(self.number());
        }
        self.ask(context);
    }
}

impl Process for Client {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Start => self.begin(context),
            Event::Timer { token } if token == self.turn() && !self.finished() => self.ask(context),
            Event::Datagram { bytes, .. } => {
                if let Some(word) = Word::open(bytes).filter(|word| word.from < REPLICAS) {
                    learn(&mut self.lives, &word.lives);
                    self.take(context, &word);
                }
            }
            _ => {}
        }
    }

    fn waiting(&self) -> Option<String> {
        (!self.finished()).then(|| format!("answers about {}", self.number()))
    }
}
