extern crate std;

use super::{Consumer, Full, Producer, Spec, SpecError, Stale, split};
use crate::Inline;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

type Memory = Inline<512>;
type Ring<'a, const W: usize> = (Producer<&'a Memory, W>, Consumer<&'a Memory, W>);

fn ring<const W: usize>(memory: &Memory, capacity: u32, start: u64) -> Ring<'_, W> {
    split(memory, Spec::new(capacity).starting_at(start)).unwrap()
}

fn everywhere(test: impl Fn(u32, u64)) {
    for capacity in [1, 2, 4, 16] {
        for start in [0, u64::from(u32::MAX) - 2, (1 << 63) - 1] {
            test(capacity, start);
        }
    }
}

// RING-MPSC: entries of several come out in the order of their claims, whole, over laps, from any start
#[test]
fn entries_of_several_come_out_in_order_e1_e2_e19() {
    everywhere(|capacity, start| {
        let memory = Memory::new();
        let (one, mut consumer) = ring::<3>(&memory, capacity, start);
        let mut all = [one.clone(), one.clone(), one];
        let mut popped = 0;
        for i in 0..5 * capacity {
            all[i as usize % 3].push([i, !i, 7]).unwrap();
            if i % capacity == capacity - 1 {
                while let Some(entry) = consumer.pop() {
                    assert_eq!(entry, [popped, !popped, 7], "capacity {capacity}, start {start}");
                    popped += 1;
                }
            }
        }
        assert_eq!((popped, consumer.pop()), (5 * capacity, None), "an empty ring gives nothing (E22)");
    });
}

// RING-MPSC: exactly the capacity fits, whoever pushes, and the next entry comes back
#[test]
fn exactly_the_capacity_fits_and_the_next_entry_comes_back_e4() {
    everywhere(|capacity, start| {
        let memory = Memory::new();
        let (mut one, mut consumer) = ring::<4>(&memory, capacity, start);
        let mut other = one.clone();
        assert_eq!(other.room(), capacity);
        for i in 0..capacity {
            if i % 2 == 0 { &mut one } else { &mut other }.push([i; 4]).unwrap();
        }
        for producer in [&mut one, &mut other] {
            assert_eq!(producer.push([99; 4]), Err(Full([99; 4])));
            assert_eq!((producer.waiting(), producer.room()), (capacity, 0));
        }
        assert_eq!(consumer.waiting(), capacity);
        assert_eq!(consumer.pop(), Some([0; 4]), "a refused push changed nothing");
        assert_eq!((one.room(), other.push([5; 4])), (1, Ok(())));
        assert_eq!(one.push([6; 4]), Err(Full([6; 4])));
    });
}

// RING-MPSC: a batch is the longest prefix that fits, or that waits, in one piece
#[test]
fn a_batch_is_the_longest_prefix_in_one_piece_e14() {
    let memory = Memory::new();
    let (mut one, mut consumer) = ring::<2>(&memory, 8, u64::from(u32::MAX) - 3);
    let mut other = one.clone();
    let batch: Vec<_> = (0..6).map(|i| [i, i]).collect();
    assert_eq!((one.push_batch(&batch), other.push_batch(&batch), other.push_batch(&[])), (6, 2, 0));
    assert_eq!((consumer.peek(6), consumer.peek(7), consumer.peek(8)), (Some([0; 2]), Some([1; 2]), None));
    let mut into = [[9; 2]; 7];
    assert_eq!(consumer.pop_batch(&mut into), 7);
    assert_eq!(into.map(|entry| entry[0]), [0, 1, 2, 3, 4, 5, 0]);
    assert_eq!((consumer.pop_batch(&mut into), into[0]), (1, [1; 2]));
    assert_eq!(consumer.pop_batch(&mut into), 0);
    for i in 0..4 {
        one.push([i, i]).unwrap();
    }
    assert_eq!((consumer.take(), consumer.take(), other.waiting()), (Some([0; 2]), Some([1; 2]), 4));
    consumer.release();
    assert_eq!((other.waiting(), other.room()), (2, 6));
}

