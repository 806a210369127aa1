//! Histories of a segment of several producers.

use crate::segments::Claims;
use crate::{Lapse, Sparse, lengths, thread};
use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{
    Consumer, Layout, MultiProducer, Next, Peer, PeerName, Policy, Reader, Segment, Spec, Start,
};
use tidemill_seam::{Claimed, Instant, Life, Liveness};

/// Who published it, and which of its own that was.
pub(crate) type Item = [u32; 2];
pub(crate) type Tx<L> = MultiProducer<Item, Sparse, L>;
type Rx<L> = Consumer<Item, Sparse, L>;

/// Words of a segment of `spec(2)`, lines of one word each.
mod at {
    /// The tail.
    pub(super) const TAIL: u32 = 136;
    pub(super) const GATE: u32 = 138;
    pub(super) const READERS_BED: u32 = 148;
    pub(super) const PRODUCERS_BED: u32 = 149;
    /// The control word of the one who reads.
    pub(super) const TABLE: u32 = 152;
    pub(super) const CURSOR: u32 = 153;
}

/// The claims of producers.
const POSTS: u32 = Layout::POSTS;

fn spec(capacity: u32, readers: u32, history: u32) -> Spec {
    let spec = Spec::of::<Item>(capacity).line(1).page(1).participants(readers).journal(0);
    spec.producers(2).history(history).spin_only()
}

/// The words of a segment as its layout has them, from the end: slots, the index before them, the posts before that.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    posts: u32,
    index: u32,
    data: u32,
}

impl Words {
    fn of(spec: &Spec) -> Self {
        let layout = Layout::of(spec).expect("a ring");
        let index = layout.data() - 4 * spec.capacity;
        Self { posts: index - 16 * spec.producers, index, data: layout.data() }
    }

    /// The commit word of the slot of a position.
    pub fn commit(self, position: u32) -> u32 {
        self.index + 4 * position
    }

    /// Whether a pair begins there.
    fn is_pair(self, at: u32) -> bool {
        let post = (self.posts..self.index).contains(&at).then(|| (at - self.posts) % 16);
        let entry = (self.index..self.data).contains(&at).then(|| (at - self.index) % 4);
        matches!(at, at::TAIL | at::GATE) || matches!(post, Some(2 | 10 | 12)) || entry == Some(0)
    }

    /// What is raced for.
    fn is_followed(self, at: u32) -> bool {
        let post = (self.posts..self.index).contains(&at).then(|| (at - self.posts) % 16);
        let raced = matches!(at, at::TAIL | at::GATE | at::TABLE | at::CURSOR) || matches!(post, Some(0 | 2));
        let beds = matches!(at, at::READERS_BED | at::PRODUCERS_BED);
        raced || beds || (self.is_pair(at) && at >= self.index) || at >= self.data
    }
}

/// As `region`, where one producer keeps what it publishes: that is raced for too.
fn pinned(spec: &Spec, lapse: Lapse) -> Sparse {
    let (words, length) = (Words::of(spec), Layout::of(spec).expect("a ring").words());
    let pin = words.posts + 16 + 12;
    Sparse::with_pairs(length, lapse, |at| at == pin || words.is_followed(at), |at| words.is_pair(at))
}

fn region(spec: &Spec, lapse: Lapse) -> Sparse {
    let (words, length) = (Words::of(spec), Layout::of(spec).expect("a ring").words());
    Sparse::with_pairs(length, lapse, |at| words.is_followed(at), |at| words.is_pair(at))
}

fn ring<L: Liveness>(spec: &Spec, region: Sparse, live: &L) -> Segment<Sparse> {
    Segment::create(region, spec, SegmentId(1), Creator::default(), live).expect("it fits")
}

/// A ring on which parties may sleep.
pub(crate) fn asleep(capacity: u32, lapse: Lapse) -> (Segment<Sparse>, Claims) {
    let (spec, live) = (Spec { parks: true, ..spec(capacity, 1, 0) }, Claims::default());
    (ring(&spec, region(&spec, lapse), &live), live)
}

pub(crate) fn joined<L: Liveness>(segment: &Segment<Sparse>, live: L) -> Tx<L> {
    segment.clone().multi_producer(live, Identity::default()).expect("a place is free")
}

