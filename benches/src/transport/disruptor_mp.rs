//! disruptor-mp and myelon 0.1.0-alpha.2: a broadcast in POSIX shared memory, and frames over it.
//!
//! Every taker is waited for, once the sender has found it. Nobody is found dead. A message of myelon reads the wall clock on
//! both sides, and its sender spins for room and never yields: there is no other verb.

use std::time::Duration;

use disruptor_mp::{
    CoordinationMode, SharedConsumer, SharedProducer, attach_shared_consumer, build_shared_single_producer,
};
use myelon::transport::{
    AlignedFixedFrame, FramedTransportConsumer, FramedTransportProducer, MyelonWaitStrategy, ReassemblyBuffer,
};

use super::{BATCH, Ball, CAPACITY, Case, Role, fill, ping, pong, send_all, take_all};

const JOIN: Duration = Duration::from_secs(5);

/// The roles of a case of disruptor-mp; `None` where it has no such thing.
#[must_use]
pub fn roles(case: Case, name: &str, items: u64) -> Option<Vec<Role>> {
    match case {
        Case::Signal { takers } => Some(signal(name, takers, items, 1)),
        Case::Batches => Some(signal(name, 1, items, BATCH as u64)),
        Case::PingPong => Some(ping_pong(name, items)),
        Case::Refused => Some(refused(name, items)),
        Case::Merge { .. } | Case::Framed { .. } | Case::View | Case::Asleep(_) | Case::Killed(_) => None,
    }
}

/// The sending end of a ring for so many takers, which it has not found yet.
///
/// # Panics
/// Where there is no memory.
#[must_use]
pub fn producer<E: Copy + Default + 'static>(name: &str, takers: usize) -> SharedProducer<E> {
    let builder =
        build_shared_single_producer::<E>(name, CAPACITY).discover_consumer_with_prefix(takers, "t");
    builder.with_coordination(CoordinationMode::Immediate).build_producer(E::default).expect("memory")
}

/// A taking end, which the sender has to find.
///
/// # Panics
/// Where nobody has made the ring.
#[must_use]
pub fn consumer<E: Copy + Default + 'static>(name: &str, k: usize) -> SharedConsumer<E> {
    attach_shared_consumer::<E>(name, CAPACITY)
        .with_consumer_id(&format!("t_{k}"))
        .build_consumer()
        .expect("somebody made it")
}

/// Finds the takers, so that they are waited for.
///
/// # Panics
/// Where one is not found.
pub fn find<E: Copy + Default + 'static>(producer: &mut SharedProducer<E>, takers: usize) {
    for k in 0..takers {
        assert!(producer.wait_for_consumer_id(&format!("t_{k}"), JOIN), "taker {k} is not found");
    }
}

fn signal(name: &str, takers: usize, items: u64, batch: u64) -> Vec<Role> {
    let name = format!("{name}a");
    let taker = |k: usize| -> Role {
        let name = name.clone();
        Box::new(move |meet| {
            meet();
            let mut consumer = consumer::<u64>(&name, k);
            meet();
            let report =
                take_all(items, |taken| consumer.process_available(|item, _| taken.item(*item)) as u64);
            meet();
            report
        })
    };
    let mut roles: Vec<Role> = (0..takers).map(taker).collect();
    roles.push(Box::new(move |meet| {
        let mut producer = producer::<u64>(&name, takers);
        meet();
        meet();
        find(&mut producer, takers);
        let report = send_all(items, |at| {
            let n = batch.min(items - at);
            let sent = match n {
                1 => producer.try_publish(|slot| *slot = at).is_ok(),
                _ => producer.try_batch_publish(n as usize, |slot, i| *slot = at + i as u64).is_ok(),
            };
            if sent { n } else { 0 }
        });
        meet();
        report
    }));
    roles
}

