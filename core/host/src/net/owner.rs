use super::hub::Hub;
use super::{NetLink, NetStreams, Sockets};
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tidemill_flow::{Graph, Outcome, Polled, Stages, StartError, Why};
use tidemill_seam::{Clock, Duration, Instant};

/// Steps between two looks at the sockets.
const BURST: u32 = 64;

/// The links and streams of one task in the world `S`, and the driver of its graph.
///
/// Dropped, it takes them along: links are closed, streams broken.
pub struct Net<S: Sockets> {
    hub: Rc<Hub>,
    clock: S::Clock,
    patience: Duration,
}

impl<S: Sockets> Net<S> {
    /// Without any socket yet.
    pub fn new() -> Self {
        Self { hub: Rc::default(), clock: S::clock(), patience: Duration::from_secs(30) }
    }

    /// How long a stream that opens waits for its peer; 30 s unless set. For ports that are made from now on.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// This world's clock. Handles share their origin.
    pub fn clock(&self) -> S::Clock {
        self.clock.clone()
    }

    /// A link at `at`; port 0 takes a free one.
    ///
    /// # Errors
    /// What the world says to the address.
    pub async fn link(&self, at: SocketAddr) -> io::Result<NetLink> {
        let (udp, at) = S::bind(at).await?;
        Ok(NetLink::new::<S>(&self.hub, udp, at))
    }

    /// A port for streams at `at`; port 0 takes a free one.
    ///
    /// # Errors
    /// What the world says to the address.
    pub async fn streams(&self, at: SocketAddr) -> io::Result<NetStreams<S>> {
        let (listener, at) = S::listen(at).await?;
        Ok(NetStreams::new(&self.hub, listener, at, self.patience))
    }

    /// Counts what came in from outside. Take it before the last look for work.
    pub fn epoch(&self) -> u64 {
        self.hub.epoch()
    }

    /// Carries until the epoch is no longer `seen`, or until `due`.
    pub async fn changed(&mut self, seen: u64, due: Option<Instant>) {
        let span = due.map(|due| due.since(self.clock.now()));
        let mut nap = pin!(async {
            match span {
                Some(Duration::ZERO) => {}
                Some(span) => S::sleep(span).await,
                None => pending().await,
            }
        });
        let is_new = || self.hub.epoch() != seen;
        self.hub.carry(|context| if is_new() { Poll::Ready(()) } else { nap.as_mut().poll(context) }).await;
    }

    /// Carries until every datagram that was accepted has left, or is lost.
    pub async fn flush(&mut self) {
        let left = || self.hub.unsent.get() == 0;
        self.hub.carry(|_| if left() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Carries as far as that goes at once, and lets other tasks go first.
    async fn turn(&mut self) {
        let mut turned = false;
        let again = |context: &mut Context<'_>| {
            if std::mem::replace(&mut turned, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        };
        self.hub.carry(again).await;
    }

    /// Starts a graph, runs it to its end, and stops it. It is polled when something comes in and when its earliest timer
    /// falls due.
    ///
    /// # Errors
    /// [`StartError`] where a node does not start.
    pub async fn run<G: Stages>(&mut self, graph: &mut Graph<G>) -> Result<Outcome, StartError> {
        graph.start(self.clock.now())?;
        let mut worker = graph.worker();
        let mut seen = self.epoch();
        let outcome = loop {
            let epoch = self.epoch();
            if epoch != seen {
                seen = epoch;
                worker.notified();
            }
            match worker.poll(self.clock.now(), BURST) {
                Polled::Ran(_) => self.turn().await,
                Polled::Idle { due } => self.changed(epoch, due).await,
                Polled::Done => break Outcome::Done,
                Polled::Halted(Why::Stopped) => break Outcome::Stopped,
                Polled::Halted(why) => break Outcome::Halted(why),
                Polled::Stalled => break Outcome::Stalled(worker.stalled()),
            }
        };
        graph.stop(self.clock.now());
        self.flush().await;
        Ok(outcome)
    }
}

impl<S: Sockets> Drop for Net<S> {
    fn drop(&mut self) {
        self.hub.close();
    }
}

impl<S: Sockets> Default for Net<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Sockets> fmt::Debug for Net<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("epoch", &self.epoch())
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
