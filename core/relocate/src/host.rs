//! A host of queues: memory that it lends to edges, a segment at a time.

mod segment;

use crate::mutant::{Mutant, Without};
use crate::{Boot, Capability, Chain, EdgeId, FenceEpoch, FenceGuard, HostId, Incarnation, Label, Nonce};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use segment::Segment;
use tidemill_seam::{Duration, Instant};

/// Which segment is meant, and by what right. Every request names one, and every part of it is checked on every path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// The edge.
    pub edge: EdgeId,
    /// The right to use its segments.
    pub capability: Capability,
    /// The generation that the segment is made for.
    pub generation: FenceEpoch,
    /// Which one of those.
    pub nonce: Nonce,
}

/// An entry of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Entry<P> {
    /// What tells it from others at its offset. An entry that is pushed again keeps it.
    pub label: Label,
    /// The chain up to it and including it.
    pub chain: Chain,
    /// What it says.
    pub payload: P,
}

/// What is asked of a segment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Verb<P> {
    /// Lend memory for a new one.
    Alloc {
        /// The life of the host that is meant.
        boot: Boot,
        /// Whom it is lent to.
        inc: Incarnation,
        /// The first offset in it.
        base: u64,
        /// The chain before that.
        chain: Chain,
        /// How much it may hold, in bytes: payloads and [`Entry::OVERHEAD`] each.
        capacity: u64,
        /// How long it is lent, unless it is renewed.
        ttl: Duration,
    },
    /// Append an entry.
    Append {
        /// Who appends.
        inc: Incarnation,
        /// The offset that the entry has to get.
        off: u64,
        /// The entry.
        entry: Entry<P>,
    },
    /// Take no entry any more, and nothing of this edge below a new generation.
    Seal {
        /// The new generation.
        by: FenceEpoch,
    },
    /// Show entries from an offset on. They stay.
    Read {
        /// The first offset.
        off: u64,
        /// How many at most.
        max: u32,
    },
    /// Forget the entries below an offset.
    Trim {
        /// The offset.
        off: u64,
    },
    /// Lend it for another while.
    Renew {
        /// Whom it is lent to.
        inc: Incarnation,
    },
    /// Give it back.
    Free {
        /// Whom it was lent to, or a later life.
        inc: Incarnation,
    },
    /// Say whether it is there. It is never made.
    Attach,
    /// Say which life of the host this is; the segment may be any.
    Hello,
}

/// A request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Request<P> {
    /// Which segment.
    pub target: Target,
    /// What about it.
    pub verb: Verb<P>,
}

/// What a host answers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reply<P> {
    /// Memory is lent; so many bytes fit. The same request again gets the same answer.
    Granted {
        /// Bytes.
        credit: u64,
    },
    /// This is the life of the host. Nothing was lent: another one was meant, or it was asked for no more than this.
    Boot {
        /// It.
        boot: Boot,
    },
    /// No memory is left.
    NoSpace,
    /// A later generation, or a later life, shut the caller out.
    Stale {
        /// The generation below which nobody is let in.
        fence: FenceEpoch,
    },
    /// Appended.
    Ack {
        /// The next offset.
        next: u64,
        /// Bytes that still fit.
        credit: u64,
    },
    /// This entry was appended before.
    AlreadyHave {
        /// The next offset.
        next: u64,
    },
    /// An entry before it is missing.
    Gap {
        /// The next offset.
        next: u64,
    },
    /// Another entry lies at this offset, or before it.
    Conflict,
    /// It takes no entry any more.
    Sealed {
        /// The offset after its last entry.
        end: u64,
    },
    /// The entry does not fit until something is trimmed.
    Full,
    /// It is sealed: after this no append to it is ever acknowledged.
    End {
        /// The offset after its last entry.
        off: u64,
        /// The chain before that.
        chain: Chain,
    },
    /// Entries.
    Data {
        /// The offset of the first.
        off: u64,
        /// The chain before it.
        chain: Chain,
        /// The entries; at least one.
        entries: Vec<Entry<P>>,
    },
    /// Nothing is there yet. `next` may lie below what was asked for.
    Empty {
        /// The next offset.
        next: u64,
        /// Whether nothing more will come.
        sealed: bool,
    },
    /// It was forgotten, or never was there.
    Below {
        /// The oldest offset that is there, or would be.
        base: u64,
    },
    /// Nothing was ever appended there that could be forgotten.
    Beyond {
        /// The next offset.
        next: u64,
    },
    /// Done.
    Ok,
    /// No such segment is here, or the caller has no right to it; nothing was done.
    Unknown,
}

