//! Our segments: slots, frames in runs and frames in parts.
//!
//! Every taker is waited for, and gets everything; whoever dies is found dead by a lock that the kernel ends.

use std::path::PathBuf;

use tidemill_host::ring::{self, Builder, Ring};
use tidemill_ring::frame::{Fixed, Message};
use tidemill_ring::{Next, Plain, Policies, Position, Start, Trusting};

use super::{
    BATCH, Ball, CAPACITY, Case, Meet, Report, Role, Taken, fill, ping, pong, refused, send_all, take_all,
    take_all_of,
};

/// Which of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ours {
    /// In shared memory; whoever waits may sleep, so every publication takes a fence.
    Parks,
    /// In shared memory; nobody sleeps.
    Spins,
    /// In a file.
    File,
    /// Messages in one run of granules.
    Runs,
    /// The same, written and read where they lie, by parties that believe each other.
    InPlace,
    /// Messages in parts, each as long as a slot of the size class.
    Parts,
    /// Items of a producer that cannot do without any of its consumers.
    Requires,
}

/// Where the rings of this bench lie, and what is to be taken away behind them.
#[must_use]
pub fn paths(name: &str) -> Vec<PathBuf> {
    let rings = [format!("{name}a"), format!("{name}b")];
    rings.iter().flat_map(|name| [shared(name).path().to_owned(), filed(name).path().to_owned()]).collect()
}

pub(super) fn shared(name: &str) -> Ring {
    ring::ring(name).expect("a name of a ring")
}

fn filed(name: &str) -> Ring {
    shared(name).under(std::env::temp_dir())
}

impl Ours {
    /// The roles of a case; `None` where this form has no such thing.
    #[must_use]
    pub fn roles(self, case: Case, name: &str, items: u64) -> Option<Vec<Role>> {
        let name = name.to_owned();
        match (self, case) {
            (Self::Parks | Self::Spins | Self::File, Case::Signal { takers }) => {
                Some(self.signal(&name, takers, items))
            }
            (Self::Parks | Self::Spins, Case::Batches) => Some(self.batches(&name, items)),
            (Self::Parks | Self::Spins, Case::Merge { senders }) => Some(self.merge(&name, senders, items)),
            (Self::Parks | Self::Spins | Self::File, Case::PingPong) => Some(self.ping_pong(&name, items)),
            (Self::Runs, Case::Framed { bytes }) => Some(runs(&name, bytes, items)),
            (Self::InPlace, Case::Framed { bytes }) => Some(in_place(&name, bytes, items)),
            (Self::Parks, Case::Refused) => Some(refused::ours(&name, items)),
            (Self::Requires, Case::Refused) => Some(refused::requiring(&name, items)),
            #[cfg(feature = "rkyv")]
            (Self::Runs, Case::View) => Some(super::views::runs(&name, items)),
            #[cfg(feature = "rkyv")]
            (Self::InPlace, Case::View) => Some(super::views::in_place(&name, items)),
            (Self::Parts, Case::Framed { bytes }) => Some(match bytes {
                64 => parts::<64>(&name, bytes, items),
                1024 => parts::<1024>(&name, bytes, items),
                16_384 => parts::<16_384>(&name, bytes, items),
                _ => parts::<65_536>(&name, bytes, items),
            }),
            _ => None,
        }
    }

    pub(super) fn slots<E: Plain>(self, name: &str) -> Builder<E> {
        let ring = if self == Self::File { filed(name) } else { shared(name) };
        let builder = ring.slots(CAPACITY as u32);
        if self == Self::Spins { builder.spin_only() } else { builder }
    }

    fn signal(self, name: &str, takers: usize, items: u64) -> Vec<Role> {
        let name = format!("{name}a");
        let taker = |k: usize| -> Role {
            let name = name.clone();
            Box::new(move |meet| {
                meet();
                let peer = format!("taker{k}");
                let ring = self.slots::<u64>(&name).name(&peer).start(Start::Earliest);
                let mut consumer = ring.consumer().expect("a place");
                meet();
                let report = take_all(items, |taken| {
                    let (count, news) = consumer.poll(BATCH as u32, |item, _, _| taken.item(*item));
                    assert_eq!(news, None, "something else than items");
                    u64::from(count)
                });
                meet();
                report
            })
        };
        let mut roles: Vec<Role> = (0..takers).map(taker).collect();
        let name = name.clone();
        roles.push(Box::new(move |meet| {
            let mut producer = self.slots::<u64>(&name).producer().expect("nobody produces");
            meet();
            meet();
            let report = send_all(items, |at| u64::from(producer.try_push(at).is_ok()));
            meet();
            report
        }));
        roles
    }

    fn batches(self, name: &str, items: u64) -> Vec<Role> {
        let mut roles = self.signal(name, 1, items);
        roles.truncate(1);
        let name = format!("{name}a");
        roles.push(Box::new(move |meet| {
            let mut producer = self.slots::<u64>(&name).producer().expect("nobody produces");
            meet();
            meet();
            let report = send_all(items, |at| {
                let n = (items - at).min(BATCH as u64);
                producer.try_batch(n as u32, |Position(at)| at).map_or(0, |_| n)
            });
            meet();
            report
        }));
        roles
    }

