use std::fmt::Debug;

/// An object as one sequential program would see it.
///
/// ```
/// use tidemill_sim::oracle::{History, Linearization, Model, linearize};
///
/// /// A counter that says what it counted to.
/// struct Counter;
///
/// impl Model for Counter {
///     type Key = ();
///     type Op = u64;
///     type Ret = u64;
///     type State = u64;
///     fn key(&self, _: &u64) {}
///     fn begin(&self, (): &()) -> u64 {
///         0
///     }
///     fn apply(&self, count: &mut u64, by: &u64) -> u64 {
///         *count += by;
///         *count
///     }
/// }
///
/// let history = History::<Counter>::new("counter");
/// let (one, two) = (history.call(1, 1), history.call(2, 1));
/// history.returned(one, 2);
/// history.returned(two, 1);
/// let verdict = linearize(&Counter, &history.operations(), 100);
/// assert!(matches!(verdict, Linearization::Legal { .. }));
/// ```
pub trait Model {
    /// A part of the object that is a linearizable object of its own.
    type Key: Ord + Clone + Debug;
    /// What can be asked of it.
    type Op: Clone + Debug;
    /// What it answers.
    type Ret: Clone + PartialEq + Debug;
    /// What it remembers.
    type State: Clone + Ord + Debug;

    /// The part that the operation concerns. Operations on different keys must have nothing to do with each other; a model
    /// that cannot be split has one key.
    fn key(&self, op: &Self::Op) -> Self::Key;

    /// What a part remembers in the beginning.
    fn begin(&self, key: &Self::Key) -> Self::State;

    /// What the operation does and answers. A function of its arguments.
    fn apply(&self, state: &mut Self::State, op: &Self::Op) -> Self::Ret;
}
