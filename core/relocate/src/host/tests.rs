use super::{Entry, Host, Reply, Request, Target, Verb};
use crate::mutant::Mutant;
use crate::{Boot, Capability, Chain, ChainKind, EdgeId, FenceEpoch, HostId, Incarnation, Label, Nonce};
use alloc::vec::Vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use tidemill_seam::{Duration, Instant};

type Word = [u8; 4];

const EDGE: EdgeId = EdgeId([6; 16]);
const BOOT: Boot = Boot(2);
const RIGHT: Capability = Capability(0x11);
const TTL: Duration = Duration::from_secs(1);
/// Bytes of one entry.
const ONE: u64 = 36;
const ROOM: u64 = 4 * ONE;

fn target(generation: u64, nonce: u64) -> Target {
    Target { edge: EDGE, capability: RIGHT, generation: FenceEpoch::new(generation), nonce: Nonce(nonce) }
}

fn host() -> Host<Word> {
    let mut host = Host::new(HostId(1), BOOT, 2 * ROOM);
    host.admit(EDGE, RIGHT);
    host
}

fn ask(host: &mut Host<Word>, target: Target, verb: Verb<Word>) -> Reply<Word> {
    host.step(Instant::ZERO, Request { target, verb })
}

fn alloc(inc: u64, base: u64) -> Verb<Word> {
    Verb::Alloc { boot: BOOT, inc: Incarnation(inc), base, chain: chain(base, 1), capacity: ROOM, ttl: TTL }
}

/// The chain before an offset where `inc` produced everything.
fn chain(off: u64, inc: u64) -> Chain {
    (0..off).fold(Chain::EMPTY, |chain, off| ChainKind::Origin.extend(chain, off, Label(inc.into())))
}

fn entry(off: u64, inc: u64) -> Entry<Word> {
    Entry { label: Label(inc.into()), chain: chain(off + 1, inc), payload: (off as u32).to_le_bytes() }
}

fn append(inc: u64, off: u64) -> Verb<Word> {
    Verb::Append { inc: Incarnation(inc), off, entry: entry(off, inc) }
}

fn stale(fence: u64) -> Reply<Word> {
    Reply::Stale { fence: FenceEpoch::new(fence) }
}

/// A host with entries 0, 1 and 2 in generation 1.
fn filled() -> Host<Word> {
    let mut host = host();
    assert_eq!(ask(&mut host, target(1, 9), alloc(1, 0)), Reply::Granted { credit: ROOM });
    for off in 0..3 {
        let ack = Reply::Ack { next: off + 1, credit: ROOM - (off + 1) * ONE };
        assert_eq!(ask(&mut host, target(1, 9), append(1, off)), ack);
    }
    host
}

#[test]
fn reading_takes_nothing_away() {
    let mut host = filled();
    for _ in 0..2 {
        let data = ask(&mut host, target(1, 9), Verb::Read { off: 1, max: 9 });
        let entries = [1, 2].map(|off| entry(off, 1)).to_vec();
        assert_eq!(data, Reply::Data { off: 1, chain: chain(1, 1), entries });
    }
    let empty = ask(&mut host, target(1, 9), Verb::Read { off: 7, max: 9 });
    assert_eq!(empty, Reply::Empty { next: 3, sealed: false }, "the reader is ahead, and waits");
}

// A reply that was lost after its effect, or that came twice.
#[test]
fn a_lost_ack_is_not_a_duplicate() {
    let mut host = filled();
    assert_eq!(ask(&mut host, target(1, 9), append(1, 1)), Reply::AlreadyHave { next: 3 });
    assert_eq!(ask(&mut host, target(1, 9), alloc(1, 0)), Reply::Granted { credit: ONE }, "the same memory");
    assert_eq!(host.segments(), 1);
    let end = Reply::End { off: 3, chain: chain(3, 1) };
    for _ in 0..2 {
        assert_eq!(ask(&mut host, target(1, 9), Verb::Seal { by: FenceEpoch::new(2) }), end);
    }
}

