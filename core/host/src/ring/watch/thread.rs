use super::{Notice, Vigil, Ward};
use crate::ring::error::AttachError;
use crate::ring::named::Backing;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, current};
use tidemill_seam::Duration;

/// A thread that hears of deaths from the kernel, and wakes at once who waits for the dead: one a process is enough, for any
/// number of rings.
///
/// Without one a death is found within a probe, 10 ms; and for the sake of that whoever reads turns over as often. With one it
/// turns over four times a second. A clone is another handle; the thread ends with the last of them, and of those who are
/// watched by it.
///
/// ```
/// use tidemill_host::ring::{Watch, ring};
/// use tidemill_ring::Next;
/// use tidemill_ring::wait::Until;
///
/// # let name = format!("wat{}", std::process::id());
/// # let name = name.as_str();
/// let watch = Watch::new(|notice| eprintln!("{}: {}", notice.holder.who.process, notice.verdict))?;
/// let mut producer = ring(name)?.slots::<u64>(64).producer()?;
/// let mut consumer = ring(name)?.slots::<u64>(64).name("risk").watched_by(&watch).consumer()?;
/// producer.try_push(7)?;
/// assert!(matches!(consumer.next(Until::forever())?, Next::Item(item) if *item == 7));
/// drop((producer, consumer));
/// ring(name)?.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Watch(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    bell: OwnedFd,
    coming: Mutex<Vec<Ward>>,
    over: AtomicBool,
    turns: AtomicU64,
}

impl Watch {
    /// One that watches over nobody yet, and tells `each` what is new, on its thread.
    ///
    /// # Errors
    /// Where the system has no descriptors or no thread for it.
    pub fn new(each: impl FnMut(&Notice) + Send + 'static) -> io::Result<Self> {
        let vigil = Vigil::new()?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (coming, over, turns) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { bell, coming, over, turns });
        let run = {
            let shared = Arc::clone(&shared);
            move || run(&shared, vigil, each)
        };
        let thread = Some(Builder::new().name("ring watch".into()).spawn(run)?);
        Ok(Self(Arc::new(Owned { shared, thread })))
    }

    /// Watches over who takes part in that segment, for as long as its claims are in use: whoever waits with them is woken at a
    /// death, and asks about it at once.
    ///
    /// # Errors
    /// [`AttachError`]: no segment lies there, or by the system.
    pub fn add(&self, backing: &mut Backing) -> Result<(), AttachError> {
        let ward = Ward::over(backing)?;
        backing.lock.watched_by(ward.tie(Some(self.clone())));
        // Nobody panics while he has it.
        self.0.shared.coming.lock().unwrap_or_else(PoisonError::into_inner).push(ward);
        self.ring();
        Ok(())
    }

    /// How often its thread has looked.
    pub fn turns(&self) -> u64 {
        // Relaxed: counts, orders nothing.
        self.0.shared.turns.load(Ordering::Relaxed)
    }

    pub(super) fn ring(&self) {
        self.0.shared.ring();
    }
}

impl Shared {
    fn ring(&self) {
        // A bell that is full is heard.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }
}

fn run(shared: &Shared, mut vigil: Vigil, mut each: impl FnMut(&Notice)) {
    // Acquire: pairs with the Release in the drop of the last handle.
    while !shared.over.load(Ordering::Acquire) {
        let mut coming = shared.coming.lock().unwrap_or_else(PoisonError::into_inner);
        vigil.wards.append(&mut coming);
        drop(coming);
        let rest = vigil.turn(&mut each);
        // Relaxed: as in `turns`.
        shared.turns.fetch_add(1, Ordering::Relaxed);
        sleep(shared, &vigil, rest);
    }
}

/// Until the bell rings, a process ends, or `rest` is over.
fn sleep(shared: &Shared, vigil: &Vigil, rest: Option<Duration>) {
    let rest = rest.map(|rest| Timespec { tv_sec: 0, tv_nsec: rest.as_nanos() as i64 });
    let mut asked =
        [vigil.as_fd(), shared.bell.as_fd()].map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN));
    match poll(&mut asked, rest.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => panic!("waiting on our own descriptors failed: {error}"),
    }
    // Empty where it was not the bell.
    let _ = read(&shared.bell, &mut [0; 8]);
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `run`.
        self.shared.over.store(true, Ordering::Release);
        self.shared.ring();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != current().id()
        {
            // What `each` panicked with was printed.
            let _ = thread.join();
        }
    }
}
