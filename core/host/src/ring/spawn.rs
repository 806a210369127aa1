use super::{Consumer, Mapping};
use rustix::io::Errno;
use rustix::thread::{CpuSet, Pid, gettid, sched_setaffinity};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};
use tidemill_ring::wait::{Bell, Cancel, SpinOnly, Until, Wait};
use tidemill_ring::{End, Next, Plain};

/// A consumer that runs on a thread of its own. Dropping it stops it, and waits for nobody.
#[derive(Debug)]
pub struct Running<E: Plain> {
    thread: Option<JoinHandle<Consumer<E>>>,
    id: Pid,
    cancel: Arc<Cancel>,
    bell: Bell<Mapping>,
}

/// Why no consumer runs.
#[derive(Debug)]
pub enum SpawnError {
    /// Nobody sleeps on this ring, and a strategy that does was asked for.
    SpinOnly,
    /// The system gives no thread.
    Os(io::Error),
}

/// Hands everything that comes to `handler`, on a thread that waits by `wait` in between: each item, and each piece of news
/// between two of them, the death of the producer once. Ends with the stream, or by [`stop`](Running::stop).
///
/// ```
/// use std::sync::mpsc::channel;
/// use tidemill_host::ring::{ring, spawn};
/// use tidemill_ring::Next;
/// use tidemill_ring::wait::{Until, Wait};
///
/// # let name = format!("spw{}", std::process::id());
/// # let name = name.as_str();
/// let mut producer = ring(name)?.slots::<u64>(64).producer()?;
/// let (heard, items) = channel();
/// let consumer = ring(name)?.slots::<u64>(64).name("risk").consumer()?;
/// let running = spawn(consumer, move |next| {
///     if let Next::Item(item) = next {
///         heard.send(*item).expect("somebody listens");
///     }
/// }, Wait::DEFAULT)?;
/// producer.publish(|_| 7, Until::forever())?;
/// assert_eq!(items.recv()?, 7);
/// running.stop();
/// assert_eq!(running.join().expect("no panic").position().0, 1);
/// # ring(name)?.path().exists().then(|| std::fs::remove_file(ring(name).unwrap().path()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SpawnError`]; the consumer has left by then.
pub fn spawn<E: Plain + Send>(
    mut consumer: Consumer<E>,
    handler: impl FnMut(Next<&E>) + Send + 'static,
    wait: Wait,
) -> Result<Running<E>, SpawnError> {
    consumer.wait_by(wait).map_err(|SpinOnly| SpawnError::SpinOnly)?;
    let cancel = Arc::new(Cancel::new());
    let bell = consumer.bell();
    let (stops, (born, id)) = (Arc::clone(&cancel), sync_channel(1));
    let run = move || {
        // Whoever spawned us waits for it.
        let _ = born.send(gettid());
        follow(consumer, handler, &stops)
    };
    let thread = Builder::new().name("ring consumer".into()).spawn(run).map_err(SpawnError::Os)?;
    let id = id.recv().map_err(|error| SpawnError::Os(io::Error::other(error)))?;
    Ok(Running { thread: Some(thread), id, cancel, bell })
}

fn follow<E: Plain>(
    mut consumer: Consumer<E>,
    mut handler: impl FnMut(Next<&E>),
    cancel: &Cancel,
) -> Consumer<E> {
    let mut crashed = false;
    while !cancel.is_cancelled() {
        let Ok(next) = consumer.next(Until::cancel(cancel)) else { break };
        let told = match next.item() {
            Ok(item) => {
                handler(Next::Item(&*item));
                None
            }
            // Every probe finds it again; whoever takes over is heard of as ever.
            Err(Next::Closed(End::Crashed)) if crashed => continue,
            Err(news) => Some(news),
        };
        crashed = matches!(told, Some(Next::Closed(End::Crashed)));
        let ends = !crashed && matches!(told, Some(Next::Closed(_) | Next::Evicted { .. } | Next::Fault(_)));
        if let Some(news) = told {
            handler(news);
        }
        if ends {
            break;
        }
    }
    consumer
}

impl<E: Plain> Running<E> {
    /// The same on that core only.
    ///
    /// # Errors
    /// Where the system refuses: there is no such core, or it is not this process's.
    pub fn pin(self, core: usize) -> io::Result<Self> {
        let mut cores = CpuSet::new();
        if core >= CpuSet::MAX_CPU {
            return Err(Errno::INVAL.into());
        }
        cores.set(core);
        match sched_setaffinity(Some(self.id), &cores) {
            // Its stream has ended, and so has it.
            Ok(()) | Err(Errno::SRCH) => Ok(self),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends it: before the next item where there are some, at once where it sleeps.
    pub fn stop(&self) {
        self.cancel.cancel();
        self.bell.ring();
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Waits for its end, and gives the consumer back.
    ///
    /// # Errors
    /// What the handler panicked with; the consumer has left then.
    pub fn join(mut self) -> Result<Consumer<E>, Box<dyn Any + Send>> {
        self.thread.take().expect("nobody joined it before").join()
    }
}

impl<E: Plain> Drop for Running<E> {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}

impl std::fmt::Display for SpawnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SpinOnly => std::fmt::Display::fmt(&SpinOnly, f),
            Self::Os(error) => write!(f, "no thread: {error}"),
        }
    }
}

impl std::error::Error for SpawnError {}
