//! madsim 0.2: nodes and a network of its own, and the time of its own executor. Wants `--cfg madsim`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use madsim::net::{NetSim, TcpListener, TcpStream, UdpSocket};
use madsim::runtime::{Handle, NodeHandle, Runtime};
use madsim::time::{TimeHandle, sleep};
use tidemill_host::net::Sockets;
use tidemill_seam::{Clock, Duration, Instant};

use super::{Told, World, play};
use crate::{Act, Board, OnNet, Stage, Step};

/// The sockets and the time of madsim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Madsim;

/// The time of the runtime that the task runs in, since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MadsimClock;

impl Clock for MadsimClock {
    fn now(&self) -> Instant {
        Instant::ZERO + Duration::from(TimeHandle::current().elapsed())
    }
}

impl Sockets for Madsim {
    type Udp = UdpSocket;
    type Listener = TcpListener;
    type Tcp = TcpStream;
    type Clock = MadsimClock;

    fn clock() -> MadsimClock {
        MadsimClock
    }

    async fn sleep(span: Duration) {
        sleep(span.into()).await;
    }

    async fn bind(at: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
        let socket = UdpSocket::bind(at).await?;
        let at = socket.local_addr()?;
        Ok((socket, at))
    }

    async fn send(udp: &UdpSocket, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        udp.send_to(to, datagram).await
    }

    async fn recv(udp: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        udp.recv_from(buffer).await
    }

    async fn listen(at: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(at).await?;
        let at = listener.local_addr()?;
        Ok((listener, at))
    }

    async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        listener.accept().await
    }

    async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await
    }

    /// There are no resets here: the peer hears an end.
    fn reset(tcp: TcpStream) {
        drop(tcp);
    }
}

struct Theirs {
    runtime: Runtime,
    hosts: [NodeHandle; 2],
    slice: Duration,
}

impl World for Theirs {
    fn pass(&mut self) {
        let slice = self.slice.into();
        self.runtime.block_on(async { sleep(slice).await });
    }

    fn perform(&mut self, act: Act) -> Result<(), &'static str> {
        let (server, client) = (self.hosts[0].id(), self.hosts[1].id());
        self.runtime.block_on(async {
            let (net, supervisor) = (NetSim::current(), Handle::current());
            match act {
                Act::Cut | Act::Hush | Act::Outage => {
                    net.clog_link(server, client);
                    net.clog_link(client, server);
                }
                Act::Heal => {
                    net.unclog_link(server, client);
                    net.unclog_link(client, server);
                }
                Act::Lossy => net.update_config(|config| config.packet_loss_rate = 0.2),
                Act::Crash => supervisor.kill(server),
                Act::Restart => supervisor.restart(server),
            }
        });
        Ok(())
    }
}

/// Plays a step in a world of its own.
pub fn run(step: Step<OnNet<Madsim>>, seed: u64, slice: Duration) -> Told {
    let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
    let at = [2, 1].map(|last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last)));
    let board = Board::new();
    let notes = board.clone();
    let server = runtime.create_node().name("server").ip(at[0]).init(move || {
        let notes = notes.clone();
        async move { (step.server)(Stage { here: OnNet::at(at[0]), board: notes }).await }
    });
    let notes = board.clone();
    let client = runtime.create_node().name("client").ip(at[1]).init(move || {
        let notes = notes.clone();
        async move {
            let stage = Stage { here: OnNet::at(at[1]), board: notes.clone() };
            notes.say((step.client)(stage).await);
        }
    });
    let hosts = [server.build(), client.build()];
    play(&mut Theirs { runtime, hosts, slice }, &board)
}
