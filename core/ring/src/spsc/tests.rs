extern crate std;

use super::{Consumer, Full, Producer, Spec, SpecError, Stale, split, split_evicting, words};
use crate::Inline;
use std::collections::VecDeque;
use std::format;
use std::vec::Vec;

type Ring<'a, const W: usize> = (Producer<&'a Inline<256>, W>, Consumer<&'a Inline<256>, W>);

const CAPACITIES: [u32; 5] = [1, 2, 4, 8, 16];
const STARTS: [u32; 4] = [0, u32::MAX - 3, u32::MAX, i32::MAX as u32 - 1];

fn ring<const W: usize>(memory: &Inline<256>, capacity: u32, start: u32) -> Ring<'_, W> {
    split(memory, Spec::new(capacity).starting_at(start)).unwrap()
}

fn evicting<const W: usize>(memory: &Inline<256>, capacity: u32, start: u32) -> Ring<'_, W> {
    split_evicting(memory, Spec::new(capacity).starting_at(start)).unwrap()
}

fn everywhere(test: impl Fn(u32, u32)) {
    // Miri takes a second for what takes a microsecond elsewhere: three capacities over the wrap show it all slots.
    let (capacities, starts) =
        if cfg!(miri) { (&CAPACITIES[..3], &STARTS[1..2]) } else { (&CAPACITIES[..], &STARTS[..]) };
    for &capacity in capacities {
        for &start in starts {
            test(capacity, start);
        }
    }
}

#[test]
fn entries_come_out_in_order_over_three_laps_from_any_start_e1_e19() {
    everywhere(|capacity, start| {
        let memory = Inline::new();
        let (mut producer, mut consumer) = ring::<2>(&memory, capacity, start);
        for lap in 0..3 {
            for i in 0..capacity {
                producer.push([lap, i]).unwrap();
            }
            for i in 0..capacity {
                assert_eq!(consumer.pop(), Some([lap, i]), "capacity {capacity}, start {start}");
            }
            assert_eq!(consumer.pop(), None, "an empty ring gives nothing (E22)");
        }
    });
}

#[test]
fn exactly_the_capacity_fits_and_the_next_entry_comes_back_e4() {
    everywhere(|capacity, start| {
        let memory = Inline::new();
        let (mut producer, mut consumer) = ring::<4>(&memory, capacity, start);
        assert_eq!(producer.room(), capacity);
        for i in 0..capacity {
            assert!(producer.has_room(capacity - i) && !producer.has_room(capacity - i + 1));
            producer.push([i; 4]).unwrap();
        }
        assert_eq!(producer.push([99; 4]), Err(Full([99; 4])));
        assert_eq!((producer.waiting(), consumer.waiting(), producer.room()), (capacity, capacity, 0));
        assert_eq!(consumer.pop(), Some([0; 4]), "a refused push changed nothing");
        assert_eq!(producer.room(), 1);
    });
}

#[test]
fn a_staged_entry_is_seen_only_once_published_rl_1() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = ring::<2>(&memory, 4, u32::MAX);
    producer.stage([1, 1]).unwrap();
    producer.stage([2, 2]).unwrap();
    assert_eq!((consumer.pop(), consumer.waiting(), producer.staged()), (None, 0, 2));
    assert_eq!(producer.unstage(), Some([2, 2]));
    producer.publish();
    assert_eq!((consumer.pop(), consumer.pop()), (Some([1, 1]), None));
    assert_eq!(producer.unstage(), None, "what is published cannot be taken back");
}

#[test]
fn a_dropped_producer_published_nothing_that_was_only_staged_rl_1() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = ring::<2>(&memory, 4, 0);
    producer.push([1, 1]).unwrap();
    producer.stage([2, 2]).unwrap();
    drop(producer);
    assert!(consumer.is_closed());
    assert_eq!((consumer.pop(), consumer.pop()), (Some([1, 1]), None));
}

#[test]
fn taken_slots_return_at_release_or_with_half_the_ring_rl_2() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = ring::<2>(&memory, 8, u32::MAX - 3);
    for i in 0..8 {
        producer.push([i, i]).unwrap();
    }
    for i in 0..3 {
        assert_eq!(consumer.take(), Some([i, i]));
    }
    assert_eq!(producer.room(), 0, "three of eight are taken, none is released");
    consumer.release();
    assert_eq!(producer.room(), 3);
    for i in 3..7 {
        assert_eq!(consumer.take(), Some([i, i]));
    }
    assert!(producer.has_room(7), "the fourth take of eight released by itself");
}

