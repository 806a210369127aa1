//! Real sockets of 127.0.0.1 and real time. A host is a task; it dies by being dropped.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tidemill_host::net::Tokio;
use tidemill_seam::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{sleep, timeout};

use super::{NO_LOSS, Told, World, play};
use crate::{Act, Board, OnNet, Stage, Step};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Real {
    runtime: Runtime,
    hosts: LocalSet,
    step: Step<OnNet<Tokio>>,
    board: Board<SocketAddr>,
    server: Option<JoinHandle<()>>,
    slice: Duration,
    silent: Option<(TcpListener, Vec<TcpStream>)>,
}

impl Real {
    fn start_server(&mut self) {
        let (step, board) = (self.step, self.board.clone());
        let server = async move { (step.server)(Stage { here: OnNet::at(HOST), board }).await };
        self.server = Some(self.hosts.spawn_local(server));
    }

    /// Has a task dropped, and with it its sockets.
    fn kill_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // The answer is that it was aborted, or has ended.
            let _ = self.hosts.block_on(&self.runtime, server);
        }
    }

    /// A port whose queue of connections is full: Linux drops who comes then.
    async fn silent() -> std::io::Result<(TcpListener, Vec<TcpStream>)> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((HOST, 0).into())?;
        let listener = socket.listen(0)?;
        let (at, mut queue) = (listener.local_addr()?, Vec::new());
        while let Ok(waits) = timeout(Duration::from_millis(100).into(), TcpStream::connect(at)).await {
            queue.push(waits?);
        }
        Ok((listener, queue))
    }
}

impl World for Real {
    fn pass(&mut self) {
        let slice = self.slice.into();
        self.hosts.block_on(&self.runtime, async { sleep(slice).await });
    }

    fn perform(&mut self, act: Act) -> Result<(), &'static str> {
        match act {
            Act::Cut | Act::Heal | Act::Outage | Act::Lossy => return Err(NO_LOSS),
            Act::Hush => {
                let silent = self.hosts.block_on(&self.runtime, Self::silent());
                let silent = silent.expect("a port of 127.0.0.1");
                self.board.server_is_at(silent.0.local_addr().expect("it is bound"));
                self.silent = Some(silent);
            }
            Act::Crash => self.kill_server(),
            Act::Restart => {
                self.kill_server();
                self.start_server();
            }
        }
        Ok(())
    }
}

/// Plays a step.
///
/// # Panics
/// Where the kernel gives no sockets.
pub fn run(step: Step<OnNet<Tokio>>, slice: Duration) -> Told {
    let runtime = Builder::new_current_thread().enable_all().build().expect("an epoll instance");
    let (hosts, board) = (LocalSet::new(), Board::new());
    let mut world = Real { runtime, hosts, step, board: board.clone(), server: None, slice, silent: None };
    world.start_server();
    let notes = board.clone();
    world.hosts.spawn_local(async move {
        let stage = Stage { here: OnNet::at(HOST), board: notes.clone() };
        notes.say((step.client)(stage).await);
    });
    play(&mut world, &board)
}
