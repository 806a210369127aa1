//! clients ◀══▶ server [locks, last answers]      what clients saw of the locks has an explanation, although the server
//!                  │ dies, comes back                dies, the links lose and repeat, and nobody knows what a lost answer said
//!
//! A lock is a register that holds its owner. A client takes it by a compare-and-swap from nobody to itself, works for a
//! while and gives it back; it asks again until an answer comes, and gives up after a few times. The server keeps what must
//! outlive it: the owners, and for each client the last answer, so that a request that arrives twice is answered twice and
//! carried out once.

use super::{broken, law};
use crc::{CRC_32_ISO_HDLC, Crc};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::oracle::{History, Map, MapOp, MapRet, linearizable, network_conservation};
use tidemill_sim::{Address, Context, Env, Event, Failure, Latency, LinkConfig, Process, Rate, Sim};

pub(super) const STORY: Story = Story {
    name: "lock_service",
    picture: "clients ◀══▶ server [locks, last answers]",
    about: "compare-and-swap over a lossy network and a mortal server is linearizable, and no lock has two owners",
    seeds: 500,
    must: Must::Pass,
    params: &[
        Param { name: "clients", default: 4, range: 1..=20, about: "clients", shrink: Shrink::Machines },
        Param { name: "locks", default: 2, range: 1..=20, about: "locks", shrink: Shrink::No },
        Param {
            name: "turns",
            default: 12,
            range: 1..=10_000,
            about: "times that a client goes for a lock",
            shrink: Shrink::Items,
        },
        Param {
            name: "loss",
            default: 100,
            range: 0..=500,
            about: "datagrams lost of a thousand",
            shrink: Shrink::No,
        },
        Param {
            name: "deaths",
            default: 10,
            range: 0..=100,
            about: "events of a thousand at which the server dies",
            shrink: Shrink::Faults,
        },
        Param {
            name: "answers",
            default: 1,
            range: 0..=1,
            about: "whether the server keeps its last answers (0 is a bug)",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const RESEND: Duration = Duration::from_millis(30);
/// A request is sent so often before its client gives up.
const TRIES: u32 = 6;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

type Locks = Map<u64, u64>;
type Op = MapOp<u64, u64>;

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let few = Rate::percent(2);
    sim.links(LinkConfig {
        latency: Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(10) },
        loss: Rate::per_million(params.get("loss") as u32 * 1_000),
        duplicate: few,
        reorder: few,
        reorder_by: Latency::Uniform { min: Duration::from_millis(10), max: Duration::from_millis(200) },
        corrupt: Rate::percent(1),
        ..LinkConfig::default()
    });
    let (history, owners) = (History::new("locks"), Owners::default());
    sim.watch(linearizable(Locks::new(), &history));
    sim.watch(network_conservation());

    let rack = sim.machine("rack");
    let (disk, keeps) = (Disk::default(), params.get("answers") == 1);
    let server = sim.spawn_with(rack, "server", move |_| Box::new(Server { disk: Rc::clone(&disk), keeps }));
    let down = Latency::Uniform { min: Duration::from_millis(5), max: Duration::from_millis(100) };
    sim.crash(server, Rate::per_million(params.get("deaths") as u32 * 1_000), Some(down));

    let (to, turns, locks) = (sim.address(server), params.get("turns"), params.get("locks"));
    let finished = Rc::new(Cell::new(0));
    for me in 1..=params.get("clients") {
        let desk = sim.machine(&format!("desk{me}"));
        let (history, owners, finished) = (history.clone(), owners.clone(), Rc::clone(&finished));
        sim.spawn_async(desk, "client", move |env| {
            let client = Client { env, to, me, asked: 0, history: history.clone(), owners: owners.clone() };
            let finished = Rc::clone(&finished);
            async move {
                client.work(turns, locks).await;
                finished.set(finished.get() + 1);
            }
        });
    }
    broken(sim.run())?;
    let clients = params.get("clients");
    law(sim, "every client finishes", finished.get() == clients, || {
        format!("{} of {clients} did", finished.get())
    })
}

/// Who believes to own which lock.
type Owners = Rc<RefCell<BTreeMap<u64, u64>>>;

struct Client {
    env: Env,
    to: Address,
    me: u64,
    asked: u64,
    history: History<Locks>,
    owners: Owners,
}

impl Client {
    async fn work(mut self, turns: u64, locks: u64) {
        for _ in 0..turns {
            self.pause("think", 20).await;
            let lock = self.env.choose("lock", locks);
            if self.take(lock).await {
                self.hold(lock).await;
                self.give(lock).await;
            }
        }
    }

    async fn take(&mut self, lock: u64) -> bool {
        match self.ask(MapOp::Swap { key: lock, from: None, to: Some(self.me) }).await {
            Some(MapRet::Swapped(mine)) => mine,
            // Perhaps it is ours: whoever does not look may own it for ever.
            _ => loop {
                match self.ask(MapOp::Get(lock)).await {
                    Some(MapRet::Value(owner)) => break owner == Some(self.me),
                    _ => self.pause("retry", 50).await,
                }
            },
        }
    }

    /// Owns the lock for a while, and notices if somebody else believes the same.
    async fn hold(&self, lock: u64) {
        if let Some(other) = self.owners.borrow_mut().insert(lock, self.me) {
            self.env.fail("one owner", format!("clients {other} and {} own lock {lock}", self.me));
        }
        self.pause("hold", 20).await;
        self.owners.borrow_mut().remove(&lock);
    }

    async fn give(&mut self, lock: u64) {
        while self.ask(MapOp::Swap { key: lock, from: Some(self.me), to: None }).await.is_none() {
            self.pause("retry", 50).await;
        }
    }

    async fn pause(&self, kind: &'static str, ms: u64) {
        self.env.sleep(Duration::from_millis(self.env.choose(kind, ms))).await;
    }

    /// Asks until there is an answer; `None` where it gave up, and what was asked may be done or not.
    async fn ask(&mut self, op: Op) -> Option<MapRet<u64>> {
        self.asked += 1;
        let call = self.history.call(self.me, op.clone());
        let request = seal(&request(self.me, self.asked, &op));
        for _ in 0..TRIES {
            self.env.send(self.to, &request).expect("a short datagram to a machine that is there");
            if let Some(answer) = self.answer().await {
                self.history.returned(call, answer.clone());
                return Some(answer);
            }
        }
        self.history.unknown(call);
        None
    }

    /// The answer to what was asked last, if it comes in time.
    async fn answer(&self) -> Option<MapRet<u64>> {
        let due = self.env.now() + RESEND;
        loop {
            let seen = self.env.epoch();
            while let Some((_, bytes)) = self.env.try_recv() {
                match open(&bytes) {
                    Some([asked, 0, owner, ..]) if asked == self.asked => {
                        return Some(MapRet::Value(somebody(owner)));
                    }
                    Some([asked, 1, done, ..]) if asked == self.asked => {
                        return Some(MapRet::Swapped(done == 1));
                    }
                    // Damaged, or the answer to an earlier request.
                    _ => {}
                }
            }
            if self.env.now() >= due {
                return None;
            }
            self.env.changed(seen, Some(due)).await;
        }
    }
}

/// What the server wrote before it answered: owners by lock, and each client's last request with its answer.
#[derive(Default)]
struct Kept {
    owners: BTreeMap<u64, u64>,
    answers: BTreeMap<u64, (u64, Words)>,
}

type Disk = Rc<RefCell<Kept>>;

struct Server {
    disk: Disk,
    keeps: bool,
}

impl Process for Server {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let Event::Datagram { from, bytes, .. } = event else { return };
        let Some([client, asked, kind, lock, old, new]) = open(bytes) else { return };
        let Kept { owners, answers } = &mut *self.disk.borrow_mut();
        let answer = match answers.get(&client) {
            Some((last, answer)) if self.keeps && *last == asked => *answer,
            // Its client gave up on it, or had its answer.
            Some((last, _)) if *last > asked => return,
            _ => {
                let owner = owners.get(&lock).copied().unwrap_or(NOBODY);
                let swaps = kind == 1 && owner == old;
                if swaps && new == NOBODY {
                    owners.remove(&lock);
                } else if swaps {
                    owners.insert(lock, new);
                }
                [asked, kind, if kind == 1 { u64::from(swaps) } else { owner }, 0, 0, 0]
            }
        };
        answers.insert(client, (asked, answer));
        context.send(from, &seal(&answer)).expect("a short datagram to a machine that is there");
    }
}

