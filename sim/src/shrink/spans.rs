use super::search::Search;
use crate::{Choice, Site};
use std::collections::BTreeMap;

impl Search<'_, '_> {
    /// Cuts spans out of the run: what was decided in them is as if it had never been asked for, and what was decided
    /// later moves up to where it would have been. So an operation that did not matter goes with the faults that it met,
    /// and those of the next one strike where they did. Spans of the whole world first, then of one machine, one entity;
    /// in each round finer ones than in the one before.
    pub(super) fn cut_spans(&mut self) {
        let parts = SPANS << (2 * self.rounds.min(FINEST));
        self.cut(parts, |_| String::new());
        self.cut(parts, |site| site.entity.split('/').next().unwrap_or_default().to_owned());
        self.cut(parts, |site| site.entity.clone());
    }

    /// Cuts spans of those who have one key, key by key: a half of what there is, a quarter, down to one of `parts` or a
    /// single decision, late ones first.
    fn cut(&mut self, parts: usize, key: impl Fn(&Site) -> String) {
        let mut keys: Vec<String> = self.choices.iter().map(|choice| key(&choice.site)).collect();
        keys.sort();
        keys.dedup();
        for own in keys {
            let mut mine = self.decisions_of(&own, &key);
            let mut span = mine.len() / 2;
            while span > mine.len() / parts && !self.ended() {
                let mut end = mine.len();
                while end > 0 && !self.ended() {
                    let begin = end.saturating_sub(span);
                    self.spend(span as u64 / 4);
                    if self.attempt(self.params.clone(), self.closed_up(&mine[begin..end])) {
                        mine = self.decisions_of(&own, &key);
                        end = begin.min(mine.len());
                    } else {
                        end = begin;
                    }
                }
                span /= 2;
            }
        }
    }

    /// What those of one key decided, zeros with the others, in its order, up to the last that was none.
    fn decisions_of(&mut self, own: &str, key: &impl Fn(&Site) -> String) -> Vec<Site> {
        let mut all = self.decisions();
        all.retain(|choice| key(&choice.site) == own);
        let end = all.iter().rposition(|choice| choice.value != 0).map_or(0, |last| last + 1);
        all.into_iter().take(end).map(|choice| choice.site).collect()
    }

    /// The choices without those of `gone`; of the others each has moved up by what went before it.
    fn closed_up(&self, gone: &[Site]) -> Vec<Choice> {
        let mut counters: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for site in gone {
            counters.entry((&site.entity, &site.kind)).or_default().push(site.counter);
        }
        counters.values_mut().for_each(|counters| counters.sort_unstable());
        let moved = self.choices.iter().filter_map(|choice| {
            let Some(gone) = counters.get(&(choice.site.entity.as_str(), choice.site.kind.as_str())) else {
                return Some(choice.clone());
            };
            let before = gone.partition_point(|counter| *counter < choice.site.counter);
            if gone.get(before) == Some(&choice.site.counter) {
                return None;
            }
            let counter = choice.site.counter - before as u64;
            Some(Choice { site: Site { counter, ..choice.site.clone() }, ..choice.clone() })
        });
        moved.collect()
    }

    /// Drops two choices at once, where few are left and none can go alone: one may only make up for the other.
    pub(super) fn drop_pairs(&mut self) {
        let mut first = 0;
        while self.choices.len() <= PAIRS_MAX && first + 1 < self.choices.len() && !self.ended() {
            let pair = |second: usize| [first, second];
            let spared = (first + 1..self.choices.len()).any(|second| {
                let kept = self.choices.iter().enumerate().filter(|(at, _)| !pair(second).contains(at));
                let kept = kept.map(|(_, choice)| choice.clone()).collect();
                self.attempt(self.params.clone(), kept)
            });
            first = if spared { 0 } else { first + 1 };
        }
    }
}

/// From this round on spans are as fine as they get: sixteen times as fine as in the first.
pub(super) const FINEST: u32 = 2;
/// Into how many spans a run is cut at the finest, in the first round.
const SPANS: usize = 32;
/// So few choices that every two of them are worth a run.
const PAIRS_MAX: usize = 48;
