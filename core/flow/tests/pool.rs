//! The laws of a pool, on the one that boards use.

mod world;

use proptest::prelude::*;
use tidemill_flow::{FULL_WEIGHT, Header, Manager, Misuse, RawToken, StaticPool, Token};
use tidemill_seam::PoolId;
use world::{Ledger, T0, token};

const REUSES: u32 = if cfg!(miri) { 300 } else { 1 << 17 };

#[test]
fn what_was_stored_is_read_and_the_manager_sets_bytes_and_class_m1() {
    let pool: StaticPool<[u16; 3], 1> = StaticPool::new(PoolId(7));
    let mut home = pool.home().unwrap();
    let token = token(&mut home, 9, [1, 2, 3]);
    assert_eq!(*token, [1, 2, 3]);
    assert_eq!((token.header().sequence, token.header().bytes()), (9, 6));
    assert_eq!(token.header().class(), home.class());
    home.give_back(token).unwrap();
}

#[test]
fn r_flow_13_exactly_n_fit_and_the_free_count_never_wraps_m2_m3_m9() {
    let pool: StaticPool<u32, 3> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let mut tokens: Vec<_> = (0..3).map(|n| token(&mut home, n, n as u32)).collect();
    assert!(home.loan().is_none());
    assert_eq!((home.available(), home.live(), pool.live()), (0, 3, 3));
    home.give_back(tokens.swap_remove(1)).unwrap();
    assert_eq!((home.available(), home.live(), pool.live()), (1, 2, 2));
    tokens.push(token(&mut home, 3, 3));
    assert!(home.loan().is_none());
    for token in tokens {
        home.give_back(token).unwrap();
    }
    assert_eq!(pool.live(), 0);
}

#[test]
fn a_pool_opens_once() {
    let pool: StaticPool<u32, 3, 1> = StaticPool::new(PoolId(0));
    let _home = pool.home().unwrap();
    assert!(pool.home().is_err());
    let _lane = pool.returns().unwrap();
    assert!(pool.returns().is_err());
}

#[test]
fn r_flow_12_a_stale_handle_is_refused_over_many_reuses_m4() {
    let pool: StaticPool<u32, 2> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let first = token(&mut home, 0, 0);
    let stale = home.lay_down(first).unwrap();
    let first = home.claim(stale).unwrap();
    home.give_back(first).unwrap();
    for n in 0..REUSES {
        let fresh = token(&mut home, 0, n);
        assert_eq!(home.raw(&fresh).index, stale.index, "the hot slot comes first");
        assert_eq!(home.claim(stale).unwrap_err(), Misuse::Stale, "reuse {n}");
        home.give_back(fresh).unwrap();
    }
}

#[test]
fn a_share_that_was_laid_down_is_taken_up_once_m5() {
    let pool: StaticPool<u32, 2> = StaticPool::new(PoolId(3));
    let mut home = pool.home().unwrap();
    let live = token(&mut home, 0, 5);
    let raw = home.raw(&live);
    assert_eq!(home.claim(raw).unwrap_err(), Misuse::Stale, "held, not laid down: a claim would alias it");
    let raw = home.lay_down(live).unwrap();
    let back = home.claim(raw).unwrap();
    assert_eq!(home.claim(raw).unwrap_err(), Misuse::Stale);
    home.give_back(back).unwrap();
    assert_eq!(home.claim(raw).unwrap_err(), Misuse::Stale, "returned twice");
    assert_eq!(home.live(), 0);
    let beyond = RawToken { index: 2, ..raw };
    assert_eq!(home.claim(beyond).unwrap_err(), Misuse::Range);
    assert_eq!(home.claim(RawToken { pool: PoolId(4), ..raw }).unwrap_err(), Misuse::Foreign);
}

