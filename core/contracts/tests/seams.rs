//! The suites of the seams pass what is right and reject each broken twin by the law that its documentation names.
//!
//! A thousand steps, which is what boards run, are enough for what one thread can see.

use tidemill_contracts::clock::Pace;
use tidemill_contracts::entropy::Bits;
use tidemill_contracts::{Effort, Verdict, broken};
use tidemill_seam::{Clock, Duration};

fn kept(verdict: Verdict) {
    match verdict {
        Ok(passed) => {
            assert!(passed.checks > 100, "a suite that compares nothing proves nothing: {passed:?}")
        }
        Err(violation) => panic!("the model itself breaks a law: {violation}"),
    }
}

fn caught(law: &str, name: impl std::fmt::Debug, verdict: Verdict) {
    match verdict {
        Ok(passed) => panic!("{name:?} passes: {passed:?}"),
        Err(violation) => assert_eq!(violation.law, law, "{name:?} is caught by another law: {violation}"),
    }
}

fn clock(fault: Option<broken::clock::Fault>, effort: Effort) -> Verdict {
    let world = broken::clock::World::new(fault);
    tidemill_contracts::clock(
        || world.handle(),
        |span| world.pass(span),
        Pace::Virtual { drift_ppm: 0 },
        effort,
    )
}

#[test]
fn every_broken_clock_is_rejected_by_its_law() {
    kept(clock(None, Effort::Quick));
    for fault in broken::clock::Fault::ALL {
        caught(fault.law(), fault, clock(Some(*fault), Effort::Board));
    }
}

#[test]
fn a_clock_that_drifts_is_held_to_what_its_world_states() {
    struct Fast<C>(C);
    impl<C: Clock> Clock for Fast<C> {
        fn now(&self) -> tidemill_seam::Instant {
            let now = self.0.now().as_nanos();
            tidemill_seam::Instant::from_nanos(now + now / 20_000)
        }
    }
    let judge = |drift_ppm| {
        let world = broken::clock::World::new(None);
        let pass = |span: Duration| world.pass(span);
        tidemill_contracts::clock(|| Fast(world.handle()), pass, Pace::Virtual { drift_ppm }, Effort::Quick)
    };
    kept(judge(50));
    caught("C2", "twice the stated drift", judge(25));
}

fn entropy(fault: Option<broken::entropy::Fault>, effort: Effort) -> Verdict {
    let world = broken::entropy::World::new(fault);
    tidemill_contracts::entropy(|| world.pair(), Bits::Seeded, effort)
}

#[test]
fn every_broken_entropy_is_rejected_by_its_law() {
    kept(entropy(None, Effort::Quick));
    for fault in broken::entropy::Fault::ALL {
        caught(fault.law(), fault, entropy(Some(*fault), Effort::Board));
    }
}

#[test]
fn a_physical_source_that_repeats_itself_is_rejected() {
    let world = broken::entropy::World::new(None);
    caught(
        "N2",
        "a seeded source",
        tidemill_contracts::entropy(|| world.pair(), Bits::Physical, Effort::Quick),
    );
}

fn notify(fault: Option<broken::notify::Fault>, effort: Effort) -> Verdict {
    let time = broken::notify::Time::default();
    tidemill_contracts::notify(|| broken::notify::Bell::new(&time, fault), &time, effort)
}

#[test]
fn every_broken_bell_is_rejected_by_its_law() {
    kept(notify(None, Effort::Quick));
    for fault in broken::notify::Fault::ALL {
        caught(fault.law(), fault, notify(Some(*fault), Effort::Board));
    }
}

fn region(fault: Option<broken::region::Fault>, effort: Effort) -> Verdict {
    let memory = |words: u32| &*Box::leak(Box::new(broken::region::Memory::new(words, fault)));
    let mut passed = tidemill_contracts::region_views(|words| memory(words).handles(), effort)?;
    for more in [
        tidemill_contracts::region(memory_of(&memory), effort)?,
        tidemill_contracts::exchange(|words| memory(words).handles(), effort)?,
        tidemill_contracts::region_lent(|words| memory(words).handles(), effort)?,
        tidemill_contracts::region_threads(|words| memory(words).handles(), effort)?,
        tidemill_contracts::exchange_threads(|words| memory(words).handles(), effort)?,
    ] {
        passed.checks += more.checks;
        passed.histories += more.histories;
    }
    Ok(passed)
}

