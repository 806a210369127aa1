//! A consumer that sees messages where they lie, and holds each while the producer goes on.

use std::rc::Rc;

use tidemill_ring::frame::{FrameConsumer, Room, VarConsumer};
use tidemill_ring::{JoinError, Next, Peer, PeerName, Segment, Start, Trusting};
use tidemill_sim::{Env, Mapping, SimLiveness};

use super::frames::{Desk, HOLD, MESSAGES, N, come, take};
use super::world::TICK;

/// How long a message is held.
const HELD: u64 = 2;

/// Joins until it has taken every message; each is let go of once without an acknowledgement, and comes again.
macro_rules! holds {
    ($name:ident, $half:ident, $join:ident) => {
        pub(super) async fn $name(env: Env, mapping: Mapping, desk: Rc<Desk>) {
            if desk.taken.get() == MESSAGES {
                return;
            }
            let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(HOLD);
            let rx: $half<N, Mapping, SimLiveness, Room<64>> = loop {
                let segment: Segment<Mapping> = come(&env, &mapping, &desk).await;
                match segment.$join(mapping.liveness(), &peer, Start::Resume, Room::new()) {
                    Ok(rx) => break rx,
                    Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
                    Err(other) => panic!("{other}"),
                }
            };
            // SAFETY: whoever writes to the arena does so by the laws, as this story has it.
            let mut rx = unsafe { Trusting::new(rx) }.expect("bytes lie anywhere");
            let (mut first, mut again) = (true, true);
            loop {
                let Some(next) = rx.try_next() else {
                    if rx.tend().is_some() && !desk.plan.returns {
                        return;
                    }
                    env.sleep(TICK).await;
                    continue;
                };
                match next {
                    Next::Item(seen) => {
                        let before = seen.to_vec();
                        env.sleep(TICK.saturating_mul(HELD)).await;
                        assert_eq!(*seen, before, "RL-2: it was overwritten while it was held");
                        again = !again;
                        if again {
                            take(&desk, seen.message(), std::mem::take(&mut first));
                            seen.ack();
                        }
                    }
                    Next::Restarted { .. } => desk.restarted.set(desk.restarted.get() + 1),
                    Next::Closed(_) => return,
                    other => panic!("a consumer hears {:?}", other.map(|_| ())),
                }
                env.sleep(TICK).await;
            }
        }
    };
}

holds!(parts, FrameConsumer, frame_consumer);
holds!(runs, VarConsumer, var_consumer);
