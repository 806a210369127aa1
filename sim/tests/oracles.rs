//! Every oracle accepts a world that keeps its law and rejects, under its own name, one that breaks it.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_seam::Duration;
use tidemill_sim::oracle::{Probe, at_least_once, at_most_once, exactly_once};
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
