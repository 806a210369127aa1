//! Registers as the world sees them.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Duration, Version};

use super::server::Server;
use super::{RegisterConfig, RegisterId, RegisterStats};
use crate::kernel::{Kernel, Pending};
use crate::process::Process;
use crate::sim::Sim;
use crate::trace::Happened;

impl<P: Process> Sim<P> {
    /// Adds a register without a value. Its choices belong to `register/name`.
    ///
    /// # Panics
    /// If the name is empty, holds a blank or `#`, or is taken by another register.
    pub fn register(&mut self, name: &str, config: RegisterConfig) -> RegisterId {
        assert!(crate::choice::is_name(name), "{name:?} cannot name a register");
        self.kernel.bells();
        let shelf = Rc::clone(self.kernel.shelf());
        let name = format!("register/{name}");
        let mut registers = shelf.registers.borrow_mut();
        assert!(registers.iter().all(|one| one.borrow().name != name), "two registers are called {name}");
        let id = RegisterId(registers.len() as u32);
        let server = Server::new(id, name, config, self.kernel.choices.branch());
        registers.push(Rc::new(RefCell::new(server)));
        drop(registers);
        self.kernel.beset_register(id);
        id
    }

    fn server(&self, register: RegisterId) -> Rc<RefCell<Server>> {
        self.kernel.shelf().register(register)
    }

    /// From now on the register is like this. What is under way stays as it was decided.
    pub fn set_register_config(&mut self, register: RegisterId, config: RegisterConfig) {
        self.server(register).borrow_mut().config = config;
    }

    /// What the register is like.
    pub fn register_config(&self, register: RegisterId) -> RegisterConfig {
        self.server(register).borrow().config
    }

    /// What happened to the register so far.
    pub fn register_stats(&self, register: RegisterId) -> RegisterStats {
        self.server(register).borrow().stats
    }

    /// The value that stands, for oracles; `None` as long as there is none.
    pub fn register_value(&self, register: RegisterId) -> Option<(Version, Vec<u8>)> {
        self.server(register).borrow().value().map(|(version, bytes)| (version, bytes.to_vec()))
    }

    /// The register refuses every request for a while.
    pub fn register_unavailable(&mut self, register: RegisterId, span: Duration) {
        self.server(register).borrow_mut().goes_down(span.as_nanos());
        self.kernel.shelf().touch_register(register);
        self.kernel.drain_shelf();
    }

    /// A request arrives, a reply comes back, a hint comes.
    pub(crate) fn register_event(&mut self, register: RegisterId, ticket: u32) {
        self.server(register).borrow_mut().due(ticket);
        self.kernel.shelf().touch_register(register);
        self.kernel.drain_shelf();
    }
}

impl Kernel {
    /// Hashes, schedules and wakes what the handles of a register left since the last call.
    pub(crate) fn drain_register(&mut self, id: RegisterId) {
        let server = self.shelf().register(id);
        let (notes, asks, woken) = server.borrow_mut().taken();
        for note in notes {
            let arg = u64::from(id.0) << 48 | (note.what as u64) << 40 | note.version.0 & 0xff_ffff_ffff;
            self.record(Happened::Register, note.process.0, arg, note.digest);
        }
        for ask in asks {
            let at_ns = self.now_ns.saturating_add(ask.after_ns);
            self.schedule(at_ns, Pending::Register { register: id, ticket: ask.ticket });
        }
        woken.into_iter().for_each(|process| self.wake(process));
    }
}
