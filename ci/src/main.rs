//! The steps behind `cargo ci`: one table of what must hold, each row with the one command that repeats it.
//!
//! Refuses to pass over a missing tool in silence: a step that cannot run says `SKIPPED <what> <why>`, and on a CI
//! machine (`CI=true`) it installs what is missing and fails if it cannot.

mod beside;
mod cost;
mod elf;
mod report;
mod shell;
mod steps;
mod table;
mod tidy;
mod tools;

use beside::Beside;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use cost::Cost;
use report::Report;
use shell::Place;
use std::process::ExitCode;
use table::{Outcome, STEPS, Step};

/// Runs the checks that this repository must pass; without a step, all of them in order.
#[derive(Parser, Debug)]
#[command(name = "cargo ci", version)]
struct Args {
    /// Steps to run, in the order given; `list` shows them, `install` fetches the tools that they need.
    #[arg(value_parser = PossibleValuesParser::new(words()))]
    steps: Vec<String>,
    /// Stop at the first step that fails.
    #[arg(long)]
    fail_fast: bool,
    /// Spend the long budget: more miri seeds, more simulation seeds.
    #[arg(long)]
    long: bool,
    /// Plants this bug of `ci/patches`, and writes its row; may stand several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// What may stand in the place of a step.
fn words() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).chain(["list", "install"]).collect()
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.steps.iter().any(|word| word == "list") {
        for step in STEPS {
            println!("{:<12} {}", step.name, step.what);
        }
        return ExitCode::SUCCESS;
    }
    let place = match Place::find(args.long) {
        Ok(place) => Place { only: args.only, ..place },
        Err(why) => {
            eprintln!("cargo ci: {why}");
            return ExitCode::from(2);
        }
    };
    let install_only = args.steps.iter().any(|word| word == "install");
    let chosen: Vec<&Step> = if args.steps.is_empty() || install_only {
        STEPS.iter().collect()
    } else {
        args.steps.iter().filter_map(|name| STEPS.iter().find(|step| step.name == name)).collect()
    };
    if place.on_ci || install_only {
        tools::install_missing(&place, chosen.iter().flat_map(|step| step.needs.iter().copied()));
    }
    if install_only {
        return ExitCode::SUCCESS;
    }
    let all = args.steps.is_empty() && !args.fail_fast;
    let report =
        if all { run_all(&Place { once: true, ..place }) } else { run(&place, &chosen, args.fail_fast) };
    print!("{}", report.summary());
    if report.failed() > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs every step, some of them beside the others.
fn run_all(place: &Place) -> Report {
    let beside = Beside::start(place);
    let here: Vec<&Step> = STEPS.iter().filter(|step| !beside::STEPS.contains(&step.name)).collect();
    let mut report = run(place, &here, false);
    match beside.and_then(Beside::finish) {
        Ok(told) => {
            println!("\n── beside ──\n{told}");
            report.add_told(&told);
        }
        Err(failure) => report.add(
            "beside",
            Cost::default(),
            Outcome::Failed { why: failure.why, repeat: format!("cargo ci {}", beside::STEPS.join(" ")) },
        ),
    }
    report
}

/// Runs the steps in order. A failure does not hide what comes after it, unless asked to.
fn run(place: &Place, chosen: &[&Step], fail_fast: bool) -> Report {
    let mut report = Report::default();
    for step in chosen {
        println!("\n── {} ── {}", step.name, step.what);
        let (outcome, cost) = step.execute(place);
        println!("{}", report::line(step.name, cost, &outcome));
        let failed = matches!(outcome, Outcome::Failed { .. });
        report.add(step.name, cost, outcome);
        if failed && fail_fast {
            break;
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_unknown_step_is_refused_and_a_known_one_taken() {
        assert!(Args::try_parse_from(["ci", "no-such-step"]).is_err());
        assert_eq!(Args::try_parse_from(["ci", "tidy", "fmt"]).expect("both exist").steps, ["tidy", "fmt"]);
    }
}
