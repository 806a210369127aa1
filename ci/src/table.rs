//! The table of steps: a new check is a new row.

use crate::cost::{Cost, Meter};
use crate::shell::{Failure, Place};
use crate::steps::{
    aarch64, bench, boards, browser, canary, cargo, determinism, downstream, elsewhere, features, fuzz,
    mutants, noheap, planted, sim,
};
use crate::tidy;
use crate::tools::{self, Tool};

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It held; the note carries the figures worth reading.
    Passed(String),
    /// It did not hold.
    Failed {
        /// What was found.
        why: String,
        /// The one command that shows it again.
        repeat: String,
    },
    /// It could not be asked on this machine.
    Skipped {
        /// The missing thing.
        what: String,
        /// Why that stops the step, and what brings it.
        why: String,
    },
}

impl Outcome {
    #[cfg(test)]
    pub(crate) fn failed(why: &str, repeat: &str) -> Self {
        Self::Failed { why: why.into(), repeat: repeat.into() }
    }

    #[cfg(test)]
    pub(crate) fn skipped(what: &str, why: &str) -> Self {
        Self::Skipped { what: what.into(), why: why.into() }
    }
}

/// What a step hands back: a note, or why it failed.
pub(crate) type Verdict = Result<String, Failure>;

/// One row.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What holds when it passes.
    pub(crate) what: &'static str,
    /// The command that repeats it, where the failure itself does not know a narrower one.
    pub(crate) repeat: &'static str,
    pub(crate) needs: &'static [Tool],
    pub(crate) run: fn(&Place) -> Verdict,
}

impl Step {
    /// Runs the step if its tools are there, and times it.
    pub(crate) fn execute(&self, place: &Place) -> (Outcome, Cost) {
        let meter = Meter::start();
        let outcome = match tools::first_missing(place, self.needs) {
            Some(tool) if place.on_ci => Outcome::Failed {
                why: format!("{} is required on CI and could not be installed", tool.name()),
                repeat: tool.cure(place),
            },
            Some(tool) => {
                Outcome::Skipped { what: tool.name(), why: format!("is not installed: {}", tool.cure(place)) }
            }
            None => match (self.run)(place) {
                Ok(note) => Outcome::Passed(note),
                Err(failure) => Outcome::Failed {
                    why: failure.why,
                    repeat: failure.repeat.unwrap_or_else(|| self.repeat.to_owned()),
                },
            },
        };
        (outcome, meter.read())
    }
}

const THUMBV6M: Tool = Tool::Target("thumbv6m-none-eabi");
const THUMBV7EM: Tool = Tool::Target("thumbv7em-none-eabihf");
const RISCV32: Tool = Tool::Target("riscv32imac-unknown-none-elf");
const AARCH64: Tool = Tool::Target("aarch64-unknown-linux-gnu");
const WASM32: Tool = Tool::Target("wasm32-unknown-unknown");
const QEMU_ARM: Tool = Tool::Program { name: "qemu-system-arm", package: "qemu-system-arm" };
const QEMU_RISCV: Tool = Tool::Program { name: "qemu-system-riscv32", package: "qemu-system-misc" };
const QEMU_AARCH64: Tool = Tool::Program { name: "qemu-aarch64", package: "qemu-user" };
const GCC_AARCH64: Tool =
    Tool::Program { name: "aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" };
const CHROMIUM: Tool = Tool::Program { name: "chromium", package: "chromium fonts-dejavu-core" };
const NODE: Tool = Tool::Program { name: "node", package: "nodejs" };
const NPM: Tool = Tool::Program { name: "npm", package: "npm" };
const VALGRIND: Tool = Tool::Program { name: "valgrind", package: "valgrind" };
const GIT: Tool = Tool::Program { name: "git", package: "git" };

