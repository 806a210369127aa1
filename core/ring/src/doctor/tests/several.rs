//! Rings of several producers, judged.

use super::*;
use crate::claim::{Run, claimed, settled};
use crate::index::Mark;
use crate::multi::MultiProducer;

fn shared() -> Spec {
    spec().producers(3)
}

fn made(claims: &Local) -> Memory {
    let memory = Memory::new();
    Segment::create(&memory, &shared(), SegmentId(1), Creator::default(), claims).expect("it fits");
    memory
}

/// Items, a claim that is given up, batches, and whatever holds them up seen to.
fn share(party: &Party<'_>) {
    let Some(segment) = party.segment() else { return };
    let Ok(mut tx) = segment.multi_producer::<Item, _>(party, Identity::default()) else { return };
    for i in 0..14 {
        if i == 5 {
            drop(tx.claim());
        } else if i % 5 == 3 {
            let _ = tx.try_batch(2, |_| [i, !i]);
        } else if tx.try_push([i, !i]).is_err() {
            tx.tend(Instant::from_nanos(u64::from(i) * 100));
        }
    }
}

const ROLES: [fn(&Party<'_>); 4] = [
    share,
    |party| consume(party, "risk", 0, 5),
    |party| consume(party, "kept", 9, 1),
    |party| {
        party.segment().map(|segment| repair(&segment, party));
    },
];

// RING-TOOL, RING-MPSC: a death at any store of one of several, or of who reads beside them, breaks no law; a repair ends it
// (RL-11, RL-12).
#[test]
fn whoever_dies_among_several_breaks_no_law_rl_11_rl_12() {
    let begin = |claims: &Local| {
        let memory = made(claims);
        share(&Party::new(&memory, claims, u64::MAX));
        memory
    };
    let (deaths, cured) = deaths_and_cures(&ROLES, begin, if cfg!(miri) { 23 } else { 1 });
    assert!(cfg!(miri) || (deaths > 300 && cured > 50), "{deaths} deaths, {cured} cures");
}

/// A consumer at 2, nine items of two producers that live, and a claim of the second.
fn ring() -> Ring {
    let claims = Local::new();
    let memory = made(&claims);
    let segment = Segment::attach(&memory).expect("a ring");
    let view = segment.header().layout;
    let join = || segment.clone().multi_producer::<Item, _>(&claims, Identity::default()).expect("free");
    let (mut one, mut two): (MultiProducer<Item, _, _>, MultiProducer<Item, _, _>) = (join(), join());
    let mut rx = segment.clone().consumer::<Item, _>(&claims, &peer("risk"), Start::Earliest).expect("free");
    for i in 0..9 {
        let tx = if i % 2 == 0 { &mut one } else { &mut two };
        if tx.try_push([i; 2]).is_err() {
            drop(rx.try_next());
            drop(rx.try_next());
            tx.try_push([i; 2]).expect("there is room");
        }
    }
    core::mem::forget(two.claim().expect("there is room"));
    // They go on living.
    core::mem::forget((one, two, rx));
    Ring { memory, claims, view }
}

impl Ring {
    fn pair(&self, at: At, value: u64) {
        // SAFETY: a pair of the layout, within the memory.
        unsafe { self.memory.store_pair(at.0, value, Ordering::Relaxed) };
    }
}

const FIRST: u32 = Layout::POSTS;
const WRONGS: [Wrong; 15] = [
    (|ring| ring.word(Layout::STATE, 2 | 1 << 3), Symptom::State, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.gate, 9), Symptom::Gate, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.published, 11), Symptom::Published, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.published, u64::MAX), Symptom::Published, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.post(1).plus(10), 3), Symptom::Unheard, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.post(0).plus(2), Run::new(11, 1).encode()), Symptom::Claim, FIRST),
    (|ring| ring.pair(ring.view.post(0).plus(2), Run::new(8, 4).encode()), Symptom::Claim, FIRST),
    (|ring| ring.pair(ring.view.entry(5), 0), Symptom::Unclaimed, Layout::PRODUCER),
    (
        |ring| ring.pair(ring.view.entry(5), settled(5 - 4, 0, Mark::Committed)),
        Symptom::Unclaimed,
        Layout::PRODUCER,
    ),
    (|ring| ring.pair(ring.view.entry(5), claimed(5, 7)), Symptom::Owner, Layout::PRODUCER),
    (|ring| ring.pair(ring.view.entry(5), claimed(5, 2)), Symptom::Owner, Layout::PRODUCER),
    (
        |ring| ring.pair(ring.view.entry(5), settled(13, 0, Mark::Committed)),
        Symptom::Lapped,
        Layout::PRODUCER,
    ),
    (|ring| ring.claims.release(FIRST + 1, 1), Symptom::Dead, FIRST + 1),
    (|ring| ring.set(ring.view.cursor(0), 11), Symptom::Ahead, 0),
    (|ring| ring.word(ring.view.event(1).plus(2), FIRST + 3), Symptom::Event, Layout::PRODUCER),
];

