use super::idle;
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mprotect, munmap};
use std::ffi::c_void;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tidemill_ring::{Memory, Words};
use tidemill_seam::Duration;

/// A file, mapped and shared. A clone is another handle to the same mapping; the last one unmaps it.
///
/// A forked child does not inherit it: a copy of its parent's view would store where the parent's death is taken for
/// proof. Whoever may cut the file short may end every process that has it mapped, by SIGBUS: only a sealed memfd cannot
/// be cut.
pub type Mapping = Memory<Mapped>;

/// The words of a [`Mapping`].
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The words of `pages`, kept here to spare each access one hop.
    all: NonNull<[AtomicU32]>,
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
// SAFETY: all a handle gives access to are atomics, which it keeps mapped.
unsafe impl Send for Mapped {}
// SAFETY: as for `Send`: every access through a shared handle is atomic.
unsafe impl Sync for Mapped {}

/// The first `bytes` of `file`, as so many whole words. The file has to be as long.
pub(super) fn map(file: impl AsFd, bytes: u64) -> Result<Mapping, Errno> {
    map_as(file, bytes, ProtFlags::READ | ProtFlags::WRITE)
}

/// As [`map`], where a store ends the process.
pub(super) fn map_to_read(file: impl AsFd, bytes: u64) -> Result<Mapping, Errno> {
    map_as(file, bytes, ProtFlags::READ)
}

fn map_as(file: impl AsFd, bytes: u64, access: ProtFlags) -> Result<Mapping, Errno> {
    let bytes = usize::try_from(bytes).map_err(|_| Errno::FBIG)?;
    let words = u32::try_from(bytes / 4).map_err(|_| Errno::FBIG)?;
    // SAFETY: a fresh range that the kernel chooses: nobody's memory is replaced.
    let base = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0) }?;
    let base = NonNull::new(base).ok_or(Errno::NOMEM)?;
    let pages = Arc::new(Pages { base, bytes });
    // SAFETY: the range was just mapped, and is ours.
    unsafe { madvise(base.as_ptr(), bytes, Advice::LinuxDontFork) }?;
    let all = NonNull::slice_from_raw_parts(base.cast(), words as usize);
    Ok(Memory::of(Mapped { all, pages }))
}

/// From word `from` on, rounded up to a page, the mapping can be read only: a store there ends the process.
pub(super) fn guard(mapping: &Mapping, from: u32) -> Result<(), Errno> {
    let (page, pages) = (rustix::param::page_size(), &mapping.keeper().pages);
    let from = (from as usize * 4).next_multiple_of(page);
    let Some(rest) = pages.bytes.checked_sub(from).filter(|rest| *rest > 0) else { return Ok(()) };
    // SAFETY: `from` lies within the mapping.
    let base = unsafe { pages.base.byte_add(from) };
    // SAFETY: the range is ours; whoever reads there still may.
    unsafe { mprotect(base.as_ptr(), rest, MprotectFlags::READ) }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and with the last handle nobody looks there any more.
        let unmapped = unsafe { munmap(self.base.as_ptr(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "our own mapping cannot be unmapped: {unmapped:?}");
    }
}

// SAFETY: a mapping begins on a page, and every handle keeps it there, as long as it is.
unsafe impl Words for Mapped {
    #[inline]
    fn all(&self) -> &[AtomicU32] {
        // SAFETY: words of `pages`, which lives as long as `self`.
        unsafe { self.all.as_ref() }
    }

    fn wait(&self, word: &AtomicU32, value: u32, span: Duration) {
        idle::wait(word, value, span);
    }

    fn wake(&self, word: &AtomicU32) {
        idle::wake(word);
    }
}
