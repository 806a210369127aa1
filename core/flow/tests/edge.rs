//! The laws of an edge.

mod world;

use std::collections::VecDeque;

use proptest::prelude::*;
use tidemill_flow::{
    Bounce, Bytes, Caps, Cause, Edge, Header, Level, Load, Manager, Policy, StaticPool, Verdict, admit,
};
use tidemill_seam::{Instant, PoolId};
use world::{Counted, Ledger, T0, token};

/// Just before the cursors wrap.
const NEAR_WRAP: u32 = u32::MAX - 3;

#[test]
fn r_flow_02_caps_include_the_incoming_item_e5_e6() {
    let pool: StaticPool<Bytes<8>, 8> = StaticPool::new(PoolId(0));
    let edge: Edge<Bytes<8>, 8> = Edge::new(Caps::wait(8).bytes(10, 10));
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    let mut make = |len: usize| token(&mut home, 0, Bytes::new(&[7; 8][..len]).unwrap());
    tx.push(make(6), T0, |_| ()).unwrap();
    let bounced = tx.push(make(5), T0, |_| ()).unwrap_err();
    assert_eq!(bounced.why, Bounce::Wait, "6 + 5 is more than 10");
    assert_eq!(tx.waiting(), Load { items: 1, bytes: 6 });
    let first = rx_pop(&mut rx);
    rx.give_back(first).unwrap();
    tx.push(bounced.token, T0, |_| ()).unwrap();
    assert_eq!(tx.waiting(), Load { items: 1, bytes: 5 });
}

fn rx_pop<'a, P: tidemill_flow::Payload>(rx: &mut tidemill_flow::Rx<'a, P>) -> tidemill_flow::Token<'a, P> {
    rx.pop().expect("something waits")
}

#[test]
fn an_item_longer_than_the_byte_cap_is_refused_under_every_policy_and_evicts_nothing_e6() {
    for policy in [Policy::Wait, Policy::DropNewest, Policy::DropOldest] {
        let pool: StaticPool<Bytes<8>, 8> = StaticPool::new(PoolId(0));
        let edge: Edge<Bytes<8>, 4> = Edge::new(Caps { policy, ..Caps::wait(4).bytes(5, 5) });
        let (mut tx, rx) = edge.split(&pool).unwrap();
        let mut home = pool.home().unwrap();
        tx.push(token(&mut home, 0, Bytes::new(&[1; 5]).unwrap()), T0, |_| ()).unwrap();
        let large = token(&mut home, 1, Bytes::new(&[1; 6]).unwrap());
        let bounced = tx.push(large, T0, |_| panic!("nothing is evicted for what cannot enter")).unwrap_err();
        assert_eq!(bounced.why, Bounce::Refused(Cause::TooLarge));
        assert_eq!((bounced.token.header().sequence, rx.waiting()), (1, 1));
        assert_eq!(edge.dropped(Cause::TooLarge), 1);
    }
}

