use crate::host::{Host, Reply, Request};
use crate::wire;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Duration, Instant, Link};

/// A host behind a link: it answers every request that arrives, and takes back what nobody renewed.
///
/// A host forgets everything when it dies. One that begins again is [quiet](Self::quiet) for as long as a datagram may live: a late
/// request to lend would otherwise bring back a segment by its name and without its entries, and nobody could tell.
pub struct HostEnd<C, L, P> {
    clock: C,
    quiet: Instant,
    link: L,
    host: Host<P>,
    into: Vec<u8>,
    out: Vec<u8>,
}

impl<C: Clock, L: Link, P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>> HostEnd<C, L, P> {
    /// `host`, behind `link`. The clock counts while its machine is suspended.
    pub fn new(host: Host<P>, clock: C, link: L) -> Self {
        let into = vec![0; link.mtu()];
        Self { clock, quiet: Instant::ZERO, link, host, into, out: Vec::new() }
    }

    /// The same, but for `span` from now on it drops what arrives.
    #[must_use]
    pub fn quiet(mut self, span: Duration) -> Self {
        self.quiet = self.clock.now() + span;
        self
    }

    /// The host.
    pub const fn host(&self) -> &Host<P> {
        &self.host
    }

    /// Answers what arrived. Gives the instant at which it wants to be called again, [`Instant::MAX`] if nothing is due.
    pub fn poll(&mut self) -> Instant {
        self.poll_by(|host, now, request| host.step(now, request))
    }

    /// The same, with every answer by the way of `step`: for whoever watches a host, or stands in its way.
    pub fn poll_by(
        &mut self,
        mut step: impl FnMut(&mut Host<P>, Instant, Request<P>) -> Reply<P>,
    ) -> Instant {
        let now = self.clock.now();
        loop {
            let received = match self.link.recv(&mut self.into) {
                Ok(Some(received)) => received,
                Ok(None) => break,
                // What is too long is no request.
                Err(tidemill_seam::RecvError::Truncated) => continue,
                Err(tidemill_seam::RecvError::Closed) => return Instant::MAX,
            };
            if now < self.quiet {
                continue;
            }
            let Ok((tag, request)) = wire::decode_request(&self.into[..received.len]) else { continue };
            let reply = step(&mut self.host, now, request);
            if wire::encode_reply(tag, &reply, self.link.mtu(), &mut self.out) {
                // An answer that is refused is one that is lost.
                _ = self.link.send(received.from, &self.out);
            }
        }
        self.host.expire(now);
        self.host.due().unwrap_or(Instant::MAX)
    }
}

impl<C, L, P: fmt::Debug> fmt::Debug for HostEnd<C, L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostEnd").field("host", &self.host).finish_non_exhaustive()
    }
}
