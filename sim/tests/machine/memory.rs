//! Memory managers under faults: reservations that fail, pools that run dry, poison, payloads that move.

use tidemill_contracts::manager::{Cargo, Ledger};
use tidemill_contracts::{Effort, manager_contract};
use tidemill_flow::{Header, Home, Manager, MemoryClass, Misuse, Payload, RawToken, Refused, StaticPool};
use tidemill_seam::{Instant, PoolId};
use tidemill_sim::memory::{Berth, Faulty, MemoryFaults, Saboteur, Share};
use tidemill_sim::{Config, Rate, Sim};

type Pool<P> = Faulty<Home<'static, Berth<P>>>;

fn saboteur(seed: u64, faults: MemoryFaults) -> Saboteur {
    let mut sim: Sim = Sim::new(seed);
    let host = sim.machine("host");
    sim.saboteur(host, "pool", faults)
}

fn home<P: Payload, const N: usize>(id: PoolId) -> Option<Home<'static, Berth<P>>> {
    Box::leak(Box::new(StaticPool::<Berth<P>, N>::new(id))).home().ok()
}

fn pool(capacity: u32, id: PoolId, faults: MemoryFaults) -> Option<Pool<Cargo>> {
    let inner = match capacity {
        1 => home::<_, 1>(id),
        2 => home::<_, 2>(id),
        3 => home::<_, 3>(id),
        8 => home::<_, 8>(id),
        64 => home::<_, 64>(id),
        _ => None,
    };
    inner.map(|inner| Faulty::new(inner, &saboteur(u64::from(capacity), faults)))
}

// SIM-MEMORY: with its faults off, a faulty manager keeps every law of a manager.
manager_contract!(a_faulty_manager_without_faults, |capacity, id| pool(capacity, id, MemoryFaults::NONE));

const MOVING: MemoryFaults = MemoryFaults { relocate: Rate::percent(30), ..MemoryFaults::NONE };

// SIM-MEMORY: payloads that move at every third reservation break no law of a manager.
#[test]
fn relocation_breaks_no_law_of_a_manager() {
    static LEDGER: Ledger = Ledger::new();
    tidemill_contracts::manager(|capacity, id| pool(capacity, id, MOVING), &LEDGER, Effort::Board).unwrap();
}

fn store(pool: &mut Pool<u64>, value: u64) -> Option<Share> {
    let loan = pool.reserve()?;
    Some(pool.commit(loan, Header::new(value, value, Instant::ZERO), value))
}

fn of_four(saboteur: &Saboteur) -> Pool<u64> {
    Faulty::new(home::<_, 4>(PoolId(3)).expect("a fresh pool"), saboteur)
}

fn read<M: Manager<Payload = Berth<u64>>>(pool: &Faulty<M>, share: &Share) -> u64 {
    *pool.view(share).expect("a good share").1
}

// SIM-MEMORY: the n-th allocation fails, and no other.
#[test]
fn the_nth_reservation_fails_and_no_other() {
    for n in 1..=6 {
        let saboteur = saboteur(1, MemoryFaults::NONE);
        let mut pool = of_four(&saboteur);
        saboteur.fail_nth(n);
        for i in 1..=6 {
            let share = store(&mut pool, i);
            assert_eq!(share.is_none(), i == n, "reservation {i} where {n} is to fail");
            if let Some(share) = share {
                pool.give_back(share).expect("a good share");
            }
        }
        assert_eq!((saboteur.done().failed, saboteur.done().reserves), (1, 6));
    }
}

