use core::fmt;

/// A set of required consumers, by their place in the list of ids.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ids(u64);

impl Ids {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Those for which `members` gives true, counted from 0; 64 at most.
    pub(crate) fn of(members: impl Iterator<Item = bool>) -> Self {
        members.enumerate().filter(|(_, member)| *member).fold(Self::NONE, |ids, (at, _)| ids.with(at))
    }

    /// The same, and the one at `at`.
    #[must_use]
    pub(crate) const fn with(self, at: usize) -> Self {
        Self(self.0 | 1 << at)
    }

    /// Whether the one at `at` is in it.
    pub const fn contains(self, at: usize) -> bool {
        at < 64 && self.0 >> at & 1 == 1
    }

    /// How many are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether nobody is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their places, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..64).filter(move |at| self.contains(*at))
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
