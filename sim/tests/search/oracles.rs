//! Every oracle accepts a world that keeps its law and rejects, under its own name, one that breaks it.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_flow::{Header, StaticPool};
use tidemill_seam::{Duration, PoolId};
use tidemill_sim::oracle::{
    Bounds, Item, Journal, Probe, agreement, at_least_once, at_most_once, bounded, bounded_world,
    conservation, exactly_once, network_conservation, no_leak, no_leak_of, order, order_per_key, refines,
    watermark, within, world_leak,
};
use tidemill_sim::{
    Address, Context, Event, Failure, Latency, LinkConfig, Moment, Oracle, Outcome, Process, Rate, Sim,
};

const MS: Duration = Duration::from_millis(1);
const STEADY: LinkConfig = LinkConfig { latency: Latency::Constant(MS), ..LinkConfig::PERFECT };

/// Sends item after item, one a millisecond, each once: as good as its link.
struct Courier {
    to: Address,
    sink: Probe,
    next: u64,
    items: u64,
}

impl Process for Courier {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        if self.next < self.items {
            self.sink.sent(self.next);
            context.send(self.to, &self.next.to_be_bytes()).unwrap();
            self.next += 1;
            context.timer(MS, 0);
        }
    }
}

struct Sink(Probe);

impl Process for Sink {
    fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.0.delivered(u64::from_be_bytes(bytes.try_into().unwrap()));
        }
    }
}

/// courier ──▶ sink, whose book is the probe `sink`
fn couriers(seed: u64, link: LinkConfig) -> Sim {
    let mut sim: Sim = Sim::new(seed);
    sim.links(link);
    let (near, far) = (sim.machine("near"), sim.machine("far"));
    let sink = sim.probe("sink");
    let to = sim.spawn(far, "sink", Box::new(Sink(sink.clone())));
    let to = sim.address(to);
    sim.spawn(near, "courier", Box::new(Courier { to, sink, next: 0, items: 200 }));
    sim
}

fn lossy() -> LinkConfig {
    LinkConfig { loss: Rate::percent(5), ..STEADY }
}

fn echoing() -> LinkConfig {
    LinkConfig { duplicate: Rate::percent(5), ..STEADY }
}

/// How a world ends under one oracle.
fn judged(mut sim: Sim, oracle: impl Oracle<Box<dyn Process>> + 'static) -> Outcome {
    sim.watch(oracle);
    sim.run()
}

#[track_caller]
fn accepts(sim: Sim, oracle: impl Oracle<Box<dyn Process>> + 'static) {
    assert_eq!(judged(sim, oracle), Outcome::Quiet);
}

#[track_caller]
fn rejects(sim: Sim, oracle: impl Oracle<Box<dyn Process>> + 'static, id: &str) -> Failure {
    let outcome = judged(sim, oracle);
    let failure = outcome.failure().expect("the law broke and nobody spoke");
    assert_eq!(failure.id, id, "{failure}");
    failure.clone()
}

/// A world in which nothing happens but what `write` writes into the probe `book`.
fn written(write: impl FnOnce(&Probe)) -> Sim {
    let mut sim: Sim = Sim::new(1);
    write(&sim.probe("book"));
    sim
}

// SIM-ORACLES: exactly once, at least once, at most once
#[test]
fn a_perfect_link_delivers_each_item_exactly_once() {
    accepts(couriers(1, STEADY), exactly_once("sink"));
    accepts(couriers(1, STEADY), at_least_once("sink"));
    accepts(couriers(1, STEADY), at_most_once("sink"));
}

// SIM-ORACLES: exactly once, at least once, at most once
#[test]
fn a_link_that_loses_is_no_link_that_delivers_at_least_once() {
    rejects(
        couriers(1, lossy()),
        at_least_once("sink"),
        "at_least_once(sink): item # never arrived, as # of those sent",
    );
    rejects(
        couriers(1, lossy()),
        exactly_once("sink"),
        "exactly_once(sink): item # never arrived, as # of those sent",
    );
    accepts(couriers(1, lossy()), at_most_once("sink"));
}

