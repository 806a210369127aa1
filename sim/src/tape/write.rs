use super::{Tape, VERSION};
use crate::Base;
use core::fmt;

/// The tape as text. Reading it gives the same tape; line ends inside values become spaces.
impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tidemill tape {VERSION}")?;
        writeln!(f, "crate   = {}", Line(&self.crate_version))?;
        writeln!(f, "story   = {}", Line(&self.story.value))?;
        writeln!(f, "seed    = {}", self.seed)?;
        if self.base == Base::Zero {
            writeln!(f, "base    = zero")?;
        }
        for pair in &self.config {
            writeln!(f, "config  {} = {}", Line(&pair.key), Line(&pair.value))?;
        }
        for pin in &self.choices {
            writeln!(f, "choice  {} = {}", pin.site, pin.value)?;
        }
        for mark in &self.marks {
            writeln!(f, "mark    {} = {:032x}", mark.events, mark.hash)?;
        }
        match &self.failure {
            None => writeln!(f, "failure = none")?,
            Some(ending) => writeln!(f, "failure = {} {}", ending.tag, Line(&ending.id))?,
        }
        writeln!(f, "hash    = {:032x}", self.hash)?;
        writeln!(f, "end")
    }
}

/// Text on one line, no longer than a reader takes.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 512;
        for c in self.0.chars().take(SHOWN) {
            let c = if c.is_control() { ' ' } else { c };
            write!(f, "{c}")?;
        }
        Ok(())
    }
}
