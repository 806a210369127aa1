//! Laws of a memory manager: M1 to M9 and M11 to M14, as [`tidemill_flow::pool`] lists them; M10 where operations can be
//! counted. M8 at the end of a pool, and M16, belong to the pool's own tests.
//!
//! A payload is a [`Cargo`]: it knows its number, and enters its death in a [`Ledger`].

mod cargo;
mod history;
mod single;

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict};
use tidemill_flow::{Header, Manager};
use tidemill_seam::{Instant, PoolId};

pub use cargo::{Cargo, Ledger};
pub use history::history;
pub use single::{fills, foreign, handles, reads, reuse, shares};

/// The capacities that the suite asks for; a manager that cannot be of one of them says so.
pub const CAPACITIES: [u32; 7] = [1, 2, 3, 4, 8, 16, 64];

const HERE: PoolId = PoolId(7);
const ELSEWHERE: PoolId = PoolId(8);

/// Runs every law but M10. `make(capacity, id)` gives a fresh manager, or `None` where it cannot be of that capacity.
/// The ledger serves one suite at a time.
pub fn suite<M: Manager<Payload = Cargo>>(
    mut make: impl FnMut(u32, PoolId) -> Option<M>,
    ledger: &'static Ledger,
    effort: Effort,
) -> Verdict {
    let mut passed = Passed::default();
    for (capacity, seed) in CAPACITIES.into_iter().zip(0x3A00..) {
        for law in [fills, reads, shares, handles] {
            if let Some(manager) = make(capacity, HERE) {
                passed.add(law(manager, capacity, ledger)?);
            }
        }
        if let Some(manager) = make(capacity, HERE) {
            passed.add(history(manager, capacity, ledger, seed, effort)?);
        }
        if let (Some(here), Some(elsewhere)) = (make(capacity, HERE), make(capacity, ELSEWHERE)) {
            passed.add(foreign(here, elsewhere, ledger)?);
        }
    }
    assert!(passed.histories > 0, "the manager can be of none of the capacities that are tried");
    if let Some(manager) = make(1, HERE) {
        passed.add(reuse(manager, ledger, effort)?);
    }
    Ok(passed)
}

/// M10: what an operation costs does not depend on how many slots are in use. `operations` counts word accesses, or
/// instructions; it may differ by as much as an operation on an empty pool costs, and sixteen.
pub fn cost<M: Manager<Payload = Cargo>>(
    mut manager: M,
    ledger: &'static Ledger,
    mut operations: impl FnMut(&M) -> u64,
) -> Verdict {
    let mut trial = Trial::new(0x3A10);
    let mut least = u64::MAX;
    // Each round ends with one slot more in use, for good.
    for number in 0..manager.capacity() {
        trial.next();
        let before = operations(&manager);
        let loan = manager.reserve().ok_or_else(|| trial.violation("M2", "a free slot is not given"))?;
        let token = manager.commit(loan, header(number), Cargo::new(number, ledger));
        let spent = match manager.give_back(token) {
            Ok(()) => operations(&manager) - before,
            Err(_) => return Err(trial.violation("M13", "giving back fails")),
        };
        least = least.min(spent);
        trial.require("M10", spent <= 2 * least + 16, "an operation costs more the fuller the pool is")?;
        let loan = manager.reserve().ok_or_else(|| trial.violation("M3", "a freed slot is not given"))?;
        let _kept = manager.commit(loan, header(number), Cargo::new(number, ledger));
    }
    Ok(trial.passed())
}

fn header(number: u32) -> Header {
    let number = u64::from(number);
    Header::new(number ^ 0x5A5A, number, Instant::from_nanos(3 * number))
        .with_deadline(Instant::from_nanos(7 * number))
}
