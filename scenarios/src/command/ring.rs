//! `tidemill ring`: rings between processes, seen from outside.

mod doctor;
mod frame;
mod gc;
mod ls;
mod metrics;
mod seen;
mod stat;
mod tail;

use super::text::plain;
use super::{Exit, complain};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidemill_host::ring::{self, AttachError};

const SHARED: &str = "/dev/shm";

#[derive(Args, Debug)]
pub(super) struct RingOf {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Lists rings: who makes them, whether it lives, and how far it came.
    Ls(ls::Ls),
    /// Shows one ring: positions, participants, what became of their items, and the last events.
    Stat(stat::Stat),
    /// Prints the items of a ring, whole or not at all.
    Tail(tail::Tail),
    /// Judges a ring by every law that its words can show broken, and names the word and the cure.
    Doctor(doctor::Examine),
    /// Lists rings that nobody uses, and removes them where told to.
    Gc(gc::Gc),
}

impl RingOf {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        match &self.what {
            What::Ls(ls) => ls.run(out),
            What::Stat(stat) => stat.run(out),
            What::Tail(tail) => tail.run(out),
            What::Doctor(doctor) => doctor.run(out),
            What::Gc(gc) => gc.run(out),
        }
    }
}

/// Where a ring is that is meant by its name or its path.
fn place(ring: &str) -> Result<PathBuf, String> {
    if ring.contains(['/', '.']) {
        return Ok(PathBuf::from(ring));
    }
    ring::ring(ring).map(|ring| ring.path().to_owned()).map_err(|error| error.to_string())
}

/// What `open` makes of the ring that is meant, or how the command ends.
fn open<T>(ring: &str, open: impl FnOnce(&Path) -> Result<T, AttachError>) -> Result<(PathBuf, T), Exit> {
    let path = place(ring).map_err(|error| {
        complain(&format_args!("{}: {error}", plain(ring)));
        Exit::Usage
    })?;
    match open(&path) {
        Ok(opened) => Ok((path, opened)),
        Err(error) => Err(refused(&path, &error)),
    }
}

/// Says why a ring was not looked at.
fn refused(path: &Path, error: &AttachError) -> Exit {
    if matches!(error, AttachError::Incompatible { .. } | AttachError::NotReady) {
        complain(&format_args!("{}: no ring that can be read: {error}", shown(path)));
        return Exit::Departed;
    }
    complain(&format_args!("{}: {error}", shown(path)));
    Exit::Usage
}

fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// A span of time in the words of the command line, not zero.
fn span(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span.is_zero() { Err("no time at all".to_owned()) } else { Ok(span) }
}
