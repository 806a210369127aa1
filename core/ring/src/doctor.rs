//! What is wrong with a segment: every law that its words can show broken, by the word that shows it, and what cures it.
//!
//! A doctor looks at two copies of the control words, and asks between them who lives. Parties may work on meanwhile:
//!
//! - What only grows is compared across the copies, the lesser from the first and the greater from the second. So a ring at
//!   work breaks no law by being looked at, and one at rest is judged to the item.
//! - What is written in several words is judged where all of them stood still.
//!
//! Words of which every value is lawful (items, identities, spans) are not judged. Steps are bounded by the table, the
//! journal and, where several produce, the ring; no bytes make it panic or look outside the copies.
//!
//! [`repair`] does what whoever joins next would do about the dead (RL-7, RL-8, RL-12), and nothing else.

use crate::header::AttachError;
use crate::heal;
use crate::layout::{Layout, PRODUCERS_MAX};
use crate::segment::{Segment, Standing};
use crate::table::State;
use core::fmt;
use tidemill_seam::{Exchange, Life, Liveness, Region};

mod chart;
mod copied;
mod several;

use chart::Chart;
use copied::Copied;

pub use copied::copy;

/// What a finding is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symptom {
    /// No producer writes this state.
    State,
    /// The present producer began behind what is published.
    Restart,
    /// The producer is dead, or handed over, and nobody goes on.
    Orphaned,
    /// The gate is past what the history and the publications leave it.
    Gate,
    /// More is published than fits above the gate.
    Published,
    /// More was passed unheard than was passed at all.
    Unheard,
    /// No owner writes this control word.
    Ctl,
    /// The maker of the segment allows nobody this policy.
    Policy,
    /// Who may be overtaken copies, and nobody else does.
    Role,
    /// Nobody is lossy where no history is kept.
    NoHistory,
    /// Only who copies is evicted.
    Evicted,
    /// Somebody has no name.
    Nameless,
    /// Two have one name; the value is the other slot.
    Twin,
    /// It has read what was not published.
    Ahead,
    /// What it is waited for to read was overwritten.
    Overtaken,
    /// It began behind what is published.
    Start,
    /// What it left does not add up.
    End,
    /// It was told that it missed more than it passed.
    Lagged,
    /// It is marked dead, and lives.
    Alive,
    /// It is dead, and has its place still; the value is its generation.
    Dead,
    /// It is dead, and its place is kept for its name; the value is its generation.
    Kept,
    /// No event is noted so.
    Event,
    /// One of several producers meant to claim where there was no room.
    Claim,
    /// What lies below the tail was never claimed; the value is its commit word.
    Unclaimed,
    /// A claim whose owner has no place; the value is its commit word.
    Owner,
    /// What the gate keeps was claimed anew; the value is its commit word.
    Lapped,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cure {
    /// [`repair`], or whoever joins next.
    Repair,
    /// A producer, which goes on with what is published.
    Producer,
    /// The same name again, or a producer once its time is over.
    Return,
    /// Nothing: no item depends on it, and the next owner of the word writes it anew.
    Nothing,
    /// To make the ring anew, once its users are gone: somebody wrote what is not his.
    Anew,
}

/// One thing that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What it is about.
    pub symptom: Symptom,
    /// Whose word: a slot, [`Layout::PRODUCER`], or the claim of one of several producers ([`Layout::POSTS`] and on).
    pub slot: u32,
    /// The word that shows it, by its index.
    pub word: u32,
    /// What stands there.
    pub value: u64,
    /// The least and the most that may stand there, where it is a matter of that.
    pub allowed: Option<(u64, u64)>,
}

/// What was done about the dead.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Repaired {
    /// Slots, and places of dead producers among several, that are free again.
    pub freed: u32,
    /// Places of dead ones that are kept for their names.
    pub kept: u32,
}

/// Signs of life of everybody in the table, as of between the copies.
#[derive(Clone, Copy, Debug)]
struct Lives {
    slots: [Life; Layout::PRODUCER as usize],
    producer: Life,
    posts: [Life; PRODUCERS_MAX as usize],
}

/// Somebody who has looked once, and knows who lived then.
#[derive(Clone, Debug)]
pub struct Doctor<'w> {
    first: Segment<Copied<'w>>,
    lives: Lives,
}

