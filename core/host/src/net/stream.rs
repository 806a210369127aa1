use super::Sockets;
use super::hub::{Hub, first, unless};
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tidemill_seam::{Broken, Duration, Heard, Stream};

/// Bytes kept in each direction; more wait in the socket.
const BUFFER: usize = 16_384;
const CHUNK: usize = 4_096;

/// One end of a stream, carried by its [`Net`](super::Net).
///
/// An end that is dropped before both directions have ended, or whose [`Net`](super::Net) is dropped, resets the connection
/// as far as its world can say so.
pub struct NetStream(Rc<End>);

pub(super) struct End {
    hub: Rc<Hub>,
    inbox: RefCell<VecDeque<u8>>,
    out: RefCell<VecDeque<u8>>,
    open: Cell<bool>,
    finished: Cell<bool>,
    /// The peer's last byte is in the inbox.
    over: Cell<bool>,
    heard_end: Cell<bool>,
    let_go: Cell<bool>,
    broken: Cell<Option<Broken>>,
}

impl NetStream {
    fn new(hub: &Rc<Hub>) -> Self {
        Self(Rc::new(End {
            hub: Rc::clone(hub),
            inbox: RefCell::default(),
            out: RefCell::default(),
            open: Cell::new(false),
            finished: Cell::new(false),
            over: Cell::new(false),
            heard_end: Cell::new(false),
            let_go: Cell::new(false),
            broken: Cell::new(None),
        }))
    }

    pub(super) fn accepted<S: Sockets>(hub: &Rc<Hub>, tcp: S::Tcp) -> Self {
        let stream = Self::new(hub);
        let mut carrier = Carrier::<S>::new(&stream.0);
        carrier.opened(tcp);
        hub.begin(async move { carrier.carry().await });
        stream
    }

    pub(super) fn connecting<S: Sockets>(hub: &Rc<Hub>, to: SocketAddr, patience: Duration) -> Self {
        let stream = Self::new(hub);
        let carrier = Carrier::<S>::new(&stream.0);
        hub.begin(carrier.connect(to, patience));
        stream
    }
}

impl End {
    fn whole(&self) -> Result<(), Broken> {
        self.broken.get().map_or(Ok(()), Err)
    }

    /// Breaks it, unless it is broken already.
    fn fail(&self, why: Broken) {
        if self.broken.get().is_none() {
            self.broken.set(Some(why));
            self.hub.happened();
        }
    }
}

impl Stream for NetStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken> {
        let end = &self.0;
        end.whole()?;
        let mut inbox = end.inbox.borrow_mut();
        if inbox.is_empty() {
            end.heard_end.set(end.over.get());
            return Ok(if end.over.get() { Heard::End } else { Heard::Nothing });
        }
        if inbox.len() >= BUFFER {
            end.hub.nudge();
        }
        let len = inbox.len().min(buffer.len());
        for (into, byte) in buffer.iter_mut().zip(inbox.drain(..len)) {
            *into = byte;
        }
        Ok(if len == 0 { Heard::Nothing } else { Heard::Bytes(len) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let end = &self.0;
        end.whole()?;
        if !end.open.get() || end.finished.get() {
            return Ok(0);
        }
        let mut out = end.out.borrow_mut();
        let taken = bytes.len().min(BUFFER - out.len());
        out.extend(&bytes[..taken]);
        end.hub.nudge();
        Ok(taken)
    }

    fn finish(&mut self) -> Result<(), Broken> {
        self.0.whole()?;
        self.0.finished.set(true);
        self.0.hub.nudge();
        Ok(())
    }

    fn reset(&mut self) {
        self.0.fail(Broken::Closed);
        self.0.hub.nudge();
    }

    fn is_open(&mut self) -> Result<bool, Broken> {
        self.0.whole().map(|()| self.0.open.get())
    }
}

impl Drop for NetStream {
    fn drop(&mut self) {
        if self.0.finished.get() && self.0.heard_end.get() {
            self.0.let_go.set(true);
            self.0.hub.nudge();
        } else {
            self.reset();
        }
    }
}

/// Moves bytes between an end and its connection. Dropped before both directions have ended, it breaks both.
struct Carrier<S: Sockets> {
    end: Rc<End>,
    tcp: Option<S::Tcp>,
    unflushed: bool,
    /// The connection knows that this end has finished.
    shut: bool,
}

impl<S: Sockets> Carrier<S> {
    fn new(end: &Rc<End>) -> Self {
        Self { end: Rc::clone(end), tcp: None, unflushed: false, shut: false }
    }

