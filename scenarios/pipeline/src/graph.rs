use tidemill_flow::wire::{Inbound, Outbound, Timing};
use tidemill_flow::{
    Any, Caps, Cx, Edge, Fault, Faults, Graph, Items, Node, Payload, Permits, Stages, StaticPool, Step, bind,
    join, map, sink, source,
};
use tidemill_seam::{Duration, Link, PoolId};

use crate::{Celsius, Columns, Line, Lines, Mean, Reading, Rejected, Verdict, Window, judge};

/// The name of the stream that both halves agree on.
const STREAM: u32 = 0x7469_6465;
/// Items that may be on their way over the link.
const WINDOW: usize = 16;
/// The longest encoded [`Celsius`]: three numbers of at most five bytes.
const BYTES: usize = 16;

/// How long the receiver answers a sender that missed the last acknowledgement.
pub const LINGER: Duration = Duration::from_secs(2);

/// The sender's end of the link.
pub type Near<L> = Outbound<L, Celsius, WINDOW, BYTES>;
/// The receiver's end of the link.
pub type Far<L> = Inbound<L, Celsius, WINDOW, BYTES>;

/// The sender's end of the link, towards `peer`.
pub fn near<L: Link>(link: L, peer: L::Address, timing: Timing) -> Near<L> {
    Outbound::new(link, peer, STREAM, timing)
}

/// The receiver's end of the link. After the last reading it answers for `linger` more.
pub fn far<L: Link>(link: L, linger: Duration) -> Far<L> {
    Inbound::new(link, STREAM, linger)
}

impl Payload for Line {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}
impl Payload for Rejected {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}
impl Payload for Reading {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}
impl Payload for Celsius {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}
impl Payload for Mean {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}
impl Payload for Verdict {
    const MAX_BYTES: u32 = size_of::<Self>() as u32;
}

/// The memory of the sending half: pools and edges, to be joined once.
#[derive(Debug)]
pub struct SenderCells {
    lines: StaticPool<Line, 4, 1>,
    rejects: StaticPool<Rejected, 4, 1>,
    readings: StaticPool<Reading, 4, 1>,
    celsius: StaticPool<Celsius, 6, 1>,
    to_parse: Edge<Line, 2>,
    to_rejects: Edge<Rejected, 2>,
    to_celsius: Edge<Reading, 2>,
    to_link: Edge<Celsius, 4>,
}

/// The memory of the receiving half: pools and edges, to be joined once.
#[derive(Debug)]
pub struct ReceiverCells {
    celsius: StaticPool<Celsius, 12, 2>,
    means: StaticPool<Mean, 4, 1>,
    verdicts: StaticPool<Verdict, 4, 1>,
    to_window: Edge<Celsius, 2>,
    to_anomaly: Edge<Celsius, 4>,
    mean_to_anomaly: Edge<Mean, 2>,
    to_sink: Edge<Verdict, 2>,
}

impl SenderCells {
    /// Empty pools and edges; usable in a static.
    pub const fn new() -> Self {
        Self {
            lines: StaticPool::new(PoolId(0)),
            rejects: StaticPool::new(PoolId(1)),
            readings: StaticPool::new(PoolId(2)),
            celsius: StaticPool::new(PoolId(3)),
            to_parse: Edge::new(Caps::wait(2)),
            to_rejects: Edge::new(Caps::wait(2)),
            to_celsius: Edge::new(Caps::wait(2)),
            to_link: Edge::new(Caps::wait(4)),
        }
    }
}

impl Default for SenderCells {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiverCells {
    /// Empty pools and edges; usable in a static.
    pub const fn new() -> Self {
        Self {
            celsius: StaticPool::new(PoolId(4)),
            means: StaticPool::new(PoolId(5)),
            verdicts: StaticPool::new(PoolId(6)),
            to_window: Edge::new(Caps::wait(2)),
            to_anomaly: Edge::new(Caps::wait(4)),
            mean_to_anomaly: Edge::new(Caps::wait(2)),
            to_sink: Edge::new(Caps::wait(2)),
        }
    }
}

impl Default for ReceiverCells {
    fn default() -> Self {
        Self::new()
    }
}

/// Rows become readings, or are rejected.
#[derive(Debug, Default)]
struct Parse {
    columns: Columns,
}

impl Node for Parse {
    type In = (Line,);
    type Out = (Reading, Rejected);

