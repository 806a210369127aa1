use crate::segment::Segment;
use crate::sync::Ordering;
use crate::view::View;
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
    /// A pair that nobody changes is as good as one atomic.
    fn is_wide(&self) -> bool {
        true
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: any word may be asked for: beyond the copy they are zero.
        crate::pairs::join([at, at + 1].map(|at| unsafe { self.load(at, order) }))
    }
    fn fence(&self, _: Ordering) {}
}

/// Copies the first words of a region, as many as there are and fit. What is copied later was stored later, or at the same
/// time.
pub fn copy<R: Region>(region: &R, into: &mut [u32]) {
    let many = into.len().min(region.words() as usize);
    let into = &mut into[..many];
    match Segment::attach(region) {
        Ok(segment) if segment.view.shared() => copy_shared(&segment.view, into),
        // SAFETY: so many words the region has.
        _ => unsafe { region.read(0, into) },
    }
    // Acquire: pairs with the Release of every position and control word: who sees one behind this copy sees what was
    // stored before it.
    region.fence(Ordering::Acquire);
}

/// Copies the words up to the data, those by pairs that are accessed so (G7, G9); what lies behind becomes zero.
fn copy_shared<R: Region>(view: &View<R>, into: &mut [u32]) {
    let (region, layout, len) = (view.region(), view.layout(), into.len() as u32);
    into.fill(0);
    let mut words = |from: u32, to: u32| {
        let (from, to) = (from.min(len), to.min(len));
        // SAFETY: within the slice, and that is no longer than the region.
        unsafe { region.read(from, &mut into[from as usize..to as usize]) };
    };
    let mut from = 0;
    for pair in view.pairs() {
        words(from, pair);
        from = pair + 2;
    }
    words(from, layout.index.0);
    let entries = crate::index::words(layout.spec().capacity) as u32;
    for (at, many) in view.pairs().map(|pair| (pair, 2)).chain([(layout.index.0, entries)]) {
        if at + many <= len {
            // SAFETY: whole pairs within the slice; the index begins on one.
            unsafe { region.read_pairs(at, &mut into[at as usize..(at + many) as usize]) };
        }
    }
}
