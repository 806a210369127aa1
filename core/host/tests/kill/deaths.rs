//! How many processes the tests of this program kill in all.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The tests that kill, and how many have to die in all of them.
const KILLERS: u32 = 10;
const DEATHS: u64 = 1_000;

/// One of the tests that kill has come to its end. The last one says how many died.
pub(super) fn died(deaths: u64) {
    static ALL: AtomicU64 = AtomicU64::new(0);
    static ENDED: AtomicU32 = AtomicU32::new(0);
    // Relaxed: ordered by the count of those who ended.
    ALL.fetch_add(deaths, Ordering::Relaxed);
    // AcqRel: pairs with itself; the last one sees what all others added.
    if ENDED.fetch_add(1, Ordering::AcqRel) + 1 == KILLERS {
        let all = ALL.load(Ordering::Relaxed);
        println!("{all} processes were killed with SIGKILL, in {KILLERS} tests");
        assert!(all >= DEATHS, "{all} deaths are less than {DEATHS}");
    }
}
