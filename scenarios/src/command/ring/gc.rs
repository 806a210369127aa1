use super::super::text::{Table, count};
use super::ls::{Other, all, others_json};
use super::seen::Seen;
use super::{Exit, SHARED, open, shown};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tidemill_host::ring::{AttachError, Backing};
use tidemill_seam::Life;

const AFTER: &str = "\
A ring is used by whoever has it open: producers, consumers and readers, stopped ones as well, and children that inherited
a descriptor. The kernel knows of all of them by their locks. To remove a ring its whole range of locks is taken first, so
one that has any user keeps its name, and one that somebody is about to open is made anew by its next producer.
What is called as a ring and is none is never removed, and what is being made has no name yet.

Exit codes:
  0  every ring is used, or was removed
  1  a ring is used by nobody and left, or a file that is called as a ring is none
  2  there is no such ring or folder, or it may not be read or removed
  3  what is there is no ring (of one that is named)

Examples:
  tidemill ring gc                     what nobody uses in shared memory
  tidemill ring gc --delete            and away with it
  tidemill ring gc ./prices.ring --delete --json";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(super) struct Gc {
    /// Folders to look into, or rings by their names or paths.
    #[arg(value_name = "RING|FOLDER", default_value = SHARED)]
    places: Vec<String>,

    /// Removes them.
    #[arg(long)]
    delete: bool,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A ring that nobody used when it was looked at, and what became of it.
struct Unused {
    seen: Seen,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Left,
    Removed,
    /// Somebody was faster: it is used by now, or gone.
    Passed,
    Refused(AttachError),
}

impl Fate {
    fn of(removal: Result<(), AttachError>) -> Self {
        match removal {
            Ok(()) => Self::Removed,
            Err(AttachError::NameTaken { .. } | AttachError::NotFound) => Self::Passed,
            Err(error) => Self::Refused(error),
        }
    }

    fn told(self) -> String {
        match self {
            Self::Left => "unused".to_owned(),
            Self::Removed => "removed".to_owned(),
            Self::Passed => "used again, or gone".to_owned(),
            Self::Refused(error) => error.to_string(),
        }
    }
}

impl Gc {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (mut seen, mut others) = (Vec::new(), Vec::new());
        for place in &self.places {
            match look(place) {
                Ok((rings, no_rings)) => {
                    seen.extend(rings);
                    others.extend(no_rings);
                }
                Err(exit) => return Ok(exit),
            }
        }
        let used = seen.len();
        seen.retain(|one: &Seen| one.look.users() == Life::Dead);
        let used = used - seen.len();
        let fate = |path: &Path| {
            if self.delete { Fate::of(Backing::remove(path)) } else { Fate::Left }
        };
        let unused: Vec<Unused> =
            seen.into_iter().map(|seen| Unused { fate: fate(&seen.path), seen }).collect();
        if self.json {
            writeln!(out, "{:#}", report(&unused, used, &others))?;
        } else {
            told(&unused, used, &others, out)?;
        }
        if unused.iter().any(|one| matches!(one.fate, Fate::Refused(_))) {
            return Ok(Exit::Usage);
        }
        let left = unused.iter().any(|one| one.fate == Fate::Left);
        Ok(if left || !others.is_empty() { Exit::Failed } else { Exit::Passed })
    }
}

fn look(place: &str) -> Result<(Vec<Seen>, Vec<Other>), Exit> {
    let folder = PathBuf::from(place);
    if folder.is_dir() {
        return all(&[folder]);
    }
    open(place, Seen::at).map(|(_, seen)| (vec![seen], Vec::new()))
}

fn report(unused: &[Unused], used: usize, others: &[Other]) -> Value {
    let one = |one: &Unused| {
        let mut brief = one.seen.brief();
        brief["fate"] = one.fate.told().into();
        brief["removed"] = (one.fate == Fate::Removed).into();
        brief
    };
    let unused: Vec<Value> = unused.iter().map(one).collect();
    json!({ "unused": unused, "used": used, "others": others_json(others) })
}

fn told(unused: &[Unused], used: usize, others: &[Other], out: &mut impl Write) -> io::Result<()> {
    if unused.is_empty() {
        writeln!(out, "nothing to collect, {used} in use")?;
    } else {
        let mut table = Table::new("");
        table.row(["ring", "state", "published", "bytes", ""].map(str::to_owned));
        for Unused { seen, fate } in unused {
            let segment = seen.look.segment();
            table.row([
                shown(&seen.path),
                seen.state().to_owned(),
                count(segment.published().0),
                count(segment.header().layout.bytes()),
                fate.told(),
            ]);
        }
        write!(out, "{table}")?;
    }
    for (path, error) in others {
        writeln!(out, "{}: {error}", shown(path))?;
    }
    Ok(())
}
