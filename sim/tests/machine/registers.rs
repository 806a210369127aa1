//! The simulated disk and register are judged by the contracts of their seams, and registers suffer what they may.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_contracts::{Effort, register, store};
use tidemill_seam::{Duration, ExchangeError, Exchanged, ReadingError, Register, Version};
use tidemill_sim::{
    Config, Context, DiskConfig, DiskId, Env, Event, MachineId, Overlay, Process, Rate, RegisterConfig,
    RegisterId, Seams, Sim, SimDisk, SimRegister, Site,
};

const MS: Duration = Duration::from_millis(1);

struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

fn inhabited(sim: &mut Sim<Idle>, machine: MachineId, name: &str) -> Rc<RefCell<Option<Seams>>> {
    let shown = Rc::new(RefCell::new(None));
    let into = Rc::clone(&shown);
    sim.spawn_with(machine, name, move |seams| {
        *into.borrow_mut() = Some(seams.clone());
        Idle
    });
    shown
}

struct Host {
    sim: Sim<Idle>,
    machine: MachineId,
    id: DiskId,
    seams: Rc<RefCell<Option<Seams>>>,
    disk: SimDisk,
}

impl Host {
    fn new(seed: u64, config: DiskConfig) -> Self {
        let mut sim = Sim::new(seed);
        let machine = sim.machine("host");
        let id = sim.disk(machine, "disk", config);
        let seams = inhabited(&mut sim, machine, "idle");
        let disk = seams.borrow().as_ref().expect("the factory ran").disk(id);
        Self { sim, machine, id, seams, disk }
    }
}

impl store::Bench for Host {
    type Store = SimDisk;

    fn store(&mut self) -> &mut SimDisk {
        &mut self.disk
    }

    fn settle(&mut self) {
        self.sim.run_for(MS).expect_ok();
    }

    fn lose_power(&mut self) -> bool {
        self.sim.lose_power(self.machine);
        self.sim.restore_power(self.machine);
        self.disk = self.seams.borrow().as_ref().expect("it is back").disk(self.id);
        true
    }
}

// SIM-DISK, SIM-CONTRACTS: whatever a disk suffers short of a damaged medium, it keeps the laws of stores.
#[test]
fn a_disk_keeps_its_laws_under_every_fault_that_they_allow() {
    let rate = Rate::percent(5);
    let rough = DiskConfig {
        block: 64,
        blocks: 12,
        read_error: rate,
        write_error: rate,
        full: rate,
        stall: rate,
        sync_error: rate,
        ..DiskConfig::default()
    };
    for config in [DiskConfig::PERFECT, DiskConfig::default(), rough] {
        let mut seed = 0;
        let make = || {
            seed += 1;
            Host::new(seed, config)
        };
        let passed = store(make, Effort::Quick).unwrap();
        assert!(passed.checks > 5_000, "{passed:?}");
    }
}

// SIM-DISK: a disk that lies, misdirects or rots is caught by the laws.
#[test]
fn a_disk_that_breaks_its_laws_is_caught() {
    let rate = Rate::percent(5);
    let judge = |config: DiskConfig| {
        let mut seed = 0;
        let make = || {
            seed += 1;
            Host::new(seed, config)
        };
        store(make, Effort::Quick).unwrap_err().law
    };
    let small = DiskConfig { block: 64, blocks: 12, ..DiskConfig::PERFECT };
    let law = judge(DiskConfig { sync_lie: rate, ..small });
    assert!(["D2", "D3", "D4"].contains(&law), "{law}");
    for config in [
        DiskConfig { misdirected_read: rate, ..small },
        DiskConfig { misdirected_write: rate, ..small },
        DiskConfig { rot: rate, ..small },
    ] {
        let law = judge(config);
        assert!(["D1", "D2", "D4", "D5"].contains(&law), "{law}");
    }
}

struct Pair {
    sim: Sim<Idle>,
    handles: [SimRegister; 2],
}

fn pair(seed: u64, config: RegisterConfig) -> Pair {
    pair_with(Config::default(), seed, config).0
}

fn pair_with(settings: Config, seed: u64, config: RegisterConfig) -> (Pair, RegisterId) {
    let mut sim = Sim::with(seed, settings);
    let id = sim.register("leader", config);
    let handles = ["left", "right"].map(|name| {
        let machine = sim.machine(name);
        let seams = inhabited(&mut sim, machine, "idle");
        seams.borrow().as_ref().expect("the factory ran").register(id)
    });
    (Pair { sim, handles }, id)
}