fn memory_of(
    memory: &impl Fn(u32) -> &'static broken::region::Memory,
) -> impl FnMut(u32) -> broken::region::Handle<'static> {
    |words| memory(words).handles().0
}

#[test]
fn every_broken_region_is_rejected_by_its_law() {
    kept(region(None, Effort::Quick));
    for fault in broken::region::Fault::ALL {
        caught(fault.law(), fault, region(Some(*fault), Effort::Board));
    }
}

fn sleep(fault: Option<broken::sleep::Fault>, patience: Duration) -> Verdict {
    let memory = &*Box::leak(Box::new(broken::sleep::Memory::new(fault)));
    tidemill_contracts::region_sleep(|_| (memory.handle(), [memory.handle(); 3]), patience, Effort::Quick)
}

#[test]
fn every_region_that_is_slept_on_wrongly_is_rejected_g8() {
    kept(sleep(None, Duration::from_secs(60)));
    for fault in broken::sleep::Fault::ALL {
        caught(fault.law(), fault, sleep(Some(*fault), Duration::from_millis(50)));
    }
}

fn link(fault: Option<broken::link::Fault>, effort: Effort) -> Verdict {
    let world = broken::link::World::new(fault);
    let mut scratch = [0; 2 * (broken::link::MTU + 1)];
    tidemill_contracts::link(|| world.ends(), || {}, &mut scratch, effort)
}

#[test]
fn every_broken_link_is_rejected_by_its_law() {
    kept(link(None, Effort::Quick));
    for fault in broken::link::Fault::ALL {
        caught(fault.law(), fault, link(Some(*fault), Effort::Board));
    }
}

fn store(fault: Option<broken::store::Fault>, effort: Effort) -> Verdict {
    tidemill_contracts::store(|| broken::store::Disk::new(fault), effort)
}

#[test]
fn every_broken_store_is_rejected_by_its_law() {
    kept(store(None, Effort::Quick));
    for fault in broken::store::Fault::ALL {
        caught(fault.law(), fault, store(Some(*fault), Effort::Quick));
    }
}

fn register(fault: Option<broken::register::Fault>, effort: Effort) -> Verdict {
    let worlds: [broken::register::World; 4] = std::array::from_fn(|_| broken::register::World::new(fault));
    let mut worlds = worlds.iter();
    tidemill_contracts::register(|| worlds.next().expect("four histories").pair(), effort)
}

#[test]
fn every_broken_register_is_rejected_by_its_law() {
    kept(register(None, Effort::Quick));
    for fault in broken::register::Fault::ALL {
        caught(fault.law(), fault, register(Some(*fault), Effort::Quick));
    }
}

fn stream(fault: Option<broken::stream::Fault>, effort: Effort) -> Verdict {
    let world = broken::stream::World::new(fault);
    tidemill_contracts::stream(|| world.ends(), || {}, effort)
}

#[test]
fn every_broken_stream_is_rejected_by_its_law() {
    kept(stream(None, Effort::Quick));
    for fault in broken::stream::Fault::ALL {
        caught(fault.law(), fault, stream(Some(*fault), Effort::Board));
    }
}

#[test]
fn every_broken_liveness_is_rejected_by_its_law() {
    let judge = |fault, effort| {
        let world = broken::liveness::World::new(fault);
        tidemill_contracts::liveness(|| (world.party(1), world.party(2)), || (), effort)
    };
    kept(judge(None, Effort::Quick));
    for fault in broken::liveness::Fault::ALL {
        caught(fault.law(), fault, judge(Some(*fault), Effort::Board));
    }
}