pub(crate) fn reads<L: Liveness>(segment: &Segment<Sparse>, live: L) -> Rx<L> {
    let peer = Peer::new(PeerName::parse("reads").expect("a name"));
    segment.clone().consumer(live, &peer, Start::Earliest).expect("a free slot")
}

/// Publishes items `0..n` of `who`.
fn push<L: Liveness>(tx: &mut Tx<L>, who: u32, n: u32) {
    for i in 1..=n {
        while tx.try_push([who, i]).is_err() {
            thread::yield_now();
        }
    }
}

/// What was read of each producer.
#[derive(Default, Debug)]
pub(crate) struct Heard {
    last: [u32; 2],
    pub(crate) items: u32,
}

impl Heard {
    /// Takes an item if one is there: the next one of somebody.
    pub(crate) fn take<L: Liveness>(&mut self, rx: &mut Rx<L>) -> bool {
        match rx.try_next() {
            Some(Next::Item(lease)) => {
                let [who, i] = *lease;
                assert!((1..=2).contains(&who), "an item of nobody: {who} {i}");
                let last = &mut self.last[who as usize - 1];
                assert_eq!(i, *last + 1, "another item of {who} than its next");
                *last = i;
                self.items += 1;
                true
            }
            None | Some(Next::Closed(_)) => false,
            Some(other) => panic!("another item of somebody, or none: {other:?}"),
        }
    }
}

/// Two producers claim, write and commit side by side, a consumer reads: every item of each, whole and in its order
/// (RL-1, RL-11).
pub fn two_claim_and_commit(lapse: Lapse) {
    let live = Claims::default();
    let n = lengths(1, 20);
    let spec = spec(if n == 1 { 2 } else { 4 }, 1, 0);
    let segment = ring(&spec, region(&spec, lapse).turning(), &live);
    let mut rx = reads(&segment, live.clone());
    let pushers = [1, 2].map(|who| {
        let mut tx = joined(&segment, live.clone());
        thread::spawn(move || {
            push(&mut tx, who, n);
            std::mem::forget(tx);
        })
    });
    let mut heard = Heard::default();
    for _ in 0..lengths(2, 100_000) {
        // Loom shows nothing old any more to who has yielded.
        if heard.items < 2 * n && !heard.take(&mut rx) && cfg!(not(feature = "loom")) {
            thread::yield_now();
        }
    }
    for pusher in pushers {
        pusher.join().expect("a producer ran through");
    }
    while heard.take(&mut rx) {}
    assert_eq!(heard.last, [n; 2], "an item that was published is lost");
    std::mem::forget(rx);
}

/// One producer goes round a ring of one slot while another claims: nobody overwrites what is not read (RL-2, RL-3).
pub fn a_lap_beside_a_claim(lapse: Lapse) {
    let live = Claims::default();
    let spec = spec(1, 1, 0);
    let segment = ring(&spec, region(&spec, lapse), &live);
    let (mut one, mut other) = (joined(&segment, live.clone()), joined(&segment, live.clone()));
    let mut rx = reads(&segment, live);
    let (first, second) = (1, lengths(1, 20));
    push(&mut one, 1, first);
    let pusher = thread::spawn(move || {
        push(&mut other, 2, second);
        std::mem::forget(other);
    });
    let mut heard = Heard::default();
    while heard.items < first + second {
        if !heard.take(&mut rx) {
            thread::yield_now();
        }
    }
    pusher.join().expect("a producer ran through");
    std::mem::forget((rx, one));
}

/// Claims whose holders are dead where the world says so; or whom somebody takes for dead without proof.
#[derive(Clone, Debug)]
pub struct Graves {
    claims: Claims,
    /// Whoever asks is told that everybody else is dead.
    pub slander: bool,
}

impl Liveness for Graves {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.claims.claim(slot, generation)
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        if self.slander && slot >= POSTS { Life::Dead } else { self.claims.probe(slot, generation) }
    }

    fn release(&self, slot: u32, generation: u32) {
        self.claims.release(slot, generation);
    }
}

