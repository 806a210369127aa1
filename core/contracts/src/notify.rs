//! Laws W1 and W2 of [`Notify`] on one thread; W1, W3 and W4 on two under feature `std`.

use crate::trial::Trial;
use crate::{Effort, Verdict};
use tidemill_seam::{Clock, Duration, Notify, Woken};

/// A deadline that only a lost wake-up ever reaches.
const LONG: Duration = Duration::from_secs(10);

/// Runs the laws that one thread can see.
pub fn suite<N: Notify>(mut make: impl FnMut() -> N, clock: &impl Clock, effort: Effort) -> Verdict {
    let mut passed = notified(&mut make, clock, effort)?;
    passed.add(deadlines(&mut make, clock, effort)?);
    Ok(passed)
}

/// W1: a notification after the epoch was taken ends every wait on it, however many there were of either.
pub fn notified<N: Notify>(mut make: impl FnMut() -> N, clock: &impl Clock, effort: Effort) -> Verdict {
    let mut trial = Trial::new(0x51);
    let mut bell = make();
    for _ in 0..effort.steps() / 16 {
        trial.next();
        if trial.dice.one_in(16) {
            bell = make();
        }
        let seen = bell.epoch();
        trial.require("W1", bell.epoch() == seen, "the epoch moves although nobody notified")?;
        // Up to 2^12 notifications: an epoch of eight bits would come round to the same value.
        let times = match trial.dice.below(8) {
            0..=3 => 1,
            4..=6 => 1 + trial.dice.below(300),
            _ => 1 << trial.dice.below(13),
        };
        for _ in 0..times {
            bell.notify();
        }
        trial.require("W1", bell.epoch() != seen, "a notification leaves the epoch as it was")?;
        for _ in 0..=trial.dice.below(3) {
            let woken = bell.wait(seen, Some(clock.now() + LONG));
            trial.require("W1", woken != Woken::TimedOut, "a wait sleeps although its epoch has passed")?;
            let woken = bell.wait(seen, Some(clock.now()));
            trial.require(
                "W1",
                woken != Woken::TimedOut,
                "a deadline outruns a notification that came first",
            )?;
        }
        let woken = bell.wait(seen, None);
        trial.require("W1", woken != Woken::TimedOut, "a wait without deadline times out")?;
    }
    Ok(trial.passed())
}

/// W2: a wait ends no earlier than its deadline unless notified or spurious, and it ends.
pub fn deadlines<N: Notify>(mut make: impl FnMut() -> N, clock: &impl Clock, effort: Effort) -> Verdict {
    let mut trial = Trial::new(0x52);
    let bell = make();
    for _ in 0..effort.steps() / 128 {
        trial.next();
        if trial.dice.one_in(4) {
            bell.notify();
        }
        let seen = bell.epoch();
        let late = bell.wait(seen, Some(clock.now() - Duration::from_micros(1)));
        trial.require("W2", late != Woken::Notified, "a wait says notified although nobody did")?;
        let until = clock.now() + Duration::from_nanos(u64::from(trial.dice.below(50_000)));
        let woken = bell.wait(seen, Some(until));
        trial.require("W2", woken != Woken::Notified, "a wait says notified although nobody did")?;
        let early = woken == Woken::TimedOut && clock.now() < until;
        trial.require("W2", !early, "a wait times out before its deadline")?;
        trial.require("W2", bell.epoch() == seen, "a wait moves the epoch")?;
    }
    Ok(trial.passed())
}

/// W1, W3 and W4 on two threads: each in turn writes, notifies the other, and sleeps until it is notified.
#[cfg(feature = "std")]
pub fn threads<N: Notify + Sync>(
    mut make: impl FnMut() -> N,
    clock: &(impl Clock + Sync),
    effort: Effort,
) -> Verdict {
    use core::sync::atomic::AtomicU32;

    let (ping, pong) = (make(), make());
    let [ball, echo] = [const { AtomicU32::new(0) }; 2];
    let (first, second) = ((&ping, &echo), (&pong, &ball));
    // Taken before either may notify: from here on, each epoch moves exactly once a round.
    let (ping_seen, pong_seen) = (ping.epoch(), pong.epoch());
    let rounds = effort.steps() / 4;
    std::thread::scope(|scope| {
        let echoes = scope.spawn(move || {
            let mut trial = Trial::new(0x54);
            let mut seen = pong_seen;
            for round in 1..=rounds {
                seen = hear(&mut trial, second, seen, round, clock)?;
                tell(first, round);
            }
            Ok(trial.passed())
        });
        let mut trial = Trial::new(0x53);
        let mut seen = ping_seen;
        for round in 1..=rounds {
            tell(second, round);
            seen = hear(&mut trial, first, seen, round, clock)?;
        }
        let mut passed = trial.passed();
        passed.add(echoes.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))?);
        Ok(passed)
    })
}

#[cfg(feature = "std")]
type Seat<'s, N> = (&'s N, &'s core::sync::atomic::AtomicU32);

#[cfg(feature = "std")]
fn tell<N: Notify>((bell, word): Seat<'_, N>, round: u32) {
    // Relaxed: the notification alone must make it visible, which is W3.
    word.store(round, core::sync::atomic::Ordering::Relaxed);
    bell.notify();
}

#[cfg(feature = "std")]
fn hear<N: Notify>(
    trial: &mut Trial,
    (bell, word): Seat<'_, N>,
    seen: tidemill_seam::Epoch,
    round: u32,
    clock: &impl Clock,
) -> Result<tidemill_seam::Epoch, crate::Violation> {
    trial.next();
    loop {
        match bell.wait(seen, Some(clock.now() + LONG)) {
            Woken::Notified => break,
            Woken::TimedOut => return Err(trial.violation("W1", "a wake-up is lost")),
            Woken::Spurious if bell.epoch() != seen => break,
            Woken::Spurious => core::hint::spin_loop(),
        }
    }
    // Relaxed: as above.
    let found = word.load(core::sync::atomic::Ordering::Relaxed);
    trial.same(
        "W3",
        round,
        found,
        "what was written before the notification is not visible after the wait",
    )?;
    Ok(bell.epoch())
}
