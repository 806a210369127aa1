//! What a downstream crate writes; the first test is the expansion of the second, typed by hand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time;
use tidemill_contracts::clock::Pace;
use tidemill_contracts::entropy::Bits;
use tidemill_contracts::{
    broken, clock_contract, entropy_contract, link_contract, notify_contract, region_contract,
};
use tidemill_seam::{Clock, Duration, Entropy, Epoch, Instant, Notify, Woken};

#[derive(Clone, Copy)]
struct Monotonic(time::Instant);

impl Clock for Monotonic {
    fn now(&self) -> Instant {
        Instant::ZERO + Duration::from(self.0.elapsed())
    }
}

fn monotonic() -> Monotonic {
    static ORIGIN: std::sync::OnceLock<Monotonic> = std::sync::OnceLock::new();
    *ORIGIN.get_or_init(|| Monotonic(time::Instant::now()))
}

fn sleep(span: Duration) {
    std::thread::sleep(span.into());
}

#[test]
fn by_hand() {
    let verdict: tidemill_contracts::Verdict =
        tidemill_contracts::clock(monotonic, sleep, Pace::Real, tidemill_contracts::Effort::Quick);
    if let Err(violation) = verdict {
        panic!("{violation}");
    }
}

clock_contract!(by_macro, monotonic, sleep, Pace::Real);

struct Hashed(u64);

impl Entropy for Hashed {
    fn fill(&mut self, bytes: &mut [u8]) {
        use std::hash::{BuildHasher, RandomState};
        for piece in bytes.chunks_mut(8) {
            self.0 += 1;
            piece.copy_from_slice(&RandomState::new().hash_one(self.0).to_le_bytes()[..piece.len()]);
        }
    }
}

entropy_contract!(physical_entropy, || (Hashed(0), Hashed(0)), Bits::Physical);

/// Parks a thread on a condition variable.
#[derive(Default)]
struct Bell(std::sync::Mutex<u32>, std::sync::Condvar);

impl Bell {
    fn count(&self) -> std::sync::MutexGuard<'_, u32> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Notify for Bell {
    fn epoch(&self) -> Epoch {
        Epoch(*self.count())
    }

    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        let mut count = self.count();
        loop {
            if *count != seen.0 {
                return Woken::Notified;
            }
            let left = until.map_or(Duration::from_secs(1), |until| until.since(monotonic().now()));
            if left == Duration::ZERO {
                return Woken::TimedOut;
            }
            let waited = self.1.wait_timeout(count, left.into());
            count = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn notify(&self) {
        let mut count = self.count();
        *count = count.wrapping_add(1);
        self.1.notify_all();
    }
}

notify_contract!(bell_alone, Bell::default, monotonic());
notify_contract!(bell, Bell::default, monotonic(), threads);

fn memory(words: u32) -> (broken::region::Handle<'static>, broken::region::Handle<'static>) {
    Box::leak(Box::new(broken::region::Memory::new(words, None))).handles()
}

region_contract!(region_alone, memory);
region_contract!(region, memory, exchange, threads);

fn link_world() -> &'static broken::link::World {
    Box::leak(Box::new(broken::link::World::new(None)))
}

link_contract!(
    link,
    {
        let world = link_world();
        || world.ends()
    },
    || {}
);

/// The macros make functions that the harness runs; this one shows that a broken law makes them fail, and what they print.
mod failing {
    use super::{AtomicU32, Clock, Duration, Instant, Ordering, Pace};

    struct Backwards(AtomicU32);

    impl Clock for &Backwards {
        fn now(&self) -> Instant {
            // Relaxed: one thread.
            Instant::from_nanos(u64::from(self.0.fetch_sub(1, Ordering::Relaxed)))
        }
    }

    #[test]
    #[should_panic(expected = "law C1 is broken: a later call shows an earlier instant; seed 0xc1, step 1")]
    fn a_violation_is_printed_with_law_seed_and_step() {
        let clock = Backwards(AtomicU32::new(1_000_000));
        let quick = tidemill_contracts::Effort::Quick;
        if let Err(violation) =
            tidemill_contracts::clock(|| &clock, |_: Duration| {}, Pace::Virtual { drift_ppm: 0 }, quick)
        {
            panic!("{violation}");
        }
    }
}