#[test]
fn peek_shows_the_later_pop_at_every_offset_e13() {
    everywhere(|capacity, start| {
        for evict in [false, true] {
            let memory = Inline::new();
            let (mut producer, mut consumer) =
                if evict { evicting::<2>(&memory, capacity, start) } else { ring(&memory, capacity, start) };
            for i in 0..capacity {
                producer.push([i, !i]).unwrap();
            }
            for first in 0..capacity {
                for i in 0..capacity - first {
                    assert_eq!(consumer.peek(i), Some([first + i, !(first + i)]));
                }
                assert_eq!(consumer.peek(capacity - first), None);
                assert_eq!(consumer.pop(), Some([first, !first]));
            }
        }
    });
}

#[test]
fn a_batch_is_the_longest_prefix_that_fits_and_wraps_e14() {
    everywhere(|capacity, start| {
        for evict in [false, true] {
            let memory = Inline::new();
            let (mut producer, mut consumer) =
                if evict { evicting::<2>(&memory, capacity, start) } else { ring(&memory, capacity, start) };
            let entries: Vec<_> = (0..capacity + 3).map(|i| [i, i * 7]).collect();
            producer.push([77, 77]).unwrap();
            assert_eq!(producer.push_batch(&entries), capacity as usize - 1);
            assert_eq!(producer.push_batch(&entries), 0);
            let mut out = [[0; 2]; 32];
            assert_eq!(consumer.pop_batch(&mut out[..1]), 1);
            assert_eq!(out[0], [77, 77]);
            assert_eq!(consumer.pop_batch(&mut out), capacity as usize - 1);
            assert_eq!(out[..capacity as usize - 1], entries[..capacity as usize - 1]);
            assert_eq!(consumer.pop_batch(&mut out), 0);
            assert_eq!(consumer.pop_batch(&mut []), 0);
        }
    });
}

#[test]
fn a_consumer_drains_a_closed_ring_e20() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = ring::<2>(&memory, 4, 0);
    producer.push([1, 1]).unwrap();
    assert!(!consumer.is_closed() && !producer.is_closed());
    drop(producer);
    assert!(consumer.is_closed());
    assert_eq!((consumer.pop(), consumer.pop()), (Some([1, 1]), None));
}

#[test]
fn a_producer_recovers_exactly_what_a_closed_consumer_left_e20() {
    everywhere(|capacity, start| {
        let memory = Inline::new();
        let (mut producer, mut consumer) = ring::<2>(&memory, capacity, start);
        let mut back = Vec::new();
        for i in 0..capacity {
            producer.stage([i, i]).unwrap();
        }
        assert_eq!(producer.recover(|_| panic!("the consumer lives")), 0);
        producer.publish();
        assert_eq!(consumer.take(), Some([0, 0]));
        drop(consumer);
        assert!(producer.is_closed());
        producer.stage([capacity, capacity]).unwrap();
        assert_eq!(producer.recover(|entry| back.push(entry[0])), capacity);
        assert!(back.iter().copied().eq(1..=capacity), "the rest, oldest first: {back:?}");
        assert_eq!((producer.recover(|_| ()), producer.waiting(), producer.room()), (0, 0, capacity));
    });
}

