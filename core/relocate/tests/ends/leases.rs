//! S10 over the shipped producer and host: two clocks within their drift, requests that travel, and clocks that are none.

use crate::rig::{OP, Rig, TERMS};
use proptest::proptest;
use tidemill_relocate::{Mutant, Preset, ProducerEffect, ProducerEvent, ProducerTimer};
use tidemill_seam::{Duration, Instant};

const MILLION: u64 = 1_000_000;

/// By what the holder counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// The monotonic clock that counts while the machine is suspended.
    Boottime,
    /// One that somebody puts back.
    Wall,
    /// One that stands still while the machine is suspended.
    WithoutSuspend,
}

/// How it goes: rates in millionths above the slowest lawful one, and for each renewal how long the request and its answer
/// travel.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) holder: u64,
    pub(crate) grantor: u64,
    pub(crate) travels: Vec<(Duration, Duration)>,
}

/// What a clock shows at a true instant, and the other way round.
fn shown(at: u64, rate: u64) -> u64 {
    (u128::from(at) * u128::from(rate) / u128::from(MILLION)) as u64
}

fn at(shown: u64, rate: u64) -> u64 {
    (u128::from(shown) * u128::from(MILLION) / u128::from(rate)) as u64
}

/// Whether whoever holds a lease stops to believe in it while what it sent last still arrives in time.
pub(crate) fn held(course: &Course, clock: Clock, without: Option<Mutant>) -> Result<(), &'static str> {
    let drift = u64::from(TERMS.drift_ppm);
    let (holder, grantor) = (MILLION - drift + course.holder, MILLION - drift + course.grantor);
    let mut rig = Rig::without(Preset::ExactlyOnce, without);
    rig.bear_producer();
    rig.settle_producer();
    let mut now = 0;
    for (there, back) in &course.travels {
        let renew = |want: &_| match want {
            ProducerEffect::Wake(ProducerTimer::Renew, after) => Some(*after),
            _ => None,
        };
        let after = rig.wants.iter().find_map(renew).expect("it renews");
        rig.wants.clear();
        let woken = shown(now, holder) + after.as_nanos();
        rig.now = Instant::ZERO + Duration::from_nanos(woken);
        rig.tell(ProducerEvent::Woke(ProducerTimer::Renew));
        let Some(ProducerEffect::Ask(op, _, request)) = rig.wants.pop() else { break };
        let arrives = at(woken, holder) + there.as_nanos();
        let local = Instant::ZERO + Duration::from_nanos(shown(arrives, grantor));
        let reply = rig.hosts[0].step(local, request);
        now = arrives + back.as_nanos();
        rig.now = Instant::ZERO + Duration::from_nanos(shown(now, holder));
        rig.tell(ProducerEvent::Reply(op, reply));
    }
    // From here on nothing arrives, and the holder goes by its clock alone.
    let expires = rig.hosts[0].due().expect("it is lent").since(Instant::ZERO);
    let last = at(expires.as_nanos(), grantor) - OP.as_nanos();
    let amiss = match clock {
        Clock::Boottime => 0,
        Clock::Wall => 500_000_000,
        Clock::WithoutSuspend => 700_000_000,
    };
    let now = Instant::ZERO + Duration::from_nanos(shown(last, holder) - amiss);
    match rig.producer.believes(now) {
        true => Err("S10: it believes in a lease that ends before what it sends arrives"),
        false => Ok(()),
    }
}

proptest! {
    // S10
    #[test]
    fn nobody_believes_longer_than_what_it_sends_takes(
        holder in 0..=400_u64,
        grantor in 0..=400_u64,
        travels in proptest::collection::vec((0..10_u64, 0..10_u64), 0..4),
    ) {
        let ms = Duration::from_millis;
        let travels = travels.into_iter().map(|(there, back)| (ms(there), ms(back))).collect();
        assert_eq!(held(&Course { holder, grantor, travels }, Clock::Boottime, None), Ok(()));
    }
}
