use std::collections::BTreeMap;

use super::{Linearization, Model, Operation, Unplaced};

/// Looks for an order of the operations that explains every answer, in at most so many `steps` of the model.
///
/// A function of its arguments: neither time nor addresses nor hash orders have a say.
pub fn linearize<M: Model>(model: &M, operations: &[Operation<M>], steps: u64) -> Linearization<M> {
    let mut parts: BTreeMap<M::Key, Vec<&Operation<M>>> = BTreeMap::new();
    for operation in operations {
        parts.entry(model.key(&operation.op)).or_default().push(operation);
    }
    let (mut orders, mut spent) = (Vec::new(), 0);
    for (key, operations) in parts {
        let part = Part::new(&operations);
        let mut search = Search::new(model, &part, steps - spent);
        let end = search.run(model.begin(&key));
        spent += search.spent;
        match end {
            End::Placed(order) => orders.push((key, part.pick(&order))),
            End::Stuck => return Linearization::Illegal(Box::new(search.unplaced(key))),
            End::Spent => return Linearization::Unknown { key, steps },
        }
    }
    Linearization::Legal { orders, steps: spent }
}

/// An operation of a part, by its place in the order of calls.
type Id = u32;

/// A history of one key, ready to be walked along.
struct Part<'a, M: Model> {
    operations: Vec<&'a Operation<M>>,
    /// Those that returned, in the order of their returns.
    returns: Vec<Id>,
    /// For each return: what was called before it and returns with it or later, in the order of the returns.
    open: Vec<Vec<Id>>,
    /// Those that never returned, in the order of their calls.
    lost: Vec<Id>,
    /// For each return: how many of them were called before it.
    lost_by: Vec<usize>,
}

impl<'a, M: Model> Part<'a, M> {
    fn new(operations: &[&'a Operation<M>]) -> Self {
        let mut operations = operations.to_vec();
        operations.sort_by_key(|operation| operation.called);
        let returned = |id: &Id| operations[*id as usize].returned.as_ref().map(|(at, _)| *at);
        let called = |id: &Id| operations[*id as usize].called;
        let (mut returns, lost): (Vec<Id>, Vec<Id>) =
            (0..operations.len() as Id).partition(|id| returned(id).is_some());
        returns.sort_by_key(returned);
        let (mut open, mut lost_by, mut running, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for id in &returns {
            let at = returned(id).unwrap_or_default();
            while next < operations.len() as Id && called(&next) < at {
                if returned(&next).is_some() {
                    running.push(next);
                }
                next += 1;
            }
            running.sort_by_key(returned);
            open.push(running.clone());
            lost_by.push(lost.partition_point(|id| called(id) < at));
            running.retain(|other| other != id);
        }
        Self { operations, returns, open, lost, lost_by }
    }

    /// The n-th operation that may come next while the return at `at` waits for its own.
    fn candidate(&self, at: usize, n: usize) -> Option<Id> {
        let open = &self.open[at];
        match n.checked_sub(open.len()) {
            None => Some(open[n]),
            Some(n) => self.lost[..self.lost_by[at]].get(n).copied(),
        }
    }

    fn pick(&self, order: &[Id]) -> Vec<Operation<M>> {
        order.iter().map(|id| self.operations[*id as usize].clone()).collect()
    }
}

/// How far one way of ordering came.
struct Frame<S> {
    /// The first return whose operation is not in the order.
    at: usize,
    state: S,
    /// In the order and not returned, ascending.
    early: Vec<Id>,
    /// In the order although nobody knows, ascending.
    used: Vec<Id>,
    /// The operation that was put last.
    put: Option<Id>,
    /// The candidate to be tried next.
    next: usize,
}

/// What makes two ways alike, but for the lost operations that each used up.
type Likeness<S> = (usize, Vec<Id>, S);

struct Search<'a, M: Model> {
    model: &'a M,
    part: &'a Part<'a, M>,
    steps: u64,
    spent: u64,
    seen: BTreeMap<Likeness<M::State>, Vec<Vec<Id>>>,
    /// How far the best way came, and where it led.
    best: Option<(usize, Vec<Id>, M::State)>,
}

enum End {
    Placed(Vec<Id>),
    Stuck,
    Spent,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, part: &'a Part<'a, M>, steps: u64) -> Self {
        Self { model, part, steps, spent: 0, seen: BTreeMap::new(), best: None }
    }