// SIM-MEMORY: an exhausted pool refuses for a while, then all of it is there again.
#[test]
fn an_exhausted_pool_recovers() {
    let faults = MemoryFaults { exhaust: Rate::percent(20), held_for: 5, ..MemoryFaults::NONE };
    let (mut longest, mut droughts) = (0, 0);
    for seed in 0..50 {
        let saboteur = saboteur(seed, faults);
        let mut pool = of_four(&saboteur);
        let kept = loop {
            if let Some(share) = store(&mut pool, 7) {
                break share;
            }
        };
        let mut dry = 0;
        for _ in 0..60 {
            match store(&mut pool, 8) {
                Some(share) => {
                    pool.give_back(share).expect("a good share");
                    dry = 0;
                }
                None => {
                    dry += 1;
                    droughts += u32::from(dry == 1);
                    longest = longest.max(dry);
                    assert_eq!((pool.live(), pool.hostages()), (4, 3), "somebody holds all but ours");
                }
            }
            assert_eq!(read(&pool, &kept), 7, "what is held is not touched");
        }
        saboteur.set(MemoryFaults::NONE);
        while store(&mut pool, 9).is_none_or(|share| pool.give_back(share).is_err()) {}
        let all: Vec<_> = (0..4).filter_map(|_| store(&mut pool, 1)).collect();
        assert_eq!((all.len(), pool.hostages(), pool.live()), (3, 0, 4));
    }
    assert!(droughts > 100 && longest >= 5, "{droughts} droughts, the longest of {longest}");
}

// SIM-MEMORY: whoever kept a pointer to a freed slot, or to a payload that moved, is caught.
#[test]
fn a_pointer_into_a_freed_slot_or_to_a_moved_payload_is_caught() {
    let saboteur = saboteur(1, MemoryFaults::NONE);
    let mut pool = of_four(&saboteur);
    let one = store(&mut pool, 1).expect("four fit");
    let (two, shared) = (store(&mut pool, 2).expect("four fit"), store(&mut pool, 3).expect("four fit"));
    let (left, right) = pool.fork(shared).expect("a whole message");
    let pointers = [&one, &two, &left].map(|share| pool.address(share).expect("ours"));
    assert_eq!(pointers.map(|pointer| pool.at(pointer).copied()), [Ok(1), Ok(2), Ok(3)]);
    pool.give_back(one).expect("a good share");
    assert_eq!(pool.at(pointers[0]), Err(Misuse::Stale), "freed");
    let again = store(&mut pool, 4).expect("a slot is free");
    assert_eq!(pool.at(pointers[0]), Err(Misuse::Stale), "the same slot, another message");
    assert_eq!(pool.relocate_all(), 2, "shared messages stay where they are");
    assert_eq!(pool.at(pointers[1]), Err(Misuse::Stale), "moved");
    assert_eq!(pool.at(pointers[2]), Ok(&3));
    let values = [&two, &left, &right, &again].map(|share| read(&pool, share));
    assert_eq!(values, [2, 3, 3, 4], "and whoever holds a share notices nothing");
    assert_eq!((saboteur.done().relocated, saboteur.done().poisoned), (2, 3));
}

// SIM-MEMORY: under every fault at once shares read what was stored, returns never fail, nothing leaks; and the same seed
// does the same.
#[test]
fn what_is_stored_survives_every_fault() {
    let faults = MemoryFaults {
        fail: Rate::percent(10),
        exhaust: Rate::percent(5),
        held_for: 4,
        relocate: Rate::percent(40),
    };
    let run = |seed| {
        let saboteur = saboteur(seed, faults);
        let mut pool = of_four(&saboteur);
        let mut held: Vec<(u64, Share)> = Vec::new();
        for i in 0..300_u64 {
            match store(&mut pool, i) {
                Some(share) => held.push((i, share)),
                None if held.is_empty() => {}
                None => {
                    let (value, share) = held.remove(i as usize % held.len());
                    assert_eq!(read(&pool, &share), value);
                    pool.give_back(share).expect("giving back never fails");
                }
            }
            assert!(held.iter().all(|(value, share)| read(&pool, share) == *value));
            assert_eq!(pool.live() as usize, held.len() + pool.hostages());
        }
        saboteur.done()
    };
    let all: Vec<_> = (0..40).map(|seed| (run(seed), run(seed))).collect();
    assert!(all.iter().all(|(first, second)| first == second));
    assert!(all.iter().all(|(done, _)| done.failed > 0 && done.exhausted > 0 && done.relocated > 0));
    assert_ne!(all[0].0, all[1].0);
}