/// Every step, cheapest question first where the order is free.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "rustfmt changes nothing",
        repeat: "cargo fmt --all --check",
        needs: &[],
        run: cargo::fmt,
    },
    Step {
        name: "tidy",
        what: "the text rules: lengths, words, attributes, arrows, laws, links, layout",
        repeat: "cargo ci tidy",
        needs: &[],
        run: tidy::run,
    },
    Step {
        name: "features",
        what: "every row of the simulator's features is shown by a test, and the table says by which",
        repeat: "cargo ci features",
        needs: &[GIT],
        run: features::run,
    },
    Step {
        name: "clippy",
        what: "no lint in any target; those of loom and shuttle are read where they are built",
        repeat: "cargo ci clippy",
        needs: &[],
        run: cargo::clippy,
    },
    Step {
        name: "docs",
        what: "every public item is documented and every link leads somewhere",
        repeat: "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --lib --features tidemill-host/tokio",
        needs: &[],
        run: cargo::docs,
    },
    Step {
        name: "test",
        what: "unit tests, contracts, stories, tapes and documentation examples",
        repeat: "cargo test --workspace",
        needs: &[],
        run: cargo::test,
    },
    Step {
        name: "mutants-relocate",
        what: "every named safeguard of an edge that moves is left out once, and missed",
        repeat: "cargo ci mutants-relocate",
        needs: &[],
        run: mutants::run,
    },
    Step {
        name: "loom",
        what: "every interleaving of the models, and the litmus twins that must fail",
        repeat: "cargo test -p loom-tests --features loom --release",
        needs: &[],
        run: cargo::loom,
    },
    Step {
        name: "shuttle",
        what: "random schedules of the larger models",
        repeat: "cargo test -p loom-tests --features shuttle --release",
        needs: &[],
        run: cargo::shuttle,
    },
    Step {
        name: "miri",
        what: "no undefined behaviour in ring and flow, over several schedules",
        repeat: "cargo ci miri",
        needs: &[Tool::Miri],
        run: cargo::miri,
    },
    Step {
        name: "noheap",
        what: "ring and flow link on three bare-metal targets without an allocator",
        repeat: "cargo ci noheap",
        needs: &[THUMBV6M, THUMBV7EM, RISCV32],
        run: noheap::run,
    },
    Step {
        name: "codecs",
        what: "each codec of a ring builds for a board, gives back what it took, and takes any bytes",
        repeat: "cargo ci codecs",
        needs: &[THUMBV6M],
        run: cargo::codecs,
    },
    Step {
        name: "boards",
        what: "the pipeline on three emulated boards gives the digest that the host and the simulator give",
        repeat: "cargo ci boards",
        needs: &[THUMBV6M, THUMBV7EM, RISCV32, QEMU_ARM, QEMU_RISCV],
        run: boards::run,
    },
    Step {
        name: "aarch64",
        what: "the tests of seam and ring, and what of sim asks something of the machine, on aarch64 Linux",
        repeat: "cargo ci aarch64",
        needs: &[AARCH64, GCC_AARCH64, QEMU_AARCH64],
        run: aarch64::run,
    },
    Step {
        name: "wasm",
        what: "the simulator builds for wasm32",
        repeat: "cargo build --release -p tidemill-sim --target wasm32-unknown-unknown",
        needs: &[WASM32],
        run: cargo::wasm,
    },
    Step {
        name: "sim",
        what: "the stories survive their smoke seeds",
        repeat: "cargo sim run --seeds 200",
        needs: &[],
        run: sim::run,
    },
    Step {
        name: "canary",
        what: "the canary fails, writes its tape, and the tape reproduces it",
        repeat: "cargo ci canary",
        needs: &[],
        run: canary::run,
    },
    Step {
        name: "downstream",
        what: "a user's crate builds, passes its tests and lints, and its tape finds the bug that wrote it",
        repeat: "cargo ci downstream",
        needs: &[],
        run: downstream::run,
    },
    Step {
        name: "elsewhere",
        what: "one script ends alike in our simulator, in turmoil, in madsim and on loopback, but for the known gaps",
        repeat: "cargo ci elsewhere",
        needs: &[],
        run: elsewhere::run,
    },
    Step {
        name: "fuzz",
        what: "whoever reads foreign bytes, from tapes to the words of a ring, neither panics nor runs away",
        repeat: "cargo ci fuzz",
        needs: &[],
        run: fuzz::run,
    },
    Step {
        name: "determinism",
        what: "one seed, one hash: new process, n-th simulation, thread, profile, architecture",
        repeat: "cargo ci determinism",
        needs: &[AARCH64, GCC_AARCH64, QEMU_AARCH64, WASM32, NODE],
        run: determinism::run,
    },
    Step {
        name: "browser",
        what: "the page of a trace opens, is clicked, searched and stepped through in headless Chromium",
        repeat: "cargo ci browser",
        needs: &[CHROMIUM, NODE, NPM],
        run: browser::run,
    },
    Step {
        name: "planted",
        what: "planted bugs are found within their seeds, replayed and shrunk, and their table fits",
        repeat: "cargo ci planted",
        needs: &[GIT],
        run: planted::run,
    },
    Step {
        name: "bench",
        what: "every bench runs, and the instruction counts are counted",
        repeat: "cargo ci bench",
        needs: &[VALGRIND, Tool::GungraunRunner],
        run: bench::run,
    },
];

#[cfg(test)]
mod tests {
    use super::{STEPS, Step};
    use crate::shell::{Failure, Place};
    use crate::table::Outcome;
    use crate::tools::Tool;
    use std::collections::BTreeSet;

    fn step(needs: &'static [Tool], run: fn(&Place) -> Result<String, Failure>) -> Step {
        Step { name: "probe", what: "", repeat: "cargo ci probe", needs, run }
    }

    #[test]
    fn every_step_has_its_own_name_a_promise_and_a_repeat_command() {
        let names: BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
        for step in STEPS {
            assert!(!step.what.is_empty(), "{}", step.name);
            assert!(step.repeat.contains("cargo "), "{}", step.name);
        }
    }

    #[test]
    fn a_missing_tool_skips_on_a_desk_and_fails_on_ci() {
        const NEEDS: &[Tool] = &[Tool::Program { name: "no-such-program", package: "none" }];
        let probe = step(NEEDS, |_| Ok(String::new()));
        let mut place = Place::find(false).expect("the workspace is here");
        place.on_ci = false;
        assert!(
            matches!(probe.execute(&place).0, Outcome::Skipped { what, .. } if what == "no-such-program")
        );
        place.on_ci = true;
        assert!(
            matches!(probe.execute(&place).0, Outcome::Failed { why, .. } if why.contains("required on CI"))
        );
    }

    #[test]
    fn a_failure_keeps_its_own_repeat_command_or_takes_that_of_the_step() {
        let place = Place::find(false).expect("the workspace is here");
        let wide = step(&[], |_| Err(Failure::new("why")));
        assert!(
            matches!(wide.execute(&place).0, Outcome::Failed { repeat, .. } if repeat == "cargo ci probe")
        );
        let narrow = step(&[], |_| Err(Failure::new("why").repeat("cargo test -p x")));
        assert!(
            matches!(narrow.execute(&place).0, Outcome::Failed { repeat, .. } if repeat == "cargo test -p x")
        );
    }
}
