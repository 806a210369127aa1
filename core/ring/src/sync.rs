//! The one door to atomics: core's, loom's or shuttle's, chosen by a feature of this crate.
//!
//! Shipped code and its models are the same source; only what stands behind this door differs. With `loom` or
//! `shuttle` the types work inside a model only. Where both features are on, loom wins.

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
mod door {
    pub use core::hint::spin_loop;
    pub use core::sync::atomic::{AtomicU32, fence};
}

#[cfg(feature = "loom")]
mod door {
    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::{AtomicU32, fence};
}

#[cfg(all(feature = "shuttle", not(feature = "loom")))]
mod door {
    pub use shuttle::hint::spin_loop;
    pub use shuttle::sync::atomic::{AtomicU32, fence};
}

pub use core::sync::atomic::Ordering;
pub use door::{AtomicU32, fence, spin_loop};

/// Memory that is shared without atomics: whoever looks inside proves that nobody else does.
///
/// Under loom every access is checked against that proof.
#[derive(Debug)]
pub struct Cell<T> {
    #[cfg(not(feature = "loom"))]
    inner: core::cell::UnsafeCell<T>,
    #[cfg(feature = "loom")]
    inner: loom::cell::UnsafeCell<T>,
}

#[cfg(not(feature = "loom"))]
impl<T> Cell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        Self { inner: core::cell::UnsafeCell::new(value) }
    }

    /// Shows the value to `look`. The pointer must not be written through, nor outlive the call.
    #[inline]
    pub fn with<O>(&self, look: impl FnOnce(*const T) -> O) -> O {
        look(self.inner.get())
    }

    /// Hands the value to `change`. The pointer must not outlive the call.
    #[inline]
    pub fn with_mut<O>(&self, change: impl FnOnce(*mut T) -> O) -> O {
        change(self.inner.get())
    }
}

#[cfg(feature = "loom")]
impl<T> Cell<T> {
    /// A cell that holds `value`.
    pub fn new(value: T) -> Self {
        Self { inner: loom::cell::UnsafeCell::new(value) }
    }

    /// Shows the value to `look`. The pointer must not be written through, nor outlive the call.
    pub fn with<O>(&self, look: impl FnOnce(*const T) -> O) -> O {
        self.inner.with(look)
    }

    /// Hands the value to `change`. The pointer must not outlive the call.
    pub fn with_mut<O>(&self, change: impl FnOnce(*mut T) -> O) -> O {
        self.inner.with_mut(change)
    }
}

impl<T> Cell<T> {
    /// The value, now that nobody shares it.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}
