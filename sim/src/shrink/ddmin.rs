use super::search::Search;
use crate::{Choice, Site};
use std::collections::BTreeSet;

impl Search<'_, '_> {
    /// Drops choices of a class: by kind, by entity, by both, then one by one.
    pub(super) fn drop_choices(&mut self, class: impl Fn(&Choice) -> bool) {
        let kind = |choice: &Choice| choice.site.kind.clone();
        let entity = |choice: &Choice| choice.site.entity.clone();
        self.minimise(&class, kind);
        self.minimise(&class, entity);
        self.minimise(&class, |choice| (entity(choice), kind(choice)));
        self.minimise(&class, |choice| choice.site.clone());
    }

    /// Drops all choices of a machine and of the links that begin there, machine by machine.
    pub(super) fn drop_machines(&mut self) {
        self.minimise(&|_| true, |choice| {
            choice.site.entity.split('/').next().unwrap_or_default().to_owned()
        });
    }

    /// Drops as many groups of choices as can be spared: half of them, a quarter, down to single ones, until none of
    /// those that are left can go alone. Late ones go first, so that what stays happens early.
    fn minimise<K: Ord + Clone>(&mut self, class: &dyn Fn(&Choice) -> bool, key: impl Fn(&Choice) -> K) {
        let mut groups = self.groups(class, &key);
        let mut chunk = groups.len();
        while chunk > 0 && !self.ended() {
            let mut spared = false;
            let mut end = groups.len();
            while end > 0 && !self.ended() {
                let begin = end.saturating_sub(chunk);
                let gone: BTreeSet<&Site> = groups[begin..end].iter().flatten().collect();
                if self.without(|choice| gone.contains(&choice.site)) {
                    spared = true;
                    let left: BTreeSet<Site> =
                        self.choices.iter().map(|choice| choice.site.clone()).collect();
                    let live = |group: &Vec<Site>| group.iter().any(|site| left.contains(site));
                    end = groups[..begin].iter().filter(|group| live(group)).count();
                    groups.retain(live);
                } else {
                    end = begin;
                }
            }
            chunk = match chunk {
                1 if spared => 1,
                _ => chunk.min(groups.len()) / 2,
            };
        }
    }

    /// The choices of a class by key, in the order in which the first of each was taken.
    fn groups<K: Ord + Clone>(
        &self,
        class: &dyn Fn(&Choice) -> bool,
        key: &impl Fn(&Choice) -> K,
    ) -> Vec<Vec<Site>> {
        let mut keys: Vec<K> = Vec::new();
        let mut at = std::collections::BTreeMap::new();
        let mut groups: Vec<Vec<Site>> = Vec::new();
        for choice in self.choices.iter().filter(|choice| class(choice)) {
            let key = key(choice);
            let index = *at.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[index].push(choice.site.clone());
        }
        groups
    }
}
