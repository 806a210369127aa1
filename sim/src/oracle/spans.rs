use std::collections::BTreeMap;

use super::Item;

/// A set of items that keeps one entry a run of neighbours: what is numbered without gaps costs nothing.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// First of a run to its last, both included.
    runs: BTreeMap<Item, u64>,
}

impl Spans {
    /// The run that begins at `item` or before, within its key.
    fn before(&self, item: Item) -> Option<(Item, u64)> {
        let (first, last) = self.runs.range(..=item).next_back()?;
        (first.key == item.key).then_some((*first, *last))
    }

    pub(super) fn contains(&self, item: Item) -> bool {
        self.before(item).is_some_and(|(_, last)| item.number <= last)
    }

    /// Adds an item; `false` where it was there.
    pub(super) fn insert(&mut self, item: Item) -> bool {
        let (mut first, mut last) = (item, item.number);
        match self.before(item) {
            Some((_, known)) if item.number <= known => return false,
            Some((run, known)) if known + 1 == item.number => first = run,
            _ => {}
        }
        if let Some(next) = item.number.checked_add(1)
            && let Some(end) = self.runs.remove(&Item { key: item.key, number: next })
        {
            last = end;
        }
        self.runs.insert(first, last);
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