// RING-TOOL, RING-UNTRUSTED, RING-MPSC: each law of several that words can show broken is named, and a sound ring breaks none.
#[test]
fn each_broken_law_of_several_is_named() {
    assert_eq!(ring().symptoms(), []);
    for (i, (write, symptom, slot)) in WRONGS.into_iter().enumerate() {
        let ring = ring();
        write(&ring);
        let symptoms = ring.symptoms();
        assert!(symptoms.contains(&(symptom, slot)), "{i}: {symptom:?} of {slot} is not in {symptoms:?}");
        for finding in found(&ring.memory, &ring.claims).expect("a ring") {
            let text = std::format!("{finding}; {}", finding.symptom.cure());
            assert!(text.starts_with(finding.symptom.law()) && text.contains(" word "), "{text}");
        }
    }
}

// RING-TOOL, RING-MPSC: a ring of several at work breaks no law by being looked at.
#[test]
fn a_ring_of_several_at_work_is_not_blamed_for_moving() {
    let claims = Local::new();
    let memory = made(&claims);
    let segment = Segment::attach(&memory).expect("a ring");
    let join = || segment.clone().multi_producer::<Item, _>(&claims, Identity::default()).expect("free");
    let mut all = [join(), join()];
    let mut rx = segment.clone().consumer::<Item, _>(&claims, &peer("risk"), Start::Earliest).expect("free");
    for turn in 0..30 {
        if turn % 3 == 0 {
            core::mem::forget(all[turn % 2].claim());
        }
        let first = copied(&memory);
        let doctor = Doctor::meet(&first, memory.words(), &claims).expect("a ring");
        for i in 0..turn as u32 * 2 {
            if turn % 3 != 0 || i % 2 != turn as u32 % 2 {
                let _ = all[i as usize % 2].try_push([i; 2]);
            }
            drop(rx.try_next());
        }
        if turn % 7 == 6 {
            drop(all);
            all = [join(), join()];
        }
        let second = copied(&memory);
        doctor.examine(&second, &mut |finding| panic!("turn {turn}: {finding}")).expect("the same ring");
    }
}

// RING-TOOL, RING-UNTRUSTED: whatever stands in any word of a ring of several, a doctor ends, and says so in sentences.
#[test]
fn no_word_of_several_makes_a_doctor_panic() {
    let layout = Layout::of(&shared()).expect("a ring");
    for at in (0..layout.data.0).step_by(if cfg!(miri) { 61 } else { 1 }) {
        for value in [0, 1, 7, 1 << 31, u32::MAX - 3, u32::MAX] {
            let ring = ring();
            ring.word(At(at), value);
            let findings = found(&ring.memory, &ring.claims).unwrap_or_default();
            assert!(findings.len() < 200, "{at}: {}", findings.len());
            let _ = Segment::attach(&ring.memory).map(|segment| repair(&segment, &ring.claims));
        }
    }
}
