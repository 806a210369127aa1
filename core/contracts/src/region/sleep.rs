use crate::trial::Trial;
use crate::{Effort, Verdict};
use core::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use tidemill_seam::{Duration, Region};

/// Sleepers at a time.
const SLEEPERS: usize = 3;

/// G8 with threads: a sleep on a word that is another by now is none, and a wake after a change ends every sleep on the value
/// before, through whichever handle. `make(words)` gives a handle for who wakes, and one for each of three sleepers.
///
/// A sleep that is not over within `patience` counts as one that a wake did not end; none lasts longer than four times that.
/// So `patience` is what a broken region costs, and should be more than any machine ever needs.
pub fn sleep<A: Region, B: Region + Send>(
    mut make: impl FnMut(u32) -> (A, [B; SLEEPERS]),
    patience: Duration,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0x68);
    let (waker, sleepers) = make(2);
    let longest = core::time::Duration::from_nanos(patience.as_nanos());
    thread::scope(|scope| {
        let (over, heard) = mpsc::channel();
        let beds = sleepers.map(|region| {
            let ((bed, nights), over) = (mpsc::channel(), over.clone());
            scope.spawn(move || rest(&region, patience.saturating_mul(4), &nights, &over));
            bed
        });
        for round in 0..effort.steps().clamp(16, 256) {
            trial.next();
            // Half of the time the word is another before anybody lies down, and nobody wakes.
            let early = trial.dice.one_in(2);
            if early {
                // SAFETY: the second of two words.
                unsafe { waker.store(1, round + 1, SeqCst) };
            }
            for bed in &beds {
                bed.send(round).expect("a sleeper comes back");
            }
            if !early {
                for _ in 0..trial.dice.below(8) {
                    thread::yield_now();
                }
                // SAFETY: as above.
                unsafe { waker.store(1, round + 1, SeqCst) };
                waker.fence(SeqCst);
                waker.wake(1);
            }
            for _ in &beds {
                let is_over = heard.recv_timeout(longest).is_ok();
                let what = if early { "a sleep on another value" } else { "a wake does not end a sleep" };
                trial.require("G8", is_over, what)?;
            }
        }
        Ok(trial.passed())
    })
}

/// Sleeps on each value until the word is another, and says so.
fn rest<R: Region>(region: &R, span: Duration, nights: &Receiver<u32>, over: &Sender<()>) {
    for value in nights {
        loop {
            region.wait(1, value, span);
            // It may come back at any time.
            // SAFETY: the second of two words.
            if unsafe { region.load(1, SeqCst) } != value {
                break;
            }
            thread::yield_now();
        }
        if over.send(()).is_err() {
            return;
        }
    }
}
