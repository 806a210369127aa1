//! The benches at small effort: they run, check their sums, and the instruction counts keep their limits.

use crate::shell::Place;
use crate::table::Verdict;

pub(crate) fn run(place: &Place) -> Verdict {
    let mut ran = Vec::new();
    let benches = [
        ("instructions", None),
        ("segment_instructions", None),
        ("sim_instructions", None),
        ("ring", Some("--quick")),
        ("segment", Some("--quick")),
        ("sim_speed", Some("--quick")),
    ];
    for (bench, effort) in benches {
        let call = place.cargo(["bench", "--workspace", "--bench", bench]);
        let call = if let Some(effort) = effort { call.args(["--", effort]) } else { call };
        call.run()?;
        ran.push(bench);
    }
    Ok(ran.join(", "))
}
