//! Tasks that wait on rings, under an executor of ten lines: each future is woken by the words of its ring.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake};
use std::thread;
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{self, Ring, Tasks};
use tidemill_ring::wait::{Ended, Until};
use tidemill_ring::{End, Next, Start};
use tidemill_seam::{Clock, Duration};

struct Thread(thread::Thread);

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let (mut future, waker) = (pin!(future), Arc::new(Thread(thread::current())).into());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// A ring that no other test uses, in shared memory or in a file. Its name goes with it.
struct Own(Ring);

impl Own {
    fn each() -> [Self; 2] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        [false, true].map(|file| {
            // Relaxed: counts, orders nothing.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let ring = ring::ring(&format!("t{}x{number}", std::process::id())).expect("a name");
            Self(if file { ring.under(std::env::temp_dir()) } else { ring })
        })
    }

    fn slots(&self, n: u32) -> ring::Builder<u64> {
        self.0.clone().slots(n)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(self.0.path());
    }
}

// RING-ASYNC: two tasks on two threads hand items to and fro over rings of two slots, to the end of the stream
#[test]
fn tasks_on_two_threads_wait_for_each_other() {
    const ITEMS: u64 = 500;
    for own in Own::each() {
        let tasks = Tasks::new().expect("a thread");
        let mut tx = own.slots(2).producer().expect("nobody else does");
        let mut rx = own.slots(2).start(Start::Earliest).consumer().expect("there is room");
        let (publishes, hears) = (tasks.clone(), tasks);
        thread::scope(|scope| {
            scope.spawn(move || {
                block_on(async {
                    for at in 0..ITEMS {
                        let published = tx.publish_in(|at| at.0, &publishes, Until::forever()).await;
                        assert_eq!(published.expect("there will be room").0, at);
                    }
                });
                tx.close();
            });
            block_on(async {
                for at in 0..ITEMS {
                    match rx.next_in(&hears, Until::forever()).await {
                        Ok(Next::Item(item)) => assert_eq!(*item, at),
                        other => panic!("{other:?}"),
                    }
                }
                let end = rx.next_in(&hears, Until::forever()).await;
                assert!(matches!(end, Ok(Next::Closed(End::Finished))));
            });
        });
    }
}

// RING-ASYNC, RING-MPSC: two of several producers and who reads beside them, each a task on a thread of its own, over two slots
#[test]
fn tasks_among_several_producers_wait_for_each_other() {
    const ITEMS: u64 = 300;
    for own in Own::each() {
        let tasks = Tasks::new().expect("a thread");
        let slots = || own.slots(2).producers(2);
        let mut producers = [0, 1].map(|_| slots().multi_producer().expect("a place is free"));
        let mut rx = slots().start(Start::Earliest).consumer().expect("there is room");
        thread::scope(|scope| {
            for (who, tx) in (0..).zip(&mut producers) {
                let tasks = tasks.clone();
                scope.spawn(move || {
                    block_on(async {
                        for number in 0..ITEMS {
                            let item = who << 32 | number;
                            let published = tx.publish_in(|_| item, &tasks, Until::forever()).await;
                            published.expect("there will be room");
                        }
                    });
                });
            }
            let mut next = [0; 2];
            block_on(async {
                while next.iter().sum::<u64>() < 2 * ITEMS {
                    let item = match rx.next_in(&tasks, Until::forever()).await {
                        Ok(Next::Item(item)) => *item,
                        other => panic!("{other:?}"),
                    };
                    let (who, number) = ((item >> 32) as usize, item & u64::from(u32::MAX));
                    assert_eq!(number, next[who], "an item of {who}");
                    next[who] += 1;
                }
            });
        });
        drop(producers);
        let end = block_on(rx.next_in(&tasks, Until::forever()));
        assert!(matches!(end, Ok(Next::Closed(End::Finished))));
    }
}

// RING-ASYNC: more tasks than one thread can sleep for at once are all woken, each by its own ring; a deadline ends one alone
#[test]
fn a_crowd_of_tasks_is_served_by_one_thread() {
    let (tasks, rings) =
        (Tasks::new().expect("a thread"), Own::each().into_iter().chain(Own::each()).collect::<Vec<_>>());
    let slots = |own: &Own| own.slots(4).participants(40);
    let mut producers: Vec<_> =
        rings.iter().map(|own| slots(own).producer().expect("nobody else does")).collect();
    let hears = |at: usize| {
        let (mut rx, tasks) = (slots(&rings[at % 4]).consumer().expect("there is room"), tasks.clone());
        async move {
            let soon = Until::deadline(MonotonicClock.now() + Duration::from_millis(20));
            let until = if at == 0 { soon } else { Until::forever() };
            match rx.next_in(&tasks, until).await {
                Ok(Next::Item(item)) => Ok(*item),
                Err(ended) => Err(ended),
                other => panic!("{other:?}"),
            }
        }
    };
    let mut waiting: Vec<_> = (0..160).map(|at| (at, Box::pin(hears(at)))).collect();
    block_on(poll_fn(|context| {
        waiting.retain_mut(|(at, task)| match task.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(heard) if *at == 0 => {
                assert_eq!(heard, Err(Ended::Deadline), "nothing is published yet");
                for (item, tx) in (0..).zip(&mut producers) {
                    tx.try_push(item).expect("there is room");
                }
                false
            }
            Poll::Ready(heard) => {
                assert_eq!(heard, Ok(*at as u64 % 4));
                false
            }
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
}
