use tidemill_seam::WorkerId;

use super::STAGES_MAX;

/// How many edges a graph can have.
const EDGES_MAX: usize = super::judge::WIRES_MAX / 2;

/// Who feeds whom in a graph: what a placement of its nodes is derived from.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    names: [&'static str; STAGES_MAX],
    workers: [WorkerId; STAGES_MAX],
    nodes: usize,
    feeds: [Feed; EDGES_MAX],
    edges: usize,
}

/// One edge of a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Feed {
    /// The node that sends.
    pub from: &'static str,
    /// The node that receives.
    pub to: &'static str,
    /// The node that takes the slots from their pool, to which they come back: `from`, unless that one passes on what it
    /// was sent.
    pub home: &'static str,
    /// Items that may wait between them, at most.
    pub items: u32,
}

impl Shape {
    pub(super) const fn new(names: [&'static str; STAGES_MAX], nodes: usize) -> Self {
        let feeds = [Feed { from: "", to: "", home: "", items: 0 }; EDGES_MAX];
        Self { names, workers: [WorkerId(0); STAGES_MAX], nodes, feeds, edges: 0 }
    }

    pub(super) const fn place(&mut self, node: usize, worker: WorkerId) {
        self.workers[node] = worker;
    }

    /// Past the last place nothing is added: a graph that has passed the judge has no more edges than these.
    pub(super) fn add(&mut self, feed: Feed) {
        if let Some(place) = self.feeds.get_mut(self.edges) {
            *place = feed;
            self.edges += 1;
        }
    }

    /// The names of the nodes, in graph order.
    pub fn nodes(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.names.iter().take(self.nodes).copied()
    }

    /// The worker that a node was placed on; `None` where the graph has no such node.
    pub fn worker(&self, node: &str) -> Option<WorkerId> {
        self.nodes().position(|own| own == node).map(|at| self.workers[at])
    }

    /// The edges, by the nodes that send.
    pub fn edges(&self) -> impl Iterator<Item = Feed> + '_ {
        self.feeds.iter().take(self.edges).copied()
    }

    /// The nodes that nobody in this graph feeds: what they know comes from outside of it.
    pub fn sources(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.nodes().filter(|node| !self.edges().any(|feed| feed.to == *node))
    }
}
