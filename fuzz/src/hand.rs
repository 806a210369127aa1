//! The input that a target has in hand: what is kept if it never comes back.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Heap;
use crate::drive::{keep, processor_time};

const LOOK_EVERY: Duration = Duration::from_millis(200);

struct Hand {
    target: &'static str,
    folder: PathBuf,
    input: Vec<u8>,
    /// Which input of this process it is.
    number: u64,
}

static HAND: Mutex<Option<Hand>> = Mutex::new(None);

fn hand() -> MutexGuard<'static, Option<Hand>> {
    HAND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The target takes this input now.
pub(crate) fn take(target: &'static str, folder: &Path, input: &[u8]) {
    let mut hand = hand();
    let held =
        hand.get_or_insert_with(|| Hand { target, folder: PathBuf::new(), input: Vec::new(), number: 0 });
    if held.target != target || held.number == 0 {
        (held.target, held.folder) = (target, folder.to_owned());
    }
    held.input.clear();
    held.input.extend_from_slice(input);
    held.number += 1;
}

/// No target runs.
pub(crate) fn empty() {
    *hand() = None;
}

/// From now on an input that takes more processor time than that, or far too much memory, is kept, and ends the process.
pub(crate) fn guard(patience: Duration) {
    Heap::alarm(|| give_up("it asks for more memory than any input may"));
    thread::spawn(move || {
        let (mut number, mut since) = (0, processor_time());
        loop {
            thread::sleep(LOOK_EVERY);
            let now = hand().as_ref().map_or(0, |hand| hand.number);
            if now != number || now == 0 {
                (number, since) = (now, processor_time());
            } else if processor_time().saturating_sub(since) > patience {
                give_up("it does not come back");
            }
        }
    });
}

fn give_up(why: &str) {
    if let Some(hand) = hand().take() {
        println!("{} broke its promise: {why}", hand.target);
        match keep(&hand.folder, &hand.input) {
            Ok(path) => {
                println!("replay: cargo run -p tidemill-fuzz -- {} {}", hand.target, path.display())
            }
            Err(error) => eprintln!("{}: {error}", hand.folder.display()),
        }
        process::exit(1);
    }
}
