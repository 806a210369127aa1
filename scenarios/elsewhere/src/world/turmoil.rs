//! turmoil 0.7: each host a tokio runtime whose time is paused, one network of its own between them.

use std::io;
use std::net::SocketAddr;

use tidemill_host::net::{Sockets, Tokio, TokioClock};
use tidemill_seam::Duration;
use turmoil::net::{TcpListener, TcpStream, UdpSocket};
use turmoil::{Builder, Sim};

use super::{Told, World, play};
use crate::{Act, Board, OnNet, Stage, Step};

/// The sockets of turmoil, and the time of the tokio that it drives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turmoil;

impl Sockets for Turmoil {
    type Udp = UdpSocket;
    type Listener = TcpListener;
    type Tcp = TcpStream;
    type Clock = TokioClock;

    fn clock() -> TokioClock {
        Tokio::clock()
    }

    async fn sleep(span: Duration) {
        Tokio::sleep(span).await;
    }

    async fn bind(at: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
        let socket = UdpSocket::bind(at).await?;
        let at = socket.local_addr()?;
        Ok((socket, at))
    }

    async fn send(udp: &UdpSocket, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        udp.send_to(datagram, to).await.map(drop)
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

    /// Only what has not been read makes a reset of a drop here; otherwise the peer hears an end.
    fn reset(tcp: TcpStream) {
        drop(tcp);
    }
}

struct Theirs {
    sim: Sim<'static>,
}

impl World for Theirs {
    fn pass(&mut self) {
        self.sim.step().expect("no host fails");
    }

    fn perform(&mut self, act: Act) -> Result<(), &'static str> {
        match act {
            Act::Cut | Act::Outage => self.sim.partition("server", "client"),
            // A partition refuses connections at once; what is held is silent.
            Act::Hush => self.sim.hold("server", "client"),
            Act::Heal => self.sim.repair("server", "client"),
            Act::Lossy => self.sim.set_link_fail_rate("server", "client", 0.1),
            Act::Crash => self.sim.crash("server"),
            Act::Restart => self.sim.bounce("server"),
        }
        Ok(())
    }
}

/// Plays a step in a world of its own.
pub fn run(step: Step<OnNet<Turmoil>>, seed: u64, slice: Duration) -> Told {
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(slice.into())
        .simulation_duration(std::time::Duration::from_secs(1_000_000))
        .min_message_latency(std::time::Duration::from_millis(1))
        .max_message_latency(std::time::Duration::from_millis(5))
        .build();
    let (board, at) = (Board::new(), [sim.lookup("server"), sim.lookup("client")]);
    let notes = board.clone();
    sim.host("server", move || {
        let notes = notes.clone();
        async move {
            (step.server)(Stage { here: OnNet::at(at[0]), board: notes }).await;
            Ok(())
        }
    });
    let notes = board.clone();
    sim.host("client", move || {
        let notes = notes.clone();
        async move {
            let stage = Stage { here: OnNet::at(at[1]), board: notes.clone() };
            notes.say((step.client)(stage).await);
            Ok(())
        }
    });
    play(&mut Theirs { sim }, &board)
}
