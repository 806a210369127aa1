use core::error::Error;
use core::fmt;

/// Why a tape cannot be replayed, and at which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TapeError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line of a tape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The file holds nothing at all.
    Empty,
    /// The first line is not `tidemill tape <version>`.
    NotATape,
    /// A version of the format that this crate does not read.
    UnknownVersion(String),
    /// The file stops before `end`.
    Truncated,
    /// Bytes that are not UTF-8, or a control character.
    NotText,
    /// The line exceeds [`LINE_MAX`](super::LINE_MAX).
    LineTooLong,
    /// The file exceeds [`BYTES_MAX`](super::BYTES_MAX).
    FileTooLong,
    /// Not `key = value`.
    Malformed,
    /// A key that the format does not have.
    UnknownKey(String),
    /// A key, parameter, site or mark that an earlier line already gave.
    Repeated(String),
    /// `end` came before a key that every tape has.
    Missing(&'static str),
    /// Not the number that belongs here.
    BadNumber {
        /// What the number is.
        of: &'static str,
        /// What stands there.
        text: String,
    },
    /// Neither `seed` nor `zero`.
    UnknownBase(String),
    /// Marks that do not ascend.
    MarksDescend,
    /// Something follows `end`.
    AfterEnd,
    /// No such story; the names that there are.
    UnknownStory {
        /// The name in the tape.
        name: String,
        /// Every story, in order.
        known: Vec<String>,
    },
    /// The story has no such parameter, or cannot take the value.
    BadConfig(String),
    /// Not of the form `entity#kind#counter`.
    BadSite(String),
    /// The run has no such site.
    UnknownSite(String),
    /// The site exists, but has fewer alternatives.
    OutOfRange {
        /// The site.
        site: String,
        /// The pinned value.
        value: u64,
        /// How many alternatives there are.
        n: u64,
    },
}

impl TapeError {
    pub(crate) fn at(line: u32, reason: Reason) -> Self {
        Self { line, reason }
    }
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::NotATape => f.write_str("not a tape: the first line must be `tidemill tape 1`"),
            Self::UnknownVersion(text) => {
                write!(
                    f,
                    "unknown tape version {}; this build reads version {}",
                    Quoted(text),
                    super::VERSION
                )
            }
            Self::Truncated => f.write_str("truncated: the tape stops here, before its closing line `end`"),
            Self::NotText => f.write_str("not plain UTF-8 text"),
            Self::LineTooLong => write!(f, "longer than {} bytes", super::LINE_MAX),
            Self::FileTooLong => write!(f, "the file is longer than {} bytes", super::BYTES_MAX),
            Self::Malformed => f.write_str("not of the form `key = value`"),
            Self::UnknownKey(key) => write!(f, "unknown key {}", Quoted(key)),
            Self::Repeated(key) => write!(f, "{} was given before", Quoted(key)),
            Self::Missing(key) => write!(f, "`end` without a line `{key} = …` before it"),
            Self::BadNumber { of, text } => write!(f, "{} is not {of}", Quoted(text)),
            Self::UnknownBase(text) => write!(f, "{} is no base: a base is `seed` or `zero`", Quoted(text)),
            Self::MarksDescend => f.write_str("marks must ascend by event count"),
            Self::AfterEnd => f.write_str("something follows `end`"),
            Self::UnknownStory { name, known } => {
                write!(f, "unknown story {}; the stories are: {}", Quoted(name), known.join(", "))
            }
            Self::BadConfig(why) => f.write_str(why),
            Self::BadSite(site) => {
                write!(f, "{} is no site: a site reads `entity#kind#counter`", Quoted(site))
            }
            Self::UnknownSite(site) => {
                write!(f, "unknown site {}: this run never chooses there", Quoted(site))
            }
            Self::OutOfRange { site, value, n } => {
                write!(
                    f,
                    "choice {value} is out of range: {} chooses among {n}, 0 to {}",
                    Quoted(site),
                    n.saturating_sub(1)
                )
            }
        }
    }
}

impl Error for TapeError {}

/// Foreign text inside a message: escaped, and cut where it would flood the terminal.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, self.0, 80, "`")
    }
}

/// A message that may hold foreign text, on one line: escaped and cut as [`Quoted`] is, later.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, self.0, 400, "")
    }
}

/// At most so many characters of a text, none of them a control character, between marks.
fn shown(f: &mut fmt::Formatter<'_>, text: &str, most: usize, mark: &str) -> fmt::Result {
    f.write_str(mark)?;
    for c in text.chars().take(most) {
        if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
    }
    let cut = if text.chars().nth(most).is_some() { "…" } else { "" };
    write!(f, "{cut}{mark}")
}
