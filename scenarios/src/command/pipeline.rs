use super::shared::{Board, Shared, Stage};
use super::{Exit, complain};
use crate::stories::pipeline::{STORY, simulate};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tidemill_flow::wire::Timing;
use tidemill_flow::{Graph, Outcome, Stages};
use tidemill_host::{Impaired, Impairment, MonotonicClock, PollNotify, SeededEntropy, Threads, UdpLink};
use tidemill_pipeline::{
    LINGER, ReceiverCells, Rejected, SenderCells, Summary, far, near, receiver, reference, sender,
};
use tidemill_seam::Duration;
use tidemill_sim::Sim;

/// The year in Seattle that is built in.
const SEATTLE: &[u8] = include_bytes!("../../data/seattle-temps.csv");

/// The thermometer pipeline on this machine: `read → parse → celsius ═ UDP ═ window → anomaly → sink`.
#[derive(Args, Debug)]
pub(super) struct Pipeline {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand, Debug)]
enum Part {
    /// Both halves as two processes over loopback UDP, held to the sequential reference.
    Pair(Pair),
    /// Three processes over shared memory, each killed and started again, held to the sequential reference.
    Shared(Shared),
    /// Source and sink as one process, the middle on a board that shares its memory, held to the sequential reference.
    Board(Board),
    /// One of the three processes of `shared`.
    #[command(hide = true)]
    Stage(Stage),
    /// The half that owns the file: sends to a receiver.
    Send(Send),
    /// The half that owns the result: prints `listening=ADDRESS`, then the summary.
    Recv(Recv),
    /// Both halves in one simulated run, over a bad link, with pauses, partitions and deaths.
    Sim(Simulated),
    /// The whole pipeline as one loop: what every world is held to.
    Reference(Input),
}

#[derive(Args, Debug)]
pub(super) struct Input {
    /// A file with columns `date,temp` (°F); a year of hourly readings from Seattle if left out.
    file: Option<PathBuf>,
    /// Only the first so many rows, the header not counted.
    #[arg(long)]
    rows: Option<usize>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug, Clone, Copy)]
struct Weather {
    /// Datagrams lost, per thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=900))]
    loss: u32,
    /// Datagrams that arrive twice, per thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    duplicate: u32,
    /// Datagrams with a flipped bit, per thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=900))]
    corrupt: u32,
    /// Datagrams held back so that later ones overtake them, per thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    reorder: u32,
    /// The longest time that one is held back, in milliseconds.
    #[arg(long, default_value_t = 5)]
    hold_ms: u64,
    /// Decides which datagrams suffer.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args, Debug)]
struct Send {
    #[command(flatten)]
    input: Input,
    /// The receiver's address.
    #[arg(long)]
    to: SocketAddr,
    #[command(flatten)]
    weather: Weather,
}

#[derive(Args, Debug)]
struct Recv {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    #[command(flatten)]
    weather: Weather,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Simulated {
    /// Only the first so many rows of the year in Seattle.
    #[arg(long)]
    rows: Option<u64>,
    /// The seed of the world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Pair {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    weather: Weather,
}

impl Pipeline {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        match &self.part {
            Part::Pair(pair) => pair.run(out),
            Part::Shared(shared) => shared.run(out),
            Part::Board(board) => board.run(out),
            Part::Stage(stage) => stage.run(),
            Part::Send(send) => send.run(out),
            Part::Recv(recv) => recv.run(out),
            Part::Sim(simulated) => simulated.run(out),
            Part::Reference(input) => {
                let mut rejected = Rejections::default();
                let summary = reference(&input.bytes()?, |bad| rejected.push(bad));
                report(out, &summary, input.json)?;
                rejected.close();
                Ok(Exit::Passed)
            }
        }
    }
}

impl Input {
    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = match &self.file {
            None => SEATTLE.to_vec(),
            Some(path) => fs::read(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?,
        };
        if let Some(rows) = self.rows {
            let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
            let end = ends.take(rows + 1).nth(rows).unwrap_or(bytes.len());
            bytes.truncate(end);
        }
        Ok(bytes)
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let rows = self.rows.map(|rows| ["--rows".to_owned(), rows.to_string()]);
        let file = self.file.as_ref().map(|path| path.display().to_string());
        rows.into_iter().flatten().chain(file).collect()
    }
}

impl Weather {
    fn over(&self, link: UdpLink, stream: u64) -> Impaired<UdpLink, SeededEntropy, MonotonicClock> {
        let ppm = |parts: u32| parts * 1_000;
        let impairment = Impairment {
            loss_ppm: ppm(self.loss),
            duplicate_ppm: ppm(self.duplicate),
            corrupt_ppm: ppm(self.corrupt),
            reorder_ppm: ppm(self.reorder),
            hold_max: Duration::from_millis(self.hold_ms),
        };
        let entropy = SeededEntropy::new(self.seed.wrapping_mul(2).wrapping_add(stream));
        Impaired::new(link, entropy, MonotonicClock, impairment)
    }

