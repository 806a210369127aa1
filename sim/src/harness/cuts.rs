//! The crash at every sync boundary, one run each.

use super::{Finish, Trial, run};
use crate::disk::Census;
use crate::{Failure, Overlay, Sim, Site};
use core::fmt;
use std::cell::RefCell;

/// How much of what a power loss may leave behind is tried at each boundary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutBounds {
    /// Up to so many unsynced writes every subset of them is tried; beyond it every prefix, every one alone, and all but
    /// every one.
    pub subsets_up_to: u32,
    /// Places within a block at which each of the lost writes is torn, if the disk tears; none at zero.
    pub tears: u32,
    /// Power losses in one run, at most: the second one falls into the recovery from the first.
    pub depth: u32,
    /// Runs, at most.
    pub runs_max: u64,
}

impl Default for CutBounds {
    /// Every subset of four writes, three tears, one loss, a hundred thousand runs.
    fn default() -> Self {
        Self { subsets_up_to: 4, tears: 3, depth: 1, runs_max: 100_000 }
    }
}

/// What [`power_cuts`] went through without meeting a failure.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CutsVisited {
    /// Sync boundaries of the run without a loss: before each sync takes effect, and after, before it is answered.
    pub boundaries: u64,
    /// Crash points: a boundary, or one of the run after a loss, and what is left there.
    pub points: u64,
    /// Runs, the one without a loss included.
    pub runs: u64,
    /// Whether there was nothing more to try within the bounds.
    pub exhausted: bool,
}

/// A crash point that breaks a law.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadCut {
    /// What pins it: run it again with [`Trial`], or write its tape.
    pub overlay: Overlay,
    /// What broke.
    pub failure: Failure,
    /// Runs before this one.
    pub runs: u64,
}

struct Search<'a, B> {
    seed: u64,
    bounds: CutBounds,
    body: &'a B,
    visited: CutsVisited,
}

/// Runs `body` once without a power loss, then once for every sync boundary of every disk that was given to
/// [`cut_power_at_syncs`](Sim::cut_power_at_syncs), and for every pattern within the bounds of what the loss leaves there.
///
/// Other decisions are those of the seed. The rate of the cuts should be never, so that there is no loss but the pinned
/// ones.
///
/// # Errors
/// With the first crash point at which the body fails.
pub fn power_cuts<R: Finish>(
    seed: u64,
    bounds: CutBounds,
    body: impl Fn(&mut Sim) -> R,
) -> Result<CutsVisited, Box<BadCut>> {
    let mut search = Search { seed, bounds, body: &body, visited: CutsVisited::default() };
    search.visited.exhausted = true;
    let census = search.run(&Overlay::new())?;
    search.visited.boundaries = 2 * census.iter().map(|disk| disk.boundaries).sum::<u64>();
    search.descend(&Overlay::new(), &census, &vec![0; census.len()], bounds.depth)?;
    Ok(search.visited)
}

impl<R: Finish, B: Fn(&mut Sim) -> R> Search<'_, B> {
    fn run(&mut self, overlay: &Overlay) -> Result<Vec<Census>, Box<BadCut>> {
        let trial = Trial { overlay: overlay.clone(), ..Trial::seed(self.seed) };
        let census = RefCell::new(Vec::new());
        let report = run::once(&trial, &|sim: &mut Sim| {
            let finish = (self.body)(sim);
            census.replace(sim.census());
            finish
        });
        self.visited.runs += 1;
        match report.failure {
            Some(failure) => {
                Err(Box::new(BadCut { overlay: overlay.clone(), failure, runs: self.visited.runs - 1 }))
            }
            None => Ok(census.take()),
        }
    }

    /// Tries every cut at a boundary from `first` of each disk on, given what a run under `overlay` met.
    fn descend(
        &mut self,
        overlay: &Overlay,
        census: &[Census],
        first: &[u64],
        depth: u32,
    ) -> Result<(), Box<BadCut>> {
        if depth == 0 {
            return Ok(());
        }
        for (disk, first) in census.iter().zip(first) {
            for boundary in *first..disk.boundaries {
                for side in [0, 1] {
                    self.cut(overlay, &disk.disk, boundary, side, depth)?;
                }
            }
        }
        Ok(())
    }

    fn cut(
        &mut self,
        overlay: &Overlay,
        name: &str,
        boundary: u64,
        side: u64,
        depth: u32,
    ) -> Result<(), Box<BadCut>> {
        if self.spent() {
            return Ok(());
        }
        let mut base = overlay.clone();
        base.insert(Site::new(name, "power", boundary), 1);
        let sides =
            overlay.iter().filter(|(site, _)| site.entity == name && site.kind == "power-side").count();
        base.insert(Site::new(name, "power-side", sides as u64), side);
        // With the loss of nothing first: it says how many writes there are to lose.
        let cut = |census: &[Census]| {
            let disk = census.iter().find(|disk| disk.disk == name)?;
            let (_, unsynced, drawn) = disk.cuts.iter().find(|(at, ..)| *at == boundary)?;
            Some((*unsynced, drawn.clone(), if disk.tears { disk.words } else { 0 }))
        };
        let dry = self.run(&base)?;
        let Some((unsynced, drawn, words)) = cut(&dry) else { return Ok(()) };
        let patterns = Pattern::within(&self.bounds, unsynced, words);
        for pattern in patterns {
            if self.spent() {
                return Ok(());
            }
            let mut pinned = base.clone();
            let sites = pattern.sites(words);
            for (kind, nth, value) in sites {
                pinned.insert(Site::new(name, kind, drawn.of(kind) + nth), value);
            }
            let census = self.run(&pinned)?;
            self.visited.points += 1;
            let first: Vec<u64> = census
                .iter()
                .map(|disk| if disk.disk == name { boundary + 1 } else { disk.boundaries })
                .collect();
            self.descend(&pinned, &census, &first, depth - 1)?;
        }
        Ok(())
    }

    fn spent(&mut self) -> bool {
        let spent = self.visited.runs >= self.bounds.runs_max;
        self.visited.exhausted &= !spent;
        spent
    }
}

