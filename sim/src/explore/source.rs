use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::order::Ready;
use crate::choice::Rate;

/// One decision, put to a [`Source`].
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose decision it is.
    pub entity: &'a str,
    /// What is decided.
    pub kind: &'static str,
    /// How many decisions of this kind the entity took before.
    pub counter: u64,
    /// How many values there are; at least 2.
    pub n: u64,
    /// How often it happens, where the decision is whether something happens at all: a fault.
    pub rate: Option<Rate>,
    /// What the base would have said.
    pub drawn: u64,
    /// Who stands behind each value, where the decision is who runs next; otherwise nothing.
    pub among: &'a [usize],
}

/// Where values come from while a strategy is at work. What an overlay names is not asked for.
pub trait Source {
    /// The value of one decision; one that is not below `n` becomes the last there is.
    fn value(&mut self, asked: &Asked<'_>) -> u64;

    /// Which of several events happens next, where the run's order is [chosen](crate::Order::Chosen).
    fn next(&mut self, asked: &Asked<'_>, ready: &[Ready]) -> usize {
        let _ = ready;
        asked.drawn as usize
    }

    /// The one event that can happen next happens: nothing to decide, but a step.
    fn only(&mut self, ready: &Ready) {
        let _ = ready;
    }

    /// The present event has touched everything, whatever was said of its process: what happens next does not commute
    /// with it.
    fn widened(&mut self) {}

    /// Whether the run has nothing more to show: it ends before the event that was just decided on.
    fn is_over(&self) -> bool {
        false
    }
}

/// A source on its way into a simulation. A clone is another handle of the same source, so who keeps one reads off it
/// after the run.
#[derive(Clone)]
pub struct Drive(Rc<RefCell<dyn Source>>);

impl Drive {
    /// Has `source` decide.
    pub fn new(source: impl Source + 'static) -> Self {
        Self(Rc::new(RefCell::new(source)))
    }

    /// Has the source behind a shared handle decide.
    pub fn shared<S: Source + 'static>(source: &Rc<RefCell<S>>) -> Self {
        Self(Rc::<RefCell<S>>::clone(source))
    }

    pub(crate) fn value(&self, asked: &Asked<'_>) -> u64 {
        self.0.borrow_mut().value(asked)
    }

    pub(crate) fn next(&self, asked: &Asked<'_>, ready: &[Ready]) -> usize {
        self.0.borrow_mut().next(asked, ready)
    }

    pub(crate) fn only(&self, ready: &Ready) {
        self.0.borrow_mut().only(ready);
    }

    pub(crate) fn widened(&self) {
        self.0.borrow_mut().widened();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.borrow().is_over()
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").finish_non_exhaustive()
    }
}
