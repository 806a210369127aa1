//! The shared pipeline over real readings: both halves in one firmware, joined by a cable, polled in turn.
//!
//! Its digest is that of every other world. It is held against the sequential reference on the board itself, too.
#![no_std]
#![no_main]

use core::cell::{Cell, RefCell};
use tidemill_boards::{
    BOARD, BoardClock, Lent, READINGS, ROWS, entry, flash_bytes, instructions, println, ram_bytes,
    semihosting, start,
};
use tidemill_flow::wire::{Inbound, Outbound, Timing};
use tidemill_flow::{Faults, Graph, Polled, Stages};
use tidemill_mcu::{Bell, Loopback, loopback_words};
use tidemill_pipeline::{
    Celsius, LINGER, ReceiverCells, Rejected, SenderCells, Summary, Verdict, receiver, reference, sender,
};
use tidemill_ring::Inline;
use tidemill_seam::{Clock, Notify};

/// Items on their way: fewer than between processes, because the cable is short and the RAM is small.
const WINDOW: usize = 2;
/// The longest encoded reading, in bytes.
const BYTES: usize = 16;
/// Room for two frames in either direction.
const CELLS: u32 = 8;
/// Steps of one half before the other has its turn: too few to fill the cable.
const BURST: u32 = 8;
/// The name of the stream on the cable.
const STREAM: u32 = 1;

type Direction = Inline<{ loopback_words(CELLS) }>;

type Cable = Loopback<&'static Direction>;

static THERE: Direction = Inline::new();
static BACK: Direction = Inline::new();
static SENDER: SenderCells = SenderCells::new();
static RECEIVER: ReceiverCells = ReceiverCells::new();

/// What is known when the last verdict falls.
struct Tally {
    summary: RefCell<Summary>,
    rejected: Cell<u32>,
    /// Instructions counted at the newest verdict, and how often the core had slept by then.
    newest: Cell<(u64, u32)>,
    sleeps: Cell<u32>,
}

impl Tally {
    fn verdict(&self, verdict: &Verdict) {
        self.summary.borrow_mut().push(verdict);
        self.newest.set((instructions(), self.sleeps.get()));
    }

    fn rejected(&self, rejected: &Rejected) {
        self.rejected.set(self.rejected.get() + 1);
        println!("rejected={rejected}");
    }
}

/// Polls both halves in turn until both are done; each is told when the other has moved, for the cable rings no bell.
#[inline(never)]
fn drive(near: &mut Graph<impl Stages>, far: &mut Graph<impl Stages>, clock: BoardClock, tally: &Tally) {
    far.start(clock.now()).expect("every node starts");
    near.start(clock.now()).expect("every node starts");
    let (mut near, mut far) = (near.worker(), far.worker());
    let bell = Bell::new(clock);
    loop {
        let seen = bell.epoch();
        let now = clock.now();
        let sent = near.poll(now, BURST);
        if let Polled::Ran(_) = sent {
            far.notified();
        }
        let received = far.poll(now, BURST);
        if let Polled::Ran(_) = received {
            near.notified();
        }
        match (sent, received) {
            (Polled::Done, Polled::Done) => return,
            (Polled::Ran(_), _) | (_, Polled::Ran(_)) => {}
            (Polled::Idle { due }, Polled::Done) | (Polled::Done, Polled::Idle { due }) => {
                tally.sleeps.set(tally.sleeps.get() + 1);
                bell.wait(seen, due);
            }
            (Polled::Idle { due: one }, Polled::Idle { due: other }) => {
                tally.sleeps.set(tally.sleeps.get() + 1);
                bell.wait(seen, [one, other].into_iter().flatten().min());
            }
            ends => panic!("the pipeline ended early: {ends:?}"),
        }
    }
}

fn report(tally: &Tally, began: u64) {
    let summary = tally.summary.borrow();
    assert_eq!(*summary, reference(READINGS, |_| ()), "the board and the reference disagree");
    let (ended, sleeps) = tally.newest.get();
    assert_eq!(sleeps, 0, "instructions were counted through a sleep");
    println!("rows={ROWS}");
    println!("digest={:016x}", summary.digest());
    println!("verdicts={}", summary.verdicts());
    println!("anomalies={}", summary.anomalies());
    println!("rejects={}", tally.rejected.get());
    println!("instructions={}", ended - began);
    println!("instructions_per_message={}", (ended - began) / u64::from(summary.verdicts().max(1)));
}

/// Not inlined, as its sister is not: what they need while they build is free again before anything runs.
#[inline(never)]
#[expect(clippy::result_large_err, reason = "built once, and there is no heap to box it on")]
fn sending<'t>(
    near: &'t mut Outbound<Cable, Celsius, WINDOW, BYTES>,
    tally: &'t Tally,
) -> Result<Graph<impl Stages + use<'t>>, Faults> {
    sender(&SENDER, READINGS, Lent(near), |bad| tally.rejected(bad))
}

#[inline(never)]
#[expect(clippy::result_large_err, reason = "built once, and there is no heap to box it on")]
fn receiving<'t>(
    far: &'t mut Inbound<Cable, Celsius, WINDOW, BYTES>,
    tally: &'t Tally,
) -> Result<Graph<impl Stages + use<'t>>, Faults> {
    receiver(&RECEIVER, Lent(far), |verdict| tally.verdict(verdict))
}

#[entry]
fn main() -> ! {
    let clock = start();
    println!("board={BOARD}");
    let tally = Tally {
        summary: RefCell::new(Summary::new()),
        rejected: Cell::new(0),
        newest: Cell::new((0, 0)),
        sleeps: Cell::new(0),
    };
    let (here, there) = Loopback::pair(&THERE, &BACK, CELLS).expect("the regions were made for it");
    let (mut near, mut far) =
        (Outbound::new(here, (), STREAM, Timing::DEFAULT), Inbound::new(there, STREAM, LINGER));
    let mut receiving = receiving(&mut far, &tally);
    let mut sending = sending(&mut near, &tally);
    let (Ok(sending), Ok(receiving)) = (&mut sending, &mut receiving) else { panic!("a half has a fault") };
    let began = instructions();
    drive(sending, receiving, clock, &tally);
    report(&tally, began);
    println!("flash_bytes={}", flash_bytes());
    println!("ram_bytes={}", ram_bytes());
    semihosting::process::exit(0)
}
