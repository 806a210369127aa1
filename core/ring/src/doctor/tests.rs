extern crate std;

use super::{Cure, Doctor, Finding, Symptom, copy, repair};
use crate::header::{AttachError, Creator, Field, SegmentId};
use crate::layout::{At, Layout, Spec};
use crate::table::{Identity, Peer, PeerName, Policies, State};
use crate::view::View;
use crate::{Inline, Local, Next, Policy, Segment, Start};
use core::cell::{Cell, RefCell};
use core::sync::atomic::Ordering;
use std::vec::Vec;
use tidemill_seam::{Claimed, Duration, Exchange, Instant, Life, Liveness, Region};

mod several;

const WORDS: usize = 1 << 10;
type Memory = Inline<WORDS>;
type Item = [u32; 2];

fn spec() -> Spec {
    Spec::of::<Item>(8).history(2).line(1).page(1).participants(4).journal(16)
}

/// A process: from its death on nothing that it stores or claims counts, and what it claimed is nobody's.
struct Party<'m> {
    memory: &'m Memory,
    claims: &'m Local,
    left: Cell<u64>,
    died: Cell<bool>,
    held: RefCell<Vec<(u32, u32)>>,
}

impl<'m> Party<'m> {
    /// One that dies before its `left`-th store.
    fn new(memory: &'m Memory, claims: &'m Local, left: u64) -> Self {
        Self { memory, claims, left: Cell::new(left), died: Cell::new(false), held: RefCell::default() }
    }

    fn lives(&self) -> bool {
        !self.died.get()
    }

    /// Whether this store is made.
    fn count(&self) -> bool {
        self.died.set(self.died.get() || self.left.get() == 0);
        self.left.set(self.left.get().saturating_sub(1));
        self.lives()
    }

    fn segment(&self) -> Option<Segment<&Self>> {
        Segment::attach(self).ok()
    }
}

impl Drop for Party<'_> {
    fn drop(&mut self) {
        for (slot, generation) in self.held.take() {
            self.claims.release(slot, generation);
        }
    }
}

// SAFETY: the words of the memory, each store of which is made as it was asked for, or never.
unsafe impl Region for Party<'_> {
    fn words(&self) -> u32 {
        self.memory.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.memory.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        if self.count() {
            // SAFETY: the caller's promise, handed on.
            unsafe { self.memory.store(at, value, order) }
        }
    }
    fn is_wide(&self) -> bool {
        self.memory.is_wide()
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.memory.load_pair(at, order) }
    }
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        if self.count() {
            // SAFETY: the caller's promise, handed on.
            unsafe { self.memory.store_pair(at, value, order) }
        }
    }
    fn fence(&self, order: Ordering) {
        self.memory.fence(order);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Party<'_> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        if !self.count() {
            return Ok(());
        }
        // SAFETY: the caller's promise, handed on.
        unsafe { self.memory.compare_exchange(at, current, new) }
    }
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        if !self.count() {
            return Ok(());
        }
        // SAFETY: the caller's promise, handed on.
        unsafe { self.memory.compare_exchange_pair(at, current, new) }
    }
}

impl Liveness for Party<'_> {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        if self.lives() {
            self.claims.claim(slot, generation)?;
            self.held.borrow_mut().push((slot, generation));
        }
        Ok(())
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        self.claims.probe(slot, generation)
    }
    fn release(&self, slot: u32, generation: u32) {
        if self.lives() {
            self.held.borrow_mut().retain(|held| *held != (slot, generation));
            self.claims.release(slot, generation);
        }
    }
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

fn create<R: Exchange>(memory: R, live: &impl Liveness) -> Option<Segment<R>> {
    Segment::create(memory, &spec(), SegmentId(1), Creator::default(), live).ok()
}

fn copied(memory: &Memory) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    copy(&memory, &mut words);
    words
}

/// What a doctor finds in a ring that nobody works on.
fn found(memory: &Memory, live: &impl Liveness) -> Result<Vec<Finding>, AttachError> {
    let (words, mut findings) = (copied(memory), Vec::new());
    let doctor = Doctor::meet(&words, memory.words(), live)?;
    doctor.examine(&words, &mut |finding| findings.push(finding))?;
    Ok(findings)
}

fn produce(party: &Party<'_>) {
    let Some(segment) = party.segment() else { return };
    let Ok(mut tx) = segment.producer::<Item, _>(party, Identity::default()) else { return };
    for i in 0..14 {
        if tx.try_push([i, !i]).is_err() {
            tx.tend(Instant::from_nanos(u64::from(i) * 100));
            tx.tend(Instant::from_nanos(u64::from(i) * 100 + 50));
        }
    }
}

