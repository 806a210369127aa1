//! Safeguards that show by hand: each run keeps its law, and breaks it where the safeguard is left out.

use crate::leases::{Clock, Course, held};
use crate::rig::{A, EDGE, RIGHT, Rig, waits};
use tidemill_relocate::{
    Boot, Capability, Chain, ConsumerEvent, DeskError, EdgeError, Entry, FenceEpoch, Host, HostId,
    Incarnation, Label, Mutant, Nonce, Owner, Preset, ProducerEffect, ProducerEvent, ProducerTimer, Reply,
    Request, Seg, Target, Verb,
};
use tidemill_seam::{Duration, Instant, Version};

type Run = fn(Option<Mutant>) -> Result<(), &'static str>;

const EARLY: Preset = Preset::ExactlyOnceEarly;

/// The law that breaks, unless it holds.
fn law(holds: bool, law: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(law) }
}

/// A host with one segment of generation 1, and entry 0 in it.
fn filled(without: Option<Mutant>) -> Host<Vec<u8>> {
    let fresh = Host::new(HostId(1), Boot(1), 1 << 10);
    let mut host = without.into_iter().fold(fresh, Host::without);
    host.admit(EDGE, RIGHT);
    let (inc, chain, ttl) = (Incarnation(1), Chain::EMPTY, Duration::from_secs(1));
    _ = ask(&mut host, target(1), Verb::Alloc { boot: Boot(1), inc, base: 0, chain, capacity: 512, ttl });
    _ = ask(&mut host, target(1), Verb::Append { inc, off: 0, entry: entry(7) });
    host
}

fn target(generation: u64) -> Target {
    Target { edge: EDGE, capability: RIGHT, generation: FenceEpoch::new(generation), nonce: Nonce(9) }
}

fn entry(chain: u128) -> Entry<Vec<u8>> {
    Entry { label: Label(1), chain: Chain(chain), payload: vec![chain as u8] }
}

fn ask(host: &mut Host<Vec<u8>>, target: Target, verb: Verb<Vec<u8>>) -> Reply<Vec<u8>> {
    host.step(Instant::ZERO, Request { target, verb })
}

/// The same entry comes twice, for its acknowledgement was lost.
fn twice(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut host = filled(without);
    _ = ask(&mut host, target(1), Verb::Append { inc: Incarnation(1), off: 0, entry: entry(7) });
    let next = ask(&mut host, target(1), Verb::Read { off: 1, max: 1 });
    law(next == Reply::Empty { next: 1, sealed: false }, "S7: one entry lies at two offsets")
}

fn another(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut host = filled(without);
    _ = ask(&mut host, target(1), Verb::Append { inc: Incarnation(1), off: 0, entry: entry(8) });
    let have = host.peek(EDGE, FenceEpoch::new(1), Nonce(9), 0);
    law(have == Some(&entry(7)), "S7: two entries lie at one offset, one after the other")
}

fn attached(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut host = filled(without);
    let attached = ask(&mut host, target(2), Verb::Attach);
    law((attached, host.segments()) == (Reply::Unknown, 1), "S14: a segment came into being by its name")
}

fn strangers(without: Option<Mutant>) -> Result<(), &'static str> {
    let stranger = Target { capability: Capability(99), ..target(1) };
    law(
        ask(&mut filled(without), stranger, Verb::Attach) == Reply::Unknown,
        "S14: nobody was asked for the right",
    )
}

/// The consumer's store was put back, and what it misses was forgotten.
fn gap(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(2);
    rig.write();
    rig.settle();
    rig.show(ConsumerEvent::Snapshot { off: 2 });
    rig.settle();
    rig.tell(ProducerEvent::Relocate { to: A });
    rig.settle();
    (rig.taken.off, rig.taken.chain) = (0, Chain::EMPTY);
    rig.committed.clear();
    rig.bear_consumer();
    rig.settle_consumer();
    let stops = rig.consumer.error() == Some(EdgeError::Gap { need: 0, have: 2 });
    law(stops, "S2: offsets were passed over that nobody gave up")
}

/// A life of the consumer dies between its commit and the record that says so.
fn unsaid(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(1);
    rig.write();
    rig.settle_producer();
    (rig.taken.off, rig.taken.chain, rig.taken.seq) = (1, rig.record.record.frontier.chain, 1);
    rig.committed.clone_from(&rig.shown);
    rig.bear_consumer();
    rig.settle();
    law(rig.record.record.floor.off == 1, "L1: what is committed is never said, and retained for ever")
}

/// A stage that writes a checkpoint only where it is asked to.
fn lazily(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(0);
    for _ in 0..40 {
        if rig.producer.next() < 12 && rig.producer.push(vec![7; 100]).is_ok() {
            rig.tell(ProducerEvent::Pushed);
        }
        rig.settle();
        if rig.wants.contains(&ProducerEffect::Checkpoint) {
            rig.wants.retain(|want| *want != ProducerEffect::Checkpoint);
            rig.write();
        }
        rig.show(ConsumerEvent::Snapshot { off: rig.consumer.delivered() });
        rig.wake_producer(ProducerTimer::Poll);
        rig.settle();
    }
    law(rig.producer.next() == 12, "L4: a full queue never drains")
}

fn certified(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(9);
    rig.write();
    rig.settle();
    rig.settle();
    law(rig.consumer.cursor() == 9, "L4: what is final is not read, for too much is not committed")
}