#[test]
fn an_offset_never_holds_two_entries() {
    let mut host = filled();
    let other = Verb::Append { inc: Incarnation(1), off: 1, entry: entry(1, 8) };
    assert_eq!(ask(&mut host, target(1, 9), other), Reply::Conflict);
    assert_eq!(ask(&mut host, target(1, 9), append(1, 4)), Reply::Gap { next: 3 });
    assert_eq!(ask(&mut host, target(1, 9), append(1, 3)), Reply::Ack { next: 4, credit: 0 });
    assert_eq!(ask(&mut host, target(1, 9), append(1, 4)), Reply::Full);
    assert_eq!(ask(&mut host, target(1, 9), Verb::Trim { off: 2 }), Reply::Ok);
    assert_eq!(ask(&mut host, target(1, 9), append(1, 4)), Reply::Ack { next: 5, credit: ONE });
}

#[test]
fn a_writer_cannot_ack_after_the_seal() {
    let mut host = filled();
    _ = ask(&mut host, target(1, 9), Verb::Seal { by: FenceEpoch::new(1) });
    for off in [1, 3] {
        assert_eq!(ask(&mut host, target(1, 9), append(1, off)), Reply::Sealed { end: 3 });
    }
    let empty = ask(&mut host, target(1, 9), Verb::Read { off: 3, max: 1 });
    assert_eq!(empty, Reply::Empty { next: 3, sealed: true });
}

#[test]
fn the_host_rejects_a_zombie() {
    let mut host = filled();
    assert_eq!(ask(&mut host, target(2, 5), alloc(2, 3)), Reply::Granted { credit: ROOM });
    assert_eq!(ask(&mut host, target(1, 9), append(1, 3)), stale(2));
    assert_eq!(ask(&mut host, target(1, 6), alloc(1, 0)), stale(2));
    assert_eq!(ask(&mut host, target(0, 6), alloc(1, 0)), stale(2));
    let theirs = Verb::Append { inc: Incarnation(1), off: 3, entry: entry(3, 1) };
    assert_eq!(ask(&mut host, target(2, 5), theirs), stale(2), "another life's segment");
    assert_eq!(ask(&mut host, target(2, 5), append(2, 3)), Reply::Ack { next: 4, credit: ROOM - ONE });
    assert_eq!(host.fence(EDGE), FenceEpoch::new(2));
}

#[test]
fn trimming_keeps_the_most_and_nothing_beyond_what_there_is() {
    let mut host = filled();
    assert_eq!(ask(&mut host, target(1, 9), Verb::Trim { off: 4 }), Reply::Beyond { next: 3 });
    for off in [2, 1] {
        assert_eq!(ask(&mut host, target(1, 9), Verb::Trim { off }), Reply::Ok);
    }
    assert_eq!(ask(&mut host, target(1, 9), Verb::Read { off: 1, max: 1 }), Reply::Below { base: 2 });
    let data = Reply::Data { off: 2, chain: chain(2, 1), entries: [entry(2, 1)].to_vec() };
    assert_eq!(ask(&mut host, target(1, 9), Verb::Read { off: 2, max: 1 }), data);
    assert_eq!(host.held(), ONE);
}

#[test]
fn free_needs_the_owner() {
    let mut host = host();
    _ = ask(&mut host, target(3, 9), alloc(4, 0));
    assert_eq!(ask(&mut host, target(3, 9), Verb::Free { inc: Incarnation(3) }), stale(3));
    assert_eq!(ask(&mut host, target(3, 9), Verb::Renew { inc: Incarnation(3) }), stale(3));
    assert_eq!(ask(&mut host, target(3, 9), Verb::Free { inc: Incarnation(5) }), Reply::Ok);
    assert_eq!((host.segments(), host.lent()), (0, 0));
}

#[test]
fn an_amnesiac_host_refuses_and_makes_nothing() {
    let mut amnesiac = host();
    let seal = Verb::Seal { by: FenceEpoch::new(2) };
    let free = Verb::Free { inc: Incarnation(9) };
    let renew = Verb::Renew { inc: Incarnation(9) };
    let read = Verb::Read { off: 0, max: 1 };
    for verb in [append(1, 0), seal, read, Verb::Trim { off: 0 }, renew, free, Verb::Attach] {
        assert_eq!(ask(&mut amnesiac, target(1, 9), verb), Reply::Unknown);
    }
    assert_eq!(amnesiac, host());
}

