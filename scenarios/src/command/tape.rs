use super::{Exit, complain};
use crate::stories;
use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use tidemill_sim::harness::Story;
use tidemill_sim::shrink::Refusal;
use tidemill_sim::tape::{Reason, Tape, TapeError};

/// Reads a tape and finds its story; what is wrong with it is said on standard error.
pub(super) fn load(path: &Path) -> Result<(Tape, &'static Story), Exit> {
    let tape = match File::open(path).and_then(Tape::read) {
        Ok(Ok(tape)) => tape,
        Ok(Err(error)) => return Err(refuse(path, &error)),
        Err(error) => return Err(refuse(path, &error)),
    };
    match stories::find(&tape.story.value) {
        Some(story) => Ok((tape, story)),
        None => {
            let known = stories::all().iter().map(|story| story.name.to_owned()).collect();
            let reason = Reason::UnknownStory { name: tape.story.value.clone(), known };
            Err(refuse(path, &TapeError { line: tape.story.line, reason }))
        }
    }
}

/// Says why a tape cannot be shrunk or explained.
pub(super) fn decline(path: &Path, refusal: &Refusal) -> Exit {
    let exit = refuse(path, refusal);
    if let Refusal::Tape(_) = refusal { exit } else { Exit::Departed }
}

/// Says what is wrong with a tape.
pub(super) fn refuse(path: &Path, error: &dyn Display) -> Exit {
    complain(&format_args!("{}: {error}", path.display()));
    Exit::Usage
}
