//! Reliable ordered streams: what a transport makes of lossy links, and how it breaks.
//!
//! Bytes travel in segments over the same links as datagrams. A segment that a link loses, corrupts, truncates, cuts or
//! has no room for is sent again after a while, and nothing overtakes it: loss is delay, never disorder. Who is not
//! answered for long enough gives up. A reset is said once: whoever does not hear it finds out by writing, and whoever has
//! no room to write is not told (there are no probes of a full window). Each machine carries its ends on by itself; a process hears of them in events.

mod arrive;
mod end;
mod pipe;
mod world;

pub(crate) use end::{Door, Touched};
pub use end::{SimStream, SimStreams, StreamId};
pub(crate) use pipe::{Beat, Pipes};

use tidemill_seam::Duration;

use crate::choice::Rate;

/// How the streams of a world behave. Sizes are in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamConfig {
    /// The longest segment.
    pub segment: u32,
    /// What one end keeps of what was written and not sent.
    pub buffer: u32,
    /// What one direction may carry without its having been read.
    pub window: u32,
    /// How long until a lost segment is sent again. Doubles with every loss, up to 64 times of it.
    pub retry: Duration,
    /// How long an end waits for an answer before it gives up.
    pub patience: Duration,
    /// Streams that wait to be accepted at one port; further ones are not answered.
    pub backlog: u32,
    /// How often a port refuses although somebody accepts there.
    pub refuse: Rate,
    /// How often a segment that arrives finds its stream broken by a box on the way: both ends hear of a reset.
    pub reset: Rate,
    /// How often a segment, or the room for the next write, is short, so that reads and writes are partial.
    pub short: Rate,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            segment: 1_460,
            buffer: 16_384,
            window: 16_384,
            retry: Duration::from_millis(200),
            patience: Duration::from_secs(30),
            backlog: 64,
            refuse: Rate::NEVER,
            reset: Rate::NEVER,
            short: Rate::NEVER,
        }
    }
}

/// What became of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// One waits to be accepted at this port.
    Accepted {
        /// The port.
        port: u16,
    },
    /// The peer has accepted it.
    Opened,
    /// There is something to hear: bytes or the end.
    Readable,
    /// A write that found no room finds some.
    Writable,
    /// It broke.
    Broken,
}
