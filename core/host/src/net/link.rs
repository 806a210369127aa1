use super::Sockets;
use super::hub::{Hub, first, unless, until};
use crate::UdpLink;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use tidemill_seam::{Link, Received, RecvError, SendError};

/// Datagrams kept in each direction; more are refused, or wait in the socket.
const QUEUE: usize = 256;
/// No datagram of UDP is longer.
const LONGEST: usize = 65_536;

type Datagrams = RefCell<VecDeque<(SocketAddr, Box<[u8]>)>>;

struct Mail {
    hub: Rc<Hub>,
    inbox: Datagrams,
    outbox: Datagrams,
    /// One has been taken from the outbox and is on its way to the socket.
    leaving: Cell<bool>,
    closed: Cell<bool>,
    let_go: Cell<bool>,
}

/// UDP datagrams over a socket of the world `S` that made it, carried by its [`Net`](super::Net).
///
/// A datagram that the socket does not take any more, although it was accepted here, is lost. So is one for which an error
/// comes back. The longest datagram is that of [`UdpLink`].
pub struct NetLink {
    mail: Rc<Mail>,
    at: SocketAddr,
}

impl NetLink {
    pub(super) fn new<S: Sockets>(hub: &Rc<Hub>, udp: S::Udp, at: SocketAddr) -> Self {
        let mail = Rc::new(Mail {
            hub: Rc::clone(hub),
            inbox: RefCell::default(),
            outbox: RefCell::default(),
            leaving: Cell::new(false),
            closed: Cell::new(false),
            let_go: Cell::new(false),
        });
        hub.begin(carry::<S>(udp, Open(Rc::clone(&mail))));
        Self { mail, at }
    }

    /// Where others send to reach this link, as far as its socket knows.
    pub fn address(&self) -> SocketAddr {
        self.at
    }
}

impl Link for NetLink {
    type Address = SocketAddr;

    fn mtu(&self) -> usize {
        UdpLink::MTU
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), SendError> {
        if datagram.len() > self.mtu() {
            return Err(SendError::TooLarge { mtu: self.mtu() });
        }
        if self.mail.closed.get() {
            return Err(SendError::Closed);
        }
        if to.port() == 0 || to.is_ipv4() != self.at.is_ipv4() {
            return Err(SendError::Unroutable);
        }
        let mut outbox = self.mail.outbox.borrow_mut();
        if outbox.len() >= QUEUE {
            return Err(SendError::Busy);
        }
        outbox.push_back((to, datagram.into()));
        self.mail.hub.unsent.set(self.mail.hub.unsent.get() + 1);
        self.mail.hub.nudge();
        Ok(())
    }

    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<SocketAddr>>, RecvError> {
        let mut inbox = self.mail.inbox.borrow_mut();
        if inbox.len() == QUEUE {
            self.mail.hub.nudge();
        }
        match inbox.pop_front() {
            Some((from, bytes)) => {
                let into = buffer.get_mut(..bytes.len()).ok_or(RecvError::Truncated)?;
                into.copy_from_slice(&bytes);
                Ok(Some(Received { len: bytes.len(), from }))
            }
            None if self.mail.closed.get() => Err(RecvError::Closed),
            None => Ok(None),
        }
    }
}

/// What was accepted still leaves.
impl Drop for NetLink {
    fn drop(&mut self) {
        self.mail.let_go.set(true);
        self.mail.hub.nudge();
    }
}

/// Closes the link when its carrier ends, or is dropped with its world.
struct Open(Rc<Mail>);

impl Drop for Open {
    fn drop(&mut self) {
        let mail = &self.0;
        let lost = mail.outbox.take().len() + usize::from(mail.leaving.take());
        mail.hub.unsent.set(mail.hub.unsent.get() - lost);
        mail.closed.set(true);
        mail.hub.happened();
        mail.hub.nudge();
    }
}

async fn carry<S: Sockets>(udp: S::Udp, open: Open) {
    let mail = &*open.0;
    let done = || mail.let_go.get() && !mail.leaving.get() && mail.outbox.borrow().is_empty();
    unless(done, first(outward::<S>(&udp, mail), inward::<S>(&udp, mail))).await;
}

async fn outward<S: Sockets>(udp: &S::Udp, mail: &Mail) {
    loop {
        let (to, datagram) = until(|| mail.outbox.borrow_mut().pop_front()).await;
        mail.leaving.set(true);
        // An error is the loss of the datagram: whoever sent it has long been told that it was accepted.
        let _ = S::send(udp, to, &datagram).await;
        mail.leaving.set(false);
        mail.hub.unsent.set(mail.hub.unsent.get() - 1);
    }
}

async fn inward<S: Sockets>(udp: &S::Udp, mail: &Mail) {
    let mut buffer = vec![0; LONGEST];
    loop {
        until(|| (mail.inbox.borrow().len() < QUEUE).then_some(())).await;
        match S::recv(udp, &mut buffer).await {
            Ok((len, from)) => {
                mail.inbox.borrow_mut().push_back((from, buffer[..len].into()));
                mail.hub.happened();
            }
            Err(error) if is_old_loss(&error) => {}
            Err(_) => return,
        }
    }
}

/// Errors of an earlier datagram that come with the next call on the socket.
fn is_old_loss(error: &Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable};
    let lost = [ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable];
    lost.contains(&error.kind())
}

impl fmt::Debug for NetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetLink").field("at", &self.at).finish_non_exhaustive()
    }
}
