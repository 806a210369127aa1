use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

type Carrier = Pin<Box<dyn Future<Output = ()>>>;

/// What the handles and the owner of one [`Net`](super::Net) share: the futures that carry, and who waits for them.
#[derive(Default)]
pub(super) struct Hub {
    epoch: Cell<u64>,
    /// Datagrams that were accepted and have not left.
    pub(super) unsent: Cell<usize>,
    waiting: RefCell<Option<Waker>>,
    carriers: RefCell<Vec<Carrier>>,
    born: RefCell<Vec<Carrier>>,
    closed: Cell<bool>,
}

impl Hub {
    /// Counts what came in from outside.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Something came in, ended, or found room.
    pub(super) fn happened(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// A handle has something to be carried.
    pub(super) fn nudge(&self) {
        if let Some(waker) = &*self.waiting.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Where nobody will ever carry, the carrier is dropped.
    pub(super) fn begin(&self, carrier: impl Future<Output = ()> + 'static) {
        if !self.closed.get() {
            self.born.borrow_mut().push(Box::pin(carrier));
            self.nudge();
        }
    }

    /// Drops every carrier: they hold the handles' state, which holds the hub.
    pub(super) fn close(&self) {
        self.closed.set(true);
        drop((self.carriers.take(), self.born.take()));
    }

    /// Carries until `done` is ready, which every turn asks anew.
    pub(super) async fn carry<T>(&self, mut done: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        poll_fn(|context| {
            self.turn(context);
            let done = done(context);
            if done.is_ready() {
                self.waiting.take();
            }
            done
        })
        .await
    }

    /// Lets every carrier go as far as it can.
    fn turn(&self, context: &mut Context<'_>) {
        self.waiting.borrow_mut().get_or_insert_with(|| context.waker().clone()).clone_from(context.waker());
        let mut carriers = self.carriers.take();
        loop {
            carriers.append(&mut self.born.borrow_mut());
            carriers.retain_mut(|carrier| carrier.as_mut().poll(context).is_pending());
            if self.born.borrow().is_empty() {
                break;
            }
        }
        self.carriers.replace(carriers);
    }
}

/// Waits for `there`, which the turns of the hub ask anew.
pub(super) async fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    poll_fn(|_| there().map_or(Poll::Pending, Poll::Ready)).await
}

/// `work`, unless `off` holds first.
pub(super) async fn unless<T>(off: impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| if off() { Poll::Ready(None) } else { work.as_mut().poll(context).map(Some) }).await
}

/// Whichever is ready first; both are dropped then.
pub(super) async fn first<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|context| match a.as_mut().poll(context) {
        Poll::Pending => b.as_mut().poll(context),
        ready => ready,
    })
    .await
}