#[test]
fn a_token_of_another_pool_is_refused_even_under_the_same_id_m6() {
    let (a, b): (StaticPool<u32, 2>, StaticPool<u32, 2>) =
        (StaticPool::new(PoolId(0)), StaticPool::new(PoolId(0)));
    let (mut home_a, mut home_b) = (a.home().unwrap(), b.home().unwrap());
    let mut lane_b = b.returns().unwrap();
    let token = token(&mut home_a, 0, 1);
    assert_eq!(home_b.view(&token).unwrap_err(), Misuse::Foreign);
    let refused = home_b.give_back(token).unwrap_err();
    assert_eq!(refused.why, Misuse::Foreign);
    let refused = lane_b.give_back(refused.token).unwrap_err();
    assert_eq!((refused.why, *refused.token), (Misuse::Foreign, 1));
    home_a.give_back(refused.token).unwrap();
    assert_eq!((a.live(), b.live()), (0, 0));
}

#[test]
fn an_aborted_loan_and_a_panicking_writer_leave_no_trace_m7_m16() {
    let ledger = Ledger::default();
    let pool: StaticPool<world::Counted, 1> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    drop(home.loan().unwrap());
    assert_eq!(home.live(), 0);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = home.loan().unwrap().commit(Header::new(0, 0, T0), || panic!("no value"));
    }));
    assert!(caught.is_err());
    assert_eq!(home.live(), 0);
    let vacant = home.reserve().unwrap();
    assert!(home.reserve().is_none());
    home.abort(vacant);
    let token = token(&mut home, 0, ledger.make(1));
    home.give_back(token).unwrap();
    assert_eq!((ledger.born(), ledger.dropped()), (1, 1));
}

#[test]
fn each_payload_is_dropped_once_also_with_the_pool_m8() {
    let ledger = Ledger::default();
    {
        let pool: StaticPool<world::Counted, 4> = StaticPool::new(PoolId(0));
        let mut home = pool.home().unwrap();
        let mut lane = pool.returns().unwrap();
        let freed = token(&mut home, 0, ledger.make(0));
        home.give_back(freed).unwrap();
        assert_eq!(ledger.dropped(), 1);
        let on_its_way = token(&mut home, 1, ledger.make(1));
        lane.give_back(on_its_way).unwrap();
        let _forgotten = token(&mut home, 2, ledger.make(2));
        drop(home.loan());
    }
    assert_eq!((ledger.born(), ledger.dropped()), (3, 3));
}

#[test]
fn a_lease_gives_its_share_back() {
    let pool: StaticPool<u32, 1> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let token = token(&mut home, 4, 44);
    let lease = home.lease(token);
    assert_eq!((*lease, lease.header().sequence), (44, 4));
    drop(lease);
    assert_eq!(home.live(), 0);
}

#[test]
fn only_who_holds_all_of_it_may_edit_m11() {
    let pool: StaticPool<u32, 1> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let mut whole = token(&mut home, 0, 1);
    *whole.edit().unwrap() += 1;
    let (mut a, b) = whole.fork().unwrap();
    assert_eq!(a.weight() + b.weight(), FULL_WEIGHT);
    assert_eq!(a.edit().unwrap_err(), Misuse::Shared);
    assert_eq!((*a, *b), (2, 2));
    home.give_back(a).unwrap();
    assert_eq!(home.live(), 1);
    home.give_back(b).unwrap();
    assert_eq!(home.live(), 0);
}

#[test]
fn a_token_can_be_forked_down_to_weight_one_and_no_further() {
    let pool: StaticPool<u32, 1> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let mut rest = token(&mut home, 0, 1);
    for _ in 0..15 {
        let (kept, given) = rest.fork().unwrap();
        home.give_back(given).unwrap();
        rest = kept;
    }
    assert_eq!(rest.weight(), 1);
    let rest = rest.fork().unwrap_err();
    assert_eq!(home.live(), 1);
    home.give_back(rest).unwrap();
    assert_eq!(home.live(), 0);
}

