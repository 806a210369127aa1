use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use tidemill_seam::{Geometry, ReadError, Store, SyncError, WriteError};

use super::DiskId;
use super::device::Disk;
use crate::process::Context;
use crate::seams::{Seams, SeamsInner};
use crate::task::Env;

/// A process's handle of a disk of its machine, or of one that is shared. Any number of them share one page cache; each has its own sync.
pub struct SimDisk {
    disk: Rc<RefCell<Disk>>,
    seams: Rc<SeamsInner>,
    ticket: Option<u32>,
    /// How many syncs of the disk had failed when it heard of it last: whoever else lost what it wrote, it is told once.
    heard: u32,
}

impl Seams {
    /// A handle of a disk.
    ///
    /// # Panics
    /// If the disk is another machine's, and not [shared](crate::Sim::share_disk).
    pub fn disk(&self, disk: DiskId) -> SimDisk {
        let disk = self.0.shelf.disk(disk);
        let (theirs, ours, shared) = (disk.borrow().machine, self.0.machine, disk.borrow().shared);
        assert!(
            theirs == ours || shared,
            "{} is not a disk of {}'s machine",
            disk.borrow().name,
            self.name()
        );
        let heard = disk.borrow().failed();
        SimDisk { disk, seams: Rc::clone(&self.0), ticket: None, heard }
    }
}

impl Context<'_> {
    /// A handle of a disk of this machine, or of one that is shared. It may be kept; it is closed with the process.
    ///
    /// # Panics
    /// If the disk is another machine's, and not [shared](crate::Sim::share_disk).
    pub fn disk(&mut self, disk: DiskId) -> SimDisk {
        self.kernel.seams_of(self.process).disk(disk)
    }
}

impl Env {
    /// A handle of a disk of this machine, or of one that is shared.
    ///
    /// # Panics
    /// If the disk is another machine's, and not [shared](crate::Sim::share_disk).
    pub fn disk(&self, disk: DiskId) -> SimDisk {
        self.seams().disk(disk)
    }
}

impl SimDisk {
    /// Calls the device, if there still is a process to call it.
    fn call<R>(&self, call: impl FnOnce(&mut Disk) -> R) -> Option<R> {
        self.seams.alive.get().then(|| {
            let mut disk = self.disk.borrow_mut();
            self.seams.shelf.touch_disk(disk.id);
            call(&mut disk)
        })
    }
}

impl Store for SimDisk {
    fn geometry(&self) -> Geometry {
        self.disk.borrow().config.geometry()
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let process = self.seams.process;
        self.call(|disk| disk.read(process, at, into)).unwrap_or(Err(ReadError::Closed))
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        let process = self.seams.process;
        self.call(|disk| disk.write(process, at, from)).unwrap_or(Err(WriteError::Closed))
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        let (process, ticket, heard) = (self.seams.process, self.ticket, self.heard);
        let outcome = self.call(|disk| match ticket {
            Some(ticket) => disk.outcome(ticket).ok_or(ticket),
            None => disk.sync(process, heard),
        });
        match outcome {
            None => Err(SyncError::Closed),
            Some(Ok(outcome)) => {
                self.ticket = None;
                if outcome.is_err() {
                    self.heard = self.disk.borrow().failed();
                }
                outcome
            }
            Some(Err(ticket)) => {
                self.ticket = Some(ticket);
                Err(SyncError::Pending)
            }
        }
    }
}

impl Drop for SimDisk {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.disk.borrow_mut().abandon(ticket);
        }
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("disk", &self.disk.borrow().name).finish_non_exhaustive()
    }
}
