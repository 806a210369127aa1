//! The manager suite passes our pool and the model, and rejects each broken twin by the law that its documentation names.

use tidemill_contracts::broken::manager::{Fault, Table, judge};
use tidemill_contracts::manager::{Cargo, Ledger};
use tidemill_contracts::{Effort, manager_contract};
use tidemill_flow::{Home, StaticPool};
use tidemill_seam::PoolId;

fn pool(capacity: u32, id: PoolId) -> Option<Home<'static, Cargo>> {
    fn home<const N: usize>(id: PoolId) -> Option<Home<'static, Cargo>> {
        Box::leak(Box::new(StaticPool::<Cargo, N>::new(id))).home().ok()
    }
    match capacity {
        1 => home::<1>(id),
        2 => home::<2>(id),
        3 => home::<3>(id),
        4 => home::<4>(id),
        8 => home::<8>(id),
        16 => home::<16>(id),
        64 => home::<64>(id),
        _ => None,
    }
}

manager_contract!(our_pool, pool);
manager_contract!(the_model, |capacity, id| Table::new(capacity, id, None));

#[test]
fn every_broken_manager_is_rejected_by_its_law() {
    static LEDGER: Ledger = Ledger::new();
    if let Err(violation) = judge(None, &LEDGER, Effort::Quick) {
        panic!("the model itself breaks a law: {violation}");
    }
    // A thousand steps are enough for each of them: boards run no more.
    for fault in Fault::ALL {
        match judge(Some(*fault), &LEDGER, Effort::Board) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => {
                assert_eq!(violation.law, fault.law(), "{fault:?} is caught by another law: {violation}");
            }
        }
    }
}