#[test]
fn a_wrong_nonce_generation_edge_or_right_meets_nothing() {
    let right = target(1, 9);
    let wrong = [
        Target { nonce: Nonce(8), ..right },
        Target { generation: FenceEpoch::new(2), ..right },
        Target { edge: EdgeId([7; 16]), ..right },
        Target { capability: Capability(0x10), ..right },
    ];
    for target in wrong {
        let mut host = filled();
        for verb in [append(1, 3), Verb::Attach, Verb::Trim { off: 3 }, Verb::Free { inc: Incarnation(1) }] {
            assert_eq!(ask(&mut host, target, verb), Reply::Unknown, "{target:?}");
        }
        assert_eq!(host, filled());
    }
    assert_eq!(ask(&mut filled(), right, Verb::Attach), Reply::Ok);
    let intruder = Target { capability: Capability(0), generation: FenceEpoch::new(3), ..right };
    assert_eq!(ask(&mut filled(), intruder, alloc(1, 0)), Reply::Unknown);
}

#[test]
fn memory_that_nobody_renews_is_taken_back_and_a_renewal_counts_from_when_it_came() {
    let mut host = filled();
    let at = |ms| Instant::ZERO + Duration::from_millis(ms);
    assert_eq!(host.due(), Some(at(1000)));
    let renew = Request { target: target(1, 9), verb: Verb::Renew { inc: Incarnation(1) } };
    assert_eq!(host.step(at(700), renew.clone()), Reply::Ok);
    host.expire(at(1699));
    assert_eq!(host.segments(), 1);
    assert_eq!(host.step(at(1700), renew), Reply::Unknown);
    assert_eq!((host.segments(), host.held(), host.due()), (0, 0, None));
}

#[test]
fn more_than_there_is_cannot_be_lent() {
    let mut host = host();
    for nonce in [1, 2] {
        assert_eq!(ask(&mut host, target(1, nonce), alloc(1, 0)), Reply::Granted { credit: ROOM });
    }
    assert_eq!(ask(&mut host, target(1, 3), alloc(1, 0)), Reply::NoSpace);
    assert_eq!(ask(&mut host, target(2, 3), alloc(2, 0)), Reply::NoSpace);
    assert_eq!(host.fence(EDGE), FenceEpoch::new(1), "who got nothing shuts nobody out");
}

// What the tests above would say of a host without one of its safeguards.
#[test]
fn a_host_without_a_safeguard_breaks_its_law() {
    let other = Verb::Append { inc: Incarnation(1), off: 1, entry: entry(1, 8) };
    let mut overwrites = filled().without(Mutant::OverwriteConflict);
    assert_eq!(ask(&mut overwrites, target(1, 9), other), Reply::AlreadyHave { next: 3 }, "S7");
    let mut attaches = filled().without(Mutant::IgnoreNonce);
    assert_eq!(ask(&mut attaches, target(1, 8), Verb::Attach), Reply::Ok, "S14");
    let mut fenceless = filled().without(Mutant::NoFence);
    _ = ask(&mut fenceless, target(2, 5), alloc(2, 3));
    assert_eq!(ask(&mut fenceless, target(1, 9), append(1, 3)), Reply::Ack { next: 4, credit: 0 }, "S6");
    let mut unsealed = filled().without(Mutant::AcceptAfterSeal);
    _ = ask(&mut unsealed, target(1, 9), Verb::Seal { by: FenceEpoch::new(2) });
    assert_eq!(ask(&mut unsealed, target(1, 9), append(1, 3)), Reply::Ack { next: 4, credit: 0 }, "S6");
}

fn verbs() -> impl Strategy<Value = (u64, u64, Verb<Word>)> {
    let (off, inc) = (0..6_u64, 1..4_u64);
    let verb = prop_oneof![
        (inc.clone(), 0..3_u64).prop_map(|(inc, base)| alloc(inc, base)),
        (inc.clone(), off.clone(), 1..4_u64).prop_map(|(inc, off, by)| Verb::Append {
            inc: Incarnation(inc),
            off,
            entry: entry(off, by)
        }),
        (0..5_u64).prop_map(|by| Verb::Seal { by: FenceEpoch::new(by) }),
        (off.clone(), 0..4_u32).prop_map(|(off, max)| Verb::Read { off, max }),
        off.prop_map(|off| Verb::Trim { off }),
        inc.prop_map(|inc| Verb::Free { inc: Incarnation(inc) }),
        Just(Verb::Attach),
    ];
    (0..4_u64, 1..3_u64, verb)
}