fn consume(party: &Party<'_>, name: &str, hold: u64, items: usize) {
    let Some(segment) = party.segment() else { return };
    let own = peer(name).hold(Duration::from_nanos(hold));
    let Ok(mut rx) = segment.consumer::<Item, _>(party, &own, Start::Resume) else { return };
    for _ in 0..items {
        drop(rx.try_next());
    }
}

fn read(party: &Party<'_>, policy: Policy) {
    let Some(segment) = party.segment() else { return };
    let own = peer("reads").policy(policy);
    let Ok(mut rx) = segment.reader::<Item, _>(party, &own, Start::Earliest) else { return };
    for i in 0..4 {
        let _ = rx.try_next();
        if i == 1 {
            let other = Party::new(party.memory, party.claims, u64::MAX);
            produce(&other);
        }
    }
}

const EVICT: Policy = Policy::Evict { after: Duration::from_nanos(20) };
const ROLES: [fn(&Party<'_>); 6] = [
    produce,
    |party| consume(party, "risk", 0, 5),
    |party| consume(party, "kept", 9, 1),
    |party| read(party, Policy::Lossy),
    |party| read(party, EVICT),
    |party| {
        party.segment().map(|segment| repair(&segment, party));
    },
];

/// A ring that has been at work.
fn worked(claims: &Local) -> Memory {
    let memory = Memory::new();
    create(&memory, claims).expect("it fits");
    for role in [ROLES[0], ROLES[1], ROLES[3]] {
        role(&Party::new(&memory, claims, u64::MAX));
    }
    memory
}

fn blames(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding.symptom.cure(), Cure::Anew | Cure::Nothing))
}

