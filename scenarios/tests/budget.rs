//! The budget of the pipeline follows from its graphs and where they run: within it every run survives, beyond it none.

use tidemill_scenarios::stories::find;
use tidemill_sim::harness::{Params, Story};
use tidemill_sim::{Failure, Overlay, Sim};

fn story(budget: &str) -> (&'static Story, Params) {
    let story = find("pipeline").expect("the story is listed");
    let mut params = story.params();
    for (name, value) in [("rows", "400"), ("budget", budget)] {
        story.set(&mut params, name, value).expect("a value within its range");
    }
    (story, params)
}

// SIM-BUDGET: within the budget of the graphs' layout no run of the pipeline fails, and the budget is spent.
#[test]
fn within_the_budget_of_its_layout_the_pipeline_never_fails() {
    let (story, params) = story("1");
    let (mut died, mut cut, mut refused) = (0, 0, 0);
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        sim.oracle("budget", |sim: &Sim, _| sim.budget_kept());
        let outcome: Result<(), Failure> = (story.body)(&mut sim, &params);
        assert_eq!(outcome, Ok(()), "seed {seed}");
        for (name, counts) in sim.faults() {
            died += u64::from(name == "kill(*)") * counts.changed;
            cut += u64::from(name == "swarm-isolate") * counts.changed;
            refused += counts.refused;
        }
        assert!(
            sim.processes().all(|process| sim.name(process) != "centre/receiver" || sim.is_alive(process))
        );
    }
    assert!(died > 30 && cut > 100 && refused > 10, "{died} died, {cut} cut off, {refused} refused");
}

// SIM-BUDGET: the canary of the budget: the one death that it forbids is never survived.
#[test]
fn beyond_the_budget_of_its_layout_the_pipeline_always_fails() {
    let (story, params) = story("2");
    for seed in 0..8 {
        assert!(story.run(seed, &params, Overlay::new()).failure.is_some(), "seed {seed} survived");
    }
}