// SIM-MEMORY: the decisions are the kernel's, so a tape can pin one.
#[test]
fn a_tape_fails_one_reservation() {
    let overlay = "host/memory→pool#fail#2".parse().map(|site| std::iter::once((site, 1)).collect());
    let config = Config { overlay: overlay.expect("a site"), ..Config::default() };
    let mut sim: Sim = Sim::with(9, Config { base: tidemill_sim::Base::Zero, ..config });
    let host = sim.machine("host");
    let saboteur = sim.saboteur(host, "pool", MemoryFaults { fail: Rate::percent(50), ..MemoryFaults::NONE });
    let mut pool = of_four(&saboteur);
    let served: Vec<bool> = (0..4).map(|i| store(&mut pool, i).is_some()).collect();
    assert_eq!((served, sim.overlay_report().unused), (vec![true, true, false, true], vec![]));
}

/// A manager of one slot that it gives out again although somebody holds it.
struct Careless(Option<(Header, Berth<u64>)>);

impl Manager for Careless {
    type Payload = Berth<u64>;
    type Loan = ();
    type Token = ();
    fn reserve(&mut self) -> Option<()> {
        Some(())
    }
    fn commit(&mut self, (): (), header: Header, payload: Berth<u64>) {
        self.0 = Some((header, payload));
    }
    fn abort(&mut self, (): ()) {}
    fn fork(&mut self, (): ()) -> Result<((), ()), ()> {
        Err(())
    }
    fn raw(&self, (): &()) -> RawToken {
        RawToken { index: 0, generation: 0, weight: 1 << 15, pool: PoolId(0) }
    }
    fn lay_down(&mut self, token: ()) -> Result<RawToken, Refused<()>> {
        Err(Refused { why: Misuse::Shared, token })
    }
    fn claim(&mut self, _: RawToken) -> Result<(), Misuse> {
        Err(Misuse::Stale)
    }
    fn give_back(&mut self, (): ()) -> Result<(), Refused<()>> {
        Ok(())
    }
    fn view<'t>(&'t self, (): &'t ()) -> Result<(&'t Header, &'t Berth<u64>), Misuse> {
        self.0.as_ref().map(|(header, berth)| (header, berth)).ok_or(Misuse::Stale)
    }
    fn edit<'t>(&'t mut self, (): &'t mut ()) -> Result<&'t mut Berth<u64>, Misuse> {
        self.0.as_mut().map(|(_, berth)| berth).ok_or(Misuse::Stale)
    }
    fn capacity(&self) -> u32 {
        1
    }
    fn live(&self) -> u32 {
        u32::from(self.0.is_some())
    }
    fn class(&self) -> MemoryClass {
        MemoryClass::Host
    }
}

// SIM-MEMORY: a read through a share whose slot belongs to another message by now is caught.
#[test]
#[should_panic(
    expected = "a share finds another message in its slot, or poison: message 0 was to be read, not 1"
)]
fn a_pool_that_gives_a_slot_out_twice_is_caught() {
    let mut pool = Faulty::new(Careless(None), &saboteur(1, MemoryFaults::NONE));
    let shares = [10, 11].map(|value| {
        pool.reserve().expect("it never refuses");
        pool.commit((), Header::new(1, 1, Instant::ZERO), value)
    });
    assert_eq!(read(&pool, &shares[0]), 10);
}

// SIM-MEMORY: and so is one through a share whose slot was freed behind its back.
#[test]
#[should_panic(expected = "a share finds another message in its slot, or poison")]
fn a_read_of_a_poisoned_slot_is_caught() {
    let mut pool = Faulty::new(Careless(None), &saboteur(1, MemoryFaults::NONE));
    let header = Header::new(1, 1, Instant::ZERO);
    let (first, second) = (pool.commit((), header, 10), pool.commit((), header, 11));
    pool.give_back(second).expect("it never refuses");
    assert_eq!(read(&pool, &first), 10);
}
