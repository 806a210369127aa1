//! Every nondeterministic decision of a simulation, one door: `choose(site, n) -> 0..n` (law K1).
//!
//! A site is (entity, kind, how many decisions of this kind this entity took before). Its value comes from a ChaCha8
//! stream of the entity, keyed by the seed; the stream's number is a hash of the entity's name, so a draw added to one
//! entity moves no other's, and neither does an entity added next to it. An [`Overlay`] replaces single values and
//! leaves every other one where it was. Zero is always the boring thing: no fault, least delay, first in order.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::str::FromStr;

/// Names one decision: `entity#kind#counter`, for instance `host2/link→host3#loss#17`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site {
    /// Whose decision: `machine`, `machine/process`, `machine/link→machine`, or `world`.
    pub entity: String,
    /// What is decided.
    pub kind: String,
    /// How many decisions of this kind the entity took before.
    pub counter: u64,
}

/// A text that names no site: it is not `entity#kind#counter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadSite;

/// One decision as it was taken, or asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Which decision.
    pub site: Site,
    /// The value taken; below `n` unless a tape asked for more.
    pub value: u64,
    /// How many values there were.
    pub n: u64,
}

/// Values that replace what the seed would have drawn, by site.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Overlay {
    values: BTreeMap<Site, u64>,
}

/// Where the values come from that no overlay names.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Base {
    /// The streams of the seed.
    #[default]
    Seed,
    /// Zero, the boring thing, everywhere.
    Zero,
}

/// Where a run leaves the path that its seed, its base and its overlay set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fork {
    /// After so many decisions; [`Sim::decisions`](crate::Sim::decisions) counts them.
    pub after: u64,
    /// Every later decision comes from the streams of this seed, and the overlay has no more to say.
    pub seed: u64,
}

/// What became of an overlay in the run so far.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OverlayReport {
    /// Entries that no decision asked for: an unknown site, or one that this run never reached.
    pub unused: Vec<Site>,
    /// Those of them whose entity never took a decision of their kind, or is not there at all.
    pub unknown: Vec<Site>,
    /// Entries whose value was not below `n`; the run took the last value there was instead.
    pub out_of_range: Vec<Choice>,
}

/// How often something happens, exact on every machine: a fraction of 2³².
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Rate(u64);

impl Rate {
    /// Never; draws nothing.
    pub const NEVER: Self = Self(0);
    /// Every time; draws nothing.
    pub const ALWAYS: Self = Self(1 << 32);

    /// As rarely as can be, for a decision that is there to be pinned.
    pub(crate) const HARDLY: Self = Self(1);

    /// `parts` of 2³²; more is always.
    pub(crate) const fn of_two_to_32(parts: u64) -> Self {
        Self(if parts > 1 << 32 { 1 << 32 } else { parts })
    }

    /// `parts` of a million; more than a million is always.
    pub const fn per_million(parts: u32) -> Self {
        let parts = if parts > 1_000_000 { 1_000_000 } else { parts };
        Self(((parts as u64) << 32) / 1_000_000)
    }

    /// `parts` of a hundred; more than a hundred is always.
    pub const fn percent(parts: u32) -> Self {
        Self::per_million(parts.saturating_mul(10_000))
    }

    /// Whether a draw of 32 random bits falls within the rate.
    #[inline]
    pub(crate) const fn hits(self, drawn: u32) -> bool {
        (drawn as u64) < self.0
    }

    /// The rate in parts of 2³².
    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    /// The rate in millionths, rounded.
    pub const fn as_per_million(self) -> u32 {
        ((self.0 * 1_000_000 + (1 << 31)) >> 32) as u32
    }
}

impl Overlay {
    /// An overlay that changes nothing.
    pub const fn new() -> Self {
        Self { values: BTreeMap::new() }
    }

    /// Sets the value at `site`; gives what stood there.
    pub fn insert(&mut self, site: Site, value: u64) -> Option<u64> {
        self.values.insert(site, value)
    }

    /// The value at `site`.
    pub fn get(&self, site: &Site) -> Option<u64> {
        self.values.get(site).copied()
    }

    /// Forgets `site`; gives what stood there.
    pub fn remove(&mut self, site: &Site) -> Option<u64> {
        self.values.remove(site)
    }

    /// Entries in the order of their sites.
    pub fn iter(&self) -> btree_map::Iter<'_, Site, u64> {
        self.values.iter()
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// No entry at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<'a> IntoIterator for &'a Overlay {
    type Item = (&'a Site, &'a u64);
    type IntoIter = btree_map::Iter<'a, Site, u64>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Overlay {
    type Item = (Site, u64);
    type IntoIter = btree_map::IntoIter<Site, u64>;
    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl FromIterator<(Site, u64)> for Overlay {
    fn from_iter<I: IntoIterator<Item = (Site, u64)>>(entries: I) -> Self {
        Self { values: entries.into_iter().collect() }
    }
}

/// Takes the values and forgets the bounds: what a recorded run becomes when it is replayed.
impl FromIterator<Choice> for Overlay {
    fn from_iter<I: IntoIterator<Item = Choice>>(choices: I) -> Self {
        choices.into_iter().map(|choice| (choice.site, choice.value)).collect()
    }
}

impl Site {
    /// The site of decision number `counter` of `kind` by `entity`.
    pub fn new(entity: impl Into<String>, kind: impl Into<String>, counter: u64) -> Self {
        Self { entity: entity.into(), kind: kind.into(), counter }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.entity, self.kind, self.counter)
    }
}

impl FromStr for Site {
    type Err = BadSite;
    fn from_str(text: &str) -> Result<Self, BadSite> {
        let (rest, counter) = text.rsplit_once('#').ok_or(BadSite)?;
        let (entity, kind) = rest.split_once('#').ok_or(BadSite)?;
        let digits = !counter.is_empty() && counter.bytes().all(|byte| byte.is_ascii_digit());
        let counter = counter.parse().map_err(|_| BadSite)?;
        let named = is_name(entity) && is_name(kind) && digits;
        if named { Ok(Self::new(entity, kind, counter)) } else { Err(BadSite) }
    }
}

/// What may name a machine, a process or a kind: printable, no blank, no `#`, not empty.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c == '#' || c.is_whitespace() || c.is_control())
}

impl fmt::Display for BadSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a site reads entity#kind#counter")
    }
}

impl std::error::Error for BadSite {}

#[cfg(test)]
mod tests {
    use super::{BadSite, Rate, Site};

    #[test]
    fn a_site_reads_back_as_it_was_written() {
        let site = Site::new("rack1/host2/link→host3", "loss", 17);
        assert_eq!(site.to_string(), "rack1/host2/link→host3#loss#17");
        assert_eq!(site.to_string().parse(), Ok(site));
    }

    #[test]
    fn what_is_not_a_site_is_refused() {
        for text in [
            "",
            "a",
            "a#b",
            "#b#1",
            "a##1",
            "a#b#",
            "a#b#+1",
            "a#b#c#1",
            "a b#c#1",
            "a#b#99999999999999999999",
        ] {
            assert_eq!(text.parse::<Site>(), Err(BadSite), "{text}");
        }
    }

    #[test]
    fn rates_are_exact_at_their_ends() {
        assert_eq!(Rate::per_million(0), Rate::NEVER);
        assert_eq!(Rate::percent(100), Rate::ALWAYS);
        assert_eq!(Rate::per_million(12_345).as_per_million(), 12_345);
    }
}