impl<P> Entry<P> {
    /// Bytes that an entry takes on top of its payload.
    pub const OVERHEAD: u64 = 32;
}

/// Memory that is lent. A host that forgets its fences forgets the segments with them, and then knows nobody: it goes on as another
/// [life](Boot), of which nobody has asked anything yet. A request to lend that was meant for an earlier one would bring back a
/// segment by its name and without its entries, and is refused.
///
/// # Laws
/// - An append is acknowledged if and only if its generation is not below the fence, the segment is not sealed, the offset is
///   the next one, and the entry fits. After a seal was answered none ever is (S6).
/// - One offset of a segment never holds two entries (S7).
/// - The fence never falls, and neither does what was trimmed. What was given back is not lent again by its name.
/// - Bytes that are accounted are bytes that are held, and never more than were granted (S13).
/// - Edge, capability, generation and nonce are checked on every path; nothing comes into being but by `Alloc`, which names this life
///   of the host (S14).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host<P> {
    id: HostId,
    boot: Boot,
    capacity: u64,
    without: Without,
    edges: BTreeMap<EdgeId, Tenant<P>>,
}

/// What a host knows of one edge.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Tenant<P> {
    capability: Capability,
    guard: FenceGuard,
    segments: Vec<Segment<P>>,
    /// Segments of the generation at the fence that were given back or taken back: a late request to lend one of them brings nothing
    /// back. Those of earlier generations the fence shuts out.
    spent: Vec<Nonce>,
}

/// So many segments of one generation are given back at most before a host lends none of it any more.
const SPENT_MAX: usize = 64;

impl<P: AsRef<[u8]> + Clone> Host<P> {
    /// A host that lends `capacity` bytes, in the life `boot`: no two of them are alike.
    pub const fn new(id: HostId, boot: Boot, capacity: u64) -> Self {
        Self { id, boot, capacity, without: Without::none(), edges: BTreeMap::new() }
    }

    /// The same, but for one safeguard.
    #[cfg(feature = "_mutants")]
    #[must_use]
    pub fn without(mut self, mutant: Mutant) -> Self {
        self.without = Without::only(mutant);
        self
    }

    /// Its name.
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// Which life of it this is.
    pub const fn boot(&self) -> Boot {
        self.boot
    }

    /// Lets whoever shows `capability` use memory for `edge`. What is lent already stays.
    pub fn admit(&mut self, edge: EdgeId, capability: Capability) {
        let fresh =
            Tenant { capability, guard: FenceGuard::default(), segments: Vec::new(), spent: Vec::new() };
        self.edges.entry(edge).or_insert(fresh).capability = capability;
    }

    /// Bytes that are lent.
    pub fn lent(&self) -> u64 {
        self.edges.values().flat_map(|tenant| &tenant.segments).map(Segment::capacity).sum()
    }

    /// Bytes that entries take.
    pub fn held(&self) -> u64 {
        self.edges.values().flat_map(|tenant| &tenant.segments).map(Segment::held).sum()
    }

    /// Segments that are lent.
    pub fn segments(&self) -> usize {
        self.edges.values().map(|tenant| tenant.segments.len()).sum()
    }

    /// The generation below which nobody appends to `edge`.
    pub fn fence(&self, edge: EdgeId) -> FenceEpoch {
        self.edges.get(&edge).map_or(FenceEpoch::NONE, |tenant| tenant.guard.fence())
    }

    /// The entry of a segment at an offset: for whoever judges, not for whoever uses it.
    pub fn peek(&self, edge: EdgeId, generation: FenceEpoch, nonce: Nonce, off: u64) -> Option<&Entry<P>> {
        let tenant = self.edges.get(&edge)?;
        let named = Target { edge, capability: tenant.capability, generation, nonce };
        tenant.segments.iter().find(|segment| segment.is(named, Without::none()))?.at(off)
    }

