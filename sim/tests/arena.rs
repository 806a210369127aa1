//! Shared memory: mappings of one arena, death at every store, hostile peers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use tidemill_ring::spsc::{self, Spec};
use tidemill_seam::{Exchange, Region};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{
    Arena, Context, Duration, Env, Event, Failure, Happened, MachineId, Mapping, Moment, Outcome, Process,
    ProcessId, Sim, StoreCrash,
};

const US: Duration = Duration::from_micros(1);

fn put(memory: &impl Region, at: u32, value: u32) {
    assert!(at < memory.words());
    // SAFETY: `at` was just found to lie within the region.
    unsafe { memory.store(at, value, Release) };
}

fn host(seed: u64, words: u32) -> (Sim, MachineId, Arena) {
    let mut sim: Sim = Sim::new(seed);
    let host = sim.machine("host");
    let arena = sim.arena(host, "words", words);
    (sim, host, arena)
}

/// A process that stores 1, 2, 3, … into the words from the first on, one a microsecond.
fn counter(sim: &mut Sim, host: MachineId, name: &str, arena: &Arena, stores: u32) -> ProcessId {
    let arena = arena.clone();
    sim.spawn_async(host, name, move |env: Env| {
        let memory = env.seams().map(&arena);
        async move {
            for i in 0..stores {
                put(&memory, i, i + 1);
                env.sleep(US).await;
            }
        }
    })
}

fn standing(arena: &Arena) -> Vec<u32> {
    (0..arena.words()).filter_map(|at| arena.look(at)).collect()
}

// SIM-SHM: two mappings of one arena lie at different bases, and an address of one means nothing in the other.
#[test]
fn two_mappings_see_the_same_words_at_different_addresses() {
    let (mut sim, host, arena) = host(1, 8);
    let shown = Rc::new(RefCell::new(Vec::<Mapping>::new()));
    for name in ["left", "right"] {
        let (arena, shown) = (arena.clone(), Rc::clone(&shown));
        sim.spawn_async(host, name, move |env| {
            shown.borrow_mut().push(env.seams().map(&arena));
            async {}
        });
    }
    let [left, right] = <[Mapping; 2]>::try_from(shown.take()).expect("two mappings");
    assert_ne!(left.base(), right.base());
    assert_eq!(
        (left.at(left.address(5)), left.at(left.address(8)), left.at(left.base() + 2)),
        (Some(5), None, None)
    );
    assert_eq!(right.at(left.address(5)), None, "an address of one mapping lies in no other");
    put(&left, 5, 9);
    // SAFETY: five of eight words.
    assert_eq!(unsafe { right.load(5, Relaxed) }, 9);
    assert_eq!(arena.addresses().count(), 0);
    put(&left, 2, (left.address(5) >> 32) as u32);
    assert_eq!(arena.addresses().collect::<Vec<_>>(), [2], "a pointer was stored");
}

// SIM-SHM: who reads outside of its mapping is told so, and so is who stores through one to read.
#[test]
fn an_access_outside_of_the_mapping_is_refused() {
    let refused = |wrong: fn(&Mapping, &Mapping)| {
        let (mut sim, host, arena) = host(1, 4);
        sim.spawn_async(host, "lost", move |env| {
            let (memory, read_only) = (env.seams().map(&arena), env.seams().map_read_only(&arena));
            async move { wrong(&memory, &read_only) }
        });
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sim.run()));
        *run.expect_err("it is refused").downcast::<String>().expect("a sentence")
    };
    // SAFETY: none: that it is refused is the test, and an arena stays within its words whatever it is asked.
    let beyond = refused(|memory, _| assert_eq!(unsafe { memory.load(4, Relaxed) }, 0));
    assert_eq!(beyond, "host/lost loads word 4 of host/arena→words, which has 4");
    let read_only = refused(|_, memory| put(memory, 1, 1));
    assert_eq!(read_only, "host/lost stores to word 1 of host/arena→words, which it mapped to read");
}

