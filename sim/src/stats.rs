//! Counts of a run.

use crate::net::Cause;

/// What happened so far, in numbers. At any moment
/// `sent + duplicated = delivered + dropped + in flight` (see [`Sim::in_flight`](crate::Sim::in_flight)).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Events of every kind.
    pub events: u64,
    /// Datagrams that a link accepted.
    pub sent: u64,
    /// Copies that links made of them.
    pub duplicated: u64,
    /// Datagrams that reached a process.
    pub delivered: u64,
    /// Datagrams with a flipped bit.
    pub corrupted: u64,
    /// Datagrams that lost their end.
    pub truncated: u64,
    /// Datagrams that were held back.
    pub reordered: u64,
    /// Datagrams that a clogged or held link stopped, for a while or for ever.
    pub stopped: u64,
    /// Streams that somebody began to open.
    pub streams: u64,
    /// Segments of streams that machines sent, those that no link carried included.
    pub segments: u64,
    /// Waits for a link that carries, or for an answer.
    pub retries: u64,
    /// Ends whose peer refused.
    pub refused: u64,
    /// Ends that gave up.
    pub timed_out: u64,
    /// Ends that their peer or a story broke.
    pub resets: u64,
    /// Timers that fell due.
    pub timers: u64,
    /// Processes killed.
    pub kills: u64,
    /// Those of them that died at a store into shared memory.
    pub store_deaths: u64,
    pub(crate) dropped: [u64; Cause::ALL.len()],
}

impl Stats {
    /// Datagrams dropped for one cause.
    pub fn dropped(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Datagrams dropped for any cause.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }
}