// SIM-ORACLES: exactly once, at least once, at most once
#[test]
fn a_link_that_repeats_is_no_link_that_delivers_at_most_once() {
    let failure =
        rejects(couriers(1, echoing()), at_most_once("sink"), "at_most_once(sink): item # arrived twice");
    assert_eq!(failure.entity, "far/sink", "it is found at the very event");
    rejects(couriers(1, echoing()), exactly_once("sink"), "exactly_once(sink): item # arrived twice");
    accepts(couriers(1, echoing()), at_least_once("sink"));
}

#[test]
fn what_was_never_sent_may_not_arrive_however_often() {
    for oracle in [exactly_once("book"), at_least_once("book"), at_most_once("book")] {
        let law = Oracle::<Box<dyn Process>>::name(&oracle).into_owned();
        let id = format!("{law}: item # of key # arrived and was never sent");
        rejects(written(|book| book.delivered((1, 7))), oracle, &id);
    }
}

#[test]
fn an_outcome_that_nobody_knows_is_accepted_both_ways() {
    for arrivals in [0, 1] {
        let sim = written(|book| {
            book.sent(7);
            book.unknown(7);
            (0..arrivals).for_each(|_| book.delivered(7));
        });
        accepts(sim, exactly_once("book"));
    }
    let twice = written(|book| {
        book.unknown(7);
        book.delivered(7);
        book.delivered(7);
    });
    rejects(twice, exactly_once("book"), "exactly_once(book): item # arrived twice");
}

#[test]
fn a_drop_with_a_cause_is_a_loss_all_the_same() {
    let dropped = || {
        written(|book| {
            book.sent(7);
            book.dropped(7, "full");
        })
    };
    rejects(dropped(), at_least_once("book"), "at_least_once(book): item # was dropped: full");
    rejects(dropped(), exactly_once("book"), "exactly_once(book): item # was dropped: full");
    accepts(dropped(), at_most_once("book"));
}

#[test]
fn an_oracle_of_a_probe_that_nobody_opened_does_not_pass() {
    let id = "exactly_once(sank): nobody opened the probe `sank`; open are: [sink]";
    rejects(couriers(1, STEADY), exactly_once("sank"), id);
}

#[test]
fn a_run_that_is_concluded_owes_nothing_that_is_on_its_way() {
    let mut sim = couriers(1, STEADY);
    sim.watch(exactly_once("sink"));
    assert_eq!(sim.run_for(MS + MS), Outcome::Due);
    assert_eq!(sim.conclude(), Outcome::Stopped);
    assert_eq!(sim.conclude(), Outcome::Stopped, "a run ends once");
}

#[test]
fn a_run_that_is_concluded_when_nothing_is_left_to_happen_owes_everything() {
    let mut sim = couriers(1, lossy());
    sim.watch(exactly_once("sink"));
    assert_eq!(sim.run_for(Duration::from_secs(60)), Outcome::Quiet);
    let outcome = sim.conclude();
    let id = "exactly_once(sink): item # never arrived, as # of those sent";
    assert_eq!(outcome.failure().map(|failure| failure.id.as_str()), Some(id));
}

#[test]
fn oracles_move_no_event() {
    let (mut plain, mut watched) = (couriers(3, lossy()), couriers(3, lossy()));
    watched.watch(at_most_once("sink"));
    assert_eq!(plain.run(), watched.run());
    assert_eq!(plain.hash(), watched.hash());
}

/// At most `0` datagrams are under way.
struct Calm(u64);

impl<P: Process> Oracle<P> for Calm {
    fn check(&mut self, sim: &Sim<P>, _: Moment) -> Result<(), String> {
        if sim.in_flight() <= self.0 { Ok(()) } else { Err("too much is under way".to_owned()) }
    }
}

// SIM-ORACLES: one trait with one method
#[test]
fn a_users_oracle_is_one_method_and_named_after_its_type() {
    accepts(couriers(1, STEADY), Calm(2));
    rejects(couriers(1, STEADY), Calm(0), "Calm: too much is under way");
    rejects(
        couriers(1, STEADY),
        Box::new(Calm(0)) as Box<dyn Oracle<Box<dyn Process>>>,
        "Calm: too much is under way",
    );
}

