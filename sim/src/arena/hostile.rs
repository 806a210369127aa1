use std::ops::Range;
use std::rc::Rc;

use super::Arena;
use crate::choice::Rate;
use crate::machine::ProcessId;
use crate::process::Process;
use crate::seams::SeamsInner;
use crate::sim::Sim;
use crate::streams::{Choices, StreamId};
use crate::trace::NOBODY;

/// What a hostile process does to the memory that it shares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hostile {
    /// How often it stores something right before an access of another process.
    pub rate: Rate,
    /// The words that it can reach.
    pub words: Range<u32>,
    /// How many stores it makes at most.
    pub stores: u32,
}

pub(super) struct Treason {
    traitor: Rc<SeamsInner>,
    hostile: Hostile,
}

/// Values that come from what stands there.
const NEAR: u64 = 6;
/// Values of other kinds.
const FAR: u64 = 4;

impl Hostile {
    /// Where and what it stores; `None` where it stores nothing this time.
    fn decide(&self, arena: &Arena, choices: &mut Choices, stream: StreamId) -> Option<(u32, u32)> {
        if !choices.chance_by(stream, "hostile", self.rate) {
            return None;
        }
        let reach = self.words.end - self.words.start;
        let at = self.words.start + choices.choose_by(stream, "hostile-at", u64::from(reach)) as u32;
        let stands = arena.look(at)?;
        let value = match choices.choose_by(stream, "hostile-how", NEAR + FAR) {
            0 => stands.wrapping_add(1),
            1 => stands.wrapping_sub(1),
            2 => stands.wrapping_add(1 << choices.choose_by(stream, "hostile-bit", 32)),
            3 => stands.wrapping_sub(1 << choices.choose_by(stream, "hostile-bit", 32)),
            4 => stands ^ 1 << choices.choose_by(stream, "hostile-bit", 32),
            5 => stands.wrapping_neg(),
            6 => 0,
            7 => u32::MAX,
            8 => arena.look(choices.choose_by(stream, "hostile-word", u64::from(arena.words())) as u32)?,
            _ => choices.choose_by(stream, "hostile-value", 1 << 32) as u32,
        };
        Some((at, value))
    }
}

impl Arena {
    /// Lets the traitor store something right before an access of another process.
    pub(super) fn betrayed(&self, victim: &SeamsInner) {
        let mut treason = self.0.treason.borrow_mut();
        let Some(Treason { traitor, hostile }) = &mut *treason else { return };
        let acts = traitor.alive.get() && !traitor.paused.get() && traitor.process != victim.process;
        if !acts || hostile.stores == 0 {
            return;
        }
        let stored = self.decide(victim, |choices, stream| hostile.decide(self, choices, stream));
        if let Some((at, value)) = stored {
            hostile.stores -= 1;
            // In which event of its own it decided so, nobody knows.
            self.put(traitor.process, at, value, NOBODY);
        }
    }
}

impl<P: Process> Sim<P> {
    /// From now on, and until it dies, the process stores whatever it likes into the arena, between any two accesses of
    /// the others. Kinds of choice, by the arena: `hostile`, and where it strikes `hostile-at`, `hostile-how` and what
    /// that needs. One traitor an arena: the latest call counts.
    ///
    /// # Panics
    /// If the process is dead or was spawned without seams, or `words` is empty or ends outside of the arena.
    pub fn betray(&mut self, process: ProcessId, arena: &Arena, hostile: Hostile) {
        let within = !hostile.words.is_empty() && hostile.words.end <= arena.words();
        assert!(within, "{} has no words {:?}", arena.name(), hostile.words);
        let name = self.name(process);
        let seams = self.kernel.meta(process).seams.clone();
        let traitor = seams.unwrap_or_else(|| panic!("{name} is dead or was spawned without seams"));
        *arena.0.treason.borrow_mut() = Some(Treason { traitor, hostile });
        arena.reconsider();
    }
}
