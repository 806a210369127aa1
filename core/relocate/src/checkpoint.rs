//! What a stage writes down of itself: how far it read, how far it wrote, and its state.

use crate::bad::{Bad, Object, Why};
use crate::bytes::Source;
use crate::{Chain, EdgeId, Incarnation};
use alloc::vec::Vec;
use twox_hash::XxHash3_128;

/// Inputs of a stage at most, and outputs.
pub const ENDS: usize = 8;

const MAGIC: [u8; 4] = *b"TMCK";
const VERSION: u16 = 1;

/// How far a stage has read an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Input {
    /// The edge.
    pub edge: EdgeId,
    /// The next offset that it reads.
    pub off: u64,
    /// The chain of those before.
    pub chain: Chain,
    /// The newest writing of the record of the edge that was seen.
    pub seen: u64,
    /// Whether it has learned that nothing comes after `off`.
    pub ended: bool,
}

/// How far a stage has written an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Output {
    /// The edge.
    pub edge: EdgeId,
    /// The next offset that it writes.
    pub off: u64,
    /// The chain of those before.
    pub chain: Chain,
    /// The oldest offset that the retained log still has; it has all from there to `off`.
    pub retained: u64,
    /// The newest writing of the record of the edge that was seen.
    pub seen: u64,
    /// Whether nothing comes after `off`.
    pub ended: bool,
}

/// Everything that a life of a stage leaves to the next one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Checkpoint {
    /// Which life wrote it.
    pub inc: Incarnation,
    /// Which checkpoint of the stage it is.
    pub seq: u64,
    /// How far it had read.
    pub inputs: Vec<Input>,
    /// How far it had written.
    pub outputs: Vec<Output>,
    /// The bytes of its state.
    pub state: Vec<u8>,
}

/// The view of a checkpoint that a stage with one input and one output has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EdgeCheckpoint {
    /// The next offset that it reads.
    pub input_offset: u64,
    /// The next offset that it writes; those before are final.
    pub output_commit: u64,
}

impl Checkpoint {
    /// Bytes of a checkpoint on top of its state, at most.
    pub const HEAD_MAX: usize = 48 + ENDS * (49 + 57);

    /// The view of a stage with one input and one output at most; `None` where there are more.
    pub fn edge(&self) -> Option<EdgeCheckpoint> {
        if self.inputs.len() > 1 || self.outputs.len() > 1 {
            return None;
        }
        Some(EdgeCheckpoint {
            input_offset: self.inputs.first().map_or(0, |input| input.off),
            output_commit: self.outputs.first().map_or(0, |output| output.off),
        })
    }

    /// The bytes of it. Their digest is what the record of the stage holds.
    ///
    /// # Panics
    /// If there are more than [`ENDS`] inputs or outputs.
    pub fn encode(&self) -> Vec<u8> {
        assert!(
            self.inputs.len().max(self.outputs.len()) <= ENDS,
            "a stage has at most {ENDS} ends of a kind"
        );
        let mut bytes = Vec::with_capacity(Self::HEAD_MAX + self.state.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([self.inputs.len() as u8, self.outputs.len() as u8]);
        bytes.extend(self.inc.0.to_le_bytes());
        bytes.extend(self.seq.to_le_bytes());
        for input in &self.inputs {
            bytes.extend(input.edge.0);
            bytes.extend(input.off.to_le_bytes());
            bytes.extend(input.chain.0.to_le_bytes());
            bytes.extend(input.seen.to_le_bytes());
            bytes.push(input.ended.into());
        }
        for output in &self.outputs {
            bytes.extend(output.edge.0);
            bytes.extend(output.off.to_le_bytes());
            bytes.extend(output.chain.0.to_le_bytes());
            bytes.extend(output.retained.to_le_bytes());
            bytes.extend(output.seen.to_le_bytes());
            bytes.push(output.ended.into());
        }
        bytes.extend((self.state.len() as u64).to_le_bytes());
        bytes.extend(XxHash3_128::oneshot(&self.state).to_le_bytes());
        bytes.extend(&self.state);
        bytes
    }

    /// XXH3-128 of the bytes of a checkpoint, as the record of its stage holds it.
    pub fn digest(bytes: &[u8]) -> u128 {
        XxHash3_128::oneshot(bytes)
    }

    /// The checkpoint in `bytes`, which somebody compared with the digest in the record of the stage.
    ///
    /// # Errors
    /// If they are not exactly one, whole and possible.
    pub fn decode(bytes: &[u8]) -> Result<Self, Bad> {
        let corrupt = |why| Bad::Corrupt { object: Object::Checkpoint, why };
        let mut from = Source::new(bytes);
        if from.array() != MAGIC {
            return Err(corrupt(if from.short() { Why::Length } else { Why::Magic }));
        }
        let version = from.u16();
        if version != VERSION && !from.short() {
            return Err(Bad::Unsupported { object: Object::Checkpoint, version });
        }
        let (inputs, outputs) = (usize::from(from.u8()), usize::from(from.u8()));
        if inputs.max(outputs) > ENDS {
            return Err(corrupt(Why::Field("ends")));
        }
        let (inc, seq) = (Incarnation(from.u64()), from.u64());
        let mut flags = 0;
        let mut ended = |flag: u8| {
            flags |= flag;
            flag == 1
        };
        let inputs: Vec<Input> = (0..inputs)
            .map(|_| {
                let (edge, off) = (EdgeId(from.array()), from.u64());
                Input { edge, off, chain: Chain(from.u128()), seen: from.u64(), ended: ended(from.u8()) }
            })
            .collect();
        let outputs: Vec<Output> = (0..outputs)
            .map(|_| {
                let (edge, off) = (EdgeId(from.array()), from.u64());
                let (chain, retained, seen) = (Chain(from.u128()), from.u64(), from.u64());
                Output { edge, off, chain, retained, seen, ended: ended(from.u8()) }
            })
            .collect();
        let (len, digest) = (from.u64(), from.u128());
        if from.short() || from.left().len() as u64 != len {
            return Err(corrupt(Why::Length));
        }
        let state = from.left();
        let bad = [
            (XxHash3_128::oneshot(state) != digest, "state digest"),
            (inc == Incarnation(0), "inc"),
            (seq == 0, "seq"),
            (flags > 1, "ended"),
            (outputs.iter().any(|output| output.retained > output.off), "retained"),
            (twice(inputs.iter().map(|input| input.edge)), "inputs"),
            (twice(outputs.iter().map(|output| output.edge)), "outputs"),
        ];
        match bad.iter().find(|(is, _)| *is) {
            Some((_, field)) => Err(corrupt(Why::Field(field))),
            None => Ok(Self { inc, seq, inputs, outputs, state: state.to_vec() }),
        }
    }
}

/// Whether an edge is named twice.
fn twice(edges: impl Iterator<Item = EdgeId> + Clone) -> bool {
    let mut left = edges.clone();
    edges.into_iter().any(|edge| {
        left.next();
        left.clone().any(|other| other == edge)
    })
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, EdgeCheckpoint, Input, Output};
    use crate::bad::{Bad, Object, Why};
    use crate::{Chain, EdgeId, Incarnation};
    use alloc::vec;
    use alloc::vec::Vec;

