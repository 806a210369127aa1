use std::collections::VecDeque;
use std::fmt::Debug;
use std::marker::PhantomData;

use super::Model;

/// One value that is read, written, and compared and swapped.
#[derive(Clone, Debug)]
pub struct Register<V>(V);

/// What can be asked of a [`Register`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegisterOp<V> {
    /// Answers [`Value`](RegisterRet::Value).
    Read,
    /// Answers [`Done`](RegisterRet::Done).
    Write(V),
    /// Writes `to` where the value is `from`; answers [`Swapped`](RegisterRet::Swapped).
    Swap {
        /// The value that must be there.
        from: V,
        /// The value that replaces it.
        to: V,
    },
}

/// What a [`Register`] answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RegisterRet<V> {
    /// The value.
    Value(V),
    /// It was written.
    Done,
    /// Whether it was swapped.
    Swapped(bool),
}

impl<V> Register<V> {
    /// A register that holds `initial` in the beginning.
    pub fn new(initial: V) -> Self {
        Self(initial)
    }
}

impl<V: Clone + Ord + Debug> Model for Register<V> {
    type Key = ();
    type Op = RegisterOp<V>;
    type Ret = RegisterRet<V>;
    type State = V;

    fn key(&self, _: &Self::Op) {}

    fn begin(&self, (): &()) -> V {
        self.0.clone()
    }

    fn apply(&self, state: &mut V, op: &Self::Op) -> Self::Ret {
        match op {
            RegisterOp::Read => RegisterRet::Value(state.clone()),
            RegisterOp::Write(value) => {
                state.clone_from(value);
                RegisterRet::Done
            }
            RegisterOp::Swap { from, to } => {
                let fits = state == from;
                if fits {
                    state.clone_from(to);
                }
                RegisterRet::Swapped(fits)
            }
        }
    }
}

/// First in, first out; empty in the beginning.
#[derive(Clone, Debug)]
pub struct Queue<V>(PhantomData<V>);

/// What can be asked of a [`Queue`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QueueOp<V> {
    /// Answers [`Done`](QueueRet::Done).
    Push(V),
    /// Answers [`Item`](QueueRet::Item).
    Pop,
}

/// What a [`Queue`] answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QueueRet<V> {
    /// It was pushed.
    Done,
    /// The oldest; `None` where it was empty.
    Item(Option<V>),
}

impl<V> Queue<V> {
    /// An empty queue.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Clone + Ord + Debug> Model for Queue<V> {
    type Key = ();
    type Op = QueueOp<V>;
    type Ret = QueueRet<V>;
    type State = VecDeque<V>;

    fn key(&self, _: &Self::Op) {}

    fn begin(&self, (): &()) -> VecDeque<V> {
        VecDeque::new()
    }

    fn apply(&self, state: &mut VecDeque<V>, op: &Self::Op) -> Self::Ret {
        match op {
            QueueOp::Push(value) => {
                state.push_back(value.clone());
                QueueRet::Done
            }
            QueueOp::Pop => QueueRet::Item(state.pop_front()),
        }
    }
}

/// Values by key, each key an object of its own; empty in the beginning.
#[derive(Clone, Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

/// What can be asked of a [`Map`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapOp<K, V> {
    /// Answers [`Value`](MapRet::Value).
    Get(K),
    /// Answers [`Done`](MapRet::Done).
    Put(K, V),
    /// Answers [`Done`](MapRet::Done).
    Delete(K),
    /// Writes `to` where `from` is there, `None` standing for nothing; answers [`Swapped`](MapRet::Swapped).
    Swap {
        /// Where.
        key: K,
        /// What must be there.
        from: Option<V>,
        /// What replaces it.
        to: Option<V>,
    },
}

/// What a [`Map`] answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapRet<V> {
    /// The value, if there is one.
    Value(Option<V>),
    /// It was put or deleted.
    Done,
    /// Whether it was swapped.
    Swapped(bool),
}

impl<K, V> Map<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Clone + Ord + Debug, V: Clone + Ord + Debug> Model for Map<K, V> {
    type Key = K;
    type Op = MapOp<K, V>;
    type Ret = MapRet<V>;
    type State = Option<V>;

    fn key(&self, op: &Self::Op) -> K {
        match op {
            MapOp::Get(key) | MapOp::Put(key, _) | MapOp::Delete(key) | MapOp::Swap { key, .. } => {
                key.clone()
            }
        }
    }

    fn begin(&self, _: &K) -> Option<V> {
        None
    }

    fn apply(&self, state: &mut Option<V>, op: &Self::Op) -> Self::Ret {
        match op {
            MapOp::Get(_) => return MapRet::Value(state.clone()),
            MapOp::Put(_, value) => *state = Some(value.clone()),
            MapOp::Delete(_) => *state = None,
            MapOp::Swap { from, to, .. } => {
                let fits = state == from;
                if fits {
                    state.clone_from(to);
                }
                return MapRet::Swapped(fits);
            }
        }
        MapRet::Done
    }
}

/// A set, each element an object of its own; empty in the beginning.
#[derive(Clone, Debug)]
pub struct Set<V>(PhantomData<V>);

/// What can be asked of a [`Set`]. The answer is whether the element was there before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetOp<V> {
    /// Puts it in.
    Insert(V),
    /// Takes it out.
    Remove(V),
    /// Only looks.
    Contains(V),
}

impl<V> Set<V> {
    /// An empty set.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<V> Default for Set<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Clone + Ord + Debug> Model for Set<V> {
    type Key = V;
    type Op = SetOp<V>;
    type Ret = bool;
    type State = bool;

    fn key(&self, op: &Self::Op) -> V {
        match op {
            SetOp::Insert(value) | SetOp::Remove(value) | SetOp::Contains(value) => value.clone(),
        }
    }

    fn begin(&self, _: &V) -> bool {
        false
    }

    fn apply(&self, state: &mut bool, op: &Self::Op) -> bool {
        match op {
            SetOp::Insert(_) => std::mem::replace(state, true),
            SetOp::Remove(_) => std::mem::replace(state, false),
            SetOp::Contains(_) => *state,
        }
    }
}
