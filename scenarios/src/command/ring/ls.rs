use super::super::text::{Table, count};
use super::seen::Seen;
use super::{Exit, SHARED, complain, shown};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use tidemill_host::ring::{self, AttachError};
use tidemill_seam::Life;

const AFTER: &str = "\
Opens and maps read-only, and takes part in nothing: a ring in use and one whose users are all dead are looked at alike.

Exit codes:
  0  nothing to remark
  1  an owner that is proved dead still has its place, or a file that is called as a ring is none
  2  there is no such folder, or it may not be read

Examples:
  tidemill ring ls                  the rings in shared memory
  tidemill ring ls /var/rings --json";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(super) struct Ls {
    /// Where to look for `tm.<name>` and `<name>.ring`.
    #[arg(value_name = "FOLDER", default_value = SHARED)]
    folders: Vec<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A file that is called as a ring and is none, with the reason.
pub(super) type Other = (PathBuf, AttachError);

impl Ls {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let Ok((seen, others)) = all(&self.folders) else { return Ok(Exit::Usage) };
        if self.json {
            let rings: Vec<Value> = seen.iter().map(Seen::brief).collect();
            writeln!(out, "{:#}", json!({ "rings": rings, "others": others_json(&others) }))?;
        } else if seen.is_empty() && others.is_empty() {
            writeln!(out, "no rings")?;
        } else {
            write!(out, "{}", table(&seen))?;
            for (path, error) in &others {
                writeln!(out, "{}: {error}", shown(path))?;
            }
        }
        let remarkable = !others.is_empty() || seen.iter().any(Seen::remarkable);
        Ok(if remarkable { Exit::Failed } else { Exit::Passed })
    }
}

/// Every ring of those folders, and what is called as one and is none. A folder that cannot be read is complained of.
pub(super) fn all(folders: &[PathBuf]) -> Result<(Vec<Seen>, Vec<Other>), Exit> {
    let (mut seen, mut others) = (Vec::new(), Vec::new());
    for folder in folders {
        let files = ring::list(folder).map_err(|error| {
            complain(&format_args!("{}: {error}", shown(folder)));
            Exit::Usage
        })?;
        for path in files {
            match Seen::at(&path) {
                Ok(one) => seen.push(one),
                // Gone since the folder was read.
                Err(AttachError::NotFound) => {}
                Err(error) => others.push((path, error)),
            }
        }
    }
    Ok((seen, others))
}

pub(super) fn others_json(others: &[Other]) -> Vec<Value> {
    let other = |(path, error): &Other| json!({ "path": path.to_string_lossy(), "why": error.to_string() });
    others.iter().map(other).collect()
}

fn table(seen: &[Seen]) -> Table<8> {
    let mut table = Table::new("");
    let head = ["ring", "state", "generation", "producer", "slots", "published", "alive", "dead"];
    table.row(head.map(str::to_owned));
    for one in seen {
        let segment = one.look.segment();
        table.row([
            shown(&one.path),
            one.state().to_owned(),
            one.generation().to_string(),
            one.processes().iter().map(u32::to_string).collect::<Vec<_>>().join(","),
            count(segment.header().layout.spec().capacity),
            count(segment.published().0),
            one.of_life(Life::Alive).to_string(),
            one.of_life(Life::Dead).to_string(),
        ]);
    }
    table
}
