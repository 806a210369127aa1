//! Queues of one address space: nothing of theirs outlives the process, and nobody is found dead.
//!
//! Each item goes to one taker: none of them broadcasts.

use std::sync::Arc;

use crossbeam::channel;
use crossbeam::queue::ArrayQueue;

use super::{BATCH, Ball, CAPACITY, Case, Role, fill, ping, pong, send_all, take_all, take_all_of};

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    /// rtrb: one sender, one taker.
    Rtrb,
    /// crossbeam's bounded queue.
    ArrayQueue,
    /// crossbeam's bounded channel; messages are boxes, which it hands over by pointer.
    Channel,
}

impl Inside {
    /// The roles of a case; `None` where it has no such thing.
    #[must_use]
    pub fn roles(self, case: Case, items: u64) -> Option<Vec<Role>> {
        Some(match (self, case) {
            (Self::Rtrb, Case::Signal { takers: 1 }) => {
                let (sender, taker) = rtrb::RingBuffer::<u64>::new(CAPACITY);
                let (mut sender, mut taker) = (sender, taker);
                one_to_one(items, move |at| sender.push(at).is_ok(), move || taker.pop().ok())
            }
            (Self::Rtrb, Case::Batches) => rtrb_batches(items),
            (Self::Rtrb, Case::PingPong) => {
                let ((a, to_b), (b, to_a)) =
                    (rtrb::RingBuffer::<Ball>::new(CAPACITY), rtrb::RingBuffer::<Ball>::new(CAPACITY));
                let (mut a, mut b, mut to_a, mut to_b) = (a, b, to_a, to_b);
                vec![
                    play(items, true, move |ball| a.push(*ball).is_ok(), move || to_a.pop().ok()),
                    play(items, false, move |ball| b.push(*ball).is_ok(), move || to_b.pop().ok()),
                ]
            }
            (Self::ArrayQueue, Case::Signal { takers: 1 }) => {
                let queue = Arc::new(ArrayQueue::<u64>::new(CAPACITY));
                let sender = Arc::clone(&queue);
                one_to_one(items, move |at| sender.push(at).is_ok(), move || queue.pop())
            }
            (Self::ArrayQueue, Case::Merge { senders }) => {
                let queue = Arc::new(ArrayQueue::<u64>::new(CAPACITY));
                let sender = Arc::clone(&queue);
                let sender = move || {
                    let sender = Arc::clone(&sender);
                    move |at| sender.push(at).is_ok()
                };
                many_to_one(senders, items, sender, move || queue.pop())
            }
            (Self::Channel, Case::Signal { takers: 1 }) => {
                let (sender, taker) = channel::bounded::<u64>(CAPACITY);
                one_to_one(items, move |at| sender.try_send(at).is_ok(), move || taker.try_recv().ok())
            }
            (Self::Channel, Case::Merge { senders }) => {
                let (sender, taker) = channel::bounded::<u64>(CAPACITY);
                let sender = move || {
                    let sender = sender.clone();
                    move |at| sender.try_send(at).is_ok()
                };
                many_to_one(senders, items, sender, move || taker.try_recv().ok())
            }
            (Self::Channel, Case::PingPong) => {
                let ((a, to_b), (b, to_a)) =
                    (channel::bounded::<Ball>(CAPACITY), channel::bounded::<Ball>(CAPACITY));
                vec![
                    play(items, true, move |ball| a.try_send(*ball).is_ok(), move || to_a.try_recv().ok()),
                    play(items, false, move |ball| b.try_send(*ball).is_ok(), move || to_b.try_recv().ok()),
                ]
            }
            (Self::Channel, Case::Framed { bytes }) => boxes(bytes, items),
            _ => return None,
        })
    }
}

/// Each party moves what it uses to its own stack, where it shares a line of memory with nobody.
fn one_to_one(
    items: u64,
    push: impl FnMut(u64) -> bool + Send + 'static,
    pop: impl FnMut() -> Option<u64> + Send + 'static,
) -> Vec<Role> {
    vec![
        Box::new(move |meet| {
            let mut pop = pop;
            meet();
            meet();
            let report = take_all(items, |taken| pop().map_or(0, |item| (taken.item(item), 1).1));
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut push = push;
            meet();
            meet();
            let report = send_all(items, |at| u64::from(push(at)));
            meet();
            report
        }),
    ]
}

fn many_to_one<S: FnMut(u64) -> bool + Send + 'static>(
    senders: usize,
    items: u64,
    sender: impl Fn() -> S,
    pop: impl FnMut() -> Option<u64> + Send + 'static,
) -> Vec<Role> {
    let n = senders as u64;
    let mut roles: Vec<Role> = vec![Box::new(move |meet| {
        let mut pop = pop;
        meet();
        meet();
        let report = take_all_of(n, items, |taken| pop().map_or(0, |item| (taken.of_several(item), 1).1));
        meet();
        report
    })];
    for _ in 0..senders {
        let push = sender();
        roles.push(Box::new(move |meet| {
            let mut push = push;
            meet();
            meet();
            let report = send_all(items / n, |at| u64::from(push(at)));
            meet();
            report
        }));
    }
    roles
}

/// A player of ping-pong; the first one serves.
pub(super) fn play(
    rounds: u64,
    first: bool,
    send: impl FnMut(&Ball) -> bool + Send + 'static,
    take: impl FnMut() -> Option<Ball> + Send + 'static,
) -> Role {
    Box::new(move |meet| {
        let (send, take) = (send, take);
        meet();
        meet();
        let report = if first { ping(rounds, send, take) } else { pong(rounds, send, take) };
        meet();
        report
    })
}

fn rtrb_batches(items: u64) -> Vec<Role> {
    let (sender, taker) = rtrb::RingBuffer::<u64>::new(CAPACITY);
    vec![
        Box::new(move |meet| {
            let mut taker = taker;
            meet();
            meet();
            let report = take_all(items, |taken| {
                let n = taker.slots().min(BATCH);
                let chunk = taker.read_chunk(n).expect("they are there");
                chunk.into_iter().for_each(|item| taken.item(item));
                n as u64
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let mut sender = sender;
            meet();
            meet();
            let report = send_all(items, |at| {
                let n = (items - at).min(BATCH as u64);
                let chunk = sender.write_chunk_uninit(n as usize);
                chunk.map_or(0, |chunk| chunk.fill_from_iter(at..at + n) as u64)
            });
            meet();
            report
        }),
    ]
}

fn boxes(bytes: usize, items: u64) -> Vec<Role> {
    let (sender, taker) = channel::bounded::<Box<[u8]>>((4 << 20) / bytes);
    vec![
        Box::new(move |meet| {
            meet();
            meet();
            let report =
                take_all(items, |taken| taker.try_recv().map_or(0, |message| (taken.message(&message), 1).1));
            meet();
            report
        }),
        Box::new(move |meet| {
            meet();
            meet();
            let mut made = None;
            let report = send_all(items, |at| {
                let message = made.take().unwrap_or_else(|| {
                    let mut message = vec![0; bytes].into_boxed_slice();
                    fill(&mut message, at);
                    message
                });
                match sender.try_send(message) {
                    Ok(()) => 1,
                    Err(full) => {
                        made = Some(full.into_inner());
                        0
                    }
                }
            });
            meet();
            report
        }),
    ]
}
