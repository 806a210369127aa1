//! What a checkpoint of a stage costs in files, beside the same bytes written and synced by hand in the same run:
//! `cargo run --release -p tidemill-host --example checkpoint`.
//!
//! A state of 4 KiB, 64 new items of 256 bytes, the last 128 of them retained. Both sides sync twice: the blocks, and the record. They
//! take turns, and the medians are compared.

use std::io;
use std::path::Path;
use tidemill_host::{FileRegister, FileStore, MonotonicClock};
use tidemill_relocate::{Chain, EdgeId, Label, Leaving, Outgoing, Output, StageId, StageStore};
use tidemill_seam::{Clock, Geometry, Store};

const BLOCKS: Geometry = Geometry { block: 4096, blocks: 1024 };
const RECORD: Geometry = Geometry { block: 1024, blocks: 4 };
const STATE: usize = 4096;
const NEW: u64 = 64;
const RETAINED: u64 = 128;
const ROUNDS: u64 = 400;

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("tidemill-checkpoint-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let measured = measure(&folder);
    std::fs::remove_dir_all(&folder)?;
    let (mut ours, mut raw, bytes) = measured?;
    let (ours, raw) = (median(&mut ours), median(&mut raw));
    println!("{ROUNDS} checkpoints of {bytes} bytes each, two syncs");
    println!("stage store   {:>8} us", ours / 1000);
    println!("by hand       {:>8} us", raw / 1000);
    println!("ratio         {:>8.2}", ours as f64 / raw as f64);
    Ok(())
}

fn median(times: &mut [u64]) -> u64 {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Nanoseconds of each checkpoint, of each round by hand, and the bytes of a checkpoint.
fn measure(folder: &Path) -> io::Result<(Vec<u64>, Vec<u64>, u64)> {
    let blocks = FileStore::open(folder.join("blocks"), BLOCKS)?;
    let record = FileRegister::create(folder.join("record"), 512)?;
    let mut stage =
        StageStore::new(blocks, record, StageId([1; 16]), 1, 3, STATE as u64).map_err(io::Error::other)?;
    stage.found().map_err(io::Error::other)?;
    stage.mint().map_err(io::Error::other)?;
    let mut by_hand =
        [FileStore::open(folder.join("hand"), BLOCKS)?, FileStore::open(folder.join("word"), RECORD)?];
    let (state, item) = (vec![7; STATE], [9; 256]);
    let entries: Vec<(Label, &[u8])> = vec![(Label(1), &item[..]); RETAINED as usize];
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let off = RETAINED + round * NEW;
        let output = Output {
            edge: EdgeId([2; 16]),
            off,
            chain: Chain(0),
            retained: off - RETAINED,
            seen: 0,
            ended: false,
        };
        let outputs = [Outgoing { output, entries: &entries }];
        let before = stage.stats().bytes;
        let begun = MonotonicClock.now();
        stage.begin(&Leaving { inputs: &[], outputs: &outputs, state: &state }).map_err(io::Error::other)?;
        stage.poll().map_err(io::Error::other)?;
        let done = MonotonicClock.now();
        let bytes = vec![round as u8; (stage.stats().bytes - before) as usize];
        let began = MonotonicClock.now();
        let at = round % 8 * 32 * u64::from(BLOCKS.block);
        by_hand[0].write(at, &bytes).map_err(io::Error::other)?;
        by_hand[0].sync().map_err(io::Error::other)?;
        by_hand[1].write(round % 2 * 2048, &bytes[..2048]).map_err(io::Error::other)?;
        by_hand[1].sync().map_err(io::Error::other)?;
        ours.push(done.since(begun).as_nanos());
        raw.push(MonotonicClock.now().since(began).as_nanos());
    }
    Ok((ours, raw, stage.stats().bytes / ROUNDS))
}
