//! A producer that writes messages where they will lie, in two steps with time between them.

use std::rc::Rc;

use tidemill_ring::Trusting;
use tidemill_sim::{Env, Mapping};

use super::frames::{Desk, MESSAGES, N, Sends, Tx, VarTx, opened, payload};
use super::world::TICK;

/// Publishes every message, written by `fill`: its first half, and all of it a tick later.
macro_rules! writes {
    ($name:ident, $half:ty, $fill:expr) => {
        pub(super) async fn $name(env: Env, mapping: Mapping, desk: Rc<Desk>) {
            let mut raw: $half = opened(&env, &mapping, &desk).await;
            let mut number = desk.plan.number_at(raw.next());
            // SAFETY: whoever reads or writes in the arena does so by the laws, as this story has it, and nobody looks on.
            let mut tx = unsafe { Trusting::new(raw) }.expect("everybody is waited for");
            while number < MESSAGES {
                let whole = payload(number);
                match tx.try_loan(whole.len(), number as u8) {
                    Ok(mut loan) => {
                        desk.spoiled.set(desk.spoiled.get() + 1);
                        $fill(&mut loan, &whole[..whole.len() / 2]);
                        env.sleep(TICK).await;
                        $fill(&mut loan, &whole);
                        desk.spoiled.set(desk.spoiled.get() - 1);
                        loan.commit(whole.len()).expect("as many as were granted");
                        number += 1;
                    }
                    Err(_) => {
                        tx.tend(env.now());
                    }
                }
                env.sleep(TICK).await;
            }
            tx.into_raw().end();
        }
    };
}

writes!(parts, Tx, |loan: &mut tidemill_ring::trust::FrameLoan<'_, N, _, _>, bytes: &[u8]| {
    for (room, bytes) in loan.parts().zip(bytes.chunks(N)) {
        room[..bytes.len()].copy_from_slice(bytes);
    }
});
writes!(runs, VarTx, |loan: &mut [u8], bytes: &[u8]| loan[..bytes.len()].copy_from_slice(bytes));
