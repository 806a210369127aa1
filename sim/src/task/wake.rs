use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use crate::machine::ProcessId;
use crate::seams::Bells;

/// The tasks of one process that woke, in that order. Shared with wakers, which have to be `Send`; there is one thread.
#[derive(Debug)]
pub(crate) struct Ready {
    process: ProcessId,
    bells: Arc<Bells>,
    /// The process is in an event, so whatever wakes is polled before it ends.
    inside: AtomicBool,
    woken: Mutex<Vec<usize>>,
}

impl Ready {
    pub(crate) fn new(process: ProcessId, bells: Arc<Bells>) -> Self {
        Self { process, bells, inside: AtomicBool::new(false), woken: Mutex::default() }
    }

    pub(crate) fn enter(&self) {
        self.inside.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.inside.store(false, Ordering::Relaxed);
    }

    pub(crate) fn drain(&self, into: &mut Vec<usize>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        for id in woken.drain(..) {
            if !into.contains(&id) {
                into.push(id);
            }
        }
    }

    fn push(&self, id: usize) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        if !self.inside.load(Ordering::Relaxed) {
            self.bells.ring(self.process);
        }
    }
}

pub(crate) struct TaskWaker {
    id: usize,
    ready: Arc<Ready>,
}

impl TaskWaker {
    pub(crate) fn new(id: usize, ready: Arc<Ready>) -> Self {
        Self { id, ready }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.id);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.id);
    }
}