// S14: what a host was asked for before it forgot everything is not lent after it.
#[test]
fn a_late_request_to_lend_means_the_life_of_the_host_that_heard_it_first() {
    let late = alloc(1, 0);
    let mut reborn = Host::new(HostId(1), Boot(3), 2 * ROOM);
    reborn.admit(EDGE, RIGHT);
    assert_eq!(ask(&mut reborn, target(1, 9), late), Reply::Boot { boot: Boot(3) });
    assert_eq!(ask(&mut reborn, target(1, 9), Verb::Attach), Reply::Unknown);
    assert_eq!(ask(&mut reborn, target(0, 0), Verb::Hello), Reply::Boot { boot: Boot(3) });
    let stranger = Target { capability: Capability(1), ..target(0, 0) };
    assert_eq!(ask(&mut reborn, stranger, Verb::Hello), Reply::Unknown);
    assert_eq!((reborn.segments(), reborn.fence(EDGE)), (0, FenceEpoch::NONE));
}

// S14: neither is what expired, or was given back.
#[test]
fn a_segment_that_is_over_is_not_lent_again_by_its_name() {
    for expires in [false, true] {
        let mut host = filled();
        if expires {
            host.expire(Instant::ZERO + TTL);
        } else {
            assert_eq!(ask(&mut host, target(1, 9), Verb::Free { inc: Incarnation(1) }), Reply::Ok);
        }
        assert_eq!(ask(&mut host, target(1, 9), alloc(1, 0)), Reply::Unknown);
        assert_eq!(ask(&mut host, target(1, 8), alloc(1, 0)), Reply::Granted { credit: ROOM });
        assert_eq!(ask(&mut host, target(2, 7), alloc(1, 0)), Reply::Granted { credit: ROOM });
        assert_eq!(ask(&mut host, target(1, 9), alloc(1, 0)), stale(2));
    }
}

#[test]
fn a_host_remembers_so_many_segments_of_a_generation_at_most() {
    let mut host = host();
    for nonce in 0..64 {
        assert_eq!(ask(&mut host, target(1, nonce), alloc(1, 0)), Reply::Granted { credit: ROOM });
        assert_eq!(ask(&mut host, target(1, nonce), Verb::Free { inc: Incarnation(1) }), Reply::Ok);
    }
    assert_eq!(ask(&mut host, target(1, 64), alloc(1, 0)), Reply::NoSpace);
    assert_eq!(ask(&mut host, target(2, 65), alloc(1, 0)), Reply::Granted { credit: ROOM });
}

proptest! {
    // S6, S7, S13: whatever is asked in whatever order.
    #[test]
    fn no_sequence_of_requests_breaks_a_law(steps in proptest::collection::vec((verbs(), any::<bool>()), 1..60)) {
        let (mut host, mut shown) = (host(), Vec::<(Target, u64, Chain)>::new());
        for ((generation, nonce, verb), again) in steps {
            let target = target(generation, nonce);
            let (fence, before) = (host.fence(EDGE), host.clone());
            let reply = ask(&mut host, target, verb.clone());
            assert!(host.fence(EDGE) >= fence, "a fence fell");
            assert!(host.held() <= host.lent() && host.lent() <= 2 * ROOM);
            match (&verb, &reply) {
                (Verb::Append { off, entry, .. }, Reply::Ack { .. }) => {
                    assert!(target.generation >= fence && target.generation > FenceEpoch::NONE);
                    shown.push((target, *off, entry.chain));
                }
                (Verb::Free { .. }, Reply::Ok) => shown.retain(|(lent, ..)| *lent != target),
                (Verb::Append { .. } | Verb::Read { .. } | Verb::Attach, _) => {
                    assert_eq!(host, before, "what took nothing changed something");
                }
                _ => {}
            }
            if let Reply::Data { off, entries, .. } = &reply {
                for (at, entry) in (*off..).zip(entries) {
                    let theirs = shown.iter().filter(|(lent, off, _)| *lent == target && *off == at);
                    assert!(theirs.map(|(.., chain)| *chain).eq([entry.chain]), "offset {at} is not as it was acknowledged");
                }
            }
            if again && !matches!(verb, Verb::Append { .. } | Verb::Free { .. } | Verb::Alloc { .. }) {
                assert_eq!(ask(&mut host, target, verb), reply, "the same again is answered alike");
            }
        }
    }
}
