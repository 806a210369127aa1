use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Poller, Poll, Waker};

use tidemill_seam::{Clock, Duration, Instant, SendError};

use super::Body;
use super::wait::{Changed, Recv, Sleep, Yield};
use crate::choice::Rate;
use crate::latency::Latency;
use crate::net::Address;
use crate::process::{Context, TimerId};
use crate::seams::{Seams, SimClock};
use crate::streams::{Choices, StreamId};

/// What a task can do. Clones are handles of the same process.
#[derive(Clone)]
pub struct Env(Rc<EnvInner>);

struct EnvInner {
    seams: Seams,
    clock: SimClock,
    lent: RefCell<Option<(Choices, StreamId)>>,
    born: RefCell<Vec<(String, Body)>>,
    sleeps: RefCell<Sleeps>,
    epoch: Cell<u64>,
    waiters: RefCell<Vec<Waker>>,
    failure: RefCell<Option<(String, String)>>,
    stop: Cell<bool>,
}

#[derive(Debug, Default)]
struct Sleeps {
    slots: Vec<Nap>,
    free: Vec<usize>,
    /// Slots that want a timer, or no longer want theirs, since the last settling.
    asked: Vec<usize>,
}

#[derive(Debug)]
struct Nap {
    due: Instant,
    state: NapState,
    timer: Option<TimerId>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NapState {
    Asked,
    Set,
    Over,
    Dropped,
}

/// A task that was spawned. Awaiting it gives its result; dropping it lets the task run on.
#[derive(Debug)]
pub struct Task<T>(Rc<RefCell<Joint<T>>>);

#[derive(Debug)]
struct Joint<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

impl Env {
    pub(crate) fn new(seams: &Seams) -> Self {
        // The link lays the inbox out of which `recv` takes.
        drop(seams.link());
        Self(Rc::new(EnvInner {
            seams: seams.clone(),
            clock: seams.clock(),
            lent: RefCell::default(),
            born: RefCell::default(),
            sleeps: RefCell::default(),
            epoch: Cell::new(0),
            waiters: RefCell::default(),
            failure: RefCell::default(),
            stop: Cell::new(false),
        }))
    }

    /// The seams of this process: clock, entropy, links, bell.
    pub fn seams(&self) -> &Seams {
        &self.0.seams
    }

    /// The present instant on this machine's clock.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// This process's own address.
    pub fn address(&self) -> Address {
        self.0.seams.address()
    }

    /// Sends a datagram from this process's own address, at the end of the present event.
    ///
    /// # Errors
    /// As [`Link::send`](tidemill_seam::Link::send).
    pub fn send(&self, to: Address, bytes: &[u8]) -> Result<(), SendError> {
        self.0.seams.0.send(self.address().port, to, bytes)
    }

    /// Waits for the next datagram to this process's own address.
    pub fn recv(&self) -> Recv<'_> {
        Recv::new(self)
    }

    /// The next datagram to this process's own address, if one waits.
    pub fn try_recv(&self) -> Option<(Address, Vec<u8>)> {
        self.0.seams.0.recv(self.address().port, |from, bytes| (from, bytes.to_vec()))
    }

