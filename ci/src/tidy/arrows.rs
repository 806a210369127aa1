//! Which crate may stand on which: the arrows of ARCHITECTURE §2, held against what Cargo sees.

use super::Finding;
use crate::shell::{Failure, Place};
use serde_json::Value;
use std::collections::BTreeMap;

/// A crate, what its code may import, and what its tests may import on top.
struct Row {
    name: &'static str,
    code: &'static [&'static str],
    tests: &'static [&'static str],
}

const MACROS: &str = "tidemill-macros";
const SEAM: &str = "tidemill-seam";
const RING: &str = "tidemill-ring";
const FLOW: &str = "tidemill-flow";
const RELOCATE: &str = "tidemill-relocate";
const CONTRACTS: &str = "tidemill-contracts";
const HOST: &str = "tidemill-host";
const MCU: &str = "tidemill-mcu";
const SIM: &str = "tidemill-sim";
const SIM_MACROS: &str = "tidemill-sim-macros";
const SIM_GUARD: &str = "tidemill-sim-guard";
const WASM: &str = "tidemill-scenarios-wasm";
const PIPELINE: &str = "tidemill-pipeline";
const SCENARIOS: &str = "tidemill-scenarios";
const FACADE: &str = "tidemill";

const ROWS: &[Row] = &[
    Row { name: MACROS, code: &[], tests: &[RING] },
    Row { name: SEAM, code: &[], tests: &[] },
    Row { name: RING, code: &[SEAM, MACROS], tests: &[CONTRACTS] },
    Row { name: FLOW, code: &[SEAM, RING], tests: &[CONTRACTS] },
    Row { name: RELOCATE, code: &[SEAM], tests: &[] },
    Row { name: CONTRACTS, code: &[SEAM, RING, FLOW, RELOCATE], tests: &[] },
    Row { name: HOST, code: &[SEAM, RING, FLOW], tests: &[RELOCATE, CONTRACTS] },
    Row { name: MCU, code: &[SEAM, RING, FLOW], tests: &[CONTRACTS] },
    Row { name: FACADE, code: &[SEAM, RING, FLOW, RELOCATE, CONTRACTS, HOST, MCU], tests: &[] },
    Row { name: SIM_MACROS, code: &[], tests: &[SIM] },
    Row { name: SIM, code: &[SEAM, RING, FLOW, CONTRACTS, SIM_MACROS], tests: &[RELOCATE, PIPELINE] },
    Row { name: SIM_GUARD, code: &[SIM], tests: &[] },
    Row { name: PIPELINE, code: &[SEAM, RING, FLOW], tests: &[] },
    Row { name: WASM, code: &[SEAM, RING, FLOW, RELOCATE, CONTRACTS, HOST, PIPELINE, SIM], tests: &[] },
    Row {
        name: SCENARIOS,
        code: &[SEAM, RING, FLOW, RELOCATE, CONTRACTS, HOST, FACADE, SIM, PIPELINE],
        tests: &[RELOCATE, SIM_GUARD],
    },
    Row { name: "loom-tests", code: &[SEAM, RING, FLOW], tests: &[] },
    Row { name: "benches", code: &[SEAM, RING, FLOW, HOST, FACADE, SIM, PIPELINE], tests: &[SCENARIOS] },
    Row {
        name: "tidemill-fuzz",
        code: &[SEAM, RING, FLOW, RELOCATE, HOST, SIM, PIPELINE, SCENARIOS],
        tests: &[],
    },
    Row { name: "ci", code: &[], tests: &[] },
];

/// The arrows that Cargo sees between crates of the workspace.
#[derive(Default, Debug)]
pub(super) struct Arrows {
    crates: BTreeMap<String, Ends>,
}

#[derive(Default, Debug)]
struct Ends {
    code: Vec<String>,
    tests: Vec<String>,
}

pub(super) fn read(place: &Place) -> Result<Arrows, Failure> {
    let said = place.cargo(["metadata", "--no-deps", "--format-version", "1", "--offline"]).read()?;
    let metadata = serde_json::from_str(&said.stdout)
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    Ok(parse(&metadata))
}

