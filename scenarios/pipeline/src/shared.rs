use tidemill_flow::shared::{Fingerprint, Plain};
use tidemill_flow::{
    Any, Caps, Edge, Faults, Graph, Node, Payload, Stages, StaticPool, bind, join, map, sink,
};
use tidemill_seam::PoolId;

use crate::{Celsius, Mean, Verdict, Window, judge};

/// Readings that the window of the next one needs: what the middle process keeps on its edge, so that a death costs it
/// nothing that it cannot read again.
pub const KEEP: u32 = Window::READINGS as u32 - 1;

/// A [`Verdict`] as it lies in memory that two processes share.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    reading: Celsius,
    mean_milli_c: i32,
    anomalous: u32,
}

// SAFETY: three words of `repr(C)`, each of whose patterns is a value.
unsafe impl Plain for Celsius {
    const FINGERPRINT: Fingerprint = Fingerprint::of_fields(size_of::<Self>())
        .field("line", 0, u32::FINGERPRINT)
        .field("minute", 4, u32::FINGERPRINT)
        .field("milli_c", 8, i32::FINGERPRINT);
}

// SAFETY: a plain struct and two words of `repr(C)`, each of whose patterns is a value.
unsafe impl Plain for Judged {
    const FINGERPRINT: Fingerprint = Fingerprint::of_fields(size_of::<Self>())
        .field("reading", 0, Celsius::FINGERPRINT)
        .field("mean_milli_c", 12, i32::FINGERPRINT)
        .field("anomalous", 16, u32::FINGERPRINT);
}

impl Payload for Judged {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        let Verdict { reading, mean_milli_c, anomalous } = verdict;
        Self { reading, mean_milli_c, anomalous: anomalous.into() }
    }
}

impl From<Judged> for Verdict {
    fn from(judged: Judged) -> Self {
        let Judged { reading, mean_milli_c, anomalous } = judged;
        Self { reading, mean_milli_c, anomalous: anomalous != 0 }
    }
}

/// The memory of the middle of three processes: pools and edges, to be joined once.
#[derive(Debug)]
pub struct MiddleCells {
    celsius: StaticPool<Celsius, 12, 2>,
    means: StaticPool<Mean, 4, 1>,
    judged: StaticPool<Judged, 6, 1>,
    to_window: Edge<Celsius, 2>,
    to_anomaly: Edge<Celsius, 4>,
    mean_to_anomaly: Edge<Mean, 2>,
    to_near: Edge<Judged, 4>,
}

/// The memory of the last of three processes: a pool and an edge, to be joined once.
#[derive(Debug)]
pub struct EndCells {
    judged: StaticPool<Judged, 6, 1>,
    to_sink: Edge<Judged, 4>,
}

impl MiddleCells {
    /// Empty pools and edges; usable in a static.
    pub const fn new() -> Self {
        Self {
            celsius: StaticPool::new(PoolId(4)),
            means: StaticPool::new(PoolId(5)),
            judged: StaticPool::new(PoolId(6)),
            to_window: Edge::new(Caps::wait(2)),
            to_anomaly: Edge::new(Caps::wait(4)),
            mean_to_anomaly: Edge::new(Caps::wait(2)),
            to_near: Edge::new(Caps::wait(4)),
        }
    }
}

impl Default for MiddleCells {
    fn default() -> Self {
        Self::new()
    }
}

impl EndCells {
    /// An empty pool and edge; usable in a static.
    pub const fn new() -> Self {
        Self { judged: StaticPool::new(PoolId(7)), to_sink: Edge::new(Caps::wait(4)) }
    }
}

impl Default for EndCells {
    fn default() -> Self {
        Self::new()
    }
}

/// `far → window → anomaly → near`, with `far → anomaly` beside it: the middle of three processes.
///
/// # Errors
/// What the judge finds wrong: that the cells were joined before.
///
/// # Panics
/// If the cells were joined before.
#[expect(
    clippy::result_large_err,
    reason = "built once, before anything runs, and boards have no heap to box it on"
)]
pub fn middle<'c, F, N>(cells: &'c MiddleCells, far: F, near: N) -> Result<Graph<impl Stages>, Faults>
where
    F: Node<In = (), Out = (Celsius,)> + 'c,
    N: Node<In = Any<(Judged,)>, Out = ()> + 'c,
{
    const ONCE: &str = "cells are joined once";
    let (window_tx, window_rx) = cells.to_window.split(&cells.celsius).expect(ONCE);
    let (anomaly_tx, anomaly_rx) = cells.to_anomaly.split(&cells.celsius).expect(ONCE);
    let (means_tx, means_rx) = cells.mean_to_anomaly.split(&cells.means).expect(ONCE);
    let (judged_tx, judged_rx) = cells.to_near.split(&cells.judged).expect(ONCE);
    let celsius = cells.celsius.home().expect(ONCE).feed([window_tx, anomaly_tx]);
    let means = cells.means.home().expect(ONCE).feed([means_tx]);
    let judged = cells.judged.home().expect(ONCE).feed([judged_tx]);
    let mut window = Window::new();
    Graph::new((
        bind("far", far, (), (celsius,)),
        bind("window", map(move |reading: &Celsius| window.push(*reading)), (window_rx,), (means,)),
        bind(
            "anomaly",
            join(|reading: &Celsius, mean: &Mean| Judged::from(judge(*reading, *mean))),
            (anomaly_rx, means_rx),
            (judged,),
        ),
        bind("near", near, (judged_rx,), ()),
    ))
}

/// `far → sink`: the last of three processes. `verdict` hears of every reading, in order.
///
/// # Errors
/// What the judge finds wrong: that the cells were joined before.
///
/// # Panics
/// If the cells were joined before.
#[expect(
    clippy::result_large_err,
    reason = "built once, before anything runs, and boards have no heap to box it on"
)]
pub fn end<'c, F>(
    cells: &'c EndCells,
    far: F,
    mut verdict: impl FnMut(&Verdict) + 'c,
) -> Result<Graph<impl Stages>, Faults>
where
    F: Node<In = (), Out = (Judged,)> + 'c,
{
    const ONCE: &str = "cells are joined once";
    let (judged_tx, judged_rx) = cells.to_sink.split(&cells.judged).expect(ONCE);
    let judged = cells.judged.home().expect(ONCE).feed([judged_tx]);
    Graph::new((
        bind("far", far, (), (judged,)),
        bind("sink", sink(move |judged: &Judged| verdict(&Verdict::from(*judged))), (judged_rx,), ()),
    ))
}
