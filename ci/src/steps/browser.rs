//! The page that `tidemill trace` writes, opened and used in headless Chromium.

use super::tidemill::{Build, Tidemill};
use crate::shell::{Failure, Place};
use crate::table::Verdict;

/// The driver of the browser, at the version that was tried.
const DRIVER: &str = "playwright-core@1.64.1";

/// What is traced: a run that fails, one with every fault, a large one, one whose processes share memory.
const PAGES: [(&str, &[&str]); 4] = [
    ("failed.html", &["canary", "--seed", "0"]),
    ("faults.html", &["pipeline", "--seed", "4", "--set", "faults=60", "--set", "rows=2000"]),
    ("large.html", &["ping_pong", "--seed", "1", "--set", "pings=8000"]),
    ("shared.html", &["shared_ring", "--seed", "1", "--set", "entries=40"]),
];

pub(crate) fn run(place: &Place) -> Verdict {
    let tidemill = Tidemill::build(place, Build::Release)?;
    let dir = place.scratch("browser")?;
    for (page, run) in PAGES {
        let said =
            tidemill.call(&dir, ["trace"]).args(run).args(["--format", "html", "-o", page]).capture()?;
        if said.code() != Some(0) {
            return Err(Failure::new(format!("{page}: {}: {}", said.ending(), said.all().trim())));
        }
    }
    let quiet =
        ["install", "--prefix", ".", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error", DRIVER];
    place.call("npm").args(quiet).dir(&dir).run()?;
    let script = place.root.join("ci/browser/trace.mjs");
    let said = place.call("node").args([&script, &dir]).capture()?;
    print!("{}", said.all());
    if said.code() != Some(0) {
        let why = said.stderr.lines().find(|line| line.contains("Error")).unwrap_or("the page does not hold");
        return Err(Failure::new(format!("{why}; screenshots in {}", dir.display())));
    }
    Ok(said.stdout.lines().last().unwrap_or_default().to_owned())
}
