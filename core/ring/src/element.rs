//! What may lie in a slot as it is: [`Plain`], its [`Fingerprint`], and its bytes.

use crate::fnv;
use core::fmt;
use core::mem::MaybeUninit;
use core::slice;

/// A value that may lie in memory which somebody else writes: a slot of a ring, as it is, without an encoding.
///
/// `#[derive(Plain)]` (feature `derive`) implements it for a `repr(C)` struct of plain fields:
///
/// ```
/// use tidemill_ring::Plain;
///
/// #[derive(Clone, Copy, Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     size: u32,
///     side: u32,
/// }
/// # let _ = Tick::FINGERPRINT;
/// ```
///
/// What would make a reader trust bytes that nobody checked does not compile. A `bool` has two patterns of 256:
///
/// ```compile_fail
/// # use tidemill_ring::Plain;
/// #[derive(Clone, Copy, Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     size: u32,
///     side: [bool; 4],
/// }
/// ```
///
/// A reference means nothing in another address space:
///
/// ```compile_fail
/// # use tidemill_ring::Plain;
/// #[derive(Clone, Copy, Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     side: Option<&'static u8>,
/// }
/// ```
///
/// Padding is bytes that nobody wrote:
///
/// ```compile_fail
/// # use tidemill_ring::Plain;
/// #[derive(Clone, Copy, Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     size: u32,
/// }
/// ```
///
/// And one copy of a value must be as good as another:
///
/// ```compile_fail
/// # use tidemill_ring::Plain;
/// #[derive(Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     size: u32,
///     side: u32,
/// }
/// ```
///
/// `usize` and `isize` are absent: they have another width in another process.
///
/// # Safety
/// Every byte of the type belongs to a value of it: no padding. Every pattern of its bytes is such a value: no niche.
/// None of them is a pointer. The layout is the same in every build: `repr(C)` or `repr(transparent)`.
///
/// Where a parameter decides about it, [`FINGERPRINT`](Self::FINGERPRINT) does not compile for a bad one. So generic code
/// that copies bytes of a plain type names that constant first; [`bytes`] and the rest of this module do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot lie in memory that somebody else writes",
    label = "not every bit pattern is a `{Self}`, or it has padding, a pointer or another width elsewhere",
    note = "`#[derive(Plain)]` implements it for a `repr(C)` struct of integers, floats, arrays and such structs"
)]
pub unsafe trait Plain: Copy + 'static {
    /// What two users of one ring compare: made of the names, kinds and offsets of the fields, not of the type's name.
    const FINGERPRINT: Fingerprint;
}

/// A hash of how a type lies in memory. Equal in every build and on every target where the layout is equal.
///
/// FNV-1a over 64 bits: two types that differ by accident differ here, but for one in 2^64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// That of a kind that is made of no other.
    pub const fn of_kind(name: &str) -> Self {
        Self(fnv::fold(fnv::BEGIN, b"kind")).text(name)
    }

    /// That of a struct of `size` bytes, before its fields are told.
    pub const fn of_fields(size: usize) -> Self {
        Self(fnv::fold(fnv::BEGIN, b"fields")).number(size as u64)
    }

    /// With the field `name` of that `kind` at `offset` bytes from the start.
    #[must_use]
    pub const fn field(self, name: &str, offset: usize, kind: Self) -> Self {
        self.text(name).number(offset as u64).number(kind.0)
    }

    /// That of `len` values of this kind in a row.
    #[must_use]
    pub const fn array(self, len: usize) -> Self {
        Self(fnv::fold(fnv::BEGIN, b"array")).number(self.0).number(len as u64)
    }

    /// As a header holds it.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// As a header held it.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Behind its length, so that no text runs into the next.
    const fn text(self, text: &str) -> Self {
        let Self(hash) = self.number(text.len() as u64);
        Self(fnv::fold(hash, text.as_bytes()))
    }

    const fn number(self, number: u64) -> Self {
        Self(fnv::fold(self.0, &number.to_le_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! kinds {
    ($($kind:ident)*) => {$(
        // SAFETY: a number of fixed width: every pattern is one, and nothing else is in it.
        unsafe impl Plain for $kind {
            const FINGERPRINT: Fingerprint = Fingerprint::of_kind(stringify!($kind));
        }
    )*};
}

kinds! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 }

// SAFETY: an array is its elements, back to back.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const FINGERPRINT: Fingerprint = T::FINGERPRINT.array(N);
}

/// Does not compile where `T` is plain by its name only.
pub const fn assert_plain<T: Plain>() {
    let _ = T::FINGERPRINT;
}

/// The bytes of `value`, in its own byte order.
pub const fn bytes<T: Plain>(value: &T) -> &[u8] {
    const { assert_plain::<T>() };
    // SAFETY: plain: every one of its bytes is initialised; a byte needs no alignment.
    unsafe { slice::from_raw_parts(core::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The bytes of `value`, to be changed: whatever they become is a value.
pub const fn bytes_mut<T: Plain>(value: &mut T) -> &mut [u8] {
    const { assert_plain::<T>() };
    // SAFETY: as for `bytes`; every pattern of them is a value.
    unsafe { slice::from_raw_parts_mut(core::ptr::from_mut(value).cast(), size_of::<T>()) }
}

/// The value that lies in `bytes`, at any alignment. `None` where there are more or fewer of them than it has.
pub fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<T> {
    const { assert_plain::<T>() };
    // SAFETY: as long as it is; every pattern is a value; read without asking for alignment.
    (bytes.len() == size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The value whose bytes are all zero.
pub const fn zeroed<T: Plain>() -> T {
    const { assert_plain::<T>() };
    // SAFETY: zeroes are a pattern, and every pattern is a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

#[cfg(test)]
mod tests;
