//! What one checkpoint adds to the retained log: the runs of its outputs, in blocks of its own.

use super::Outgoing;
use crate::bad::{Bad, Object, Why};
use crate::bytes::Source;
use crate::log::{Log, LogEntry, LogSalt};
use crate::{EdgeId, Label};
use alloc::vec::Vec;

/// Magic, checkpoint, bytes behind.
pub(super) const HEAD: usize = 20;
const MAGIC: [u8; 4] = *b"TMLB";
/// Edge, first offset, entries.
const RUN: usize = 32;

/// What a batch in the log of this life is good for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Batch {
    /// Its first block, counted from the beginning of the log, around its end.
    pub(super) at: u64,
    /// How many they are.
    pub(super) count: u64,
    /// The offsets at which its runs end.
    pub(super) ends: Vec<(EdgeId, u64)>,
}

impl Batch {
    /// Whether a checkpoint with these outputs needs any of it.
    pub(super) fn is_needed(&self, outputs: &[Outgoing<'_>]) -> bool {
        let needs = |edge, end| {
            outputs.iter().any(|outgoing| outgoing.output.edge == edge && outgoing.output.retained < end)
        };
        self.ends.iter().any(|&(edge, end)| needs(edge, end))
    }
}

/// The entries of an output from `from` on, and the offset of the first of them.
fn tail<'a>(outgoing: &Outgoing<'a>, from: u64) -> (u64, &'a [(Label, &'a [u8])]) {
    let skip = from.saturating_sub(outgoing.output.retained).min(outgoing.entries.len() as u64);
    (outgoing.output.retained + skip, &outgoing.entries[skip as usize..])
}

/// Bytes of a batch that holds every output from where `from` says; none if it holds nothing.
pub(super) fn size(outputs: &[Outgoing<'_>], from: impl Fn(EdgeId) -> u64) -> u64 {
    let run = |outgoing: &Outgoing<'_>| {
        let (_, entries) = tail(outgoing, from(outgoing.output.edge));
        let payloads: usize = entries.iter().map(|(_, payload)| payload.len() + LogEntry::OVERHEAD).sum();
        if entries.is_empty() { 0 } else { (RUN + payloads) as u64 }
    };
    let runs: u64 = outputs.iter().map(run).sum();
    if runs == 0 { 0 } else { runs + HEAD as u64 }
}

/// Such a batch, and where its runs end.
pub(super) fn write(
    outputs: &[Outgoing<'_>],
    from: impl Fn(EdgeId) -> u64,
    salt: LogSalt,
    seq: u64,
) -> (Vec<u8>, Vec<(EdgeId, u64)>) {
    let len = size(outputs, &from).saturating_sub(HEAD as u64);
    let (mut bytes, mut ends) = (Vec::with_capacity(HEAD + len as usize), Vec::new());
    bytes.extend(MAGIC);
    bytes.extend(seq.to_le_bytes());
    bytes.extend(len.to_le_bytes());
    for outgoing in outputs {
        let (first, entries) = tail(outgoing, from(outgoing.output.edge));
        if entries.is_empty() {
            continue;
        }
        bytes.extend(outgoing.output.edge.0);
        bytes.extend(first.to_le_bytes());
        bytes.extend((entries.len() as u64).to_le_bytes());
        for (off, (label, payload)) in (first..).zip(entries) {
            LogEntry { off, label: *label, payload }.append(salt, &mut bytes);
        }
        ends.push((outgoing.output.edge, outgoing.output.off));
    }
    (bytes, ends)
}

fn corrupt(why: Why) -> Bad {
    Bad::Corrupt { object: Object::LogEntry, why }
}

/// The checkpoint that a first block claims to belong to, and the length of its batch in bytes. Nobody has compared its checksum.
pub(super) fn claim(block: &[u8]) -> Option<(u64, u64)> {
    let mut from = Source::new(block);
    let (magic, seq, len) = (from.array(), from.u64(), from.u64());
    (magic == MAGIC && !from.short()).then_some((seq, len.saturating_add(HEAD as u64)))
}

/// Shows the entries of a batch, each with its edge and offset.
///
/// # Errors
/// At the first thing in it that no writer leaves there.
pub(super) fn read(
    bytes: &[u8],
    salt: LogSalt,
    mut show: impl FnMut(EdgeId, LogEntry<'_>) -> Result<(), Bad>,
) -> Result<(), Bad> {
    let mut left = bytes.get(HEAD..).ok_or(corrupt(Why::Length))?;
    while !left.is_empty() {
        let mut from = Source::new(left);
        let (edge, first, count) = (EdgeId(from.array()), from.u64(), from.u64());
        if from.short() {
            return Err(corrupt(Why::Length));
        }
        let mut log = Log::new(from.left(), salt, first);
        for _ in 0..count {
            show(edge, log.next().ok_or(corrupt(Why::Length))??)?;
        }
        left = log.rest();
    }
    Ok(())
}