    /// Waits for `span` on this machine's clock.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(self.now() + span)
    }

    /// Waits for an instant of this machine's clock.
    pub fn sleep_until(&self, due: Instant) -> Sleep {
        Sleep::new(self.clone(), due)
    }

    /// Counts what came in from outside: datagrams at any port, and notifications.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.get()
    }

    /// Waits until the epoch is no longer `seen`, or until `due`.
    pub fn changed(&self, seen: u64, due: Option<Instant>) -> Changed {
        Changed::new(self.clone(), seen, due.map(|due| self.sleep_until(due)))
    }

    /// Lets every other runnable task go first.
    pub fn yield_now(&self) -> Yield {
        Yield::default()
    }

    /// Starts a task next to this one. Its name appears where it hangs.
    pub fn spawn<T: 'static>(&self, name: &str, future: impl Future<Output = T> + 'static) -> Task<T> {
        let joint = Rc::new(RefCell::new(Joint { result: None, waker: None }));
        let other = Rc::clone(&joint);
        self.begin(
            name,
            Box::pin(async move {
                let result = future.await;
                let mut joint = other.borrow_mut();
                joint.result = Some(result);
                if let Some(waker) = joint.waker.take() {
                    waker.wake();
                }
            }),
        );
        Task(joint)
    }

    /// Decides, below `n`; a single possibility draws nothing.
    ///
    /// # Panics
    /// If `n` is zero, or outside of a task.
    pub fn choose(&self, kind: &'static str, n: u64) -> u64 {
        self.deciding(|choices, stream| choices.choose_by(stream, kind, n))
    }

    /// Decides whether something happens; never and always draw nothing.
    ///
    /// # Panics
    /// Outside of a task.
    pub fn chance(&self, kind: &'static str, rate: Rate) -> bool {
        self.deciding(|choices, stream| choices.chance_by(stream, kind, rate))
    }

    /// Decides how long something takes.
    ///
    /// # Panics
    /// Outside of a task.
    pub fn draw(&self, kind: &'static str, latency: Latency) -> Duration {
        Duration::from_nanos(self.deciding(|choices, stream| latency.draw(choices, stream, kind)))
    }

    fn deciding<R>(&self, decide: impl FnOnce(&mut Choices, StreamId) -> R) -> R {
        let mut lent = self.0.lent.borrow_mut();
        let (choices, stream) = lent.as_mut().expect("only a running task decides");
        decide(choices, *stream)
    }

    /// A law broke: the run ends after this event. The first failure counts.
    pub fn fail(&self, site: &str, message: impl Into<String>) {
        self.0.failure.borrow_mut().get_or_insert_with(|| (site.to_owned(), message.into()));
    }

    /// The run ends after this event.
    pub fn stop(&self) {
        self.0.stop.set(true);
    }

    pub(crate) fn begin(&self, name: &str, body: Body) {
        self.0.born.borrow_mut().push((name.to_owned(), body));
    }

    pub(super) fn born(&self) -> Vec<(String, Body)> {
        self.0.born.take()
    }

    pub(super) fn lend(&self, choices: Choices, stream: StreamId) {
        self.0.lent.replace(Some((choices, stream)));
    }

    /// The first law that broke since the last settling, and what was said of it.
    pub(super) fn complaint(&self) -> Option<(String, String)> {
        self.0.failure.take()
    }

    pub(super) fn take_back(&self) -> Choices {
        self.0.lent.take().expect("what was lent comes back").0
    }

    pub(super) fn changed_now(&self) {
        self.0.epoch.set(self.0.epoch.get() + 1);
        self.0.waiters.take().into_iter().for_each(Waker::wake);
    }

    /// Wakes whoever asks at the next change.
    pub(super) fn await_change(&self, waker: &Waker) {
        let mut waiters = self.0.waiters.borrow_mut();
        if !waiters.iter().any(|known| known.will_wake(waker)) {
            waiters.push(waker.clone());
        }
    }

    pub(super) fn nap(&self, due: Instant) -> usize {
        let mut sleeps = self.0.sleeps.borrow_mut();
        let nap = Nap { due, state: NapState::Asked, timer: None, waker: None };
        let slot = match sleeps.free.pop() {
            Some(slot) => {
                sleeps.slots[slot] = nap;
                slot
            }
            None => {
                sleeps.slots.push(nap);
                sleeps.slots.len() - 1
            }
        };
        sleeps.asked.push(slot);
        slot
    }

    pub(super) fn is_over(&self, slot: usize, waker: &Waker) -> bool {
        let nap = &mut self.0.sleeps.borrow_mut().slots[slot];
        nap.waker = Some(waker.clone());
        nap.state == NapState::Over
    }

    pub(super) fn forget(&self, slot: usize) {
        let mut sleeps = self.0.sleeps.borrow_mut();
        let nap = &mut sleeps.slots[slot];
        let asked = nap.state == NapState::Asked;
        nap.state = NapState::Dropped;
        nap.waker = None;
        if !asked {
            sleeps.asked.push(slot);
        }
    }

    pub(super) fn ring(&self, slot: usize) {
        let nap = &mut self.0.sleeps.borrow_mut().slots[slot];
        (nap.state, nap.timer) = (NapState::Over, None);
        if let Some(waker) = nap.waker.take() {
            waker.wake();
        }
    }

    /// Carries out what the tasks asked of the kernel.
    pub(super) fn settle(&self, context: &mut Context<'_>) {
        let mut sleeps = self.0.sleeps.borrow_mut();
        let asked = std::mem::take(&mut sleeps.asked);
        for slot in asked {
            let nap = &mut sleeps.slots[slot];
            match nap.state {
                NapState::Asked => {
                    nap.timer = Some(context.timer_at(nap.due, slot as u64));
                    nap.state = NapState::Set;
                }
                NapState::Dropped => {
                    if let Some(timer) = nap.timer.take() {
                        context.cancel(timer);
                    }
                    sleeps.free.push(slot);
                }
                NapState::Set | NapState::Over => {}
            }
        }
        drop(sleeps);
        if let Some((site, message)) = self.complaint() {
            context.fail(&site, message);
        }
        if self.0.stop.get() {
            context.stop();
        }
    }
}

impl<T> Task<T> {
    /// The result, once there is one.
    pub fn take(&self) -> Option<T> {
        self.0.borrow_mut().result.take()
    }
}

impl<T> Future for Task<T> {
    type Output = T;
    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<T> {
        let mut joint = self.0.borrow_mut();
        match joint.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                joint.waker = Some(poller.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("process", &self.0.seams.name()).finish_non_exhaustive()
    }
}
