use std::collections::BTreeMap;

use super::Item;

/// A set of items that keeps one entry a run of neighbours: what is numbered without gaps costs nothing.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// First of a run to its last, both included.
    runs: BTreeMap<Item, u64>,
}

impl Spans {
    pub(super) fn contains(&self, item: Item) -> bool {
        let before = self.runs.range(..=item).next_back();
        before.is_some_and(|(first, last)| first.key == item.key && item.number <= *last)
    }

    /// Adds an item; `false` where it was there. One search, where items come in the order of their numbers.
    pub(super) fn insert(&mut self, item: Item) -> bool {
        let next = Item { key: item.key, number: item.number.saturating_add(1) };
        let Some((first, last)) = self.runs.range_mut(..=next).next_back() else {
            self.runs.insert(item, item.number);
            return true;
        };
        let near = first.key == item.key;
        if near && *first == next && next != item {
            return self.join(item, next);
        }
        if near && item.number <= *last {
            return false;
        }
        if near && *last + 1 == item.number {
            *last = item.number;
        } else {
            self.runs.insert(item, item.number);
        }
        true
    }

    /// Adds an item right before a run.
    fn join(&mut self, item: Item, next: Item) -> bool {
        let end = self.runs.remove(&next).unwrap_or(next.number);
        match self.runs.range_mut(..=item).next_back() {
            Some((first, last)) if first.key == item.key && *last >= item.number.saturating_sub(1) => {
                *last = end;
            }
            _ => {
                self.runs.insert(item, end);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Spans;
    use crate::oracle::Item;
    use std::collections::BTreeSet;

    #[test]
    fn it_holds_what_a_plain_set_holds_in_any_order_of_insertion() {
        let mut state = 1_u64;
        for _ in 0..200 {
            let (mut spans, mut plain) = (Spans::default(), BTreeSet::new());
            for _ in 0..60 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let item = Item { key: (state >> 40) % 2, number: (state >> 33) % 24 };
                assert_eq!(spans.contains(item), plain.contains(&item));
                assert_eq!(spans.insert(item), plain.insert(item), "{item}");
            }
            assert!(plain.iter().all(|item| spans.contains(*item)));
        }
    }

    #[test]
    fn neighbours_are_one_entry_and_the_ends_of_the_numbers_are_numbers() {
        let mut spans = Spans::default();
        for number in [5, 3, 4, 0, 1, 2, u64::MAX, u64::MAX - 1] {
            assert!(spans.insert(number.into()));
        }
        assert_eq!(spans.runs.len(), 2);
        assert!(!spans.insert(u64::MAX.into()) && spans.contains(5.into()) && !spans.contains(6.into()));
    }
}
