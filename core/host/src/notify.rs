use crate::MonotonicClock;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;
use rustix::thread::futex;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tidemill_ring::Inline;
use tidemill_ring::wake::{self, EventCount};
use tidemill_seam::{Clock, Duration, Epoch, Instant, Notify, Woken};

fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
}

const WORDS: usize = wake::WORDS as usize;

type Count = EventCount<Inline<WORDS>>;

fn count() -> Count {
    Count::new(Inline::new(), 0).expect("the region is as long as an event count")
}

/// Runs `sleep` unless the epoch has moved on from `seen`.
fn wait(count: &Count, seen: Epoch, sleep: impl FnOnce() -> Woken) -> Woken {
    let mut woken = Woken::Notified;
    count.wait(seen, || woken = sleep());
    woken
}

/// A bell on a futex, for the threads of one process.
///
/// Without a sleeper `notify` is one addition and one load. The deadline is a reading of
/// [`MonotonicClock`](crate::MonotonicClock).
#[derive(Debug)]
pub struct FutexNotify {
    count: Count,
}

impl Default for FutexNotify {
    fn default() -> Self {
        Self::new()
    }
}

impl FutexNotify {
    /// A bell that nobody has rung yet.
    pub fn new() -> Self {
        Self { count: count() }
    }

    /// The epoch, which the kernel compares before it lets anyone sleep.
    fn word(&self) -> &AtomicU32 {
        self.count.region().word(0).expect("an event count starts with its epoch")
    }

    fn sleep(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        let deadline = until.map(|until| timespec(until.as_nanos()));
        let any = NonZeroU32::MAX;
        loop {
            if self.count.epoch() != seen {
                return Woken::Notified;
            }
            // A bitset wait takes its deadline as an instant of CLOCK_MONOTONIC, so a retry never adds to it.
            let flags = futex::Flags::PRIVATE;
            let slept = futex::wait_bitset(self.word(), flags, seen.0, deadline.as_ref(), any);
            match slept {
                Err(Errno::TIMEDOUT) if self.count.epoch() == seen => return Woken::TimedOut,
                Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
                Err(error) => panic!("a futex wait on our own word failed: {error}"),
            }
        }
    }
}

impl Notify for FutexNotify {
    fn epoch(&self) -> Epoch {
        self.count.epoch()
    }

    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        wait(&self.count, seen, || self.sleep(seen, until))
    }

    fn notify(&self) {
        self.count.notify(|| {
            let all = i32::MAX as u32;
            futex::wake(self.word(), futex::Flags::PRIVATE, all).expect("our own word can be woken");
        });
    }
}

/// A bell that sockets ring too: a sleeper wakes when notified, when its deadline passes, or when a watched file
/// becomes readable.
///
/// An arrival counts as one `notify`, and data that stays unread as none: a reader that is held up elsewhere sleeps
/// without spinning.
///
/// It belongs to one worker: an edge wakes one thread only, so a second one that waits at the same time would break
/// W1, and panics instead. Anyone may `notify`.
#[derive(Debug)]
pub struct PollNotify {
    count: Count,
    epoll: OwnedFd,
    event: OwnedFd,
    taken: AtomicBool,
}

const RUNG: u64 = 0;
const READABLE: u64 = 1;

impl PollNotify {
    /// A bell that watches nothing yet.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &event, epoll::EventData::new_u64(RUNG), edge)?;
        Ok(Self { count: count(), epoll, event, taken: AtomicBool::new(false) })
    }

    /// Wakes sleepers also when `file` becomes readable, until `file` is closed.
    pub fn watch(&self, file: impl AsFd) -> io::Result<()> {
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&self.epoll, file, epoll::EventData::new_u64(READABLE), edge)?;
        Ok(())
    }

    fn sleep(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        let mut events =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(RUNG) }; 8];
        loop {
            if self.count.epoch() != seen {
                return Woken::Notified;
            }
            let left = until.map(|until| until.since(MonotonicClock.now()));
            let timeout = left.map(|left| timespec(left.as_nanos()));
            let ready = match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(error) => panic!("waiting on our own epoll instance failed: {error}"),
            };
            if self.count.epoch() != seen {
                return Woken::Notified;
            }
            if events[..ready].iter().any(|event| event.data.u64() == READABLE) {
                // Nobody else sleeps here, so there is nobody to wake.
                self.count.notify(|| ());
                return Woken::Notified;
            }
            if left == Some(Duration::ZERO) {
                return Woken::TimedOut;
            }
        }
    }
}