    fn step(&mut self, _: &mut Cx, (line,): Items<'_, Self>, out: Permits<'_, Self>) -> Result<Step, Fault> {
        let ((readings, rejects), line): (_, &Line) = (out, &line);
        if line.number <= 1 {
            match line.header() {
                Ok(columns) => self.columns = columns,
                Err(bad) => rejects.send(bad),
            }
        } else {
            match line.reading(self.columns) {
                Ok(reading) => readings.send(reading),
                Err(bad) => rejects.send(bad),
            }
        }
        Ok(Step::Progress)
    }
}

/// `read → parse → celsius → near`, and `parse → rejects`: the half that owns the file.
///
/// `rejected` hears of every row that gave no reading, in order.
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
pub fn sender<'c, N>(
    cells: &'c SenderCells,
    file: &'c [u8],
    near: N,
    rejected: impl FnMut(&Rejected) + 'c,
) -> Result<Graph<impl Stages>, Faults>
where
    N: Node<In = Any<(Celsius,)>, Out = ()> + 'c,
{
    const ONCE: &str = "cells are joined once";
    let (lines_tx, lines_rx) = cells.to_parse.split(&cells.lines).expect(ONCE);
    let (rejects_tx, rejects_rx) = cells.to_rejects.split(&cells.rejects).expect(ONCE);
    let (readings_tx, readings_rx) = cells.to_celsius.split(&cells.readings).expect(ONCE);
    let (celsius_tx, celsius_rx) = cells.to_link.split(&cells.celsius).expect(ONCE);
    let lines = cells.lines.home().expect(ONCE).feed([lines_tx]);
    let rejects = cells.rejects.home().expect(ONCE).feed([rejects_tx]);
    let readings = cells.readings.home().expect(ONCE).feed([readings_tx]);
    let celsius = cells.celsius.home().expect(ONCE).feed([celsius_tx]);
    let mut rows = Lines::new(file);
    Graph::new((
        bind("read", source(move || rows.next()), (), (lines,)),
        bind("parse", Parse::default(), (lines_rx,), (readings, rejects)),
        bind("rejects", sink(rejected), (rejects_rx,), ()),
        bind("celsius", map(Reading::celsius), (readings_rx,), (celsius,)),
        bind("near", near, (celsius_rx,), ()),
    ))
}

/// `far → window → anomaly → sink`, with `far → anomaly` beside it: the half that owns the result.
///
/// `verdict` hears of every reading, in order.
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
pub fn receiver<'c, N>(
    cells: &'c ReceiverCells,
    far: N,
    verdict: impl FnMut(&Verdict) + 'c,
) -> Result<Graph<impl Stages>, Faults>
where
    N: Node<In = (), Out = (Celsius,)> + 'c,
{
    const ONCE: &str = "cells are joined once";
    let (window_tx, window_rx) = cells.to_window.split(&cells.celsius).expect(ONCE);
    let (anomaly_tx, anomaly_rx) = cells.to_anomaly.split(&cells.celsius).expect(ONCE);
    let (means_tx, means_rx) = cells.mean_to_anomaly.split(&cells.means).expect(ONCE);
    let (verdicts_tx, verdicts_rx) = cells.to_sink.split(&cells.verdicts).expect(ONCE);
    let celsius = cells.celsius.home().expect(ONCE).feed([window_tx, anomaly_tx]);
    let means = cells.means.home().expect(ONCE).feed([means_tx]);
    let verdicts = cells.verdicts.home().expect(ONCE).feed([verdicts_tx]);
    let mut window = Window::new();
    Graph::new((
        bind("far", far, (), (celsius,)),
        bind("window", map(move |reading: &Celsius| window.push(*reading)), (window_rx,), (means,)),
        bind(
            "anomaly",
            join(|reading: &Celsius, mean: &Mean| judge(*reading, *mean)),
            (anomaly_rx, means_rx),
            (verdicts,),
        ),
        bind("sink", sink(verdict), (verdicts_rx,), ()),
    ))
}
