//! What the handles of processes share beyond links and bells, and the kernel visits after each event that touched it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::disk::{Disk, DiskId};
use crate::register::{RegisterId, Server};

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) disks: RefCell<Vec<Rc<RefCell<Disk>>>>,
    /// Disks that were called since the kernel last looked, in that order.
    disks_touched: RefCell<Vec<DiskId>>,
    pub(crate) registers: RefCell<Vec<Rc<RefCell<Server>>>>,
    /// Registers that were called since the kernel last looked, in that order.
    registers_touched: RefCell<Vec<RegisterId>>,
    touched: Cell<bool>,
}

impl Shelf {
    pub(crate) fn disk(&self, id: DiskId) -> Rc<RefCell<Disk>> {
        Rc::clone(&self.disks.borrow()[id.0 as usize])
    }

    pub(crate) fn touch_disk(&self, id: DiskId) {
        self.touched.set(true);
        let mut touched = self.disks_touched.borrow_mut();
        if !touched.contains(&id) {
            touched.push(id);
        }
    }

    pub(crate) fn register(&self, id: RegisterId) -> Rc<RefCell<Server>> {
        Rc::clone(&self.registers.borrow()[id.0 as usize])
    }

    pub(crate) fn touch_register(&self, id: RegisterId) {
        self.touched.set(true);
        let mut touched = self.registers_touched.borrow_mut();
        if !touched.contains(&id) {
            touched.push(id);
        }
    }

    /// The register that was touched first since the last call.
    pub(crate) fn next_register(&self) -> Option<RegisterId> {
        let mut touched = self.registers_touched.borrow_mut();
        (!touched.is_empty()).then(|| touched.remove(0))
    }

    /// Whether anything was touched since the last call.
    #[inline]
    pub(crate) fn was_touched(&self) -> bool {
        self.touched.replace(false)
    }

    /// The disk that was touched first since the last call.
    pub(crate) fn next_disk(&self) -> Option<DiskId> {
        let mut touched = self.disks_touched.borrow_mut();
        (!touched.is_empty()).then(|| touched.remove(0))
    }
}
