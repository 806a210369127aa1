//! The processes of a check, as the one that asks them sees them.

use super::look::Look;
use super::way::Way;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use tidemill_sim::harness::{Again, Marked};
use tidemill_sim::tape::Mark;
use tidemill_sim::trace::Trace;

/// What one run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) story: String,
    pub(super) seed: u64,
    hash: u128,
}

/// A run that reached outside of its simulation, as somebody at the door saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    pub(super) story: String,
    pub(super) seed: u64,
    pub(super) site: String,
    pub(super) what: String,
}

/// What a process said.
#[derive(Default, Debug)]
pub(super) struct Said {
    pub(super) runs: Vec<Line>,
    pub(super) reached: Vec<Reached>,
    /// Stands for the hash keys of the process.
    pub(super) keys: u64,
    /// Memory was to be filled, and was not.
    pub(super) unfilled: bool,
    marks: Vec<Mark>,
    end: Option<Mark>,
}

/// A process that can be run, and run again.
pub(super) struct Probe {
    program: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

impl Probe {
    /// With the seeds below `seeds`, or the last of them alone, as the way has it.
    pub(super) fn new(way: Way, stories: &[String], settings: &[String], seeds: u64) -> Self {
        let mut arguments: Vec<OsString> = vec!["check".into()];
        arguments.extend(stories.iter().map(OsString::from));
        for setting in settings {
            arguments.extend(["--set".into(), setting.into()]);
        }
        let name = clap::ValueEnum::to_possible_value(&way).map(|value| value.get_name().to_owned());
        arguments.extend(["--way".into(), name.unwrap_or_default().into()]);
        arguments.extend(["--seeds".into(), seeds.to_string().into()]);
        Self { program: std::env::current_exe(), arguments }
    }

    /// The same question to another program.
    pub(super) fn of(self, program: PathBuf) -> Self {
        Self { program: Ok(program), ..self }
    }

    /// What every run came to.
    pub(super) fn ask(&self) -> io::Result<Said> {
        self.say(&[])
    }

    fn say(&self, more: &[OsString]) -> io::Result<Said> {
        let program =
            self.program.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", program.display()));
        let output = Command::new(program).args(&self.arguments).args(more).output().map_err(named)?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("{}: {}: {why}", program.display(), output.status)));
        }
        let mut said = Said::default();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            said.hear(line).ok_or_else(|| io::Error::other(format!("a probe said `{line}`")))?;
        }
        Ok(said)
    }

    /// The probe as one that looks at one of its runs.
    pub(super) fn at<'a>(&'a self, line: &'a Line) -> Looking<'a> {
        Looking { probe: self, line }
    }
}

impl Said {
    /// One line; `None` where nobody says such a thing.
    fn hear(&mut self, line: &str) -> Option<()> {
        let mark = |events: &str, hash: &str| {
            Some(Mark { events: events.parse().ok()?, hash: u128::from_str_radix(hash, 16).ok()? })
        };
        match line.splitn(5, ' ').collect::<Vec<_>>()[..] {
            ["run", story, seed, hash] => {
                let (seed, hash) = (seed.parse().ok()?, u128::from_str_radix(hash, 16).ok()?);
                self.runs.push(Line { story: story.to_owned(), seed, hash });
            }
            ["reached", story, seed, site, what] => self.reached.push(Reached {
                story: story.to_owned(),
                seed: seed.parse().ok()?,
                site: site.to_owned(),
                what: what.to_owned(),
            }),
            ["mark", events, hash] => self.marks.push(mark(events, hash)?),
            ["end", events, hash] => self.end = Some(mark(events, hash)?),
            ["keys", number] => self.keys = number.parse().ok()?,
            ["fill", "no"] => self.unfilled = true,
            _ => return None,
        }
        Some(())
    }
}

/// One run of a probe, that can be had again: in the way of the probe, with whatever runs before it there.
pub(super) struct Looking<'a> {
    probe: &'a Probe,
    line: &'a Line,
}

impl Looking<'_> {
    fn look(&self, at: &[u64], until: Option<u64>, more: &[OsString]) -> io::Result<Said> {
        let look = Look { story: self.line.story.clone(), seed: self.line.seed, until, at: at.to_vec() };
        self.probe.say(&[&["--look".into(), look.to_string().into()], more].concat())
    }
}

impl Again for Looking<'_> {
    type Error = io::Error;

    fn marks(&self, at: &[u64], until: Option<u64>) -> io::Result<Marked> {
        let Said { marks, end, .. } = self.look(at, until, &[])?;
        let end = end.ok_or_else(|| io::Error::other("a probe did not run what was looked at"))?;
        Ok(Marked { marks, end })
    }

    fn trace(&self, until: u64) -> io::Result<Trace> {
        let path = std::env::temp_dir().join(format!("tidemill-check-{}.trace", std::process::id()));
        self.look(&[], Some(until), &["--keep".into(), path.clone().into()])?;
        let bytes = fs::read(&path);
        let _ = fs::remove_file(&path);
        Trace::decode(&bytes?).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn what_nobody_says_is_not_heard() {
        let mut said = Said::default();
        for line in ["run a 1 0f", "reached a 1 x.rs:3 a real clock was read", "keys 7", "fill no", "end 9 a"]
        {
            assert_eq!(said.hear(line), Some(()), "{line}");
        }
        assert_eq!((said.runs.len(), said.keys, said.unfilled), (1, 7, true));
        assert_eq!(said.reached[0].what, "a real clock was read");
        for line in
            ["", "run", "run a b c", "run a 1 xyz", "mark 1", "mark x 1", "keys", "keys -1", "fill yes"]
        {
            assert_eq!(said.hear(line), None, "{line}");
        }
    }
}
