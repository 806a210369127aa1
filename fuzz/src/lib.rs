//! Targets: functions of bytes that neither panic, nor hold memory, nor take time out of proportion to them.
//!
//! `cargo run -p tidemill-fuzz` runs every target on stable Rust; `fuzz/libfuzzer` runs the same functions under
//! libFuzzer. An input that broke something lies in `fuzz/corpus/<target>/`, and is run first, for ever.

mod csv;
mod frames;
mod mutate;
mod story;
mod tape;

pub use mutate::Mutator;

/// One function that reads bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its folder in the corpus, and of its binary under libFuzzer.
    pub name: &'static str,
    /// What it promises.
    pub about: &'static str,
    /// Reads the bytes; panics if it breaks its promise.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "tape",
        about: "a tape is refused with a reason, or reads back as it is written",
        run: tape::parse,
        seeds: tape::seeds,
    },
    Target {
        name: "replay",
        about: "whatever a tape says, its replay ends",
        run: tape::replay,
        seeds: tape::seeds,
    },
    Target {
        name: "choices",
        about: "bytes drive a world; the choices that they made repeat it without them",
        run: story::drive,
        seeds: story::seeds,
    },
    Target {
        name: "frames",
        about: "both sides of a wire take any datagram, and hand on nothing that was not sent",
        run: frames::run,
        seeds: frames::seeds,
    },
    Target {
        name: "csv",
        about: "every row of a file is a reading or a reason, and the pipeline's reference takes all of them",
        run: csv::run,
        seeds: csv::seeds,
    },
];

#[cfg(test)]
mod tests {
    use super::{Mutator, TARGETS};

    // SIM-REPLAY: bytes that are no tape, or a strange one, are refused, and never more than that.
    #[test]
    fn every_target_takes_its_seeds_nothing_and_a_few_mutations() {
        for target in TARGETS {
            (target.run)(&[]);
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            seeds.iter().for_each(|seed| (target.run)(seed));
            let mut mutator = Mutator::new(7);
            (0..100).for_each(|_| (target.run)(&mutator.mutate(&seeds)));
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