    fn opened(&mut self, tcp: S::Tcp) {
        self.tcp = Some(tcp);
        self.end.open.set(true);
        self.end.hub.happened();
    }

    async fn connect(mut self, to: SocketAddr, patience: Duration) {
        let late = async {
            S::sleep(patience).await;
            Err(ErrorKind::TimedOut.into())
        };
        let reset = || self.end.broken.get().is_some();
        match unless(reset, first(S::connect(to), late)).await {
            Some(Ok(tcp)) => {
                self.opened(tcp);
                self.carry().await;
            }
            Some(Err(error)) => self.end.fail(reason(&error)),
            None => {}
        }
    }

    async fn carry(&mut self) {
        poll_fn(|context| self.advance(context)).await;
    }

    /// Ready once there is nothing left to carry.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = &*self.end;
        let Some(tcp) = &mut self.tcp else { return Poll::Ready(()) };
        if end.broken.get().is_some() {
            return Poll::Ready(());
        }
        let moved = outward(end, tcp, &mut self.unflushed, &mut self.shut, context);
        if let Err(error) = moved.and_then(|()| inward(end, tcp, context)) {
            end.fail(reason(&error));
            return Poll::Ready(());
        }
        if self.shut && end.over.get() && end.let_go.get() {
            self.tcp = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<S: Sockets> Drop for Carrier<S> {
    fn drop(&mut self) {
        if let Some(tcp) = self.tcp.take() {
            S::reset(tcp);
        }
        self.end.fail(Broken::Closed);
        self.end.hub.nudge();
    }
}

fn outward(
    end: &End,
    tcp: &mut (impl AsyncWrite + Unpin),
    unflushed: &mut bool,
    shut: &mut bool,
    context: &mut Context<'_>,
) -> io::Result<()> {
    let mut out = end.out.borrow_mut();
    let was_full = out.len() == BUFFER;
    while !out.is_empty() {
        match Pin::new(&mut *tcp).poll_write(context, out.as_slices().0)? {
            Poll::Ready(0) => return Err(ErrorKind::WriteZero.into()),
            Poll::Ready(taken) => drop(out.drain(..taken)),
            Poll::Pending => break,
        }
        *unflushed = true;
    }
    if was_full && out.len() < BUFFER {
        end.hub.happened();
    }
    if *unflushed {
        *unflushed = Pin::new(&mut *tcp).poll_flush(context)?.is_pending();
    }
    if end.finished.get() && out.is_empty() && !*unflushed && !*shut {
        *shut = Pin::new(tcp).poll_shutdown(context)?.is_ready();
    }
    Ok(())
}

fn inward(end: &End, tcp: &mut (impl AsyncRead + Unpin), context: &mut Context<'_>) -> io::Result<()> {
    let mut chunk = [0; CHUNK];
    while !end.over.get() && end.inbox.borrow().len() < BUFFER {
        let mut read = ReadBuf::new(&mut chunk);
        if Pin::new(&mut *tcp).poll_read(context, &mut read)?.is_pending() {
            break;
        }
        end.over.set(read.filled().is_empty());
        end.inbox.borrow_mut().extend(read.filled());
        end.hub.happened();
    }
    Ok(())
}

fn reason(error: &io::Error) -> Broken {
    match error.kind() {
        ErrorKind::ConnectionRefused => Broken::Refused,
        ErrorKind::TimedOut => Broken::TimedOut,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::WriteZero => Broken::Reset,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        | ErrorKind::InvalidInput
        | ErrorKind::PermissionDenied => Broken::Unroutable,
        _ => Broken::Closed,
    }
}

impl fmt::Debug for NetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = &self.0;
        f.debug_struct("NetStream")
            .field("open", &end.open)
            .field("broken", &end.broken)
            .finish_non_exhaustive()
    }
}
