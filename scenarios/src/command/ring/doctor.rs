use super::{Exit, open, refused, shown};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use tidemill_host::ring::{self, Look};
use tidemill_ring::Layout;
use tidemill_ring::doctor::{Finding, Repaired};

const AFTER: &str = "\
Judges copies of the control words, made by a look that takes part in nothing: a ring at work, a ring whose users are all
dead, a copied file. A law is named as in the documentation of `tidemill-ring`, a word by its index in the segment.

With `--repair` it first does what whoever joins next would do: it frees the places of those who are proved dead and for
whose names nothing is kept. It does nothing else, whatever it finds.

Exit codes:
  0  nothing is wrong
  1  something is, and is left
  2  there is no such ring, or it may not be read or repaired
  3  what is there is no ring

Examples:
  tidemill ring doctor prices
  tidemill ring doctor ./prices.ring --repair";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(super) struct Examine {
    /// The name of a ring in shared memory, or the path of its file: with a slash or a dot in it.
    #[arg(value_name = "RING")]
    ring: String,

    /// Frees what the dead hold, before it judges.
    #[arg(long)]
    repair: bool,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Examine {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        // Looked at first: what is no ring is not written to.
        let (path, look) = match open(&self.ring, Look::at) {
            Ok(opened) => opened,
            Err(exit) => return Ok(exit),
        };
        let repaired = match self.repair.then(|| ring::repair(&path)).transpose() {
            Ok(repaired) => repaired,
            Err(error) => return Ok(refused(&path, &error)),
        };
        let findings = match look.examine() {
            Ok(findings) => findings,
            Err(error) => return Ok(refused(&path, &error)),
        };
        if self.json {
            writeln!(out, "{:#}", report(&path, repaired, &findings))?;
        } else {
            told(&path, repaired, &findings, out)?;
        }
        Ok(if findings.is_empty() { Exit::Passed } else { Exit::Failed })
    }
}

fn report(path: &Path, repaired: Option<Repaired>, findings: &[Finding]) -> Value {
    let findings: Vec<Value> = findings
        .iter()
        .map(|one| {
            json!({
                "law": one.symptom.law(),
                "symptom": format!("{:?}", one.symptom).to_lowercase(),
                "slot": (one.slot < Layout::PRODUCER).then_some(one.slot),
                "word": one.word,
                "value": one.value,
                "allowed": one.allowed.map(|(least, most)| [least, most]),
                "says": one.to_string(),
                "cure": one.symptom.cure().to_string(),
            })
        })
        .collect();
    let repaired = repaired.map(|repaired| json!({ "freed": repaired.freed, "kept": repaired.kept }));
    json!({ "path": path.to_string_lossy(), "findings": findings, "repaired": repaired })
}

fn told(
    path: &Path,
    repaired: Option<Repaired>,
    findings: &[Finding],
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(Repaired { freed, kept }) = repaired {
        writeln!(out, "{}: {freed} places of dead ones freed, {kept} kept for their names", shown(path))?;
    }
    match findings {
        [] => writeln!(out, "{}: nothing is wrong", shown(path))?,
        [_] => writeln!(out, "{}: 1 finding", shown(path))?,
        more => writeln!(out, "{}: {} findings", shown(path), more.len())?,
    }
    for finding in findings {
        writeln!(out, "  {finding}")?;
        writeln!(out, "    cure: {}", finding.symptom.cure())?;
    }
    Ok(())
}
