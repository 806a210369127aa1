use std::rc::Rc;

use tidemill_seam::{Duration, Notify};

use super::{Arena, Mapping};
use crate::seams::{Seams, SeamsInner};
use crate::task::Env;

/// A process that sleeps on a word.
pub(super) struct Sleeper {
    at: u32,
    who: Rc<SeamsInner>,
}

impl Arena {
    /// Processes that sleep on a word of it.
    pub fn sleepers(&self) -> usize {
        self.0.sleepers.borrow().iter().filter(|sleeper| sleeper.who.alive.get()).count()
    }
}

impl Mapping {
    /// Whether its process sleeps on the word at `at` from now on, as at a futex: only where that is `value` in memory. Its
    /// bell rings when somebody wakes it; [`rise`](Self::rise) ends the sleep otherwise.
    pub fn lie_down(&self, at: u32, value: u32) -> bool {
        if !self.owner().alive.get() {
            return false;
        }
        // A system call: whatever the process stored is in memory by then.
        self.arena().flush(self.owner().process);
        let sleeps = self.arena().look(at) == Some(value);
        if sleeps {
            let who = Rc::clone(self.owner());
            self.arena().0.sleepers.borrow_mut().push(Sleeper { at, who });
        }
        sleeps
    }

    /// Its process no longer sleeps on that word.
    pub fn rise(&self, at: u32) {
        let own = |sleeper: &Sleeper| sleeper.at == at && Rc::ptr_eq(&sleeper.who, self.owner());
        self.arena().0.sleepers.borrow_mut().retain(|sleeper| !own(sleeper));
    }

    /// Sleeps on the word at `at` while it is `value`, for `span` at most: what [`Region::wait`](tidemill_seam::Region::wait)
    /// is to a world that blocks. May come back early.
    pub async fn doze(&self, env: &Env, at: u32, value: u32, span: Duration) {
        let (seen, due) = (env.epoch(), env.now() + span);
        if self.lie_down(at, value) {
            env.changed(seen, Some(due)).await;
            self.rise(at);
        }
    }

    pub(super) fn wake_all(&self, at: u32) {
        if !self.is_alive() {
            return;
        }
        self.arena().flush(self.owner().process);
        let mut sleepers = self.arena().0.sleepers.borrow_mut();
        sleepers.retain(|sleeper| {
            let woken = sleeper.at == at;
            if woken && sleeper.who.alive.get() {
                Seams(Rc::clone(&sleeper.who)).notify().notify();
            }
            !woken && sleeper.who.alive.get()
        });
    }
}
