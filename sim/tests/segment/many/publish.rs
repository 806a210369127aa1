//! What a producer does with its claims.

use tidemill_ring::MultiProducer;
use tidemill_sim::{Mapping, SimLiveness};

use super::{Item, Own, item};

/// Claims, and fills that or gives it up. `false` where there is no room.
pub(super) fn publish(tx: &mut MultiProducer<Item, Mapping, SimLiveness>, own: &Own, who: usize) -> bool {
    let Ok(claim) = tx.claim() else { return false };
    let at = claim.position();
    own.claim.set(Some((at.0, 1)));
    let attempt = own.attempts.get() + 1;
    own.attempts.set(attempt);
    if attempt.is_multiple_of(3) {
        own.claim.set(None);
        drop(claim);
    } else {
        claim.commit(item(at.0, who, attempt));
        own.claim.set(None);
        own.published.borrow_mut().push((at.0, attempt));
    }
    true
}

/// Claims up to three positions, and shows what it fills: all at once, in two steps, in part, or nothing. `false` where there is no
/// room.
pub(super) fn publish_together(
    tx: &mut MultiProducer<Item, Mapping, SimLiveness>,
    own: &Own,
    who: usize,
) -> bool {
    let n = 3.min(tx.batch_max());
    let Ok(mut claims) = tx.claims(n) else { return false };
    let first = claims.position().expect("some are claimed").0;
    own.claim.set(Some((first, n)));
    let attempt = own.attempts.get() + 1;
    own.attempts.set(attempt + n - 1);
    let way = attempt / n % 4;
    let shown = if way == 1 { 1 } else { 0 };
    let together = [(first, shown), (first + u64::from(shown), n - shown)];
    own.together.borrow_mut().extend(together.iter().filter(|(_, n)| *n > 0));
    let filled = if way == 2 { n - 1 } else { n };
    for i in 0..filled {
        let at = claims.position().expect("a place is left").0;
        claims.put(item(at, who, attempt + i)).expect("a place is left");
        if i + 1 == shown {
            claims.show();
            own.claim.set(Some((first + 1, n - 1)));
            own.published.borrow_mut().push((first, attempt));
        }
    }
    if way == 2 {
        own.claim.set(Some((first, filled)));
    }
    if way == 3 {
        own.claim.set(None);
        drop(claims);
        return true;
    }
    claims.commit();
    own.claim.set(None);
    let sent = (shown..filled).map(|i| (first + u64::from(i), attempt + i));
    own.published.borrow_mut().extend(sent);
    true
}
