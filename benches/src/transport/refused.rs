//! Refusals: a full ring, and so many consumers that are expected and absent.
//!
//! Nobody takes anything, so every publication is refused, and it is asked again at once, as whoever cannot wait does.

use std::time::{Duration, Instant};

use tidemill_ring::Why;
use tidemill_ring::coordinate::{Coordinate, Held};
use tidemill_ring::name::Name;
use tidemill_ring::required::Required;

use super::ours::Ours;
use super::{CAPACITY, Report, Role};

/// How many are expected, and absent.
pub const EXPECTED: u32 = 64;
/// Nobody is asked for longer.
const LONGEST: Duration = Duration::from_secs(1);
/// Refusals between two looks at the clock.
const STRIDE: u64 = 16;

/// What so many refusals take; of a slow one fewer are asked, and the rest is reckoned.
pub(super) fn refuse(items: u64, mut is_refused: impl FnMut() -> bool) -> Report {
    let begun = Instant::now();
    let mut done = 0;
    while done < items {
        let stride = STRIDE.min(items - done);
        if !(0..stride).all(|_| is_refused()) {
            return Report::Lost { came: done, of: items };
        }
        done += stride;
        if begun.elapsed() > LONGEST {
            break;
        }
    }
    Report::Took(begun.elapsed().mul_f64(items as f64 / done as f64))
}

/// Their names.
///
/// # Panics
/// Never: they are names.
#[must_use]
pub fn expected() -> [Name; EXPECTED as usize] {
    std::array::from_fn(|k| Name::parse(&format!("taker{k}")).expect("a name"))
}

/// A producer that keeps its first item for all of them, and has filled its ring.
pub(super) fn ours(name: &str, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    vec![Box::new(move |meet| {
        let ring = Ours::Parks.slots::<u64>(&name).participants(EXPECTED);
        let how = Coordinate::BufferUntil { n: EXPECTED, max: CAPACITY as u64 };
        let mut producer = ring.coordinate(how).producer().expect("nobody produces");
        while producer.try_push(0).is_ok() {}
        assert_eq!(producer.published().0, CAPACITY as u64, "the ring is full");
        meet();
        refuse(items, || matches!(producer.try_push(0), Err(refused) if refused.why.may_pass()))
    })]
}

/// A producer that cannot do without any of them.
pub(super) fn requiring(name: &str, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    vec![Box::new(move |meet| {
        let ring = Ours::Parks.slots::<u64>(&name).participants(EXPECTED);
        let required =
            Required { startup: tidemill_seam::Duration::from_secs(3_600), ..Required::new(expected()) };
        let mut producer = ring.producer().expect("nobody produces").managed(required);
        meet();
        let absent = Why::Held(Held::Awaiting { have: 0, want: EXPECTED });
        refuse(items, || matches!(producer.try_push(0), Err(refused) if refused.why == absent))
    })]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_that_goes_through_is_no_refusal() {
        let mut asked = 0;
        let mut third = || {
            asked += 1;
            asked < 3
        };
        assert_eq!(refuse(100, &mut third), Report::Lost { came: 0, of: 100 });
        assert!(matches!(refuse(100, || true), Report::Took(_)));
    }
}
