//! The same where several produce: the commit words say what is published, and the posts whether there is anybody.
//!
//! No restart is told: producers come and go. The end is told while nobody has a post, and somebody had.

use super::{End, Follow, Next};
use crate::claim::Said;
use crate::heal;
use crate::layout::Layout;
use crate::segment::PeerFault;
use crate::view::View;
use tidemill_seam::{Exchange, Liveness, Region};

/// Items that are looked for at once.
const RUN: u64 = 64;
/// How often gaps are passed, up to a ring of them, before the next call goes on.
const TURNS: u32 = 4;

/// What lies at the next position.
#[derive(Clone, Copy, Debug)]
enum Lies {
    /// Items, up to `known`.
    Items,
    /// Nothing up to there, and never will.
    Gaps(u64),
    /// Nothing yet.
    Nothing,
    /// Something of a later lap.
    Later(u64),
}

impl Follow {
    /// Learns what lies from the next position on.
    fn run<R: Region>(&mut self, view: &View<R>) -> Lies {
        let most = RUN.min(u64::from(view.layout().spec().capacity));
        let run = |from: u64, most: u64, want: Said| {
            (from..from + most).find(|at| view.said(*at).0 != want).unwrap_or(from + most)
        };
        self.known = self.next;
        match view.said(self.next) {
            (Said::Item, _) => {
                self.known = run(self.next + 1, most - 1, Said::Item);
                Lies::Items
            }
            (Said::Gap, _) => Lies::Gaps(run(self.next + 1, most - 1, Said::Gap)),
            (Said::Later, word) => Lies::Later(word),
            (Said::Earlier | Said::Claimed(_), _) => Lies::Nothing,
        }
    }

    /// Learns of items behind those that are known, until `want` of them are.
    pub(crate) fn run_on<R: Region>(&mut self, view: &View<R>, want: u64) {
        while self.known - self.next < want && view.said(self.known).0 == Said::Item {
            self.known += 1;
        }
    }

    /// What is to be heard before the next item, if anything; gaps are passed by `pass`, which is told how far. Who may be
    /// overtaken (`copies`) finds out about that by what it copies.
    pub(crate) fn shared_news<R: Region, T>(
        &mut self,
        view: &View<R>,
        copies: bool,
        mut pass: impl FnMut(&mut Self, u64),
    ) -> Option<Next<T>> {
        for _ in 0..TURNS {
            let (mut lies, mut end) = (self.run(view), None);
            if matches!(lies, Lies::Nothing) {
                end = view.producers_end();
                if end.is_some() {
                    // Once more behind the look at the posts: whoever had one by then has settled what it claimed.
                    lies = self.run(view);
                }
            }
            match lies {
                Lies::Items => return None,
                Lies::Gaps(to) => {
                    pass(self, to);
                    self.known = self.next;
                }
                Lies::Nothing => return end.map(Next::Closed),
                Lies::Later(_) if copies => {
                    self.known = self.next + 1;
                    return None;
                }
                Lies::Later(value) => {
                    let (slot, word) = (Layout::PRODUCER, view.layout().entry(self.next).0);
                    let allowed = (0, crate::claim::claimed(self.next, 0));
                    return Some(Next::Fault(PeerFault { slot, word, value, allowed }));
                }
            }
        }
        None
    }

    /// Passes what is no item, and counts it with the store that passes it (RL-17).
    pub(crate) fn pass_gaps<R: Region>(&mut self, view: &View<R>, slot: u32, to: u64) {
        if let Some(skipped) = view.skipped_of(slot) {
            skipped.add(view, (self.next, to), to - self.next);
        }
        // Its Release pairs with the Acquire in `scan` (RL-2).
        view.advance(view.layout().cursor(slot), self.next, to);
        self.next = to;
        view.glance_at_producer();
    }

    /// Sees to producers that died; whether nobody is left, one of the last was proved dead, and everything was read.
    pub(crate) fn shared_crashed<R: Exchange, L: Liveness>(&self, view: &View<R>, live: &L) -> bool {
        heal::producers(view, live);
        let end = view.producers_end();
        let mut seen = *self;
        // Looked at after the proof: no later store of the dead one reaches us (RL-8).
        end == Some(End::Crashed) && seen.next == seen.known && matches!(seen.run(view), Lies::Nothing)
    }
}
