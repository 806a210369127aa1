//! The laws of the seams, kept by tokio's sockets of 127.0.0.1.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use tidemill_contracts::clock::Pace;
use tidemill_contracts::link::Ends;
use tidemill_contracts::{clock_contract, link_contract, stream_contract};
use tidemill_host::net::{Net, NetLink, NetStream, NetStreams, Tokio, TokioClock};
use tidemill_seam::{Broken, Clock, Duration, Heard, Link, Received, RecvError, SendError, Stream, Streams};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("an epoll instance");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A handle that has its net carry before every look.
struct Carried<T> {
    handle: T,
    net: Rc<RefCell<Net<Tokio>>>,
}

impl<T> Carried<T> {
    fn carry(&self) {
        let mut net = self.net.borrow_mut();
        let (seen, now) = (net.epoch(), net.clock().now());
        block_on(async {
            net.changed(seen, Some(now)).await;
            yield_now().await;
            net.changed(seen, Some(now)).await;
        });
    }
}

impl Link for Carried<NetLink> {
    type Address = SocketAddr;
    fn mtu(&self) -> usize {
        self.handle.mtu()
    }
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), SendError> {
        let sent = self.handle.send(to, datagram);
        self.carry();
        sent
    }
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<SocketAddr>>, RecvError> {
        self.carry();
        self.handle.recv(buffer)
    }
}

impl Stream for Carried<NetStream> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken> {
        self.carry();
        self.handle.read(buffer)
    }
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let taken = self.handle.write(bytes);
        self.carry();
        taken
    }
    fn finish(&mut self) -> Result<(), Broken> {
        let finished = self.handle.finish();
        self.carry();
        finished
    }
    fn reset(&mut self) {
        self.handle.reset();
        self.carry();
    }
    fn is_open(&mut self) -> Result<bool, Broken> {
        self.carry();
        self.handle.is_open()
    }
}

fn pause() {
    block_on(async { sleep(Duration::from_micros(50).into()).await });
}

fn link() -> (Carried<NetLink>, SocketAddr) {
    let net = Net::<Tokio>::new();
    let handle = block_on(net.link(LOOPBACK)).expect("a free port of 127.0.0.1");
    let at = handle.address();
    (Carried { handle, net: Rc::new(RefCell::new(net)) }, at)
}

fn links() -> Ends<Carried<NetLink>, Carried<NetLink>> {
    let ((left, to_left), (right, to_right)) = (link(), link());
    Ends { left, right, to_left, to_right }
}

fn port() -> (Rc<RefCell<Net<Tokio>>>, NetStreams<Tokio>) {
    let net = Net::<Tokio>::new();
    let port = block_on(net.streams(LOOPBACK)).expect("a free port of 127.0.0.1");
    (Rc::new(RefCell::new(net)), port)
}

fn stream() -> (Carried<NetStream>, Carried<NetStream>) {
    let ((near, mut from), (far, mut to)) = (port(), port());
    let mut left = Carried { handle: from.connect(to.address()), net: near };
    let right = loop {
        assert!(left.is_open().is_ok());
        block_on(far.borrow_mut().changed(0, None));
        if let Some((handle, _)) = to.accept() {
            break Carried { handle, net: far };
        }
    };
    while left.is_open() != Ok(true) {
        pause();
    }
    (left, right)
}

// The suites that judge our simulated links and streams, on those inside tokio.
clock_contract!(tokio_clock, clock(), |span: Duration| std::thread::sleep(span.into()), Pace::Real);
link_contract!(net_link, links, pause);
stream_contract!(net_stream, stream, pause);

fn clock() -> impl FnMut() -> TokioClock {
    let clock = TokioClock::new();
    move || clock
}

#[test]
fn a_refused_datagram_says_why_and_has_no_effect() {
    let (mut left, at) = link();
    let huge = vec![1; left.mtu() + 1];
    assert_eq!(left.send(at, &huge), Err(SendError::TooLarge { mtu: left.mtu() }));
    assert_eq!(left.send(LOOPBACK, b"to port 0"), Err(SendError::Unroutable));
    assert_eq!(left.send("[::1]:9".parse().expect("an address"), b"x"), Err(SendError::Unroutable));
    let filled = (0..).find(|_| left.handle.send(at, b"nobody carries").is_err());
    assert_eq!(left.handle.send(at, b"one more"), Err(SendError::Busy), "after {filled:?}");
    block_on(left.net.borrow_mut().flush());
    assert_eq!(left.handle.send(at, b"there is room again"), Ok(()));
}

#[test]
fn handles_that_outlive_their_net_are_closed() {
    let (mut left, at) = link();
    left.net = Rc::default();
    assert_eq!(left.handle.send(at, b"x"), Err(SendError::Closed));
    assert_eq!(left.handle.recv(&mut [0; 8]), Err(RecvError::Closed));
    let (net, mut port) = port();
    let mut opening = port.connect(port.address());
    drop(net);
    assert_eq!(opening.is_open(), Err(Broken::Closed));
    assert_eq!(port.connect(at).is_open(), Err(Broken::Closed));
    assert!(port.accept().is_none());
}

#[test]
fn a_dropped_net_breaks_its_streams_and_the_peer_hears_of_it() {
    let (mut left, right) = stream();
    drop(right);
    let why = loop {
        match left.read(&mut [0; 8]) {
            Ok(heard) => assert_eq!(heard, Heard::Nothing, "a stump passed for the whole"),
            Err(why) => break why,
        }
    };
    assert_eq!(why, Broken::Reset);
}

#[test]
fn an_address_of_somebody_else_is_an_error_of_the_call() {
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    let net = Net::<Tokio>::new();
    assert!(block_on(net.link(foreign)).is_err());
    assert!(block_on(net.streams(foreign)).is_err());
}
