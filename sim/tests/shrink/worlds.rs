//! Ten small worlds, each with one mistake.

use std::cell::RefCell;
use std::rc::Rc;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Address, Context, Duration, Event, Failure, Latency, LinkConfig, Outcome, Process, Rate, Sim,
};

/// A story with a bug, and the smallest run that shows it.
pub(crate) struct Planted {
    pub(crate) story: Story,
    pub(crate) params: &'static [(&'static str, &'static str)],
    /// Entity, kind, counter, value.
    pub(crate) choices: &'static [(&'static str, &'static str, u64, u64)],
}

type Body = fn(&mut Sim, &Params) -> Result<(), Failure>;

const fn story(name: &'static str, about: &'static str, params: &'static [Param], body: Body) -> Story {
    Story { name, picture: "client ──▶ server", about, seeds: 100, must: Must::Pass, params, body }
}

const fn param(name: &'static str, default: u64, shrink: Shrink) -> Param {
    Param { name, default, range: 1..=1_000, about: "how many", shrink }
}

const ITEMS: &[Param] = &[param("items", 60, Shrink::Items)];
const ITEMS_AND_PAIRS: &[Param] = &[param("pairs", 5, Shrink::Machines), param("items", 40, Shrink::Items)];
const FAULTS: &[Param] = &[param("faults", 8, Shrink::Faults)];
const THERE: &str = "client0/link→server0";
const BACK: &str = "server0/link→client0";
const MS: u64 = 1_000_000;

pub(crate) const PLANTED: &[Planted] = &[
    Planted {
        story: story("sent_once", "nothing is sent again", ITEMS, |sim, params| {
            lossy(sim, Rate::percent(2));
            exchange(sim, 1, params.get("items"), Habit { tries: 1, ..Habit::GOOD })
        }),
        params: &[("items", "1")],
        choices: &[(THERE, "loss", 0, 1)],
    },
    Planted {
        story: story("sent_twice", "after two tries it gives up", ITEMS, |sim, params| {
            lossy(sim, Rate::percent(12));
            exchange(sim, 1, params.get("items"), Habit { tries: 2, ..Habit::GOOD })
        }),
        params: &[("items", "1")],
        choices: &[(THERE, "loss", 0, 1), (THERE, "loss", 1, 1)],
    },
    Planted {
        story: story("answer_lost", "the server takes what comes again for new", ITEMS, |sim, params| {
            lossy(sim, Rate::percent(3));
            exchange(sim, 1, params.get("items"), Habit { remembers: false, ..Habit::GOOD })
        }),
        params: &[("items", "1")],
        choices: &[(BACK, "loss", 0, 1)],
    },
    Planted {
        story: story("copied", "a copy counts twice", ITEMS, |sim, params| {
            sim.links(LinkConfig { duplicate: Rate::percent(2), ..LinkConfig::default() });
            exchange(sim, 1, params.get("items"), Habit { remembers: false, ..Habit::GOOD })
        }),
        params: &[("items", "1")],
        choices: &[(THERE, "duplicate", 0, 1)],
    },
    Planted {
        story: story("one_of_five", "a damaged number is believed", ITEMS_AND_PAIRS, |sim, params| {
            sim.links(LinkConfig { corrupt: Rate::per_million(2_000), ..LinkConfig::default() });
            exchange(sim, params.get("pairs"), params.get("items"), Habit { checks: false, ..Habit::GOOD })
        }),
        params: &[("pairs", "1"), ("items", "1")],
        choices: &[(THERE, "corrupt", 0, 1)],
    },
    Planted {
        story: story("overtaken", "what is sent first is taken to come first", ITEMS, |sim, params| {
            let latency = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(4) };
            sim.links(LinkConfig { latency, ..LinkConfig::default() });
            stream(sim, params.get("items"))
        }),
        params: &[("items", "2")],
        choices: &[(THERE, "latency", 0, MS + 1)],
    },
    Planted {
        story: story("impatient", "an answer after 16 ms is too late", ITEMS, |sim, params| {
            sim.links(LinkConfig::default());
            exchange(sim, 1, params.get("items"), Habit { patience_ms: 16, ..Habit::GOOD })
        }),
        params: &[("items", "1")],
        choices: &[(THERE, "latency", 0, 5_000_001), (BACK, "latency", 0, 9 * MS)],
    },
    Planted {
        story: story("two_down", "both replicas are down at once", FAULTS, |sim, params| {
            two_down(sim, params)
        }),
        params: &[("faults", "2")],
        choices: &[("world", "faults", 0, 1), ("world", "which", 1, 1)],
    },
    Planted {
        story: story("third_order", "the third step before the second", ITEMS, |sim, params| {
            order(sim, params)
        }),
        params: &[("items", "1")],
        choices: &[("world", "pick", 0, 1), ("world", "pick", 1, 3)],
    },
    Planted {
        story: story("crashed", "what was taken is forgotten with the process", ITEMS, |sim, params| {
            crashing(sim, params.get("items"))
        }),
        params: &[("items", "2")],
        choices: &[("server0/server", "crash", 2, 1)],
    },
];

fn lossy(sim: &mut Sim, loss: Rate) {
    sim.links(LinkConfig { loss, ..LinkConfig::default() });
}

