use crate::Outcome;
use crate::feed::Feed;
use std::collections::VecDeque;
use tidemill_ring::Heap;
use tidemill_ring::spsc::{Consumer, Producer, Spec, split, split_evicting};
use tidemill_seam::Region;

/// Steps of one input, at most.
const STEPS: usize = 512;

type Entry = [u32; 2];

/// The input is a script: both halves of a ring at work, and a hostile peer that writes any word to any place. Until it
/// does so the ring is a queue; afterwards no call panics, none runs away, and nothing leaves the region.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let (shape, start) = (feed.byte(), feed.u32());
    let spec = Spec::new(1 << (shape % 5)).starting_at(start).line(1);
    let region = Heap::new(spec.words::<2>());
    let halves =
        if shape & 0x80 == 0 { split(region.clone(), spec) } else { split_evicting(region.clone(), spec) };
    let (producer, consumer) = halves.expect("the region is as long as the ring");
    let mut ring = Ring { region, producer, consumer, model: Some(VecDeque::new()), pushed: 0, popped: 0 };
    let mut scribbled = 0;
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        scribbled += usize::from(ring.step(&mut feed));
    }
    Outcome::sized("ring", &[ring.pushed, ring.popped, scribbled])
}

struct Ring {
    region: Heap,
    producer: Producer<Heap, 2>,
    consumer: Consumer<Heap, 2>,
    /// What waits, as long as nobody wrote where he should not.
    model: Option<VecDeque<Entry>>,
    pushed: usize,
    popped: usize,
}

impl Ring {
    /// One step; whether a word was overwritten.
    fn step(&mut self, feed: &mut Feed<'_>) -> bool {
        let capacity = self.producer.capacity();
        match feed.byte() % 8 {
            0 | 1 => self.push([feed.u32(), feed.u32()]),
            2 => {
                let popped = self.consumer.pop();
                self.left(popped.as_slice());
                assert!(self.model.is_none() || popped.is_some() || self.consumer.waiting() == 0);
            }
            3 => {
                let mut into = [[0; 2]; 8];
                let taken = self.consumer.pop_batch(&mut into);
                self.left(&into[..taken]);
            }
            4 => self.drain(),
            5 => {
                let peeked = self.consumer.peek(u32::from(feed.byte()));
                let _ = (self.consumer.is_closed(), self.producer.is_closed());
                assert!(self.model.is_none() || peeked.is_none() || self.consumer.waiting() > 0);
            }
            6 => {
                let keep = u32::from(feed.byte() % 8);
                let mut evicted = Vec::new();
                let count = self.producer.evict_over(keep, |entry| evicted.push(entry));
                assert!(
                    count <= capacity && evicted.len() == count as usize,
                    "{count} evicted of {capacity}"
                );
                self.left(&evicted);
            }
            _ => {
                let (at, value) = (feed.u32() % self.region.words(), feed.u32());
                // SAFETY: `at` lies within the region.
                unsafe { self.region.store(at, value, std::sync::atomic::Ordering::Relaxed) };
                self.model = None;
                return true;
            }
        }
        let (room, waiting) = (self.producer.room(), self.consumer.waiting());
        assert!(room <= capacity && waiting <= capacity, "room {room} and {waiting} waiting of {capacity}");
        assert!(self.producer.waiting() <= capacity);
        if let Some(model) = &self.model {
            assert_eq!(waiting as usize, model.len(), "the ring miscounts");
            assert!(room + waiting <= capacity, "room {room} beside {waiting} of {capacity}");
        }
        false
    }

    fn push(&mut self, entry: Entry) {
        let taken = self.producer.push(entry);
        self.pushed += usize::from(taken.is_ok());
        if let Some(model) = &mut self.model {
            let has_room = model.len() < self.producer.capacity() as usize;
            assert_eq!(taken.is_ok(), has_room, "a push with {} entries waiting", model.len());
            if has_room {
                model.push_back(entry);
            }
        }
    }

    /// A drain ends: nothing is pushed meanwhile, so no more come out than fit in.
    fn drain(&mut self) {
        let capacity = self.consumer.capacity() as usize;
        let entries: Vec<Entry> =
            std::iter::from_fn(|| self.consumer.take()).take(2 * capacity + 1).collect();
        assert!(entries.len() <= 2 * capacity, "more than {} entries out of {capacity}", 2 * capacity);
        self.left(&entries);
        self.consumer.release();
    }

    /// These entries came out.
    fn left(&mut self, entries: &[Entry]) {
        self.popped += entries.len();
        for entry in entries {
            if let Some(model) = &mut self.model {
                assert_eq!(model.pop_front(), Some(*entry), "out of order");
            }
        }
    }
}

/// Scripts of every step, over small and large rings, of both kinds.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let steps: Vec<u8> = (0..64_u8).flat_map(|at| [at % 7, at, 1, 2, 3, 4, 5, 6, 7]).collect();
    let hostile: Vec<u8> =
        (0..32_u8).flat_map(|at| [7, at % 4, 0, 0, 0, at, 0, 0, at, at % 7, 2, 4]).collect();
    let begin = |shape: u8, start: u32| [&[shape][..], &start.to_le_bytes()].concat();
    [begin(3, 0), begin(0, u32::MAX - 3), begin(0x83, 7), begin(0x81, u32::MAX)]
        .into_iter()
        .flat_map(|begin| [[&begin[..], &steps].concat(), [&begin[..], &hostile, &steps].concat()])
        .collect()
}
