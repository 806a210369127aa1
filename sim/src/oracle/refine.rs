use std::borrow::Cow;
use std::fmt;

use super::{Journal, Moment, Oracle};
use crate::process::Process;
use crate::sim::Sim;

/// A model that is right by inspection: it takes the same steps as the real thing.
///
/// Implemented by closures `FnMut(&T) -> Result<(), String>`.
pub trait Reference<T> {
    /// Takes the step that the real thing took; an error where the model could not have.
    fn step(&mut self, entry: &T) -> Result<(), String>;
}

impl<T, F: FnMut(&T) -> Result<(), String>> Reference<T> for F {
    fn step(&mut self, entry: &T) -> Result<(), String> {
        self(entry)
    }
}

/// The real thing does only what its model may: [`refines`].
pub struct Refines<T, R> {
    name: String,
    journal: Journal<T>,
    model: R,
    steps: u64,
}

/// Every entry of the journal is a step of the model.
///
/// Shows the model each entry at the event in which it was written, and refuses the first that it cannot take. A model that
/// keeps every state it may be in accepts outcomes that nobody knows:
///
/// ```
/// use std::collections::BTreeSet;
/// use tidemill_sim::oracle::{Journal, refines};
/// use tidemill_sim::Sim;
///
/// enum Did { Set(u32), PerhapsSet(u32), Got(u32) }
///
/// let mut may_be = BTreeSet::from([0]);
/// let model = move |did: &Did| {
///     match did {
///         Did::Set(value) => may_be = BTreeSet::from([*value]),
///         Did::PerhapsSet(value) => { may_be.insert(*value); }
///         Did::Got(value) if may_be.contains(value) => may_be = BTreeSet::from([*value]),
///         Did::Got(value) => return Err(format!("got {value}, and only {may_be:?} may be there")),
///     }
///     Ok(())
/// };
///
/// let journal = Journal::new();
/// let mut sim: Sim = Sim::new(1);
/// sim.watch(refines("register", &journal, model));
/// for did in [Did::Set(1), Did::PerhapsSet(2), Did::Got(1)] {
///     journal.write(did);
/// }
/// sim.run().expect_ok();
///
/// journal.write(Did::Got(2));
/// let failure = sim.run().failure().unwrap().message.clone();
/// assert_eq!(failure, "step 4: got 2, and only {1} may be there");
/// ```
///
/// The journal has one reader: a second oracle needs one of its own. Costs what the model costs; keeps no entry.
pub fn refines<T, R: Reference<T>>(name: &str, journal: &Journal<T>, model: R) -> Refines<T, R> {
    Refines { name: name.to_owned(), journal: journal.clone(), model, steps: 0 }
}

impl<P: Process, T, R: Reference<T>> Oracle<P> for Refines<T, R> {
    fn check(&mut self, _: &Sim<P>, _: Moment) -> Result<(), String> {
        let Self { journal, model, steps, .. } = self;
        journal.read(|entry| {
            *steps += 1;
            model.step(&entry).map_err(|why| format!("step {steps}: {why}"))
        })
    }

    fn name(&self) -> Cow<'static, str> {
        format!("refines({})", self.name).into()
    }
}

impl<T, R> fmt::Debug for Refines<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refines")
            .field("name", &self.name)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
