//! Every safeguard that can be left out and shows within bounds or in long runs: the law that breaks without it, and how soon.

use crate::search::{Found, search};
use crate::walk::{FAR, walk};
use crate::world::{Bounds, Sabotage};
use crate::{
    AT_ONCE, BLURRED, BY_MAP, ENDING, GOING_BACK, LAGGING, MOST, ONE_CRASH, ONE_ITEM, TWO_ITEMS,
    ZOMBIE_CONSUMER,
};
use tidemill_relocate::{Mutant, Preset};

/// Where it shows.
enum By {
    /// Every run within these bounds, the shortest first.
    Search(Bounds),
    /// Long runs, one for each seed, so many at most.
    Walks(Bounds, u64),
}
use By::{Search, Walks};

const CERTIFIED: Bounds = Bounds { preset: Preset::ExactlyOnce, ..FAR };
const SHORT: Bounds = Bounds { items: 1, ..FAR };

/// Its name, what is left out, where it shows, and the law that breaks.
const MUTANTS: &[(&str, Sabotage, By, &str)] = &[
    ("ack_on_read", Sabotage::In(Mutant::AckOnRead), Search(ONE_ITEM), "S2"),
    ("drop_when_host_acked", Sabotage::In(Mutant::DropWhenHostAcked), Search(ONE_ITEM), "S2"),
    ("commit_past_frontier", Sabotage::In(Mutant::CommitPastFrontier), Search(ONE_ITEM), "S1"),
    ("no_commit_validation", Sabotage::In(Mutant::NoCommitValidation), Search(ONE_ITEM), "S1"),
    ("unfenced_producer_store", Sabotage::UnfencedProducerStore, Search(ONE_ITEM), "S3"),
    ("unfenced_consumer_store", Sabotage::UnfencedConsumerStore, Search(ZOMBIE_CONSUMER), "S3"),
    ("blind_publish", Sabotage::BlindPublish, Search(ONE_ITEM), "S4"),
    ("accept_after_seal", Sabotage::In(Mutant::AcceptAfterSeal), Search(ONE_ITEM), "S6"),
    ("no_fence", Sabotage::In(Mutant::NoFence), Search(ONE_ITEM), "S6"),
    ("rebind_older", Sabotage::In(Mutant::RebindOlder), Search(LAGGING), "S8"),
    ("produce_before_acquire", Sabotage::In(Mutant::ProduceBeforeAcquire), Search(ONE_ITEM), "S4"),
    ("adopt_suffix", Sabotage::In(Mutant::AdoptSuffix), Search(ONE_ITEM), "S8"),
    ("frontier_before_checkpoint", Sabotage::In(Mutant::FrontierBeforeCheckpoint), Search(ONE_ITEM), "S5"),
    ("rollback_in_place", Sabotage::In(Mutant::RollbackInPlace), Search(GOING_BACK), "S7"),
    ("map_rule_without_acquire", Sabotage::In(Mutant::ProduceBeforeAcquire), Search(BY_MAP), "S1"),
    ("map_rule_without_cas", Sabotage::BlindPublish, Search(BY_MAP), "S1"),
    ("no_owner_inc_rule", Sabotage::In(Mutant::NoOwnerIncRule), Search(ONE_ITEM), "S8"),
    ("ignore_nonce", Sabotage::In(Mutant::IgnoreNonce), Search(ONE_ITEM), "S14"),
    ("unknown_cas_is_won", Sabotage::In(Mutant::UnknownCasIsWon), Search(BLURRED), "S4"),
    ("unknown_cas_is_lost", Sabotage::In(Mutant::UnknownCasIsLost), Search(BLURRED), "S12"),
    ("trim_past_floor", Sabotage::In(Mutant::TrimPastFloor), Search(TWO_ITEMS), "S9"),
    ("input_floor_first", Sabotage::In(Mutant::InputFloorFirst), Search(ONE_ITEM), "S2"),
    ("effects_before_commit", Sabotage::In(Mutant::EffectsBeforeCommit), Search(ONE_ITEM), "S1"),
    ("generation_in_sink_key", Sabotage::GenerationInSinkKey, Search(AT_ONCE), "S1"),
    ("unfenced_sink", Sabotage::UnfencedSink, Search(AT_ONCE), "S1"),
    ("end_before_checkpoint", Sabotage::In(Mutant::EndBeforeCheckpoint), Search(ENDING), "S5"),
    ("lends_to_the_dead", Sabotage::In(Mutant::LendsToTheDead), Search(ONE_CRASH), "S14"),
    ("ignore_complaint", Sabotage::In(Mutant::IgnoreComplaint), Walks(FAR, 200), "L1"),
    ("forget_before_append", Sabotage::In(Mutant::ForgetBeforeAppend), Walks(FAR, 200), "L1"),
    ("poll_only_on_error", Sabotage::In(Mutant::PollOnlyOnError), Walks(CERTIFIED, 200), "L1"),
    ("frontier_not_rederived", Sabotage::In(Mutant::FrontierNotRederived), Walks(SHORT, 2_000), "L1"),
    ("credits_lost_on_move", Sabotage::In(Mutant::CreditsLostOnMove), Walks(FAR, 200), "L1"),
    ("hash_order_segs", Sabotage::HashOrder, Walks(FAR, 200), "S15"),
];

/// The law that breaks, and how soon.
fn killed(sabotage: Sabotage, by: &By) -> Result<(String, String), String> {
    match by {
        // Other laws may break sooner where producing early is what the other rule has to bear.
        Search(bounds) => match search(*bounds, sabotage, if bounds.by_map { "S1:" } else { "" }, MOST) {
            Found::Broken { law, run, .. } => Ok((law.into(), format!("{} steps", run.len()))),
            found => Err(found.to_string()),
        },
        Walks(bounds, seeds) => (0..*seeds).find_map(|seed| broke(*bounds, seed, sabotage)).map_or_else(
            || Err(format!("{seeds} seeds")),
            |(seed, law)| Ok((law[..law.find(',').unwrap_or(law.len())].into(), format!("seed {seed}"))),
        ),
    }
}

/// What breaks in the run of a seed.
fn broke(bounds: Bounds, seed: u64, sabotage: Sabotage) -> Option<(u64, String)> {
    let once = match walk(bounds, seed, sabotage) {
        Ok(once) => once.trace,
        Err(law) => return Some((seed, law)),
    };
    if sabotage != Sabotage::HashOrder {
        return None;
    }
    let again = walk(bounds, seed, sabotage).ok().map(|again| again.trace);
    (again != Some(once)).then(|| (seed, "S15: the same seed is another run".into()))
}

#[test]
fn every_safeguard_that_is_left_out_is_missed() {
    let mut survivors = Vec::new();
    for (name, sabotage, by, law) in MUTANTS {
        match killed(*sabotage, by) {
            Ok((broke, when)) if broke.starts_with(&format!("{law}:")) => {
                println!("mutant {name:<28} {when:>10}  {broke}");
            }
            Ok((broke, _)) => survivors.push(format!("{name} breaks another law: {broke}")),
            Err(found) => survivors.push(format!("{name} survives: {found}")),
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}
