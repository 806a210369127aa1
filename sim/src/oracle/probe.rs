use std::cell::{Ref, RefCell};
use std::fmt;
use std::rc::Rc;

/// One thing on its way: a number that is unique within its key.
///
/// `7.into()` is item 7 of key 0; `(3, 7).into()` is item 7 of key 3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Which stream of items it belongs to: a partition, a sender, a pool. 0 where there is one.
    pub key: u64,
    /// Which one it is.
    pub number: u64,
}

/// One word of a [`Probe`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// As [`Probe::sent`].
    Sent(Item),
    /// As [`Probe::unknown`].
    Unknown(Item),
    /// As [`Probe::delivered`].
    Delivered(Item),
    /// As [`Probe::dropped`].
    Dropped(Item, &'static str),
    /// As [`Probe::took`].
    Took(Item),
    /// As [`Probe::gave`].
    Gave(Item),
    /// As [`Probe::watermark`].
    Watermark {
        /// Whose.
        key: u64,
        /// Event time.
        at: u64,
    },
    /// As [`Probe::stamped`].
    Stamped {
        /// Whose.
        key: u64,
        /// Event time.
        at: u64,
    },
    /// As [`Probe::level`].
    Level(u64),
    /// As [`Probe::state`].
    State {
        /// Which replica.
        replica: u64,
        /// After how many steps.
        at: u64,
        /// The hash of its state.
        hash: u64,
    },
}

/// The book of one edge or sink, which user code writes and oracles read by its name. Clones are handles of the same
/// book.
///
/// Opened by [`Sim::probe`](crate::Sim::probe) and carried into processes, tasks and sinks. What is written counts at
/// the event in which it was written; once every oracle has seen it, it is forgotten. Without oracles it stays.
#[derive(Clone)]
pub struct Probe(Rc<Book>);

struct Book {
    name: String,
    notes: RefCell<Vec<Note>>,
}

impl Probe {
    pub(crate) fn new(name: &str) -> Self {
        Self(Rc::new(Book { name: name.to_owned(), notes: RefCell::default() }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Writes one word.
    pub fn note(&self, note: Note) {
        self.0.notes.borrow_mut().push(note);
    }

    /// The item is on its way: it was promised to whoever is at the other end. Sending it again promises nothing new.
    pub fn sent(&self, item: impl Into<Item>) {
        self.note(Note::Sent(item.into()));
    }

    /// The sender gave up on the item and cannot know whether it was sent: it may arrive or not.
    pub fn unknown(&self, item: impl Into<Item>) {
        self.note(Note::Unknown(item.into()));
    }

    /// The item arrived.
    pub fn delivered(&self, item: impl Into<Item>) {
        self.note(Note::Delivered(item.into()));
    }

    /// The item was given up on purpose, for a cause that somebody counts.
    pub fn dropped(&self, item: impl Into<Item>, cause: &'static str) {
        self.note(Note::Dropped(item.into(), cause));
    }

    /// A slot, a handle, a mapping was taken from its home.
    pub fn took(&self, item: impl Into<Item>) {
        self.note(Note::Took(item.into()));
    }

    /// It was given back.
    pub fn gave(&self, item: impl Into<Item>) {
        self.note(Note::Gave(item.into()));
    }

    /// The watermark of a key: nothing stamped before `at` comes after it.
    pub fn watermark(&self, key: u64, at: u64) {
        self.note(Note::Watermark { key, at });
    }

    /// Something of this key arrived that bears the event time `at`.
    pub fn stamped(&self, key: u64, at: u64) {
        self.note(Note::Stamped { key, at });
    }

    /// How full it is: items that wait, bytes that are kept.
    pub fn level(&self, level: u64) {
        self.note(Note::Level(level));
    }

    /// The hash of a replica's state after `at` steps.
    pub fn state(&self, replica: u64, at: u64, hash: u64) {
        self.note(Note::State { replica, at, hash });
    }

    /// What was written since the oracles last looked.
    pub fn fresh(&self) -> Ref<'_, [Note]> {
        Ref::map(self.0.notes.borrow(), Vec::as_slice)
    }

    /// Every oracle has looked.
    pub(crate) fn forget(&self) {
        self.0.notes.borrow_mut().clear();
    }
}

impl From<u64> for Item {
    fn from(number: u64) -> Self {
        Self { key: 0, number }
    }
}

impl From<(u64, u64)> for Item {
    fn from((key, number): (u64, u64)) -> Self {
        Self { key, number }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            0 => write!(f, "item {}", self.number),
            key => write!(f, "item {} of key {key}", self.number),
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.0.name).finish_non_exhaustive()
    }
}