impl Symptom {
    /// The law that is broken, or that says what is due.
    pub const fn law(self) -> &'static str {
        match self {
            Self::Ahead => "RL-1",
            Self::Gate | Self::Published | Self::Overtaken | Self::Lapped => "RL-2",
            Self::Role => "RL-5",
            Self::NoHistory => "RL-6",
            Self::Nameless | Self::Twin | Self::Dead => "RL-7",
            Self::Alive => "RL-8",
            Self::Evicted => "RL-9",
            Self::Restart | Self::Orphaned | Self::Kept => "RL-10",
            Self::Claim | Self::Unclaimed | Self::Owner => "RL-11",
            Self::Unheard | Self::Start | Self::End | Self::Lagged => "RL-17",
            Self::State | Self::Ctl | Self::Policy | Self::Event => "RL-18",
        }
    }

    /// What is to be done.
    pub const fn cure(self) -> Cure {
        match self {
            Self::Dead => Cure::Repair,
            Self::Orphaned => Cure::Producer,
            Self::Kept => Cure::Return,
            Self::Restart | Self::Unheard | Self::Start | Self::End | Self::Lagged | Self::Event => {
                Cure::Nothing
            }
            _ => Cure::Anew,
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::State => "no producer writes this state",
            Self::Restart => "its producer began behind what is published",
            Self::Orphaned => "its producer is gone without an end",
            Self::Gate => "the gate is past what it may pass",
            Self::Published => "more is published than fits above the gate",
            Self::Unheard => "more was passed unheard than was passed",
            Self::Ctl => "no owner writes this control word",
            Self::Policy => "the ring allows nobody this policy",
            Self::Role => "who may be overtaken copies, and nobody else",
            Self::NoHistory => "nobody is lossy where no history is kept",
            Self::Evicted => "only who copies is evicted",
            Self::Nameless => "it has no name",
            Self::Twin => "two have one name",
            Self::Ahead => "it has read what was not published",
            Self::Overtaken => "what it is waited for to read was overwritten",
            Self::Start => "it began behind what is published",
            Self::End => "what it left does not add up",
            Self::Lagged => "it missed more than it passed",
            Self::Alive => "it is marked dead, and lives",
            Self::Dead => "it is dead, and has its place still",
            Self::Kept => "it is dead, and its place is kept for its name",
            Self::Event => "no event is noted so",
            Self::Claim => "a producer meant to claim where there was no room",
            Self::Unclaimed => "what lies below the tail was never claimed",
            Self::Owner => "a claim is nobody's",
            Self::Lapped => "what the gate keeps was claimed anew",
        }
    }
}

impl<'w> Doctor<'w> {
    /// Looks at `first`, the first words of a segment that is `have` words long, and asks who of it lives.
    ///
    /// Words that were not copied read as zero: [`Layout::data`] of them are enough.
    ///
    /// # Errors
    /// [`AttachError`]: what lies there cannot be judged, for its header says so.
    pub fn meet<L: Liveness>(first: &'w [u32], have: u32, live: &L) -> Result<Self, AttachError> {
        let first = Segment::attach(Copied::new(first, have))?;
        let (slots, posts) =
            ([Life::Unknown; Layout::PRODUCER as usize], [Life::Unknown; PRODUCERS_MAX as usize]);
        let mut lives = Lives { slots, producer: Life::Unknown, posts };
        for slot in first.view.slots() {
            // A slot whose word is foreign has no owner to ask about.
            let ctl = first.view.ctl(slot).filter(|ctl| ctl.state != State::Free);
            if let (Some(ctl), Some(life)) = (ctl, lives.slots.get_mut(slot as usize)) {
                *life = live.probe(slot, ctl.generation);
            }
        }
        if let Some(Standing { generation: generation @ 1.., .. }) = first.standing() {
            lives.producer = live.probe(Layout::PRODUCER, generation);
        }
        for (k, life) in first.view.posts().zip(&mut lives.posts) {
            let post = first.view.post(k);
            if post.taken {
                *life = live.probe(Layout::claim_of_post(k), post.generation);
            }
        }
        Ok(Self { first, lives })
    }

    /// Looks again, at words that were copied since, and tells `found` all that is wrong.
    ///
    /// # Errors
    /// [`AttachError`]: another segment lies there by now.
    pub fn examine(&self, second: &[u32], found: &mut dyn FnMut(Finding)) -> Result<(), AttachError> {
        let second = Segment::attach(Copied::new(second, self.first.region().words()))?;
        if second.header() != self.first.header() {
            return Err(AttachError::NotReady);
        }
        let mut chart = Chart { first: &self.first.view, second: &second.view, lives: &self.lives, found };
        chart.stream();
        chart.table();
        chart.journal();
        Ok(())
    }
}

/// Frees every slot whose owner is proved dead and for whose name nothing is kept: what whoever joins does for a place. What
/// dead producers among several had claimed is void, and their places are free.
pub fn repair<R: Exchange, L: Liveness>(segment: &Segment<R>, live: &L) -> Repaired {
    let (view, mut repaired) = (&segment.view, Repaired::default());
    repaired.freed += heal::producers(view, live).freed;
    for slot in view.slots() {
        let Some(ctl) = view.ctl(slot).filter(|ctl| ctl.state != State::Free) else { continue };
        if live.probe(slot, ctl.generation) != Life::Dead {
            continue;
        }
        if heal::is_kept(view, slot, ctl) {
            repaired.kept += 1;
        } else {
            repaired.freed += u32::from(heal::free(view, slot, ctl).is_some());
        }
    }
    repaired
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { symptom, slot, word, value, allowed } = self;
        write!(f, "{}, word {word}", symptom.law())?;
        if *slot < Layout::PRODUCER {
            write!(f, " of slot {slot}")?;
        } else if *slot >= Layout::POSTS {
            write!(f, " of producer {}", *slot - Layout::POSTS)?;
        }
        write!(f, ": {}", symptom.says())?;
        match (symptom, allowed) {
            (Symptom::Twin, _) => write!(f, ", slot {value} as well"),
            (Symptom::Dead | Symptom::Kept | Symptom::Orphaned, _) => write!(f, ", generation {value}"),
            (_, Some((least, most))) => write!(f, ": {value}, not between {least} and {most}"),
            (_, None) => write!(f, ": {value:#x}"),
        }
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repair => "whoever joins next frees its place, and so does a repair",
            Self::Producer => "the next producer goes on with what is published",
            Self::Return => "the same name takes its place again, or a producer frees it in time",
            Self::Nothing => {
                "none is needed: no item depends on it, and the next owner of the word writes it anew"
            }
            Self::Anew => "none while it is used: let its users go, collect it, and make it anew",
        })
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
