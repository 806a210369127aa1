//! Where a world ends a step in another way than ours does, or cannot play it: all of it, and why.

use std::fmt;

use tidemill_host::net::Tokio;

use crate::world::NO_LOSS;
use crate::{Class, Here, OnNet, Step, Told, script};

/// One difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The step.
    pub step: &'static str,
    /// What this world makes of it.
    pub told: Told,
    /// Why.
    pub why: &'static str,
}

const fn ends(step: &'static str, class: Class, why: &'static str) -> Gap {
    Gap { step, told: Told::Ended(class), why }
}

const fn cannot(step: &'static str) -> Gap {
    Gap { step, told: Told::Cannot(NO_LOSS), why: NO_LOSS }
}

/// turmoil 0.7.
pub const TURMOIL: &[Gap] = &[
    ends(
        "a stream is reset by the peer",
        Class::End,
        "no call resets a connection, and a drop does so only where bytes wait unread",
    ),
    ends(
        "a stream crosses an outage",
        Class::Silence,
        "a partition loses segments, and nothing sends them again",
    ),
];

/// madsim 0.2.
pub const MADSIM: &[Gap] = &[
    ends(
        "a stream goes to somebody who is silent",
        Class::Refused,
        "a connection over a clogged link is refused at once",
    ),
    ends(
        "a stream ends in one direction, then in the other",
        Class::Silence,
        "the end of one direction is not told to the peer",
    ),
    ends("a stream is reset by the peer", Class::End, "there are no resets: whatever goes away ends"),
    ends(
        "a stream's peer dies with bytes unread",
        Class::End,
        "there are no resets: whatever goes away ends",
    ),
];

/// 127.0.0.1.
pub const LOOPBACK: &[Gap] = &[
    cannot("a datagram meets a cut"),
    cannot("a datagram comes after the healing"),
    cannot("items cross a link that loses"),
    cannot("items cross an outage"),
    cannot("a stream crosses an outage"),
];

/// Steps that did not go as the script says, in its order.
pub fn found<H: Here>(run: impl Fn(Step<H>) -> Told) -> Vec<(&'static str, Told)> {
    let told = script::<H>().into_iter().map(|step| (step.name, step.ends, run(step)));
    told.filter(|(_, ends, told)| *told != Told::Ended(*ends)).map(|(name, _, told)| (name, told)).collect()
}

/// Gaps as [`found`] finds them.
pub fn known(gaps: &[Gap]) -> Vec<(&'static str, Told)> {
    gaps.iter().map(|gap| (gap.step, gap.told)).collect()
}

/// The script and its gaps as a table in Markdown.
#[derive(Clone, Copy, Debug)]
pub struct Table;

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worlds = [TURMOIL, MADSIM, LOOPBACK];
        writeln!(f, "| step | ours | turmoil | madsim | loopback |\n|---|---|---|---|---|")?;
        for (name, class) in script::<OnNet<Tokio>>().iter().map(|step| (step.name, step.ends)) {
            write!(f, "| {name} | {class:?} |")?;
            for gaps in worlds {
                match gaps.iter().find(|gap| gap.step == name) {
                    None => write!(f, " same |")?,
                    Some(Gap { told: Told::Ended(class), why, .. }) => write!(f, " **{class:?}**: {why} |")?,
                    Some(Gap { why, .. }) => write!(f, " **absent**: {why} |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