/// The owner of a lock that is free.
const NOBODY: u64 = 0;

fn somebody(owner: u64) -> Option<u64> {
    (owner != NOBODY).then_some(owner)
}

/// What a datagram says.
type Words = [u64; 6];

fn request(me: u64, asked: u64, op: &Op) -> Words {
    match op {
        MapOp::Swap { key, from, to } => [me, asked, 1, *key, from.unwrap_or(NOBODY), to.unwrap_or(NOBODY)],
        MapOp::Get(key) => [me, asked, 0, *key, 0, 0],
        MapOp::Put(..) | MapOp::Delete(_) => unreachable!("a client looks or swaps"),
    }
}

/// Words and their checksum.
fn seal(words: &Words) -> [u8; 52] {
    let mut bytes = [0; 52];
    for (word, into) in words.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *into = word.to_le_bytes();
    }
    let checksum = CRC.checksum(&bytes[..48]).to_le_bytes();
    bytes[48..].copy_from_slice(&checksum);
    bytes
}

/// The words, if their checksum fits.
fn open(bytes: &[u8]) -> Option<Words> {
    let (words, checksum) = bytes.split_first_chunk::<48>()?;
    let fits = checksum == CRC.checksum(words).to_le_bytes();
    let (chunks, _) = words.as_chunks::<8>();
    fits.then(|| std::array::from_fn(|at| u64::from_le_bytes(chunks[at])))
}

#[cfg(test)]
mod tests {
    use super::STORY;
    use tidemill_sim::Overlay;

    // SIM-ORACLES: linearizability finds a server that carries a repeated request out twice
    #[test]
    fn a_server_that_forgets_what_it_answered_is_found() {
        let mut params = STORY.params();
        STORY.set(&mut params, "answers", "0").expect("0 is in range");
        let failures: Vec<String> = (0..40)
            .filter_map(|seed| STORY.run(seed, &params, Overlay::new()).failure)
            .map(|failure| failure.id)
            .collect();
        let id = "linearizable(locks): no order of the operations explains their answers";
        assert!(failures.iter().any(|failure| failure == id), "{failures:?}");
    }
}
