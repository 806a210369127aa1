//! Every named safeguard of an edge that moves is left out once, and must be missed.
//!
//! Tests, most of them of `tidemill-relocate`, leave them out, and print a line for each: `mutant NAME WHEN LAW: what broke`. Here the lines
//! are held against the names, so that none is forgotten.

use crate::shell::{Failure, Place};
use crate::table::Verdict;
use std::collections::BTreeMap;

/// The tests that leave something out.
const TESTS: &[&str] = &["explore", "ends", "stage"];

/// What has to be left out, by the law that it keeps.
const NAMED: &[(&str, &[&str])] = &[
    (
        "what is committed is final",
        &[
            "commit_past_frontier",
            "no_commit_validation",
            "map_rule_without_acquire",
            "map_rule_without_cas",
            "effects_before_commit",
            "generation_in_sink_key",
            "unfenced_sink",
        ],
    ),
    (
        "what is final is kept",
        &["ack_on_read", "drop_when_host_acked", "input_floor_first", "skip_gap", "trim_past_floor"],
    ),
    ("what was is never undone", &["unfenced_producer_store", "unfenced_consumer_store", "rebind_older"]),
    (
        "one owner",
        &[
            "blind_publish",
            "produce_before_acquire",
            "no_owner_inc_rule",
            "unknown_cas_is_won",
            "unknown_cas_is_lost",
            "lost_cas_leaks_segment",
        ],
    ),
    ("facts are true", &["frontier_before_checkpoint", "end_before_checkpoint", "adopt_suffix"]),
    (
        "hosts",
        &[
            "accept_after_seal",
            "no_fence",
            "append_twice",
            "overwrite_conflict",
            "attach_or_create",
            "lends_to_the_dead",
            "ignore_nonce",
            "skip_cap_on_attach",
        ],
    ),
    ("lives", &["rollback_in_place", "unseeded_backoff", "retry_after_stale"]),
    ("leases", &["lease_Lh_equals_Lg", "count_from_reply", "wall_clock_lease", "lease_without_suspend"]),
    (
        "it goes on",
        &[
            "floor_not_rederived",
            "frontier_not_rederived",
            "forget_before_append",
            "poll_only_on_error",
            "ignore_complaint",
            "full_without_checkpoint",
            "window_blocks_certificate",
            "credits_lost_on_move",
        ],
    ),
    (
        "what a stage leaves is found",
        &[
            "single_slot",
            "one_copy_slot",
            "shared_extents",
            "overwrites_log",
            "cas_before_sync",
            "skip_crc",
            "blank_is_default",
            "fallback_past_ack",
            "unfenced_store",
            "unknown_commit_is_won",
            "unknown_commit_is_lost",
        ],
    ),
    ("the same seed is the same run", &["hash_order_segs"]),
];

pub(crate) fn run(place: &Place) -> Verdict {
    let tests = TESTS.iter().flat_map(|test| ["--test", test]);
    let filter = ["--", "--nocapture", "every_safeguard_that_is_left_out_is_missed"];
    let said = place.cargo(["test", "--workspace"].into_iter().chain(tests).chain(filter)).capture()?;
    if said.code() != Some(0) {
        return Err(Failure::new(format!("a safeguard is not missed\n{}", said.all())));
    }
    let missed = missed(&said.stdout);
    for (law, names) in NAMED {
        println!("{law}");
        for name in *names {
            let (when, broke) = missed.get(name).ok_or_else(|| nobody(name))?;
            println!("  {name:<28}{when:>9}  {broke}");
        }
    }
    let named: usize = NAMED.iter().map(|(_, names)| names.len()).sum();
    match missed.keys().find(|name| !NAMED.iter().any(|(_, names)| names.contains(name))) {
        Some(name) => Err(Failure::new(format!("{name} is left out by a test, and named nowhere"))),
        None => Ok(format!("{named} safeguards left out, each missed")),
    }
}

fn nobody(name: &str) -> Failure {
    Failure::new(format!("nobody leaves {name} out"))
}

/// What broke, and when, by the name of what was left out.
fn missed(said: &str) -> BTreeMap<&str, (&str, &str)> {
    said.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(&str, (&str, &str))> {
    let (name, rest) = line.split_once("mutant ")?.1.split_once(' ')?;
    Some((name, rest.trim_start().split_once("  ")?))
}

#[cfg(test)]
mod tests {
    use super::{NAMED, missed};
    use std::collections::BTreeSet;

    #[test]
    fn a_name_is_named_once() {
        let names: Vec<_> = NAMED.iter().flat_map(|(_, names)| *names).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn lines_of_tests_are_found_among_others() {
        let said =
            "running 1 test\ntest every ... mutant a   3 steps  S1: x\nmutant b  seed 0  L1: y\ntest ok\n";
        let missed = missed(said);
        assert_eq!((missed.len(), missed["a"], missed["b"]), (2, ("3 steps", "S1: x"), ("seed 0", "L1: y")));
    }
}
