use core::fmt;

/// A stage: whoever reads edges, keeps state and writes edges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StageId(pub [u8; 16]);

/// An edge between two stages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EdgeId(pub [u8; 16]);

/// Whoever lends memory for queues.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct HostId(pub u64);

/// What tells two segments apart that were meant to be the same one: fresh from entropy for each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Nonce(pub u64);

/// One life of a host, by a number that is fresh from entropy when it begins. Whoever asks a host to lend names it, so that what
/// was asked of a host that has forgotten everything since is not lent by the next life of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Boot(pub u64);

/// The right to use the segments of one edge on a host; whoever does not show it is told that nothing is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capability(pub u128);

/// One life of a stage, minted by compare-and-swap in its record: a later one fences every earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Incarnation(pub u64);

/// Who decides about an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Owner {
    /// The stage that produces into it.
    pub stage: StageId,
    /// Which life of it.
    pub inc: Incarnation,
}

/// The generation of an edge. Greater ones shut smaller ones out; zero shuts out nobody and is let in nowhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FenceEpoch(u64);

/// The name that an epoch has where it counts the homes of an edge.
pub type EdgeGeneration = FenceEpoch;

/// No later epoch exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

/// An epoch that is shut out, and by which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale {
    /// The epoch below which nobody is let in.
    pub fence: FenceEpoch,
}

impl FenceEpoch {
    /// Before the first: never let in.
    pub const NONE: Self = Self(0);
    /// After which there is none.
    pub const LAST: Self = Self(u64::MAX);

    /// The epoch of that number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next one.
    ///
    /// # Errors
    /// At the last one: an epoch never wraps.
    pub const fn bump(self) -> Result<Self, Exhausted> {
        match self.0.checked_add(1) {
            Some(next) => Ok(Self(next)),
            None => Err(Exhausted),
        }
    }
}

/// Remembers the greatest epoch that came by, and lets in nobody below it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct FenceGuard {
    fence: FenceEpoch,
}

impl FenceGuard {
    /// The epoch below which nobody is let in.
    pub const fn fence(&self) -> FenceEpoch {
        self.fence
    }

    /// Shuts out everybody below `epoch`. The fence never falls.
    pub fn raise(&mut self, epoch: FenceEpoch) {
        self.fence = self.fence.max(epoch);
    }

    /// Whether somebody with `epoch` may act.
    ///
    /// # Errors
    /// If a greater epoch came by, or `epoch` is none.
    pub fn admit(&self, epoch: FenceEpoch) -> Result<(), Stale> {
        if epoch < self.fence || epoch == FenceEpoch::NONE {
            return Err(Stale { fence: self.fence });
        }
        Ok(())
    }
}

/// A value of one epoch, shown only to a guard that still lets it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fenced<T> {
    epoch: FenceEpoch,
    value: T,
}

impl<T> Fenced<T> {
    /// `value`, as of `epoch`.
    pub const fn new(epoch: FenceEpoch, value: T) -> Self {
        Self { epoch, value }
    }

    /// Its epoch.
    pub const fn epoch(&self) -> FenceEpoch {
        self.epoch
    }

    /// The value.
    ///
    /// # Errors
    /// If `guard` saw a greater epoch.
    pub fn open(&self, guard: &FenceGuard) -> Result<&T, Stale> {
        guard.admit(self.epoch).map(|()| &self.value)
    }
}

fn hex(f: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8; 16]) -> fmt::Result {
    write!(f, "{name}({:032x})", u128::from_be_bytes(*bytes))
}

impl fmt::Debug for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, "StageId", &self.0)
    }
}

impl fmt::Debug for EdgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, "EdgeId", &self.0)
    }
}

impl fmt::Debug for Capability {
    /// Never shows what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability")
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no later epoch exists")
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shut out by epoch {}", self.fence.0)
    }
}

impl core::error::Error for Exhausted {}
impl core::error::Error for Stale {}

#[cfg(test)]
mod tests {
    use super::{Exhausted, FenceEpoch, FenceGuard, Fenced, Stale};

    #[test]
    fn an_epoch_never_wraps() {
        assert_eq!(FenceEpoch::NONE.bump(), Ok(FenceEpoch::new(1)));
        assert_eq!(FenceEpoch::new(u64::MAX - 1).bump(), Ok(FenceEpoch::LAST));
        assert_eq!(FenceEpoch::LAST.bump(), Err(Exhausted));
    }

    #[test]
    fn epoch_zero_is_let_in_nowhere() {
        assert_eq!(FenceGuard::default().admit(FenceEpoch::NONE), Err(Stale { fence: FenceEpoch::NONE }));
        assert_eq!(FenceGuard::default().admit(FenceEpoch::new(1)), Ok(()));
    }

    #[test]
    fn a_fence_shuts_out_what_is_below_and_never_falls() {
        let mut guard = FenceGuard::default();
        guard.raise(FenceEpoch::new(7));
        guard.raise(FenceEpoch::new(3));
        assert_eq!(guard.fence(), FenceEpoch::new(7));
        assert_eq!(guard.admit(FenceEpoch::new(7)), Ok(()));
        let old = Fenced::new(FenceEpoch::new(6), "an order");
        assert_eq!(old.open(&guard), Err(Stale { fence: FenceEpoch::new(7) }));
        assert_eq!(Fenced::new(FenceEpoch::new(8), "an order").open(&guard), Ok(&"an order"));
    }
}
