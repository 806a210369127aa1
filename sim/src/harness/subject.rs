use super::{Param, Params, Replay, Report, Story, Trial, Unsteady, replay, run, story};
use crate::tape::{Reason, Tape, TapeError};
use crate::{Failure, Sim, Trace};
use core::fmt;

/// What a subject runs.
type Body<'a> = dyn Fn(&mut Sim, &Params) -> Result<(), Failure> + 'a;

/// A story, or a plain test, as something that can be run again and again in other ways.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    name: &'a str,
    list: &'a [Param],
    body: &'a Body<'a>,
}

impl<'a> From<&'a Story> for Subject<'a> {
    fn from(story: &'a Story) -> Self {
        Self { name: story.name, list: story.params, body: &story.body }
    }
}

impl<'a> Subject<'a> {
    /// A simulation without parameters, called `name` on its tapes.
    pub fn test(name: &'a str, body: &'a Body<'a>) -> Self {
        Self { name, list: &[], body }
    }

    /// What its tapes call it.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What can be set.
    pub fn list(&self) -> &'a [Param] {
        self.list
    }

    /// The same with another body, which may add to the first one.
    pub(crate) fn with<'b>(&self, body: &'b Body<'b>) -> Subject<'b>
    where
        'a: 'b,
    {
        Subject { body, ..*self }
    }

    /// What it does to a world.
    pub(crate) fn play(&self, sim: &mut Sim, params: &Params) -> Result<(), Failure> {
        (self.body)(sim, params)
    }

    /// The parameters that a tape sets; the others stand at their defaults.
    ///
    /// # Errors
    /// If the tape is about something else, or sets a parameter that is not there or cannot be so.
    pub fn params_of(&self, tape: &Tape) -> Result<Params, TapeError> {
        if tape.story.value != self.name {
            let (name, known) = (tape.story.value.clone(), vec![self.name.to_owned()]);
            return Err(TapeError::at(tape.story.line, Reason::UnknownStory { name, known }));
        }
        let mut params = Params::of(self.list);
        for pair in &tape.config {
            params.set(self.list, &pair.key, &pair.value).map_err(|bad| {
                let why = format!("config {} = {}: {bad}", pair.key, pair.value);
                TapeError::at(pair.line, Reason::BadConfig(why))
            })?;
        }
        Ok(params)
    }

    /// Runs it once, as `trial` settles it.
    pub fn trial(&self, params: &Params, trial: &Trial) -> Report {
        run::once(trial, &|sim: &mut Sim| (self.body)(sim, params))
    }

    /// The tape of a run that [`trial`](Self::trial) reported.
    ///
    /// # Errors
    /// If the run, repeated, takes another path: it is not a function of its seed.
    pub fn tape_of(&self, params: &Params, trial: &Trial, report: &Report) -> Result<Tape, Unsteady> {
        let body = |sim: &mut Sim| (self.body)(sim, params);
        story::tape(self.name, params.changed(), trial, report, &body)
    }

    /// Runs a tape again.
    ///
    /// # Errors
    /// As [`Story::replay`].
    pub fn replay(&self, tape: &Tape) -> Result<Replay, TapeError> {
        let params = self.params_of(tape)?;
        replay::replay(tape, &|sim: &mut Sim| (self.body)(sim, &params))
    }

    /// Runs a tape again and keeps every event with its cause.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn trace_tape(&self, tape: &Tape) -> Result<(Report, Trace), TapeError> {
        let params = self.params_of(tape)?;
        let body = |sim: &mut Sim| (self.body)(sim, &params);
        let (report, trace) = run::traced(self.name, &tape.trial(), &body);
        replay::check_pins(&tape.choices, &report)?;
        Ok((report, trace))
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).field("list", &self.list).finish_non_exhaustive()
    }
}
