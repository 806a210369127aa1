use super::hub::{Hub, unless, until};
use super::{NetStream, Sockets};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::rc::Rc;
use tidemill_seam::{Duration, Streams};

/// Streams that wait to be accepted; more wait in the socket.
const BACKLOG: usize = 64;
/// A world that cannot give a connection at this moment is asked again after so long.
const PAUSE: Duration = Duration::from_millis(100);

struct Door {
    hub: Rc<Hub>,
    waiting: RefCell<VecDeque<(NetStream, SocketAddr)>>,
    closed: Cell<bool>,
}

/// A port for streams in the world `S`, carried by its [`Net`](super::Net). What was accepted outlives it.
pub struct NetStreams<S> {
    door: Rc<Door>,
    at: SocketAddr,
    patience: Duration,
    world: PhantomData<fn() -> S>,
}

impl<S: Sockets> NetStreams<S> {
    pub(super) fn new(hub: &Rc<Hub>, listener: S::Listener, at: SocketAddr, patience: Duration) -> Self {
        let door =
            Rc::new(Door { hub: Rc::clone(hub), waiting: RefCell::default(), closed: Cell::new(false) });
        hub.begin(answer::<S>(listener, Rc::clone(&door)));
        Self { door, at, patience, world: PhantomData }
    }

    /// Where others connect to, as far as its socket knows.
    pub fn address(&self) -> SocketAddr {
        self.at
    }
}

impl<S: Sockets> Streams for NetStreams<S> {
    type Address = SocketAddr;
    type Stream = NetStream;

    /// The peer sees a port of its own for every stream, as TCP has it.
    fn connect(&mut self, to: SocketAddr) -> NetStream {
        NetStream::connecting::<S>(&self.door.hub, to, self.patience)
    }

    fn accept(&mut self) -> Option<(NetStream, SocketAddr)> {
        let mut waiting = self.door.waiting.borrow_mut();
        if waiting.len() == BACKLOG {
            self.door.hub.nudge();
        }
        waiting.pop_front()
    }
}

impl<S> Drop for NetStreams<S> {
    fn drop(&mut self) {
        self.door.closed.set(true);
        self.door.waiting.take();
        self.door.hub.nudge();
    }
}

async fn answer<S: Sockets>(listener: S::Listener, door: Rc<Door>) {
    let accepting = async {
        loop {
            until(|| (door.waiting.borrow().len() < BACKLOG).then_some(())).await;
            match S::accept(&listener).await {
                Ok((tcp, from)) => {
                    let stream = NetStream::accepted::<S>(&door.hub, tcp);
                    door.waiting.borrow_mut().push_back((stream, from));
                    door.hub.happened();
                }
                Err(_) => S::sleep(PAUSE).await,
            }
        }
    };
    unless::<()>(|| door.closed.get(), accepting).await;
}

impl<S> fmt::Debug for NetStreams<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetStreams").field("at", &self.at).finish_non_exhaustive()
    }
}
