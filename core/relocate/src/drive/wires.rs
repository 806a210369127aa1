use crate::effects::Op;
use crate::host::{Reply, Request};
use crate::{HostId, wire};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use tidemill_seam::{Duration, Entropy, Instant, Link, RecvError};

/// A request on its way.
#[derive(Debug)]
struct Ask<A> {
    op: Op,
    tag: u64,
    to: A,
    bytes: Vec<u8>,
    /// When it is given up, and when it is said again.
    due: Instant,
    again: Instant,
}

/// Requests to hosts: each is said again until it is answered, nobody awaits the answer, or its time is over.
#[derive(Debug)]
pub(super) struct Wires<L: Link> {
    link: L,
    hosts: Vec<(HostId, L::Address)>,
    open: VecDeque<Ask<L::Address>>,
    spare: Vec<Vec<u8>>,
    into: Vec<u8>,
    /// Tags count from a random number, so that an answer to an earlier life of this address is nobody's.
    tag: u64,
    timeout: Duration,
    resend: Duration,
}

impl<L: Link> Wires<L> {
    pub(super) fn new(
        link: L,
        hosts: Vec<(HostId, L::Address)>,
        entropy: &mut impl Entropy,
        (timeout, resend): (Duration, Duration),
    ) -> Self {
        let mut first = [0; 8];
        entropy.fill(&mut first);
        let (tag, into) = (u64::from_le_bytes(first), vec![0; link.mtu()]);
        Self { link, hosts, open: VecDeque::new(), spare: Vec::new(), into, tag, timeout, resend }
    }

    /// The longest payload of an item.
    pub(super) fn item_max(&self) -> usize {
        self.link.mtu().saturating_sub(wire::APPEND_OVERHEAD)
    }

    /// Says a request once: where, under which tag, and in which bytes. What is refused on its way is lost on its way, and so is
    /// what is said to a host that nobody knows.
    fn say<P: AsRef<[u8]>>(&mut self, host: HostId, request: &Request<P>) -> Option<(L::Address, Vec<u8>)> {
        let to = self.hosts.iter().find(|(known, _)| *known == host).map(|(_, address)| *address)?;
        self.tag = self.tag.wrapping_add(1);
        let mut bytes = self.spare.pop().unwrap_or_default();
        wire::encode_request(self.tag, request, &mut bytes);
        _ = self.link.send(to, &bytes);
        Some((to, bytes))
    }

    /// Asks, until somebody answers or its time is over. `false` where nobody can answer.
    pub(super) fn ask<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        op: Op,
        host: HostId,
        request: &Request<P>,
    ) -> bool {
        let Some((to, bytes)) = self.say(host, request) else { return false };
        let (due, again) = (now + self.timeout, now + self.resend);
        self.open.push_back(Ask { op, tag: self.tag, to, bytes, due, again });
        true
    }

    /// Asks once, and awaits nothing.
    pub(super) fn tell<P: AsRef<[u8]>>(&mut self, host: HostId, request: &Request<P>) {
        if let Some((_, bytes)) = self.say(host, request) {
            self.spare.push(bytes);
        }
    }

    /// The next answer to something that was asked.
    pub(super) fn answer<P: for<'a> From<&'a [u8]>>(&mut self) -> Option<(Op, Reply<P>)> {
        loop {
            let received = match self.link.recv(&mut self.into) {
                Ok(received) => received?,
                Err(RecvError::Truncated) => continue,
                Err(RecvError::Closed) => return None,
            };
            let Ok((tag, reply)) = wire::decode_reply(&self.into[..received.len]) else { continue };
            if let Some(at) = self.open.iter().position(|ask| ask.tag == tag) {
                return self.close(at).map(|op| (op, reply));
            }
        }
    }

    /// Something that was not answered in time.
    pub(super) fn late(&mut self, now: Instant) -> Option<Op> {
        let at = self.open.iter().position(|ask| ask.due <= now)?;
        self.close(at)
    }

    fn close(&mut self, at: usize) -> Option<Op> {
        let Ask { op, bytes, .. } = self.open.remove(at)?;
        self.spare.push(bytes);
        Some(op)
    }

    /// Says again what was not answered for a while, and forgets what nobody awaits.
    pub(super) fn repeat(&mut self, now: Instant, awaits: impl Fn(Op) -> bool) {
        let Self { link, open, spare, resend, .. } = self;
        open.retain_mut(|ask| {
            if ask.again > now {
                return true;
            }
            let awaited = awaits(ask.op);
            if awaited {
                _ = link.send(ask.to, &ask.bytes);
                ask.again = now + *resend;
            } else {
                spare.push(core::mem::take(&mut ask.bytes));
            }
            awaited
        });
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        self.open.iter().map(|ask| ask.due.min(ask.again)).min().unwrap_or(Instant::MAX)
    }
}