#[test]
fn an_oracle_sees_the_quiet_end_once_a_run() {
    let (ends, count) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (seen, counted) = (Rc::clone(&ends), Rc::clone(&count));
    let mut sim = couriers(1, STEADY);
    sim.oracle("ends", move |_: &Sim, moment: Moment| {
        match moment {
            Moment::Event(_) => counted.set(counted.get() + 1),
            Moment::Quiet | Moment::Due => seen.set(seen.get() + 1),
        }
        Ok(())
    });
    sim.run().expect_ok();
    assert_eq!((ends.get(), count.get()), (1, sim.stats().events));
}

fn held_back() -> LinkConfig {
    let reorder_by = Latency::Constant(Duration::from_millis(5));
    LinkConfig { reorder: Rate::percent(5), reorder_by, ..STEADY }
}

// SIM-ORACLES: conservation over the links, whatever they do
#[test]
fn links_that_lose_repeat_and_reorder_keep_count() {
    for link in [STEADY, lossy(), echoing(), held_back()] {
        accepts(couriers(1, link), network_conservation());
    }
}

// SIM-ORACLES: conservation over the edges of users
#[test]
fn what_an_edge_loses_or_invents_is_found() {
    accepts(couriers(1, STEADY), conservation("sink"));
    let id = "conservation(sink): item # vanished: # sent = # delivered + # dropped + # not seen since";
    rejects(couriers(1, lossy()), conservation("sink"), id);
    let id = "conservation(sink): item # arrived and was not on the edge";
    rejects(couriers(1, echoing()), conservation("sink"), id);
    let dropped = |times| {
        written(move |book| {
            book.sent(1);
            (0..times).for_each(|_| book.dropped(1, "full"));
        })
    };
    accepts(dropped(1), conservation("book"));
    rejects(
        dropped(2),
        conservation("book"),
        "conservation(book): item # was dropped and was not on the edge",
    );
}

#[test]
fn a_copy_that_may_have_been_sent_is_conserved_both_ways() {
    for (arrivals, lawful) in [(1, true), (2, true), (3, false)] {
        let sim = written(|book| {
            book.sent(7);
            book.sent(7);
            book.unknown(7);
            (0..arrivals).for_each(|_| book.delivered(7));
        });
        assert_eq!(judged(sim, conservation("book")).failure().is_none(), lawful, "{arrivals} arrivals");
    }
}

// SIM-ORACLES: order per edge, order per key
#[test]
fn an_item_that_is_overtaken_is_found_unless_keys_may_overtake_each_other() {
    accepts(couriers(1, STEADY), order("sink"));
    accepts(couriers(1, lossy()), order("sink"));
    accepts(couriers(1, echoing()), order("sink"));
    let late = "item # arrived after item #, which was sent later";
    rejects(couriers(1, held_back()), order("sink"), &format!("order(sink): {late}"));
    rejects(couriers(1, held_back()), order_per_key("sink"), &format!("order_per_key(sink): {late}"));

    let crossed = |items: [(u64, u64); 3]| {
        written(|book| {
            [(1, 1), (2, 1), (2, 2)].into_iter().for_each(|item| book.sent(item));
            items.into_iter().for_each(|item| book.delivered(item));
        })
    };
    accepts(crossed([(2, 1), (2, 2), (1, 1)]), order_per_key("book"));
    let late = "item # of key # arrived after item # of key #, which was sent later";
    rejects(crossed([(2, 1), (2, 2), (1, 1)]), order("book"), &format!("order(book): {late}"));
    rejects(
        crossed([(1, 1), (2, 2), (2, 1)]),
        order_per_key("book"),
        &format!("order_per_key(book): {late}"),
    );
    let never = "order(book): item # of key # arrived and was never sent";
    rejects(crossed([(1, 1), (2, 1), (3, 1)]), order("book"), never);
}

