//! Every story over its smoke seeds.

use super::tidemill::{Build, Tidemill, replay_line};
use crate::shell::{Failure, Place};
use crate::table::Verdict;

pub(crate) fn run(place: &Place) -> Verdict {
    let tidemill = Tidemill::build(place, Build::Release)?;
    let seeds = if place.long { "20000" } else { "200" };
    let said = tidemill.call(&place.root, ["run", "--seeds", seeds]).capture()?;
    print!("{}", said.all());
    match said.code() {
        Some(0) => Ok(format!("{seeds} seeds a story")),
        Some(1) => {
            let cure = replay_line(&said.stdout)
                .ok_or_else(|| Failure::new("a seed failed without a replay line"))?;
            Err(Failure::new("a seed failed").repeat(cure))
        }
        _ => Err(Failure::new(said.ending())),
    }
}
