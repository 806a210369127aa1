use super::{Entry, Reply, Target};
use crate::mutant::{Mutant, Without};
use crate::{Chain, FenceEpoch, Incarnation, Nonce};
use alloc::collections::VecDeque;
use tidemill_seam::{Duration, Instant};

/// Entries of one generation of an edge.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Segment<P> {
    generation: FenceEpoch,
    nonce: Nonce,
    inc: Incarnation,
    /// The oldest offset that is there, and the chain before it.
    base: u64,
    chain: Chain,
    entries: VecDeque<Entry<P>>,
    held: u64,
    capacity: u64,
    sealed: bool,
    ttl: Duration,
    expires: Instant,
}

impl<P: AsRef<[u8]> + Clone> Segment<P> {
    pub(super) fn new(
        target: Target,
        inc: Incarnation,
        (base, chain): (u64, Chain),
        capacity: u64,
        (now, ttl): (Instant, Duration),
    ) -> Self {
        Self {
            generation: target.generation,
            nonce: target.nonce,
            inc,
            base,
            chain,
            entries: VecDeque::new(),
            held: 0,
            capacity,
            sealed: false,
            ttl,
            expires: now + ttl,
        }
    }

    pub(super) fn is(&self, target: Target, without: Without) -> bool {
        let nonce = self.nonce == target.nonce || without.is(Mutant::IgnoreNonce);
        self.generation == target.generation && nonce
    }

    /// Whether it is lent to this life, or to an earlier one.
    pub(super) fn owns(&self, inc: Incarnation) -> bool {
        inc >= self.inc
    }

    pub(super) const fn generation(&self) -> FenceEpoch {
        self.generation
    }

    pub(super) const fn nonce(&self) -> Nonce {
        self.nonce
    }

    pub(super) const fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) const fn held(&self) -> u64 {
        self.held
    }

    pub(super) const fn expires(&self) -> Instant {
        self.expires
    }

    fn next(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn credit(&self) -> u64 {
        self.capacity - self.held
    }

    /// The entry at an offset between `base` and `next`.
    pub(super) fn at(&self, off: u64) -> Option<&Entry<P>> {
        self.entries.get(usize::try_from(off.checked_sub(self.base)?).ok()?)
    }

    /// The chain before an offset between `base` and `next`.
    fn chain_before(&self, off: u64) -> Chain {
        off.checked_sub(1).and_then(|before| self.at(before)).map_or(self.chain, |entry| entry.chain)
    }

    pub(super) fn granted(&self) -> Reply<P> {
        Reply::Granted { credit: self.credit() }
    }

    /// Appends, for a generation that the fence lets in.
    pub(super) fn append(
        &mut self,
        inc: Incarnation,
        off: u64,
        entry: Entry<P>,
        fence: FenceEpoch,
        without: Without,
    ) -> Reply<P> {
        let next = self.next();
        if inc != self.inc {
            return Reply::Stale { fence };
        }
        if self.sealed && !without.is(Mutant::AcceptAfterSeal) {
            return Reply::Sealed { end: next };
        }
        if off > next {
            return Reply::Gap { next };
        }
        if off < next && without.is(Mutant::AppendTwice) {
            self.held += weight(&entry);
            self.entries.push_back(entry);
            return Reply::AlreadyHave { next };
        }
        if off < next {
            // What was trimmed is committed, and can no longer be told from another.
            let have = off.checked_sub(self.base).and_then(|at| self.entries.get_mut(at as usize));
            let Some(have) = have.filter(|have| have.chain != entry.chain) else {
                return Reply::AlreadyHave { next };
            };
            if without.is(Mutant::OverwriteConflict) {
                *have = entry;
                return Reply::AlreadyHave { next };
            }
            return Reply::Conflict;
        }
        let bytes = weight(&entry);
        if bytes > self.credit() {
            return Reply::Full;
        }
        self.held += bytes;
        self.entries.push_back(entry);
        Reply::Ack { next: self.next(), credit: self.credit() }
    }

    pub(super) fn seal(&mut self) -> Reply<P> {
        self.sealed = true;
        Reply::End { off: self.next(), chain: self.chain_before(self.next()) }
    }

    pub(super) fn read(&self, off: u64, max: u32) -> Reply<P> {
        if off < self.base {
            return Reply::Below { base: self.base };
        }
        if off >= self.next() || max == 0 {
            return Reply::Empty { next: self.next(), sealed: self.sealed };
        }
        let skip = (off - self.base) as usize;
        let entries = self.entries.iter().skip(skip).take(max as usize).cloned().collect();
        Reply::Data { off, chain: self.chain_before(off), entries }
    }

    pub(super) fn trim(&mut self, off: u64) -> Reply<P> {
        if off > self.next() {
            return Reply::Beyond { next: self.next() };
        }
        while self.base < off {
            let Some(entry) = self.entries.pop_front() else { break };
            self.held -= weight(&entry);
            (self.base, self.chain) = (self.base + 1, entry.chain);
        }
        Reply::Ok
    }

    pub(super) fn renew(&mut self, now: Instant) -> Reply<P> {
        self.expires = self.expires.max(now + self.ttl);
        Reply::Ok
    }
}

fn weight<P: AsRef<[u8]>>(entry: &Entry<P>) -> u64 {
    Entry::<P>::OVERHEAD + entry.payload.as_ref().len() as u64
}
