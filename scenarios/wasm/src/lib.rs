//! The stories as one WebAssembly module: a 32-bit machine without threads, files or a clock, where a seed must have the
//! hash that it has everywhere else. `ci/wasm/hashes.mjs` calls it.

#[expect(
    dead_code,
    unreachable_pub,
    reason = "the module belongs to the command, of which this is a small part"
)]
#[path = "../../src/stories/mod.rs"]
mod stories;

use std::sync::atomic::{AtomicU64, Ordering};
use tidemill_sim::harness::Trial;

/// Stories in which a process dies at a store, in the middle of a call: that unwinds, and this target only aborts.
const UNWINDING: &[&str] = &["shared_ring", "shm_pipeline", "segment"];

static HASH: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// How many stories there are.
#[unsafe(no_mangle)]
pub extern "C" fn stories() -> u32 {
    stories::all().len() as u32
}

/// Where a story's name stands in memory.
#[unsafe(no_mangle)]
pub extern "C" fn name_at(story: u32) -> *const u8 {
    stories::all()[story as usize].name.as_ptr()
}

/// How long a story's name is, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn name_len(story: u32) -> u32 {
    stories::all()[story as usize].name.len() as u32
}

/// Whether this target can run the story: 1, or 0 for one that needs unwinding.
#[unsafe(no_mangle)]
pub extern "C" fn runs_here(story: u32) -> u32 {
    u32::from(!UNWINDING.contains(&stories::all()[story as usize].name))
}

/// Runs a story once; its hash is then the two words of [`hash`].
#[unsafe(no_mangle)]
pub extern "C" fn run(story: u32, seed: u64) {
    let story = &stories::all()[story as usize];
    let hash = story.trial(&story.params(), &Trial::seed(seed)).hash;
    HASH[0].store(hash as u64, Ordering::Relaxed);
    HASH[1].store((hash >> 64) as u64, Ordering::Relaxed);
}

/// A word of the last run's hash: 0 is the low one, 1 the high one.
#[unsafe(no_mangle)]
pub extern "C" fn hash(word: u32) -> u64 {
    HASH[word as usize].load(Ordering::Relaxed)
}