    fn run(&mut self, begin: M::State) -> End {
        let first = Frame { at: 0, state: begin, early: Vec::new(), used: Vec::new(), put: None, next: 0 };
        let mut path = vec![first];
        while let Some(top) = path.last_mut() {
            if top.at == self.part.returns.len() {
                return End::Placed(order(&path));
            }
            let Some(id) = self.part.candidate(top.at, top.next) else {
                self.turn_back(&path);
                path.pop();
                continue;
            };
            top.next += 1;
            if top.early.binary_search(&id).is_ok() || top.used.binary_search(&id).is_ok() {
                continue;
            }
            if self.spent == self.steps {
                return End::Spent;
            }
            self.spent += 1;
            if let Some(frame) = self.put(top, id) {
                path.push(frame);
            }
        }
        End::Stuck
    }

    /// Keeps the way that came farthest, and of those the shortest: it used up nothing without need.
    fn turn_back(&mut self, path: &[Frame<M::State>]) {
        let Some(end) = path.last() else { return };
        let rank = |at: usize, len: usize| (at, usize::MAX - len);
        if self.best.as_ref().is_none_or(|best| rank(best.0, best.1.len()) < rank(end.at, path.len() - 1)) {
            self.best = Some((end.at, order(path), end.state.clone()));
        }
    }

    /// Puts one operation next, if its answer allows it and the way was not gone before.
    fn put(&mut self, top: &Frame<M::State>, id: Id) -> Option<Frame<M::State>> {
        let operation = self.part.operations[id as usize];
        let mut state = top.state.clone();
        let answer = self.model.apply(&mut state, &operation.op);
        let (mut at, mut early, mut used) = (top.at, top.early.clone(), top.used.clone());
        match &operation.returned {
            Some((_, seen)) if *seen != answer => return None,
            Some(_) => insert(&mut early, id),
            // What nobody knows of and nobody notices need not have happened.
            None if state == top.state => return None,
            None => insert(&mut used, id),
        }
        while let Some(place) = self.part.returns.get(at).and_then(|id| early.binary_search(id).ok()) {
            early.remove(place);
            at += 1;
        }
        let gone = self.seen.entry((at, early.clone(), state.clone())).or_default();
        if gone.iter().any(|fewer| within(fewer, &used)) {
            return None;
        }
        gone.retain(|more| !within(&used, more));
        gone.push(used.clone());
        Some(Frame { at, state, early, used, put: Some(id), next: 0 })
    }

    fn unplaced(self, key: M::Key) -> Unplaced<M> {
        let Self { model, part, best, .. } = self;
        let (at, order, state) = best.expect("a search that is stuck went back at least once");
        let (id, lost) = (part.returns[at], &part.lost[..part.lost_by[at]]);
        let open = part.open[at].iter().chain(lost).copied();
        let open: Vec<Id> = open.filter(|other| *other != id && !order.contains(other)).collect();
        let stuck = part.operations[id as usize].clone();
        let answer = model.apply(&mut state.clone(), &stuck.op);
        Unplaced { key, order: part.pick(&order), state, stuck, answer, open: part.pick(&open) }
    }
}

fn order<S>(path: &[Frame<S>]) -> Vec<Id> {
    path.iter().filter_map(|frame| frame.put).collect()
}

fn insert(sorted: &mut Vec<Id>, id: Id) {
    if let Err(place) = sorted.binary_search(&id) {
        sorted.insert(place, id);
    }
}

/// Whether every id of one ascending list is in the other.
fn within(few: &[Id], many: &[Id]) -> bool {
    let mut many = many.iter();
    few.iter().all(|id| many.any(|other| other == id))
}
