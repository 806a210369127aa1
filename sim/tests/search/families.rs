//! Disks, streams, shared memory, pools and registers have families of the swarm, too: off, or on at a rate of their own, and
//! over with the heal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_flow::{Header, Home, Manager, StaticPool};
use tidemill_seam::{Exchanged, Heard, Instant, PoolId, Region, Stream, Version};
use tidemill_sim::harness::{Must, Story};
use tidemill_sim::memory::{Berth, Faulty, MemoryFaults, Saboteur};
use tidemill_sim::{
    Arena, Config, DiskConfig, DiskId, Duration, Env, Family, Overlay, Rate, RegisterConfig, RegisterId, Sim,
    Site, StreamConfig, Swarm,
};

const MS: Duration = Duration::from_millis(1);
const BLOCK: [u8; 512] = [7; 512];
/// Bytes that the worker writes at once: half of what an end keeps.
const SAID: usize = 8_000;
const FAMILIES: [Family; 10] = [
    Family::DiskError,
    Family::DiskStall,
    Family::DiskRot,
    Family::StreamBreak,
    Family::StreamShort,
    Family::LateStore,
    Family::Memory,
    Family::RegisterLoss,
    Family::RegisterDown,
    Family::RegisterStale,
];
/// As good as never, but declared.
const HARDLY: Rate = Rate::per_million(1);

/// What was seen of the families that no count of the world shows.
#[derive(Default)]
struct Seen {
    broken: Cell<u64>,
    short: Cell<u64>,
    late: Cell<u64>,
    left: Cell<u32>,
}

/// A register, a machine with a disk, shared memory and a pool, and one with a port for streams; who works with all of it.
struct World {
    sim: Sim,
    disk: DiskId,
    pool: Saboteur,
    register: RegisterId,
    seen: Rc<Seen>,
}

fn world(seed: u64, config: Config, before: impl FnOnce(&mut Sim)) -> World {
    let mut sim = Sim::with(seed, config);
    before(&mut sim);
    let (near, far) = (sim.machine("near"), sim.machine("far"));
    let (disk, arena) = (sim.disk(near, "disk", DiskConfig::PERFECT), sim.arena(near, "words", 4));
    let pool = sim.saboteur(near, "pool", MemoryFaults::NONE);
    let register = sim.register("leader", RegisterConfig { stale: HARDLY, ..RegisterConfig::PERFECT });
    let server = sim.spawn_async(far, "server", |env| async move {
        let mut port = env.streams();
        loop {
            let (mut stream, _) = env.accept(&mut port).await;
            while let Ok(Heard::Bytes(_)) = env.hear(&mut stream, &mut [0; 64], None).await {}
        }
    });
    sim.daemon(server);
    let (to, seen, plan) = (sim.address(server), Rc::new(Seen::default()), pool.clone());
    let notes = seen.clone();
    sim.spawn_async(near, "worker", move |env| {
        let (arena, pool, seen) = (arena.clone(), plan.clone(), notes.clone());
        async move {
            seen.left.set(200);
            let mut slots = Faulty::new(home(), &pool);
            while seen.left.get() > 0 {
                seen.left.set(seen.left.get() - 1);
                store(&env, disk).await;
                share(&env, &arena, &seen);
                count(&env, register).await;
                if let Some(loan) = slots.reserve() {
                    let share = slots.commit(loan, Header::new(1, 1, Instant::ZERO), 1);
                    slots.give_back(share).expect("a good share");
                }
                if seen.left.get() % 20 == 0 {
                    talk(&env, to, &seen).await;
                }
                env.sleep(MS).await;
            }
        }
    });
    World { sim, disk, pool, register, seen }
}

fn home() -> Home<'static, Berth<u64>> {
    Box::leak(Box::new(StaticPool::<Berth<u64>, 2>::new(PoolId(1)))).home().expect("a fresh pool")
}

async fn store(env: &Env, disk: DiskId) {
    let mut disk = env.seams().disk(disk);
    let mut bytes = BLOCK;
    // Whatever fails is tried again the next time.
    let _ = env.write(&mut disk, 512, &BLOCK).await;
    let _ = env.sync(&mut disk).await;
    let _ = env.read(&mut disk, 512, &mut bytes).await;
}

/// Whatever is unavailable or unknown is read again the next time.
async fn count(env: &Env, register: RegisterId) {
    let (mut register, mut bytes) = (env.register(register), [0; 8]);
    let stands = env.read_value(&mut register, &mut bytes).await.map_or(Version::NONE, |read| read.version);
    let _ = env.exchange(&mut register, stands, &bytes).await;
}

fn share(env: &Env, arena: &Arena, seen: &Seen) {
    let mapping = env.seams().map(arena);
    // SAFETY: the arena has four words.
    unsafe { mapping.store(0, 1, Ordering::Relaxed) };
    seen.late.set(seen.late.get() + u64::from(arena.late() > 0));
}

