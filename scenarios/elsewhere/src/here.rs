use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tidemill_flow::{Graph, Outcome, Stages};
use tidemill_host::net::{Net, NetLink, NetStreams, Sockets};
use tidemill_seam::{Clock, Duration, Instant, Link, Streams};

use crate::{Act, Board};

/// Where a program of the script runs: the seams, and waiting for them.
pub trait Here: 'static {
    /// Names a port of a host.
    type Address: Copy + Eq + Debug + Send + 'static;
    /// Datagrams.
    type Link: Link<Address = Self::Address>;
    /// Streams.
    type Streams: Streams<Address = Self::Address>;
    /// Time.
    type Clock: Clock + 'static;

    /// This host's clock.
    fn clock(&self) -> Self::Clock;

    /// A link, and where others reach it.
    fn link(&mut self) -> impl Future<Output = (Self::Link, Self::Address)>;

    /// A port for streams, and where others reach it.
    fn streams(&mut self) -> impl Future<Output = (Self::Streams, Self::Address)>;

    /// Another port of the same host, where nobody is.
    fn nobody(at: Self::Address) -> Self::Address;

    /// Counts what came in.
    fn epoch(&self) -> u64;

    /// Waits until something came in since, or until `due`.
    fn changed(&mut self, seen: u64, due: Option<Instant>) -> impl Future<Output = ()>;

    /// Runs a graph to its end.
    fn run<G: Stages>(&mut self, graph: &mut Graph<G>) -> impl Future<Output = Outcome>;
}

/// A program's place and its board.
#[derive(Debug)]
pub struct Stage<H: Here> {
    /// The place.
    pub here: H,
    /// The board.
    pub board: Board<H::Address>,
}

impl<H: Here> Stage<H> {
    /// Rests.
    pub async fn rest(&mut self, span: Duration) {
        let due = self.here.clock().now() + span;
        while self.here.clock().now() < due {
            let seen = self.here.epoch();
            self.here.changed(seen, Some(due)).await;
        }
    }

    /// Has the world do something, and waits until it has.
    pub async fn act(&mut self, act: Act) {
        self.board.ask(act);
        while self.board.asked().is_some() {
            self.rest(Duration::from_millis(1)).await;
        }
    }

    /// What is to be read on the board, once it stands there.
    pub async fn read<T>(&mut self, look: impl Fn(&Board<H::Address>) -> Option<T>) -> T {
        loop {
            match look(&self.board) {
                Some(told) => return told,
                None => self.rest(Duration::from_millis(1)).await,
            }
        }
    }

    /// Where the server is reached.
    pub async fn server(&mut self) -> H::Address {
        self.read(Board::server).await
    }

    /// Where the client is reached.
    pub async fn client(&mut self) -> H::Address {
        self.read(Board::client).await
    }

    /// Has nothing to do.
    pub async fn idle(&mut self) {
        loop {
            self.rest(Duration::from_secs(60)).await;
        }
    }
}

/// A host whose sockets are those of `S`: what every world but ours is.
#[derive(Debug)]
pub struct OnNet<S: Sockets> {
    net: Net<S>,
    clock: S::Clock,
    bind: IpAddr,
    reached: IpAddr,
}

impl<S: Sockets> OnNet<S> {
    /// The host that others reach at `reached`.
    pub fn at(reached: IpAddr) -> Self {
        let net = Net::<S>::new().patience(crate::world::PATIENCE);
        let bind = if reached.is_loopback() { reached } else { Ipv4Addr::UNSPECIFIED.into() };
        Self { clock: net.clock(), net, bind, reached }
    }
}

impl<S: Sockets> Here for OnNet<S> {
    type Address = SocketAddr;
    type Link = NetLink;
    type Streams = NetStreams<S>;
    type Clock = S::Clock;

    fn clock(&self) -> S::Clock {
        self.clock.clone()
    }

    async fn link(&mut self) -> (NetLink, SocketAddr) {
        let link = self.net.link((self.bind, 0).into()).await.expect("a free port");
        let at = (self.reached, link.address().port()).into();
        (link, at)
    }

    async fn streams(&mut self) -> (NetStreams<S>, SocketAddr) {
        let streams = self.net.streams((self.bind, 0).into()).await.expect("a free port");
        let at = (self.reached, streams.address().port()).into();
        (streams, at)
    }

    fn nobody(at: SocketAddr) -> SocketAddr {
        SocketAddr::new(at.ip(), 9)
    }

    fn epoch(&self) -> u64 {
        self.net.epoch()
    }

    async fn changed(&mut self, seen: u64, due: Option<Instant>) {
        self.net.changed(seen, due).await;
    }

    async fn run<G: Stages>(&mut self, graph: &mut Graph<G>) -> Outcome {
        self.net.run(graph).await.expect("no node refuses to start")
    }
}
