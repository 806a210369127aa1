//! disruptor 4.4: a broadcast in one address space. Every taker is waited for; nobody is found dead, and nobody joins later.

use disruptor::{
    BusySpin, EventPoller, Producer, SingleProducerBarrier, build_multi_producer, build_single_producer,
};

use super::inside::play;
use super::{BATCH, Ball, CAPACITY, Case, Role, send_all, take_all, take_all_of};

/// The roles of a case; `None` where it has no such thing.
#[must_use]
pub fn roles(case: Case, items: u64) -> Option<Vec<Role>> {
    let ring = || build_single_producer(CAPACITY, || 0_u64, BusySpin);
    match case {
        Case::Signal { takers: 1 } => {
            let (poller, builder) = ring().new_event_poller();
            Some(vec![taker(items, poller), sender(items, 1, builder.build())])
        }
        Case::Batches => {
            let (poller, builder) = ring().new_event_poller();
            Some(vec![taker(items, poller), sender(items, BATCH as u64, builder.build())])
        }
        Case::Signal { takers: 2 } => {
            let (one, builder) = ring().new_event_poller();
            let (two, builder) = builder.new_event_poller();
            Some(broadcast(items, [one, two], builder.build()))
        }
        Case::Signal { takers: 3 } => {
            let (one, builder) = ring().new_event_poller();
            let (two, builder) = builder.new_event_poller();
            let (three, builder) = builder.new_event_poller();
            Some(broadcast(items, [one, two, three], builder.build()))
        }
        Case::Signal { takers: 4 } => {
            let (one, builder) = ring().new_event_poller();
            let (two, builder) = builder.new_event_poller();
            let (three, builder) = builder.new_event_poller();
            let (four, builder) = builder.new_event_poller();
            Some(broadcast(items, [one, two, three, four], builder.build()))
        }
        Case::Merge { senders } => Some(merge(senders, items)),
        Case::PingPong => Some(ping_pong(items)),
        Case::Signal { .. } | Case::Framed { .. } | Case::Asleep(_) | Case::Killed(_) => None,
    }
}

fn broadcast<const N: usize>(
    items: u64,
    pollers: [EventPoller<u64, SingleProducerBarrier>; N],
    producer: impl Producer<u64> + Send + 'static,
) -> Vec<Role> {
    let takers = pollers.into_iter().map(|poller| taker(items, poller));
    takers.chain([sender(items, 1, producer)]).collect()
}

fn taker(items: u64, poller: EventPoller<u64, SingleProducerBarrier>) -> Role {
    Box::new(move |meet| {
        let mut poller = poller;
        meet();
        meet();
        let report = take_all(items, |taken| {
            let Ok(mut events) = poller.poll() else { return 0 };
            let mut count = 0;
            for item in &mut events {
                taken.item(*item);
                count += 1;
            }
            count
        });
        meet();
        report
    })
}

fn sender(items: u64, batch: u64, producer: impl Producer<u64> + Send + 'static) -> Role {
    Box::new(move |meet| {
        let mut producer = producer;
        meet();
        meet();
        let report = send_all(items, |at| {
            let n = batch.min(items - at);
            let sent = match n {
                1 => producer.try_publish(|slot| *slot = at).is_ok(),
                _ => {
                    let fill = producer.try_batch_publish(n as usize, |slots| {
                        slots.zip(at..).for_each(|(slot, item)| *slot = item);
                    });
                    fill.is_ok()
                }
            };
            if sent { n } else { 0 }
        });
        meet();
        report
    })
}

fn merge(senders: usize, items: u64) -> Vec<Role> {
    let (poller, builder) = build_multi_producer(CAPACITY, || 0_u64, BusySpin).new_event_poller();
    let (producer, n) = (builder.build(), senders as u64);
    let mut roles: Vec<Role> = vec![Box::new(move |meet| {
        let mut poller = poller;
        meet();
        meet();
        let report = take_all_of(n, items, |taken| {
            let Ok(mut events) = poller.poll() else { return 0 };
            let mut count = 0;
            for item in &mut events {
                taken.of_several(*item);
                count += 1;
            }
            count
        });
        meet();
        report
    })];
    for _ in 0..senders {
        roles.push(sender(items / n, 1, producer.clone()));
    }
    roles
}

fn ping_pong(rounds: u64) -> Vec<Role> {
    let ring = || build_single_producer(CAPACITY, || [0; 8], BusySpin).new_event_poller();
    let ((mut to_b, builder), (mut to_a, other)) = (ring(), ring());
    let (mut a, mut b) = (builder.build(), other.build());
    fn next(poller: &mut EventPoller<Ball, SingleProducerBarrier>) -> Option<Ball> {
        let mut events = poller.take(1).ok()?;
        (&mut events).next().copied()
    }
    vec![
        play(rounds, true, move |ball| a.try_publish(|slot| *slot = *ball).is_ok(), move || next(&mut to_a)),
        play(rounds, false, move |ball| b.try_publish(|slot| *slot = *ball).is_ok(), move || next(&mut to_b)),
    ]
}
