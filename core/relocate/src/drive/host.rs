use crate::host::{Host, Reply, Request, Verb};
use crate::{Boot, HostId, wire};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Entropy, Instant, Link};

/// A host behind a link: it answers every request that arrives, and takes back what nobody renewed.
///
/// A host forgets everything when it dies, and begins again as another [life](Boot) of itself.
pub struct HostEnd<C, L: Link, P> {
    clock: C,
    link: L,
    host: Host<P>,
    into: Vec<u8>,
    out: Vec<u8>,
}

impl<C: Clock, L: Link, P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>> HostEnd<C, L, P> {
    /// A host that lends `capacity` bytes, behind `link`. The clock counts while its machine is suspended.
    pub fn new(id: HostId, capacity: u64, clock: C, entropy: &mut impl Entropy, link: L) -> Self {
        let mut boot = [0; 8];
        entropy.fill(&mut boot);
        // Whoever knows of no life asks for none.
        let boot = Boot(u64::from_le_bytes(boot).max(1));
        let into = vec![0; link.mtu()];
        Self { clock, link, host: Host::new(id, boot, capacity), into, out: Vec::new() }
    }

    /// The host.
    pub const fn host(&self) -> &Host<P> {
        &self.host
    }

    /// The host, to be told whom it may lend to.
    pub const fn host_mut(&mut self) -> &mut Host<P> {
        &mut self.host
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
            let Ok((tag, requests)) = wire::decode_request(&self.into[..received.len]) else { continue };
            let mut taken: Option<Reply<P>> = None;
            for request in requests {
                let appends = matches!(request.verb, Verb::Append { .. });
                let reply = step(&mut self.host, now, request);
                let goes_on = appends && matches!(reply, Reply::Ack { .. } | Reply::AlreadyHave { .. });
                if !goes_on && let Some(taken) = taken.take() {
                    self.say(received.from, tag.wrapping_add(1), &taken);
                }
                taken = Some(reply);
                if !goes_on {
                    break;
                }
            }
            if let Some(reply) = taken {
                self.say(received.from, tag, &reply);
            }
        }
        self.host.expire(now);
        self.host.due().unwrap_or(Instant::MAX)
    }

    fn say(&mut self, to: L::Address, tag: u64, reply: &Reply<P>) {
        if wire::encode_reply(tag, reply, self.link.mtu(), &mut self.out) {
            // An answer that is refused is one that is lost.
            _ = self.link.send(to, &self.out);
        }
    }
}

impl<C, L: Link, P: fmt::Debug> fmt::Debug for HostEnd<C, L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostEnd").field("host", &self.host).finish_non_exhaustive()
    }
}
