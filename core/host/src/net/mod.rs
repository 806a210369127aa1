//! The seams over `async` sockets: for a service inside tokio, and inside the simulators that imitate it.
//!
//! ```text
//!  a graph, or code of your own
//!     │ Link, Stream, Streams, Clock
//!  [Net]  one future that carries everything, whenever somebody waits
//!     │ [Sockets]: the one door
//!  [Tokio]  │  turmoil  │  madsim
//! ```
//! Time and sockets come in through [`Sockets`] and through nothing else, so that the same source, compiled in the same
//! way, runs in each of these worlds: a world is one more implementation of nine functions.
//! `scenarios/elsewhere` has those of turmoil and madsim.
//!
//! Nothing moves while nobody waits: [`Net::changed`] and [`Net::run`] carry what the links and streams hold, and nothing
//! is spawned. Each of them looks at every socket when it is woken: for the few sockets of a node, not for thousands.
//!
//! Refuses: to be shared between threads. A [`Net`] lives in one task, on a `LocalSet` or under `block_on`.

mod hub;
mod link;
mod owner;
mod stream;
mod streams;
mod tokio;

pub use link::NetLink;
pub use owner::Net;
pub use stream::NetStream;
pub use streams::NetStreams;
pub use tokio::{Tokio, TokioClock};

use ::tokio::io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use tidemill_seam::{Clock, Duration};

/// A world of tokio's shape: where sockets and time come from.
///
/// All of it belongs to the task that calls, as tokio has it.
pub trait Sockets: 'static {
    /// A bound socket for datagrams.
    type Udp: 'static;
    /// A socket that others connect to.
    type Listener: 'static;
    /// A connection.
    type Tcp: AsyncRead + AsyncWrite + Unpin + 'static;
    /// Time, as [`sleep`](Self::sleep) counts it.
    type Clock: Clock + Clone + 'static;

    /// A clock, for the task that asks.
    fn clock() -> Self::Clock;

    /// Ends no earlier than `span` from its first poll.
    fn sleep(span: Duration) -> impl Future<Output = ()>;

    /// A socket for datagrams, and where it is; port 0 takes a free one.
    fn bind(at: SocketAddr) -> impl Future<Output = io::Result<(Self::Udp, SocketAddr)>>;

    /// Sends a datagram. Never dropped before it is ready, but at the end of its world.
    fn send(udp: &Self::Udp, to: SocketAddr, datagram: &[u8]) -> impl Future<Output = io::Result<()>>;

    /// Receives a datagram. Never dropped before it is ready, but at the end of its world.
    fn recv(udp: &Self::Udp, buffer: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>>;

    /// A socket that others connect to, and where it is; port 0 takes a free one.
    fn listen(at: SocketAddr) -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>>;

    /// The next connection that somebody made, and who.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<(Self::Tcp, SocketAddr)>>;

    /// A connection to somebody who accepts.
    fn connect(to: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>>;

    /// Ends a connection so that the peer hears that it broke. A world that cannot say so drops it, and says that it does.
    fn reset(tcp: Self::Tcp);
}
