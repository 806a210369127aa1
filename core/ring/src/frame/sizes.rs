use super::{Meta, TooLarge};
use core::fmt;

/// Rings of several slot sizes, each message on the one with the smallest slot that holds it whole: no parts, and no
/// large slot for a small message.
///
/// Order is kept within a class, and not between two of them.
///
/// ```
/// use tidemill_ring::frame::SizeClasses;
///
/// let sizes = SizeClasses::new([64, 1024, 65536])?;
/// assert_eq!(sizes.class(0), Ok(0));
/// assert_eq!(sizes.class(65), Ok(1));
/// assert_eq!(sizes.class(65537).unwrap_err().max, 65536);
/// # Ok::<(), tidemill_ring::frame::SizesError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SizeClasses<const N: usize> {
    sizes: [u32; N],
}

/// Why sizes are no classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizesError {
    /// There is none.
    Empty,
    /// This one is no multiple of 16 between 16 and 16 MiB.
    Size(u32),
    /// This one is not larger than the one before it.
    Order(u32),
}

impl<const N: usize> SizeClasses<N> {
    /// Classes whose slots hold so many bytes, ascending.
    pub const fn new(sizes: [u32; N]) -> Result<Self, SizesError> {
        if N == 0 {
            return Err(SizesError::Empty);
        }
        let (mut at, mut last) = (0, 0);
        while at < N {
            let size = sizes[at];
            if size == 0 || !size.is_multiple_of(16) || size > Meta::LEN_MAX {
                return Err(SizesError::Size(size));
            }
            if size <= last {
                return Err(SizesError::Order(size));
            }
            (at, last) = (at + 1, size);
        }
        Ok(Self { sizes })
    }

    /// The class for a message of `len` bytes, counted from 0.
    ///
    /// # Errors
    /// [`TooLarge`] where no slot holds it.
    pub const fn class(&self, len: usize) -> Result<usize, TooLarge> {
        let mut at = 0;
        while at < N {
            if len <= self.sizes[at] as usize {
                return Ok(at);
            }
            at += 1;
        }
        Err(TooLarge { max: self.sizes[N - 1] as usize })
    }

    /// Bytes that a slot of each class holds.
    pub const fn sizes(&self) -> &[u32; N] {
        &self.sizes
    }
}

impl fmt::Display for SizesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no size at all"),
            Self::Size(size) => write!(f, "{size} is no multiple of 16 between 16 and 16 MiB"),
            Self::Order(size) => write!(f, "{size} is not larger than the size before it"),
        }
    }
}

impl core::error::Error for SizesError {}