    fn arguments(&self) -> Vec<String> {
        let Self { loss, duplicate, corrupt, reorder, hold_ms, seed } = *self;
        let options = [("loss", loss), ("duplicate", duplicate), ("corrupt", corrupt), ("reorder", reorder)];
        let options = options.map(|(name, value)| (name, u64::from(value)));
        let options = options.into_iter().chain([("hold-ms", hold_ms), ("seed", seed)]);
        options.flat_map(|(name, value)| [format!("--{name}"), value.to_string()]).collect()
    }
}

impl Send {
    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let bytes = self.input.bytes()?;
        let (cells, rejected) = (Box::new(SenderCells::new()), Mutex::new(Rejections::default()));
        let link = UdpLink::loopback()?;
        let bell = PollNotify::new()?;
        bell.watch(&link)?;
        let mut near = near(self.weather.over(link, 0), self.to, Timing::DEFAULT);
        let graph = sender(&cells, &bytes, &mut near, |bad| {
            rejected.lock().unwrap_or_else(|broken| broken.into_inner()).push(*bad);
        });
        let exit = drive(graph.map_err(io::Error::other)?, bell);
        rejected.into_inner().unwrap_or_else(|broken| broken.into_inner()).close();
        if self.input.json {
            writeln!(out, "{}", json!({ "repeats": near.repeats(), "rejects": near.rejects().total() }))?;
        } else {
            writeln!(
                out,
                "sent: repeats={} damaged_acknowledgements={}",
                near.repeats(),
                near.rejects().total()
            )?;
        }
        Ok(exit)
    }
}

impl Recv {
    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (cells, summary) = (Box::new(ReceiverCells::new()), Mutex::new(Summary::new()));
        let link = UdpLink::bind(self.bind)?;
        writeln!(out, "listening={}", link.address()?)?;
        out.flush()?;
        let bell = PollNotify::new()?;
        bell.watch(&link)?;
        let mut far = far(self.weather.over(link, 1), LINGER);
        let graph = receiver(&cells, &mut far, |verdict| {
            summary.lock().unwrap_or_else(|broken| broken.into_inner()).push(verdict);
        });
        let exit = drive(graph.map_err(io::Error::other)?, bell);
        let summary = summary.into_inner().unwrap_or_else(|broken| broken.into_inner());
        report(out, &summary, self.json)?;
        if !self.json {
            writeln!(out, "received: repeats={} damaged_datagrams={}", far.repeats(), far.rejects().total())?;
        }
        Ok(exit)
    }
}

impl Simulated {
    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let mut params = STORY.params();
        if let Some(rows) = self.rows
            && let Err(bad) = STORY.set(&mut params, "rows", &rows.to_string())
        {
            complain(&format_args!("--rows {rows}: {bad}"));
            return Ok(Exit::Usage);
        }
        match simulate(&mut Sim::new(self.seed), &params) {
            Ok(summary) => report(out, &summary, self.json).map(|()| Exit::Passed),
            Err(failure) => {
                complain(&failure);
                Ok(Exit::Failed)
            }
        }
    }
}

impl Pair {
    /// Starts the receiver, then the sender, both as processes of this very program.
    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let expected = reference(&self.input.bytes()?, |_| {});
        let program = std::env::current_exe()?;
        let part = |name: &str| {
            let mut command = Command::new(&program);
            command.args(["pipeline", name]).args(self.weather.arguments()).stdin(Stdio::null());
            command
        };
        let mut far = Ended(part("recv").stdout(Stdio::piped()).spawn()?);
        let mut lines = BufReader::new(far.0.stdout.take().expect("it was piped")).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let Some(address) = first.strip_prefix("listening=") else {
            return Err(io::Error::other(format!("the receiver said `{first}` instead of where it listens")));
        };
        let near = part("send").args(["--to", address]).args(self.input.arguments()).output()?;
        io::stderr().write_all(&near.stderr)?;
        let said = lines.collect::<Result<Vec<_>, _>>()?;
        let passed = near.status.success() && far.0.wait()?.success();
        let same = said.first().is_some_and(|line| *line == expected.to_string());
        writeln!(out, "{}{}", String::from_utf8_lossy(&near.stdout), said.join("\n"))?;
        writeln!(out, "reference: {expected}  {}", if same { "same" } else { "DIFFERENT" })?;
        Ok(if passed && same { Exit::Passed } else { Exit::Failed })
    }
}

/// A child process that does not outlive its parent's interest.
pub(super) struct Ended(pub(super) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail only where the child has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn drive<S: Stages + core::marker::Send>(mut graph: Graph<S>, bell: PollNotify) -> Exit {
    match Threads::new(MonotonicClock, [bell]).run(&mut graph) {
        Ok(Outcome::Done) => Exit::Passed,
        Ok(other) => {
            complain(&format_args!("the graph ended early: {other:?}"));
            Exit::Failed
        }
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}

fn report(out: &mut impl Write, summary: &Summary, as_json: bool) -> io::Result<()> {
    if !as_json {
        return writeln!(out, "{summary}");
    }
    let digest = format!("{:016x}", summary.digest());
    let (verdicts, anomalies) = (summary.verdicts(), summary.anomalies());
    writeln!(out, "{}", json!({ "digest": digest, "verdicts": verdicts, "anomalies": anomalies }))
}

/// Rows that gave no reading: the first few by name, all by number.
#[derive(Default)]
struct Rejections {
    count: u64,
}

impl Rejections {
    const NAMED: u64 = 20;

    fn push(&mut self, bad: Rejected) {
        self.count += 1;
        if self.count <= Self::NAMED {
            complain(&bad);
        }
    }

    fn close(self) {
        if self.count > 0 {
            complain(&format_args!("{} rows rejected, the rest processed", self.count));
        }
    }
}
