//! The tables of features in `sim/README.md` and `core/ring/README.md`, made from the tests that carry a row's id.
//!
//! A test shows a row by a comment line above it: `// SIM-LINKS: a datagram is lost at the stated rate`; one of the ring may
//! name several rows before the colon.

use crate::shell::{Failure, Place};
use crate::table::Verdict;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One table: its rows, and the file that it stands in.
struct Table {
    /// How its ids begin.
    prefix: &'static str,
    /// Row ids with what a user gets, in the order of the table.
    rows: &'static [(&'static str, &'static str)],
    /// Rows of the design that have no code yet, and so no test.
    absent: &'static [(&'static str, &'static str)],
    file: &'static str,
}

const TABLES: &[Table] = &[
    Table { prefix: "SIM-", rows: ROWS, absent: ABSENT, file: "sim/README.md" },
    Table { prefix: "RING-", rows: RING_ROWS, absent: RING_ABSENT, file: "core/ring/README.md" },
];

const ROWS: &[(&str, &str)] = &[
    ("SIM-STABLE", "shipping code on stable rustc, no flags and no cfg on dependants"),
    ("SIM-TIME", "nanoseconds of virtual time, links without latency, idle time skipped"),
    ("SIM-CLOCKS", "a clock per machine with offset, drift, step, slew and pause; a separate wall clock"),
    ("SIM-LINKS", "drop, delay, duplicate, reorder, corrupt, truncate, per link and direction"),
    ("SIM-QUEUES", "bandwidth, queueing, clog, hold / inspect / release, swizzle, streams"),
    ("SIM-PROCESSES", "kill, restart with durable state, pause and resume, zombies"),
    (
        "SIM-DISK",
        "disks: unsynced loss, torn and misdirected writes, rot, full, errors, stalls, lying sync; every crash point",
    ),
    ("SIM-SHM", "shared memory: death at every store, a hostile peer, stale reads, two base addresses"),
    ("SIM-MEMORY", "memory managers: exhaustion, the n-th allocation fails, poison, relocation"),
    ("SIM-SWARM", "every run draws its own fault families and rates"),
    ("SIM-BUDGET", "a fault budget derived from the placement of the graph"),
    ("SIM-LIVENESS", "heal a core, then converge in bounded virtual time"),
    ("SIM-ASSERT", "always, sometimes, reachable, unreachable, watermarks, merged over seeds"),
    (
        "SIM-ORACLES",
        "oracles: conservation, order, exactly-once, watermark, linearizability, leak, refinement and more",
    ),
    ("SIM-CHECK", "determinism self-check that names the first divergent event with both causal pasts"),
    ("SIM-NTH", "the n-th simulation equals the first; equal hashes across systems, architectures, profiles"),
    ("SIM-REPLAY", "a replay file that survives code edits elsewhere"),
    ("SIM-SHRINK", "a shrinker over workload, faults and schedule that keeps the failure id"),
    ("SIM-WHY", "probability of the bug over time, causal slice, findability after a fix"),
    ("SIM-EXPLORE", "random, swarm, PCT, exhaustive with reduction, guided, portfolio"),
    ("SIM-TRACE", "traces as text, Perfetto, sequence diagram and page; the difference of two"),
    ("SIM-CONTRACTS", "contract macros judged in simulation and on real backends, with negative controls"),
];

const ABSENT: &[(&str, &str)] = &[("SIM-DEVICES", "devices: absent until `core/device` exists")];

const RING_ROWS: &[(&str, &str)] = &[
    ("RING-SPMC", "one producer, many consumers over one region: each gets each item, once and in order"),
    (
        "RING-MPSC",
        "several producers beside each other; what a dead one had claimed is void by proof, whoever has it",
    ),
    ("RING-LOAN", "loan, commit, abort; leased read; bounded poll; acknowledge apart from read"),
    ("RING-POLICY", "a policy per consumer: block, lossy, evict, fail"),
    ("RING-JOIN", "join at any time, with nobody's help: earliest, latest, a position, resume"),
    ("RING-RESTART", "restart of either side; the generation is visible, nothing published is lost"),
    ("RING-DEATH", "only proof frees what a dead peer held; places kept for who comes back"),
    ("RING-STALE", "stale and half-made segments: seen, refused, never taken from who uses them"),
    ("RING-HEADER", "a header is believed after every field was checked, and the wrong one is named"),
    ("RING-LAYOUT", "offsets only: the same segment at every address and word size"),
    ("RING-TYPES", "other elements are refused by size, alignment or fingerprint"),
    ("RING-PLAIN", "elements without padding, niches or pointers"),
    ("RING-NARROW", "positions of 64 bits where no word is"),
    ("RING-UNTRUSTED", "a word that its owner does not write is a fault, never a panic or a hang"),
    ("RING-NAMES", "names that every system takes; session layout and topology"),
    ("RING-WAIT", "waits with deadline and cancel"),
    ("RING-ASYNC", "the same waits for tasks, under any executor"),
    ("RING-COORDINATE", "immediate, wait for consumers, buffer until they are there"),
    ("RING-REQUIRED", "consumers without which nothing is published, on an injected clock"),
    ("RING-FRAMES", "messages in parts: whole or broken, never short"),
    (
        "RING-LAYERS",
        "messages over a segment, in parts or in one run; values over messages; published whole or not at all",
    ),
    ("RING-CODECS", "codecs that ship: postcard, bincode, rkyv, FlatBuffers"),
    ("RING-COUNTERS", "counters of the application in the segment, read by anybody, exported as text"),
    (
        "RING-TOOL",
        "`tidemill ring`: a ring in use or left behind is listed, shown, followed, judged, repaired, collected",
    ),
    ("RING-CRASH", "death at every store of every party, with and without a next life"),
    ("RING-MEMORY", "the same however late stores are seen"),
    ("RING-LOOM", "models of the shipped orderings, and twins without them"),
    (
        "RING-BOARD",
        "a ring between a Linux process and firmware: one source, two word sizes, two base addresses",
    ),
    (
        "RING-EDGE",
        "an edge of a graph between two processes: messages lie in a pool, and proof says whose a slot is",
    ),
    ("RING-LAWS", "one suite of laws for every ring, and twins that it rejects"),
];

