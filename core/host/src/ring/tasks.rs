use super::region::Mapping;
use crate::MonotonicClock;
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::ClockId;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{Builder, JoinHandle, current};
use tidemill_ring::task::Doze;
use tidemill_seam::{Clock, Duration, Instant};

/// The most words that a thread sleeps on at once (`futex_waitv(2)`), its own bell among them.
const WORDS: usize = 128;
/// How long it sleeps where there are more.
const CROWDED: Duration = Duration::from_millis(1);

/// A thread that sleeps in the place of tasks, under whatever executor: one a process is enough, for any number of rings. A clone
/// is another handle; the thread ends with the last of them.
///
/// ```
/// use tidemill_host::ring::{Tasks, ring};
/// use tidemill_ring::Next;
/// use tidemill_ring::wait::Until;
///
/// # let name = format!("tsk{}", std::process::id());
/// # let name = name.as_str();
/// let tasks = Tasks::new()?;
/// let mut producer = ring(name)?.slots::<u64>(64).producer()?;
/// let mut consumer = ring(name)?.slots::<u64>(64).name("risk").consumer()?;
/// let hears = async move {
///     match consumer.next_in(&tasks, Until::forever()).await {
///         Ok(Next::Item(item)) => *item,
///         other => panic!("{other:?}"),
///     }
/// };
/// # use std::sync::Arc;
/// # use std::task::{Context, Poll, Wake};
/// # struct Thread(std::thread::Thread);
/// # impl Wake for Thread { fn wake(self: Arc<Self>) { self.0.unpark() } }
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let mut future = std::pin::pin!(future);
/// #     let waker = Arc::new(Thread(std::thread::current())).into();
/// #     loop {
/// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
/// #             Poll::Ready(done) => break done,
/// #             Poll::Pending => std::thread::park(),
/// #         }
/// #     }
/// # }
/// producer.try_push(7)?;
/// assert_eq!(block_on(hears), 7);
/// # drop(producer);
/// # ring(name)?.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default, Debug)]
struct Shared {
    /// Changes whenever a task lies down.
    bell: AtomicU32,
    over: AtomicBool,
    sleepers: Mutex<Vec<Arc<Sleeper>>>,
}

/// A task that sleeps on a word.
#[derive(Debug)]
struct Sleeper {
    /// Keeps the word.
    mapping: Mapping,
    at: u32,
    value: u32,
    end: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Asleep(Waker),
    /// Woken, or nobody polls it any more.
    Over,
}

/// A sleep that ends with its future.
#[derive(Debug)]
struct Dozing<'t> {
    tasks: &'t Tasks,
    mapping: Mapping,
    at: u32,
    value: u32,
    end: Instant,
    sleeper: Option<Arc<Sleeper>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nobody panics while he has one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sleeper {
    fn word(&self) -> Option<&AtomicU32> {
        self.mapping.word(self.at)
    }

    /// Whether its sleep is over at `now`: its word was changed, its time has come, or nobody polls it.
    fn is_over(&self, now: Instant) -> bool {
        // Relaxed: a hint, as a futex gives one; whoever is woken looks again.
        let changed = self.word().is_none_or(|word| word.load(Ordering::Relaxed) != self.value);
        changed || self.end <= now || matches!(*locked(&self.state), State::Over)
    }

    fn wake(&self) {
        let was = std::mem::replace(&mut *locked(&self.state), State::Over);
        if let State::Asleep(waker) = was {
            waker.wake();
        }
    }
}

impl Tasks {
    /// A thread that nobody sleeps on yet.
    ///
    /// # Errors
    /// Where the system gives no thread, or cannot sleep on several words at once: before Linux 5.16.
    pub fn new() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        // Over at once, for the word is another.
        if sleep_on(&[waiter(&shared.bell, 1)], None) == Err(Errno::NOSYS) {
            return Err(Errno::NOSYS.into());
        }
        let run = {
            let shared = Arc::clone(&shared);
            move || run(&shared)
        };
        let thread = Some(Builder::new().name("ring tasks".into()).spawn(run)?);
        Ok(Self(Arc::new(Owned { shared, thread })))
    }

    fn lie_down(&self, sleeper: &Arc<Sleeper>) {
        locked(&self.0.shared.sleepers).push(Arc::clone(sleeper));
        self.0.shared.ring();
    }
}

impl Shared {
    fn ring(&self) {
        // Release: pairs with the Acquire in `run`, which looks at the sleepers behind it.
        self.bell.fetch_add(1, Ordering::Release);
        futex::wake(&self.bell, futex::Flags::PRIVATE, 1).expect("our own word can be woken");
    }
}

fn waiter(word: &AtomicU32, value: u32) -> futex::Wait {
    let mut waiter = futex::Wait::new();
    waiter.val = u64::from(value);
    waiter.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
    waiter.flags = futex::WaitFlags::SIZE_U32;
    waiter
}

fn sleep_on(words: &[futex::Wait], until: Option<Instant>) -> Result<(), Errno> {
    let until = until.map(|until| {
        let ns = until.as_nanos();
        Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
    });
    match futex::waitv(words, futex::WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic) {
        Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => Ok(()),
        Err(error) => Err(error),
    }
}

fn run(shared: &Shared) {
    loop {
        // Acquire: pairs with the Release in `ring`: who lies down later changes the word.
        let bell = shared.bell.load(Ordering::Acquire);
        // Relaxed: the bell is rung behind it.
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let now = MonotonicClock.now();
        let (over, asleep): (Vec<_>, Vec<_>) =
            locked(&shared.sleepers).drain(..).partition(|sleeper| sleeper.is_over(now));
        over.iter().for_each(|sleeper| sleeper.wake());
        let mut words = vec![waiter(&shared.bell, bell)];
        words[0].flags |= futex::WaitFlags::PRIVATE;
        let beds = asleep.iter().filter_map(|one| Some(waiter(one.word()?, one.value)));
        words.extend(beds.take(WORDS - 1));
        let crowded = (words.len() <= asleep.len()).then(|| now + CROWDED);
        let end = asleep.iter().map(|one| one.end).chain(crowded).min();
        // Those who lay down meanwhile stand there already.
        locked(&shared.sleepers).extend(asleep.iter().cloned());
        sleep_on(&words, end).expect("words of mappings that are kept can be slept on");
    }
}

impl Clock for Tasks {
    fn now(&self) -> Instant {
        MonotonicClock.now()
    }
}

impl Doze<Mapping> for Tasks {
    fn doze(&self, region: &Mapping, at: u32, value: u32, span: Duration) -> impl Future<Output = ()> {
        Dozing { tasks: self, mapping: region.clone(), at, value, end: self.now() + span, sleeper: None }
    }
}

impl Future for Dozing<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleeper) = &self.sleeper {
            let mut state = locked(&sleeper.state);
            let State::Asleep(waker) = &mut *state else { return Poll::Ready(()) };
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        let (mapping, state) = (self.mapping.clone(), Mutex::new(State::Asleep(context.waker().clone())));
        let sleeper = Arc::new(Sleeper { mapping, at: self.at, value: self.value, end: self.end, state });
        self.tasks.lie_down(&sleeper);
        self.sleeper = Some(sleeper);
        Poll::Pending
    }
}

impl Drop for Dozing<'_> {
    fn drop(&mut self) {
        if let Some(sleeper) = &self.sleeper {
            // Forgotten at the thread's next turn.
            *locked(&sleeper.state) = State::Over;
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Relaxed: the bell orders it.
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.ring();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != current().id()
        {
            // It panics where its words cannot be slept on only, and that was printed.
            let _ = thread.join();
        }
    }
}
