use crate::effects::Op;
use crate::host::{Reply, Request, Target, Verb};
use crate::{Boot, HostId, Incarnation, wire};
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use tidemill_seam::{Duration, Entropy, Instant, Link, RecvError};

/// A datagram on its way.
#[derive(Debug)]
struct Ask<A> {
    /// The first and the last of the requests in it.
    ops: (Op, Op),
    tag: u64,
    to: A,
    bytes: Vec<u8>,
    /// When it is given up, and when it is said again.
    due: Instant,
    again: Instant,
}

/// A datagram that may take more entries before it leaves.
#[derive(Debug)]
struct Run<A> {
    ask: Ask<A>,
    target: Target,
    inc: Incarnation,
    next: u64,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Heard<P> {
    Reply(Op, Reply<P>),
    /// Which life of a host is the present one.
    Boot(HostId, Boot),
}

/// Requests to hosts: each is said again until it is answered, nobody awaits the answer, or its time is over.
#[derive(Debug)]
pub(super) struct Wires<L: Link> {
    link: L,
    hosts: Vec<(HostId, L::Address)>,
    open: VecDeque<Ask<L::Address>>,
    run: Option<Run<L::Address>>,
    spare: Vec<Vec<u8>>,
    into: Vec<u8>,
    /// The tag of the greeting of the first host; those of the others follow.
    greeted: u64,
    /// Tags count from a random number, so that an answer to an earlier life of this address is nobody's. Every datagram has two: by the
    /// second one a host says how much of a run it took before something stood in its way.
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
        let (open, run, spare) = (VecDeque::new(), None, Vec::new());
        Self { link, hosts, open, run, spare, into, greeted: tag, tag, timeout, resend }
    }

    /// The longest payload of an item.
    pub(super) fn item_max(&self) -> usize {
        self.link.mtu().saturating_sub(wire::APPEND_OVERHEAD)
    }

    fn address(&self, host: HostId) -> Option<L::Address> {
        self.hosts.iter().find(|(known, _)| *known == host).map(|(_, address)| *address)
    }

    fn next_tag(&mut self) -> u64 {
        let tag = self.tag;
        self.tag = tag.wrapping_add(2);
        tag
    }

    /// Asks every host which life of it is the present one, once.
    pub(super) fn greet(&mut self, target: Target) {
        self.greeted = self.tag;
        for host in 0..self.hosts.len() {
            self.tell(self.hosts[host].0, &Request::<&[u8]> { target, verb: Verb::Hello });
        }
    }

    /// Asks, until somebody answers or its time is over. `false` where nobody can answer. Entries leave with those that follow them, at
    /// the [next](Self::flush) occasion.
    pub(super) fn ask<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        op: Op,
        host: HostId,
        request: &Request<P>,
    ) -> bool {
        let Some(to) = self.address(host) else { return false };
        if self.joins(op, to, request) {
            return true;
        }
        self.flush();
        let (tag, mut bytes) = (self.next_tag(), self.spare.pop().unwrap_or_default());
        wire::open_request(tag, request, &mut bytes);
        let (due, again) = (now + self.timeout, now + self.resend);
        let ask = Ask { ops: (op, op), tag, to, bytes, due, again };
        match request.verb {
            Verb::Append { inc, off, .. } => {
                self.run = Some(Run { ask, target: request.target, inc, next: off.wrapping_add(1) });
            }
            _ => self.send(ask),
        }
        true
    }

    /// Whether it travels with the entries before it.
    fn joins<P: AsRef<[u8]>>(&mut self, op: Op, to: L::Address, request: &Request<P>) -> bool {
        let (Some(run), Verb::Append { inc, off, entry }) = (&mut self.run, &request.verb) else {
            return false;
        };
        let (ask, max) = (&mut run.ask, self.link.mtu());
        let follows = (run.target, run.inc, run.next) == (request.target, *inc, *off) && ask.to == to;
        if !follows || !wire::add_entry(entry, max, &mut ask.bytes) {
            return false;
        }
        (ask.ops.1, run.next) = (op, off.wrapping_add(1));
        true
    }

    /// Entries leave that waited for others.
    pub(super) fn flush(&mut self) {
        if let Some(run) = self.run.take() {
            self.send(run.ask);
        }
    }

    fn send(&mut self, mut ask: Ask<L::Address>) {
        wire::seal(&mut ask.bytes);
        // What is refused on its way is lost on its way.
        _ = self.link.send(ask.to, &ask.bytes);
        self.open.push_back(ask);
    }

    /// Asks once, and awaits nothing. What is said to a host that nobody knows is lost.
    pub(super) fn tell<P: AsRef<[u8]>>(&mut self, host: HostId, request: &Request<P>) {
        self.flush();
        let Some(to) = self.address(host) else { return };
        let (tag, mut bytes) = (self.next_tag(), self.spare.pop().unwrap_or_default());
        wire::encode_request(tag, request, &mut bytes);
        _ = self.link.send(to, &bytes);
        self.spare.push(bytes);
    }

    /// The next answer to something that was asked.
    pub(super) fn answer<P: for<'a> From<&'a [u8]>>(&mut self) -> Option<Heard<P>> {
        loop {
            let received = match self.link.recv(&mut self.into) {
                Ok(received) => received?,
                Err(RecvError::Truncated) => continue,
                Err(RecvError::Closed) => return None,
            };
            let Ok((tag, reply)) = wire::decode_reply(&self.into[..received.len]) else { continue };
            if let Some(at) = self.open.iter().position(|ask| ask.tag == tag) {
                return self.close(at).map(|op| Heard::Reply(op, reply));
            }
            let part = |ask: &&Ask<L::Address>| ask.tag.wrapping_add(1) == tag && ask.ops.0 != ask.ops.1;
            if let Some(ask) = self.open.iter().find(part) {
                return Some(Heard::Reply(ask.ops.0, reply));
            }
            let nth = (tag.wrapping_sub(self.greeted) / 2) as usize;
            if let (Reply::Boot { boot }, Some((host, _))) = (reply, self.hosts.get(nth)) {
                return Some(Heard::Boot(*host, boot));
            }
        }
    }

    /// Something that was not answered in time.
    pub(super) fn late(&mut self, now: Instant) -> Option<Op> {
        let at = self.open.iter().position(|ask| ask.due <= now)?;
        self.close(at)
    }

    fn close(&mut self, at: usize) -> Option<Op> {
        let Ask { ops, bytes, .. } = self.open.remove(at)?;
        self.spare.push(bytes);
        Some(ops.1)
    }

    /// Says again what was not answered for a while, and forgets what nobody awaits.
    pub(super) fn repeat(&mut self, now: Instant, awaits: impl Fn(Op) -> bool) {
        self.flush();
        let Self { link, open, spare, resend, .. } = self;
        open.retain_mut(|ask| {
            let awaited = awaits(ask.ops.1);
            if !awaited {
                spare.push(core::mem::take(&mut ask.bytes));
            } else if ask.again <= now {
                _ = link.send(ask.to, &ask.bytes);
                ask.again = now + *resend;
            }
            awaited
        });
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        self.open.iter().map(|ask| ask.due.min(ask.again)).min().unwrap_or(Instant::MAX)
    }
}
