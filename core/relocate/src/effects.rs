//! What a machine asks of its driver, and how answers find back.

use core::hash::{Hash, Hasher};

/// What one step asks for, in order; at most four things.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Effects<T> {
    items: [Option<T>; 4],
}

impl<T> Default for Effects<T> {
    fn default() -> Self {
        Self { items: [const { None }; 4] }
    }
}

impl<T> Effects<T> {
    /// How many more fit.
    pub(crate) fn room(&self) -> usize {
        self.items.iter().filter(|item| item.is_none()).count()
    }

    /// What is asked for, in order.
    #[cfg(feature = "observe")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }

    pub(crate) fn push(&mut self, item: T) {
        let free = self.items.iter_mut().find(|item| item.is_none());
        *free.expect("a step asks for four things at most") = Some(item);
    }
}

impl<T> IntoIterator for Effects<T> {
    type Item = T;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<T>, 4>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter().flatten()
    }
}

/// Names a request, for the answer to it. An answer to a request that was given up is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Op {
    lane: u8,
    number: u64,
}

/// Requests of one kind that wait for their answers: a run of numbers.
///
/// It hashes as how many are open, so that machines that differ only in how much they asked before are the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lane {
    id: u8,
    first: u64,
    next: u64,
}

impl Lane {
    pub(crate) const fn new(id: u8) -> Self {
        Self { id, first: 0, next: 0 }
    }

    /// A new request.
    pub(crate) fn open(&mut self) -> Op {
        self.next += 1;
        Op { lane: self.id, number: self.next - 1 }
    }

    /// Whether an answer is awaited.
    pub(crate) const fn is_idle(&self) -> bool {
        self.first == self.next
    }

    pub(crate) const fn open_count(&self) -> u64 {
        self.next - self.first
    }

    pub(crate) fn awaits(&self, op: Op) -> bool {
        op.lane == self.id && (self.first..self.next).contains(&op.number)
    }

    /// Takes the answer to a request, and gives up those before it; whether it was awaited.
    pub(crate) fn close(&mut self, op: Op) -> bool {
        let awaited = self.awaits(op);
        if awaited {
            self.first = op.number + 1;
        }
        awaited
    }

    /// Gives up everything that is open.
    pub(crate) fn give_up(&mut self) {
        self.first = self.next;
    }
}

impl Hash for Lane {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.open_count().hash(state);
    }
}

/// How often something happened: told to whoever asks, and no part of what a machine does next. It hashes as nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally(u64);

impl Tally {
    pub(crate) fn count(&mut self) {
        self.0 += 1;
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl Hash for Tally {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::{Effects, Lane};

    #[test]
    fn an_answer_that_nobody_awaits_is_told_from_one_that_somebody_does() {
        let (mut lane, mut other) = (Lane::new(0), Lane::new(1));
        let (first, second) = (lane.open(), lane.open());
        assert!(!other.close(first), "another lane's");
        assert!(lane.close(first) && !lane.close(first), "once");
        lane.give_up();
        assert!(!lane.close(second) && lane.is_idle());
        let third = lane.open();
        assert!(lane.open_count() == 1 && lane.close(third));
    }

    #[test]
    fn effects_come_out_in_the_order_in_which_they_went_in() {
        let mut effects = Effects::default();
        (1..5).for_each(|n| effects.push(n));
        assert_eq!(effects.room(), 0);
        assert!(effects.into_iter().eq(1..5));
    }
}