    fn merge(self, name: &str, senders: usize, items: u64) -> Vec<Role> {
        let name = format!("{name}a");
        let ring = move |name: &str| self.slots::<u64>(name).producers(senders as u32);
        let taker = name.clone();
        let mut roles: Vec<Role> = vec![Box::new(move |meet| {
            // Whoever is first makes it.
            let spare = ring(&taker).multi_producer().expect("a post");
            drop(spare);
            let ring = ring(&taker).name("taker").start(Start::Earliest);
            let mut consumer = ring.consumer().expect("a place");
            meet();
            meet();
            let report = take_all_of(senders as u64, items, |taken| {
                let (count, _) = consumer.poll(BATCH as u32, |item, _, _| taken.of_several(*item));
                u64::from(count)
            });
            meet();
            report
        })];
        for _ in 0..senders {
            let name = name.clone();
            roles.push(Box::new(move |meet| {
                meet();
                let mut producer = ring(&name).multi_producer().expect("a post");
                meet();
                let report = send_all(items / senders as u64, |at| u64::from(producer.try_push(at).is_ok()));
                meet();
                report
            }));
        }
        roles
    }

    fn ping_pong(self, name: &str, rounds: u64) -> Vec<Role> {
        let player = |mine: String, theirs: String, first: bool| -> Role {
            Box::new(move |meet| {
                let mut producer = self.slots::<Ball>(&mine).producer().expect("nobody produces");
                meet();
                let ring = self.slots::<Ball>(&theirs).name("player").start(Start::Earliest);
                let mut consumer = ring.consumer().expect("a place");
                meet();
                let send = |ball: &Ball| producer.try_push(*ball).is_ok();
                let take = || match consumer.try_next()? {
                    Next::Item(ball) => Some(*ball),
                    other => panic!("{other:?}"),
                };
                let report = if first { ping(rounds, send, take) } else { pong(rounds, send, take) };
                meet();
                report
            })
        };
        let (a, b) = (format!("{name}a"), format!("{name}b"));
        vec![player(a.clone(), b.clone(), true), player(b, a, false)]
    }
}

/// So many bytes of ring, whatever the messages are.
const RING_BYTES: usize = 4 << 20;

fn heard<T>(taken: &mut Taken, heard: Option<Next<T>>, message: impl FnOnce(&mut Taken, T)) -> u64 {
    match heard {
        Some(Next::Item(item)) => {
            message(taken, item);
            1
        }
        Some(_) => panic!("something else than a message"),
        None => 0,
    }
}

/// Meets the others, and publishes messages of so many bytes, each of which is generated once, however often it is refused.
fn send_messages(
    meet: Meet<'_>,
    (bytes, items): (usize, u64),
    mut publish: impl FnMut(&[u8]) -> bool,
) -> Report {
    let mut payload = vec![0; bytes];
    meet();
    meet();
    let mut filled = u64::MAX;
    let report = send_all(items, |at| {
        if filled != at {
            fill(&mut payload, at);
            filled = at;
        }
        u64::from(publish(&payload))
    });
    meet();
    report
}

pub(super) const GRANULE: usize = 64;
pub(super) const GRANULES: u32 = (RING_BYTES / GRANULE) as u32;

fn in_place(name: &str, bytes: usize, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    let ring = move || shared(&name).runs::<GRANULE>(GRANULES).policies(Policies::BLOCK);
    let sender = ring.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let ring = ring().name("taker").message_max(0).start(Start::Earliest);
            let consumer = ring.var_consumer().expect("a place");
            // SAFETY: both sides of this ring are this program's, and nobody else knows its name.
            let mut consumer = unsafe { Trusting::new(consumer) }.expect("bytes lie anywhere");
            meet();
            let report = take_all(items, |taken| {
                heard(taken, consumer.try_next(), |taken, message| {
                    taken.message(&message);
                    message.ack();
                })
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let producer = sender().var_producer().expect("nobody produces");
            // SAFETY: as above.
            let mut producer = unsafe { Trusting::new(producer) }.expect("everybody is waited for");
            meet();
            meet();
            let report = send_all(items, |at| {
                let Ok(mut loan) = producer.try_loan(bytes, 1) else { return 0 };
                fill(&mut loan, at);
                loan.commit(bytes).expect("as many as were granted");
                1
            });
            meet();
            report
        }),
    ]
}

fn runs(name: &str, bytes: usize, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    let sender = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let ring = shared(&name).runs::<GRANULE>(GRANULES).name("taker").start(Start::Earliest);
            let mut consumer = ring.var_consumer().expect("a place");
            meet();
            let report = take_all(items, |taken| {
                heard(taken, consumer.try_next(), |taken, message| taken.message(&message))
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let ring = shared(&sender).runs::<GRANULE>(GRANULES);
            let mut producer = ring.var_producer().expect("nobody produces");
            send_messages(meet, (bytes, items), |payload| producer.try_publish(payload, 1).is_ok())
        }),
    ]
}

fn parts<const N: usize>(name: &str, bytes: usize, items: u64) -> Vec<Role> {
    let slots = ((RING_BYTES / N).min(16 * CAPACITY)) as u32;
    let name = format!("{name}a");
    let sender = name.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let ring: Builder<Fixed<N>> =
                shared(&name).frames::<N>(slots).name("taker").start(Start::Earliest);
            let mut consumer = ring.frame_consumer().expect("a place");
            meet();
            let report = take_all(items, |taken| {
                let (count, news) = consumer.poll(1, |Message { bytes, .. }, _| taken.message(bytes));
                assert_eq!(news, None, "something else than messages");
                u64::from(count)
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut producer = shared(&sender).frames::<N>(slots).frame_producer().expect("nobody produces");
            send_messages(meet, (bytes, items), |payload| producer.try_publish(payload, 1).is_ok())
        }),
    ]
}
