use crate::sync::Ordering;
use tidemill_seam::Region;

/// Words as they stood while they were copied; behind the copy they are zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied<'w> {
    words: &'w [u32],
    have: u32,
}

impl<'w> Copied<'w> {
    pub(super) const fn new(words: &'w [u32], have: u32) -> Self {
        Self { words, have }
    }
}

// SAFETY: nothing is accessed but words of a shared slice, which nobody changes.
unsafe impl Region for Copied<'_> {
    fn words(&self) -> u32 {
        self.have
    }
    unsafe fn load(&self, at: u32, _: Ordering) -> u32 {
        self.words.get(at as usize).copied().unwrap_or(0)
    }
    unsafe fn store(&self, at: u32, _: u32, _: Ordering) {
        unreachable!("a copy is looked at only, and word {at} was to be stored");
    }
    fn fence(&self, _: Ordering) {}
}

/// Copies the first words of a region, as many as there are and fit. What is copied later was stored later, or at the same
/// time.
pub fn copy<R: Region>(region: &R, into: &mut [u32]) {
    let many = into.len().min(region.words() as usize);
    // SAFETY: so many words the region has.
    unsafe { region.read(0, &mut into[..many]) };
    // Acquire: pairs with the Release of every position and control word: who sees one behind this copy sees what was
    // stored before it.
    region.fence(Ordering::Acquire);
}
