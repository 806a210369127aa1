//! Targets: functions of bytes that neither panic, nor hold memory, nor take time out of proportion to them.
//!
//! `cargo run -p tidemill-fuzz` runs every target on stable Rust: seeds, what was kept in `fuzz/corpus/<target>/`, and
//! mutations of both, of which those that come to something new are changed further. An input that breaks a promise is made
//! small and kept there, and is run first, for ever. `fuzz/libfuzzer` runs the same functions under libFuzzer.

mod campaign;
mod command;
mod coverage;
mod csv;
mod drive;
mod feed;
mod frames;
mod hand;
mod heap;
pub mod hunt;
mod mutate;
mod outcome;
mod peer;
mod register;
mod relocate;
mod ring;
#[cfg(feature = "codecs")]
mod ring_codec;
mod ring_doctor;
mod ring_frames;
mod ring_name;
mod ring_parts;
mod settings;
mod stage;
mod story;
mod tape;
mod trace;

pub use drive::main_with;
pub use heap::Heap;
pub use mutate::Mutator;
pub use outcome::Outcome;

/// One function that reads bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its folder in the corpus, and of its binary under libFuzzer.
    pub name: &'static str,
    /// What it promises.
    pub about: &'static str,
    /// Words of its language, which mutations put in.
    pub words: &'static [&'static str],
    /// The most heap that it may hold at once for one input of [`Mutator::LEN_MAX`], in bytes.
    pub heap_max: usize,
    /// Reads the bytes; panics if it breaks its promise.
    pub run: fn(&[u8]) -> Outcome,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const MIB: usize = 1 << 20;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "tape",
        about: "a tape is refused with line and reason, or reads back as it is written",
        words: tape::WORDS,
        heap_max: MIB,
        run: tape::parse,
        seeds: tape::seeds,
    },
    Target {
        name: "replay",
        about: "whatever a tape says, its replay ends",
        words: tape::WORDS,
        heap_max: 16 * MIB,
        run: tape::replay,
        seeds: tape::seeds,
    },
    Target {
        name: "choices",
        about: "bytes drive a world; the choices that they made repeat it without them",
        words: &[],
        heap_max: 16 * MIB,
        run: story::drive,
        seeds: story::seeds,
    },
    Target {
        name: "trace",
        about: "a trace is refused with place and reason, or is drawn in every form and reads back as it is written",
        words: &["tidemill trace 2\n"],
        heap_max: 64 * MIB,
        run: trace::run,
        seeds: trace::seeds,
    },
    Target {
        name: "coverage",
        about: "a coverage file is refused with line and reason, or reads back as it is written, and so do its sums",
        words: coverage::WORDS,
        heap_max: 4 * MIB,
        run: coverage::run,
        seeds: coverage::seeds,
    },
    Target {
        name: "campaign",
        about: "a campaign's file is refused with a reason, or is shown, and reads back as it is written",
        words: campaign::WORDS,
        heap_max: 8 * MIB,
        run: campaign::run,
        seeds: campaign::seeds,
    },
    Target {
        name: "command",
        about: "any words and any environment are a command that is settled, or a complaint",
        words: command::WORDS,
        heap_max: 16 * MIB,
        run: command::run,
        seeds: command::seeds,
    },
    Target {
        name: "settings",
        about: "a parameter stays within its range, or as it was; strategies and sites read back as they are written",
        words: &["=", "#", "→", ":", "/", "+1", "00", "pings=", "exhaustive:", "pct:"],
        heap_max: MIB,
        run: settings::run,
        seeds: settings::seeds,
    },
    Target {
        name: "register",
        about: "a register over any medium, even one that lies under good checksums, keeps what it once showed",
        words: &["TMRG"],
        heap_max: MIB,
        run: register::run,
        seeds: register::seeds,
    },
    Target {
        name: "relocate",
        about: "bytes are a record, a checkpoint, a log or blocks, which read back as they are written, or are refused by name",
        words: &["TMER", "TMSR", "TMCK"],
        heap_max: MIB,
        run: relocate::run,
        seeds: relocate::seeds,
    },
    Target {
        name: "stage",
        about: "a stage finds what it left, whatever its blocks and its record hold, or says by name what is wrong",
        words: &["TMCK", "TMLB", "TMSR"],
        heap_max: MIB,
        run: stage::run,
        seeds: stage::seeds,
    },
    Target {
        name: "ring",
        about: "a ring is a queue until a peer overwrites its words; from then on no call panics or runs away",
        words: &[],
        heap_max: MIB,
        run: ring::run,
        seeds: ring::seeds,
    },
    Target {
        name: "ring_frames",
        about: "messages over a segment come as they were sent, whoever begins some that never end; a hostile peer hangs nobody",
        words: &[],
        heap_max: MIB,
        run: ring_frames::run,
        seeds: ring_frames::seeds,
    },
    Target {
        name: "ring_parts",
        about: "each message of which a part comes is delivered as it was sent, or broken, once, whoever lies beside it",
        words: &[],
        heap_max: MIB,
        run: ring_parts::run,
        seeds: ring_parts::seeds,
    },
    Target {
        name: "ring_doctor",
        about: "a doctor ends whatever words it is shown, and blames nobody as long as each wrote his own",
        words: &[],
        heap_max: MIB,
        run: ring_doctor::run,
        seeds: ring_doctor::seeds,
    },
    Target {
        name: "ring_name",
        about: "a text is a name that reads back, or is refused for what it has; any label is a session of good names",
        words: ring_name::WORDS,
        heap_max: MIB,
        run: ring_name::run,
        seeds: ring_name::seeds,
    },
    #[cfg(feature = "codecs")]
    Target {
        name: "ring_codec",
        about: "any bytes are a refusal, or a value that goes round, by every codec",
        words: &[],
        heap_max: 32 * MIB,
        run: ring_codec::run,
        seeds: ring_codec::seeds,
    },
    Target {
        name: "frames",
        about: "both sides of a wire take any datagram, and hand on nothing that was not sent",
        words: &[],
        heap_max: MIB,
        run: frames::run,
        seeds: frames::seeds,
    },
    Target {
        name: "peer",
        about: "a peer that lies in sound frames gets no item out of turn, and none that it did not send",
        words: &[],
        heap_max: MIB,
        run: peer::run,
        seeds: peer::seeds,
    },
    Target {
        name: "csv",
        about: "every row of a file is a reading or a reason, and the pipeline's reference takes all of them",
        words: csv::WORDS,
        heap_max: MIB,
        run: csv::run,
        seeds: csv::seeds,
    },
];