    fn checkpoint() -> Checkpoint {
        let edge = |n| EdgeId([n; 16]);
        let input = |n, off| {
            let chain = Chain(u128::from(off) << 70);
            Input { edge: edge(n), off, chain, seen: 7, ended: off == 41 }
        };
        let output = |n, off| Output {
            edge: edge(n),
            off,
            chain: Chain(off.into()),
            retained: off / 2,
            seen: 8,
            ended: true,
        };
        Checkpoint {
            inc: Incarnation(3),
            seq: 9,
            inputs: vec![input(1, 40), input(2, 41)],
            outputs: vec![output(3, 17)],
            state: b"what it remembers".to_vec(),
        }
    }

    #[test]
    fn a_checkpoint_reads_back_as_it_was_written() {
        let bare = Checkpoint { inputs: Vec::new(), outputs: Vec::new(), state: Vec::new(), ..checkpoint() };
        for checkpoint in [checkpoint(), bare] {
            assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
        }
    }

    #[test]
    fn every_cut_prefix_is_refused_and_so_is_a_byte_too_many() {
        let bytes = checkpoint().encode();
        assert!((0..bytes.len()).all(|len| Checkpoint::decode(&bytes[..len]).is_err()));
        assert!(Checkpoint::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    // Fields before the state are covered by the digest in the record of the stage; what is read must then be another one.
    #[test]
    fn every_flipped_bit_is_refused_or_changes_the_digest() {
        let bytes = checkpoint().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Checkpoint::digest(&flipped), Checkpoint::digest(&bytes), "bit {bit}");
            assert_ne!(Checkpoint::decode(&flipped), Ok(checkpoint()), "bit {bit}");
        }
    }

    #[test]
    fn a_length_that_is_not_there_is_refused_before_anything_is_allocated() {
        let mut bytes = checkpoint().encode();
        let at = bytes.len() - 17 - 24;
        bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(
            Checkpoint::decode(&bytes),
            Err(Bad::Corrupt { object: Object::Checkpoint, why: Why::Length })
        );
    }

    #[test]
    fn a_checkpoint_that_no_stage_writes_is_refused_by_the_name_of_the_field() {
        let refused = |change: fn(&mut Checkpoint)| {
            let mut bad = checkpoint();
            change(&mut bad);
            match Checkpoint::decode(&bad.encode()) {
                Err(Bad::Corrupt { object: Object::Checkpoint, why: Why::Field(field) }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|bad| bad.inc = Incarnation(0)), "inc");
        assert_eq!(refused(|bad| bad.seq = 0), "seq");
        assert_eq!(refused(|bad| bad.outputs[0].retained = 18), "retained");
        assert_eq!(refused(|bad| bad.inputs[1].edge = bad.inputs[0].edge), "inputs");
        assert_eq!(refused(|bad| bad.outputs.push(bad.outputs[0])), "outputs");
        let mut ends = checkpoint().encode();
        ends[24 + 48] = 2;
        let why = Why::Field("ended");
        assert_eq!(Checkpoint::decode(&ends), Err(Bad::Corrupt { object: Object::Checkpoint, why }));
        ends[6] = 9;
        let why = Why::Field("ends");
        assert_eq!(Checkpoint::decode(&ends), Err(Bad::Corrupt { object: Object::Checkpoint, why }));
    }

    #[test]
    fn one_input_and_one_output_have_a_short_form() {
        assert_eq!(checkpoint().edge(), None);
        let mut plain = checkpoint();
        plain.inputs.pop();
        assert_eq!(plain.edge(), Some(EdgeCheckpoint { input_offset: 40, output_commit: 17 }));
    }
}
