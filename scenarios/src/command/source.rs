use super::select::settle;
use crate::stories;
use std::fs::File;
use std::path::Path;
use tidemill_sim::harness::{Report, Story, Trial};
use tidemill_sim::tape::{Reason, Tape, TapeError};
use tidemill_sim::trace::Trace;

/// A run that can be run again: a tape, or a story and its seed.
pub(super) struct Source<'a> {
    /// A story's name, or a tape's path.
    pub(super) what: &'a str,
    pub(super) seed: Option<u64>,
    pub(super) settings: &'a [String],
}

impl Source<'_> {
    /// Runs it and keeps the trace. The error names what is wrong with the question.
    pub(super) fn trace(&self) -> Result<(Report, Trace), String> {
        if let Some(story) = stories::find(self.what) {
            return self.story(story);
        }
        let path = Path::new(self.what);
        if !path.is_file() {
            let names: String = stories::all().iter().map(|story| format!("\n  {}", story.name)).collect();
            let what = self.what.escape_debug();
            return Err(format!("`{what}` is neither a tape nor a story; the stories are:{names}"));
        }
        if self.seed.is_some() || !self.settings.is_empty() {
            return Err(format!("{}: a tape has its own seed and parameters", path.display()));
        }
        let located = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let tape = File::open(path).and_then(Tape::read).map_err(|error| located(&error))?;
        let tape = tape.map_err(|error| located(&error))?;
        let Some(story) = stories::find(&tape.story.value) else {
            let known = stories::all().iter().map(|story| story.name.to_owned()).collect();
            let reason = Reason::UnknownStory { name: tape.story.value.clone(), known };
            return Err(located(&TapeError { line: tape.story.line, reason }));
        };
        story.trace_tape(&tape).map_err(|error| located(&error))
    }

    /// Whether a story can be run as it is asked for.
    pub(super) fn settled(&self) -> Result<(), String> {
        stories::find(self.what).map_or(Ok(()), |story| settle(story, self.settings).map(drop))
    }

    fn story(&self, story: &Story) -> Result<(Report, Trace), String> {
        let seed = self.seed.ok_or_else(|| format!("which run of {}? --seed N names it", story.name))?;
        let params = settle(story, self.settings)?;
        Ok(story.trace(&params, &Trial::seed(seed)))
    }
}
