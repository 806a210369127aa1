use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};

use super::RegisterId;
use super::server::{Call, Ended, Server, show};
use crate::process::Context;
use crate::seams::{Seams, SeamsInner};
use crate::task::Env;

/// A process's handle of a register, wherever that is.
pub struct SimRegister {
    server: Rc<RefCell<Server>>,
    seams: Rc<SeamsInner>,
    operation: Option<u32>,
}

impl Seams {
    /// A handle of a register.
    pub fn register(&self, register: RegisterId) -> SimRegister {
        SimRegister { server: self.0.shelf.register(register), seams: Rc::clone(&self.0), operation: None }
    }
}

impl Context<'_> {
    /// A handle of a register. It may be kept; it is closed with the process.
    pub fn register(&mut self, register: RegisterId) -> SimRegister {
        self.kernel.seams_of(self.process).register(register)
    }
}

impl Env {
    /// A handle of a register.
    pub fn register(&self, register: RegisterId) -> SimRegister {
        self.seams().register(register)
    }
}

impl SimRegister {
    /// Begins an operation, or goes on with the one that is under way if it is the same; gives how it ended.
    fn call(&mut self, is: impl Fn(&Call) -> bool, call: impl FnOnce() -> Call) -> Option<Ended> {
        let mut server = self.server.borrow_mut();
        self.seams.shelf.touch_register(server.id);
        let number = match self.operation {
            Some(number) if server.is(number, is) => number,
            other => {
                if let Some(number) = other {
                    server.abandon(number);
                }
                server.begin(self.seams.process, call())
            }
        };
        let ended = server.outcome(number);
        self.operation = ended.is_none().then_some(number);
        ended
    }
}

impl Register for SimRegister {
    fn capacity(&self) -> usize {
        self.server.borrow().config.capacity
    }

    fn reads_may_be_stale(&self) -> bool {
        self.server.borrow().config.stale != crate::Rate::NEVER
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        if !self.seams.alive.get() {
            return Err(ReadingError::Closed);
        }
        match self.call(|call| *call == Call::Read, || Call::Read) {
            Some(Ended::Read(read)) => show(read, into),
            _ => Err(ReadingError::Pending),
        }
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        if !self.seams.alive.get() {
            return Err(ExchangeError::Closed);
        }
        let capacity = self.capacity();
        if value.len() > capacity {
            return Err(ExchangeError::TooLong { capacity });
        }
        let same = |call: &Call| match call {
            Call::Exchange { expected: e, value: v } => *e == expected && v == value,
            Call::Read => false,
        };
        match self.call(same, || Call::Exchange { expected, value: value.to_vec() }) {
            Some(Ended::Exchange(exchanged)) => exchanged,
            _ => Err(ExchangeError::Pending),
        }
    }

    fn watch(&mut self, seen: Version) -> bool {
        self.seams.alive.get() && self.server.borrow_mut().watch(self.seams.process, seen)
    }
}

impl Drop for SimRegister {
    fn drop(&mut self) {
        if let Some(number) = self.operation {
            self.server.borrow_mut().abandon(number);
        }
    }
}

impl fmt::Debug for SimRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRegister").field("register", &self.server.borrow().name).finish_non_exhaustive()
    }
}
