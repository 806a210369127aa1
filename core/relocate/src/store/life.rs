//! What a stage leaves, and what the next life of it finds.

use crate::checkpoint::{Checkpoint, Input, Output};
use crate::consumer::Resumed;
use crate::producer::Restored;
use crate::record::{Floor, Frontier};
use crate::{EdgeCheckpoint, EdgeId, Incarnation, Label};
use alloc::vec::Vec;

/// One output in a checkpoint, with everything of it that the consumer may still need.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// How far it is written.
    pub output: Output,
    /// The entries from [`retained`](Output::retained) on, up to its offset.
    pub entries: &'a [(Label, &'a [u8])],
}

/// What a life of a stage leaves to the next one.
#[derive(Clone, Copy, Default, Debug)]
pub struct Leaving<'a> {
    /// How far it has read.
    pub inputs: &'a [Input],
    /// How far it has written.
    pub outputs: &'a [Outgoing<'a>],
    /// The bytes of its state.
    pub state: &'a [u8],
}

/// What is retained of one output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retained {
    /// The edge.
    pub edge: EdgeId,
    /// The offset of the first entry.
    pub from: u64,
    /// The offset behind the last.
    pub(super) end: u64,
    /// The entries, in order, up to what is final.
    pub entries: Vec<(Label, Vec<u8>)>,
}

/// What a new life finds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    /// Which life it is.
    pub inc: Incarnation,
    /// How the bytes of the state are to be read: the number that the life gave which wrote them.
    pub schema: u64,
    /// The checkpoint that counts; nothing where no life before it wrote one.
    pub checkpoint: Option<Checkpoint>,
    /// What is retained of each output.
    pub retained: Vec<Retained>,
}

/// A checkpoint that counts from here on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Committed {
    /// Which checkpoint of the stage it is.
    pub seq: u64,
    /// The view of a stage with one input and one output at most.
    pub edge: Option<EdgeCheckpoint>,
}

/// What a store of a stage did and met so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StageStats {
    /// Lives that were minted.
    pub lives: u64,
    /// Checkpoints that counted.
    pub checkpoints: u64,
    /// Bytes that were written for checkpoints, whole blocks.
    pub bytes: u64,
    /// Checkpoints that wrote down everything that is retained, and not only what is new.
    pub rehomed: u64,
    /// Checkpoints that were given up: no space, or a device that failed.
    pub given_up: u64,
    /// Blocks that were damaged or could not be read at first, and were right when they were read again.
    pub reread: u64,
    /// Swaps of the record whose outcome had to be found by reading it.
    pub settled: u64,
    /// Readings of the record that lagged behind.
    pub behind: u64,
}

impl Life {
    /// What a producer into `edge` begins with.
    pub fn restored(&self, edge: EdgeId) -> Restored<Vec<u8>> {
        let mut restored =
            Restored { inc: self.inc, durable: Frontier::default(), seen: 0, from: 0, entries: Vec::new() };
        let Some(checkpoint) = &self.checkpoint else { return restored };
        if let Some(output) = checkpoint.outputs.iter().find(|output| output.edge == edge) {
            restored.durable = Frontier { off: output.off, chain: output.chain, seq: checkpoint.seq };
            (restored.seen, restored.from) = (output.seen, output.retained);
            let kept = self.retained.iter().find(|kept| kept.edge == edge);
            restored.entries = kept.map_or_else(Vec::new, |kept| kept.entries.clone());
        }
        restored
    }

    /// What a consumer of `edge` begins with.
    pub fn resumed(&self, edge: EdgeId) -> Resumed {
        let mut committed = Floor { inc: self.inc, ..Floor::default() };
        let Some(checkpoint) = &self.checkpoint else { return Resumed { committed, seen: 0 } };
        let input = checkpoint.inputs.iter().find(|input| input.edge == edge);
        if let Some(input) = input {
            committed = Floor { off: input.off, chain: input.chain, inc: self.inc, seq: checkpoint.seq };
        }
        Resumed { committed, seen: input.map_or(0, |input| input.seen) }
    }
}