// SIM-SHM: every store is an event for oracles, with process, index and value.
#[test]
fn every_store_is_an_event_for_oracles_and_for_who_watches() {
    let (mut sim, host, arena) = host(1, 4);
    let process = counter(&mut sim, host, "writer", &arena, 3);
    let (events, seen) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let (into, sees) = (Rc::clone(&events), Rc::clone(&seen));
    sim.oracle("stores", move |_: &Sim, moment: Moment| {
        if let Moment::Event(event) = moment
            && event.kind() == Happened::Stored
        {
            into.borrow_mut().push((event.subject(), event.arg(), event.digest()));
        }
        Ok(())
    });
    arena.watch(move |stored| sees.borrow_mut().push((stored.process, stored.at, stored.value)));
    sim.run().expect_ok();
    assert_eq!(events.take(), [(0, 0, 1), (0, 1, 2), (0, 2, 3)]);
    assert_eq!(seen.take(), [(process, 0, 1), (process, 1, 2), (process, 2, 3)]);
    assert_eq!((arena.stores(), sim.stores(process)), (3, 3));
}

// SIM-SHM, SIM-PROCESSES: a process dies at the k-th shared store; nothing it does afterwards reaches the arena.
#[test]
fn a_process_killed_at_a_store_dies_exactly_there() {
    for k in 1..=5 {
        let (mut sim, host, arena) = host(1, 8);
        let after = Rc::new(Cell::new(0));
        let (ran, shared) = (Rc::clone(&after), arena.clone());
        let victim = sim.spawn_async(host, "victim", move |env| {
            let (memory, ran) = (env.seams().map(&shared), Rc::clone(&ran));
            async move {
                struct Farewell(Mapping);
                impl Drop for Farewell {
                    fn drop(&mut self) {
                        put(&self.0, 7, 99);
                    }
                }
                let _farewell = Farewell(memory.clone());
                for i in 0..5 {
                    put(&memory, i, 1);
                    ran.set(i + 1);
                }
            }
        });
        sim.kill_at_store(victim, u64::from(k), None);
        sim.run().expect_ok();
        assert!(!sim.is_alive(victim));
        assert_eq!(after.get(), k - 1, "its code does not run on");
        let expected: Vec<u32> = (0..8).map(|at| u32::from(at + 1 < k)).collect();
        assert_eq!(standing(&arena), expected, "and neither the store nor a destructor reaches memory");
        assert_eq!((sim.stats().kills, sim.stats().store_deaths), (1, 1));
    }
}

// SIM-PROCESSES: what it sent before it died goes its way, and so does what it complained of.
#[test]
fn what_a_process_did_before_its_death_has_happened() {
    let (mut sim, host, arena) = host(1, 2);
    let heard = Rc::new(Cell::new(false));
    let hears = Rc::clone(&heard);
    let ear = sim.spawn_async(host, "ear", move |env| {
        let hears = Rc::clone(&hears);
        async move {
            env.recv().await;
            hears.set(true);
        }
    });
    let (ear, shared) = (sim.address(ear), arena.clone());
    let victim = sim.spawn_async(host, "victim", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            env.send(ear, b"last words").expect("a short datagram");
            put(&memory, 0, 1);
        }
    });
    sim.kill_at_store(victim, 1, None);
    sim.run().expect_ok();
    assert!(heard.get());

    let mut sim: Sim = Sim::new(1);
    let host = sim.machine("host");
    let arena = sim.arena(host, "words", 2);
    let victim = sim.spawn_async(host, "victim", move |env| {
        let memory = env.seams().map(&arena);
        async move {
            env.fail("law", "broke");
            put(&memory, 0, 1);
        }
    });
    sim.kill_at_store(victim, 1, None);
    assert!(matches!(sim.run(), Outcome::Failed(failure) if failure.id == "law: broke"));
}