    /// When the next lease runs out.
    pub fn due(&self) -> Option<Instant> {
        self.edges.values().flat_map(|tenant| &tenant.segments).map(Segment::expires).min()
    }

    /// Takes back what nobody renewed in time.
    pub fn expire(&mut self, now: Instant) {
        for tenant in self.edges.values_mut() {
            let Tenant { guard, segments, spent, .. } = tenant;
            segments.retain(|segment| {
                let lent = segment.expires() > now;
                if !lent && segment.generation() == guard.fence() {
                    spent.push(segment.nonce());
                }
                lent
            });
        }
    }

    /// Answers one request.
    pub fn step(&mut self, now: Instant, request: Request<P>) -> Reply<P> {
        self.expire(now);
        let Request { target, verb } = request;
        let room = self.capacity.saturating_sub(self.lent());
        let Some(tenant) = self.edges.get_mut(&target.edge) else { return Reply::Unknown };
        let skips = self.without.is(Mutant::SkipCapOnAttach) && matches!(verb, Verb::Attach);
        if tenant.capability != target.capability && !skips {
            return Reply::Unknown;
        }
        let boot = self.boot;
        match verb {
            Verb::Hello => Reply::Boot { boot },
            Verb::Alloc { boot: meant, .. } if meant != boot && !self.without.is(Mutant::LendsToTheDead) => {
                Reply::Boot { boot }
            }
            verb => tenant.step(now, target, verb, (room, self.without)),
        }
    }
}

impl<P: AsRef<[u8]> + Clone> Tenant<P> {
    fn step(
        &mut self,
        now: Instant,
        target: Target,
        verb: Verb<P>,
        (room, without): (u64, Without),
    ) -> Reply<P> {
        let found = self.segments.iter().position(|segment| segment.is(target, without));
        let fenceless = without.is(Mutant::NoFence) || without.is(Mutant::AcceptAfterSeal);
        let verb = match verb {
            Verb::Alloc { inc, base, chain, capacity, ttl, .. } => {
                if let Err(stale) = self.guard.admit(target.generation) {
                    return Reply::Stale { fence: stale.fence };
                }
                if let Some(at) = found {
                    return self.segments[at].granted();
                }
                let same = target.generation == self.guard.fence();
                if same && self.spent.contains(&target.nonce) {
                    return Reply::Unknown;
                }
                if capacity > room || same && self.spent.len() >= SPENT_MAX {
                    return Reply::NoSpace;
                }
                self.raise(target.generation);
                let fresh = Segment::new(target, inc, (base, chain), capacity, (now, ttl));
                let reply = fresh.granted();
                self.segments.push(fresh);
                return reply;
            }
            verb => verb,
        };
        if found.is_none() && matches!(verb, Verb::Attach) && without.is(Mutant::AttachOrCreate) {
            let fresh = Segment::new(target, Incarnation(0), (0, Chain::EMPTY), room, (now, Duration::MAX));
            self.segments.push(fresh);
            return Reply::Ok;
        }
        let Some(at) = found else { return Reply::Unknown };
        let segment = &mut self.segments[at];
        match verb {
            Verb::Append { inc, off, entry } => match self.guard.admit(target.generation) {
                Err(stale) if !fenceless => Reply::Stale { fence: stale.fence },
                _ => segment.append(inc, off, entry, self.guard.fence(), without),
            },
            Verb::Seal { by } => {
                let end = segment.seal();
                self.raise(by);
                end
            }
            Verb::Read { off, max } => segment.read(off, max),
            Verb::Trim { off } => segment.trim(off),
            Verb::Renew { inc } if segment.owns(inc) => segment.renew(now),
            Verb::Free { inc } if segment.owns(inc) => {
                if target.generation == self.guard.fence() {
                    self.spent.push(target.nonce);
                }
                self.segments.swap_remove(at);
                Reply::Ok
            }
            Verb::Renew { .. } | Verb::Free { .. } => Reply::Stale { fence: self.guard.fence() },
            Verb::Attach | Verb::Hello | Verb::Alloc { .. } => Reply::Ok,
        }
    }

    fn raise(&mut self, to: FenceEpoch) {
        if to > self.guard.fence() {
            self.spent.clear();
        }
        self.guard.raise(to);
    }
}

#[cfg(test)]
mod tests;
