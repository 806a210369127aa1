use crate::trial::Dice;
use alloc::vec::Vec;
use tidemill_relocate::{Chain, EdgeId, Input, Label, Leaving, Life, Outgoing, Output};

const IN: EdgeId = EdgeId([0xA; 16]);
const OUT: [EdgeId; 2] = [EdgeId([0xB; 16]), EdgeId([0xC; 16])];
/// Entries of an output that are retained, at most.
const RETAINED: usize = 3;

type Entries = Vec<(Label, Vec<u8>)>;

/// What checkpoint number so many leaves; number zero is of nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Content {
    pub(super) number: u32,
    /// How far it read.
    pub(super) off: u64,
    outputs: [Written; 2],
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Written {
    off: u64,
    /// Who produced each of the last entries.
    by: Vec<u32>,
}

impl Written {
    fn retained(&self) -> u64 {
        self.off - self.by.len() as u64
    }

    /// An entry says where it is and who produced it.
    fn entries(&self) -> Entries {
        let entry = |(off, by): (u64, &u32)| {
            let len = (u64::from(*by) * 7 + off * 5) % 50;
            let bytes = (0..len).map(|at| (at ^ off ^ u64::from(*by)) as u8).collect();
            (Label(u128::from(*by)), bytes)
        };
        (self.retained()..).zip(&self.by).map(entry).collect()
    }

    fn output(&self, edge: EdgeId) -> Output {
        let chain = Chain(u128::from(self.off) << 80);
        Output {
            edge,
            off: self.off,
            chain,
            retained: self.retained(),
            seen: self.off + 1,
            ended: self.off.is_multiple_of(5),
        }
    }
}

impl Content {
    /// What comes after it, under another number.
    pub(super) fn next(&self, number: u32, dice: &mut Dice) -> Self {
        let mut next = self.clone();
        next.number = number;
        next.off += u64::from(dice.below(3));
        for output in &mut next.outputs {
            for _ in 0..dice.below(3) {
                output.by.push(number);
                output.off += 1;
            }
            let gone = output.by.len().saturating_sub(RETAINED).max(dice.below(2) as usize);
            output.by.drain(..gone.min(output.by.len()));
        }
        next
    }

    pub(super) fn inputs(&self) -> [Input; 1] {
        [Input {
            edge: IN,
            off: self.off,
            chain: Chain(u128::from(self.off)),
            seen: self.off + 2,
            ended: self.off.is_multiple_of(7),
        }]
    }

    fn state(&self) -> Vec<u8> {
        let len = self.number % 150;
        let filler = (0..len).map(|at| (self.number ^ at) as u8);
        self.number.to_le_bytes().into_iter().chain(filler).collect()
    }

    /// The number that a state says.
    pub(super) fn number(state: &[u8]) -> Option<u32> {
        state.first_chunk().map(|number| u32::from_le_bytes(*number))
    }

    /// Shows it as what a life leaves.
    pub(super) fn leave<R>(&self, then: impl FnOnce(&Leaving<'_>) -> R) -> R {
        let kept = [self.outputs[0].entries(), self.outputs[1].entries()];
        let shown = kept.each_ref().map(|entries| {
            entries.iter().map(|(label, bytes)| (*label, &bytes[..])).collect::<Vec<(Label, &[u8])>>()
        });
        let outgoing = |nth: usize| {
            let output = self.outputs[nth].output(OUT[nth]);
            Outgoing { output, entries: &shown[nth] }
        };
        let (inputs, outputs, state) = (self.inputs(), [outgoing(0), outgoing(1)], self.state());
        then(&Leaving { inputs: &inputs, outputs: &outputs, state: &state })
    }

    /// Whether a life found this and nothing else.
    pub(super) fn is(&self, life: &Life) -> bool {
        let Some(found) = &life.checkpoint else { return false };
        let outputs = [self.outputs[0].output(OUT[0]), self.outputs[1].output(OUT[1])];
        let ends = found.inputs == self.inputs() && found.outputs == outputs;
        let retained = life.retained.len() == 2
            && life
                .retained
                .iter()
                .zip(&self.outputs)
                .all(|(kept, output)| kept.from == output.retained() && kept.entries == output.entries());
        ends && retained && found.state == self.state()
    }
}

/// What may count.
#[derive(Default)]
pub(super) struct Model {
    /// The greatest life, and the greatest checkpoint that counted.
    pub(super) inc: u64,
    pub(super) seq: u64,
    /// The last content.
    pub(super) last: u32,
    pub(super) counted: Option<u32>,
    /// Those of which nobody has heard, and that no life was minted after.
    pub(super) maybe: Vec<u32>,
    /// Those that never count.
    pub(super) dead: Vec<u32>,
    contents: Vec<Content>,
}

impl Model {
    pub(super) fn keep(&mut self, content: Content) {
        self.contents.push(content);
    }

    /// The content of a checkpoint that may count.
    pub(super) fn content(&self, number: u32) -> Option<&Content> {
        let may = self.counted == Some(number) || self.maybe.contains(&number);
        self.contents.iter().find(|content| may && content.number == number)
    }

    /// This one counts, and none of those of which nobody has heard.
    pub(super) fn settle(&mut self, number: Option<u32>) {
        self.dead.extend(self.maybe.drain(..).filter(|maybe| Some(*maybe) != number));
        self.counted = number;
        let excess = self.dead.len().saturating_sub(64);
        self.dead.drain(..excess);
        let excess = self.contents.len().saturating_sub(64);
        let counted = self.counted;
        let mut at = 0;
        self.contents.retain(|content| {
            at += 1;
            at > excess || Some(content.number) == counted
        });
    }
}
