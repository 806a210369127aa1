//! Planted bugs: each patch in `ci/patches` breaks shipped code in one place, and the harness must find it.
//!
//! ```text
//! ci/patches/NAME.patch ─▶ copy of the tree ─▶ build ─▶ run under each strategy ─▶ replay ─▶ shrink ─▶ row of the table
//! ```
//! Without arguments two patches are planted, one of them another one with each commit; the table is only compared with the
//! patches. `--long` plants all of them, `--only NAME` those that are named; both write their rows anew. Those that cannot be
//! taken for one another share a copy and its build.

mod lab;
mod patch;
mod tree;
mod written;

use crate::shell::{Failure, Place};
use crate::table::Verdict;
use lab::Lab;
use patch::Patch;
use written::Written;

/// Planted at every run: the first bug that this project was ever tested with.
const ALWAYS: &str = "ack-bit-off-by-one";

pub(crate) fn run(place: &Place) -> Verdict {
    let patches = patch::all(place)?;
    let mut written = Written::read(place)?;
    let measures = place.long || !place.only.is_empty();
    if !measures {
        written.fits(&patches)?;
    }
    let lab = Lab::new(place)?;
    for patch in &patches {
        lab.tree().check(patch)?;
    }
    let chosen = choose(place, &patches)?;
    let (mut found, mut survived) = (Vec::new(), Vec::new());
    for bed in patch::beds(&chosen) {
        bed.iter().for_each(|patch| println!("── {}: {}", patch.name, patch.what));
        for row in lab.plant(&bed, measures)? {
            match row {
                Ok(row) => {
                    println!("{}", row.line());
                    found.push(row.said());
                    if measures {
                        written.enter(row);
                        written.write(&patches)?;
                    }
                }
                Err(failure) if measures => survived.push(failure.why),
                Err(failure) => return Err(failure),
            }
        }
    }
    if !survived.is_empty() {
        return Err(Failure::new(survived.join("\n")));
    }
    if place.long {
        written.fits(&patches)?;
    }
    Ok(if measures { format!("{} planted and found", found.len()) } else { found.join("; ") })
}

/// Those that are named, or all, or the first one and one that changes with every commit.
fn choose<'p>(place: &Place, patches: &'p [Patch]) -> Result<Vec<&'p Patch>, Failure> {
    if !place.only.is_empty() {
        let find = |name: &String| {
            let found = patches.iter().find(|patch| patch.name == *name);
            found.ok_or_else(|| Failure::new(format!("ci/patches holds no {name}.patch")))
        };
        return place.only.iter().map(find).collect();
    }
    if place.long {
        return Ok(patches.iter().collect());
    }
    // A tree without a history has its first turn.
    let commits = place.call("git").args(["rev-list", "--count", "HEAD"]).capture()?;
    let turn = commits.stdout.trim().parse().unwrap_or(0);
    let (always, others): (Vec<_>, Vec<_>) = patches.iter().partition(|patch| patch.name == ALWAYS);
    Ok(always.into_iter().chain(in_turn(&others, turn).copied()).collect())
}

fn in_turn<T>(all: &[T], turn: usize) -> Option<&T> {
    all.get(turn % all.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn every_patch_has_its_turn() {
        let seen: Vec<_> = (7..10).filter_map(|turn| in_turn(&["a", "b", "c"], turn)).collect();
        assert_eq!(seen, [&"b", &"c", &"a"]);
        assert_eq!(in_turn::<u8>(&[], 3), None);
    }
}
