use super::search::Search;
use crate::harness::{Params, Shrink};
use crate::{Choice, Site};
use std::collections::BTreeSet;

impl Search<'_, '_> {
    /// Lowers every parameter that makes less of `what`: to the start of its range, or by halves as near as it goes.
    pub(super) fn lower_params(&mut self, what: Shrink) {
        for (at, param) in self.list().iter().enumerate().filter(|(_, param)| param.shrink == what) {
            let value = |search: &Self| search.params.iter().nth(at).map_or(0, |(_, value)| value);
            bisect(*param.range.start(), value(self), |candidate| {
                let params = self.params.with(at, candidate);
                self.attempt(params.clone(), self.choices.clone()) || self.with_one_less(&params)
            });
        }
    }

    /// Where few choices are left: tries the parameters without one of them, whose sense may go with what they lower.
    fn with_one_less(&mut self, params: &Params) -> bool {
        let choices = self.choices.clone();
        choices.len() <= FEW
            && (0..choices.len()).any(|gone| {
                let mut kept = choices.clone();
                kept.remove(gone);
                self.attempt(params.clone(), kept)
            })
    }

    /// Lowers every value by halves as near to 1 as it goes: that it cannot be 0 was found out before.
    pub(super) fn lower_values(&mut self) {
        let sites: Vec<Site> = self.choices.iter().map(|choice| choice.site.clone()).collect();
        for site in sites {
            if self.ended() {
                return;
            }
            let Some(value) = self.value_at(&site) else { continue };
            bisect(1, value, |candidate| {
                let lowered = self.changed(|choice| choice.site == site, |choice| choice.value = candidate);
                self.attempt(self.params.clone(), lowered)
            });
        }
    }

    /// Moves choices to an earlier occasion: all together, by entity, by site.
    pub(super) fn earlier(&mut self) {
        self.shift(&|_| true);
        let entities: BTreeSet<String> =
            self.choices.iter().map(|choice| choice.site.entity.clone()).collect();
        for entity in &entities {
            self.shift(&|choice| choice.site.entity == *entity);
        }
        let mut sites: Vec<Site> = self.choices.iter().map(|choice| choice.site.clone()).collect();
        sites.sort();
        for site in sites {
            if self.ended() {
                return;
            }
            let Some(value) = self.value_at(&site) else { continue };
            let mut at = site;
            let begin = at.counter;
            bisect(0, begin, |counter| {
                let target = Site { counter, ..at.clone() };
                if self.value_at(&at) != Some(value) || self.value_at(&target).is_some() {
                    return false;
                }
                let moved = self.changed(|choice| choice.site == at, |choice| choice.site.counter = counter);
                let taken = self.attempt(self.params.clone(), moved);
                if taken {
                    at = target;
                }
                taken
            });
        }
    }

    /// Moves those of `which` that are not the first of their kind by one distance, as far as it goes.
    fn shift(&mut self, which: &dyn Fn(&Choice) -> bool) {
        let later = |choice: &Choice| choice.site.counter > 0 && which(choice);
        let Some(mut by) = self.choices.iter().filter(|c| later(c)).map(|c| c.site.counter).min() else {
            return;
        };
        while by > 0 && !self.ended() {
            let far = |choice: &Choice| choice.site.counter >= by && which(choice);
            let moved = self.changed(far, |choice| choice.site.counter -= by);
            if !distinct(&moved) || !self.attempt(self.params.clone(), moved) {
                by /= 2;
            }
        }
    }

    /// Gives what one of several alike decided to an earlier one: `client2` becomes `client0`, wherever it stands.
    pub(super) fn rename(&mut self) {
        let all: BTreeSet<u64> =
            self.choices.iter().flat_map(|choice| split(&choice.site.entity).1).collect();
        for number in all.into_iter().rev() {
            if self.ended() {
                return;
            }
            for smaller in 0..number.min(NAMES_MAX) {
                let renamed = self.changed(
                    |_| true,
                    |choice| {
                        choice.site.entity = replace(&choice.site.entity, number, smaller);
                    },
                );
                if distinct(&renamed) && self.attempt(self.params.clone(), renamed) {
                    break;
                }
            }
        }
    }

    fn value_at(&self, site: &Site) -> Option<u64> {
        self.choices.iter().find(|choice| choice.site == *site).map(|choice| choice.value)
    }

    fn changed(&self, which: impl Fn(&Choice) -> bool, change: impl Fn(&mut Choice)) -> Vec<Choice> {
        let mut choices = self.choices.clone();
        choices.iter_mut().filter(|choice| which(choice)).for_each(change);
        choices
    }
}

/// So few choices that each of them is worth a run of its own.
const FEW: usize = 8;
/// Smaller numbers that a name is tried with.
const NAMES_MAX: u64 = 4;

/// The smallest number from `low` up to `high` that `holds`, if they are in order; `high` is known to.
fn bisect(low: u64, high: u64, mut holds: impl FnMut(u64) -> bool) {
    let (mut low, mut high) = (low, high);
    if low >= high || holds(low) {
        return;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle }
    }
}

fn distinct(choices: &[Choice]) -> bool {
    let sites: BTreeSet<&Site> = choices.iter().map(|choice| &choice.site).collect();
    sites.len() == choices.len()
}

/// The words between the numbers of a name, and the numbers.
fn split(name: &str) -> (Vec<&str>, Vec<u64>) {
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    let mut rest = name;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[begin..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - begin);
        words.push(&rest[..begin]);
        numbers.push(rest[begin..begin + digits].parse().unwrap_or(u64::MAX));
        rest = &rest[begin + digits..];
    }
    words.push(rest);
    (words, numbers)
}

fn replace(name: &str, number: u64, by: u64) -> String {
    let (words, numbers) = split(name);
    let mut renamed = words[0].to_owned();
    for (word, found) in words[1..].iter().zip(numbers) {
        renamed += &format!("{}{word}", if found == number { by } else { found });
    }
    renamed
}

/// The numbers in a name, added up.
pub(super) fn numbers(name: &str) -> u128 {
    split(name).1.into_iter().map(u128::from).sum()
}

#[cfg(test)]
mod tests {
    use super::{bisect, numbers, replace};

    #[test]
    fn the_smallest_number_that_holds_is_found_by_halves() {
        for least in 0..=100 {
            let (mut found, mut asked) = (100, 0);
            bisect(0, 100, |n| {
                asked += 1;
                if n >= least {
                    found = n;
                }
                n >= least
            });
            assert!(found == least && asked <= 8, "{least}: found {found}, asked {asked} times");
        }
    }

    #[test]
    fn numbers_in_names_are_whole_numbers() {
        assert_eq!(replace("client12/link→server12", 12, 0), "client0/link→server0");
        assert_eq!(replace("client12/link→server1", 1, 0), "client12/link→server0");
        assert_eq!((numbers("a1/b22→c"), numbers("world")), (23, 0));
    }
}
