use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mprotect, munmap};
use std::ffi::c_void;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_ring::Raw;
use tidemill_seam::{Exchange, Region};

/// A file, mapped and shared. A clone is another handle to the same mapping; the last one unmaps it.
///
/// A forked child does not inherit it: a copy of its parent's view would store where the parent's death is taken for
/// proof. Whoever may cut the file short may end every process that has it mapped, by SIGBUS: only a sealed memfd cannot
/// be cut.
#[derive(Clone, Debug)]
pub struct Mapping {
    words: Raw,
    pages: Arc<Pages>,
}

#[derive(Debug)]
struct Pages {
    base: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: an address range, which is unmapped once: by whichever thread drops it.
unsafe impl Send for Pages {}
// SAFETY: nothing is reached through a shared `Pages`.
unsafe impl Sync for Pages {}

impl Mapping {
    /// The first `bytes` of `file`, as so many whole words. The file has to be as long.
    pub(super) fn of(file: impl AsFd, bytes: u64) -> Result<Self, Errno> {
        Self::map(file, bytes, ProtFlags::READ | ProtFlags::WRITE)
    }

    /// As [`of`](Self::of), where a store ends the process.
    pub(super) fn to_read(file: impl AsFd, bytes: u64) -> Result<Self, Errno> {
        Self::map(file, bytes, ProtFlags::READ)
    }

    fn map(file: impl AsFd, bytes: u64, access: ProtFlags) -> Result<Self, Errno> {
        let bytes = usize::try_from(bytes).map_err(|_| Errno::FBIG)?;
        let words = u32::try_from(bytes / 4).map_err(|_| Errno::FBIG)?;
        // SAFETY: a fresh range that the kernel chooses: nobody's memory is replaced.
        let base = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0) }?;
        let base = NonNull::new(base).ok_or(Errno::NOMEM)?;
        let pages = Arc::new(Pages { base, bytes });
        // SAFETY: the range was just mapped, and is ours.
        unsafe { madvise(base.as_ptr(), bytes, Advice::LinuxDontFork) }?;
        // SAFETY: a mapping begins on a page and is that long; it stays until the last handle of `pages` goes.
        let words = unsafe { Raw::new(base.cast(), words) };
        Ok(Self { words, pages })
    }

    /// From word `from` on, rounded up to a page, this mapping can be read only: a store there ends the process.
    pub(super) fn guard(&self, from: u32) -> Result<(), Errno> {
        let page = rustix::param::page_size();
        let from = (from as usize * 4).next_multiple_of(page);
        let Some(rest) = self.pages.bytes.checked_sub(from).filter(|rest| *rest > 0) else { return Ok(()) };
        // SAFETY: `from` lies within the mapping.
        let base = unsafe { self.pages.base.byte_add(from) };
        // SAFETY: the range is ours; whoever reads there still may.
        unsafe { mprotect(base.as_ptr(), rest, MprotectFlags::READ) }
    }

    /// The word at index `at`: for a futex.
    pub fn word(&self, at: u32) -> Option<&AtomicU32> {
        self.words.word(at)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and with the last handle nobody looks there any more.
        let unmapped = unsafe { munmap(self.base.as_ptr(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "our own mapping cannot be unmapped: {unmapped:?}");
    }
}

// SAFETY: `words` is a region for as long as `pages` lives, and that is as long as `self`.
unsafe impl Region for Mapping {
    #[inline]
    fn words(&self) -> u32 {
        self.words.words()
    }
    #[inline]
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.load(at, order) }
    }
    #[inline]
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.store(at, value, order) }
    }
    #[inline]
    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.read(at, into) }
    }
    #[inline]
    unsafe fn write(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.write(at, from) }
    }
    #[inline]
    unsafe fn read_pairs(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.read_pairs(at, into) }
    }
    #[inline]
    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.write_pairs(at, from) }
    }
    #[inline]
    fn fence(&self, order: Ordering) {
        self.words.fence(order);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Mapping {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.words.compare_exchange(at, current, new) }
    }
}
