//! A trace as a file: what two machines exchange to compare two runs.
//!
//! `tidemill trace 2\n`, then little-endian: hash (16 bytes), seed (8); story, machines and processes as counted lists
//! (4 bytes a count) of counted names, a machine with its ports, a process with its machine; then for each event its
//! record of 32 bytes and 4 bytes of cause; then, as a counted list, each event that saw a store and the event of the
//! store (4 bytes each). Notes and the failure are not in it.

use core::fmt;

use super::record::{Subject, TraceRecord};
use super::recorder::NOBODY;
use super::whole::{Seen, Trace};
use crate::machine::{MachineId, ProcessId};

const MAGIC: &[u8] = b"tidemill trace 2\n";

/// Why bytes are no trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadTrace {
    /// Where, in bytes from the beginning.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

impl fmt::Display for BadTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.why)
    }
}

impl core::error::Error for BadTrace {}

impl Trace {
    /// Whether bytes begin as a trace does.
    pub fn is_trace(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// The trace as the bytes of a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let count = |n: usize| (n as u32).to_le_bytes();
        let name = |out: &mut Vec<u8>, name: &str| {
            out.extend(count(name.len()));
            out.extend(name.as_bytes());
        };
        out.extend(self.hash.to_le_bytes());
        out.extend(self.seed.to_le_bytes());
        name(&mut out, &self.story);
        out.extend(count(self.machines.len()));
        for machine in &self.machines {
            name(&mut out, &machine.name);
            out.extend(count(machine.ports.len()));
            for (port, process) in &machine.ports {
                out.extend(port.to_le_bytes());
                out.extend(process.0.to_le_bytes());
            }
        }
        out.extend(count(self.processes.len()));
        for (process, machine) in &self.processes {
            name(&mut out, process);
            out.extend(machine.0.to_le_bytes());
        }
        out.extend(count(self.events.len()));
        for (event, cause) in self.events.iter().zip(&self.causes) {
            out.extend(event.encode());
            out.extend(cause.to_le_bytes());
        }
        out.extend(count(self.sights.len()));
        for (reader, store) in &self.sights {
            out.extend(reader.to_le_bytes());
            out.extend(store.to_le_bytes());
        }
        out
    }

    /// Reads a trace back. Never panics, and takes no more memory than a few times the bytes.
    ///
    /// # Errors
    /// Where the bytes are cut short, go on after the end, or name what is not there.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadTrace> {
        let mut read = Reader { bytes, at: 0 };
        if read.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(BadTrace { at: 0, why: "this is no trace of a version that we know" });
        }
        let mut trace = Self::default();
        trace.hash = u128::from_le_bytes(read.word()?);
        trace.seed = u64::from_le_bytes(read.word()?);
        trace.story = read.name()?;
        for _ in 0..read.count(8)? {
            let name = read.name()?;
            let ports = (0..read.count(6)?).map(|_| read.port()).collect::<Result<_, _>>()?;
            trace.machines.push(Seen { name, ports });
        }
        for _ in 0..read.count(6)? {
            let name = read.name()?;
            let machine = MachineId(u16::from_le_bytes(read.word()?));
            read.insist(machine.index() < trace.machines.len(), "a process on a machine that is not there")?;
            trace.processes.push((name, machine));
        }
        let mut owned = trace.machines.iter().flat_map(|machine| &machine.ports);
        let known = owned.all(|(_, process)| process.index() < trace.processes.len());
        read.insist(known, "a port of a process that is not there")?;
        for at in 0..read.count(36)? {
            let (event, cause) = read.event(at, &trace)?;
            trace.events.push(event);
            trace.causes.push(cause);
        }
        for _ in 0..read.count(8)? {
            let (reader, store) = (u32::from_le_bytes(read.word()?), u32::from_le_bytes(read.word()?));
            let before = trace.sights.last().map_or(0, |(reader, _)| *reader);
            let known = (reader as usize) < trace.events.len() && store < reader && reader >= before;
            read.insist(known, "a store that nobody can have seen")?;
            trace.sights.push((reader, store));
        }
        read.insist(read.at == bytes.len(), "more bytes than a trace has")?;
        trace.order();
        Ok(trace)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn insist(&self, holds: bool, why: &'static str) -> Result<(), BadTrace> {
        if holds { Ok(()) } else { Err(BadTrace { at: self.at, why }) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], BadTrace> {
        let taken = self.bytes[self.at..]
            .get(..len)
            .ok_or(BadTrace { at: self.at, why: "the trace is cut short" })?;
        self.at += len;
        Ok(taken)
    }

    fn word<const N: usize>(&mut self) -> Result<[u8; N], BadTrace> {
        let mut word = [0; N];
        word.copy_from_slice(self.take(N)?);
        Ok(word)
    }

    /// A count of things of at least `least` bytes each, for which there is room.
    fn count(&mut self, least: usize) -> Result<usize, BadTrace> {
        let count = u32::from_le_bytes(self.word()?) as usize;
        self.insist(count.saturating_mul(least) <= self.bytes.len() - self.at, "the trace is cut short")?;
        Ok(count)
    }

    fn name(&mut self) -> Result<String, BadTrace> {
        let length = self.count(1)?;
        let at = self.at;
        let name = core::str::from_utf8(self.take(length)?)
            .map_err(|_| BadTrace { at, why: "a name that is no text" });
        name.map(str::to_owned)
    }

    fn port(&mut self) -> Result<(u16, ProcessId), BadTrace> {
        Ok((u16::from_le_bytes(self.word()?), ProcessId(u32::from_le_bytes(self.word()?))))
    }

    fn event(&mut self, number: usize, trace: &Trace) -> Result<(TraceRecord, u32), BadTrace> {
        let record = TraceRecord::decode(&self.word()?);
        let cause = u32::from_le_bytes(self.word()?);
        let record =
            record.ok_or(BadTrace { at: self.at - 36, why: "an event of a kind that we do not know" })?;
        let known = match record.kind().subject() {
            Subject::Process => record.subject() < trace.processes.len(),
            Subject::Machine => record.subject() < trace.machines.len(),
            Subject::World => true,
        };
        self.insist(known, "an event at a place that is not there")?;
        let before = trace.events.last().map_or(0, |last| last.at().as_nanos());
        self.insist(record.at().as_nanos() >= before, "an event that goes back in time")?;
        self.insist(cause == NOBODY || (cause as usize) < number, "an event whose cause comes after it")?;
        Ok((record, cause))
    }
}
