//! The laws of the seams, run on the board itself at reduced effort.
//!
//! Leaves with 0 where every suite passed, with 1 where a law is broken. The last line but the sizes counts the suites.
#![no_std]
#![no_main]

#[path = "../contracts/flow.rs"]
mod flow;

use tidemill_boards::{
    BELL, BOARD, BoardClock, count_down, entry, flash_bytes, println, ram_bytes, semihosting, start,
};
use tidemill_contracts::clock::Pace;
use tidemill_contracts::link::Ends;
use tidemill_contracts::{Effort, Passed, Verdict, Violation};
use tidemill_mcu::{Bell, Guarded, Loopback, loopback_words};
use tidemill_ring::Inline;
use tidemill_seam::{Clock, Duration, Notify, Region, Woken};

const CELLS: u32 = 8;
const MTU: usize = 16 * CELLS as usize - 4;
const WORDS: usize = 128;

type Direction = Inline<{ loopback_words(CELLS) }>;
type View = Guarded<&'static Inline<WORDS>>;

static THERE: Direction = Inline::new();
static BACK: Direction = Inline::new();
static MEMORY: Inline<WORDS> = Inline::new();

fn cable() -> Ends<Loopback<&'static Direction>, Loopback<&'static Direction>> {
    let (left, right) = Loopback::pair(&THERE, &BACK, CELLS).expect("the regions were made for it");
    Ends { left, right, to_left: (), to_right: () }
}

fn views(_least: u32) -> (View, View) {
    // SAFETY: the words written are all that the region has.
    unsafe { MEMORY.write(0, &[0; WORDS]) };
    (Guarded(&MEMORY), Guarded(&MEMORY))
}

fn clock(clock: BoardClock) -> Verdict {
    let bell = Bell::new(clock);
    let pass = |span: Duration| {
        bell.wait(bell.epoch(), Some(clock.now() + span));
    };
    tidemill_contracts::clock(|| clock, pass, Pace::Real, Effort::Board)
}

fn notify(clock: BoardClock) -> Verdict {
    tidemill_contracts::notify(|| Bell::new(clock), &clock, Effort::Board)
}

fn region(_: BoardClock) -> Verdict {
    tidemill_contracts::region_views(views, Effort::Board)
}

fn exchange(_: BoardClock) -> Verdict {
    tidemill_contracts::exchange(views, Effort::Board)
}

fn link(_: BoardClock) -> Verdict {
    let mut scratch = [0; 2 * (MTU + 1)];
    tidemill_contracts::link(cable, || (), &mut scratch, Effort::Board)
}

/// W1, W4: an interrupt that strikes between the last look and the sleep is not lost. A lost one sleeps for ever.
fn interrupt(_: BoardClock) -> Verdict {
    const ROUNDS: u32 = 1_000;
    for step in 0..ROUNDS {
        let woken = BELL.wait(BELL.epoch(), None);
        if woken != Woken::Notified {
            let what = "a sleeper without deadline wakes before the interrupt rings";
            return Err(Violation { law: "W1", what, values: None, seed: 0, step });
        }
    }
    Ok(Passed { histories: 1, checks: u64::from(ROUNDS) })
}

/// What the figures are made of: 2,000 instructions more are 2,000 more, to the resolution of the board's timer.
fn counter(_: BoardClock) -> Verdict {
    let (few, many) = (count_down(1_000), count_down(2_000));
    let more = many - few;
    if more.abs_diff(2_000) <= 4 {
        return Ok(Passed { histories: 1, checks: 1 });
    }
    let what = "the counter does not count instructions: -icount shift=5 is missing";
    Err(Violation { law: "counter", what, values: Some((2_000, more)), seed: 0, step: 0 })
}

type Suite = (&'static str, fn(BoardClock) -> Verdict);

const SUITES: [Suite; 11] = [
    ("counter", counter),
    ("clock", clock),
    ("notify", notify),
    ("interrupt", interrupt),
    ("region", region),
    ("exchange", exchange),
    ("link", link),
    ("ring", flow::ring),
    ("ring_evicting", flow::ring_evicting),
    ("manager", flow::manager),
    ("edge", flow::edge),
];

#[entry]
fn main() -> ! {
    let clock = start();
    println!("board={BOARD}");
    let mut failed = 0;
    for (name, suite) in SUITES {
        match suite(clock) {
            Ok(passed) => println!("suite={name} checks={}", passed.checks),
            Err(violation) => {
                failed += 1;
                println!("suite={name} {violation}");
            }
        }
    }
    println!("flash_bytes={}", flash_bytes());
    println!("ram_bytes={}", ram_bytes());
    println!("{} passed, {failed} failed", SUITES.len() - failed);
    semihosting::process::exit(i32::from(failed > 0))
}
