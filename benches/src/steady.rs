//! What a segment in shared memory does all day: made and joined beforehand, then carried out as often as one likes.
//!
//! Each work fills its ring until it is refused, empties it until nothing comes, and goes round many times: the paths of
//! publishing and of taking, with room and without, and the scan of the table between them.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::os::fd::OwnedFd;

use tidemill_host::ring::{Backing, Lock, Passed, identity, memfd, over};
use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::frame::{Fixed, Var};
use tidemill_ring::required::Required;
use tidemill_ring::wait::Until;
use tidemill_ring::{Next, Segment, Spec, Start};
use tidemill_seam::{Claimed, Clock, Duration, Instant, Life, Liveness};

use crate::transport::refused::{EXPECTED, expected};

const SLOTS: u32 = 64;
const GRANULES: u32 = 256;
const LONGEST: usize = 3000;
const NAME: &str = "steady";

/// One kind of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Items one by one.
    Slots,
    /// Items in batches, granted and taken together, and looked at ahead.
    Batches,
    /// Items that a reader copies who may be overtaken.
    Lossy,
    /// Items of two producers.
    Several,
    /// Messages of all lengths in runs.
    Runs,
    /// Messages of all lengths in parts.
    Parts,
    /// Nothing but refusals: the ring is full, and 64 consumers are expected and absent.
    Refused,
    /// Refusals of a producer that cannot do without any of them. It looks at the clock each time, here at one without a kernel.
    Required,
}

/// A ring and its parties. Each call of it is one round: as much as the ring holds, in and out.
pub struct Round(Box<dyn FnMut()>);

impl Work {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Slots,
        Self::Batches,
        Self::Lossy,
        Self::Several,
        Self::Runs,
        Self::Parts,
        Self::Refused,
        Self::Required,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slots => "slots",
            Self::Batches => "batches",
            Self::Lossy => "lossy",
            Self::Several => "several",
            Self::Runs => "runs",
            Self::Parts => "parts",
            Self::Refused => "refused",
            Self::Required => "required",
        }
    }

    /// Makes the ring, in a sealed memfd, and lets everybody join.
    ///
    /// # Panics
    /// Where the system gives no memory.
    #[must_use]
    pub fn begin(self) -> Round {
        Round(match self {
            Self::Slots => slots(),
            Self::Batches => batches(),
            Self::Lossy => lossy(),
            Self::Several => several(),
            Self::Runs => runs(),
            Self::Parts => parts(),
            Self::Refused => refused(),
            Self::Required => required(),
        })
    }
}

impl Round {
    /// One round.
    ///
    /// # Panics
    /// Where something is lost.
    pub fn run(&mut self) {
        (self.0)();
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").finish_non_exhaustive()
    }
}

fn made(spec: &Spec) -> OwnedFd {
    memfd(spec).expect("there is memory")
}

fn again(file: &OwnedFd) -> Passed {
    over(file.try_clone().expect("a descriptor"))
}

fn slots() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<u64>(SLOTS));
    let mut consumer =
        again(&file).slots::<u64>(SLOTS).name(NAME).start(Start::Earliest).consumer().expect("a place");
    let mut producer = again(&file).slots::<u64>(SLOTS).producer().expect("nobody produces");
    let mut next = 0;
    Box::new(move || {
        let first = next;
        producer.publish(|_| first, Until::forever()).expect("room");
        let Next::Item(item) = consumer.next(Until::forever()).expect("an item") else {
            panic!("something else than an item");
        };
        assert_eq!(*item, first);
        drop(item);
        next += 1;
        while producer.try_push(next).is_ok() {
            next += 1;
        }
        assert_eq!(next - first, 1 + u64::from(SLOTS));
        for want in first + 1..next {
            let Some(Next::Item(item)) = consumer.try_next() else { panic!("item {want} is missing") };
            assert_eq!(*item, want);
        }
        assert!(consumer.try_next().is_none());
    })
}

fn batches() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<[u64; 3]>(SLOTS));
    let mut consumer =
        again(&file).slots::<[u64; 3]>(SLOTS).name(NAME).start(Start::Earliest).consumer().expect("a place");
    let mut producer = again(&file).slots::<[u64; 3]>(SLOTS).producer().expect("nobody produces");
    Box::new(move || {
        producer.try_batch(40, |at| [at.0; 3]).expect("room");
        let mut grant = producer.grant(SLOTS - 40).expect("room");
        while let Some(at) = grant.position() {
            grant.put([at.0; 3]).expect("granted");
        }
        grant.commit();
        assert!(producer.try_batch(1, |at| [at.0; 3]).is_err(), "the ring is full");
        let first = consumer.position().0;
        assert_eq!(consumer.peek(9), Some([first + 9; 3]));
        let mut sum = 0;
        let (taken, news) = consumer.poll(SLOTS, |item, at, _| sum += u64::from(*item == [at.0; 3]));
        assert_eq!((taken, news, sum), (SLOTS, None, u64::from(SLOTS)));
        assert_eq!(consumer.poll(SLOTS, |_, _, _| ()).0, 0);
    })
}

