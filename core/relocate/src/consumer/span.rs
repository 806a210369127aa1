use crate::{Chain, FenceEpoch};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What was read beyond the checkpoint: the chain after each item, and the items that the stage was not shown.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Span<P> {
    from: u64,
    root: Chain,
    links: VecDeque<Chain>,
    held: VecDeque<P>,
    /// From which generation each was read, where somebody marks it.
    whence: VecDeque<FenceEpoch>,
}

impl<P> Default for Span<P> {
    fn default() -> Self {
        Self::new(0, Chain::EMPTY)
    }
}

impl<P> Span<P> {
    pub(super) const fn new(from: u64, root: Chain) -> Self {
        Self { from, root, links: VecDeque::new(), held: VecDeque::new(), whence: VecDeque::new() }
    }

    /// The offset of the first item.
    pub(super) const fn from(&self) -> u64 {
        self.from
    }

    /// The offset after the last item.
    pub(super) fn end(&self) -> u64 {
        self.from + self.links.len() as u64
    }

    /// The offset of the first item that the stage was not shown.
    pub(super) fn shown(&self) -> u64 {
        self.end() - self.held.len() as u64
    }

    /// The chain before an offset from the first to the last.
    pub(super) fn chain_at(&self, off: u64) -> Chain {
        let before = off.checked_sub(self.from + 1).and_then(|at| self.links.get(at as usize));
        before.copied().unwrap_or(self.root)
    }

    /// Says from which generation the last item was read.
    pub(super) fn mark(&mut self, generation: FenceEpoch) {
        self.whence.push_back(generation);
    }

    /// From which generation the item at an offset was read, if that was marked.
    pub(super) fn whence(&self, off: u64) -> Option<FenceEpoch> {
        self.whence.get(off.checked_sub(self.from)? as usize).copied()
    }

    pub(super) fn push(&mut self, chain: Chain, item: P) {
        self.links.push_back(chain);
        self.held.push_back(item);
    }

    /// Shows items below `off` to the stage.
    pub(super) fn show(&mut self, off: u64) -> Vec<P> {
        let count = off.min(self.end()).saturating_sub(self.shown());
        self.held.drain(..count as usize).collect()
    }

    pub(super) fn drop_below(&mut self, off: u64) {
        while self.from < off {
            let Some(chain) = self.links.pop_front() else { break };
            self.whence.pop_front();
            (self.from, self.root) = (self.from + 1, chain);
        }
    }
}
