use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use tidemill_seam::Instant;

use super::env::Env;
use crate::net::Address;

/// Waits for a datagram. See [`Env::recv`].
#[derive(Debug)]
#[must_use = "nothing is received before it is awaited"]
pub struct Recv<'a> {
    env: &'a Env,
}

/// Waits for an instant. See [`Env::sleep`].
#[derive(Debug)]
#[must_use = "no time passes before it is awaited"]
pub struct Sleep {
    env: Env,
    due: Instant,
    slot: Option<usize>,
}

/// Waits for something from outside. See [`Env::changed`].
#[derive(Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct Changed {
    env: Env,
    seen: u64,
    due: Option<Sleep>,
}

/// Lets others go first. See [`Env::yield_now`].
#[derive(Debug, Default)]
#[must_use = "nobody goes first before it is awaited"]
pub struct Yield {
    yielded: bool,
}

impl<'a> Recv<'a> {
    pub(super) fn new(env: &'a Env) -> Self {
        Self { env }
    }
}

impl Sleep {
    pub(super) fn new(env: Env, due: Instant) -> Self {
        Self { env, due, slot: None }
    }
}

impl Changed {
    pub(super) fn new(env: Env, seen: u64, due: Option<Sleep>) -> Self {
        Self { env, seen, due }
    }
}

impl Future for Recv<'_> {
    type Output = (Address, Vec<u8>);
    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        match self.env.try_recv() {
            Some(received) => Poll::Ready(received),
            None => {
                self.env.await_change(poller.waker());
                Poll::Pending
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if self.env.now() >= self.due {
            return Poll::Ready(());
        }
        let slot = self.slot.unwrap_or_else(|| self.env.nap(self.due));
        self.slot = Some(slot);
        if self.env.is_over(slot, poller.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.env.forget(slot);
        }
    }
}

impl Future for Changed {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if self.env.epoch() != self.seen {
            return Poll::Ready(());
        }
        self.env.await_change(poller.waker());
        match &mut self.due {
            Some(due) => Pin::new(due).poll(poller),
            None => Poll::Pending,
        }
    }
}

impl Future for Yield {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        poller.waker().wake_by_ref();
        Poll::Pending
    }
}
