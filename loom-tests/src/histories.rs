//! The histories: each runs the shipped code over a region and asserts its laws.

use crate::{Condvar, Flaw, Flawed, Mutex, lengths, thread};
use std::sync::Arc;
use tidemill_ring::spsc::{self, Consumer, Producer, Spec};
use tidemill_ring::sync::Ordering;
use tidemill_ring::wake::EventCount;
use tidemill_seam::Region;

type Ring<const W: usize> = (Producer<Flawed, W>, Consumer<Flawed, W>);

fn spec(capacity: u32, start: u32) -> Spec {
    Spec::new(capacity).starting_at(start).line(1)
}

fn ring<const W: usize>(spec: Spec, flaw: Flaw, watched: bool) -> Ring<W> {
    let region = Flawed::new(spec.words::<W>(), flaw);
    spsc::split(if watched { region.watched() } else { region }, spec).expect("the region fits")
}

fn evicting<const W: usize>(spec: Spec, flaw: Flaw) -> Ring<W> {
    spsc::split_evicting(Flawed::new(spec.words::<W>(), flaw), spec).expect("the region fits")
}

fn entry(i: u32) -> [u32; 2] {
    [i + 1, !(i + 1)]
}

/// Two laps through a ring of two, positions wrapping at 2^32: every entry whole, in order (E1, E19, RL-1, RL-2).
pub fn two_laps(start: u32, flaw: Flaw, watched: bool) {
    let n = lengths(4, 40);
    let (mut producer, mut consumer) = ring::<2>(spec(2, start), flaw, watched);
    let pusher = thread::spawn(move || {
        for i in 0..n {
            while producer.push(entry(i)).is_err() {
                thread::yield_now();
            }
        }
    });
    for i in 0..n {
        let got = loop {
            match consumer.pop() {
                Some(got) => break got,
                None => thread::yield_now(),
            }
        };
        assert_eq!(got, entry(i), "entry {i} out of order or torn");
    }
    pusher.join().expect("the producer ran through");
}

/// One producer offers three entries to a ring of one, without waiting: whatever comes out is a prefix of what went in
/// (E1, E4). Small enough for a twin to fail quickly.
pub fn offers(flaw: Flaw, watched: bool) {
    let (mut producer, mut consumer) = ring::<1>(spec(1, u32::MAX), flaw, watched);
    let mut pushed = vec![1];
    producer.push([1]).expect("a fresh ring has room");
    let pusher = thread::spawn(move || (2..=3).filter(|&i| producer.push([i]).is_ok()).collect::<Vec<_>>());
    let mut got: Vec<u32> = (0..2).filter_map(|_| consumer.pop()).map(|[i]| i).collect();
    pushed.extend(pusher.join().expect("the producer ran through"));
    got.extend(std::iter::from_fn(|| consumer.pop()).map(|[i]| i));
    assert_eq!(got, pushed, "what came out is not what went in");
}

/// Batches against lazy takes: staged entries appear together, taken slots return by release (RL-1, RL-2, E14).
pub fn batches(flaw: Flaw, watched: bool) {
    let n = lengths(4, 30);
    let (mut producer, mut consumer) = ring::<1>(spec(2, u32::MAX), flaw, watched);
    let pusher = thread::spawn(move || {
        let mut i = 0;
        while i < n {
            let batch: Vec<_> = (i..n.min(i + 3)).map(|i| [i]).collect();
            let pushed = producer.push_batch(&batch) as u32;
            i += pushed;
            if pushed == 0 {
                thread::yield_now();
            }
        }
    });
    let mut next = 0;
    while next < n {
        match consumer.take() {
            Some(got) => {
                assert_eq!(got, [next], "batches keep order");
                next += 1;
            }
            None => {
                consumer.release();
                thread::yield_now();
            }
        }
    }
    pusher.join().expect("the producer ran through");
}

/// The producer evicts down to one while the consumer takes: each entry exactly once, on one side, in order, and the
/// newest is never evicted (E2, E8).
pub fn evict_and_take(flaw: Flaw) {
    let n = lengths(3, 24);
    let (mut producer, mut consumer) = evicting::<2>(spec(2, u32::MAX), flaw);
    for i in 0..2 {
        producer.push(entry(i)).expect("a fresh ring has room");
    }
    let pusher = thread::spawn(move || {
        let mut evicted = Vec::new();
        for i in 2..n {
            producer.evict_over(1, |entry| evicted.push(entry));
            producer.push(entry(i)).expect("evict beside take: evicting down to one left no room");
        }
        producer.evict_over(1, |entry| evicted.push(entry));
        evicted
    });
    let mut taken: Vec<_> = (0..lengths(1, 12)).filter_map(|_| consumer.pop()).collect();
    let evicted = pusher.join().expect("the producer ran through");
    taken.extend(std::iter::from_fn(|| consumer.pop()));
    assert!(taken.is_sorted() && evicted.is_sorted(), "evict beside take: out of order");
    assert_eq!(taken.last(), Some(&entry(n - 1)), "evict beside take: the newest was evicted");
    let mut all = [taken, evicted].concat();
    all.sort_unstable();
    assert_eq!(all, (0..n).map(entry).collect::<Vec<_>>(), "evict beside take: one lost or doubled");
}

