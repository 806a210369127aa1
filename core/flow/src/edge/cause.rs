use tidemill_ring::sync::{AtomicU32, Ordering};

/// Why an item did not reach the consumer. Each item that goes astray counts for exactly one (edge, cause).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Above the hard cap of an edge that drops the newest.
    Full,
    /// Thrown out by a newer item, on an edge that drops the oldest.
    Evicted,
    /// Longer than the byte cap of the edge.
    TooLarge,
    /// Past its deadline on arrival, on an edge that refuses such.
    Expired,
    /// Nobody is left to take it.
    Closed,
    /// The step that was shown the item failed.
    NodeFault,
    /// Still waiting when the consumer went away.
    Flushed,
}

impl Cause {
    /// Every cause there is.
    pub const ALL: [Self; 7] = [
        Self::Full,
        Self::Evicted,
        Self::TooLarge,
        Self::Expired,
        Self::Closed,
        Self::NodeFault,
        Self::Flushed,
    ];
}

/// One word a cause. The consumer writes `NodeFault` and `Flushed`, the producer the others.
#[derive(Debug)]
pub(crate) struct Counters([AtomicU32; Cause::ALL.len()]);

impl Counters {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; Cause::ALL.len()])
    }

    pub(crate) fn get(&self, cause: Cause) -> u32 {
        // Relaxed: a figure; it orders nothing.
        self.0[cause as usize].load(Ordering::Relaxed)
    }

    /// By the one end that writes this cause.
    pub(crate) fn count(&self, cause: Cause) {
        let word = &self.0[cause as usize];
        // Relaxed: one writer, so load and store are an increment; it orders nothing.
        word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}
