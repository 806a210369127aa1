use super::Sockets;
use ::tokio::net::{TcpListener, TcpStream, UdpSocket};
use ::tokio::time;
use std::io;
use std::net::SocketAddr;
use tidemill_seam::{Clock, Duration, Instant};

/// Real sockets and tokio's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokio;

/// tokio's clock, which a paused runtime holds: nanoseconds since the handle was made. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock(time::Instant);

impl TokioClock {
    /// A clock that begins here.
    pub fn new() -> Self {
        Self(time::Instant::now())
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        Instant::ZERO + Duration::from(self.0.elapsed())
    }
}

impl Sockets for Tokio {
    type Udp = UdpSocket;
    type Listener = TcpListener;
    type Tcp = TcpStream;
    type Clock = TokioClock;

    fn clock() -> TokioClock {
        TokioClock::new()
    }

    async fn sleep(span: Duration) {
        time::sleep(span.into()).await;
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
        let (tcp, from) = listener.accept().await?;
        Ok((prompt(tcp), from))
    }

    async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await.map(prompt)
    }

    fn reset(tcp: TcpStream) {
        // Where lingering cannot be set the peer hears an end at worst; there is nobody to tell.
        let _ = tcp.set_zero_linger();
    }
}

/// A small write leaves at once; where that cannot be set it only leaves later.
fn prompt(tcp: TcpStream) -> TcpStream {
    let _ = tcp.set_nodelay(true);
    tcp
}