fn parse(metadata: &Value) -> Arrows {
    let mut arrows = Arrows::default();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let ends = arrows.crates.entry(word(&package["name"])).or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["path"].is_null() {
                continue;
            }
            let side = if dependency["kind"] == "dev" { &mut ends.tests } else { &mut ends.code };
            side.push(word(&dependency["name"]));
        }
        for side in [&mut ends.code, &mut ends.tests] {
            side.sort();
            side.dedup();
        }
    }
    arrows
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Arrows {
    /// Crates in the order of the table, lowest first; `─▶` for code, `┄▶` for tests only.
    pub(super) fn drawing(&self) -> String {
        let known = ROWS.iter().filter_map(|row| Some((row.name, self.crates.get(row.name)?)));
        let mut lines = Vec::new();
        for (name, ends) in known {
            let mut line = format!("{name:<20}");
            if !ends.code.is_empty() {
                line.push_str(&format!(" ─▶ {}", ends.code.join(", ")));
            }
            if !ends.tests.is_empty() {
                line.push_str(&format!(" ┄▶ {}", ends.tests.join(", ")));
            }
            lines.push(line.trim_end().to_owned());
        }
        lines.join("\n")
    }

    /// Arrows that the table does not have.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let blame = |why: String| Finding { path: String::from("Cargo.toml"), line: 1, why, fatal: true };
        let mut found = Vec::new();
        for (name, ends) in &self.crates {
            let Some(row) = ROWS.iter().find(|row| row.name == name) else {
                found.push(blame(format!("crate {name} has no row in the table of arrows")));
                continue;
            };
            let code = |target: &String| row.code.contains(&target.as_str());
            for target in ends.code.iter().filter(|target| !code(target)) {
                found.push(blame(format!("{name} ─▶ {target} runs against the architecture")));
            }
            // A crate may name itself, to switch on a feature for its own tests.
            let tests =
                |target: &String| code(target) || target == name || row.tests.contains(&target.as_str());
            for target in ends.tests.iter().filter(|target| !tests(target)) {
                found.push(blame(format!("{name} ┄▶ {target} runs against the architecture")));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrows, ROWS, parse};
    use serde_json::json;

    fn arrows(name: &str, target: &str, kind: Option<&str>) -> Arrows {
        let dependency = json!({ "name": target, "kind": kind, "path": "/somewhere" });
        parse(&json!({ "packages": [{ "name": name, "dependencies": [dependency] }] }))
    }

    #[test]
    fn an_arrow_upward_is_found_in_code_and_in_tests() {
        assert_eq!(arrows("tidemill-seam", "tidemill-ring", None).findings().len(), 1);
        assert_eq!(arrows("tidemill-sim", "tidemill-host", None).findings().len(), 1);
        assert_eq!(arrows("tidemill-sim", "tidemill-mcu", Some("dev")).findings().len(), 1);
    }

    #[test]
    fn an_arrow_downward_is_drawn_and_allowed() {
        let down = arrows("tidemill-flow", "tidemill-ring", None);
        assert_eq!(down.findings(), []);
        assert_eq!(down.drawing(), "tidemill-flow        ─▶ tidemill-ring");
    }

    #[test]
    fn tests_may_reach_further_than_code() {
        assert_eq!(arrows("tidemill-ring", "tidemill-contracts", Some("dev")).findings(), []);
        assert_eq!(arrows("tidemill-ring", "tidemill-contracts", None).findings().len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found_and_a_library_is_no_arrow() {
        assert_eq!(arrows("tidemill-cellar", "tidemill-seam", None).findings().len(), 1);
        let library = json!({ "name": "clap", "kind": null, "path": null });
        let metadata = json!({ "packages": [{ "name": "ci", "dependencies": [library] }] });
        assert_eq!(parse(&metadata).findings(), []);
    }

    #[test]
    fn the_table_itself_has_no_arrow_upward() {
        for (at, row) in ROWS.iter().enumerate() {
            for target in row.code {
                assert!(ROWS[..at].iter().any(|lower| lower.name == *target), "{} ─▶ {target}", row.name);
            }
        }
    }
}
