use crate::Region;
use core::ptr::NonNull;

/// A region whose words lie one behind the other in memory that this process can address.
///
/// Gives no access by itself: whoever looks there without atomics has to know from elsewhere that nobody stores meanwhile, and
/// whoever writes there that nobody looks.
///
/// # Laws
/// - **G10** *In place.* Word `i` stands `i` words behind [`first`](Self::first), the same place for as long as a handle
///   lives, and the pointer reaches all of them. What was stored through any handle stands there for whoever it is ordered
///   before, and what is written there is loaded through every handle likewise.
///
/// # Safety
/// An implementer promises G10.
pub unsafe trait Lend: Region {
    /// Where word 0 is.
    fn first(&self) -> NonNull<u32>;
}

// SAFETY: a shared reference gives access to the same words.
unsafe impl<R: Lend + ?Sized> Lend for &R {
    #[inline]
    fn first(&self) -> NonNull<u32> {
        (**self).first()
    }
}
