//! Words, elements and positions: what depends on how they are cut.

use super::*;
use crate::element::Plain;
use crate::layout::At;
use crate::view::View;
use core::sync::atomic::Ordering;
use tidemill_seam::Region;

fn crosses<E: Plain + PartialEq + core::fmt::Debug>(make: impl Fn(u64) -> E) {
    let (memory, world) = (Inline::<4096>::new(), World::default());
    let spec = Spec::of::<E>(4).participants(2);
    let segment = Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &world).unwrap();
    let mut tx = segment.clone().producer::<E, _>(&world, WHO).unwrap();
    let mut rx = segment.consumer::<E, _>(&world, &peer("reads"), Start::Earliest).unwrap();
    for i in 0..20 {
        tx.try_push(make(i)).unwrap();
        match rx.try_next() {
            Some(Next::Item(lease)) => assert_eq!(*lease, make(i)),
            other => panic!("{other:?}"),
        }
    }
    for n in [1, 4, 3, 2, 4] {
        let Position(first) = tx.try_batch(n, |Position(at)| make(at)).unwrap();
        let mut seen = first;
        rx.poll(u32::MAX, |got, Position(at), last| {
            assert_eq!((got, at, last), (&make(seen), seen, at + 1 == first + u64::from(n)));
            seen += 1;
        });
        assert_eq!(seen, first + u64::from(n));
    }
}

#[test]
fn elements_of_every_size_cross_whole() {
    crosses(|i| i as u8);
    crosses(|i| [i as u8; 3]);
    crosses(|i| [i as u16; 3]);
    crosses(|i| i as u32);
    crosses(|i| [i as u32; 3]);
    crosses(|i| i);
    crosses(|i| i as f64);
    crosses(|i| u128::from(i) << 90 | 3);
    crosses(|i| core::array::from_fn::<u8, 71, _>(|at| (at as u64 * 7 + i) as u8));
    crosses(|i| core::array::from_fn::<u8, 67, _>(|at| (at as u64 * 7 + i) as u8));
    crosses(|i| core::array::from_fn::<u64, 100, _>(|at| at as u64 * 7 + i));
}

/// Sets a ring that was just made as far as if `at` items had crossed it.
fn far_on(memory: &Memory, at: u64) {
    let view = View::new(memory, attached(memory).header().layout).unwrap();
    view.set(view.layout().published, at);
    view.set(view.layout().gate, at);
}

// RING-NARROW: batches of any length cross the end of the ring and half-laps, and so do items that are taken one by one, whether
// or not somebody may sleep.
#[test]
fn batches_cross_half_laps_and_the_end_of_the_ring() {
    for (at, parks) in [(1 << 31, true), (1 << 31, false), (1 << 32, true), (5 << 31, false)] {
        let (memory, world, begin) = (Memory::new(), World::default(), at - 70);
        let spec = spec(64);
        made(&memory, &world, &if parks { spec } else { spec.spin_only() });
        far_on(&memory, begin);
        let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
        let mut tx = producer(&memory, &world);
        let mut seen = begin;
        for n in (1..40).chain(60..=64) {
            assert_eq!(tx.try_batch(n, |Position(at)| item(at)).unwrap(), Position(seen));
            while seen % 3 > 0
                && let Some(Next::Item(lease)) = rx.try_next()
            {
                assert_eq!((*lease, lease.position().0), (item(seen), seen));
                drop(lease);
                seen += 1;
            }
            rx.poll(n, |got, Position(at), _| {
                assert_eq!((*got, at), (item(seen), seen));
                seen += 1;
            });
            assert_eq!(
                (rx.position().0, tx.published().0, tx.is_consumed(Position(seen))),
                (seen, seen, true)
            );
        }
        drop(rx);
        let late = consumer(&memory, &world, "late", Start::Latest);
        assert_eq!(late.position().0, seen);
    }
}

// RING-NARROW: positions are of 64 bits although no word is: a half-lap of the low one changes nothing.
#[test]
fn positions_cross_half_laps_of_the_low_word() {
    for at in [(1 << 31) - 3, (1 << 32) - 3, (3 << 31) - 3, (1 << 40) - 3] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(4).history(2));
        far_on(&memory, at);
        let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
        let mut ui = reader(&memory, &world, "ui", Policy::Lossy);
        assert_eq!((rx.position().0, ui.position().0), (at, at));
        for _ in 0..2 {
            let mut tx = producer(&memory, &world);
            push(&mut tx, 4);
            let end = tx.published().0;
            drain(&mut rx);
            assert_eq!(drain(&mut rx).end, end, "behind the news of a restart");
            let mut seen = ui.position().0;
            while seen < end {
                match ui.try_next() {
                    Some(Next::Item(got)) => assert_eq!(got, item(seen)),
                    Some(Next::Lagged { to, .. }) => {
                        seen = to.0;
                        continue;
                    }
                    Some(Next::Restarted { .. }) => continue,
                    other => panic!("{other:?}"),
                }
                seen += 1;
            }
        }
        let late = consumer(&memory, &world, "late", Start::Earliest);
        assert!(late.position().0 >= at + 4 && late.position().0 <= at + 6);
    }
}