fn ping_pong(name: &str, rounds: u64) -> Vec<Role> {
    let player = |mine: String, theirs: String, first: bool| -> Role {
        Box::new(move |meet| {
            let mut producer = producer::<Ball>(&mine, 1);
            meet();
            let mut consumer = consumer::<Ball>(&theirs, 0);
            meet();
            find(&mut producer, 1);
            let send = |ball: &Ball| producer.try_publish(|slot| *slot = *ball).is_ok();
            let take = || consumer.try_consume_next().map(|(_, ball)| ball);
            let report = if first { ping(rounds, send, take) } else { pong(rounds, send, take) };
            meet();
            report
        })
    };
    let (a, b) = (format!("{name}a"), format!("{name}b"));
    vec![player(a.clone(), b.clone(), true), player(b, a, false)]
}

/// A ring is full for takers that were found only, so there is one more than the absent ones: it stands still.
fn refused(name: &str, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    vec![Box::new(move |meet| {
        let mut producer = producer::<u64>(&name, super::refused::EXPECTED as usize + 1);
        let _stands = consumer::<u64>(&name, 0);
        find(&mut producer, 1);
        let mut at = 0;
        while producer.try_publish(|slot| *slot = at).is_ok() {
            at += 1;
            assert!(at <= 2 * CAPACITY as u64, "the ring is never full");
        }
        meet();
        super::refused::refuse(items, || producer.try_publish(|slot| *slot = at).is_err())
    })]
}

/// Books of myelon: archived by rkyv into a vector, which goes into one frame, and validated and read there.
pub fn views(name: &str, items: u64) -> Vec<Role> {
    use super::views::{BYTES, Book, read, send};
    use rkyv::rancor::Failure;
    const FRAME: usize = BYTES;
    let depth = ((4 << 20) / FRAME).next_power_of_two().min(16 * CAPACITY);
    let name = format!("{name}a");
    let sender = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let spins = MyelonWaitStrategy::BusySpin;
            let mut consumer =
                FramedTransportConsumer::<AlignedFixedFrame<FRAME>>::attach(&name, depth, spins)
                    .expect("made");
            let mut memory = ReassemblyBuffer::new(BYTES);
            meet();
            let report = take_all(items, |taken| {
                consumer.process_available_messages(&mut memory, |_, bytes| {
                    let book = rkyv::access::<rkyv::Archived<Book>, Failure>(bytes).expect("a book");
                    read(taken, book.0.to_native(), book.1.iter().map(|word| word.to_native()));
                }) as u64
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut producer =
                FramedTransportProducer::<AlignedFixedFrame<FRAME>>::create(&sender, depth).expect("memory");
            meet();
            meet();
            assert!(producer.discover_consumers(JOIN), "the taker is not found");
            let report = send(items, |book| {
                let bytes = rkyv::to_bytes::<Failure>(book).expect("a book has a form");
                producer.publish(&bytes, 1);
                true
            });
            meet();
            report
        }),
    ]
}

/// The roles of a case of myelon; `None` where it has no such thing.
#[must_use]
pub fn framed(case: Case, name: &str, items: u64) -> Option<Vec<Role>> {
    let Case::Framed { bytes } = case else { return None };
    Some(match bytes {
        64 => frames::<64>(name, bytes, items),
        1024 => frames::<1024>(name, bytes, items),
        16_384 => frames::<16_384>(name, bytes, items),
        _ => frames::<65_536>(name, bytes, items),
    })
}

fn frames<const N: usize>(name: &str, bytes: usize, items: u64) -> Vec<Role> {
    let depth = ((4 << 20) / N).min(16 * CAPACITY);
    let name = format!("{name}a");
    let sender = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let spins = MyelonWaitStrategy::BusySpin;
            let mut consumer =
                FramedTransportConsumer::<AlignedFixedFrame<N>>::attach(&name, depth, spins).expect("made");
            let mut memory = ReassemblyBuffer::new(bytes);
            meet();
            let report = take_all(items, |taken| {
                consumer.process_available_messages(&mut memory, |_, bytes| taken.message(bytes)) as u64
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut producer =
                FramedTransportProducer::<AlignedFixedFrame<N>>::create(&sender, depth).expect("memory");
            let mut payload = vec![0; bytes];
            meet();
            meet();
            assert!(producer.discover_consumers(JOIN), "the taker is not found");
            let report = send_all(items, |at| {
                fill(&mut payload, at);
                producer.publish(&payload, 1);
                1
            });
            meet();
            report
        }),
    ]
}
