use std::collections::{BTreeMap, BTreeSet};

use tidemill_flow::Shape;

use super::{Keeps, Placement};

/// Where the nodes of flow graphs run: a [`Placement`] follows from it.
///
/// Who is named is a process of the world and its machine; what it runs is the [shape](tidemill_flow::Graph::shape) of the
/// graph that it drives. The laws of the budget:
/// - what a node holds, and what waits on the edges behind it, lies in the processes that run a node of that name and
///   nowhere else: the last of them is never killed. Not so where everything that reaches the node comes from sources that
///   [replay](Self::replays): a process that holds nothing else may die;
/// - of the processes at the two ends of a [wire](Self::wire), at most one is away at a time: dead, paused, or cut off
///   from another one.
///
/// ```
/// # use tidemill_flow::{Caps, Edge, Graph, StaticPool, bind, sink, source};
/// # use tidemill_seam::PoolId;
/// use tidemill_sim::{Layout, Placement};
/// # let (pool, edge) = (StaticPool::<u32, 4>::new(PoolId(0)), Edge::<u32, 2>::new(Caps::wait(2)));
/// # let (tx, rx) = edge.split(&pool).unwrap();
/// # let feed = (pool.home().unwrap().feed([tx]),);
/// let mut graph = Graph::new((
///     bind("read", source(|| Some(7)), (), feed),
///     bind("store", sink(|_: &u32| ()), (rx,), ()),
/// ))?;
/// let layout = Layout::new().runs("host/reader", &graph.shape());
/// assert_eq!(layout.placement(), Placement::new().edge("read,store", &["host/reader"], tidemill_sim::Keeps::Volatile));
/// assert_eq!(layout.replays("read").placement(), Placement::new());
/// # Ok::<(), tidemill_flow::Faults>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct Layout {
    parts: Vec<Part>,
    replayed: BTreeSet<String>,
    wires: Vec<(String, String)>,
}

/// One process, and the graph in it.
#[derive(Clone, Debug)]
struct Part {
    process: String,
    shape: Shape,
}

impl Part {
    fn runs(&self, node: &str) -> bool {
        self.shape.nodes().any(|own| own == node)
    }

    /// The nodes that something reaches which is not read anew after a restart.
    fn volatile(&self, replayed: &BTreeSet<String>) -> BTreeSet<&'static str> {
        let mut reached: BTreeSet<_> =
            self.shape.sources().filter(|source| !replayed.contains(*source)).collect();
        loop {
            let fed = self.shape.edges().filter(|feed| reached.contains(feed.from)).map(|feed| feed.to);
            let fed: Vec<_> = fed.filter(|node| !reached.contains(node)).collect();
            if fed.is_empty() {
                return reached;
            }
            reached.extend(fed);
        }
    }
}

impl Layout {
    /// Nobody runs anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The process `machine/process` drives a graph of this shape.
    pub fn runs(mut self, process: &str, shape: &Shape) -> Self {
        self.parts.push(Part { process: process.to_owned(), shape: *shape });
        self
    }

    /// The source `node` reads what outlives its process, and after a restart reads it again.
    pub fn replays(mut self, node: &str) -> Self {
        self.replayed.insert(node.to_owned());
        self
    }

    /// Items go from the node `from` of one process to the node `to` of another one.
    pub fn wire(mut self, from: &str, to: &str) -> Self {
        self.wires.push((from.to_owned(), to.to_owned()));
        self
    }

    /// The processes that run a node of that name.
    ///
    /// # Panics
    /// If none does: a mistake in the layout.
    fn homes(&self, node: &str) -> Vec<&str> {
        let homes: Vec<&str> =
            self.parts.iter().filter(|part| part.runs(node)).map(|part| part.process.as_str()).collect();
        assert!(!homes.is_empty(), "no process runs a node `{node}`");
        homes
    }

    /// The budget that follows.
    ///
    /// # Panics
    /// If a node is named that no process runs.
    pub fn placement(&self) -> Placement {
        self.replayed.iter().for_each(|node| drop(self.homes(node)));
        let mut holders: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for part in &self.parts {
            let volatile = part.volatile(&self.replayed);
            // In the order of the graph, so that the name of the group reads as the graph does.
            for node in part.shape.nodes().filter(|node| volatile.contains(node)) {
                if seen.insert(node) {
                    holders.entry(self.homes(node)).or_default().push(node);
                }
            }
        }
        let placement = holders.iter().fold(Placement::new(), |placement, (homes, nodes)| {
            placement.edge(&nodes.join(","), homes, Keeps::Volatile)
        });
        self.wires.iter().fold(placement, |placement, (from, to)| {
            let mut ends = self.homes(from);
            ends.extend(self.homes(to));
            ends.sort_unstable();
            ends.dedup();
            placement.connected(&format!("{from}→{to}"), &ends, 1, Keeps::Durable)
        })
    }
}
