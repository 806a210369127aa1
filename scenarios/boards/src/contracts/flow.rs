//! The laws of rings, pools and edges.

use crate::{MEMORY, View};
use tidemill_boards::{Arena, BoardClock};
use tidemill_contracts::edge::{Parcel, PooledRx, PooledTx, pooled};
use tidemill_contracts::manager::{Cargo, Ledger};
use tidemill_contracts::{Effort, Verdict};
use tidemill_flow::{Caps, Edge, Home, StaticPool};
use tidemill_mcu::Guarded;
use tidemill_ring::Inline;
use tidemill_ring::spsc::{Consumer, Producer, Spec, split, split_evicting};
use tidemill_seam::PoolId;

type Memory = &'static Inline<{ crate::WORDS }>;
type Halves<R> = (Producer<R, 4>, Consumer<R, 4>);
type Ends = (PooledTx<'static>, PooledRx<'static>);

static ARENA: Arena = Arena::new();
static LEDGER: Ledger = Ledger::new();

pub(crate) fn ring(_: BoardClock) -> Verdict {
    fn make(capacity: u32, start: u32) -> Option<Halves<Memory>> {
        split(&MEMORY, Spec::new(capacity).starting_at(start)).ok()
    }
    tidemill_contracts::ring(make, Effort::Board)
}

pub(crate) fn ring_evicting(_: BoardClock) -> Verdict {
    fn make(capacity: u32, start: u32) -> Option<Halves<View>> {
        split_evicting(Guarded(&MEMORY), Spec::new(capacity).starting_at(start)).ok()
    }
    tidemill_contracts::ring_evicting(make, Effort::Board)
}

pub(crate) fn manager(_: BoardClock) -> Verdict {
    fn home<const N: usize>(id: PoolId) -> Option<Home<'static, Cargo>> {
        // SAFETY: the suite has at most two managers at a time, and their pools with them.
        unsafe { ARENA.place(StaticPool::<Cargo, N>::new(id)) }.home().ok()
    }
    let make = |capacity, id| match capacity {
        1 => home::<1>(id),
        2 => home::<2>(id),
        3 => home::<3>(id),
        8 => home::<8>(id),
        _ => None,
    };
    tidemill_contracts::manager(make, &LEDGER, Effort::Board)
}

pub(crate) fn edge(_: BoardClock) -> Verdict {
    fn ends<const N: usize, const M: usize>(caps: Caps, start: u32) -> Option<Ends> {
        let fresh =
            (Edge::<Parcel, N>::new(caps).starting_at(start), StaticPool::<Parcel, M, 1>::new(PoolId(0)));
        // SAFETY: the suite drops both ends before it asks for the next.
        let (edge, pool) = unsafe { ARENA.place(fresh) };
        pooled(edge, pool).ok()
    }
    let make = |caps: Caps, start| match caps.hard_items.next_power_of_two() {
        1 => ends::<1, 3>(caps, start),
        4 => ends::<4, 6>(caps, start),
        8 => ends::<8, 10>(caps, start),
        _ => None,
    };
    tidemill_contracts::edge(make, Effort::Board)
}
