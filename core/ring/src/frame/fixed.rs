use super::Meta;
use crate::element::{Fingerprint, Plain, zeroed};
use core::fmt;

/// A slot for one part: its header, and room for `N` bytes that begin on a multiple of 16.
///
/// ```
/// use tidemill_ring::frame::{Fixed, Meta};
///
/// let mut slot = Fixed::<64>::new();
/// slot.write(Meta { kind: 7, parts: 1, ..Meta::default() }, b"seventeen")?;
/// let (meta, bytes) = slot.check()?;
/// assert_eq!((meta.kind, bytes), (7, &b"seventeen"[..]));
/// # Ok::<(), tidemill_ring::frame::Lie>(())
/// ```
///
/// `N` is a multiple of 16, so that no byte of it is padding:
///
/// ```compile_fail
/// # use tidemill_ring::frame::Fixed;
/// let slot = Fixed::<60>::new();
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Fixed<const N: usize> {
    header: [u32; 4],
    bytes: [u8; N],
}

/// A header says that a part is longer than its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lie {
    /// Bytes it says.
    pub len: u32,
    /// Bytes the slot has.
    pub max: u32,
}

// SAFETY: words and bytes; no padding, since `GOOD` admits multiples of 16 only, and every constant here needs it.
unsafe impl<const N: usize> Plain for Fixed<N> {
    const FINGERPRINT: Fingerprint = {
        let () = Self::GOOD;
        fingerprint(N)
    };
}

/// That of a slot for parts of up to `room` bytes.
pub(super) const fn fingerprint(room: usize) -> Fingerprint {
    let header = size_of::<[u32; 4]>();
    Fingerprint::of_fields(header + room).field("header", 0, <[u32; 4]>::FINGERPRINT).field(
        "bytes",
        header,
        u8::FINGERPRINT.array(room),
    )
}

impl<const N: usize> Fixed<N> {
    const GOOD: () = {
        assert!(N.is_multiple_of(16), "the bytes of a frame are a multiple of 16, so that none is padding");
        assert!(N > 0 && N <= Meta::LEN_MAX as usize, "a frame has 16 bytes up to 16 MiB");
    };

    /// Bytes of the longest part.
    pub const LEN_MAX: u32 = {
        let () = Self::GOOD;
        N as u32
    };

    /// Where the bytes of a slot begin.
    pub(super) const HEADER: usize = size_of::<[u32; 4]>();

    /// A slot of zeroes, which is no part of anything.
    pub const fn new() -> Self {
        let () = Self::GOOD;
        zeroed()
    }

    /// Writes a part. The header's length becomes that of `bytes`; what lay behind them stays.
    ///
    /// # Errors
    /// [`Lie`] where they do not fit; nothing is written then.
    pub fn write(&mut self, meta: Meta, bytes: &[u8]) -> Result<(), Lie> {
        let lie = Lie { len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), max: Self::LEN_MAX };
        self.bytes.get_mut(..bytes.len()).ok_or(lie)?.copy_from_slice(bytes);
        self.header = Meta { len: lie.len, ..meta }.pack();
        Ok(())
    }

    /// Room for a payload that is written in place; [`commit`](Self::commit) makes a part of it.
    pub const fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes a part of the first `meta.len` bytes.
    ///
    /// # Errors
    /// [`Lie`] where there are fewer.
    pub const fn commit(&mut self, meta: Meta) -> Result<(), Lie> {
        if meta.len > Self::LEN_MAX {
            return Err(Lie { len: meta.len, max: Self::LEN_MAX });
        }
        self.header = meta.pack();
        Ok(())
    }

    /// What the slot says, true or not: its header, and as many bytes as that says, or all of them where it says more.
    pub(super) fn rumour(&self) -> (Meta, &[u8]) {
        let meta = Meta::unpack(self.header);
        (meta, self.bytes.get(..meta.len as usize).unwrap_or(&self.bytes))
    }

    /// What lies in the slot: its header, and as many bytes as that says.
    ///
    /// # Errors
    /// [`Lie`] where the slot has fewer.
    pub fn check(&self) -> Result<(Meta, &[u8]), Lie> {
        let meta = Meta::unpack(self.header);
        match self.bytes.get(..meta.len as usize) {
            Some(bytes) => Ok((meta, bytes)),
            None => Err(Lie { len: meta.len, max: Self::LEN_MAX }),
        }
    }
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a part of {} bytes in a slot of {}", self.len, self.max)
    }
}

impl core::error::Error for Lie {}
