//! A walk along what a ring holds, by somebody who takes part in nothing: item by item, or message by message.

use std::collections::VecDeque;
use tidemill_host::ring::Watched;
use tidemill_ring::frame::{Assembler, Begins, Broken, Cause, Fed, Meta, Run};
use tidemill_ring::tail::Missing;
use tidemill_ring::{Position, Segment};

/// Bytes of the longest message that is put together.
const MESSAGE_MAX: usize = 64 << 20;

/// What a step came to.
#[derive(Debug)]
pub(super) enum Heard {
    /// An item, or a message with what its sender means by it.
    Item { position: u64, kind: Option<u8>, bytes: Vec<u8> },
    /// Overwritten before it was read.
    Lagged { from: u64, to: u64 },
    /// One of several producers gave it up, or died.
    Skipped(u64),
    /// A message that will never be whole. Not a finding where the walk itself came too late for its first part.
    Broken { position: u64, cause: Cause, finding: bool },
}

/// How far a walk came.
pub(super) struct Walk {
    pub(super) next: u64,
    steps: Steps,
    /// Words of one item.
    words: Vec<u32>,
    /// What is to be told before the next look.
    told: VecDeque<Heard>,
    /// A message began where we looked: what has no first part from here on never had one.
    settled: bool,
}

/// What a step is.
enum Steps {
    Items,
    /// With whose they were last, where several produce.
    Parts(Assembler<Vec<u8>>, Option<u32>),
    Runs(Vec<u8>),
}

impl Walk {
    /// Along the items of a ring.
    pub(super) fn items(segment: &Segment<Watched>, next: u64) -> Self {
        let words = vec![0; segment.item_words() as usize];
        Self { next, steps: Steps::Items, words, told: VecDeque::new(), settled: false }
    }

    /// Along its messages. `None` where it has none.
    pub(super) fn messages(segment: &Segment<Watched>, next: u64) -> Option<Self> {
        let spec = segment.header().layout.spec();
        let most = MESSAGE_MAX.min(spec.capacity as usize * spec.size as usize);
        let steps = if segment.part_max().is_some() {
            Steps::Parts(Assembler::new(vec![0; most]), None)
        } else {
            segment.runs()?;
            Steps::Runs(vec![0; most])
        };
        Some(Self { steps, ..Self::items(segment, next) })
    }

    /// What comes next: `None` where nothing does at this moment.
    pub(super) fn step(&mut self, segment: &Segment<Watched>) -> Option<Heard> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            let position = self.next;
            let of = segment.producer_of(Position(position));
            let looked = match &mut self.steps {
                Steps::Runs(memory) => segment.runs()?.copy(Position(position), memory).map(Some),
                _ => segment.words_of(Position(position), &mut self.words).map(|()| None),
            };
            match looked {
                Ok(Some(run)) => self.run(position, run),
                Ok(None) => self.item(segment, position, of),
                Err(Missing::Gone { earliest }) => self.lag(position, earliest.0.max(position + 1)),
                Err(Missing::Skipped) => {
                    self.next += 1;
                    self.skip(position);
                }
                Err(Missing::Ahead { .. } | Missing::Room { .. }) => return None,
            }
        }
    }

    /// The stream is over: what is left of a message will never be whole.
    pub(super) fn end(&mut self) -> Option<Heard> {
        let Steps::Parts(assembler, _) = &mut self.steps else { return None };
        let Broken { cause, parts_seen, .. } = assembler.end(Cause::Ended)?;
        Some(Heard::Broken { position: self.next - u64::from(parts_seen), cause, finding: true })
    }

    fn lag(&mut self, from: u64, to: u64) {
        if let Steps::Parts(assembler, _) = &mut self.steps
            && let Some(Broken { cause, parts_seen, .. }) = assembler.end(Cause::Lagged)
        {
            let position = from - u64::from(parts_seen);
            self.told.push_back(Heard::Broken { position, cause, finding: false });
        }
        self.told.push_back(Heard::Lagged { from, to });
        (self.next, self.settled) = (to, false);
    }

    /// Nobody's item. Among messages it is told of only where it breaks one.
    fn skip(&mut self, position: u64) {
        let Steps::Parts(assembler, _) = &mut self.steps else {
            self.told.push_back(Heard::Skipped(position));
            return;
        };
        if let Some(Broken { cause, parts_seen, .. }) = assembler.end(Cause::Void) {
            self.broken(position - u64::from(parts_seen), cause);
        }
    }

    fn run(&mut self, position: u64, Run { what, end }: Run) {
        self.next = end.0;
        match (what, &self.steps) {
            (Begins::Message { len, kind }, Steps::Runs(memory)) => {
                let bytes = memory[..len].to_vec();
                self.settled = true;
                self.told.push_back(Heard::Item { position, kind: Some(kind), bytes });
            }
            (Begins::Broken(cause), _) => self.broken(position, cause),
            _ => {}
        }
    }

    fn item(&mut self, segment: &Segment<Watched>, position: u64, of: Option<u32>) {
        self.next += 1;
        let Steps::Parts(assembler, last) = &mut self.steps else {
            let bytes = bytes(&self.words, segment.header().layout.spec().size as usize);
            self.told.push_back(Heard::Item { position, kind: None, bytes });
            return;
        };
        let Some((meta, words)) = Meta::of_words(&self.words) else { return };
        let part = bytes(words, meta.len as usize);
        let mut other = None;
        if *last != of {
            // The numbers of another producer have nothing to do with those before.
            other = assembler.end(Cause::Cut);
            assembler.end(Cause::Restart);
            *last = of;
        }
        let (cut, fed) = assembler.feed(meta, &part);
        let (item, cause) = match fed {
            Fed::Message(message) => {
                let position = position + 1 - u64::from(message.parts);
                let bytes = message.bytes.to_vec();
                (Some(Heard::Item { position, kind: Some(message.kind), bytes }), None)
            }
            Fed::Broken(broken) => (None, Some((position - u64::from(broken.parts_seen), broken.cause))),
            Fed::Kept | Fed::Skipped => (None, None),
        };
        if let Some(Broken { cause, parts_seen, .. }) = other.or(cut) {
            self.broken(position - u64::from(parts_seen), cause);
        }
        if let Some((position, cause)) = cause {
            self.broken(position, cause);
        }
        self.settled |= meta.is_first();
        self.told.extend(item);
    }

    fn broken(&mut self, position: u64, cause: Cause) {
        let finding = self.settled || cause != Cause::NoFirst;
        self.told.push_back(Heard::Broken { position, cause, finding });
    }
}

/// The first `len` bytes of those words, or all of them.
fn bytes(words: &[u32], len: usize) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).take(len).collect()
}
