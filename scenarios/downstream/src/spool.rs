use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tidemill::flow::{Bounce, Caps, Cause, Level, Load, Payload, Verdict};
use tidemill::seam::Instant;

/// An edge between two tasks of one thread. It takes memory for what waits, not for what its caps allow, and both ends can
/// be awaited.
///
/// Keeps the laws of `tidemill::flow::edge` for one thread (E1 to E13, E19 to E22). Refuses threads: its ends are not `Send`.
pub fn spool<T: Payload>(caps: Caps) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(RefCell::new(Shared {
        caps,
        queue: VecDeque::new(),
        shown: None,
        bytes: 0,
        dropped: [0; Cause::ALL.len()],
        ends: [true; 2],
        waiting: [None, None],
    }));
    (Sender(Rc::clone(&shared)), Receiver(shared))
}

/// The end that pushes.
pub struct Sender<T: Payload>(Rc<RefCell<Shared<T>>>);

/// The end that pops.
pub struct Receiver<T: Payload>(Rc<RefCell<Shared<T>>>);

struct Shared<T> {
    caps: Caps,
    queue: VecDeque<T>,
    /// What was peeked at: no longer in the queue, so that no eviction throws it away.
    shown: Option<T>,
    /// Of what is in the queue.
    bytes: u32,
    dropped: [u32; Cause::ALL.len()],
    /// Whether sender and receiver live.
    ends: [bool; 2],
    /// The task that waits at each end.
    waiting: [Option<Waker>; 2],
}

const SENDER: usize = 0;
const RECEIVER: usize = 1;

impl<T: Payload> Shared<T> {
    fn load(&self) -> Load {
        Load { items: self.queue.len() as u32, bytes: self.bytes }
    }

    fn count(&mut self, cause: Cause) {
        let count = &mut self.dropped[cause as usize];
        *count = count.wrapping_add(1);
    }

    fn take(&mut self) -> Option<T> {
        let item = self.queue.pop_front()?;
        self.bytes -= item.bytes();
        self.wake(SENDER);
        Some(item)
    }

    fn wake(&mut self, end: usize) {
        if let Some(waker) = self.waiting[end].take() {
            waker.wake();
        }
    }

    /// Whether a push of the longest item there is would not wait.
    fn permits(&self) -> bool {
        let longest = T::MAX_BYTES.min(self.caps.hard_bytes);
        !self.ends[RECEIVER]
            || self.caps.admit(self.load(), longest, Instant::MAX, Instant::ZERO) != Verdict::Wait
    }
}

impl<T: Payload> Sender<T> {
    /// Hands an item over; what it pushes out goes to `evicted`. What is refused comes back.
    pub fn push(
        &mut self,
        item: T,
        deadline: Instant,
        now: Instant,
        mut evicted: impl FnMut(T),
    ) -> Result<(), (Bounce, T)> {
        let mut shared = self.0.borrow_mut();
        if !shared.ends[RECEIVER] {
            shared.count(Cause::Closed);
            return Err((Bounce::Refused(Cause::Closed), item));
        }
        loop {
            match shared.caps.admit(shared.load(), item.bytes(), deadline, now) {
                Verdict::Accept(_) => {
                    shared.bytes += item.bytes();
                    shared.queue.push_back(item);
                    shared.wake(RECEIVER);
                    return Ok(());
                }
                Verdict::Wait => return Err((Bounce::Wait, item)),
                Verdict::Refuse(cause) => {
                    shared.count(cause);
                    return Err((Bounce::Refused(cause), item));
                }
                Verdict::Evict => {
                    let oldest = shared.take().expect("an empty spool has room for what is not too large");
                    shared.count(Cause::Evicted);
                    evicted(oldest);
                }
            }
        }
    }

    /// Waits until a push of an item of any length will not wait.
    pub async fn room(&mut self) {
        poll_fn(|poller| {
            let mut shared = self.0.borrow_mut();
            if shared.permits() {
                return Poll::Ready(());
            }
            shared.waiting[SENDER] = Some(poller.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Whether a push of an item of any length will not wait.
    pub fn permits(&self) -> bool {
        self.0.borrow().permits()
    }

    /// What waits.
    pub fn waiting(&self) -> Load {
        self.0.borrow().load()
    }

    /// Where it stands against its caps.
    pub fn level(&self) -> Level {
        let shared = self.0.borrow();
        shared.caps.level(shared.load())
    }

    /// How many items went astray for this cause; wraps.
    pub fn dropped(&self, cause: Cause) -> u32 {
        self.0.borrow().dropped[cause as usize]
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        !self.0.borrow().ends[RECEIVER]
    }
}

impl<T: Payload> Receiver<T> {
    /// The oldest item, if one waits.
    pub fn pop(&mut self) -> Option<T> {
        let mut shared = self.0.borrow_mut();
        shared.shown.take().or_else(|| shared.take())
    }

    /// Waits for the next item; `None` where none will ever come again.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|poller| {
            let item = self.pop();
            let mut shared = self.0.borrow_mut();
            if item.is_some() || !shared.ends[SENDER] {
                return Poll::Ready(item);
            }
            shared.waiting[RECEIVER] = Some(poller.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Shows the item that the next pop takes.
    pub fn peek<R>(&mut self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let mut shared = self.0.borrow_mut();
        if shared.shown.is_none() {
            shared.shown = shared.take();
        }
        shared.shown.as_ref().map(look)
    }

    /// Items ready to pop.
    pub fn waiting(&self) -> u32 {
        let shared = self.0.borrow();
        shared.load().items + u32::from(shared.shown.is_some())
    }

    /// Whether nothing will ever come again.
    pub fn is_drained(&self) -> bool {
        !self.0.borrow().ends[SENDER] && self.waiting() == 0
    }
}

impl<T: Payload> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.ends[SENDER] = false;
        shared.wake(RECEIVER);
    }
}

/// What it leaves is freed, and counted.
impl<T: Payload> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.ends[RECEIVER] = false;
        while shared.shown.take().or_else(|| shared.take()).is_some() {
            shared.count(Cause::Flushed);
        }
        shared.wake(SENDER);
    }
}

impl<T: Payload> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl<T: Payload> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
