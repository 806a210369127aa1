use core::fmt;

/// Which value of a [`Register`] this is. A later value has a greater version; what lies between says nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Version(pub u64);

impl Version {
    /// No value yet: what the first exchange expects.
    pub const NONE: Self = Self(0);
}

/// A value as it was read: it fills the first `len` bytes of the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Which value.
    pub version: Version,
    /// Length in bytes.
    pub len: usize,
}

/// What became of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exchanged {
    /// The new value stands, under this version.
    Won(Version),
    /// Another value stood there, under this version, and nothing was written.
    Lost(Version),
    /// Nobody knows whether it was written, or will be (Q4).
    Unknown,
}

/// Why there is no value to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadingError {
    /// It is under way: call again for the outcome.
    Pending,
    /// No value was ever written.
    Absent,
    /// The register cannot be reached at this moment: ask again later.
    Unavailable,
    /// The value is longer than the buffer.
    Truncated {
        /// Its length in bytes.
        len: usize,
    },
    /// What is stored is damaged beyond what can be told from it; it is never taken for a value.
    Corrupt,
    /// The register is gone; nothing will ever be read through this handle again.
    Closed,
}

/// Why an exchange was not taken: it had no effect and never will, `Pending` aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExchangeError {
    /// It is under way: call again, with the same arguments, for the outcome.
    Pending,
    /// The register cannot be reached at this moment: ask again later.
    Unavailable,
    /// The value is longer than the register holds.
    TooLong {
        /// The longest value, in bytes.
        capacity: usize,
    },
    /// What is stored is damaged beyond what can be told from it.
    Corrupt,
    /// The register is gone; nothing will ever be written through this handle again.
    Closed,
}

/// One value with versioned compare-and-swap, shared by everybody who holds a handle.
///
/// A handle carries one operation at a time. Where an answer takes a while the call says `Pending`, and the same call
/// again asks for it; a different call gives the pending one up, whose outcome is then as unknown as Q4 says.
///
/// # Laws
/// - **Q1** Linearizable: every exchange takes effect at one moment between its first call and its answer (`Unknown`
///   aside), and a read gives the value that stands at such a moment.
/// - **Q2** An exchange wins if and only if the version that stands is the expected one; then the value stands whole
///   under a greater version. Versions never decrease, and no version ever names two values.
/// - **Q3** A refused exchange has no effect, now or later; neither has one that lost.
/// - **Q4** An exchange whose outcome is `Unknown` takes effect once or never, now or later; never once another version
///   than the expected one stands.
/// - **Q5** Where [`reads_may_be_stale`](Self::reads_may_be_stale) a read may give any earlier value, never one that did
///   not stand; elsewhere Q1 holds for reads. Exchanges are never stale.
/// - **Q6** [`watch`](Self::watch) is a hint: it may come for nothing, late, or never, and nothing may rest on it.
/// - **Q7** No call waits for another party, and none changes the value but a won or unknown exchange.
/// - **Q8** Damage is an error: a value that nobody wrote is never shown, and neither is an empty one in its place.
pub trait Register {
    /// The longest value, in bytes.
    fn capacity(&self) -> usize;

    /// Whether [`read`](Self::read) may lag behind.
    fn reads_may_be_stale(&self) -> bool {
        false
    }

    /// Reads the value into `into`.
    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError>;

    /// Replaces the value if its version is `expected`.
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError>;

    /// Asks to be notified once the value may have moved beyond `seen`; `true` where it may have done so already.
    fn watch(&mut self, seen: Version) -> bool;
}

impl<R: Register + ?Sized> Register for &mut R {
    fn capacity(&self) -> usize {
        (**self).capacity()
    }
    fn reads_may_be_stale(&self) -> bool {
        (**self).reads_may_be_stale()
    }
    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        (**self).read(into)
    }
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        (**self).exchange(expected, value)
    }
    fn watch(&mut self, seen: Version) -> bool {
        (**self).watch(seen)
    }
}

impl fmt::Display for ReadingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("the read is under way"),
            Self::Absent => f.write_str("no value was ever written"),
            Self::Unavailable => f.write_str("the register cannot be reached at this moment"),
            Self::Truncated { len } => write!(f, "the value of {len} bytes is longer than the buffer"),
            Self::Corrupt => f.write_str("what is stored is damaged"),
            Self::Closed => f.write_str("the register is gone"),
        }
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("the exchange is under way"),
            Self::Unavailable => f.write_str("the register cannot be reached at this moment"),
            Self::TooLong { capacity } => {
                write!(f, "value longer than the {capacity} bytes this register holds")
            }
            Self::Corrupt => f.write_str("what is stored is damaged"),
            Self::Closed => f.write_str("the register is gone"),
        }
    }
}

impl core::error::Error for ReadingError {}
impl core::error::Error for ExchangeError {}
