//! What the claims of many runs came to, added up.
//!
//! Adding is exact and does not depend on the order, so that neither threads nor the split of a campaign show.

mod file;
#[cfg(test)]
mod tests;

pub use file::{BadCoverage, COVERAGE_BYTES_MAX, CoverageError, CoverageFile};

use std::borrow::Cow;
use std::collections::btree_map;
use std::collections::{BTreeMap, BTreeSet};

use crate::assert::{Claim, Claims, Notebook, Seen};
use crate::faults::FaultCounts;

/// Names a claim.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClaimId {
    /// What it says.
    pub claims: Claims,
    /// Its name.
    pub name: Cow<'static, str>,
    /// The source file.
    pub file: Cow<'static, str>,
    /// The line in it.
    pub line: u32,
}

/// What became of a claim in all runs together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Runs that know the claim.
    pub runs: u64,
    /// How often it was evaluated.
    pub evaluated: u64,
    /// How often it held, was reached, or fired.
    pub met: u64,
    /// How often that changed what the world did next.
    pub changed: u64,
    /// How often a budget refused it.
    pub refused: u64,
    /// Least and greatest value of a watermark.
    pub range: Option<(i64, i64)>,
    /// The least seed that met it.
    pub seed: Option<u64>,
}

/// The claims of any number of runs, by id.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage {
    /// Runs that were added up.
    pub runs: u64,
    pub(crate) claims: BTreeMap<ClaimId, Counts>,
}

impl ClaimId {
    fn of(claim: &'static Claim) -> Self {
        let Claim { claims, name, file, line } = *claim;
        Self { claims, name: name.into(), file: own(file).into(), line }
    }
}

/// The file from its crate's own folder on, so that a checkout elsewhere gives the same id.
fn own(file: &'static str) -> &'static str {
    let (mut before, mut start, mut from) = (0, 0, 0);
    for (end, _) in file.match_indices(['/', '\\']) {
        if matches!(&file[start..end], "src" | "tests" | "examples" | "benches") {
            from = before;
        }
        (before, start) = (start, end + 1);
    }
    &file[from..]
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let widest = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.max(b.1));
        let sum = u64::saturating_add;
        *self = Self {
            runs: sum(self.runs, other.runs),
            evaluated: sum(self.evaluated, other.evaluated),
            met: sum(self.met, other.met),
            changed: sum(self.changed, other.changed),
            refused: sum(self.refused, other.refused),
            range: self.range.into_iter().chain(other.range).reduce(widest),
            seed: self.seed.into_iter().chain(other.seed).min(),
        };
    }
}

impl Coverage {
    /// What one run saw.
    pub(crate) fn of(notebook: Option<&Notebook>, seed: u64) -> Self {
        let mut coverage = Self { runs: 1, claims: BTreeMap::new() };
        for (claim, Seen { evaluated, met, range }) in notebook.map(Notebook::claims).unwrap_or_default() {
            let seed = (met > 0).then_some(seed);
            let counts = Counts { runs: 1, evaluated, met, range, seed, ..Counts::default() };
            coverage.add_claim(ClaimId::of(claim), &counts);
        }
        for (site, counts) in notebook.map(|notebook| notebook.whims.counts()).unwrap_or_default() {
            let FaultCounts { looked, fired, changed, refused } = counts;
            let (evaluated, met, name) = (looked, fired, site.name.into());
            let id = ClaimId { claims: Claims::Buggify, name, file: own(site.file).into(), line: site.line };
            let seed = (met > 0).then_some(seed);
            coverage.add_claim(id, &Counts { runs: 1, evaluated, met, changed, refused, range: None, seed });
        }
        coverage
    }

    pub(crate) fn add_claim(&mut self, id: ClaimId, counts: &Counts) {
        self.claims.entry(id).or_default().add(counts);
    }

    /// Adds the runs of `other`.
    pub fn merge(&mut self, other: Self) {
        self.runs = self.runs.saturating_add(other.runs);
        if self.claims.is_empty() {
            self.claims = other.claims;
            return;
        }
        other.claims.into_iter().for_each(|(id, counts)| self.add_claim(id, &counts));
    }

    /// Every claim, in the order of their ids.
    pub fn iter(&self) -> btree_map::Iter<'_, ClaimId, Counts> {
        self.claims.iter()
    }

    /// What became of the claims of that name, added up.
    pub fn named(&self, name: &str) -> Counts {
        let mut counts = Counts::default();
        self.iter().filter(|(id, _)| id.name == name).for_each(|(_, other)| counts.add(other));
        counts
    }

    /// What became of the claims of each name, added up.
    pub fn by_name(&self) -> BTreeMap<&str, Counts> {
        let mut sums = BTreeMap::<&str, Counts>::new();
        self.iter().for_each(|(id, counts)| sums.entry(&id.name).or_default().add(counts));
        sums
    }

    /// Claims that must be met once and were not: after enough runs, failures.
    pub fn unmet(&self) -> impl Iterator<Item = &ClaimId> {
        let met = self.iter().filter(|(_, counts)| counts.met > 0).map(|(id, _)| &*id.name);
        let named: BTreeSet<&str> = met.collect();
        let unmet = move |(id, counts): &(&ClaimId, &Counts)| match id.claims {
            Claims::Sometimes | Claims::Reachable => counts.met == 0,
            Claims::Expected => !named.contains(&*id.name),
            Claims::Always | Claims::Unreachable | Claims::Watermark => false,
            Claims::Buggify | Claims::Fault | Claims::Family => false,
        };
        self.iter().filter(unmet).map(|(id, _)| id)
    }
}

impl<'a> IntoIterator for &'a Coverage {
    type Item = (&'a ClaimId, &'a Counts);
    type IntoIter = btree_map::Iter<'a, ClaimId, Counts>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::fmt::Display for ClaimId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.file.is_empty() {
            return f.write_str(&self.name);
        }
        write!(f, "{} ({}:{})", self.name, self.file, self.line)
    }
}
