use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use tidemill_seam::Instant;

use super::Model;

/// What clients asked of an object, and what they were told. Clones are handles of the same history.
///
/// The order in which calls and returns are written is the order in which they happened. A call that is never followed by a
/// word may have taken effect or not: a client that times out, or dies, writes nothing, or [`unknown`](Self::unknown).
pub struct History<M: Model>(Rc<RefCell<Inner<M>>>);

struct Inner<M: Model> {
    name: String,
    operations: Vec<Operation<M>>,
    refused: Vec<bool>,
    /// When each word was written; those that no oracle has seen are missing.
    times: Vec<Instant>,
    words: usize,
}

/// An operation that was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "whoever calls hears something, or writes that it did not"]
pub struct Call(usize);

/// One operation of a history.
pub struct Operation<M: Model> {
    /// Who asked.
    pub client: u64,
    /// What.
    pub op: M::Op,
    /// The place of the call among all calls and returns of the history.
    pub called: usize,
    /// The place of the return, and the answer; `None` where nobody knows.
    pub returned: Option<(usize, M::Ret)>,
    /// Virtual time of the call and of the return, where an oracle saw them.
    pub at: [Option<Instant>; 2],
}

impl<M: Model> History<M> {
    /// An empty history.
    pub fn new(name: &str) -> Self {
        let inner = Inner {
            name: name.to_owned(),
            operations: Vec::new(),
            refused: Vec::new(),
            times: Vec::new(),
            words: 0,
        };
        Self(Rc::new(RefCell::new(inner)))
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0.borrow().name.clone()
    }

    /// A client asks for something.
    pub fn call(&self, client: u64, op: M::Op) -> Call {
        let mut inner = self.0.borrow_mut();
        let called = inner.word();
        inner.operations.push(Operation { client, op, called, returned: None, at: [None; 2] });
        inner.refused.push(false);
        Call(inner.operations.len() - 1)
    }

    /// It is told the answer. An answer may still come after [`unknown`](Self::unknown).
    ///
    /// # Panics
    /// If it was told before, or told that nothing was done.
    pub fn returned(&self, call: Call, answer: M::Ret) {
        let mut inner = self.0.borrow_mut();
        inner.is_open(call);
        let at = inner.word();
        inner.operations[call.0].returned = Some((at, answer));
    }

    /// It is told that nothing was done, now or ever: the operation counts for nothing.
    ///
    /// # Panics
    /// As [`returned`](Self::returned).
    pub fn refused(&self, call: Call) {
        let mut inner = self.0.borrow_mut();
        inner.is_open(call);
        inner.refused[call.0] = true;
    }

    /// It gave up: what was asked may be done, now or later, or never.
    ///
    /// # Panics
    /// As [`returned`](Self::returned).
    pub fn unknown(&self, call: Call) {
        self.0.borrow().is_open(call);
    }

    /// Operations that were called and not refused, in the order of their calls.
    pub fn operations(&self) -> Vec<Operation<M>> {
        let inner = self.0.borrow();
        let time = |place: usize| inner.times.get(place).copied();
        let counted = inner.operations.iter().zip(&inner.refused).filter(|(_, refused)| !**refused);
        counted
            .map(|(operation, _)| Operation {
                at: [
                    time(operation.called),
                    operation.returned.as_ref().and_then(|(returned, _)| time(*returned)),
                ],
                ..operation.clone()
            })
            .collect()
    }

    /// Calls and returns so far.
    pub(super) fn words(&self) -> usize {
        self.0.borrow().words
    }

    /// What was written since the last call was written now.
    pub(super) fn stamp(&self, now: Instant) {
        let mut inner = self.0.borrow_mut();
        let words = inner.words;
        inner.times.resize(words, now);
    }
}

impl<M: Model> Inner<M> {
    /// The place of the next call or return.
    fn word(&mut self) -> usize {
        self.words += 1;
        self.words - 1
    }

    fn is_open(&self, call: Call) {
        let open = self.operations[call.0].returned.is_none() && !self.refused[call.0];
        assert!(open, "call {} of history {} was answered twice", call.0, self.name);
    }
}

impl<M: Model> Clone for History<M> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<M: Model> Clone for Operation<M> {
    fn clone(&self) -> Self {
        let Self { client, op, called, returned, at } = self;
        Self { client: *client, op: op.clone(), called: *called, returned: returned.clone(), at: *at }
    }
}

impl<M: Model> fmt::Debug for History<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.0.borrow();
        f.debug_struct("History").field("name", &inner.name).field("calls", &inner.operations.len()).finish()
    }
}

/// `client 2: Read → Value(0)   t+3ms to t+9ms`
impl<M: Model> fmt::Display for Operation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}: {:?} → ", self.client, self.op)?;
        match &self.returned {
            Some((_, answer)) => write!(f, "{answer:?}")?,
            None => f.write_str("?")?,
        }
        match self.at {
            [Some(called), Some(returned)] => write!(f, "   {called:?} to {returned:?}"),
            [Some(called), None] => write!(f, "   {called:?} on"),
            _ => Ok(()),
        }
    }
}

impl<M: Model> fmt::Debug for Operation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
