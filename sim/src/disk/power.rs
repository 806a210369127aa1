//! What becomes of unsynced writes where power goes, or a sync fails; and what its enumeration has to know of it.

use super::device::Disk;
use super::medium::Fate;
use crate::choice::Rate;
use crate::net::Latency;

/// How often the machine loses power at a sync, and when it is back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PowerCuts {
    pub(crate) rate: Rate,
    pub(crate) back: Option<Latency>,
}

/// The names of the choices by which writes are kept or lost.
pub(super) struct Losing {
    keeps: &'static str,
    prefix: &'static str,
    lost: &'static str,
    tear: &'static str,
    tear_at: &'static str,
}

const AT_POWER_LOSS: Losing = Losing {
    keeps: "power-keeps",
    prefix: "power-prefix",
    lost: "power-lost",
    tear: "power-tear",
    tear_at: "power-tear-at",
};
pub(super) const AT_FAILED_SYNC: Losing = Losing {
    keeps: "sync-keeps",
    prefix: "sync-prefix",
    lost: "sync-lost",
    tear: "sync-tear",
    tear_at: "sync-tear-at",
};

/// How many decisions of each kind a disk took about power and what it loses.
#[derive(Clone, Default, Debug)]
pub(crate) struct Drawn(Vec<(&'static str, u64)>);

/// Where power was, or could have been, cut at the syncs of a disk.
#[derive(Clone, Default, Debug)]
pub(crate) struct Census {
    pub(crate) disk: String,
    pub(crate) words: u64,
    pub(crate) tears: bool,
    /// Syncs that fell due.
    pub(crate) boundaries: u64,
    /// For each cut: its boundary, the unsynced writes of blocks, and what had been drawn before.
    pub(crate) cuts: Vec<(u64, usize, Drawn)>,
    drawn: Drawn,
}

impl Disk {
    /// Whether the machine loses power at this sync: before it takes effect, or after and before it is answered.
    pub(super) fn cut(&mut self) -> Option<Side> {
        let cuts = self.cuts?;
        self.census.boundaries += 1;
        // A rate of never is a hair above it, so that the choice is there to be pinned.
        let rate = cuts.rate.max(Rate::HARDLY);
        if !self.chance("power", rate) {
            return None;
        }
        let before = self.census.drawn.clone();
        let side = if self.count("power-side", 2) == 0 { Side::Before } else { Side::After };
        self.census.cuts.push((self.census.boundaries - 1, 0, before));
        Some(side)
    }

    /// What there is to know, where syncs may cut the power.
    pub(super) fn census(&self) -> Option<Census> {
        self.cuts?;
        let (disk, words) = (self.name.clone(), u64::from(self.config.block).div_ceil(8));
        Some(Census { disk, words, tears: self.config.tear, ..self.census.clone() })
    }

    /// Power is gone: every unsynced write is kept or lost, and what was under way is forgotten.
    pub(super) fn lose_power(&mut self) {
        let covers = u64::MAX;
        if let Some((_, unsynced, _)) = self.census.cuts.last_mut() {
            *unsynced = self.medium.unsynced(covers).count();
        }
        let fates = self.fates(covers, &AT_POWER_LOSS);
        self.stats.power_losses += 1;
        for fate in &fates {
            match fate {
                Fate::Kept => self.stats.kept += 1,
                Fate::Lost => self.stats.lost += 1,
                Fate::Torn(_) => {
                    self.stats.lost += 1;
                    self.stats.torn += 1;
                }
            }
        }
        self.medium.settle(covers, |at| fates[at]);
        self.medium.forget();
        self.syncs.clear();
        self.waiting.clear();
        self.asks.clear();
        self.stall = None;
    }

    /// Decides what becomes of the unsynced writes up to number `covered`.
    pub(super) fn fates(&mut self, covered: u64, names: &Losing) -> Vec<Fate> {
        let count = self.medium.unsynced(covered).count();
        if count == 0 {
            return Vec::new();
        }
        let mut fates = vec![Fate::Kept; count];
        match self.count(names.keeps, 4) {
            0 => {}
            1 => fates.fill(Fate::Lost),
            2 => {
                let kept = self.count(names.prefix, count as u64) as usize;
                fates[kept..].fill(Fate::Lost);
            }
            _ => {
                for fate in &mut fates {
                    if self.count(names.lost, 2) == 1 {
                        *fate = Fate::Lost;
                    }
                }
            }
        }
        let lost: Vec<usize> = (0..count).filter(|at| fates[*at] == Fate::Lost).collect();
        if self.config.tear && !lost.is_empty() {
            let torn = self.count(names.tear, lost.len() as u64 + 1);
            let words = u64::from(self.config.block).div_ceil(8);
            if torn > 0 && words > 1 {
                let words = 1 + self.count(names.tear_at, words - 1);
                fates[lost[torn as usize - 1]] = Fate::Torn(words as usize * 8);
            }
        }
        fates
    }

    /// Decides, and counts that it did.
    fn count(&mut self, kind: &'static str, n: u64) -> u64 {
        if n > 1 {
            self.census.drawn.count(kind);
        }
        self.choose(kind, n)
    }
}

impl Drawn {
    fn count(&mut self, kind: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.0.push((kind, 1)),
        }
    }

    /// How many decisions of this kind there were.
    pub(crate) fn of(&self, kind: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
    }
}

/// When in the life of a sync the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Before,
    After,
}
