//! What a simulation must not reach for, as seen by who stands at the door: `tidemill-sim-guard` does.

use std::cell::{Cell, RefCell};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Option<Intrusion>> = const { RefCell::new(None) };
}

/// Something that differs from run to run was reached for inside a simulation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intrusion {
    /// What it was.
    pub what: String,
    /// File and line, or the function where these are not known.
    pub site: String,
}

/// Whether the harness runs a simulation on this thread.
pub fn inside() -> bool {
    INSIDE.try_with(Cell::get).unwrap_or(false)
}

/// Reports that a simulation on this thread reached for `what` at `site`: its run fails. The first report counts.
pub fn intrude(what: &str, site: &str) {
    SEEN.with_borrow_mut(|seen| {
        seen.get_or_insert_with(|| Intrusion { what: what.to_owned(), site: site.to_owned() });
    });
}

/// Runs `body` as the inside of a simulation.
pub(super) fn within<T>(body: impl FnOnce() -> T) -> (T, Option<Intrusion>) {
    let before = INSIDE.replace(true);
    let result = body();
    INSIDE.set(before);
    (result, SEEN.take())
}
