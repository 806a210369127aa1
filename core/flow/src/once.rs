//! Opening something at most once, with loads and stores only.

use core::sync::atomic::{AtomicUsize, Ordering};

/// Lets at most one caller through, for ever; a caller that is alone does get through.
///
/// The splitter of Moir and Anderson ("Wait-free algorithms for fast, long-lived renaming", 1995). Its "stop" outcome
/// is all that is needed here, and it costs no compare-and-swap, which some targets lack. Callers that collide may all
/// be refused.
#[derive(Debug)]
pub(crate) struct Once {
    last: AtomicUsize,
    shut: AtomicUsize,
}

impl Once {
    pub(crate) const fn new() -> Self {
        Self { last: AtomicUsize::new(0), shut: AtomicUsize::new(0) }
    }

    /// Whether the caller is the one.
    pub(crate) fn pass(&self) -> bool {
        // Two calls that overlap have two stack frames: the address tells them apart, and is used for nothing else.
        let mark = 0_u8;
        let me = (&raw const mark).addr();
        // SeqCst: the proof wants one order of these four accesses over all callers; each is the partner of the others.
        self.last.store(me, Ordering::SeqCst);
        if self.shut.load(Ordering::SeqCst) != 0 {
            return false;
        }
        self.shut.store(1, Ordering::SeqCst);
        self.last.load(Ordering::SeqCst) == me
    }
}
