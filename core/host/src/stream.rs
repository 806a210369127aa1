use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, socket_error};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, connect, recv, send, shutdown,
    socket_with,
};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use tidemill_seam::{Broken, Heard, Stream, Streams};

/// One end of a stream: a non-blocking TCP socket.
///
/// An end that is dropped before both directions have ended resets the connection (`SO_LINGER` of zero), so that a peer
/// never takes a stump for the whole.
#[derive(Debug)]
pub struct TcpEnd {
    socket: Result<TcpStream, Broken>,
    open: bool,
    finished: bool,
    /// The kernel knows that it is finished, which it takes only of an open stream.
    shut: bool,
    heard_end: bool,
    broken: Option<Broken>,
}

/// A port for streams: a listening TCP socket.
#[derive(Debug)]
pub struct TcpStreams {
    listener: TcpListener,
}

impl TcpStreams {
    /// A port of 127.0.0.1 that is free.
    pub fn loopback() -> io::Result<Self> {
        Self::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// The port at `address`; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Where others connect to.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsFd for TcpStreams {
    /// The socket, for a [`PollNotify`](crate::PollNotify) to watch.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Streams for TcpStreams {
    type Address = SocketAddr;
    type Stream = TcpEnd;

    /// The peer sees a port of its own for every stream, as TCP has it.
    fn connect(&mut self, to: SocketAddr) -> TcpEnd {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let opened = socket_with(family, SocketType::STREAM, flags, None).and_then(|socket| {
            match connect(&socket, &to) {
                Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
                Err(error) => Err(error),
            }
        });
        TcpEnd::new(opened.map(TcpStream::from).map_err(reason), false)
    }

    fn accept(&mut self) -> Option<(TcpEnd, SocketAddr)> {
        let (socket, from) = self.listener.accept().ok()?;
        let socket = socket.set_nonblocking(true).map(|()| socket).map_err(|_| Broken::Closed);
        Some((TcpEnd::new(socket, true), from))
    }
}

fn reason(error: Errno) -> Broken {
    match error {
        Errno::CONNREFUSED => Broken::Refused,
        Errno::TIMEDOUT => Broken::TimedOut,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED => Broken::Reset,
        Errno::BADF | Errno::NOTSOCK | Errno::NFILE | Errno::MFILE | Errno::NOBUFS | Errno::NOMEM => {
            Broken::Closed
        }
        _ => Broken::Unroutable,
    }
}

impl TcpEnd {
    fn new(socket: Result<TcpStream, Broken>, open: bool) -> Self {
        if let Ok(socket) = &socket {
            // A small write leaves at once; where that cannot be set it only leaves later.
            let _ = socket.set_nodelay(true);
        }
        let broken = socket.as_ref().err().copied();
        Self { socket, open, finished: false, shut: false, heard_end: false, broken }
    }

    /// The socket of a stream that is open; `None` while it opens.
    fn live(&mut self) -> Result<Option<&TcpStream>, Broken> {
        if let Some(why) = self.broken {
            return Err(why);
        }
        let socket = self.socket.as_ref().map_err(|why| *why)?;
        if !self.open {
            match socket_error(socket) {
                Ok(Ok(())) => self.open = socket.peer_addr().is_ok(),
                Ok(Err(error)) | Err(error) => return Err(*self.broken.insert(reason(error))),
            }
        }
        if self.open && self.finished && !self.shut {
            match shutdown(socket, Shutdown::Write) {
                Ok(()) => self.shut = true,
                Err(error) => return Err(*self.broken.insert(reason(error))),
            }
        }
        Ok(self.open.then_some(socket))
    }

    fn fail(&mut self, error: Errno) -> Broken {
        *self.broken.insert(reason(error))
    }
}

impl Stream for TcpEnd {
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken> {
        loop {
            let Some(socket) = self.live()? else { return Ok(Heard::Nothing) };
            match recv(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) if buffer.is_empty() => return Ok(Heard::Nothing),
                Ok((0, _)) => {
                    self.heard_end = true;
                    return Ok(Heard::End);
                }
                Ok((len, _)) => return Ok(Heard::Bytes(len)),
                Err(Errno::AGAIN) => return Ok(Heard::Nothing),
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let finished = self.finished;
        loop {
            let Some(socket) = self.live()? else { return Ok(0) };
            if finished {
                return Ok(0);
            }
            match send(socket, bytes, SendFlags::NOSIGNAL) {
                Ok(taken) => return Ok(taken),
                Err(Errno::AGAIN | Errno::NOBUFS) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    fn finish(&mut self) -> Result<(), Broken> {
        self.finished = true;
        self.live().map(|_| ())
    }

    fn reset(&mut self) {
        if let Ok(socket) = std::mem::replace(&mut self.socket, Err(Broken::Closed)) {
            // Where lingering cannot be set the peer hears an end at worst; there is nobody to tell.
            let _ = set_socket_linger(&socket, Some(std::time::Duration::ZERO));
        }
        self.broken.get_or_insert(Broken::Closed);
    }

    fn is_open(&mut self) -> Result<bool, Broken> {
        self.live().map(|live| live.is_some())
    }
}

impl Drop for TcpEnd {
    fn drop(&mut self) {
        if !(self.finished && self.heard_end) {
            self.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TcpStreams;
    use std::net::SocketAddr;
    use tidemill_seam::{Broken, Stream, Streams};

    #[test]
    fn a_stream_to_a_port_that_nobody_has_is_refused() {
        let mut port = TcpStreams::loopback().expect("a free port of 127.0.0.1");
        let free = TcpStreams::loopback().expect("a free port").address().expect("it was bound");
        let mut stream = port.connect(free);
        let why = loop {
            match stream.is_open() {
                Ok(open) => assert!(!open, "nobody accepts there"),
                Err(why) => break why,
            }
        };
        assert_eq!(why, Broken::Refused);
        assert_eq!(stream.write(b"x"), Err(Broken::Refused), "it stays so");
    }

    #[test]
    fn an_address_without_a_route_is_told_by_the_stream() {
        let mut port = TcpStreams::loopback().expect("a free port of 127.0.0.1");
        let mut stream = port.connect(SocketAddr::from(([255, 255, 255, 255], 9)));
        assert_eq!(stream.is_open(), Err(Broken::Unroutable));
    }
}