#[test]
fn a_half_of_an_earlier_split_is_stale_and_touches_nothing_rl_10() {
    let memory = Inline::new();
    let (mut old_producer, mut old_consumer) = ring::<2>(&memory, 4, 0);
    old_producer.push([1, 1]).unwrap();
    old_producer.stage([2, 2]).unwrap();
    let (mut producer, mut consumer) = ring::<2>(&memory, 4, 0);
    producer.push([7, 7]).unwrap();
    assert_eq!((old_producer.check(), old_consumer.check()), (Err(Stale), Err(Stale)));
    assert_eq!((producer.check(), consumer.check()), (Ok(()), Ok(())));
    assert_eq!(old_producer.push([3, 3]), Err(Full([3, 3])));
    assert_eq!((old_producer.push_batch(&[[3, 3]]), old_producer.unstage()), (0, None));
    assert_eq!((old_producer.room(), old_producer.waiting(), old_consumer.waiting()), (0, 0, 0));
    old_producer.publish();
    assert_eq!((old_consumer.pop(), old_consumer.take(), old_consumer.peek(0)), (None, None, None));
    assert_eq!(old_consumer.pop_batch(&mut [[0; 2]]), 0);
    assert!(old_producer.is_closed() && old_consumer.is_closed());
    drop((old_producer, old_consumer));
    assert!(!producer.is_closed() && !consumer.is_closed(), "a stale half closes nobody");
    assert_eq!((consumer.pop(), consumer.pop()), (Some([7, 7]), None));
}

#[test]
fn a_stale_evicting_half_neither_evicts_nor_pops_rl_10() {
    let memory = Inline::new();
    let (mut old_producer, mut old_consumer) = evicting::<2>(&memory, 2, 0);
    old_producer.push([1, 1]).unwrap();
    let (mut producer, mut consumer) = evicting::<2>(&memory, 2, 0);
    producer.push([7, 7]).unwrap();
    assert_eq!(old_producer.evict_over(0, |_| panic!("a stale half evicted")), 0);
    assert_eq!((old_consumer.pop(), old_consumer.peek(0)), (None, None));
    assert_eq!(consumer.pop(), Some([7, 7]));
}

#[test]
fn eviction_takes_the_fewest_oldest_e8() {
    everywhere(|capacity, start| {
        let memory = Inline::new();
        let (mut producer, mut consumer) = evicting::<2>(&memory, capacity, start);
        for i in 0..capacity {
            producer.push([i, i]).unwrap();
        }
        let mut evicted = Vec::new();
        let keep = capacity / 2;
        assert_eq!(producer.evict_over(keep, |entry| evicted.push(entry[0])), capacity - keep);
        assert!(evicted.iter().copied().eq(0..capacity - keep));
        assert_eq!(producer.evict_over(keep, |_| panic!("nothing waits beyond {keep}")), 0);
        assert_eq!((producer.room(), consumer.waiting()), (capacity - keep, keep));
        for i in capacity - keep..capacity {
            assert_eq!(consumer.pop(), Some([i, i]));
        }
        assert_eq!(consumer.pop(), None);
    });
}

#[test]
fn eviction_counts_staged_entries_and_leaves_them_e8_rl_1() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = evicting::<2>(&memory, 4, u32::MAX);
    producer.push([1, 1]).unwrap();
    producer.stage([2, 2]).unwrap();
    producer.stage([3, 3]).unwrap();
    let mut evicted = Vec::new();
    assert_eq!(producer.evict_over(1, |entry| evicted.push(entry)), 1);
    assert_eq!((evicted, consumer.pop()), (std::vec![[1, 1]], None));
    producer.publish();
    assert_eq!((consumer.pop(), consumer.pop()), (Some([2, 2]), Some([3, 3])));
}

#[test]
fn a_ring_split_without_eviction_evicts_nothing_e7() {
    let memory = Inline::new();
    let (mut producer, mut consumer) = ring::<2>(&memory, 1, 0);
    producer.push([1, 1]).unwrap();
    assert_eq!(producer.evict_over(0, |_| panic!("evicted from a lossless ring")), 0);
    assert_eq!((producer.evicts(), consumer.pop()), (false, Some([1, 1])));
}

#[test]
fn a_cursor_outside_the_ring_reads_as_full_or_empty_rl_18() {
    use tidemill_seam::Region;
    let spec = Spec::new(4).line(1);
    for evicts in [false, true] {
        let memory = Inline::<64>::new();
        let make = if evicts { split_evicting::<_, 1> } else { split };
        let (_producer, mut consumer) = make(&memory, spec).unwrap();
        for wild in [5, 1000, 1 << 31, u32::MAX] {
            // SAFETY: words 0 and 1 are the two cursors, within the 64.
            unsafe { memory.write(0, &[wild]) };
            assert_eq!(
                (consumer.pop(), consumer.peek(0), consumer.pop_batch(&mut [[0]; 9])),
                (None, None, 0)
            );
        }
    }
    let memory = Inline::<64>::new();
    let (mut producer, _consumer) = split::<_, 1>(&memory, spec).unwrap();
    for i in 0..4 {
        producer.push([i]).unwrap();
    }
    for wild in [5, 1000, 1 << 31, u32::MAX] {
        // SAFETY: words 0 and 1 are the two cursors, within the 64.
        unsafe { memory.write(1, &[wild]) };
        assert_eq!((producer.push([9]), producer.room()), (Err(Full([9])), 0));
    }
}