fn broken(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

/// What client and server do right, and what not.
#[derive(Clone, Copy)]
struct Habit {
    tries: u64,
    patience_ms: u64,
    /// Whether the server knows again what it has taken.
    remembers: bool,
    /// Whether damage is noticed.
    checks: bool,
}

impl Habit {
    const GOOD: Self = Self { tries: u64::MAX, patience_ms: 25, remembers: true, checks: true };
}

/// Pairs in which the client has every number added up by its server, one at a time.
fn exchange(sim: &mut Sim, pairs: u64, items: u64, habit: Habit) -> Result<(), Failure> {
    for pair in 0..pairs {
        let (near, far) = (sim.machine(&format!("client{pair}")), sim.machine(&format!("server{pair}")));
        let server = sim.spawn(far, "server", Box::new(Server { habit, taken: 0 }));
        let server = sim.address(server);
        sim.spawn(near, "client", Box::new(Client { server, items, item: 0, tries: 0, habit }));
    }
    broken(sim.run())
}

struct Client {
    server: Address,
    items: u64,
    item: u64,
    tries: u64,
    habit: Habit,
}

impl Client {
    fn send(&mut self, context: &mut Context<'_>) {
        if self.item == self.items {
            return;
        }
        if self.tries == self.habit.tries {
            context.fail("client", format!("gave up item {}", self.item));
            return;
        }
        self.tries += 1;
        context.send(self.server, &seal(self.item)).expect("a machine that is there");
        context.timer(Duration::from_millis(self.habit.patience_ms), self.item);
    }
}

impl Process for Client {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Start => self.send(context),
            Event::Timer { token } if token == self.item && self.item < self.items => {
                if self.habit.patience_ms < 20 {
                    context.fail("client", format!("no answer for item {token}"));
                }
                self.send(context);
            }
            Event::Datagram { bytes, .. }
                if open(bytes, true) == Some(self.item) && self.item < self.items =>
            {
                self.item += 1;
                self.tries = 0;
                self.send(context);
            }
            _ => {}
        }
    }
}

/// Takes numbers in their order, each once.
struct Server {
    habit: Habit,
    taken: u64,
}

impl Process for Server {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let Event::Datagram { from, bytes, .. } = event else { return };
        let Some(item) = open(bytes, self.habit.checks) else { return };
        if item > self.taken {
            context.fail("server", format!("item {item} was never sent"));
        } else if item < self.taken && !self.habit.remembers {
            context.fail("server", format!("item {item} taken twice"));
        } else {
            self.taken = self.taken.max(item + 1);
            context.send(from, &seal(item)).expect("a machine that is there");
        }
    }
}

/// A number, twice.
fn seal(item: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&item.to_le_bytes());
    bytes[8..].copy_from_slice(&item.to_le_bytes());
    bytes
}

fn open(bytes: &[u8], checks: bool) -> Option<u64> {
    let (first, second) = bytes.split_first_chunk::<8>()?;
    (!checks || first == second).then(|| u64::from_le_bytes(*first))
}

/// One number a millisecond; the receiver takes it that they come in order.
fn stream(sim: &mut Sim, items: u64) -> Result<(), Failure> {
    struct Source(Address, u64, u64);
    impl Process for Source {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            if self.1 < self.2 {
                context.send(self.0, &seal(self.1)).expect("a machine that is there");
                self.1 += 1;
                context.timer(Duration::from_millis(1), 0);
            }
        }
    }
    struct Sink(u64);
    impl Process for Sink {
        fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
            if let Event::Datagram { bytes, .. } = event {
                let item = open(bytes, true).expect("nothing is damaged here");
                if item != self.0 {
                    context.fail("sink", format!("{item} came instead of {}", self.0));
                }
                self.0 += 1;
            }
        }
    }
    let (near, far) = (sim.machine("client0"), sim.machine("server0"));
    let sink = sim.spawn(far, "sink", Box::new(Sink(0)));
    let sink = sim.address(sink);
    sim.spawn(near, "source", Box::new(Source(sink, 0, items)));
    broken(sim.run())
}

/// Faults at any time in a second, each takes one of two replicas down for a tenth.
fn two_down(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let down = Rc::new(RefCell::new([0_u32; 2]));
    for _ in 0..=sim.choose("faults", params.get("faults")) {
        let at = Duration::from_millis(sim.choose("at-ms", 1_000));
        let which = sim.choose("which", 2) as usize;
        let (begin, end) = (down.clone(), down.clone());
        sim.after(at, move |sim| {
            begin.borrow_mut()[which] += 1;
            if begin.borrow().iter().all(|count| *count > 0) {
                sim.fail("replicas", "nobody is left");
            }
            sim.after(Duration::from_millis(100), move |_| end.borrow_mut()[which] -= 1);
        });
    }
    broken(sim.run())
}

/// Steps are picked one after the other; after 1 never 3.
fn order(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    for _ in 0..params.get("items") {
        let picked = [sim.choose("pick", 5), sim.choose("pick", 5)];
        if picked == [1, 3] {
            sim.fail("order", "3 after 1");
        }
        broken(sim.run_for(Duration::from_millis(1)))?;
    }
    Ok(())
}

/// A server that counts in its memory, and dies now and then.
fn crashing(sim: &mut Sim, items: u64) -> Result<(), Failure> {
    sim.links(LinkConfig::default());
    let (near, far) = (sim.machine("client0"), sim.machine("server0"));
    let server = sim.spawn_with(far, "server", |_| Box::new(Server { habit: Habit::GOOD, taken: 0 }));
    sim.crash(server, Rate::percent(2), Some(Latency::Constant(Duration::from_millis(1))));
    let server = sim.address(server);
    sim.spawn(near, "client", Box::new(Client { server, items, item: 0, tries: 0, habit: Habit::GOOD }));
    broken(sim.run())
}