/// A producer died before its `stores`-th store of a publication; two heal what it left, at any moment of each other, while
/// another producer publishes and one of the two reads (RL-12). What was published is whole, and the claim of nobody who lives
/// is void. Loom has so many `rounds` of the one who reads. Gives whether it died at all.
pub fn two_heal_beside_a_producer(lapse: Lapse, stores: u32, slander: bool, rounds: u32) -> bool {
    let graves = Graves { claims: Claims::default(), slander: false };
    let spec = spec(2, 1, 0);
    let region = region(&spec, lapse);
    let segment = ring(&spec, region.clone(), &graves);
    let (mut dies, mut lives) = (joined(&segment, graves.clone()), joined(&segment, graves.clone()));
    let mut rx = reads(&segment, graves.clone());
    let (slot, generation) = (dies.slot(), dies.generation());
    region.die_in(stores);
    let done = dies.try_push([1, 1]).is_ok();
    let died = region.revive();
    assert!(died || done, "who lives publishes");
    std::mem::forget(dies);
    graves.release(slot, generation);
    let n = lengths(2, 20);
    let pusher = thread::spawn(move || {
        let pushed = offer(&mut lives, n, lengths(rounds + 1, 100));
        (lives, pushed)
    });
    let healer = Graves { slander, ..graves };
    let other = thread::spawn(move || {
        segment.heal(&healer);
    });
    let mut heard = Heard::default();
    for _ in 0..lengths(rounds, 100) {
        if !heard.take(&mut rx) {
            rx.tend();
            thread::yield_now();
        }
    }
    let (mut lives, mut pushed) = pusher.join().expect("a producer ran through");
    other.join().expect("a healer ran through");
    while pushed < n {
        rx.tend();
        while heard.take(&mut rx) {}
        assert!(lives.try_push([2, pushed + 1]).is_ok(), "the dead hold up the ring");
        pushed += 1;
    }
    while heard.take(&mut rx) {}
    assert!(heard.last[0] == 1 || died, "an item that was published is lost");
    assert_eq!(heard.last[1], n, "an item that was published is lost");
    std::mem::forget((rx, lives));
    died
}

/// Offers items of producer 2, up to `n` of them, so many times. Gives how many were taken.
fn offer<L: Liveness>(tx: &mut Tx<L>, n: u32, turns: u32) -> u32 {
    let mut pushed = 0;
    for _ in 0..turns {
        if pushed < n && tx.try_push([2, pushed + 1]).is_ok() {
            pushed += 1;
        } else {
            thread::yield_now();
        }
    }
    pushed
}

/// Two producers, three who read under mixed policies, and one who heals; one of the producers dies in the middle.
pub fn a_crowd(items: u32) {
    let live = Claims::default();
    let spec = spec(4, 3, 1);
    let segment = ring(&spec, region(&spec, Lapse::None), &live);
    let (mut dies, mut lives) = (joined(&segment, live.clone()), joined(&segment, live.clone()));
    let mut rx = reads(&segment, live.clone());
    let peer = |name| Peer::new(PeerName::parse(name).expect("a name"));
    let blocks: Rx<Claims> =
        segment.clone().consumer(live.clone(), &peer("blocks"), Start::Earliest).expect("a free slot");
    let lossy: Reader<Item, Sparse, Claims> = segment
        .clone()
        .reader(live.clone(), &peer("lossy").policy(Policy::Lossy), Start::Earliest)
        .expect("a free slot");
    let killed = live.clone();
    let first = thread::spawn(move || {
        push(&mut dies, 1, items);
        let (slot, generation) = (dies.slot(), dies.generation());
        while dies.claim().map(std::mem::forget).is_err() {
            thread::yield_now();
        }
        std::mem::forget(dies);
        killed.release(slot, generation);
    });
    let second = thread::spawn(move || {
        push(&mut lives, 2, items);
        std::mem::forget(lives);
    });
    let (mending, healers) = (segment.clone(), live.clone());
    let healer = thread::spawn(move || {
        let mut voided = 0;
        while voided == 0 {
            voided = mending.heal(&healers).voided;
            thread::yield_now();
        }
    });
    let beside = thread::spawn(move || follow(blocks, 2 * items));
    let losing = thread::spawn(move || lose(lossy, 2 * items + 1));
    let mut heard = Heard::default();
    while heard.items < 2 * items {
        if !heard.take(&mut rx) {
            thread::yield_now();
        }
    }
    for thread in [first, second, healer, beside, losing] {
        thread.join().expect("it ran through");
    }
    std::mem::forget(rx);
}