#[test]
fn a_home_that_has_run_out_takes_in_what_came_back_m3_m13() {
    let pool: StaticPool<u32, 3> = StaticPool::new(PoolId(0));
    let mut home = pool.home().unwrap();
    let mut lane = pool.returns().unwrap();
    for round in 0..50 {
        let tokens: Vec<_> = (0..3).map(|n| token(&mut home, n, round)).collect();
        for token in tokens {
            lane.give_back(token).unwrap();
        }
    }
    assert!(home.loan().is_some());
}

#[test]
fn r_flow_20_a_pool_that_is_nearly_full_for_long_stays_right_e2_m9() {
    const N: usize = 64;
    let ledger = Ledger::default();
    {
        let pool: StaticPool<world::Counted, N> = StaticPool::new(PoolId(0));
        let mut home = pool.home().unwrap();
        let mut lane = pool.returns().unwrap();
        let mut held: std::collections::VecDeque<_> =
            (0..N as u32 - 1).map(|n| token(&mut home, n.into(), ledger.make(n))).collect();
        for n in N as u32 - 1..world::many(20_000) {
            held.push_back(token(&mut home, n.into(), ledger.make(n)));
            let oldest = held.pop_front().unwrap();
            assert_eq!(oldest.value, n + 1 - N as u32, "every value is where it was put");
            // By turns straight home, by lane, and in two halves that meet there.
            match n % 3 {
                0 => home.give_back(oldest).unwrap(),
                1 => lane.give_back(oldest).unwrap(),
                _ => {
                    let (a, b) = oldest.fork().unwrap();
                    home.give_back(a).unwrap();
                    lane.give_back(b).unwrap();
                }
            }
            assert!(home.live() <= N as u32);
        }
        for token in held {
            home.give_back(token).unwrap();
        }
    }
    assert_eq!(ledger.born(), ledger.dropped());
}

#[test]
fn a_home_and_its_lanes_work_from_different_threads() {
    static POOL: StaticPool<u64, 8> = StaticPool::new(PoolId(0));
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    let (send, receive) = std::sync::mpsc::channel::<Token<'static, u64>>();
    let mut home = POOL.home().unwrap();
    let mut lane = POOL.returns().unwrap();
    let consumer = std::thread::spawn(move || {
        for (n, token) in receive.into_iter().enumerate() {
            assert_eq!(*token, n as u64);
            lane.give_back(token).unwrap();
        }
    });
    for n in 0..rounds {
        let loan = loop {
            if let Some(loan) = home.loan() {
                break loan;
            }
            std::thread::yield_now();
        };
        // Borrowed anew each round: the loop above keeps none alive.
        send.send(loan.commit(Header::new(n, n, T0), || n)).unwrap();
    }
    drop(send);
    consumer.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..Default::default() })]

    /// Any order of return of any split frees once, after the last (M12), whichever way each share goes home.
    #[test]
    fn any_order_of_return_frees_once_after_the_last_m12(
        forks in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        order in proptest::collection::vec(any::<(proptest::sample::Index, bool)>(), 13),
    ) {
        let ledger = Ledger::default();
        let pool: StaticPool<world::Counted, 1, 16> = StaticPool::new(PoolId(0));
        let mut home = pool.home().unwrap();
        let mut lanes: Vec<_> = (0..16).map(|_| pool.returns().unwrap()).collect();
        let mut shares = vec![token(&mut home, 0, ledger.make(0))];
        for at in forks {
            let share = shares.swap_remove(at.index(shares.len()));
            match share.fork() {
                Ok((a, b)) => shares.extend([a, b]),
                Err(whole) => shares.push(whole),
            }
        }
        for (at, by_lane) in order {
            if shares.is_empty() {
                break;
            }
            prop_assert!(home.loan().is_none());
            prop_assert_eq!(ledger.dropped(), 0);
            let share = shares.swap_remove(at.index(shares.len()));
            let lane = lanes.pop().unwrap();
            let mut lane = lane;
            if by_lane { lane.give_back(share).unwrap() } else { home.give_back(share).unwrap() }
        }
        prop_assert!(shares.is_empty());
        prop_assert!(home.loan().is_some());
        prop_assert_eq!(ledger.dropped(), 1);
    }
}
