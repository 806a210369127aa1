//! Who waits asleep: what that costs while nothing comes, and how soon it ends once something does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel;
use rustix::thread::futex;
use rustix::time::{ClockId, clock_gettime};
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{Watch, ring};
use tidemill_ring::wait::Until;
use tidemill_ring::{Next, Start};
use tidemill_seam::Clock;

use super::{CAPACITY, Report, Role};

/// Between two wake-ups: whoever waits sleeps by then.
const PAUSE: Duration = Duration::from_millis(2);
/// Longer than anything here takes.
const HOPE: tidemill_seam::Duration = tidemill_seam::Duration::from_secs(60);

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asleep {
    /// Processor time while nothing comes for so many milliseconds, in parts of a core.
    Idle,
    /// From sending to having, so many times.
    Wake,
}

fn now() -> u64 {
    MonotonicClock.now().as_nanos()
}

/// Processor time of all threads of this process: whoever is asleep may have helpers. In nanoseconds.
fn process_time() -> u64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Takes once, or so many times; each item is the moment at which it was sent.
pub(super) fn taker(what: Asleep, n: u64, mut take: impl FnMut() -> u64) -> Report {
    match what {
        Asleep::Idle => {
            let (begun, used) = (now(), process_time());
            take();
            Report::Share((process_time() - used) as f64 / (now() - begun) as f64)
        }
        Asleep::Wake => Report::Rounds(
            (0..n)
                .map(|_| {
                    let sent = take();
                    now() - sent
                })
                .collect(),
        ),
    }
}

/// Sends the present moment, once or so many times, with pauses before.
pub(super) fn sender(what: Asleep, n: u64, mut send: impl FnMut(u64)) -> Report {
    let (times, pause) = match what {
        Asleep::Idle => (1, Duration::from_millis(n)),
        Asleep::Wake => (n, PAUSE),
    };
    for _ in 0..times {
        thread::sleep(pause);
        send(now());
    }
    Report::Sent
}

/// A role that meets, does its work, and meets again.
pub(super) fn role(work: impl FnOnce() -> Report + Send + 'static) -> Role {
    Box::new(move |meet| {
        meet();
        meet();
        let report = work();
        meet();
        report
    })
}

/// A consumer of ours that parks: asking every 10 ms who died, or `watched`, and woken when somebody does.
///
/// # Panics
/// Where the system gives no thread for the watch.
#[must_use]
pub fn ours(what: Asleep, name: &str, n: u64, watched: bool) -> Vec<Role> {
    let name = format!("{name}a");
    let other = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let there = ring(&name).expect("a name").slots::<u64>(CAPACITY as u32);
            let watch = watched.then(|| Watch::new(|_| ()).expect("a thread"));
            let there = match &watch {
                Some(watch) => there.watched_by(watch),
                None => there,
            };
            let mut consumer = there.name("taker").start(Start::Earliest).consumer().expect("a place");
            meet();
            let report = taker(what, n, || {
                let until = Until::deadline(MonotonicClock.now() + HOPE);
                match consumer.next(until) {
                    Ok(Next::Item(sent)) => *sent,
                    other => panic!("{other:?}"),
                }
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let there = ring(&other).expect("a name").slots::<u64>(CAPACITY as u32);
            let mut producer = there.producer().expect("nobody produces");
            meet();
            meet();
            let report = sender(what, n, |sent| {
                producer.try_push(sent).expect("room");
            });
            meet();
            report
        }),
    ]
}

/// Two words and a futex: the least that it can cost.
#[must_use]
pub fn bare_futex(what: Asleep, n: u64) -> Vec<Role> {
    let words = Arc::new((AtomicU32::new(0), AtomicU64::new(0)));
    let other = Arc::clone(&words);
    vec![
        role(move || {
            let mut seen = 0;
            taker(what, n, || {
                // Acquire: pairs with the Release of the sender; the moment is visible with the count.
                while words.0.load(Ordering::Acquire) == seen {
                    // Back early for whatever reason: looked at again.
                    let _ = futex::wait(&words.0, futex::Flags::empty(), seen, None);
                }
                seen += 1;
                words.1.load(Ordering::Relaxed)
            })
        }),
        role(move || {
            sender(what, n, |sent| {
                other.1.store(sent, Ordering::Relaxed);
                // Release: pairs with the Acquire of the taker.
                other.0.fetch_add(1, Ordering::Release);
                futex::wake(&other.0, futex::Flags::empty(), 1).expect("a word");
            })
        }),
    ]
}

/// crossbeam's channel.
#[must_use]
pub fn channel(what: Asleep, n: u64) -> Vec<Role> {
    let (sender_end, taker_end) = channel::bounded(CAPACITY);
    vec![
        role(move || taker(what, n, || taker_end.recv().expect("a sender"))),
        role(move || sender(what, n, |sent| sender_end.send(sent).expect("a taker"))),
    ]
}

/// myelon's `Block`.
#[cfg(feature = "ring-peers")]
#[must_use]
pub fn myelon(what: Asleep, name: &str, n: u64) -> Vec<Role> {
    use myelon::transport::{
        FixedFrame, FramedTransportConsumer, FramedTransportProducer, MyelonWaitStrategy,
    };
    let name = format!("{name}a");
    let other = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let blocks = MyelonWaitStrategy::Block;
            let mut consumer =
                FramedTransportConsumer::<FixedFrame<64>>::attach(&name, CAPACITY, blocks).expect("made");
            meet();
            let report = taker(what, n, || {
                let (_, payload) = consumer.recv_message_blocking();
                payload.try_into().map_or(0, u64::from_ne_bytes)
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut producer =
                FramedTransportProducer::<FixedFrame<64>>::create(&other, CAPACITY).expect("memory");
            meet();
            meet();
            assert!(producer.discover_consumers(Duration::from_secs(5)), "the taker is not found");
            let report = sender(what, n, |sent| producer.publish(&sent.to_ne_bytes(), 1));
            meet();
            report
        }),
    ]
}

/// iceoryx2's samples, with an event behind each.
#[cfg(feature = "ring-peers")]
#[must_use]
pub fn iceoryx(what: Asleep, name: &str, n: u64) -> Vec<Role> {
    use super::iceoryx::{node, publisher, service_name, subscriber};
    use iceoryx2::prelude::BackpressureStrategy;
    let (bell, name) = (format!("{name}bell"), name.to_owned());
    let (other_bell, other) = (bell.clone(), name.clone());
    vec![
        Box::new(move |meet| {
            meet();
            let node = node();
            let subscriber = subscriber::<u64>(&node, &name);
            let events =
                node.service_builder(&service_name(&bell)).event().open_or_create().expect("a service");
            let listener = events.listener_builder().create().expect("a port");
            meet();
            let report = taker(what, n, || {
                loop {
                    if let Some(sample) = subscriber.receive().expect("a connection") {
                        return *sample;
                    }
                    listener.blocking_wait(|_| ()).expect("a bell");
                }
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let node = node();
            let publisher = publisher::<u64>(&node, &other, BackpressureStrategy::RetryUntilDelivered);
            let events =
                node.service_builder(&service_name(&other_bell)).event().open_or_create().expect("a service");
            let notifier = events.notifier_builder().create().expect("a port");
            meet();
            meet();
            let report = sender(what, n, |sent| {
                let sample = publisher.loan_uninit().expect("a sample").write_payload(sent);
                sample.send().expect("delivered");
                notifier.notify().expect("a listener");
            });
            meet();
            report
        }),
    ]
}