fn follow(mut rx: Rx<Claims>, items: u32) {
    let mut heard = Heard::default();
    while heard.items < items {
        if !heard.take(&mut rx) {
            thread::yield_now();
        }
    }
    std::mem::forget(rx);
}

/// Reads up to a position, whatever it misses: what it is given of a producer is later than what it was given before.
fn lose(mut ui: Reader<Item, Sparse, Claims>, end: u32) {
    let mut last = [0; 2];
    while ui.position().0 < u64::from(end) {
        match ui.try_next() {
            Some(Next::Item([who, i])) => {
                assert!((1..=2).contains(&who) && i > last[who as usize - 1], "an item of another lap");
                last[who as usize - 1] = i;
            }
            Some(Next::Lagged { from, to }) => assert!(to > from),
            None | Some(Next::Closed(_)) => thread::yield_now(),
            Some(other) => panic!("a reader hears {other:?}"),
        }
    }
    std::mem::forget(ui);
}

/// One of several keeps what it publishes while another goes round the ring, and nobody reads yet: whoever comes then is given it
/// (RL-3).
pub fn keep_beside_a_lap(lapse: Lapse) {
    let live = Claims::default();
    let spec = spec(1, 1, 0);
    let segment = ring(&spec, pinned(&spec, lapse), &live);
    let (mut laps, keeps) = (joined(&segment, live.clone()), joined(&segment, live.clone()));
    let pusher = thread::spawn(move || {
        for i in 1..=lengths(2, 20) {
            // Refused where the other one keeps what lies there.
            let _ = laps.try_push([1, i]);
        }
        laps
    });
    let how = Coordinate::BufferUntil { n: 1, max: 64 };
    let mut keeps = keeps.coordinate(how, Instant::ZERO);
    let kept = keeps.try_push([2, 1]).is_ok();
    let laps = pusher.join().expect("a producer ran through");
    let mut rx = reads(&segment, live);
    let given = matches!(rx.try_next(), Some(Next::Item(item)) if *item == [2, 1]);
    assert!(given || !kept, "what was kept is overwritten");
    std::mem::forget((rx, laps, keeps));
}

/// The commit word of the first position in a ring of two slots that one reads.
pub fn first_commit() -> u32 {
    Words::of(&spec(2, 1, 0)).commit(0)
}

/// Where the first producer of that ring writes down what it means to claim.
pub fn first_note() -> u32 {
    Words::of(&spec(2, 1, 0)).posts + 2
}

/// One producer shows two positions at once while another claims beside them: each has its own, and the two are neighbours
/// (RL-1, RL-11).
pub fn a_run_beside_a_claim(lapse: Lapse) {
    let live = Claims::default();
    let spec = spec(4, 1, 0);
    let segment = ring(&spec, region(&spec, lapse), &live);
    let mut rx = reads(&segment, live.clone());
    let (mut one, mut other) = (joined(&segment, live.clone()), joined(&segment, live));
    let pusher = thread::spawn(move || {
        let mut i = 0;
        let next = |_| {
            i += 1;
            [1, i]
        };
        (one.try_batch(2, next).map(|at| at.0).expect("there is room"), one)
    });
    let second = other.try_push([2, 1]).map(|at| at.0).expect("there is room");
    let mut heard = Heard::default();
    // What is seen of the two is seen of both.
    heard.take(&mut rx);
    if heard.last[0] == 1 {
        assert!(heard.take(&mut rx) && heard.last[0] == 2, "an item of a run is lost");
    }
    let (first, one) = pusher.join().expect("a producer ran through");
    assert!(first + 2 == second || first == second + 1, "claims of two that overlap, or leave one out");
    while heard.take(&mut rx) {}
    assert_eq!(heard.last, [2, 1], "an item that was published is lost");
    std::mem::forget((rx, one, other));
}

/// Where the second producer of a ring of one slot says what it keeps.
pub fn second_pin() -> u32 {
    Words::of(&spec(1, 1, 0)).posts + 16 + 12
}
