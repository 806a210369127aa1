//! What a run ends with, and what a failure is called.

use std::fmt;

use tidemill_seam::Instant;

/// A law that broke: who found it, what happened, where and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Stable across seeds, reruns and shrinking: the oracle or panic site, and the message with its numbers removed.
    pub id: String,
    /// What happened, in full.
    pub message: String,
    /// Virtual time of the event that broke it.
    pub at: Instant,
    /// `machine/process`, or `world`.
    pub entity: String,
    /// Events before the one that broke it.
    pub event: u64,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a run may have failed"]
pub enum Outcome {
    /// Nothing is left to happen, and nobody waits for anything.
    Quiet,
    /// The time limit was reached; more would happen later.
    Due,
    /// Somebody asked to stop.
    Stopped,
    /// A law broke.
    Failed(Failure),
}

impl Outcome {
    /// The failure, if there was one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Quiet | Self::Due | Self::Stopped => None,
        }
    }

    /// Insists that nothing broke.
    ///
    /// # Panics
    /// With the failure, where there is one.
    #[track_caller]
    pub fn expect_ok(self) {
        if let Self::Failed(failure) = self {
            panic!("{failure}");
        }
    }
}

impl Failure {
    /// A failure found by `site` (the name of an oracle, or file and line of a panic).
    pub fn new(
        site: &str,
        message: impl Into<String>,
        entity: impl Into<String>,
        at: Instant,
        event: u64,
    ) -> Self {
        let message = message.into();
        Self { id: format!("{site}: {}", normalise(&message)), message, at, entity: entity.into(), event }
    }
}

/// The first line with every number replaced by `#`, so that two runs that break in the same way agree.
pub fn normalise(message: &str) -> String {
    let mut out = String::new();
    let mut in_number = false;
    for c in message.lines().next().unwrap_or("").chars() {
        let digit = if in_number { c.is_ascii_alphanumeric() } else { c.is_ascii_digit() };
        if digit && !in_number {
            out.push('#');
        } else if !digit {
            out.push(c);
        }
        in_number = digit;
    }
    out
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?} (event {}), {}: {}", self.entity, self.at, self.event, self.id, self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn a_failure_keeps_its_name_when_only_numbers_change() {
        assert_eq!(normalise("token 7 freed twice at 0x7ffe12"), "token # freed twice at #");
        assert_eq!(normalise("token 12 freed twice at 0x1\nmore"), normalise("token 7 freed twice at 0x99f"));
    }
}