/// What a loss leaves of the unsynced writes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pattern {
    lost: Vec<bool>,
    /// Which of the lost ones is torn, and at which choice.
    torn: Option<(u64, u64)>,
}

impl Pattern {
    fn within(bounds: &CutBounds, unsynced: usize, words: u64) -> Vec<Self> {
        let mut losses: Vec<Vec<bool>> = Vec::new();
        if unsynced <= bounds.subsets_up_to as usize {
            losses.extend(
                (0..1_u64 << unsynced).map(|bits| (0..unsynced).map(|at| bits >> at & 1 == 1).collect()),
            );
        } else {
            let of = |lost: &dyn Fn(usize) -> bool| (0..unsynced).map(lost).collect::<Vec<_>>();
            losses.extend((0..=unsynced).map(|kept| of(&|at| at >= kept)));
            losses.extend((0..unsynced).map(|one| of(&|at| at == one)));
            losses.extend((0..unsynced).map(|one| of(&|at| at != one)));
        }
        let mut patterns: Vec<Self> = losses.into_iter().map(|lost| Self { lost, torn: None }).collect();
        if words > 1 {
            let places = u64::from(bounds.tears).min(words - 1);
            // Spread over the words, the first and the last included.
            let at =
                |place: u64| if places < 2 { (words - 2) / 2 } else { place * (words - 2) / (places - 1) };
            let torn: Vec<Self> = patterns
                .iter()
                .flat_map(|whole| {
                    let count = whole.lost.iter().filter(|lost| **lost).count() as u64;
                    (1..=count).flat_map(move |which| {
                        (0..places).map(move |place| Self {
                            lost: whole.lost.clone(),
                            torn: Some((which, at(place))),
                        })
                    })
                })
                .collect();
            patterns.extend(torn);
        }
        patterns
    }

    /// The decisions that bring it about: kind, how many of this kind come before, value.
    fn sites(&self, words: u64) -> Vec<(&'static str, u64, u64)> {
        if self.lost.is_empty() {
            return Vec::new();
        }
        let mut sites = vec![("power-keeps", 0, 3)];
        sites.extend((0_u64..).zip(&self.lost).map(|(at, lost)| ("power-lost", at, u64::from(*lost))));
        let (which, at) = self.torn.unwrap_or_default();
        if words > 1 && self.lost.contains(&true) {
            sites.push(("power-tear", 0, which));
        }
        if self.torn.is_some() {
            sites.push(("power-tear-at", 0, at));
        }
        sites
    }
}

impl fmt::Display for BadCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "after {} runs a power loss breaks a law: {}", self.runs, self.failure)?;
        self.overlay.iter().try_for_each(|(site, value)| writeln!(f, "  {site} = {value}"))
    }
}

impl core::error::Error for BadCut {}

impl fmt::Display for CutsVisited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boundaries, points, runs, exhausted } = self;
        let all = if *exhausted { "exhausted" } else { "not exhausted" };
        write!(f, "{boundaries} sync boundaries, {points} crash points, {runs} runs, {all}")
    }
}