const RING_ABSENT: &[(&str, &str)] = &[];

const BEGIN: &str = "<!-- features: made by `cargo ci features` -->";
const END: &str = "<!-- end of features -->";

/// One test that shows a row.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    row: String,
    what: String,
    test: String,
    file: String,
}

pub(crate) fn run(place: &Place) -> Verdict {
    let done = TABLES.iter().map(|table| one(place, table)).collect::<Result<Vec<_>, _>>()?;
    Ok(done.join("; "))
}

fn one(place: &Place, set: &Table) -> Verdict {
    let mut shown: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for path in sources(place)? {
        let text = fs::read_to_string(place.root.join(&path))
            .map_err(|error| Failure::new(format!("{path}: {error}")))?;
        for test in collect(&text, &path, set.prefix) {
            shown.entry(test.row.clone()).or_default().push(test);
        }
    }
    let known = |row: &String| set.rows.iter().any(|(id, _)| id == row);
    if let Some((row, tests)) = shown.iter().find(|(row, _)| !known(row)) {
        return Err(Failure::new(format!("{}: there is no row {row}", tests[0].file)));
    }
    if let Some((id, _)) = set.rows.iter().find(|(id, _)| !shown.contains_key(*id)) {
        return Err(Failure::new(format!("no test carries the id of row {id}")));
    }
    let changed = write(&place.root.join(set.file), set.file, &table(set, &shown))?;
    let tests = shown.values().map(Vec::len).sum::<usize>();
    if changed {
        return Err(Failure::new(format!("{} was out of date; it is written anew, commit it", set.file)));
    }
    Ok(format!("{} rows of {} shown by {tests} tests", set.rows.len(), set.file))
}

/// Rust files that git sees, in its order.
fn sources(place: &Place) -> Result<Vec<String>, Failure> {
    let listed = place.call("git").args(["ls-files", "*.rs"]).capture()?;
    Ok(listed.stdout.lines().filter(|path| !path.starts_with("ci/")).map(str::to_owned).collect())
}

/// Tests of one file below a comment `SIM-…: what is shown`.
fn collect(text: &str, file: &str, prefix: &str) -> Vec<Shown> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let line = line.trim();
        if let Some((rows, what)) = marker(line, prefix) {
            open.extend(rows.split(", ").map(|row| (row.to_owned(), what.to_owned())));
        } else if let Some(test) = name(line) {
            found.extend(open.drain(..).map(|(row, what)| Shown {
                row,
                what,
                test: test.to_owned(),
                file: file.to_owned(),
            }));
        } else if line.is_empty() {
            open.clear();
        }
    }
    found
}

fn marker<'l>(line: &'l str, prefix: &str) -> Option<(&'l str, &'l str)> {
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//"))?.trim();
    let (rows, what) = text.split_once(':')?;
    let is_id = |row: &str| {
        let id = row.strip_prefix(prefix);
        id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_uppercase()))
    };
    rows.split(", ").all(is_id).then_some((rows, what.trim()))
}

/// The name in `fn name(…`, however it begins.
fn name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ").unwrap_or(line);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

fn table(set: &Table, shown: &BTreeMap<String, Vec<Shown>>) -> String {
    let mut out = String::from("| row | what you get | shown by |\n|---|---|---|\n");
    for (id, what) in set.rows {
        let tests = shown[*id].iter().map(|test| format!("`{}` ({})", test.test, test.file));
        let tests = tests.collect::<Vec<_>>().join("<br>");
        writeln!(out, "| {id} | {what} | {tests} |").expect("a string takes what is written");
    }
    for (id, what) in set.absent {
        writeln!(out, "| {id} | {what} | nothing |").expect("a string takes what is written");
    }
    out
}

/// Puts the table between its marks; whether that changed the file.
fn write(path: &Path, name: &str, table: &str) -> Result<bool, Failure> {
    let located = |error: &dyn std::fmt::Display| Failure::new(format!("{name}: {error}"));
    let text = fs::read_to_string(path).map_err(|error| located(&error))?;
    let (head, rest) = text.split_once(BEGIN).ok_or_else(|| located(&"has no mark where features begin"))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| located(&"has no mark where features end"))?;
    let fresh = format!("{head}{BEGIN}\n{table}{END}{tail}");
    if fresh == text {
        return Ok(false);
    }
    fs::write(path, fresh).map_err(|error| located(&error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{collect, marker};

    #[test]
    fn a_marked_test_is_found_by_its_row_and_an_unmarked_one_is_not() {
        let text =
            "// SIM-LINKS: loss\n#[test]\nfn a_datagram_is_lost() {\n}\n\n// a remark\n#[test]\nfn b() {}\n";
        let found = collect(text, "x.rs", "SIM-");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].row.as_str(), found[0].what.as_str()), ("SIM-LINKS", "loss"));
        assert_eq!(found[0].test, "a_datagram_is_lost");
    }

    #[test]
    fn a_mark_over_nothing_shows_nothing() {
        assert_eq!(collect("// SIM-LINKS: loss\n\nfn f() {}\n", "x.rs", "SIM-"), []);
        assert_eq!(marker("// SIM-links: loss", "SIM-"), None);
        assert_eq!(marker("let a = SIM-LINKS: 3", "SIM-"), None);
    }
}
