//! The coverage file: JSON, one object, versioned.

use core::error::Error;
use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::{ClaimId, Counts, Coverage};
use crate::assert::Claims;
use crate::tape::{Plain, Quoted};

/// The version of the format that is written and read.
const VERSION: u64 = 1;

/// The longest file that is read, in bytes.
pub const COVERAGE_BYTES_MAX: u64 = 16 << 20;

/// The longest name in it, in bytes.
const NAME_MAX: usize = 4096;

/// The coverage of stories, by their names: what `tidemill run --coverage` writes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CoverageFile {
    /// Each story's coverage.
    pub stories: BTreeMap<String, Coverage>,
}

/// Why a coverage file cannot be read, and at which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub reason: BadCoverage,
}

/// What is wrong with a coverage file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadCoverage {
    /// The file exceeds [`COVERAGE_BYTES_MAX`].
    TooLong,
    /// Not JSON, or not an object with a `tidemill_coverage`.
    NotCoverage(String),
    /// A version of the format that this crate does not read.
    UnknownVersion(u64),
    /// Not as the format says.
    Malformed(String),
}

#[derive(Deserialize)]
struct Head {
    tidemill_coverage: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    tidemill_coverage: u64,
    crate_version: String,
    stories: Vec<Story>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "StoryText", into = "StoryText")]
#[derive(Clone)]
struct Story {
    name: String,
    coverage: Coverage,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoryText {
    story: String,
    runs: u64,
    claims: Vec<ClaimText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimText {
    claims: Claims,
    name: String,
    file: String,
    line: u32,
    runs: u64,
    evaluated: u64,
    met: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    changed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    refused: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Story> for StoryText {
    fn from(Story { name, coverage }: Story) -> Self {
        let claims = coverage.claims.into_iter().map(|(id, counts)| ClaimText::new(id, counts)).collect();
        Self { story: name, runs: coverage.runs, claims }
    }
}

impl ClaimText {
    fn new(id: ClaimId, counts: Counts) -> Self {
        let ClaimId { claims, name, file, line } = id;
        let Counts { runs, evaluated, met, changed, refused, range, seed } = counts;
        let (name, file) = (name.into_owned(), file.into_owned());
        Self { claims, name, file, line, runs, evaluated, met, changed, refused, range, seed }
    }

    /// What no campaign writes is refused here, so that nobody counts on it later.
    fn check(self) -> Result<(ClaimId, Counts), String> {
        let Self { claims, name, file, line, runs, evaluated, met, changed, refused, range, seed } = self;
        text(&name)?;
        text(&file)?;
        let id = ClaimId { claims, name: Cow::Owned(name), file: Cow::Owned(file), line };
        if met > evaluated {
            return Err(format!("{} was met {met} times of {evaluated}", Plain(&id.to_string())));
        }
        if range.is_some_and(|(low, high)| low > high) {
            return Err(format!("{} has a range that begins above its end", Plain(&id.to_string())));
        }
        Ok((id, Counts { runs, evaluated, met, changed, refused, range, seed }))
    }
}

/// Names come back to a terminal.
fn text(name: &str) -> Result<(), String> {
    if name.len() > NAME_MAX {
        return Err(format!("{} is a name of {} bytes, and {NAME_MAX} are enough", Quoted(name), name.len()));
    }
    if name.contains(char::is_control) {
        return Err(format!("{} holds a control character", Quoted(name)));
    }
    Ok(())
}

impl TryFrom<StoryText> for Story {
    type Error = String;
    fn try_from(StoryText { story, runs, claims }: StoryText) -> Result<Self, String> {
        text(&story)?;
        let mut coverage = Coverage { runs, ..Coverage::default() };
        for claim in claims {
            let (id, counts) = claim.check()?;
            if counts.runs > runs {
                let id = id.to_string();
                return Err(format!("{} is known in {} of {runs} runs", Plain(&id), counts.runs));
            }
            if coverage.claims.contains_key(&id) {
                return Err(format!("{} is there twice", Plain(&id.to_string())));
            }
            coverage.claims.insert(id, counts);
        }
        Ok(Self { name: story, coverage })
    }
}

impl CoverageFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or, inside, if it is no coverage: line and reason.
    pub fn read(file: impl Read) -> io::Result<Result<Self, CoverageError>> {
        let mut bytes = Vec::new();
        file.take(COVERAGE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// If they are no coverage: line and reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoverageError> {
        if bytes.len() as u64 > COVERAGE_BYTES_MAX {
            return Err(CoverageError { line: 1, reason: BadCoverage::TooLong });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| located(&e, BadCoverage::NotCoverage))?;
        if head.tidemill_coverage != VERSION {
            let reason = BadCoverage::UnknownVersion(head.tidemill_coverage);
            return Err(CoverageError { line: 1, reason });
        }
        let text: Text = serde_json::from_slice(bytes).map_err(|e| located(&e, BadCoverage::Malformed))?;
        let mut file = Self::default();
        text.stories.into_iter().for_each(|Story { name, coverage }| file.add(&name, coverage));
        Ok(file)
    }

    /// Adds the runs of a story.
    pub fn add(&mut self, story: &str, coverage: Coverage) {
        self.stories.entry(story.to_owned()).or_default().merge(coverage);
    }

    /// Adds the runs of another file.
    pub fn merge(&mut self, other: Self) {
        other.stories.into_iter().for_each(|(story, coverage)| self.add(&story, coverage));
    }
}

/// serde_json ends its message with line and column, and begins it with whatever the file says.
fn located(error: &serde_json::Error, reason: impl FnOnce(String) -> BadCoverage) -> CoverageError {
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(&*text, |end| &text[..end]);
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
    CoverageError { line, reason: reason(Plain(message).to_string()) }
}

/// The file as it is written.
impl fmt::Display for CoverageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let story =
            |(name, coverage): (&String, &Coverage)| Story { name: name.clone(), coverage: coverage.clone() };
        let text = Text {
            tidemill_coverage: VERSION,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            stories: self.stories.iter().map(story).collect(),
        };
        f.write_str(&serde_json::to_string_pretty(&text).map_err(|_| fmt::Error)?)?;
        f.write_str("\n")
    }
}

impl fmt::Display for CoverageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.reason {
            BadCoverage::TooLong => write!(f, "longer than {COVERAGE_BYTES_MAX} bytes"),
            BadCoverage::NotCoverage(why) => write!(f, "not a coverage file: {why}"),
            BadCoverage::UnknownVersion(version) => {
                write!(f, "version {version} of the format; this program reads {VERSION}")
            }
            BadCoverage::Malformed(why) => f.write_str(why),
        }
    }
}

impl Error for CoverageError {}