async fn talk(env: &Env, to: tidemill_sim::Address, seen: &Seen) {
    let mut port = env.streams();
    let breaks = || seen.broken.set(seen.broken.get() + 1);
    let Ok(mut stream) = env.connect(&mut port, to).await else { return breaks() };
    for _ in 0..8 {
        match stream.write(&[0; SAID]) {
            Ok(taken) => seen.short.set(seen.short.get() + u64::from(taken < SAID)),
            Err(_) => return breaks(),
        }
        env.sleep(MS.saturating_mul(60)).await;
    }
}

impl World {
    /// How often the faults of each family struck.
    fn strikes(&self) -> [u64; 10] {
        let (disk, pool) = (self.sim.disk_stats(self.disk), self.pool.done());
        let register = self.sim.register_stats(self.register);
        [
            disk.read_errors + disk.write_errors + disk.full + disk.sync_errors,
            disk.stalls,
            disk.rot + disk.misdirected_reads + disk.misdirected_writes,
            self.seen.broken.get(),
            self.seen.short.get(),
            self.seen.late.get(),
            pool.failed + pool.exhausted + pool.relocated,
            register.lost_requests + register.lost_replies + register.unknown,
            register.refused,
            register.stale,
        ]
    }

    fn run(&mut self) {
        self.sim.run().expect_ok();
    }
}

// SIM-SWARM: families of disks, streams, shared memory, pools and registers are off in half of the runs, and strike in the others.
#[test]
fn what_only_some_worlds_have_is_beset_in_about_half_of_the_runs() {
    let (runs, mut on, mut struck) = (80, [0; 10], [0; 10]);
    for seed in 0..runs {
        // Things that are there when the swarm comes, and things that come later.
        let mut world = if seed % 2 == 0 {
            world(seed, Config::default(), |sim| sim.swarm(&Swarm::of(&FAMILIES)))
        } else {
            let mut world = world(seed, Config::default(), |_| {});
            world.sim.swarm(&Swarm::of(&FAMILIES));
            world
        };
        world.run();
        let families: Vec<(&str, bool)> = world.sim.families().collect();
        for (at, (family, strikes)) in FAMILIES.iter().zip(world.strikes()).enumerate() {
            let drawn = families.iter().find(|(name, _)| *name == family.name());
            let is_on = drawn.unwrap_or_else(|| panic!("{family:?} was not drawn")).1;
            assert!(is_on || strikes == 0, "seed {seed}: {family:?} is off and struck {strikes} times");
            on[at] += u32::from(is_on);
            struck[at] += u32::from(strikes > 0);
        }
    }
    // The deviation of a fair coin over 80 runs is 4.5.
    assert!(on.iter().all(|on| on.abs_diff(40) < 20), "{on:?} on of {runs}");
    assert!(struck.iter().zip(&on).all(|(struck, on)| struck * 6 > *on), "{struck:?} struck of {on:?}");
}

#[test]
fn at_zero_every_family_is_off_and_nothing_else_moves() {
    let plain = |seed| {
        let mut world = world(seed, Config::default(), |_| {});
        world.run();
        (world.sim.hash(), world.strikes())
    };
    let pins = || FAMILIES.map(|family| (Site::new(format!("world/{}", family.name()), "on", 0), 0));
    for seed in 0..8 {
        let config = Config { overlay: Overlay::from_iter(pins()), ..Config::default() };
        let mut world = world(seed, config, |sim| sim.swarm(&Swarm::of(&FAMILIES)));
        world.run();
        assert_eq!((world.sim.hash(), world.strikes()), (plain(seed).0, [0; 10]), "seed {seed}");
        assert_eq!(world.sim.overlay_report().unused, []);
    }
}

#[test]
fn a_world_without_such_things_decides_nothing_about_them() {
    for seed in 0..8 {
        let mut sim: Sim = Sim::with(seed, Config { record: true, ..Config::default() });
        let host = sim.machine("host");
        sim.spawn_async(host, "sleeper", |env| async move { env.sleep(MS).await });
        sim.swarm(&Swarm::all());
        sim.run().expect_ok();
        let entities: Vec<String> = sim.recorded().into_iter().map(|choice| choice.site.entity).collect();
        assert!(entities.iter().all(|entity| !entity.starts_with("world/swarm-")), "{entities:?}");
        assert_eq!(sim.families().count(), 10);
    }
}

