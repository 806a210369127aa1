//! The smallest whole graph: `numbers ─▶ [8] ─▶ squares ─▶ [8] ─▶ sum`, on one worker.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use tidemill_flow::{Caps, Edge, Graph, Polled, StaticPool, bind, map, sink, source};
use tidemill_seam::{Instant, PoolId};

/// Steps between two looks at what arrived.
const BURST: u32 = 64;

#[derive(Default)]
struct Arrived {
    messages: Cell<u64>,
    sum: Cell<u64>,
}

/// A started graph that never ends. What it is made of is never freed.
pub struct ThreeNodes {
    poll: Box<dyn FnMut(u32) -> Polled>,
    arrived: Rc<Arrived>,
}

impl ThreeNodes {
    /// Builds and starts the graph.
    ///
    /// # Panics
    /// Where the judge refuses the graph.
    #[must_use]
    pub fn new() -> Self {
        let numbers: &'static StaticPool<u32, 10> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
        let squares: &'static StaticPool<u64, 10> = Box::leak(Box::new(StaticPool::new(PoolId(1))));
        let a: &'static Edge<u32, 8> = Box::leak(Box::new(Edge::new(Caps::wait(8))));
        let b: &'static Edge<u64, 8> = Box::leak(Box::new(Edge::new(Caps::wait(8))));
        let (a_tx, a_rx) = a.split(numbers).expect("split once");
        let (b_tx, b_rx) = b.split(squares).expect("split once");
        let (arrived, mut next) = (Rc::new(Arrived::default()), 0_u32);
        let seen = Rc::clone(&arrived);
        let count = source(move || {
            next = next.wrapping_add(1);
            Some(next)
        });
        let square = map(|n: &u32| u64::from(*n).pow(2));
        let sum = sink(move |n: &u64| {
            seen.messages.set(seen.messages.get() + 1);
            seen.sum.set(seen.sum.get().wrapping_add(*n));
        });
        let graph = Graph::new((
            bind("numbers", count, (), (numbers.home().expect("opened once").feed([a_tx]),)),
            bind("squares", square, (a_rx,), (squares.home().expect("opened once").feed([b_tx]),)),
            bind("sum", sum, (b_rx,), ()),
        ));
        let graph = Box::leak(Box::new(graph.expect("a sound graph")));
        graph.start(Instant::ZERO).expect("quick nodes start");
        let mut worker = graph.worker();
        Self { poll: Box::new(move |steps| worker.poll(Instant::ZERO, steps)), arrived }
    }

    /// Polls until `messages` more have gone all the way, or a few more than that. Returns how many ever did.
    ///
    /// # Panics
    /// Where the graph does anything but run.
    pub fn carry(&mut self, messages: u32) -> u64 {
        let target = self.arrived.messages.get() + u64::from(messages);
        while self.arrived.messages.get() < target {
            let polled = (self.poll)(BURST);
            assert!(matches!(polled, Polled::Ran(_)), "an endless graph runs: {polled:?}");
        }
        self.arrived.messages.get()
    }

    /// Sum of the squares that ever arrived, wrapping.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.arrived.sum.get()
    }
}

impl Default for ThreeNodes {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ThreeNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreeNodes").field("messages", &self.arrived.messages).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::ThreeNodes;

    #[test]
    fn the_squares_of_the_first_numbers_add_up() {
        let mut graph = ThreeNodes::new();
        let n = graph.carry(1000);
        assert!(n >= 1000);
        assert_eq!(graph.sum(), n * (n + 1) * (2 * n + 1) / 6);
    }
}