impl register::Bench for Pair {
    type Register = SimRegister;

    fn handles(&self) -> usize {
        2
    }

    fn handle(&mut self, which: usize) -> &mut SimRegister {
        &mut self.handles[which]
    }

    fn settle(&mut self) {
        self.sim.run_for(MS).expect_ok();
    }
}

fn rough() -> RegisterConfig {
    let rate = Rate::percent(5);
    RegisterConfig {
        lost_request: rate,
        lost_reply: rate,
        unknown: rate,
        unavailable: rate,
        lost_watch: rate,
        ..RegisterConfig::default()
    }
}

// SIM-CONTRACTS: registers keep the laws of registers, at any latency and under every fault.
#[test]
fn a_register_keeps_its_laws_under_every_fault() {
    for config in [
        RegisterConfig::PERFECT,
        RegisterConfig::default(),
        rough(),
        RegisterConfig { stale: Rate::percent(40), ..rough() },
    ] {
        let mut seed = 0;
        let make = || {
            seed += 1;
            pair(seed, config)
        };
        let passed = register(make, Effort::Quick).unwrap();
        assert!(passed.checks > 3_000, "{passed:?}");
    }
}

fn pins(sites: &[(&str, u64, u64)]) -> Config {
    let site = |(kind, nth, value): &(&str, u64, u64)| (Site::new("register/leader", *kind, *nth), *value);
    Config { overlay: sites.iter().map(site).collect::<Overlay>(), ..Config::default() }
}

#[test]
fn an_unknown_exchange_happens_at_once_or_never_or_later() {
    for (happens, at_once, later) in [(0, 1, 1), (1, 0, 0), (2, 0, 1)] {
        let config = RegisterConfig { unknown: Rate::ALWAYS, ..RegisterConfig::PERFECT };
        let (mut pair, id) = pair_with(pins(&[("unknown-happens", 0, happens)]), 1, config);
        assert_eq!(pair.handles[0].exchange(Version::NONE, b"mine"), Ok(Exchanged::Unknown));
        let version = |pair: &Pair| pair.sim.register_value(id).map_or(0, |(version, _)| version.0);
        assert_eq!(version(&pair), at_once);
        pair.sim.run_for(Duration::from_millis(50)).expect_ok();
        assert_eq!(version(&pair), later);
    }
}

#[test]
fn a_late_exchange_never_overtakes_another_version() {
    let config = RegisterConfig { unknown: Rate::ALWAYS, ..RegisterConfig::PERFECT };
    let (mut pair, id) = pair_with(pins(&[("unknown-happens", 0, 2)]), 1, config);
    assert_eq!(pair.handles[0].exchange(Version::NONE, b"late"), Ok(Exchanged::Unknown));
    pair.sim.set_register_config(id, RegisterConfig::PERFECT);
    assert_eq!(pair.handles[1].exchange(Version::NONE, b"other"), Ok(Exchanged::Won(Version(1))));
    pair.sim.run_for(Duration::from_millis(50)).expect_ok();
    assert_eq!(pair.sim.register_value(id), Some((Version(1), b"other".to_vec())), "Q4");
}

#[test]
fn a_lost_reply_leaves_an_exchange_that_happened_unknown() {
    let config = RegisterConfig { lost_reply: Rate::ALWAYS, ..RegisterConfig::PERFECT };
    let (mut pair, id) = pair_with(Config::default(), 1, config);
    assert_eq!(pair.handles[0].exchange(Version::NONE, b"mine"), Err(ExchangeError::Pending));
    pair.sim.run_for(config.timeout).expect_ok();
    assert_eq!(pair.handles[0].exchange(Version::NONE, b"mine"), Ok(Exchanged::Unknown));
    assert_eq!(pair.sim.register_value(id), Some((Version(1), b"mine".to_vec())));
}

