//! What a campaign has done so far: a file that it goes on from.

use super::text::plain;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use tidemill_sim::{Coverage, CoverageError, CoverageFile};

/// The version of the file that is written and read.
const VERSION: u32 = 1;
/// The longest file that is read, in bytes.
const BYTES_MAX: u64 = 16 << 20;

/// A campaign so far.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    tidemill_campaign: u32,
    /// Runs of a block: what is done is done in whole blocks.
    pub block: u64,
    /// Parameters that were set.
    pub settings: Vec<String>,
    pub lanes: Vec<Lane>,
    pub findings: Vec<Finding>,
    /// What the claims came to: a coverage file.
    coverage: Value,
}

/// One story under one strategy.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Lane {
    pub story: String,
    pub strategy: String,
    /// Blocks that are done.
    pub blocks: u64,
    pub runs: u64,
    pub failed: u64,
    /// The digests of the blocks, folded in their order.
    pub digest: String,
    /// Whether the strategy has nothing left to try.
    pub exhausted: bool,
}

/// A failure, however often and by whomever it was met.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Finding {
    pub story: String,
    pub tag: String,
    pub id: String,
    /// Runs that met it.
    pub runs: u64,
    /// The strategy that met it first, and in which of its runs.
    pub strategy: String,
    pub run: u64,
    pub tape: Option<String>,
    /// Choices before and after shrinking.
    pub choices: Option<(u64, u64)>,
}

/// Why a campaign cannot go on from a file.
#[derive(Debug)]
pub(super) enum BadLedger {
    Unreadable(io::Error),
    TooLong,
    Malformed(serde_json::Error),
    Version(u32),
    Coverage(CoverageError),
    /// What no campaign writes.
    Odd(String),
    Other(&'static str),
}

impl Ledger {
    pub(super) fn new(block: u64, settings: &[String], lanes: &[(&str, String)]) -> Self {
        let lane = |(story, strategy): &(&str, String)| Lane {
            story: (*story).to_owned(),
            strategy: strategy.clone(),
            blocks: 0,
            runs: 0,
            failed: 0,
            digest: format!("{:032x}", 0),
            exhausted: false,
        };
        Self {
            tidemill_campaign: VERSION,
            block,
            settings: settings.to_vec(),
            lanes: lanes.iter().map(lane).collect(),
            findings: Vec::new(),
            coverage: value(&CoverageFile::default()),
        }
    }

    /// What the claims came to.
    pub(super) fn coverage(&self) -> Result<CoverageFile, BadLedger> {
        CoverageFile::parse(self.coverage.to_string().as_bytes()).map_err(BadLedger::Coverage)
    }

    /// Adds what the claims of a block came to.
    pub(super) fn cover(&mut self, story: &str, coverage: Coverage) -> io::Result<()> {
        let mut sum = self.coverage().map_err(|bad| io::Error::other(bad.to_string()))?;
        sum.add(story, coverage);
        self.coverage = value(&sum);
        Ok(())
    }

    /// The campaign in the file, which must be this one; this one where there is no file.
    pub(super) fn resume(self, path: &Path) -> Result<Self, BadLedger> {
        let length = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self),
            Err(error) => return Err(BadLedger::Unreadable(error)),
            Ok(metadata) => metadata.len(),
        };
        if length > BYTES_MAX {
            return Err(BadLedger::TooLong);
        }
        let found = Self::read(&fs::read(path).map_err(BadLedger::Unreadable)?)?;
        let who = |ledger: &Self| -> Vec<(String, String)> {
            ledger.lanes.iter().map(|lane| (lane.story.clone(), lane.strategy.clone())).collect()
        };
        match () {
            () if found.block != self.block => Err(BadLedger::Other("another --block")),
            () if found.settings != self.settings => Err(BadLedger::Other("other parameters")),
            () if who(&found) != who(&self) => Err(BadLedger::Other("other stories or strategies")),
            () => Ok(found),
        }
    }

    /// A campaign from bytes that anybody may have written.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadLedger> {
        if bytes.len() as u64 > BYTES_MAX {
            return Err(BadLedger::TooLong);
        }
        let found: Self = serde_json::from_slice(bytes).map_err(BadLedger::Malformed)?;
        if found.tidemill_campaign != VERSION {
            return Err(BadLedger::Version(found.tidemill_campaign));
        }
        found.coverage()?;
        found.check().map_err(BadLedger::Odd).map(|()| found)
    }

    /// What no campaign writes is refused here, so that nobody counts on it later.
    fn check(&self) -> Result<(), String> {
        for Lane { story, runs, failed, digest, .. } in &self.lanes {
            if failed > runs {
                return Err(format!("{failed} of {runs} runs of {} failed", plain(story)));
            }
            if digest.len() != 32 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("{} is no digest: 32 hexadecimal digits", plain(digest)));
            }
        }
        Ok(())
    }

    /// The file.
    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(io::Error::other)
    }

    /// Writes the file anew, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("unfinished");
        fs::write(&beside, self.bytes()?)?;
        fs::rename(&beside, path)
    }

    /// A failure that was met `runs` times; `true` where it is new.
    pub(super) fn meet(&mut self, finding: Finding) -> bool {
        let same = |known: &&mut Finding| (&known.story, &known.tag) == (&finding.story, &finding.tag);
        match self.findings.iter_mut().find(same) {
            Some(known) => {
                known.runs = known.runs.saturating_add(finding.runs);
                false
            }
            None => {
                self.findings.push(finding);
                true
            }
        }
    }
}

/// A coverage file is JSON, so it has its place in ours.
fn value(coverage: &CoverageFile) -> Value {
    serde_json::from_str(&coverage.to_string()).expect("a coverage file is JSON")
}

impl Lane {
    /// A block is done.
    pub(super) fn add(&mut self, runs: u64, failed: u64, digest: u128) {
        self.blocks = self.blocks.saturating_add(1);
        self.runs = self.runs.saturating_add(runs);
        self.failed = self.failed.saturating_add(failed);
        let so_far = u128::from_str_radix(&self.digest, 16).unwrap_or_default();
        self.digest = format!("{:032x}", so_far.rotate_left(1) ^ digest);
    }
}

impl fmt::Display for BadLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::TooLong => write!(f, "the file is longer than {BYTES_MAX} bytes"),
            Self::Malformed(error) => {
                write!(f, "line {}: no campaign: {}", error.line(), plain(&error.to_string()))
            }
            Self::Version(found) => {
                write!(f, "a campaign of version {found}; this build reads version {VERSION}")
            }
            Self::Coverage(error) => write!(f, "its coverage cannot be read: {error}"),
            Self::Odd(why) => write!(f, "no campaign: {why}"),
            Self::Other(what) => write!(f, "another campaign: {what}; give it a file of its own"),
        }
    }
}