#[test]
fn an_own_cursor_that_a_peer_overwrote_leads_no_access_out_of_the_ring_rl_18() {
    use tidemill_seam::Region;
    const CAPACITY: u32 = 4;
    let spec = Spec::new(CAPACITY).line(1);
    for evicts in [false, true] {
        // Exactly the ring's words, so that an access outside is one outside of the array.
        let memory = Inline::<{ Spec::new(CAPACITY).line(1).words::<1>() as usize }>::new();
        let make = if evicts { split_evicting } else { split };
        let (mut producer, consumer) = make(&memory, spec).unwrap();
        let mut evicted = 0;
        for (tail, claim) in [(0, 7), (u32::MAX, 3), (9, 1 << 31), ((1 << 31) + 4, 1 << 31)] {
            // SAFETY: words 0 and 1 are the two cursors.
            unsafe { memory.write(0, &[tail, claim]) };
            while producer.unstage().is_some() {}
            producer.evict_over(0, |_| evicted += 1);
            assert!(producer.room() <= CAPACITY);
            assert!(producer.push_batch(&[[1]; 9]) <= CAPACITY as usize);
        }
        assert!(evicted <= CAPACITY);
        drop(consumer);
    }
}

#[test]
fn a_spec_says_how_many_words_it_takes_and_a_short_region_is_refused() {
    assert_eq!(words::<2>(8), Spec::new(8).words::<2>());
    let narrow = Spec::new(8).line(1);
    assert_eq!(narrow.words::<2>(), 4 + 16, "sixteen bytes beside the slots");
    assert_eq!(Spec::new(8).line(32).words::<2>(), 96 + 16);
    assert_eq!(Spec::new(8).line(32).at(5).words::<2>(), 27 + 96 + 16, "the first line is rounded up to");
    assert_eq!(Spec::new(1 << 30).words::<4>(), u32::MAX, "longer than any region");
    let memory = Inline::<26>::new();
    assert!(split::<_, 2>(&memory, narrow.at(5)).is_ok(), "from word 6 on: a ring begins on a pair of words");
    let refused = split::<_, 2>(&memory, narrow.at(7)).unwrap_err();
    assert_eq!(refused, SpecError::Short { need: 28, have: 26 });
    assert_eq!(format!("{refused}"), "the ring needs 28 words of a region that has 26");
    for capacity in [0, 3, 12, (1 << 30) + 1, 1 << 31] {
        let refused = split::<_, 2>(&memory, Spec { capacity, ..narrow }).unwrap_err();
        assert_eq!(refused, SpecError::Capacity(capacity));
    }
    assert_eq!(split::<_, 2>(&memory, narrow.line(3)).unwrap_err(), SpecError::Line(3));
    assert_eq!(split::<_, 2>(&memory, narrow.line(0)).unwrap_err(), SpecError::Line(0));
}

#[test]
fn two_rings_share_a_region_side_by_side() {
    let memory = Inline::<64>::new();
    let first = Spec::new(4).line(1);
    let second = first.at(first.words::<2>());
    let (mut a, mut x) = split::<_, 2>(&memory, first).unwrap();
    let (mut b, mut y) = split::<_, 2>(&memory, second).unwrap();
    for i in 0..4 {
        a.push([i, 0]).unwrap();
        b.push([i, 1]).unwrap();
    }
    for i in 0..4 {
        assert_eq!((x.pop(), y.pop()), (Some([i, 0]), Some([i, 1])));
    }
}

mod histories;

/// The obviously right ring.
#[derive(Default, Debug)]
struct Model {
    waiting: VecDeque<[u32; 2]>,
    staged: VecDeque<[u32; 2]>,
}