#[test]
fn stale_reads_come_only_where_they_are_declared_and_exchanges_are_never_stale() {
    let config = RegisterConfig { stale: Rate::ALWAYS, ..RegisterConfig::PERFECT };
    let (mut pair, _) = pair_with(pins(&[("stale-by", 0, 0)]), 1, config);
    let mut bytes = [0; 8];
    for (before, value) in [(0, b"one"), (1, b"two"), (2, b"six")] {
        assert_eq!(pair.handles[0].exchange(Version(before), value), Ok(Exchanged::Won(Version(before + 1))));
    }
    assert!(pair.handles[1].reads_may_be_stale());
    let reading = pair.handles[1].read(&mut bytes).unwrap();
    assert_eq!((reading.version, &bytes[..reading.len]), (Version(2), &b"two"[..]));
    assert_eq!(pair.handles[1].exchange(Version(2), b"old"), Ok(Exchanged::Lost(Version(3))));
}

#[test]
fn an_unavailable_register_refuses_for_a_while_and_then_serves() {
    let (mut pair, id) = pair_with(Config::default(), 1, RegisterConfig::PERFECT);
    pair.sim.register_unavailable(id, Duration::from_millis(5));
    assert_eq!(pair.handles[0].read(&mut [0; 8]), Err(ReadingError::Unavailable));
    assert_eq!(pair.handles[0].exchange(Version::NONE, b"mine"), Err(ExchangeError::Unavailable));
    pair.sim.run_for(Duration::from_millis(6)).expect_ok();
    assert_eq!(pair.handles[0].read(&mut [0; 8]), Err(ReadingError::Absent), "Q3");
}

/// Three processes count up one number together, each a hundred times.
fn count_together(seed: u64, config: RegisterConfig) -> (u64, u128) {
    let mut sim = Sim::new(seed);
    let id = sim.register("count", config);
    let sure = Rc::new(Cell::new(0));
    for name in ["a", "b", "c"] {
        let (machine, sure) = (sim.machine(name), Rc::clone(&sure));
        sim.spawn_async(machine, "counter", move |env: Env| {
            let sure = Rc::clone(&sure);
            async move {
                let mut register = env.register(id);
                let mut bytes = [0; 8];
                for _ in 0..100 {
                    let (version, number) = match env.read_value(&mut register, &mut bytes).await {
                        Ok(reading) => (reading.version, u64::from_le_bytes(bytes)),
                        Err(ReadingError::Absent) => (Version::NONE, 0),
                        Err(_) => continue,
                    };
                    let next = (number + 1).to_le_bytes();
                    if let Ok(Exchanged::Won(_)) = env.exchange(&mut register, version, &next).await {
                        sure.set(sure.get() + 1);
                    }
                }
            }
        });
    }
    sim.run().expect_ok();
    let stats = sim.register_stats(id);
    let (version, bytes) = sim.register_value(id).expect("somebody won");
    let number = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    assert_eq!((number, version.0), (stats.won, stats.won), "no count is lost, and none is made twice");
    assert!(sure.get() <= number && number <= sure.get() + stats.unknown, "{stats:?}");
    (number, sim.hash())
}

#[test]
fn counters_lose_no_count_whatever_the_register_loses() {
    for seed in 0..20 {
        let counted = count_together(seed, rough());
        assert!(counted.0 > 50, "{}", counted.0);
        assert_eq!(counted, count_together(seed, rough()));
    }
    let stale = RegisterConfig { stale: Rate::percent(30), ..rough() };
    assert!(count_together(1, stale).0 > 30);
    assert_ne!(count_together(1, rough()).1, count_together(2, rough()).1);
}

#[test]
fn a_watch_is_heard_and_may_be_lost() {
    let heard = |lost_watch| {
        let mut sim = Sim::new(1);
        let id = sim.register("leader", RegisterConfig { lost_watch, ..RegisterConfig::default() });
        let (left, right) = (sim.machine("left"), sim.machine("right"));
        let heard = Rc::new(Cell::new(false));
        let told = Rc::clone(&heard);
        let watcher = sim.spawn_async(left, "watcher", move |env: Env| {
            let told = Rc::clone(&told);
            async move {
                let mut register = env.register(id);
                while !register.watch(Version::NONE) {
                    let seen = env.epoch();
                    env.changed(seen, None).await;
                }
                told.set(true);
            }
        });
        sim.daemon(watcher);
        sim.spawn_async(right, "writer", move |env: Env| async move {
            env.sleep(MS).await;
            env.exchange(&mut env.register(id), Version::NONE, b"me").await.unwrap();
        });
        sim.run().expect_ok();
        heard.get()
    };
    assert_eq!((heard(Rate::NEVER), heard(Rate::ALWAYS)), (true, false));
}