/// Each role dies before every `step`-th of its stores in a ring that `begin` makes, and each comes behind it: no law is broken,
/// and a repair frees every place of a dead one. Gives the deaths, and the places that were freed.
fn deaths_and_cures(roles: &[fn(&Party<'_>)], begin: fn(&Local) -> Memory, step: usize) -> (u32, usize) {
    let (mut deaths, mut cured) = (0, 0);
    for role in roles {
        for next in roles {
            for left in (0..).step_by(step) {
                let claims = Local::new();
                let memory = begin(&claims);
                let party = Party::new(&memory, &claims, left);
                role(&party);
                let died = !party.lives();
                drop(party);
                let after = found(&memory, &claims).expect("a ring");
                assert!(!blames(&after), "store {left}: {after:?}");
                next(&Party::new(&memory, &claims, u64::MAX));
                let after = found(&memory, &claims).expect("a ring");
                assert!(!blames(&after), "behind store {left}: {after:?}");
                let segment = Segment::attach(&memory).expect("a ring");
                let dead = after.iter().filter(|one| one.symptom == Symptom::Dead).count();
                assert_eq!(repair(&segment, &claims).freed as usize, dead);
                let healed = found(&memory, &claims).expect("a ring");
                assert!(healed.iter().all(|one| one.symptom != Symptom::Dead), "{healed:?}");
                (deaths, cured) = (deaths + u32::from(died), cured + dead);
                if !died {
                    break;
                }
            }
        }
    }
    (deaths, cured)
}

// RING-TOOL: a death at any store of anybody leaves what a successor cures, and nothing that breaks a law; a repair ends it
#[test]
fn whoever_dies_at_whatever_store_breaks_no_law() {
    let (deaths, cured) = deaths_and_cures(&ROLES, worked, if cfg!(miri) { 17 } else { 1 });
    assert!(cfg!(miri) || (deaths > 500 && cured > 100), "{deaths} deaths, {cured} cures");
}

// RING-TOOL: a maker that died has left nothing to judge
#[test]
fn what_is_being_made_is_not_judged() {
    let (memory, claims) = (Memory::new(), Local::new());
    assert_eq!(found(&memory, &claims), Err(AttachError::NotReady));
    for left in (0..1_000).step_by(31) {
        let (memory, claims) = (Memory::new(), Local::new());
        let party = Party::new(&memory, &claims, left);
        create(&party, &party);
        let died = !party.lives();
        drop(party);
        assert_eq!(found(&memory, &claims).is_err(), died, "store {left}");
    }
}

struct Ring {
    memory: Memory,
    claims: Local,
    view: Layout,
}

impl Ring {
    /// With a consumer at 2, a lossy reader at 1, and 9 items.
    fn new(spec: Spec) -> Self {
        let (memory, claims) = (Memory::new(), Local::new());
        let segment = Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &claims);
        let segment = segment.expect("it fits");
        let view = segment.header().layout;
        let mut tx = segment.clone().producer::<Item, _>(&claims, Identity::default()).expect("free");
        let mut rx =
            segment.clone().consumer::<Item, _>(&claims, &peer("risk"), Start::Earliest).expect("free");
        let lossy = peer("ui").policy(Policy::Lossy);
        let mut ui = segment.reader::<Item, _>(&claims, &lossy, Start::Earliest).expect("free");
        for i in 0..9 {
            if tx.try_push([i; 2]).is_err() {
                drop(rx.try_next());
                drop(rx.try_next());
                assert_eq!(ui.try_next(), Some(Next::Item([0; 2])));
                tx.try_push([i; 2]).expect("there is room");
            }
        }
        // They go on living.
        core::mem::forget((tx, rx, ui));
        Self { memory, claims, view }
    }

    fn set(&self, at: At, value: u64) {
        let view = View::new(&self.memory, self.view).expect("it fits");
        view.set(at, value);
    }

    fn word(&self, at: At, value: u32) {
        self.memory.word(at.0).expect("it fits").store(value, Ordering::Relaxed);
    }

    /// Makes a count be that from position 0 on.
    fn count(&self, at: At, total: u64) {
        self.set(at.plus(2), total);
        self.set(at, 0);
    }

    fn symptoms(&self) -> Vec<(Symptom, u32)> {
        let findings = found(&self.memory, &self.claims).expect("a ring");
        findings.iter().map(|one| (one.symptom, one.slot)).collect()
    }
}

/// What somebody writes who should not, and what it is called.
type Wrong = (fn(&Ring), Symptom, u32);

const WRONGS: [Wrong; 21] = [
    (|ring| ring.word(Layout::STATE, 6), Symptom::State, Layout::PRODUCER),
    (|ring| ring.word(Layout::STATE, 3), Symptom::State, Layout::PRODUCER),
    (|ring| ring.set(Layout::RESTART, 10), Symptom::Restart, Layout::PRODUCER),
    (|ring| ring.set(ring.view.gate, 8), Symptom::Gate, Layout::PRODUCER),
    (|ring| ring.set(ring.view.published, 12), Symptom::Published, Layout::PRODUCER),
    (|ring| ring.count(ring.view.unheard(), 7), Symptom::Unheard, Layout::PRODUCER),
    (|ring| ring.word(ring.view.ctl(3), 7), Symptom::Ctl, 3),
    (|ring| ring.word(ring.view.ctl(3), 1 << 4), Symptom::Ctl, 3),
    (|ring| ring.word(ring.view.ctl(0), 2 | 1 << 3 | 1 << 7), Symptom::Role, 0),
    (|ring| ring.word(ring.view.ctl(0), 6 | 1 << 7), Symptom::Evicted, 0),
    (|ring| ring.word(ring.view.record(0).plus(5), 0x20), Symptom::Nameless, 0),
    (
        |ring| {
            let name = ring.view.record(1).plus(5);
            ring.word(name, u32::from_le_bytes(*b"risk"));
        },
        Symptom::Twin,
        1,
    ),
    (|ring| ring.set(ring.view.cursor(1), 10), Symptom::Ahead, 1),
    (|ring| ring.set(ring.view.published, 11), Symptom::Overtaken, 0),
    (|ring| ring.set(ring.view.record(1).plus(11), 12), Symptom::Start, 1),
    (|ring| ring.count(ring.view.record(1).plus(21), 5), Symptom::Lagged, 1),
    (|ring| ring.word(ring.view.ctl(0), 4 | 1 << 7), Symptom::Alive, 0),
    (|ring| ring.claims.release(0, 1), Symptom::Dead, 0),
    (|ring| ring.claims.release(Layout::PRODUCER, 1), Symptom::Orphaned, Layout::PRODUCER),
    (|ring| ring.word(ring.view.event(1).plus(1), 99), Symptom::Event, Layout::PRODUCER),
    (|ring| ring.word(ring.view.event(9), 19), Symptom::Event, Layout::PRODUCER),
];

// RING-TOOL, RING-UNTRUSTED: each law that words can show broken is named with the slot, and a sound ring breaks none
#[test]
fn each_broken_law_is_named() {
    assert_eq!(Ring::new(spec()).symptoms(), []);
    for (i, (write, symptom, slot)) in WRONGS.into_iter().enumerate() {
        let ring = Ring::new(spec());
        write(&ring);
        let symptoms = ring.symptoms();
        assert!(symptoms.contains(&(symptom, slot)), "{i}: {symptom:?} of {slot} is not in {symptoms:?}");
        for finding in found(&ring.memory, &ring.claims).expect("a ring") {
            let text = std::format!("{finding}; {}", finding.symptom.cure());
            assert!(text.starts_with(finding.symptom.law()) && text.contains(" word "), "{text}");
        }
    }
    let (memory, claims) = (Memory::new(), Local::new());
    let plain = spec().history(0).policies(Policies::BLOCK);
    let segment = Segment::create(&memory, &plain, SegmentId(1), Creator::default(), &claims);
    let segment = segment.expect("it fits");
    let view = segment.header().layout;
    let _rx = segment.consumer::<Item, _>(&claims, &peer("risk"), Start::Earliest).expect("free");
    let ring = Ring { memory: Memory::new(), claims: Local::new(), view };
    for (at, word) in (0..).zip(copied(&memory)) {
        ring.word(At(at), word);
    }
    ring.word(view.ctl(0), 2 | 1 << 3 | 1 << 5 | 1 << 7);
    let symptoms = ring.symptoms();
    for symptom in [Symptom::Policy, Symptom::NoHistory] {
        assert!(symptoms.contains(&(symptom, 0)), "{symptom:?} is not in {symptoms:?}");
    }
}

#[test]
fn a_segment_whose_header_is_wrong_is_refused_by_the_field() {
    let ring = Ring::new(spec());
    ring.word(At(8), 16);
    let error = found(&ring.memory, &ring.claims).expect_err("another capacity than was made");
    assert!(matches!(error, AttachError::Incompatible(error) if error.field == Field::Checksum), "{error}");
}

// RING-TOOL: a dead one is seen with its place, and the place of one that is waited for is kept
#[test]
fn a_repair_frees_the_dead_and_keeps_what_is_kept() {
    let (memory, claims) = (Memory::new(), Local::new());
    let segment = create(&memory, &claims).expect("it fits");
    for own in [peer("gone"), peer("held").hold(Duration::from_nanos(9))] {
        let rx = segment.clone().consumer::<Item, _>(&claims, &own, Start::Earliest).expect("free");
        claims.release(rx.slot(), 1);
        core::mem::forget(rx);
    }
    let symptoms: Vec<_> = found(&memory, &claims).expect("a ring").iter().map(|one| one.symptom).collect();
    assert_eq!(symptoms, [Symptom::Dead, Symptom::Kept]);
    let repaired = repair(&segment, &claims);
    assert_eq!((repaired.freed, repaired.kept), (1, 1));
    let states: Vec<_> = segment.participants().map(|one| one.ctl.state).collect();
    assert_eq!(states, [State::Live], "what is kept stays as it is");
    assert_eq!(repair(&segment, &claims).freed, 0);
}

// RING-TOOL: what moves between the copies is judged by what only grows, so that a ring at work breaks no law
#[test]
fn a_ring_at_work_is_not_blamed_for_moving() {
    let claims = Local::new();
    let memory = Memory::new();
    let segment = create(&memory, &claims).expect("it fits");
    let mut tx = segment.clone().producer::<Item, _>(&claims, Identity::default()).expect("free");
    let mut rx = segment.clone().consumer::<Item, _>(&claims, &peer("risk"), Start::Earliest).expect("free");
    for turn in 0..20 {
        let first = copied(&memory);
        let doctor = Doctor::meet(&first, memory.words(), &claims).expect("a ring");
        for i in 0..turn * 3 {
            let _ = tx.try_push([i; 2]);
            drop(rx.try_next());
        }
        if turn % 4 == 3 {
            drop(rx);
            let own = peer(["risk", "other"][turn as usize / 4 % 2]);
            rx = segment.clone().consumer::<Item, _>(&claims, &own, Start::Latest).expect("free");
        }
        let second = copied(&memory);
        doctor.examine(&second, &mut |finding| panic!("turn {turn}: {finding}")).expect("the same ring");
    }
}

// RING-TOOL, RING-UNTRUSTED: whatever stands in any word, a doctor ends, and says so in sentences
#[test]
fn no_word_makes_a_doctor_panic() {
    let layout = Layout::of(&spec()).expect("a ring");
    for at in (0..layout.data.0).step_by(if cfg!(miri) { 61 } else { 1 }) {
        for value in [0, 1, 7, 9, 1 << 31, u32::MAX - 3, u32::MAX] {
            let ring = Ring::new(spec());
            ring.word(At(at), value);
            let findings = found(&ring.memory, &ring.claims).unwrap_or_default();
            assert!(findings.len() < 200, "{at}: {}", findings.len());
            let _ = Segment::attach(&ring.memory).map(|segment| repair(&segment, &ring.claims));
        }
    }
    let short = copied(&Ring::new(spec()).memory);
    for cut in [0, 1, 128, 129, 200] {
        let met = Doctor::meet(&short[..cut], WORDS as u32, &Local::new());
        let examined = met.map(|doctor| doctor.examine(&short[..cut], &mut |_| {}));
        assert_eq!(examined.is_err(), cut <= 128, "{cut} words");
    }
}