#[test]
fn a_position_whose_writer_died_between_its_words_is_the_one_before() {
    let (memory, world) = (Memory::new(), World::default());
    let segment = made(&memory, &world, &spec(4));
    let view = View::new(&memory, segment.header().layout).unwrap();
    let at = view.layout().published;
    for half in [1_u64, 2, 3, 1 << 20] {
        let (from, to) = ((half << 31) - 1, (half << 31) + 1);
        view.set(at, from);
        view.store(at.plus(1), (to >> 31) as u32, Ordering::Release);
        assert_eq!(view.position(at), from, "the high word alone moves nothing");
        view.advance(at, from - 1, from);
        assert_eq!(view.position(at), from, "nor does a step within the half-lap behind it");
        view.advance(at, from, to);
        assert_eq!(view.position(at), to);
    }
}

// RING-UNTRUSTED: whatever a peer stores into any word of the control area, no call of ours panics, leaves the region or
// runs away, and a consumer gives nothing but items, news and faults.
#[test]
fn a_word_that_nobody_writes_is_a_fault_and_never_a_panic_rl_18() {
    let layout = Layout::of(&spec(8).history(2)).unwrap();
    let control = Layout::STATE.0..layout.data.0;
    for at in control.step_by(if cfg!(miri) { 61 } else { 1 }) {
        for value in [0, 1, 7, 9, 1 << 31, u32::MAX - 3, u32::MAX] {
            let (memory, world) = (Memory::new(), World::default());
            made(&memory, &world, &spec(8).history(2));
            let mut tx = producer(&memory, &world);
            let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
            let mut ui = reader(&memory, &world, "ui", Policy::Lossy);
            push(&mut tx, 6);
            memory.word(at).unwrap().store(value, Ordering::Relaxed);
            for _ in 0..20 {
                drop(rx.try_next());
                let _ = (rx.tend(), rx.peek(1), ui.try_next(), ui.tend());
                let _ = tx.try_push(item(tx.published().0));
                let _ = tx.tend(Instant::from_nanos(9));
            }
            if let Ok(segment) = Segment::attach(&memory) {
                assert!(segment.participants().count() <= 4);
                assert!(segment.journal().count() <= 16);
                for start in [Start::Earliest, Start::Resume, Start::Latest] {
                    drop(segment.clone().consumer::<Item, _>(&world, &peer("new"), start));
                }
                drop(segment.producer::<Item, _>(&world, WHO));
            }
        }
    }
}

#[test]
fn a_publication_that_cannot_be_is_a_fault_rl_18() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8).history(2));
    let mut tx = producer(&memory, &world);
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    push(&mut tx, 6);
    let at = attached(&memory).header().layout.published.0;
    memory.word(at).unwrap().store(9, Ordering::Relaxed);
    let Some(Next::Fault(fault)) = rx.try_next() else { panic!("nine are more than eight") };
    assert_eq!((fault.slot, fault.word, fault.value, fault.allowed), (Layout::PRODUCER, at, 9, (0, 8)));
    core::mem::forget(tx);
    world.kill(Layout::PRODUCER);
    let taken = attached(&memory).producer::<Item, _>(&world, WHO);
    assert!(matches!(taken, Err(OpenError::Fault(fault)) if fault.value == 9));
}

#[test]
fn a_handle_is_the_region_and_its_journal() {
    let (memory, world) = (Memory::new(), World::default());
    let segment = made(&memory, &world, &spec(4));
    assert_eq!(segment.region().words(), WORDS as u32);
    for i in 0..40 {
        drop(consumer(&memory, &world, "in-and-out", Start::Latest));
        assert!(segment.journal().count() <= 16 && i < 40);
    }
    let kinds: Vec<Kind> = segment.journal().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Joined, Kind::Left].repeat(8));
    let numbers: Vec<u32> = segment.journal().map(|entry| entry.number).collect();
    assert!(numbers.is_sorted() && numbers.len() == 16);
    let torn = attached(&memory).header().layout.event(numbers[3]);
    memory.word(At(torn.0).0).unwrap().store(0, Ordering::Relaxed);
    assert_eq!(segment.journal().count(), 15, "an event that is not whole is not told");
}
