//! What lies in the slots of a ring that is new.

use super::Own;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_host::ring::{AttachError, Builder, Producer};
use tidemill_ring::{Policies, Position, Trusting};

type Order = [u64; 2];

fn slots(own: &Own) -> Builder<Order> {
    own.ring().slots(4).policies(Policies::BLOCK)
}

fn given(slot: u32) -> Order {
    [700 + u64::from(slot), 0]
}

fn in_place(tx: Producer<Order>) -> Trusting<Producer<Order>> {
    // SAFETY: the ring is this test's, and both halves keep the laws.
    unsafe { Trusting::new(tx) }.expect("a mapping is aligned")
}

// RING-LOAN, RING-RESTART: fresh slots hold what was given for each; who attaches or produces again finds what lies there
#[test]
fn surface_fill_with() {
    for own in Own::each() {
        let mut tx = in_place(slots(&own).fill_with(given).producer().expect("nobody else does"));
        let _rx = slots(&own).name("risk").consumer().expect("there is room");
        for slot in 0..2 {
            let mut order = tx.try_loan().expect("there is room");
            assert_eq!(*order, given(slot));
            order[1] = 9;
            assert_eq!(order.commit(), Position(u64::from(slot)));
        }
        drop(tx);
        let fresh = |_: u32| -> Order { panic!("the ring is there") };
        assert!(slots(&own).fill_with(fresh).consumer().is_ok(), "who attaches fills nothing");
        let tx = slots(&own).fill_with(fresh).producer().expect("the last one left");
        let look = tidemill_host::ring::Look::at(own.0.path()).expect("a ring");
        let written: Vec<_> = (0..2).map(|at| look.segment().item::<Order>(Position(at))).collect();
        assert_eq!(written, [Some([700, 9]), Some([701, 9])]);
        let mut tx = in_place(tx);
        for slot in 2..4 {
            let order = tx.try_loan().expect("there is room");
            assert_eq!(*order, given(slot), "as it was given to the first producer");
            order.commit();
        }
    }
}

// RING-STALE: before all slots are filled there is no ring of that name, and none where that went wrong
#[test]
fn a_ring_has_no_name_before_its_slots_are_filled() {
    for own in Own::each() {
        let path = own.0.path().to_owned();
        let asked: &'static AtomicU32 = Box::leak(Box::default());
        let half = slots(&own).fill_with(move |slot| {
            // Relaxed: counts, orders nothing.
            asked.fetch_add(1, Ordering::Relaxed);
            assert!(!path.exists(), "a name for half a ring");
            assert!(slot < 3, "the fourth slot is too much");
            given(slot)
        });
        assert!(catch_unwind(AssertUnwindSafe(|| half.producer())).is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        assert!(matches!(slots(&own).consumer(), Err(AttachError::NotFound)) && !own.0.path().exists());
        let mut tx = in_place(slots(&own).fill_with(given).producer().expect("nobody is in the way"));
        assert_eq!(*tx.try_loan().expect("there is room"), given(0));
    }
}
