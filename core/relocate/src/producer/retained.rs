use crate::host::Entry;
use crate::record::Frontier;
use crate::{Chain, ChainKind, Label};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Entries that the consumer may still ask for, in the order of their offsets.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Retained<P> {
    from: u64,
    /// The chain before the first.
    root: Chain,
    entries: VecDeque<Entry<P>>,
    bytes: u64,
    /// The chain is not known before the record is read.
    rooted: bool,
}

impl<P> Default for Retained<P> {
    fn default() -> Self {
        Self { from: 0, root: Chain::EMPTY, entries: VecDeque::new(), bytes: 0, rooted: true }
    }
}

impl<P: AsRef<[u8]> + Clone> Retained<P> {
    /// What a checkpoint holds. Chains are not known until [`root`](Self::root).
    pub(super) fn restored(from: u64, entries: Vec<(Label, P)>, durable: Frontier) -> Self {
        let bytes = entries.iter().map(|(_, payload)| payload.as_ref().len() as u64).sum();
        let entry = |(label, payload)| Entry { label, chain: durable.chain, payload };
        Self {
            from,
            root: durable.chain,
            entries: entries.into_iter().map(entry).collect(),
            bytes,
            rooted: false,
        }
    }

    /// Lets everything below `off` go, and learns that `chain` is before it. Where nothing is left, what was before the next
    /// offset is known already.
    pub(super) fn root(&mut self, kind: ChainKind, off: u64, chain: Chain) {
        self.drop_below(off);
        self.rooted |= self.from < off;
        if self.rooted || self.from != off {
            return;
        }
        (self.root, self.rooted) = (chain, true);
        let mut chain = chain;
        for (off, entry) in (off..).zip(&mut self.entries) {
            chain = kind.extend(chain, off, entry.label);
            entry.chain = chain;
        }
    }

    /// Lets everything go that is final: what was said before what comes next is known, whatever became of it.
    pub(super) fn give_up(&mut self, durable: Frontier) {
        self.drop_below(durable.off);
        (self.root, self.rooted) = (durable.chain, true);
    }

    /// Whether chains are known.
    pub(super) const fn is_rooted(&self) -> bool {
        self.rooted
    }

    pub(super) fn drop_below(&mut self, off: u64) {
        while self.from < off {
            let Some(entry) = self.entries.pop_front() else { break };
            self.bytes -= entry.payload.as_ref().len() as u64;
            (self.from, self.root) = (self.from + 1, entry.chain);
        }
    }

    pub(super) fn push(&mut self, kind: ChainKind, label: Label, payload: P) -> u64 {
        let off = self.next();
        let chain = kind.extend(self.chain_at(off), off, label);
        self.bytes += payload.as_ref().len() as u64;
        self.entries.push_back(Entry { label, chain, payload });
        off
    }

    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    pub(super) fn next(&self) -> u64 {
        self.from + self.entries.len() as u64
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the entries from an offset on take in a segment.
    pub(super) fn weight(&self, off: u64) -> u64 {
        let skipped = off.saturating_sub(self.from) as usize;
        let entries = self.entries.iter().skip(skipped);
        entries.map(|entry| Entry::<P>::OVERHEAD + entry.payload.as_ref().len() as u64).sum()
    }

    pub(super) fn get(&self, off: u64) -> Option<&Entry<P>> {
        self.entries.get(usize::try_from(off.checked_sub(self.from)?).ok()?)
    }

    /// The chain before an offset from the first to the next.
    pub(super) fn chain_at(&self, off: u64) -> Chain {
        off.checked_sub(1).and_then(|before| self.get(before)).map_or(self.root, |entry| entry.chain)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<P>> {
        self.entries.iter()
    }
}
