//! `tidemill pipeline shared`: three processes over two edges in shared memory, killed at their stores.

use super::pipeline::{Ended, Input, drive};
use super::{Exit, complain};
use clap::{Args, ValueEnum};
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use tidemill_flow::shared::{Edge, Inbound, Mark, Outbound, Plain, Position, Rx, Shape, Tx};
use tidemill_flow::{Caps, Payload};
use tidemill_host::ring::{Backing, Draft, Lock, identity};
use tidemill_host::{PollNotify, SeededEntropy};
use tidemill_pipeline::{
    Celsius, EndCells, Judged, KEEP, MiddleCells, SenderCells, Summary, Verdict, end, middle, sender,
    sequential,
};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::{Peer, PeerName};
use tidemill_seam::{Duration, Entropy};

mod board;
mod mortal;
mod part;

pub(super) use board::Board;

use mortal::Mortal;

/// Messages that an edge holds.
const CAPACITY: u32 = 64;
/// Between two looks of who waits.
const LOOK: Duration = Duration::from_micros(20);
/// How long the place of a dead one is kept.
const HOLD: Duration = Duration::from_secs(60);

/// Three processes over shared memory, held to the sequential reference.
#[derive(Args, Debug)]
pub(super) struct Shared {
    #[command(flatten)]
    input: Input,
    /// Lives of each process that end by SIGKILL, right before one of their stores.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(..=10_000))]
    kills: u64,
    /// Which stores.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One of three.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Who {
    Source,
    Middle,
    Sink,
}

/// One of the three processes.
#[derive(Args, Debug)]
pub(super) struct Stage {
    #[arg(value_enum)]
    who: Who,
    /// The edge from the source to the middle.
    #[arg(long)]
    first: PathBuf,
    /// The edge from the middle to the sink.
    #[arg(long)]
    second: PathBuf,
    /// The store that it does not live to make; it lives as long as it likes if left out.
    #[arg(long)]
    left: Option<u64>,
    #[command(flatten)]
    input: Input,
}

/// An edge that has a name, and loses it with this.
struct Named(PathBuf);

/// What the sink showed the world.
struct Book {
    expected: Vec<Verdict>,
    seen: usize,
    again: u64,
    summary: Summary,
}

impl Drop for Named {
    fn drop(&mut self) {
        // A name that is left costs memory; an error on the way out would hide the one before.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Named {
    fn make<P: Payload + Plain>(name: &str) -> io::Result<Self> {
        let path = Path::new("/dev/shm").join(format!("tidemill-{}-{name}", std::process::id()));
        let shape = Shape::of::<P>(CAPACITY).map_err(io::Error::other)?;
        let draft = Draft::new(path.clone(), shape.bytes()).map_err(io::Error::other)?;
        let Backing { mapping, lock } = draft.backing();
        Edge::<P, _>::create(mapping, &shape, SegmentId(1), Creator::default(), lock)
            .map_err(io::Error::other)?;
        let linked = draft.link().map_err(io::Error::other)?;
        linked.map(|_| Self(path)).ok_or_else(|| io::Error::other("there is an edge of that name"))
    }
}

impl Shared {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (bytes, mut expected) = (self.input.bytes()?, Vec::new());
        sequential(&bytes, |bad| complain(&bad), |verdict| expected.push(verdict));
        let mut reference = Summary::new();
        expected.iter().for_each(|verdict| reference.push(verdict));
        let edges = [Named::make::<Celsius>("first")?, Named::make::<Judged>("second")?];
        let book = Mutex::new(Book { expected, seen: 0, again: 0, summary: Summary::new() });
        let deaths = std::thread::scope(|scope| {
            let (edges, book) = (&edges, &book);
            let lives = [Who::Source, Who::Middle, Who::Sink]
                .map(|who| scope.spawn(move || self.live(who, edges, book)));
            lives.map(|life| life.join().expect("a thread that waits for a process does not panic"))
        });
        let [source, middle, sink] = deaths;
        let book = book.into_inner().unwrap_or_else(|broken| broken.into_inner());
        writeln!(out, "{}", book.summary)?;
        let (source, middle, sink) = (source?, middle?, sink?);
        writeln!(out, "killed: source={source} middle={middle} sink={sink}; shown again: {}", book.again)?;
        let same = book.summary == reference;
        writeln!(out, "reference: {reference}  {}", if same { "same" } else { "DIFFERENT" })?;
        Ok(if same { Exit::Passed } else { Exit::Failed })
    }

