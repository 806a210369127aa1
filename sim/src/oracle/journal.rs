use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// A log that user code writes and one oracle reads. Clones are handles of the same log.
///
/// ```
/// use tidemill_sim::oracle::Journal;
/// let journal = Journal::new();
/// let writer = journal.clone();
/// writer.write("opened");
/// assert_eq!(journal.take(), ["opened"]);
/// ```
pub struct Journal<T>(Rc<RefCell<Vec<T>>>);

impl<T> Journal<T> {
    /// An empty log.
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// Appends an entry.
    pub fn write(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    /// Everything that was written since the last call, in that order.
    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }

    /// Shows every entry written since the log was last read, and forgets them; the log keeps its room.
    ///
    /// # Errors
    /// The first that `each` gives. The entries are forgotten all the same.
    pub fn read(&self, each: impl FnMut(T) -> Result<(), String>) -> Result<(), String> {
        self.0.borrow_mut().drain(..).try_for_each(each)
    }

    /// Entries that nobody has read.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl<T> Clone for Journal<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Journal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("unread", &self.len()).finish()
    }
}