/// How long a life pauses when the record cannot be had.
fn pause(inc: u64, without: Option<Mutant>) -> Duration {
    let mut rig = Rig::without(EARLY, without);
    rig.written.inc = inc - 1;
    rig.bear_producer();
    let Some(ProducerEffect::Read(op)) = rig.wants.pop() else { panic!("it looks") };
    rig.tell(ProducerEvent::Record(op, Err(DeskError::Unavailable)));
    let Some(ProducerEffect::Wake(ProducerTimer::Again, pause)) = rig.wants.pop() else { panic!("it waits") };
    pause
}

fn in_step(without: Option<Mutant>) -> Result<(), &'static str> {
    let differ = (1..20).all(|inc| pause(inc, without) != pause(inc + 1, without));
    law(differ, "L5: two lives try again in step")
}

/// A later life sealed the segment: whoever appends there learns it from the first answer.
fn shut_out(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(1);
    let seal = Request { target: Rig::target(rig.seg()), verb: Verb::Seal { by: FenceEpoch::new(2) } };
    _ = rig.ask(A, seal);
    rig.written.inc = 2;
    rig.push().expect("room");
    (0..20).for_each(|_| _ = rig.produce_one());
    let fenced = rig.producer.error() == Some(EdgeError::Fenced { by: Incarnation(2) });
    law(fenced, "L7: a zombie does not learn that it is one")
}

/// Somebody else moves the queue while this life has a segment lent for its own move.
fn overtaken(without: Option<Mutant>) -> Result<(), &'static str> {
    let mut rig = Rig::without(EARLY, without).run(1);
    rig.bear_producer();
    while !rig.wants.iter().any(|want| matches!(want, ProducerEffect::Swap(..))) {
        assert!(rig.produce_one(), "it moves the queue");
    }
    let seg = Seg { generation: FenceEpoch::new(2), host: HostId(0xc), nonce: Nonce(5), base: 0 };
    let owner = Owner { stage: crate::rig::STAGE, inc: Incarnation(1) };
    rig.record.record.hand_over(owner, seg).expect("it is the next");
    rig.record.record.ver += 1;
    rig.record.version = Version(rig.record.version.0 + 1);
    rig.settle_producer();
    assert!(rig.producer.is_active() && rig.wants.iter().all(waits), "it moves it again");
    let lent: usize = rig.hosts.iter().map(|host| host.segments()).sum();
    law(lent == 2, "S12: a segment that nobody maps is kept")
}

/// A lease on lawful clocks, requests and answers of all lengths.
fn leases(clock: Clock, without: Option<Mutant>) -> Result<(), &'static str> {
    for case in 0..200_u64 {
        let travel = |n: u64| Duration::from_millis(case.wrapping_mul(n) % 11);
        let travels = (0..case % 4).map(|n| (travel(n + 3), travel(n + 7))).collect();
        let course = Course { holder: case * 7 % 401, grantor: case * 13 % 401, travels };
        held(&course, clock, without)?;
    }
    Ok(())
}

fn lawful(without: Option<Mutant>) -> Result<(), &'static str> {
    leases(Clock::Boottime, without)
}

/// Its name, what is left out, and the run that breaks a law without it.
const MUTANTS: &[(&str, Mutant, Run, &str)] = &[
    ("append_twice", Mutant::AppendTwice, twice, "S7"),
    ("overwrite_conflict", Mutant::OverwriteConflict, another, "S7"),
    ("attach_or_create", Mutant::AttachOrCreate, attached, "S14"),
    ("skip_cap_on_attach", Mutant::SkipCapOnAttach, strangers, "S14"),
    ("skip_gap", Mutant::SkipGap, gap, "S2"),
    ("floor_not_rederived", Mutant::FloorNotRederived, unsaid, "L1"),
    ("full_without_checkpoint", Mutant::FullWithoutCheckpoint, lazily, "L4"),
    ("window_blocks_certificate", Mutant::WindowBlocksCertificate, certified, "L4"),
    ("unseeded_backoff", Mutant::UnseededBackoff, in_step, "L5"),
    ("retry_after_stale", Mutant::RetryAfterStale, shut_out, "L7"),
    ("lost_cas_leaks_segment", Mutant::LostCasLeaksSegment, overtaken, "S12"),
    ("lease_Lh_equals_Lg", Mutant::LeaseIsTtl, lawful, "S10"),
    ("count_from_reply", Mutant::CountFromReply, lawful, "S10"),
];

/// Clocks that a driver must not show to a producer.
const CLOCKS: &[(&str, Clock)] =
    &[("wall_clock_lease", Clock::Wall), ("lease_without_suspend", Clock::WithoutSuspend)];

#[test]
fn every_safeguard_that_is_left_out_is_missed() {
    for (name, mutant, run, id) in MUTANTS {
        assert_eq!(run(None), Ok(()), "{name}: the run keeps the law");
        let broke = run(Some(*mutant)).expect_err(name);
        assert!(broke.starts_with(&format!("{id}:")), "{name}: {broke}");
        println!("mutant {name:<28} {:>10}  {broke}", "by hand");
    }
    for (name, clock) in CLOCKS {
        let broke = leases(*clock, None).expect_err(name);
        println!("mutant {name:<28} {:>10}  {broke}", "by hand");
    }
}
