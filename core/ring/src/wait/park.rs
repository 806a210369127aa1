use crate::layout::At;
use crate::sync::Ordering;
use tidemill_seam::Region;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The park word of one sleeper in a region, or of several, zero at first: what makes a publisher's wake a system call only
/// where somebody sleeps.
///
/// Asks for a [`Region`] only: unlike [`EventCount`](crate::wake::EventCount), which counts sleepers and so needs an
/// exchange, the word says only that there may be one; publishers take back what was announced. So whoever dies asleep
/// costs one wake in vain.
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

    /// The word at an index that was found to be within the region.
    #[inline]
    pub(crate) const fn within(region: &'r R, at: At) -> Self {
        Self { region, at: at.0 }
    }

    /// Announces the sleeper, looks again, and calls `park` where nothing is `found`; true if it was called.
    ///
    /// `park` may come back at any time. It must come back after a `wake` that follows the start of this call, or once
    /// the word is no longer [`ASLEEP`](Self::ASLEEP): a futex that sleeps while it is does.
    ///
    /// For a word of one sleeper: it takes back what it announced.
    pub fn sleep(&self, found: impl FnOnce() -> bool, park: impl FnOnce()) -> bool {
        self.announce();
        let sleeps = !found();
        if sleeps {
            park();
        }
        self.store(AWAKE);
        sleeps
    }

    /// Announces a sleeper, who looks again after this call and sleeps only while the word is [`ASLEEP`](Self::ASLEEP).
    ///
    /// For a word of several: nobody takes back what may by now be another's announcement. The first wake after the last of
    /// them is in vain, and the word is awake.
    pub fn announce(&self) {
        self.store(ASLEEP);
        // SeqCst: pairs with the fence in `wake`: that one sees us asleep, or we see its work (RL-16).
        self.region.fence(Ordering::SeqCst);
    }

    /// Whether somebody may sleep, by a look that orders nothing.
    #[inline]
    pub fn glance(&self) -> bool {
        // SAFETY: within the region, checked in `new`.
        // Relaxed: a hint; who needs to be sure calls `wake`.
        unsafe { self.region.load(self.at, Ordering::Relaxed) != AWAKE }
    }

    /// Calls `wake`, which wakes every sleeper, where somebody may sleep; true if it was called. The work is stored before
    /// this call.
    ///
    /// The word is taken back first, so that a sleeper on its way to `park` does not sleep through the call.
    #[inline]
    pub fn wake(&self, wake: impl FnOnce()) -> bool {
        // SeqCst: pairs with the fence in `announce`: we see the sleeper, or it sees our work (RL-16).
        self.region.fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence above; nothing is read on the strength of it.
        let asleep = self.glance();
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