// SIM-PROCESSES: restart gets the durable state only: the arena, and not what the process kept to itself.
#[test]
fn a_restarted_process_finds_the_arena_and_nothing_of_its_own() {
    let (mut sim, host, arena) = host(1, 4);
    let (shared, lives) = (arena.clone(), Rc::new(RefCell::new(Vec::new())));
    let (old, kept) = (Rc::new(RefCell::new(None)), Rc::clone(&lives));
    let leaked = Rc::clone(&old);
    let process = sim.spawn_async(host, "phoenix", move |env| {
        let (memory, kept) = (env.seams().map(&shared), Rc::clone(&kept));
        leaked.borrow_mut().get_or_insert_with(|| memory.clone());
        async move {
            let mut own = 0;
            loop {
                // SAFETY: the first of four words.
                let shared = unsafe { memory.load(0, Relaxed) };
                kept.borrow_mut().push((shared, own));
                put(&memory, 0, shared + 1);
                own += 1;
                if shared == 4 {
                    break;
                }
                env.sleep(US).await;
            }
        }
    });
    sim.kill_at_store(process, 3, Some(US));
    sim.run().expect_ok();
    assert_eq!(lives.take(), [(0, 0), (1, 1), (2, 2), (2, 0), (3, 1), (4, 2)]);
    let old = old.take().expect("the first life left its mapping behind");
    put(&old, 3, 7);
    assert_eq!((arena.look(3), old.is_alive()), (Some(0), false), "a dead process's mapping reaches nothing");
    // SAFETY: the first of four words.
    assert_eq!(unsafe { old.compare_exchange(0, 1, 2) }, Ok(()), "nobody who is dropped tries for ever");
}

#[test]
fn a_process_that_catches_its_own_death_dies_all_the_same() {
    let (mut sim, host, arena) = host(1, 4);
    let shared = arena.clone();
    let victim = sim.spawn_async(host, "clings", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| put(&memory, 0, 1)));
            assert!(caught.is_err());
            put(&memory, 1, 1);
            put(&memory, 2, 1);
        }
    });
    sim.kill_at_store(victim, 1, None);
    sim.run().expect_ok();
    assert_eq!((standing(&arena), sim.is_alive(victim)), (vec![0; 4], false));
}

#[test]
fn a_factory_may_die_at_a_store_and_come_back() {
    let (mut sim, host, arena) = host(1, 4);
    let shared = arena.clone();
    let victim = sim.spawn_async(host, "victim", move |env| {
        let memory = env.seams().map(&shared);
        put(&memory, 0, 1);
        put(&memory, 1, 1);
        async move { put(&memory, 2, 1) }
    });
    assert_eq!(sim.stores(victim), 2);
    sim.kill_at_store(victim, 2, Some(US));
    sim.restart(victim);
    assert!(sim.is_alive(victim), "a restart begins a new life, with no death ahead");
    sim.run().expect_ok();
    assert_eq!((standing(&arena), sim.stores(victim)), (vec![1, 1, 1, 0], 5));
}

// SIM-PROCESSES: state machines die at a store as tasks do, and come back.
#[test]
fn a_state_machine_dies_at_a_store_too() {
    struct Counts(Mapping);
    impl Process for Counts {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            // SAFETY: the first of four words.
            let count = unsafe { self.0.load(0, Relaxed) };
            if count < 9 {
                put(&self.0, 0, count + 1);
                put(&self.0, 1, count + 1);
                context.timer(US, 0);
            }
        }
    }
    let mut sim: Sim<Counts> = Sim::new(1);
    let host = sim.machine("host");
    let arena = sim.arena(host, "words", 4);
    let shared = arena.clone();
    let victim = sim.spawn_with(host, "counts", move |seams| Counts(seams.map(&shared)));
    sim.kill_at_store(victim, 8, Some(US));
    let torn = Rc::new(Cell::new(0));
    let (sees, looks) = (Rc::clone(&torn), arena.clone());
    sim.oracle("torn", move |_: &Sim<Counts>, moment: Moment| {
        if let Moment::Event(event) = moment
            && event.kind() == Happened::Kill
        {
            sees.set(u32::from(looks.look(0) != looks.look(1)));
        }
        Ok(())
    });
    sim.run().expect_ok();
    assert_eq!((standing(&arena), torn.get()), (vec![9, 9, 0, 0], 1));
    assert_eq!((sim.stats().kills, sim.stores(victim)), (1, 18));
}

// SIM-SHM: the dead process is chosen, and so is the store that it dies at.
#[test]
fn a_random_store_kills_and_every_one_of_them_is_found() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let (mut sim, host, arena) = host(seed, 8);
        let victim = counter(&mut sim, host, "victim", &arena, 6);
        let crash = StoreCrash { rate: tidemill_sim::Rate::percent(50), within: 6, restart: None };
        sim.crash_at_store(victim, crash);
        sim.run().expect_ok();
        found.insert((sim.is_alive(victim), arena.stores()));
    }
    let deaths = (0..6).map(|stores| (false, stores));
    assert_eq!(found, deaths.chain([(true, 6)]).collect());
}