    /// Starts one of the three again and again, until it ends by itself. Gives how often it was killed.
    fn live(&self, who: Who, [first, second]: &[Named; 2], book: &Mutex<Book>) -> io::Result<u64> {
        let rows = book.lock().unwrap_or_else(|broken| broken.into_inner()).expected.len() as u64;
        // What one of them stores for one item, about.
        let stores = if who == Who::Sink { 1 } else { 22 };
        let within = (rows * stores / (self.kills + 1)).max(1);
        let mut dice = SeededEntropy::new(self.seed.wrapping_mul(3).wrapping_add(who as u64));
        let mut deaths = 0;
        loop {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["pipeline", "stage", &who.to_string()]);
            command.arg("--first").arg(&first.0).arg("--second").arg(&second.0).args(self.input.arguments());
            if deaths < self.kills {
                let mut bytes = [0; 8];
                dice.fill(&mut bytes);
                command.args(["--left", &(u64::from_le_bytes(bytes) % within).to_string()]);
            }
            let mut child = Ended(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
            let said = BufReader::new(child.0.stdout.take().expect("it was piped"));
            for line in said.lines() {
                book.lock().unwrap_or_else(|broken| broken.into_inner()).show(&line?)?;
            }
            let status = child.0.wait()?;
            if status.success() {
                return Ok(deaths);
            }
            if status.code().is_some() || deaths == self.kills {
                return Err(io::Error::other(format!("the {who} ended by itself: {status}")));
            }
            deaths += 1;
        }
    }
}

impl Book {
    /// The sink shows a verdict, under its number.
    fn show(&mut self, line: &str) -> io::Result<()> {
        let wrong = || io::Error::other(format!("behind {} verdicts the sink shows `{line}`", self.seen));
        let (number, text) = line.split_once(' ').ok_or_else(wrong)?;
        // A line that a death cut short is no effect: it comes again, whole.
        let Some(text) = text.strip_suffix(';') else { return Ok(()) };
        let at: usize = number.parse().map_err(|_| wrong())?;
        let verdict = self.expected.get(at).filter(|verdict| shown(verdict) == text).ok_or_else(wrong)?;
        match at.checked_sub(self.seen) {
            Some(0) => {
                self.summary.push(verdict);
                self.seen += 1;
            }
            Some(_) => return Err(wrong()),
            None => self.again += 1,
        }
        Ok(())
    }
}

fn shown(verdict: &Verdict) -> String {
    let Verdict { reading: Celsius { line, minute, milli_c }, mean_milli_c, anomalous } = verdict;
    format!("{line} {minute} {milli_c} {mean_milli_c} {anomalous}")
}

impl Stage {
    pub(super) fn run(&self) -> io::Result<Exit> {
        let left = AtomicU64::new(self.left.unwrap_or(u64::MAX));
        let bell = PollNotify::new()?;
        match self.who {
            Who::Source => self.source(&left, bell),
            Who::Middle => self.middle(&left, bell),
            Who::Sink => self.sink(&left, bell),
        }
    }

    fn source(&self, left: &AtomicU64, bell: PollNotify) -> io::Result<Exit> {
        let (cells, bytes) = (Box::new(SenderCells::new()), self.input.bytes()?);
        let near = Outbound::new(sending::<Celsius>(&self.first, left)?, LOOK);
        Ok(drive(sender(&cells, &bytes, near, |_| ()).map_err(io::Error::other)?, bell))
    }

    fn middle(&self, left: &AtomicU64, bell: PollNotify) -> io::Result<Exit> {
        let (cells, mark) = (Box::new(MiddleCells::new()), Mark::new());
        let (rx, tx) = (receiving::<Celsius>(&self.first, left)?, sending::<Judged>(&self.second, left)?);
        let near = Outbound::new(tx, LOOK).from(rx.position()).marking(&mark);
        let far = Inbound::new(rx, LOOK).until(&mark, KEEP);
        Ok(drive(middle(&cells, far, near).map_err(io::Error::other)?, bell))
    }

    fn sink(&self, left: &AtomicU64, bell: PollNotify) -> io::Result<Exit> {
        let (cells, mark) = (Box::new(EndCells::new()), Mark::new());
        let rx = receiving::<Judged>(&self.second, left)?;
        let (mut at, mark) = (rx.position().0, &mark);
        let far = Inbound::new(rx, LOOK).until(mark, 0);
        let show = |verdict: &Verdict| {
            let mut out = io::stdout().lock();
            let told = writeln!(out, "{at} {};", shown(verdict)).and_then(|()| out.flush());
            told.expect("who started this process reads what it shows");
            at += 1;
            mark.reach(Position(at));
        };
        Ok(drive(end(&cells, far, show).map_err(io::Error::other)?, bell))
    }
}

fn open<'l>(path: &Path, left: &'l AtomicU64) -> io::Result<(Mortal<'l>, Lock)> {
    let Backing { mapping, lock } = Backing::open(path).map_err(io::Error::other)?;
    Ok((Mortal::new(mapping, left), lock))
}

fn sending<'l, P: Payload + Plain>(path: &Path, left: &'l AtomicU64) -> io::Result<Tx<P, Mortal<'l>, Lock>> {
    let (region, lock) = open(path, left)?;
    let edge = Edge::attach(region).map_err(io::Error::other)?;
    edge.tx(lock, identity(), Caps::wait(CAPACITY)).map_err(io::Error::other)
}

fn receiving<'l, P: Payload + Plain>(
    path: &Path,
    left: &'l AtomicU64,
) -> io::Result<Rx<P, Mortal<'l>, Lock>> {
    let (region, lock) = open(path, left)?;
    let peer = Peer::new(PeerName::parse("next").map_err(io::Error::other)?).who(identity()).hold(HOLD);
    Edge::attach(region).map_err(io::Error::other)?.rx(lock, &peer).map_err(io::Error::other)
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Middle => "middle",
            Self::Sink => "sink",
        })
    }
}
