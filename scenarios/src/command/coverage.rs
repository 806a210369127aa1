use super::text::{Table, count};
use super::{Exit, complain};
use clap::Args;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tidemill_sim::{ClaimId, Claims, Counts, Coverage, CoverageFile};

/// Where `tidemill run --coverage` is told to write in the examples.
const DEFAULT: &str = "coverage.json";

#[derive(Args, Debug)]
#[command(after_help = "\
A claim is a place in the code: always!, sometimes!, reachable!, unreachable!, watermark!, expects!, buggify!, or a fault.
Each part of a campaign writes a file (`tidemill run --coverage FILE`); here they are added up and judged as a whole.

Exit codes:
  0  every claim that must be met in some run was
  1  a `sometimes`, a `reachable` or something expected was not
  2  a file that cannot be read (the message names line and reason)

Examples:
  tidemill run ping_pong --coverage coverage.json
  tidemill coverage coverage.json
  tidemill coverage part1.json part2.json --merged whole.json")]
pub(super) struct CoverageOf {
    /// Coverage files; their runs are added up.
    #[arg(value_name = "FILE", default_value = DEFAULT)]
    files: Vec<PathBuf>,

    /// Writes the sum as a coverage file.
    #[arg(long, value_name = "FILE")]
    merged: Option<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl CoverageOf {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let mut sum = CoverageFile::default();
        for path in &self.files {
            match read(path) {
                Ok(file) => sum.merge(file),
                Err(message) => {
                    complain(&message);
                    return Ok(Exit::Usage);
                }
            }
        }
        if let Some(path) = &self.merged {
            write(&sum, path)?;
        }
        if self.json {
            let stories: Vec<Value> =
                sum.stories.iter().map(|(name, coverage)| object(name, coverage)).collect();
            writeln!(out, "{:#}", json!({ "stories": stories }))?;
        } else {
            sum.stories.iter().try_for_each(|(name, coverage)| show(name, coverage, out))?;
        }
        let unmet = sum.stories.values().any(|coverage| coverage.unmet().next().is_some());
        Ok(if unmet { Exit::Failed } else { Exit::Passed })
    }
}

fn read(path: &Path) -> Result<CoverageFile, String> {
    let located = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).and_then(CoverageFile::read).map_err(|error| located(&error))?;
    file.map_err(|error| located(&error))
}

/// Writes a coverage file, in folders that are made for it.
pub(super) fn write(coverage: &CoverageFile, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, coverage.to_string())
}

fn show(name: &str, coverage: &Coverage, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{name}: {} runs", count(coverage.runs))?;
    let mut table = Table::new("  ");
    table.row(["claim", "runs", "evaluated", "met", "first seed", "detail", "name"].map(str::to_owned));
    let named = coverage.by_name();
    for (id, counts) in coverage {
        let of_name;
        let counts = match (id.claims, named.get(&*id.name)) {
            (Claims::Expected, Some(sum)) => {
                of_name = Counts { runs: counts.runs, ..*sum };
                &of_name
            }
            _ => counts,
        };
        table.row([
            kind(id.claims).to_owned(),
            count(counts.runs),
            count(counts.evaluated),
            count(counts.met),
            counts.seed.map_or_else(|| "-".to_owned(), |seed| seed.to_string()),
            more(id, counts),
            id.to_string(),
        ]);
    }
    write!(out, "{table}")?;
    for id in coverage.unmet() {
        writeln!(out, "  not met in any of {} runs: {id}", count(coverage.runs))?;
    }
    Ok(())
}

/// What only some kinds of claims have.
fn more(id: &ClaimId, counts: &Counts) -> String {
    match (id.claims, counts.range) {
        (Claims::Watermark, Some((low, high))) => format!("from {low} to {high}"),
        (Claims::Fault | Claims::Buggify, _) => {
            format!("changed {}, refused {}", count(counts.changed), count(counts.refused))
        }
        _ => String::new(),
    }
}

fn kind(claims: Claims) -> &'static str {
    match claims {
        Claims::Always => "always",
        Claims::Sometimes => "sometimes",
        Claims::Reachable => "reachable",
        Claims::Unreachable => "unreachable",
        Claims::Watermark => "watermark",
        Claims::Expected => "expected",
        Claims::Buggify => "buggify",
        Claims::Fault => "fault",
        Claims::Family => "family",
    }
}

fn object(name: &str, coverage: &Coverage) -> Value {
    let claim = |(id, counts): (&ClaimId, &Counts)| {
        json!({
            "claims": kind(id.claims),
            "name": id.name,
            "file": id.file,
            "line": id.line,
            "runs": counts.runs,
            "evaluated": counts.evaluated,
            "met": counts.met,
            "changed": counts.changed,
            "refused": counts.refused,
            "range": counts.range,
            "seed": counts.seed,
        })
    };
    json!({
        "story": name,
        "runs": coverage.runs,
        "claims": coverage.iter().map(claim).collect::<Vec<_>>(),
        "unmet": coverage.unmet().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
