use crate::Outcome;
use crate::feed::Feed;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use tidemill_ring::frame::{
    Fixed, FrameConsumer, FrameProducer, Memory, Message, Meta, Var, VarConsumer, VarProducer,
};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::layout::HEADER_WORDS;
use tidemill_ring::table::Identity;
use tidemill_ring::{Heap, Layout, Local, Next, Peer, PeerName, Segment, Spec, Start};
use tidemill_seam::Region;

/// Steps of one input, at most.
const STEPS: usize = 256;
const ROOM: usize = 16;
const SLOTS: u32 = 8;
const MEMORY: usize = 96;

/// The input is a script: messages in parts and in runs over a segment, some never ended, and a hostile peer that writes any
/// word to any place. Until it does so what is taken is what was published; afterwards no call panics or runs away, and
/// nothing is longer than the memory for it.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    if feed.byte() & 1 == 0 { parts(&mut feed) } else { runs(&mut feed) }
}

fn made(spec: Spec, live: &Local) -> Segment<Heap> {
    let spec = spec.line(1).page(1).journal(0).participants(2);
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    Segment::create(region, &spec, SegmentId(1), Creator::default(), live).expect("it fits")
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("only").expect("a name"))
}

/// What was published and not taken, as long as nobody wrote where he should not: `None` for a message that is broken.
struct Model {
    waiting: Option<VecDeque<Option<Vec<u8>>>>,
    number: u8,
    /// A message that was begun and never ended was taken.
    open: bool,
    counts: [usize; 3],
}

impl Model {
    fn new() -> Self {
        Self { waiting: Some(VecDeque::new()), number: 0, open: false, counts: [0; 3] }
    }

    fn payload(&mut self, len: u8) -> Vec<u8> {
        self.number = self.number.wrapping_add(1);
        (0..len % 160).map(|at| at ^ self.number.wrapping_mul(29)).collect()
    }

    fn published(&mut self, message: Option<Vec<u8>>) {
        self.counts[0] += 1;
        if let Some(waiting) = &mut self.waiting {
            waiting.push_back(message);
        }
    }

    fn took(&mut self, message: &Message<'_>) {
        self.counts[1] += 1;
        assert!(message.bytes.len() <= MEMORY.max(ROOM), "{} bytes", message.bytes.len());
        let Some(waiting) = &mut self.waiting else { return };
        assert!(!std::mem::take(&mut self.open), "an open message is told as broken before the next one");
        let expected = waiting.pop_front().expect("it was published");
        let expected = expected.expect("it was never ended");
        assert_eq!(message.bytes, expected, "it was not sent like that");
        assert_eq!(message.kind, expected.len() as u8, "another one's kind");
    }

    /// A message is told as broken: one that was begun only, or one that is longer than the memory.
    fn broken(&mut self) {
        self.counts[2] += 1;
        let Some(waiting) = &mut self.waiting else { return };
        if std::mem::take(&mut self.open) {
            return;
        }
        match waiting.pop_front().expect("what breaks was published") {
            None => {}
            Some(long) => assert!(long.len() > MEMORY, "{} bytes fit", long.len()),
        }
    }

    /// Nothing is to be heard: what is left was begun only, and is open now.
    fn nothing(&mut self) {
        let Some(waiting) = &mut self.waiting else { return };
        if waiting.front() == Some(&None) {
            waiting.pop_front();
            assert!(!std::mem::replace(&mut self.open, true), "two are open");
        }
        assert!(waiting.is_empty(), "{} were published and do not come", waiting.len());
    }

    fn hear<T>(&mut self, heard: Option<Next<T>>, message: impl FnOnce(&mut Self, T)) -> bool {
        match heard {
            Some(Next::Item(item)) => message(self, item),
            Some(Next::Broken { .. }) => self.broken(),
            Some(Next::Restarted { .. } | Next::Lagged { .. }) => {}
            Some(Next::Closed(_) | Next::Evicted { .. } | Next::Fault(_)) => {
                assert!(self.waiting.is_none(), "nobody closed");
                return false;
            }
            None => {
                self.nothing();
                return false;
            }
        }
        true
    }

    fn outcome(&self) -> Outcome {
        Outcome::sized("frames", &self.counts)
    }
}