// SIM-ORACLES: watermark monotonicity
#[test]
fn a_watermark_that_goes_back_and_an_item_that_comes_late_are_found() {
    accepts(
        written(|book| {
            book.watermark(1, 5);
            book.watermark(2, 3);
            book.watermark(1, 5);
            book.stamped(2, 3);
            book.stamped(3, 0);
        }),
        watermark("book"),
    );
    let back = written(|book| {
        book.watermark(1, 5);
        book.watermark(1, 4);
    });
    rejects(back, watermark("book"), "watermark(book): the watermark of key # went back from # to #");
    let late = written(|book| {
        book.watermark(1, 5);
        book.stamped(1, 4);
    });
    rejects(
        late,
        watermark("book"),
        "watermark(book): an item of event time # came after the watermark # of key #",
    );
}

type Word = fn(&Probe, Item);

// SIM-ORACLES: no leak of slots
#[test]
fn what_is_kept_taken_twice_or_given_back_twice_is_found() {
    let uses = |words: &[Word]| written(|book| words.iter().for_each(|word| word(book, 3.into())));
    let (took, gave): (Word, Word) = (|book, item| book.took(item), |book, item| book.gave(item));
    accepts(uses(&[took, gave, took, gave]), no_leak("book"));
    rejects(
        uses(&[took]),
        no_leak("book"),
        "no_leak(book): item # was never given back, as # of those taken",
    );
    rejects(uses(&[took, took]), no_leak("book"), "no_leak(book): item # was taken twice");
    rejects(
        uses(&[took, gave, gave]),
        no_leak("book"),
        "no_leak(book): item # was given back and nobody had it",
    );
    let mut early = uses(&[took]);
    early.watch(no_leak("book"));
    early.after(MS, |_| ());
    assert_eq!(early.conclude(), Outcome::Stopped, "who is cut short may hold something");
}

#[test]
fn a_count_that_is_not_zero_in_the_end_is_found() {
    accepts(couriers(1, STEADY), no_leak_of("pool", || 0));
    rejects(couriers(1, STEADY), no_leak_of("pool", || 3), "no_leak(pool): # are still there");
}

// SIM-ORACLES: no leak of the slots of a pool
#[test]
fn a_slot_that_never_went_home_is_found() {
    let ends = |frees: bool| {
        let pool: &'static StaticPool<u32, 4> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
        let mut sim: Sim = Sim::new(1);
        sim.watch(no_leak_of("pool", move || u64::from(pool.live())));
        let host = sim.machine("host");
        sim.spawn_async(host, "holder", move |env| async move {
            let mut home = pool.home().unwrap();
            let token = home.loan().unwrap().commit(Header::new(1, 1, env.now()), || 7);
            env.sleep(MS).await;
            if frees {
                home.give_back(token).unwrap();
            }
        });
        sim.run()
    };
    assert_eq!(ends(true), Outcome::Quiet);
    let outcome = ends(false);
    let failure = outcome.failure().expect("a slot is missing");
    assert_eq!(
        (failure.id.as_str(), failure.message.as_str()),
        ("no_leak(pool): # are still there", "1 are still there")
    );
}

/// A server with one task for each request; it may forget to end them.
fn requests(forgetful: bool) -> Sim {
    let mut sim: Sim = Sim::new(1);
    let host = sim.machine("host");
    let server = sim.spawn_async(host, "server", move |env| async move {
        for _ in 0..3 {
            let task = env.clone();
            env.spawn("request", async move {
                task.sleep(MS).await;
                if forgetful {
                    task.recv().await;
                }
            });
        }
    });
    sim.daemon(server);
    sim
}

// SIM-ORACLES: no leak of tasks
#[test]
fn tasks_that_never_end_are_a_leak_even_in_a_server() {
    accepts(requests(false), world_leak());
    rejects(requests(true), world_leak(), "world_leak: # tasks of host/server wait for ever, and # may");
    accepts(requests(true), world_leak().tasks_max(3));
}