// RING-MPSC: the ring is closed once its last producer is gone, and drained then; or once its consumer is
#[test]
fn the_last_producer_closes_the_ring_e20() {
    let memory = Memory::new();
    let (mut one, mut consumer) = ring::<1>(&memory, 4, 0);
    let other = one.clone();
    one.push([1]).unwrap();
    drop(one);
    assert!(!consumer.is_closed() && !other.is_closed());
    drop(other);
    assert!(consumer.is_closed());
    assert_eq!((consumer.pop(), consumer.pop()), (Some([1]), None));
    let (one, consumer) = ring::<1>(&memory, 4, 0);
    drop(consumer);
    assert!(one.is_closed() && one.clone().is_closed());
}

// RING-MPSC: halves of an earlier split do nothing and close nobody
#[test]
fn halves_of_an_earlier_split_are_stale_rl_10() {
    let memory = Memory::new();
    let (mut old, mut gone) = ring::<2>(&memory, 4, 0);
    old.push([1, 1]).unwrap();
    let (mut one, mut consumer) = ring::<2>(&memory, 4, 0);
    assert_eq!((old.check(), gone.check(), one.check()), (Err(Stale), Err(Stale), Ok(())));
    assert_eq!((old.push([2, 2]), old.push_batch(&[[2, 2]]), old.room()), (Err(Full([2, 2])), 0, 0));
    assert_eq!((gone.pop(), gone.take(), gone.peek(0), gone.waiting()), (None, None, None, 0));
    assert!(old.is_closed() && gone.is_closed() && gone.pop_batch(&mut [[0; 2]]) == 0);
    drop((old.clone(), old, gone));
    assert!(!one.is_closed() && !consumer.is_closed());
    assert_eq!(consumer.pop(), None, "what was there before is nobody's");
    one.push([3, 3]).unwrap();
    assert_eq!(consumer.pop(), Some([3, 3]));
}

// RING-MPSC: what cannot be a ring is refused with its limit
#[test]
fn what_cannot_be_a_ring_is_refused_e4() {
    let memory = Memory::new();
    let refused = |spec: Spec| split::<_, 2>(&memory, spec).map(drop).unwrap_err();
    assert_eq!(refused(Spec::new(3)), SpecError::Capacity(3));
    assert_eq!(refused(Spec::new(4).line(3)), SpecError::Line(3));
    assert_eq!(refused(Spec::new(4).starting_at(1 << 63)), SpecError::Start(1 << 63));
    let long = Spec::new(256);
    assert_eq!(refused(long), SpecError::Short { need: u64::from(long.words::<2>()), have: 512 });
    let behind = Spec::new(4).at(101).line(8);
    assert!(split::<_, 2>(&memory, behind).is_ok());
    assert_eq!(behind.words::<2>(), 3 + 3 * 8 + 4 * 4);
}

// RING-MPSC: three producers on threads of their own and who pops: nothing is lost, doubled, torn or out of its order
#[test]
fn threads_share_a_ring_e25() {
    let n = if cfg!(miri) { 20 } else { 10_000 };
    let memory = Memory::new();
    let (one, mut consumer) = ring::<2>(&memory, 8, u64::from(u32::MAX) - 20);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (who, mut producer) in (0..).zip([one.clone(), one.clone(), one]) {
            let over = &over;
            scope.spawn(move || {
                for i in 0..n {
                    // Relaxed: ends a loop, orders nothing.
                    while producer.push([who, i]).is_err() && !over.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let mut next = [0; 3];
        loop {
            let closed = consumer.is_closed();
            while let Some([who, i]) = consumer.take() {
                let right = next[who as usize] == i;
                // Relaxed: as above.
                over.fetch_or(!right, Ordering::Relaxed);
                assert!(right, "{i} of {who} behind {next:?}");
                next[who as usize] += 1;
            }
            consumer.release();
            if closed {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(next, [n; 3]);
    });
}