impl Notify for PollNotify {
    fn epoch(&self) -> Epoch {
        self.count.epoch()
    }

    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        // Acquire and Release: whoever waits next has seen this one leave.
        assert!(!self.taken.swap(true, Ordering::Acquire), "two workers wait on one PollNotify");
        let woken = wait(&self.count, seen, || self.sleep(seen, until));
        self.taken.store(false, Ordering::Release);
        woken
    }

    fn notify(&self) {
        self.count.notify(|| {
            // The counter is never read: each write is an edge. It would block only after 2^64 - 2 of them.
            match rustix::io::write(&self.event, &1_u64.to_ne_bytes()) {
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(error) => panic!("writing our own eventfd failed: {error}"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{FutexNotify, PollNotify};
    use crate::{MonotonicClock, UdpLink};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use tidemill_seam::{Clock, Duration, Link, Notify, Woken};

    fn poll() -> PollNotify {
        PollNotify::new().expect("an epoll instance and an eventfd")
    }

    fn soon() -> Option<tidemill_seam::Instant> {
        Some(MonotonicClock.now() + Duration::from_millis(2))
    }

    fn w1_a_ring_between_the_look_and_the_sleep_is_not_lost(bell: &impl Notify) {
        let seen = bell.epoch();
        bell.notify();
        assert_eq!(bell.wait(seen, None), Woken::Notified);
        assert_eq!(bell.wait(seen, None), Woken::Notified, "W1: also a wait that starts later");
    }

    fn w2_an_unrung_wait_ends_at_its_deadline_and_not_before(bell: &impl Notify) {
        let until = soon();
        let mut woken = bell.wait(bell.epoch(), until);
        while woken == Woken::Spurious {
            woken = bell.wait(bell.epoch(), until);
        }
        assert_eq!(woken, Woken::TimedOut);
        assert!(Some(MonotonicClock.now()) >= until, "W2: woke before the deadline");
    }

    /// Two threads hand a counter back and forth; a lost wake-up hangs, a missing acquire shows the old count.
    fn w1_w3_neither_of_two_threads_ever_misses_the_other(
        near: &(impl Notify + Sync),
        far: &(impl Notify + Sync),
    ) {
        const ROUNDS: u32 = 20_000;
        let turn = AtomicU32::new(0);
        let play = |mine: u32, own: &dyn Notify, other: &dyn Notify| {
            for round in 0..ROUNDS {
                loop {
                    let seen = own.epoch();
                    // Relaxed: what orders it is the bell, and that is what is on trial here.
                    if turn.load(Ordering::Relaxed) == round * 2 + mine {
                        break;
                    }
                    own.wait(seen, None);
                }
                turn.store(round * 2 + mine + 1, Ordering::Relaxed);
                other.notify();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| play(0, near, far));
            scope.spawn(|| play(1, far, near));
        });
        assert_eq!(turn.into_inner(), ROUNDS * 2);
    }

    #[test]
    fn the_futex_bell_keeps_w1_to_w3() {
        let (near, far) = (FutexNotify::new(), FutexNotify::new());
        w1_a_ring_between_the_look_and_the_sleep_is_not_lost(&near);
        w2_an_unrung_wait_ends_at_its_deadline_and_not_before(&near);
        w1_w3_neither_of_two_threads_ever_misses_the_other(&near, &far);
    }

    #[test]
    fn the_pollable_bell_keeps_w1_to_w3() {
        let (near, far) = (poll(), poll());
        w1_a_ring_between_the_look_and_the_sleep_is_not_lost(&near);
        w2_an_unrung_wait_ends_at_its_deadline_and_not_before(&near);
        w1_w3_neither_of_two_threads_ever_misses_the_other(&near, &far);
    }

    #[test]
    fn w1_one_ring_wakes_every_sleeper_of_a_futex_bell() {
        let (bell, awake) = (FutexNotify::new(), AtomicU32::new(0));
        let seen = bell.epoch();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert_eq!(bell.wait(seen, None), Woken::Notified);
                    awake.fetch_add(1, Ordering::Relaxed);
                });
            }
            bell.notify();
        });
        assert_eq!(awake.into_inner(), 4);
    }

    #[test]
    fn a_datagram_ends_the_wait_as_a_notification_does() {
        let (mut a, b) = (UdpLink::loopback().expect("a port"), UdpLink::loopback().expect("a port"));
        let bell = poll();
        bell.watch(&b).expect("a socket can be watched");
        let seen = bell.epoch();
        a.send(b.address().expect("bound"), b"ding").expect("sent");
        assert_eq!(bell.wait(seen, None), Woken::Notified);
        assert_ne!(bell.epoch(), seen);
    }

    #[test]
    fn a_datagram_that_stays_unread_wakes_once_and_then_lets_sleep() {
        let (mut a, b) = (UdpLink::loopback().expect("a port"), UdpLink::loopback().expect("a port"));
        let bell = poll();
        bell.watch(&b).expect("a socket can be watched");
        a.send(b.address().expect("bound"), b"ding").expect("sent");
        assert_eq!(bell.wait(bell.epoch(), None), Woken::Notified);
        assert_eq!(bell.wait(bell.epoch(), soon()), Woken::TimedOut);
    }

    #[test]
    fn w4_many_rings_without_a_sleeper_neither_block_nor_add_up() {
        let bell = poll();
        (0..100_000).for_each(|_| bell.notify());
        assert_eq!(bell.wait(bell.epoch(), soon()), Woken::TimedOut);
    }
}
