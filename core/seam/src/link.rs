use core::fmt;

/// A datagram that arrived: how many bytes of the buffer it fills, and who sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received<A> {
    /// Length in bytes.
    pub len: usize,
    /// The sender's address, as far as this world can tell.
    pub from: A,
}

/// Why a datagram was not taken. It was not sent; the caller still has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendError {
    /// Longer than [`Link::mtu`], in bytes.
    TooLarge {
        /// The longest datagram this link takes.
        mtu: usize,
    },
    /// No room at this moment: try again later.
    Busy,
    /// The destination cannot be named in this world.
    Unroutable,
    /// The link is gone; nothing will ever be sent through it again.
    Closed,
}

/// Why nothing could be received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecvError {
    /// The datagram was longer than the buffer and is lost.
    Truncated,
    /// The link is gone; nothing will ever arrive through it again.
    Closed,
}

/// Unreliable datagrams.
///
/// # Laws
/// - **L1** A datagram arrives whole or not at all; boundaries are kept.
/// - **L2** It may be lost, duplicated, delayed, reordered or corrupted: nothing is promised beyond L1.
/// - **L3** Nothing arrives that nobody sent, corruption aside.
/// - **L4** Neither call blocks. `Ok(None)` means that nothing waits at this moment.
/// - **L5** A refused send has no effect. An accepted one promises nothing.
/// - **L6** A datagram of exactly [`mtu`](Self::mtu) bytes and an empty one are both carried.
pub trait Link {
    /// Names a party on this link: a socket address, a simulated port, `()` where there is only one other end.
    type Address: Copy + Eq + fmt::Debug;

    /// The longest datagram, in bytes.
    fn mtu(&self) -> usize;

    /// Hands over one datagram.
    fn send(&mut self, to: Self::Address, datagram: &[u8]) -> Result<(), SendError>;

    /// Takes the next datagram into `buffer`, if one waits.
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<Self::Address>>, RecvError>;
}

impl<L: Link + ?Sized> Link for &mut L {
    type Address = L::Address;
    fn mtu(&self) -> usize {
        (**self).mtu()
    }
    fn send(&mut self, to: Self::Address, datagram: &[u8]) -> Result<(), SendError> {
        (**self).send(to, datagram)
    }
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<Self::Address>>, RecvError> {
        (**self).recv(buffer)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { mtu } => write!(f, "datagram longer than the {mtu} bytes this link takes"),
            Self::Busy => f.write_str("no room to send at this moment"),
            Self::Unroutable => f.write_str("no such destination in this world"),
            Self::Closed => f.write_str("the link is gone"),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("datagram longer than the buffer, lost"),
            Self::Closed => f.write_str("the link is gone"),
        }
    }
}

impl core::error::Error for SendError {}
impl core::error::Error for RecvError {}