// SIM-ORACLES: bounded memory
#[test]
fn whatever_grows_above_its_mark_is_found_and_named() {
    let levels = |levels: &'static [u64]| written(|book| levels.iter().for_each(|level| book.level(*level)));
    accepts(levels(&[0, 8, 3]), bounded("book", 8));
    rejects(levels(&[0, 9, 3]), bounded("book", 8), "bounded(book): the level rose to #, and # is the most");

    let plenty = Bounds { pending: 100, inbox: 100, tasks: 100 };
    accepts(couriers(1, STEADY), bounded_world(plenty));
    let id = "bounded_world: # events wait, and # are the most";
    rejects(couriers(1, STEADY), bounded_world(Bounds { pending: 1, ..plenty }), id);
    let id = "bounded_world: host/server has # tasks, and # are the most";
    rejects(requests(false), bounded_world(Bounds { tasks: 2, ..plenty }), id);
    let mut sim: Sim = Sim::new(1);
    sim.links(STEADY);
    let (near, far) = (sim.machine("near"), sim.machine("far"));
    let deaf = sim.spawn_async(far, "deaf", |env| async move { env.sleep(Duration::from_secs(1)).await });
    let to = sim.address(deaf);
    sim.spawn_async(near, "loud", move |env| async move {
        (0..5_u8).for_each(|n| env.send(to, &[n]).unwrap());
    });
    let id = "bounded_world: far/deaf has # datagrams in its inboxes, and # are the most";
    rejects(sim, bounded_world(Bounds { inbox: 4, ..plenty }), id);
}

// SIM-ORACLES: liveness: what is promised happens within a span
#[test]
fn a_promise_that_is_kept_late_or_never_is_found() {
    accepts(couriers(1, STEADY), within("sink", MS));
    let id = "within(sink): item # is open for longer than #";
    let failure = rejects(couriers(1, held_back()), within("sink", MS), id);
    accepts(couriers(1, held_back()), within("sink", Duration::from_millis(6)));
    assert!(failure.message.ends_with("is open for longer than 1ms"), "{failure}");
    rejects(couriers(1, lossy()), within("sink", MS), id);
    let id = "within(book): item # is open, and nothing will ever happen again";
    rejects(written(|book| book.sent(1)), within("book", MS), id);
    for give_up in [|book: &Probe| book.unknown(1), |book: &Probe| book.dropped(1, "refused")] {
        let sim = written(|book| {
            book.sent(1);
            give_up(book);
            book.sent(1);
        });
        accepts(sim, within("book", MS));
    }
}

// SIM-ORACLES: refinement of a reference model
#[test]
fn a_step_that_the_model_cannot_take_is_found() {
    let counts = |steps: &'static [u32]| {
        let journal = Journal::new();
        steps.iter().for_each(|step| journal.write(*step));
        let mut sum = 0;
        let model = move |step: &u32| {
            sum += 1;
            if *step == sum { Ok(()) } else { Err(format!("the model says {sum}, the counter {step}")) }
        };
        let mut sim: Sim = Sim::new(1);
        sim.watch(refines("counter", &journal, model));
        sim.run()
    };
    assert_eq!(counts(&[1, 2, 3]), Outcome::Quiet);
    let failure = counts(&[1, 2, 2, 3]);
    let failure = failure.failure().expect("the counter stood still");
    assert_eq!(failure.id, "refines(counter): step #: the model says #, the counter #");
    assert_eq!(failure.message, "step 3: the model says 3, the counter 2");
}

// SIM-ORACLES: state-hash agreement of replicas
#[test]
fn replicas_that_part_or_do_not_meet_in_the_end_are_found() {
    let states = |states: &'static [(u64, u64, u64)]| {
        written(|book| states.iter().for_each(|(replica, at, hash)| book.state(*replica, *at, *hash)))
    };
    let same: &[_] = &[(1, 1, 0xa), (1, 2, 0xb), (2, 1, 0xa), (3, 2, 0xb)];
    accepts(states(same), agreement("book"));
    let apart = "agreement(book): replica # ended after # steps and replica # after #";
    rejects(states(same), agreement("book").converging(), apart);
    let parted: &[_] = &[(1, 1, 0xa), (1, 2, 0xb), (2, 1, 0xa), (2, 2, 0xc)];
    let id = "agreement(book): after # steps replica # was in state # and replica # in state #";
    rejects(states(parted), agreement("book"), id);
    rejects(states(parted), agreement("book").replicas(2), id);
    rejects(states(&[(1, 1, 0xa), (1, 1, 0xb)]), agreement("book"), id);
}