fn ring_of_four(sim: &mut Sim) -> Result<(), Failure> {
    let spec = Spec::new(4).line(1);
    let host = sim.machine("host");
    let arena = sim.arena(host, "ring", spec.words::<2>());
    let (got, shared) = (Rc::new(RefCell::new(Vec::new())), arena);
    let halves = Rc::new(RefCell::new(None));
    let (gives, takes) = (Rc::clone(&halves), Rc::clone(&got));
    let ring = shared.clone();
    sim.spawn_async(host, "consumer", move |env| {
        let (memory, takes) = (env.seams().map(&ring), Rc::clone(&takes));
        let (producer, mut consumer) = spsc::split::<_, 2>(memory, spec).expect("it fits");
        *gives.borrow_mut() = Some(producer.capacity());
        std::mem::forget(producer);
        async move {
            for _ in 0..40 {
                while let Some(entry) = consumer.pop() {
                    takes.borrow_mut().push(entry);
                }
                env.sleep(US).await;
            }
        }
    });
    sim.spawn_async(host, "producer", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            // Its own hand: two words an entry, then the tail.
            for i in 0..12_u32 {
                let slot = 4 + (i % 4) * 2;
                // SAFETY: a slot of the ring, which has four of two words each behind four control words.
                unsafe { memory.write(slot, &[i, !i]) };
                put(&memory, 0, i + 1);
                env.sleep(US).await;
                env.sleep(US).await;
            }
        }
    });
    match sim.run() {
        Outcome::Failed(failure) => return Err(failure),
        Outcome::Quiet | Outcome::Due | Outcome::Stopped => {}
    }
    let got = got.take();
    let prefix: Vec<[u32; 2]> = (0..got.len() as u32).map(|i| [i, !i]).collect();
    let holds = got == prefix;
    if holds { Ok(()) } else { Err(Failure::new("prefix", format!("{got:?}"), "world", sim.now(), 0)) }
}

// SIM-SHM: every store of a process is visited as a crash point.
#[test]
fn every_crash_point_of_a_producer_is_visited() {
    let points = CrashPoints::visit(7, &Victim::new("host/producer"), ring_of_four);
    assert_eq!((points.stores, points.visited), (36, 36), "{points}");
    points.expect_ok();
}

// SIM-SHM: pairs of deaths, the second in the life after the first.
#[test]
fn pairs_of_crash_points_are_visited_too() {
    let victim = Victim::new("host/phoenix").restarting(US);
    let points = CrashPoints::visit_pairs(1, &victim, &victim, |sim: &mut Sim| {
        let host = sim.machine("host");
        let arena = sim.arena(host, "words", 4);
        counter(sim, host, "phoenix", &arena, 3);
        sim.run()
    });
    // After a death at its k-th store it begins anew: k − 1 stores before, three after.
    assert_eq!((points.stores, points.visited), (3 + 4 + 5, 3 + 4 + 5), "{points}");
}

// SIM-SHM: a writer that shows the cursor before the entry is caught by the enumeration, and by it alone.
#[test]
fn a_cursor_stored_before_its_entry_is_caught_by_a_crash_point() {
    let body = |sim: &mut Sim| -> Result<(), Failure> {
        let host = sim.machine("host");
        let arena = sim.arena(host, "words", 4);
        let shared = arena.clone();
        sim.spawn_async(host, "hasty", move |env| {
            let memory = env.seams().map(&shared);
            async move {
                put(&memory, 0, 1);
                put(&memory, 1, 77);
            }
        });
        sim.run().expect_ok();
        let torn = arena.look(0) == Some(1) && arena.look(1) != Some(77);
        if torn {
            Err(Failure::new("torn", "a cursor without its entry", "world", sim.now(), 0))
        } else {
            Ok(())
        }
    };
    let points = CrashPoints::visit(1, &Victim::new("host/hasty"), body);
    assert_eq!((points.stores, points.visited, points.broken.len()), (2, 2, 1));
    assert_eq!((points.broken[0].0, points.broken[0].1.id.as_str()), (2, "torn: a cursor without its entry"));
}
