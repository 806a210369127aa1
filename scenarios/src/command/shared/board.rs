//! `tidemill pipeline board`: the source and the sink on Linux, the middle on a board whose RAM is a file.

use super::part::Part;
use super::{CAPACITY, LOOK};
use crate::command::pipeline::{Ended, Input, drive};
use crate::command::{Exit, complain};
use clap::Args;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use tidemill_flow::shared::{Edge, Inbound, Outbound, Plain, Shape};
use tidemill_flow::{Caps, Payload};
use tidemill_host::PollNotify;
use tidemill_host::ring::{Backing, Mapping, identity};
use tidemill_pipeline::{Celsius, EndCells, Judged, SenderCells, Summary, end, reference, sender};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::{Apart, Peer, PeerName};

/// Bytes of the board's RAM.
const RAM: u64 = 32 << 20;
/// Words from its start to the two edges, and words of each: as the firmware has it.
const EDGES: [u32; 2] = [0x80_0000 / 4, 0x88_0000 / 4];
const WORDS: u32 = 0x2_0000;

/// Source and sink here, the middle on a board that shares its memory; held to the sequential reference.
#[derive(Args, Debug)]
pub(in crate::command) struct Board {
    #[command(flatten)]
    input: Input,
    /// The file that is the board's RAM; it is made anew.
    #[arg(long)]
    memory: PathBuf,
    /// What emulates the board, with its arguments; started once the edges lie in the file.
    #[arg(last = true, required = true)]
    emulator: Vec<OsString>,
}

fn edge<P: Payload + Plain>(mapping: &Mapping, number: usize, here: &Apart) -> io::Result<Edge<P, Part>> {
    let part = Part::of(mapping.clone(), EDGES[number], WORDS).expect("the file was made long enough");
    let shape = Shape::of::<P>(CAPACITY).map_err(io::Error::other)?;
    Edge::create(part, &shape, SegmentId(1), Creator::default(), here).map_err(io::Error::other)
}

impl Board {
    pub(in crate::command) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (bytes, here) = (self.input.bytes()?, Apart::new());
        let expected = reference(&bytes, |bad| complain(&bad));
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&self.memory)?;
        file.set_len(RAM)?;
        let Backing { mapping, lock: _attached } = Backing::open(&self.memory).map_err(io::Error::other)?;
        let (first, second) = (edge::<Celsius>(&mapping, 0, &here)?, edge::<Judged>(&mapping, 1, &here)?);
        let tx = first.tx(&here, identity(), Caps::wait(CAPACITY)).map_err(io::Error::other)?;
        let peer = Peer::new(PeerName::parse("sink").map_err(io::Error::other)?).who(identity());
        let rx = second.rx(&here, &peer).map_err(io::Error::other)?;
        let (near_cells, far_cells) = (Box::new(SenderCells::new()), Box::new(EndCells::new()));
        let summary = Mutex::new(Summary::new());
        let near = sender(&near_cells, &bytes, Outbound::new(tx, LOOK), |_| ()).map_err(io::Error::other)?;
        let far = end(&far_cells, Inbound::new(rx, LOOK), |verdict| {
            summary.lock().unwrap_or_else(|broken| broken.into_inner()).push(verdict);
        });
        let far = far.map_err(io::Error::other)?;
        let bells = [PollNotify::new()?, PollNotify::new()?];
        let mut command = Command::new(&self.emulator[0]);
        command.args(&self.emulator[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut board = Ended(command.spawn()?);
        let mut said = board.0.stdout.take().expect("it was piped");
        let [source_bell, sink_bell] = bells;
        let passed = std::thread::scope(|scope| {
            let watch = scope.spawn(move || {
                let mut text = String::new();
                said.read_to_string(&mut text)?;
                let status = board.0.wait()?;
                if !status.success() {
                    // The other end is gone for good, and nobody here can prove it: no graph would ever end.
                    complain(&format_args!("{text}the board left with {status}"));
                    std::process::exit(1);
                }
                io::Result::Ok(text)
            });
            let source = scope.spawn(move || drive(near, source_bell));
            let sink = drive(far, sink_bell);
            let source = source.join().expect("a graph does not panic");
            let text = watch.join().expect("a thread that waits for a process does not panic")?;
            write!(out, "{text}")?;
            io::Result::Ok((source, sink) == (Exit::Passed, Exit::Passed))
        })?;
        let summary = summary.into_inner().unwrap_or_else(|broken| broken.into_inner());
        let same = summary == expected;
        writeln!(out, "{summary}")?;
        writeln!(out, "reference: {expected}  {}", if same { "same" } else { "DIFFERENT" })?;
        Ok(if passed && same { Exit::Passed } else { Exit::Failed })
    }
}