/// A peek beside an evicting producer shows a whole entry, never half of two (E13).
pub fn peek_beside_eviction(flaw: Flaw) {
    let n = lengths(2, 20);
    let (mut producer, mut consumer) = evicting::<2>(spec(1, u32::MAX), flaw);
    producer.push(entry(0)).expect("a fresh ring has room");
    let pusher = thread::spawn(move || {
        for i in 1..n {
            producer.evict_over(0, |_| ());
            producer.push(entry(i)).expect("eviction left room");
        }
    });
    for _ in 0..lengths(1, 10) {
        if let Some([word, inverse]) = consumer.peek(0) {
            assert_eq!(word, !inverse, "half of two entries");
        }
    }
    pusher.join().expect("the producer ran through");
}

/// A producer that pushes and goes: who sees it closed and then drains has everything (E20).
pub fn close_after_push(flaw: Flaw) {
    let n = lengths(2, 12);
    let (mut producer, mut consumer) = ring::<1>(spec(16, u32::MAX), flaw, false);
    let pusher = thread::spawn(move || {
        for i in 0..n {
            producer.push([i]).expect("sixteen fit");
        }
    });
    let mut got = Vec::new();
    loop {
        let closed = consumer.is_closed();
        got.extend(std::iter::from_fn(|| consumer.pop()));
        if closed {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(got, (0..n).map(|i| [i]).collect::<Vec<_>>(), "closed before the last entry was seen");
    pusher.join().expect("the producer ran through");
}

/// A consumer that takes one and goes: the producer recovers exactly the rest (E20, E2).
pub fn recover_after_close(flaw: Flaw) {
    let (mut producer, mut consumer) = ring::<1>(spec(4, u32::MAX), flaw, false);
    let popper = thread::spawn(move || consumer.pop());
    for i in 0..2 {
        producer.push([i]).expect("four fit");
    }
    while !producer.is_closed() {
        thread::yield_now();
    }
    let mut all = Vec::new();
    producer.recover(|entry| all.push(entry));
    all.extend(popper.join().expect("the consumer ran through"));
    all.sort_unstable();
    assert_eq!(all, [[0], [1]], "an entry lost or doubled");
}

/// Where a sleeper lies down: one token, as `std::thread::park` has it. (Loom's own `unpark` ends a `join`.)
#[derive(Default)]
pub(crate) struct Bed {
    woken: Mutex<bool>,
    bell: Condvar,
}

impl Bed {
    pub(crate) fn park(&self) {
        let mut woken = self.woken.lock().expect("nobody panics here");
        while !*woken {
            woken = self.bell.wait(woken).expect("nobody panics here");
        }
        *woken = false;
    }

    pub(crate) fn unpark(&self) {
        *self.woken.lock().expect("nobody panics here") = true;
        self.bell.notify_one();
    }
}

/// When the sleeper and the waker do what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Habit {
    /// Epoch, then look, then wait; publish, then bell.
    Sound,
    /// The bell rings before the entry is published.
    BellFirst,
    /// The epoch is taken after the last look for work.
    EpochLate,
}

/// A consumer that sleeps on an empty ring is woken for every entry: no lost bell (E27, W1, W3).
pub fn sleep_and_wake(habit: Habit, flaw: Flaw) {
    let n = lengths(1, 12);
    let (mut producer, mut consumer) = ring::<1>(spec(16, 0), Flaw::None, false);
    let bell = EventCount::new(Flawed::new(2, flaw), 0).expect("two words fit");
    let bed = Arc::new(Bed::default());
    let ring_bell = {
        let (bell, bed) = (bell.clone(), bed.clone());
        move || bell.notify(|| bed.unpark())
    };
    let pusher = thread::spawn(move || {
        for i in 0..n {
            if habit == Habit::BellFirst {
                ring_bell();
            }
            producer.push([i]).expect("sixteen fit");
            if habit != Habit::BellFirst {
                ring_bell();
            }
        }
    });
    for i in 0..n {
        loop {
            let early = bell.epoch();
            if let Some(got) = consumer.pop() {
                assert_eq!(got, [i]);
                break;
            }
            let seen = if habit == Habit::EpochLate { bell.epoch() } else { early };
            bell.wait(seen, || bed.park());
        }
    }
    pusher.join().expect("the producer ran through");
}

/// Two wakers, one sleeper: it sees what both of them wrote (W1 with several notifiers).
pub fn two_wakers(flaw: Flaw) {
    const FLAGS: [u32; 2] = [2, 3];
    let region = Flawed::new(4, flaw);
    let bell = EventCount::new(region.clone(), 0).expect("two words fit");
    let bed = Arc::new(Bed::default());
    let waker = |flag: u32| {
        let (bell, bed) = (bell.clone(), bed.clone());
        thread::spawn(move || {
            // SAFETY: the region has four words.
            // Relaxed: the bell is what makes it visible (W3).
            unsafe { bell.region().store(flag, 1, Ordering::Relaxed) };
            bell.notify(|| bed.unpark());
        })
    };
    let wakers = FLAGS.map(waker);
    loop {
        let seen = bell.epoch();
        // SAFETY: the region has four words.
        // Relaxed: the epoch taken before is what orders it (W3).
        if FLAGS.into_iter().all(|flag| unsafe { region.load(flag, Ordering::Relaxed) } == 1) {
            break;
        }
        bell.wait(seen, || bed.park());
    }
    for waker in wakers {
        waker.join().expect("the waker ran through");
    }
}
