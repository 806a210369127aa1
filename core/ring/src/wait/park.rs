use crate::sync::Ordering;
use tidemill_seam::Region;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The park word of one sleeper in a region, zero at first: what makes a publisher's wake a system call only where
/// somebody sleeps.
///
/// Asks for a [`Region`] only: unlike [`EventCount`](crate::wake::EventCount), which counts sleepers and so needs an
/// exchange, the word has one sleeper, whose own it is; publishers only ever take back what it announced.
#[derive(Clone, Copy, Debug)]
pub struct Parking<'r, R> {
    region: &'r R,
    at: u32,
}

impl<'r, R: Region> Parking<'r, R> {
    /// What a park sleeps on: the word stays so until somebody wakes the sleeper.
    pub const ASLEEP: u32 = ASLEEP;

    /// The word at index `at`. `None` where the region ends before.
    pub fn new(region: &'r R, at: u32) -> Option<Self> {
        (at < region.words()).then_some(Self { region, at })
    }

    /// Announces the sleeper, looks again, and calls `park` where nothing is `found`; true if it was called.
    ///
    /// `park` may come back at any time. It must come back after a `wake` that follows the start of this call, or once
    /// the word is no longer [`ASLEEP`](Self::ASLEEP): a futex that sleeps while it is does.
    pub fn sleep(&self, found: impl FnOnce() -> bool, park: impl FnOnce()) -> bool {
        self.store(ASLEEP);
        // SeqCst: pairs with the fence in `wake`: that one sees us asleep, or `found` sees its work (RL-16).
        self.region.fence(Ordering::SeqCst);
        let sleeps = !found();
        if sleeps {
            park();
        }
        self.store(AWAKE);
        sleeps
    }

    /// Calls `wake` where somebody may sleep; true if it was called. The work is stored before this call.
    ///
    /// The word is taken back first, so that a sleeper on its way to `park` does not sleep through the call.
    pub fn wake(&self, wake: impl FnOnce()) -> bool {
        // SeqCst: pairs with the fence in `sleep`: we see the sleeper, or it sees our work (RL-16).
        self.region.fence(Ordering::SeqCst);
        // SAFETY: within the region, checked in `new`.
        // Relaxed: ordered by the fence above; nothing is read on the strength of it.
        let asleep = unsafe { self.region.load(self.at, Ordering::Relaxed) } != AWAKE;
        if asleep {
            self.store(AWAKE);
            wake();
        }
        asleep
    }

    fn store(&self, value: u32) {
        // SAFETY: within the region, checked in `new`.
        // Relaxed: ordered by the fences; a waker's late store costs the sleeper a look.
        unsafe { self.region.store(self.at, value, Ordering::Relaxed) };
    }
}
