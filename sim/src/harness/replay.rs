use super::{Finish, Report, Story, Subject, Trial, run, tag};
use crate::tape::{Mark, Pin, Reason, Tape, TapeError};
use crate::{Overlay, Sim, Site, Trace};
use core::fmt;

/// What a tape's run did this time.
#[derive(Clone, Debug)]
pub enum Replay {
    /// It took the recorded path to the recorded end.
    Same(Report),
    /// It did not.
    Left {
        /// Where it first differs, as near as the tape can tell.
        departure: Departure,
        /// Whether it ended as recorded all the same, by another path.
        same_end: bool,
        /// The run.
        report: Report,
    },
}

/// Where a replay left the recorded path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Departure {
    /// A pinned choice was never reached.
    Unreached {
        /// Line of the tape.
        line: u32,
        /// Where the choice would have been made.
        site: Site,
    },
    /// The first mark that differs.
    Mark {
        /// Events up to the last mark that agrees.
        agreed: u64,
        /// The mark.
        mark: Mark,
        /// Whether the run ended before it got there.
        ended: bool,
    },
    /// The run ended differently: the failure ids, `None` for success.
    End {
        /// As recorded.
        expected: Option<String>,
        /// This run's.
        found: Option<String>,
    },
    /// Everything that the tape records agrees, except the hash of the whole.
    Hash {
        /// As recorded.
        expected: u128,
        /// This run's.
        found: u128,
    },
}

impl Story {
    /// Runs a tape again.
    ///
    /// # Errors
    /// If the tape does not fit the story: another name, a parameter it does not have, a site where the run never
    /// chooses, a value that is out of range there.
    pub fn replay(&self, tape: &Tape) -> Result<Replay, TapeError> {
        Subject::from(self).replay(tape)
    }

    /// Runs a tape again and keeps every event with its cause.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn trace_tape(&self, tape: &Tape) -> Result<(Report, Trace), TapeError> {
        Subject::from(self).trace_tape(tape)
    }
}

impl Tape {
    /// What the tape settles.
    pub fn trial(&self) -> Trial {
        let overlay: Overlay = self.choices.iter().map(|pin| (pin.site.clone(), pin.value)).collect();
        Trial { base: self.base, overlay, ..Trial::seed(self.seed) }
    }
}

/// Runs `body` as the tape says.
pub(super) fn replay<R: Finish>(tape: &Tape, body: &impl Fn(&mut Sim) -> R) -> Result<Replay, TapeError> {
    let at: Vec<u64> = tape.marks.iter().map(|mark| mark.events).collect();
    let report = run::marked(&tape.trial(), at, body);
    check_pins(&tape.choices, &report)?;
    let expected = tape.failure.as_ref().map(|ending| &ending.tag);
    let same_end = report.failure.as_ref().map(tag).as_ref() == expected;
    Ok(match departure(tape, &report, same_end) {
        None => Replay::Same(report),
        Some(departure) => Replay::Left { departure, same_end, report },
    })
}

/// A pin must fit the world that the tape is about: its entity takes decisions of this kind, among so many values.
pub(super) fn check_pins(pins: &[Pin], report: &Report) -> Result<(), TapeError> {
    for pin in pins {
        if let Some(choice) = report.overlay.out_of_range.iter().find(|choice| choice.site == pin.site) {
            let site = pin.site.to_string();
            return Err(TapeError::at(pin.line, Reason::OutOfRange { site, value: pin.value, n: choice.n }));
        }
        if report.overlay.unknown.contains(&pin.site) {
            return Err(TapeError::at(pin.line, Reason::UnknownSite(pin.site.to_string())));
        }
    }
    Ok(())
}

fn departure(tape: &Tape, report: &Report, same_end: bool) -> Option<Departure> {
    let mut agreed = 0;
    for mark in &tape.marks {
        if !report.marks.contains(mark) {
            return Some(Departure::Mark { agreed, mark: *mark, ended: report.events < mark.events });
        }
        agreed = mark.events;
    }
    if let Some(pin) = tape.choices.iter().find(|pin| report.overlay.unused.contains(&pin.site)) {
        return Some(Departure::Unreached { line: pin.line, site: pin.site.clone() });
    }
    if !same_end {
        let expected = tape.failure.as_ref().map(|ending| ending.id.clone());
        return Some(Departure::End {
            expected,
            found: report.failure.as_ref().map(|failure| failure.id.clone()),
        });
    }
    let hashes = Departure::Hash { expected: tape.hash, found: report.hash };
    (tape.hash != report.hash).then_some(hashes)
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreached { line, site } => {
                write!(f, "before the choice `{site}` of line {line}, which was never made")
            }
            Self::Mark { agreed, mark, ended: true } => {
                write!(f, "after event {agreed}, and ended before event {}", mark.events)
            }
            Self::Mark { agreed: 0, mark, .. } => write!(f, "among the first {} events", mark.events),
            Self::Mark { agreed, mark, .. } => {
                write!(f, "after event {agreed}, which still agrees, and up to event {}", mark.events)
            }
            Self::End { .. } => f.write_str("at its end, and nowhere before that the tape could tell"),
            Self::Hash { expected, found } => {
                write!(f, "after the last mark: trace hash {found:032x}, expected {expected:032x}")
            }
        }
    }
}
