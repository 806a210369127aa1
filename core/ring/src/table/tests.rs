extern crate std;

use super::{Ctl, GENERATIONS, Identity, PeerName, PeerNameError, Policies, Policy, State};
use std::format;
use tidemill_seam::Duration;

#[test]
fn every_control_word_is_an_owners_or_refused_rl_18() {
    let mut known = 0;
    for word in (0..1 << 7).flat_map(|low| [0, 1, GENERATIONS - 1].map(|generation| low | generation << 7)) {
        if let Some(ctl) = Ctl::decode(word) {
            assert_eq!(ctl.encode(), word);
            known += 1;
        } else {
            assert!(word & 7 == 7 || word >> 3 & 3 > 1);
        }
    }
    assert_eq!(known, 7 * 2 * 4 * 3);
}

#[test]
fn only_those_gate_for_whom_the_producer_waits() {
    let ctl = |state, policy: Policy| Ctl {
        state,
        policy: policy.number(),
        copies: policy.copies(),
        generation: 5,
    };
    let after = Duration::from_nanos(1);
    for state in [State::Live, State::Dead, State::Held] {
        for policy in [Policy::Block, Policy::Evict { after }, Policy::Fail { after }] {
            assert!(ctl(state, policy).gates());
        }
        assert!(!ctl(state, Policy::Lossy).gates());
    }
    for state in [State::Free, State::Joining, State::Leaving, State::Evicted] {
        assert!(!ctl(state, Policy::Block).gates());
    }
    let last = Ctl { generation: GENERATIONS - 1, ..ctl(State::Live, Policy::Block) };
    assert_eq!((last.next_generation(), Ctl::decode(last.encode())), (0, Some(last)));
}

#[test]
fn a_name_is_one_to_twenty_four_printable_bytes() {
    let longest = "abcdefghijklmnopqrstuvwx";
    for name in ["a", "risk-1", longest] {
        let parsed = PeerName::parse(name).unwrap();
        assert_eq!((parsed.as_str(), PeerName::decode(&parsed.encode())), (name, Some(parsed)));
        assert_eq!(format!("{parsed} {parsed:?}"), format!("{name} {name:?}"));
    }
    assert_eq!(PeerName::parse(""), Err(PeerNameError::Length(0)));
    assert_eq!(PeerName::parse("abcdefghijklmnopqrstuvwxy"), Err(PeerNameError::Length(25)));
    assert_eq!(PeerName::parse("a b"), Err(PeerNameError::Character(1)));
    assert_eq!(PeerName::parse("ü"), Err(PeerNameError::Character(0)));
    assert_eq!(PeerName::decode(&[0; 6]), None);
    assert_eq!(PeerName::decode(&[u32::MAX; 6]), None);
}

#[test]
fn an_identity_and_a_set_of_policies_come_back() {
    let who = Identity { process: 1, started: u64::MAX - 1, namespace: 1 << 33 };
    assert_eq!(Identity::decode(&who.encode()), who);
    let some = Policies::BLOCK.and(Policy::Lossy);
    assert!(some.allow(Policy::Block) && some.allow(Policy::Lossy));
    assert!(!some.allow(Policy::Fail { after: Duration::ZERO }));
    assert_eq!(Policies::from_bits(some.bits()), Some(some));
    assert_eq!((Policies::from_bits(0), Policies::from_bits(16)), (None, None));
}