#[test]
fn the_heal_sets_everything_to_what_it_was() {
    let config = StreamConfig { refuse: Rate::percent(1), ..StreamConfig::default() };
    let mut beset = 0;
    for seed in 0..10 {
        let mut world = world(seed, Config::default(), |sim| sim.streams(config));
        let (before, struck) = (world.sim.disk_config(world.disk), Rc::new(RefCell::new(None)));
        let like = world.sim.register_config(world.register);
        let (into, disk, pool) = (struck.clone(), world.disk, world.pool.clone());
        let lived = world
            .sim
            .load(|_: &mut Sim| {})
            .swarm(&Swarm::of(&FAMILIES))
            .safe_for(Duration::from_millis(40))
            .check(move |sim: &Sim, _| {
                let healed = sim.phase() == Some(tidemill_sim::Phase::Liveness);
                if healed && into.borrow().is_none() {
                    let stats = sim.disk_stats(disk);
                    into.borrow_mut().replace((stats.read_errors + stats.write_errors, pool.done().failed));
                }
                Ok::<(), String>(())
            })
            .live_within(Duration::from_secs(60));
        assert!(lived.liveness.is_some(), "seed {seed}: {:?}", world.sim.failure());
        assert_eq!(world.sim.disk_config(world.disk), before, "seed {seed}");
        assert_eq!(world.sim.register_config(world.register), like, "seed {seed}");
        let stats = world.sim.disk_stats(world.disk);
        let after = (stats.read_errors + stats.write_errors, world.pool.done().failed);
        assert_eq!(struck.take(), Some(after), "seed {seed}: faults struck after the heal");
        beset += u64::from(after != (0, 0));
    }
    assert!(beset > 0, "no run was beset before its heal");
}

// A client that was told that reads are fresh may rely on it.
#[test]
fn a_register_that_declares_no_stale_read_gives_none_and_draws_nothing_about_it() {
    let (family, mut refused) = (Family::RegisterStale, 0);
    for seed in 0..20 {
        let mut sim: Sim = Sim::with(seed, Config { record: true, ..Config::default() });
        let host = sim.machine("host");
        sim.swarm(&Swarm::of(&[family, Family::RegisterDown]));
        let register = sim.register("leader", RegisterConfig::PERFECT);
        sim.spawn_async(host, "worker", move |env| async move {
            for _ in 0..100 {
                count(&env, register).await;
                env.sleep(MS).await;
            }
        });
        sim.run().expect_ok();
        let stats = sim.register_stats(register);
        assert_eq!((stats.stale, sim.register_config(register).stale), (0, Rate::NEVER));
        assert!(sim.families().all(|(name, _)| name != family.name()));
        let world = format!("world/{}", family.name());
        assert!(sim.recorded().iter().all(|choice| choice.site.entity != world));
        refused += stats.refused;
    }
    assert!(refused > 0, "the other family never struck");
}

#[test]
fn what_several_disks_and_registers_did_is_summed_up() {
    let mut sim: Sim = Sim::new(1);
    let host = sim.machine("host");
    let disks = ["one", "two", "three"].map(|name| sim.disk(host, name, DiskConfig::PERFECT));
    let registers = ["left", "right"].map(|name| sim.register(name, RegisterConfig::PERFECT));
    sim.spawn_async(host, "worker", move |env| async move {
        for (count, disk) in (1..).zip(disks) {
            let mut disk = env.seams().disk(disk);
            for _ in 0..count {
                env.write(&mut disk, 0, &BLOCK).await.expect("a perfect disk");
            }
            env.sync(&mut disk).await.expect("a perfect disk");
        }
        for register in registers {
            let mut register = env.seams().register(register);
            let won = env.exchange(&mut register, Version::NONE, b"first").await;
            assert!(matches!(won, Ok(Exchanged::Won(_))));
        }
    });
    sim.run().expect_ok();
    assert_eq!((sim.disks().writes, sim.disks().syncs, sim.disks().reads), (1 + 2 + 3, 3, 0));
    assert_eq!((sim.registers().won, sim.registers().lost), (2, 0));
    let each = disks.map(|disk| sim.disk_stats(disk).writes);
    assert_eq!(each, [1, 2, 3]);
    let report = |disks: bool| {
        let story = if disks { DISKS } else { NONE };
        story.run(1, &story.params(), Overlay::new()).counts
    };
    let of =
        |counts: &[(&str, u64)], name: &str| counts.iter().find(|(own, _)| *own == name).map(|(_, n)| *n);
    assert_eq!((of(&report(true), "disk writes"), of(&report(false), "disk writes")), (Some(1), Some(0)));
}

const NONE: Story = Story {
    name: "nothing",
    picture: "",
    about: "nothing happens",
    seeds: 1,
    must: Must::Pass,
    params: &[],
    body: |_, _| Ok(()),
};

const DISKS: Story = Story {
    body: |sim, _| {
        let host = sim.machine("host");
        let disk = sim.disk(host, "disk", DiskConfig::PERFECT);
        sim.spawn_async(host, "worker", move |env| async move {
            let mut disk = env.seams().disk(disk);
            env.write(&mut disk, 0, &BLOCK).await.expect("a perfect disk");
        });
        sim.run().failure().cloned().map_or(Ok(()), Err)
    },
    ..NONE
};