/// Gives bytes to the target of that name.
///
/// # Panics
/// If it breaks its promise, or there is none of that name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(bytes);
}

#[cfg(test)]
mod tests {
    use super::hunt::{give, hunt};
    use super::{Heap, Mutator, TARGETS};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[global_allocator]
    static HEAP: Heap = Heap;

    // SIM-REPLAY: bytes that are no tape, or a strange one, are refused, and never more than that.
    #[test]
    fn every_target_takes_its_seeds_nothing_and_a_few_mutations() {
        for target in TARGETS {
            give(target, &[]).unwrap_or_else(|broke| panic!("{}: {broke}", target.name));
            assert!(!(target.seeds)().is_empty(), "{}", target.name);
            let mut left = 100;
            let walk = hunt(target, Vec::new(), 7, &mut |_| {}, &mut || {
                left -= 1;
                left >= 0
            });
            let walk = walk.unwrap_or_else(|find| {
                panic!("{}: {} by {}", target.name, find.broke, find.input.escape_ascii())
            });
            assert!(walk.outcomes > 1, "{} says the same to everything", target.name);
        }
    }

    #[test]
    fn every_input_that_was_ever_kept_keeps_its_promise() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
        for folder in std::fs::read_dir(&corpus).expect("the corpus is in the tree").flatten() {
            let name = folder.file_name().into_string().expect("a plain name");
            let target = TARGETS.iter().find(|target| target.name == name);
            let target = target.unwrap_or_else(|| panic!("{name} is none of {names:?}"));
            for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
                let input = std::fs::read(file.path()).expect("an input");
                give(target, &input).unwrap_or_else(|broke| panic!("{}: {broke}", file.path().display()));
            }
        }
    }

    #[test]
    fn every_target_has_its_binary_under_libfuzzer() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer");
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        for name in TARGETS.iter().map(|target| target.name) {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is not listed");
            let source = std::fs::read_to_string(folder.join(format!("targets/{name}.rs"))).expect(name);
            assert!(source.contains(&format!("run(\"{name}\", bytes)")), "{name} runs another target");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let seeds = vec![b"one".to_vec(), b"another".to_vec()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..50).map(|_| mutator.mutate(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(1).iter().all(|input| input.len() <= Mutator::LEN_MAX));
    }
}