#[test]
fn r_flow_03_the_soft_mark_is_a_mark_and_the_hard_cap_a_cap_e10() {
    let pool: StaticPool<u8, 8> = StaticPool::new(PoolId(0));
    let edge: Edge<u8, 4> = Edge::new(Caps::drop_newest(4).soft(2));
    let (mut tx, _rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    let mut levels = vec![];
    for n in 0..4 {
        levels.push(tx.level());
        tx.push(token(&mut home, n, 0), T0, |_| ()).unwrap();
    }
    levels.push(tx.level());
    assert_eq!(levels, [Level::Low, Level::Low, Level::Low, Level::Pressure, Level::Pressure]);
    let bounced = tx.push(token(&mut home, 4, 0), T0, |_| ()).unwrap_err();
    assert_eq!((bounced.why, edge.dropped(Cause::Full)), (Bounce::Refused(Cause::Full), 1));
}

#[test]
fn eviction_takes_the_fewest_and_the_oldest_e8() {
    let pool: StaticPool<Bytes<8>, 8> = StaticPool::new(PoolId(0));
    let edge: Edge<Bytes<8>, 4> = Edge::new(Caps::drop_oldest(4).bytes(10, 10)).starting_at(NEAR_WRAP);
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    let mut evicted = vec![];
    for (sequence, len) in [3, 3, 3, 8, 2].into_iter().enumerate() {
        let token = token(&mut home, sequence as u64, Bytes::new(&[0; 8][..len]).unwrap());
        let mut out = vec![];
        tx.push(token, T0, |token| out.push(token)).unwrap();
        for token in out {
            evicted.push((sequence, token.header().sequence));
            home.give_back(token).unwrap();
        }
    }
    assert_eq!(evicted, [(3, 0), (3, 1), (3, 2)]);
    assert_eq!(edge.dropped(Cause::Evicted), 3);
    assert_eq!((rx_pop(&mut rx).header().sequence, rx_pop(&mut rx).header().sequence), (3, 4));
    assert_eq!(tx.waiting(), Load::default());
}

#[test]
fn what_peek_shows_is_the_next_pop_and_no_eviction_touches_it_e13() {
    let pool: StaticPool<u8, 8> = StaticPool::new(PoolId(0));
    let edge: Edge<u8, 2> = Edge::new(Caps::drop_oldest(2));
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    tx.push(token(&mut home, 0, 10), T0, |_| ()).unwrap();
    assert_eq!(**rx.peek().unwrap(), 10);
    for n in 1..=4 {
        let mut out = None;
        tx.push(token(&mut home, n, 10 + n as u8), T0, |token| out = Some(token)).unwrap();
        if let Some(token) = out {
            home.give_back(token).unwrap();
        }
    }
    let popped: Vec<_> = std::iter::from_fn(|| rx.pop()).map(|token| *token).collect();
    assert_eq!(popped, [10, 13, 14]);
}

#[test]
fn r_flow_14_bytes_return_to_zero_whatever_becomes_of_a_payload_e12() {
    let pool: StaticPool<Bytes<8>, 8> = StaticPool::new(PoolId(0));
    let edge: Edge<Bytes<8>, 4> = Edge::new(Caps::wait(4).bytes(32, 32)).starting_at(NEAR_WRAP);
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    for round in 0..20 {
        for len in [1, 8, 0] {
            let message = token(&mut home, round, Bytes::new(&[0; 8][..len]).unwrap());
            tx.push(message, T0, |_| ()).unwrap();
        }
        assert_eq!(tx.waiting(), Load { items: 3, bytes: 9 });
        while let Some(mut message) = rx.pop() {
            // The consumer holds all of it and makes it longer: the edge counts what it took in.
            *message.edit().unwrap() = Bytes::new(&[1; 8]).unwrap();
            rx.give_back(message).unwrap();
        }
        assert_eq!(tx.waiting(), Load::default());
    }
}

#[test]
fn an_expired_item_is_refused_where_the_edge_says_so() {
    let header = Header::new(0, 0, T0).with_deadline(Instant::from_nanos(5));
    let admit = |caps: Caps, now| admit(&caps, Load::default(), &header, Instant::from_nanos(now));
    assert_eq!(admit(Caps::wait(1).refuse_expired(), 5), Verdict::Accept(Level::Low));
    assert_eq!(admit(Caps::wait(1).refuse_expired(), 6), Verdict::Refuse(Cause::Expired));
    assert_eq!(admit(Caps::wait(1), 6), Verdict::Accept(Level::Low));
}

#[test]
fn a_closed_edge_drains_and_then_says_so_e20() {
    let pool: StaticPool<u8, 4> = StaticPool::new(PoolId(0));
    let edge: Edge<u8, 4> = Edge::new(Caps::wait(4));
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    tx.push(token(&mut home, 0, 1), T0, |_| ()).unwrap();
    assert!(!rx.is_drained());
    drop(tx);
    assert!(!rx.is_drained());
    let last = rx_pop(&mut rx);
    assert!(rx.is_drained() && rx.pop().is_none());
    rx.give_back(last).unwrap();
}

#[test]
fn a_consumer_that_leaves_sends_home_what_waits_and_refuses_what_comes_e20() {
    let ledger = Ledger::default();
    let pool: StaticPool<Counted, 4> = StaticPool::new(PoolId(0));
    let edge: Edge<Counted, 4> = Edge::new(Caps::wait(4));
    let (mut tx, mut rx) = edge.split(&pool).unwrap();
    let mut home = pool.home().unwrap();
    for n in 0..3 {
        tx.push(token(&mut home, n, ledger.make(0)), T0, |_| ()).unwrap();
    }
    assert!(rx.peek().is_some());
    drop(rx);
    assert_eq!(edge.dropped(Cause::Flushed), 3);
    assert!(tx.is_closed() && tx.permits(), "a lossless edge to nobody blocks nobody");
    let bounced = tx.push(token(&mut home, 3, ledger.make(0)), T0, |_| ()).unwrap_err();
    assert_eq!(bounced.why, Bounce::Refused(Cause::Closed));
    home.give_back(bounced.token).unwrap();
    let all: Vec<_> = (0..4).map(|_| home.reserve()).collect();
    assert!(all.iter().all(Option::is_some), "every slot came home");
    assert_eq!((ledger.born(), ledger.dropped()), (4, 4));
}

#[test]
fn a_token_of_another_pool_does_not_enter() {
    let (a, b): (StaticPool<u8, 4>, StaticPool<u8, 4>) =
        (StaticPool::new(PoolId(0)), StaticPool::new(PoolId(0)));
    let edge: Edge<u8, 4> = Edge::new(Caps::wait(4));
    let (mut tx, rx) = edge.split(&a).unwrap();
    let mut home = b.home().unwrap();
    let bounced = tx.push(token(&mut home, 0, 1), T0, |_| ()).unwrap_err();
    assert_eq!((bounced.why, rx.waiting()), (Bounce::Foreign, 0));
    home.give_back(bounced.token).unwrap();
}

#[test]
fn an_edge_splits_once() {
    let pool: StaticPool<u8, 4> = StaticPool::new(PoolId(0));
    let edge: Edge<u8, 4> = Edge::new(Caps::wait(4));
    let _ends = edge.split(&pool).unwrap();
    assert!(edge.split(&pool).is_err());
}

#[test]
fn two_threads_lose_and_double_nothing_e2_e3_e25() {
    static POOL: StaticPool<u64, 16> = StaticPool::new(PoolId(0));
    static WAITS: Edge<u64, 8> = Edge::new(Caps::wait(8)).starting_at(NEAR_WRAP);
    let rounds = if cfg!(miri) { 60 } else { 100_000 };
    let (mut tx, mut rx) = WAITS.split(&POOL).unwrap();
    let mut home = POOL.home().unwrap();
    let consumer = std::thread::spawn(move || {
        let mut next = 0;
        while !rx.is_drained() {
            match rx.pop() {
                Some(token) => {
                    assert_eq!(*token, next);
                    next += 1;
                    rx.give_back(token).unwrap();
                }
                None => std::thread::yield_now(),
            }
        }
        next
    });
    for n in 0..rounds {
        while !(home.has_room() && tx.permits()) {
            std::thread::yield_now();
        }
        tx.push(token(&mut home, n, n), T0, |_| ()).unwrap();
    }
    drop(tx);
    assert_eq!(consumer.join().unwrap(), rounds);
}

#[test]
fn two_threads_on_an_evicting_edge_see_each_item_once_and_in_order_e2_e3_e25() {
    static POOL: StaticPool<u64, 16> = StaticPool::new(PoolId(0));
    static LOSSY: Edge<u64, 2> = Edge::new(Caps::drop_oldest(2)).starting_at(NEAR_WRAP);
    let rounds = if cfg!(miri) { 60 } else { 100_000 };
    let (mut tx, mut rx) = LOSSY.split(&POOL).unwrap();
    let mut home = POOL.home().unwrap();
    let consumer = std::thread::spawn(move || {
        let (mut last, mut seen) = (None, 0);
        while !rx.is_drained() {
            match rx.pop() {
                Some(token) => {
                    assert!(last < Some(*token), "{last:?} before {}", *token);
                    last = Some(*token);
                    seen += 1;
                    rx.give_back(token).unwrap();
                }
                None => std::thread::yield_now(),
            }
        }
        (seen, last)
    });
    let mut evicted = 0;
    for n in 0..rounds {
        while !home.has_room() {
            std::thread::yield_now();
        }
        let message = token(&mut home, n, n);
        tx.push(message, T0, |token| {
            evicted += 1;
            home.give_back(token).unwrap();
        })
        .unwrap();
    }
    drop(tx);
    let (seen, last) = consumer.join().unwrap();
    assert_eq!((seen + evicted, last), (rounds, Some(rounds - 1)), "the newest is never thrown away");
}

/// An obviously right edge: a list of lengths.
struct Model {
    caps: Caps,
    waiting: VecDeque<(u64, u32)>,
}

impl Model {
    fn load(&self) -> Load {
        Load { items: self.waiting.len() as u32, bytes: self.waiting.iter().map(|(_, len)| len).sum() }
    }

    fn fits(&self, len: u32) -> bool {
        let load = self.load();
        load.items < self.caps.hard_items && load.bytes + len <= self.caps.hard_bytes
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 512 }, failure_persistence: None, ..Default::default() })]

    /// Random histories against the model: E1 to E13, E19, E22, and every payload dropped once (M8).
    #[test]
    fn any_history_equals_that_of_the_model_e1_to_e22(
        policy in prop_oneof![Just(Policy::Wait), Just(Policy::DropNewest), Just(Policy::DropOldest)],
        hard_items in 1_u32..=4,
        hard_bytes in prop_oneof![Just(u32::MAX), 8_u32..24],
        start in prop_oneof![Just(0), Just(NEAR_WRAP), any::<u32>()],
        history in proptest::collection::vec((any::<bool>(), 0_usize..=8), 1..120),
    ) {
        let caps = Caps { policy, ..Caps::wait(hard_items).bytes(hard_bytes, hard_bytes) };
        let pool: StaticPool<Bytes<8>, 6> = StaticPool::new(PoolId(0));
        let edge: Edge<Bytes<8>, 4> = Edge::new(caps).starting_at(start);
        let (mut tx, mut rx) = edge.split(&pool).unwrap();
        let mut home = pool.home().unwrap();
        let mut model = Model { caps, waiting: VecDeque::new() };
        for (n, (push, len)) in history.into_iter().enumerate() {
            if push {
                let mut out = vec![];
                let message = token(&mut home, n as u64, Bytes::new(&[0; 8][..len]).unwrap());
                let pushed = tx.push(message, T0, |token| out.push(token));
                let mut expected = vec![];
                let fits = model.fits(len as u32);
                if policy == Policy::DropOldest {
                    while !model.fits(len as u32) {
                        expected.push(model.waiting.pop_front().unwrap().0);
                    }
                }
                prop_assert_eq!(out.iter().map(|t| t.header().sequence).collect::<Vec<_>>(), expected);
                for token in out {
                    home.give_back(token).unwrap();
                }
                match pushed {
                    Ok(()) => {
                        prop_assert!(fits || policy == Policy::DropOldest);
                        model.waiting.push_back((n as u64, len as u32));
                    }
                    Err(bounced) => {
                        prop_assert!(!fits && policy != Policy::DropOldest);
                        prop_assert_eq!(bounced.token.header().sequence, n as u64);
                        let why = if policy == Policy::Wait { Bounce::Wait } else { Bounce::Refused(Cause::Full) };
                        prop_assert_eq!(bounced.why, why);
                        home.give_back(bounced.token).unwrap();
                    }
                }
            } else {
                let popped = rx.pop();
                prop_assert_eq!(popped.as_ref().map(|t| t.header().sequence), model.waiting.pop_front().map(|w| w.0));
                if let Some(token) = popped {
                    rx.give_back(token).unwrap();
                }
            }
            prop_assert_eq!(tx.waiting(), model.load());
            prop_assert_eq!(rx.waiting(), model.load().items);
        }
        drop((tx, rx));
        let slots: Vec<_> = (0..6).map_while(|_| home.reserve()).collect();
        prop_assert_eq!(slots.len(), 6, "every slot came home");
    }
}
