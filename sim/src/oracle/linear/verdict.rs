use std::fmt;

use super::{Model, Operation};

/// What a search found.
pub enum Linearization<M: Model> {
    /// An order explains every answer: key by key, the operations in that order. Those that took no effect are missing.
    Legal {
        /// Key by key.
        orders: Vec<(M::Key, Vec<Operation<M>>)>,
        /// Steps of the model.
        steps: u64,
    },
    /// No order does.
    Illegal(Box<Unplaced<M>>),
    /// The search gave up.
    Unknown {
        /// The key it was at.
        key: M::Key,
        /// Steps of the model.
        steps: u64,
    },
}

/// Where a history stops being linearizable.
pub struct Unplaced<M: Model> {
    /// The part of the object that it happened to.
    pub key: M::Key,
    /// An order that explains every answer before the one of `stuck`: the longest prefix that has one.
    pub order: Vec<Operation<M>>,
    /// The state that this order leads to.
    pub state: M::State,
    /// The operation whose answer fits nowhere, in this order or any other.
    pub stuck: Operation<M>,
    /// What the model would answer it after this order.
    pub answer: M::Ret,
    /// Operations that are open when it returns, and not in the order.
    pub open: Vec<Operation<M>>,
}

/// Lines of the order that are shown, at most: the last ones.
const SHOWN: usize = 24;

/// The first line has no figures but those of clients and steps, so that a failure keeps its id.
impl<M: Model> fmt::Display for Linearization<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Legal { steps, .. } => write!(f, "linearizable, by {steps} steps"),
            Self::Illegal(unplaced) => {
                write!(f, "no order of the operations explains their answers\n{unplaced}")
            }
            Self::Unknown { key, steps } => write!(
                f,
                "not decided within {steps} steps\n  at key {key:?}: more steps, more keys, or fewer operations at once"
            ),
        }
    }
}

impl<M: Model> fmt::Display for Unplaced<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, order, state, stuck, answer, open } = self;
        let key = format!("{key:?}");
        let at = if key == "()" { String::new() } else { format!("at key {key} ") };
        let order_is = if order.is_empty() { "nothing comes" } else { "this order explains all answers" };
        writeln!(f, "  {at}{order_is} before the one below")?;
        let hidden = order.len().saturating_sub(SHOWN);
        if hidden > 0 {
            writeln!(f, "       … {hidden} more")?;
        }
        for (at, operation) in order.iter().enumerate().skip(hidden) {
            writeln!(f, "  {:4}  {operation}", at + 1)?;
        }
        writeln!(f, "  state {state:?}")?;
        writeln!(f, "  none explains {stuck}")?;
        write!(f, "  which would be {answer:?} here")?;
        for operation in open {
            write!(f, "\n  open  {operation}")?;
        }
        Ok(())
    }
}

impl<M: Model> fmt::Debug for Linearization<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<M: Model> fmt::Debug for Unplaced<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
