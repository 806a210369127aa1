use core::fmt;

/// What a read found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// So many bytes of the buffer are filled; at least one.
    Bytes(usize),
    /// Nothing waits at this moment.
    Nothing,
    /// The peer has finished, and everything that it wrote has been read.
    End,
}

/// Why a stream carries nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// Nobody accepts streams there.
    Refused,
    /// The peer does not answer.
    TimedOut,
    /// The peer has reset the stream, or is gone and its world said so.
    Reset,
    /// This end is gone: reset by its owner, or its process died.
    Closed,
    /// The destination cannot be named in this world.
    Unroutable,
}

/// One end of a reliable ordered stream of bytes.
///
/// # Laws
/// - **S1** What is read is a prefix of what the peer's writes took: in order, each byte once, none altered.
/// - **S2** No call blocks. While a stream opens, nothing is heard and nothing is taken.
/// - **S3** A write takes a prefix of what it is given, and says how long; the rest has no effect.
/// - **S4** Room is bounded: where nobody reads, writes come to take nothing. Reading makes room again.
/// - **S5** After [`finish`](Self::finish) the peer hears every byte that was taken, then [`Heard::End`] for ever. The other
///   direction goes on. A write after it takes nothing.
/// - **S6** A [`reset`](Self::reset), or a drop before both directions have ended, breaks both ends: what has not been read
///   may be lost. A broken end stays broken, for the same reason, in both directions.
/// - **S7** [`Heard::End`] is never heard of a stream that broke: a stump cannot pass for the whole.
/// - **S8** A peer that vanished without a word is not heard of until this end writes, and even then only after a while.
pub trait Stream {
    /// Takes what waits into `buffer`, which has room for a byte at least.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken>;

    /// Hands over bytes; gives how many were taken.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken>;

    /// Writes nothing more.
    fn finish(&mut self) -> Result<(), Broken>;

    /// Breaks the stream.
    fn reset(&mut self);

    /// Whether the peer has accepted it. A stream that ended or broke was open once, or is an error.
    fn is_open(&mut self) -> Result<bool, Broken>;
}

/// Where streams begin: a port that connects to others and that others connect to.
pub trait Streams {
    /// Names a port.
    type Address: Copy + Eq + fmt::Debug;
    /// One end of a stream.
    type Stream: Stream;

    /// Begins to open a stream. What hinders it is told by the stream.
    fn connect(&mut self, to: Self::Address) -> Self::Stream;

    /// The next stream that somebody opened to this port, and who.
    fn accept(&mut self) -> Option<(Self::Stream, Self::Address)>;
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "nobody accepts streams there",
            Self::TimedOut => "the peer does not answer",
            Self::Reset => "the peer has reset the stream",
            Self::Closed => "this end is gone",
            Self::Unroutable => "no such destination in this world",
        })
    }
}

impl core::error::Error for Broken {}
