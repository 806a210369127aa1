//! Bytes and property tests that drive a world find the bug in it, and make it small.

use std::cell::RefCell;
use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};
use proptest::strategy::Strategy;
use proptest::test_runner::{TestCaseError, TestError, TestRunner};
use tidemill_fuzz::Mutator;
use tidemill_sim::explore::{Bytes, property};
use tidemill_sim::{
    Address, Base, Config, Context, Drive, Event, LinkConfig, Order, Overlay, Process, Rate, Sim,
};

struct Sender {
    to: Address,
    number: u8,
}

impl Process for Sender {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        context.send(self.to, &[self.number]).expect("it is there");
    }
}

/// The planted bug: it breaks if the four arrive in the opposite order, or the second is lost and the rest in order.
struct Listener(Rc<RefCell<Vec<u8>>>);

impl Process for Listener {
    fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.0.borrow_mut().push(bytes[0]);
        }
    }
}

fn world(config: Config) -> (Sim, bool) {
    let mut sim: Sim = Sim::with(1, config);
    sim.links(LinkConfig { loss: Rate::percent(10), ..LinkConfig::default() });
    let (sink, heard) = (sim.machine("sink"), Rc::default());
    let listener = sim.spawn(sink, "listener", Box::new(Listener(Rc::clone(&heard))));
    for number in 0..4 {
        let (machine, to) = (sim.machine(&format!("host{number}")), sim.address(listener));
        sim.spawn(machine, "sender", Box::new(Sender { to, number }));
    }
    sim.run().expect_ok();
    let heard = heard.take();
    (sim, heard == [3, 2, 1, 0] || heard == [0, 2, 3])
}

fn driven(source: Bytes) -> bool {
    world(Config { drive: Some(Drive::new(source)), order: Order::Chosen, ..Config::default() }).1
}

fn overlaid(overlay: &Overlay) -> bool {
    world(Config { base: Base::Zero, order: Order::Chosen, overlay: overlay.clone(), ..Config::default() }).1
}

/// The least value that breaks, among so many tries and after so many steps of shrinking.
fn least<S: Strategy>(
    strategy: S,
    tries: u32,
    max_shrink_iters: u32,
    breaks: impl Fn(&S::Value) -> bool,
) -> S::Value {
    let config = proptest::test_runner::Config {
        cases: tries,
        max_shrink_iters,
        failure_persistence: None,
        ..Default::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(Default::default());
    let verdict = TestRunner::new_with_rng(config, rng)
        .run(&strategy, |value| if breaks(&value) { Err(TestCaseError::fail("it breaks")) } else { Ok(()) });
    match verdict {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("nothing broke in {tries} tries: {other:?}"),
    }
}

// SIM-EXPLORE: bytes of `arbitrary` as a source of choices.
#[test]
fn bytes_of_a_fuzzer_find_the_bug() {
    let (mut mutator, mut inputs) = (Mutator::new(1), 0);
    let seeds = [vec![0; 16], (0..16).collect()];
    let broken = loop {
        inputs += 1;
        let input = mutator.mutate(&seeds);
        let source = Bytes::arbitrary(&mut Unstructured::new(&input)).expect("any bytes will do");
        if driven(source) {
            break input;
        }
        assert!(inputs < 20_000, "no input broke it");
    };
    let repeats = driven(Bytes::new(&broken));
    assert!(repeats && !driven(Bytes::new(&[])), "{inputs} inputs");
}

// SIM-EXPLORE: bytes of `proptest` shrink towards 0, and less happens in the run that is left.
#[test]
fn a_property_test_over_bytes_shrinks_to_a_run_in_which_less_happens() {
    let breaks = |bytes: &Bytes| driven(bytes.clone());
    let found = least(property::bytes(24), 50_000, 0, breaks);
    let small = least(property::bytes(24), 50_000, 10_000, breaks);
    assert!(breaks(&found) && breaks(&small) && !driven(Bytes::new(&[])));
    let says = |bytes: &Bytes| bytes.as_slice().iter().map(|byte| u64::from(*byte)).sum::<u64>();
    assert!(small.as_slice().len() < found.as_slice().len(), "{small:?} of {found:?}");
    assert!(says(&small) * 2 < says(&found), "{small:?} of {found:?}");
}

// SIM-EXPLORE: an overlay shrinks to the choices that matter.
#[test]
fn a_property_test_over_overlays_shrinks_to_the_choices_that_matter() {
    let recorded = (0..200).flat_map(|seed| {
        let mut sim: Sim =
            Sim::with(seed, Config { record: true, order: Order::Chosen, ..Config::default() });
        sim.links(LinkConfig { loss: Rate::percent(40), ..LinkConfig::default() });
        let sink = sim.machine("sink");
        let listener = sim.spawn(sink, "listener", Box::new(Listener(Rc::default())));
        for number in 0..4 {
            let (machine, to) = (sim.machine(&format!("host{number}")), sim.address(listener));
            sim.spawn(machine, "sender", Box::new(Sender { to, number }));
        }
        sim.run().expect_ok();
        sim.recorded()
    });
    let mut choices: Vec<tidemill_sim::Choice> = Vec::new();
    for choice in recorded {
        if choices.iter().all(|known| known.site != choice.site) {
            choices.push(choice);
        }
    }
    let overlay = least(property::overlays(choices, 8), 50_000, 10_000, overlaid);
    let matter: Vec<String> =
        overlay.iter().filter(|(_, value)| **value != 0).map(|(site, _)| site.to_string()).collect();
    assert!((1..=3).contains(&matter.len()), "{matter:?}");
}