/// A word anywhere behind the header.
fn scribble(segment: &Segment<Heap>, feed: &mut Feed<'_>) {
    let (at, value) = (feed.u32(), feed.u32());
    let region = segment.region();
    let at = HEADER_WORDS + at % (region.words() - HEADER_WORDS);
    // SAFETY: `at` lies within the region.
    unsafe { region.store(at, value, Ordering::Relaxed) };
}

fn parts(feed: &mut Feed<'_>) -> Outcome {
    let live = Local::new();
    let segment = made(Spec::of::<Fixed<ROOM>>(SLOTS), &live);
    let tx = segment.clone().frame_producer(&live, Identity::default());
    let mut tx: FrameProducer<ROOM, _, _> = tx.expect("nobody else produces");
    let rx = segment.clone().frame_consumer(&live, &peer(), Start::Earliest, Memory::new(MEMORY));
    let mut rx: FrameConsumer<ROOM, _, _, _> = rx.expect("there is a place");
    let (mut model, mut orphans) = (Model::new(), 1 << 31);
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        match feed.byte() % 8 {
            0..=2 => {
                let payload = model.payload(feed.byte());
                if tx.try_publish(&payload, payload.len() as u8).is_ok() {
                    model.published(Some(payload));
                }
            }
            3 => {
                if let Ok(mut grant) = tx.grant(usize::from(feed.byte() % 100), 0) {
                    grant.write(&[0xee; 40]);
                }
            }
            4 => {
                orphans += 1;
                let mut slot = Fixed::new();
                let meta =
                    Meta { parts: 2 + u16::from(feed.byte() % 4), message: orphans, ..Meta::default() };
                slot.write(meta, &[0xdd; ROOM]).expect("it fits");
                if tx.raw().try_push(slot).is_ok() {
                    model.published(None);
                }
            }
            5 => {
                scribble(&segment, feed);
                model.waiting = None;
            }
            _ => {
                for _ in 0..feed.byte() % 8 {
                    let heard = rx.try_next();
                    if !model.hear(heard, |model, received| model.took(&received.message())) {
                        break;
                    }
                }
            }
        }
    }
    model.outcome()
}

fn runs(feed: &mut Feed<'_>) -> Outcome {
    let live = Local::new();
    let segment = made(Var::<ROOM>::spec(SLOTS), &live);
    let tx = segment.clone().var_producer(&live, Identity::default());
    let mut tx: VarProducer<ROOM, _, _> = tx.expect("nobody else produces");
    let rx = segment.clone().var_consumer(&live, &peer(), Start::Earliest, Memory::new(MEMORY));
    let mut rx: VarConsumer<ROOM, _, _, _> = rx.expect("there is a place");
    let mut model = Model::new();
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        match feed.byte() % 8 {
            0..=2 => {
                let payload = model.payload(feed.byte());
                if tx.try_publish(&payload, payload.len() as u8).is_ok() {
                    model.published(Some(payload));
                }
            }
            3 => {
                if let Ok(mut grant) = tx.grant(usize::from(feed.byte() % 100), 0) {
                    grant.write(&[0xee; 40]);
                }
            }
            4 | 5 => {
                scribble(&segment, feed);
                model.waiting = None;
            }
            _ => {
                for _ in 0..feed.byte() % 8 {
                    let heard = rx.try_next();
                    if !model.hear(heard, |model, received| model.took(&received.message())) {
                        break;
                    }
                }
            }
        }
    }
    model.outcome()
}

/// Messages of many lengths in both forms, some that are never ended, and words out of place.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let script = |form: u8, hostile: bool| -> Vec<u8> {
        let steps = (0..40_u8).flat_map(|at| {
            let mut step = vec![at % 3, at.wrapping_mul(37), 6, 3];
            if at % 7 == 3 {
                step.extend([3, at]);
            }
            if form == 0 && at % 5 == 2 {
                step.extend([4, at]);
            }
            if hostile && at % 9 == 8 {
                step.extend([5, at.wrapping_mul(13), at, 0, 0, at, 0, 0, 0]);
            }
            step
        });
        std::iter::once(form).chain(steps).collect()
    };
    vec![script(0, false), script(1, false), script(0, true), script(1, true)]
}