fn lossy() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<u64>(SLOTS).history(SLOTS / 2));
    let ring = || again(&file).slots::<u64>(SLOTS).history(SLOTS / 2);
    let mut reader = ring().name(NAME).lossy().start(Start::Earliest).reader().expect("a place");
    let mut producer = ring().producer().expect("nobody produces");
    let mut next = 0;
    Box::new(move || {
        // Nobody is waited for, so two laps find room; the reader hears of what it lost, and then of what is left.
        for _ in 0..2 * SLOTS {
            producer.try_push(next).expect("nobody is waited for");
            next += 1;
        }
        let (mut lagged, mut read) = (0, 0);
        while let Some(heard) = reader.try_next() {
            match heard {
                Next::Item(_) => read += 1,
                Next::Lagged { from, to } => lagged += to.0 - from.0,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(lagged + read, u64::from(2 * SLOTS));
    })
}

fn several() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<u64>(SLOTS).producers(2));
    let ring = || again(&file).slots::<u64>(SLOTS).producers(2);
    let mut consumer = ring().name(NAME).start(Start::Earliest).consumer().expect("a place");
    let mut one = ring().multi_producer().expect("a post");
    let mut other = ring().multi_producer().expect("a post");
    Box::new(move || {
        let mut sent = 0;
        while one.try_push(sent).is_ok() {
            sent += 1;
            if other.try_push(sent).is_ok() {
                sent += 1;
            }
        }
        assert_eq!(sent, u64::from(SLOTS));
        for want in 0..sent {
            let Some(Next::Item(item)) = consumer.try_next() else { panic!("item {want} is missing") };
            assert_eq!(*item, want);
        }
        assert!(consumer.try_next().is_none());
    })
}

fn payload() -> [u8; LONGEST] {
    std::array::from_fn(|i| (i * 7 % 251) as u8)
}

/// Messages of all lengths until the ring is full, and all of them out again.
fn messages(
    mut publish: impl FnMut(&[u8]) -> bool + 'static,
    mut take: impl FnMut(&mut dyn FnMut(&[u8])) -> bool + 'static,
) -> Box<dyn FnMut()> {
    let payload = payload();
    let mut len = 0;
    Box::new(move || {
        let mut want = len;
        while publish(&payload[..len]) {
            len = (len + 331) % LONGEST;
        }
        while take(&mut |message| assert_eq!(*message, payload[..want])) {
            want = (want + 331) % LONGEST;
        }
        assert_eq!(want, len);
    })
}

/// Whether a message came, which is shown.
fn shown<M: Deref<Target = [u8]>>(heard: Option<Next<M>>, show: &mut dyn FnMut(&[u8])) -> bool {
    match heard {
        Some(Next::Item(message)) => show(&message),
        Some(_) => panic!("something else than a message"),
        None => return false,
    }
    true
}

fn runs() -> Box<dyn FnMut()> {
    let file = made(&Var::<64>::spec(GRANULES));
    let mut consumer =
        again(&file).runs::<64>(GRANULES).name(NAME).start(Start::Earliest).var_consumer().expect("a place");
    let mut producer = again(&file).runs::<64>(GRANULES).var_producer().expect("nobody produces");
    messages(
        move |payload| producer.try_publish(payload, 1).is_ok(),
        move |show| shown(consumer.try_next(), show),
    )
}

fn parts() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<Fixed<128>>(GRANULES));
    let mut consumer = again(&file)
        .frames::<128>(GRANULES)
        .name(NAME)
        .start(Start::Earliest)
        .frame_consumer()
        .expect("a place");
    let mut producer = again(&file).frames::<128>(GRANULES).frame_producer().expect("nobody produces");
    messages(
        move |payload| producer.try_publish(payload, 1).is_ok(),
        move |show| shown(consumer.try_next(), show),
    )
}

fn refused() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<u64>(SLOTS).participants(EXPECTED));
    let ring = again(&file).slots::<u64>(SLOTS).participants(EXPECTED);
    let how = Coordinate::BufferUntil { n: EXPECTED, max: u64::from(SLOTS) };
    let mut producer = ring.coordinate(how).producer().expect("nobody produces");
    producer.try_batch(SLOTS, |at| at.0).expect("they are kept");
    Box::new(move || {
        for _ in 0..SLOTS {
            assert!(producer.try_push(0).is_err_and(|refused| refused.why.may_pass()), "nobody is there");
        }
    })
}

/// The claims of a ring, on a clock that goes on by a microsecond a look: that of the system may be a call into the kernel.
struct Ticking {
    lock: Lock,
    now: Cell<u64>,
}

impl Liveness for Ticking {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.lock.claim(slot, generation)
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        self.lock.probe(slot, generation)
    }
    fn release(&self, slot: u32, generation: u32) {
        self.lock.release(slot, generation);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Instant {
        self.now.set(self.now.get() + 1_000);
        Instant::from_nanos(self.now.get())
    }
}

fn required() -> Box<dyn FnMut()> {
    let file = made(&Spec::of::<u64>(SLOTS).participants(EXPECTED));
    let Backing { mapping, lock } = again(&file).backing().expect("a memfd of ours");
    let segment = Segment::attach(mapping).expect("a ring");
    let producer = segment.producer::<u64, _>(Ticking { lock, now: Cell::new(0) }, identity());
    let required = Required { startup: Duration::from_secs(3_600), ..Required::new(expected()) };
    let mut producer = producer.expect("nobody produces").managed(required);
    Box::new(move || {
        for _ in 0..SLOTS {
            assert!(producer.try_push(0).is_err_and(|refused| refused.why.may_pass()), "nobody is there");
        }
    })
}
