use super::watch::Tie;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidemill_ring::Layout;
use tidemill_seam::{Claimed, Life, Liveness};

/// Claims as write locks of an open file description, one byte a claim, which the kernel drops with its last descriptor.
///
/// - Alive is a lock that somebody holds: stopped, swapped out, in a debugger.
/// - Dead is a byte that nobody holds. The kernel closes a process's files after the last of its threads has left its
///   memory, so nothing is stored afterwards (P3); an unreaped zombie has closed them.
/// - A child that inherited a descriptor keeps the lock for as long as it lives: the dead parent is then not proved dead,
///   and the child, which does not inherit the mapping, stores nothing. Descriptors close on `exec`.
///
/// The bytes lie beyond 4 GiB times the slot and need not exist. One handle, one open file description: handles in one
/// process exclude each other too.
#[derive(Debug)]
pub struct Lock {
    file: OwnedFd,
    /// The bytes that this handle holds: the kernel never tells a description of its own locks.
    held: Mutex<Vec<i64>>,
    /// Where deaths among those who share the file are noticed.
    watched: Option<Tie>,
}

const SLOTS: u32 = Layout::CLAIMS;
/// Read-locked by everybody who has the segment open, write-locked by whoever takes its name away.
const ATTACHED: i64 = (SLOTS as i64) << 32;

fn byte(slot: u32, generation: u32) -> Option<i64> {
    (slot < SLOTS).then_some(i64::from(slot) << 32 | i64::from(generation))
}

#[derive(Clone, Copy)]
enum Ask {
    Set,
    Get,
}

impl Lock {
    /// Claims on `file`, through a description of their own: that of `file` may be shared with a parent or a child.
    pub(super) fn on(file: impl AsFd) -> Result<Self, Errno> {
        Self::open(file, OFlags::RDWR)
    }

    /// As [`on`](Self::on), for somebody who asks about the claims of others and gets none.
    pub(super) fn to_ask(file: impl AsFd) -> Result<Self, Errno> {
        Self::open(file, OFlags::RDONLY)
    }

    fn open(file: impl AsFd, access: OFlags) -> Result<Self, Errno> {
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let file = open(path, access | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { file, held: Mutex::new(Vec::new()), watched: None })
    }

    /// Says that the segment is open here. `false` while somebody takes its name away.
    pub(super) fn attach(&self) -> Result<bool, Errno> {
        self.set(libc::F_RDLCK, ATTACHED, 1)
    }

    /// Takes every claim at once, the attachment included. `false` where anybody has one.
    pub(super) fn take_all(&self) -> Result<bool, Errno> {
        self.set(libc::F_WRLCK, 0, ATTACHED + 1)
    }

    /// Whether anybody else has a claim or is attached, without taking anything.
    pub(super) fn anybody(&self) -> Life {
        match self.ask(Ask::Get, libc::F_WRLCK, 0, ATTACHED + 1) {
            Ok(libc::F_UNLCK) => Life::Dead,
            Ok(_) => Life::Alive,
            Err(_) => Life::Unknown,
        }
    }

    /// From now on whoever waits with these claims hears of deaths from there.
    pub(super) fn watched_by(&mut self, tie: Tie) {
        self.watched = Some(tie);
    }

    /// Where deaths are noticed, if anywhere.
    pub(super) fn watched(&self) -> Option<&Tie> {
        self.watched.as_ref()
    }

    /// The file.
    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    fn held(&self) -> MutexGuard<'_, Vec<i64>> {
        // Nobody panics between a lock and its note.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, kind: i32, at: i64, len: i64) -> Result<bool, Errno> {
        match self.ask(Ask::Set, kind, at, len) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets or asks about a lock; gives the kind that stands in the way of one that was asked about.
    fn ask(&self, ask: Ask, kind: i32, at: i64, len: i64) -> Result<i32, Errno> {
        let command = match ask {
            Ask::Set => libc::F_OFD_SETLK,
            Ask::Get => libc::F_OFD_GETLK,
        };
        let mut range = libc::flock64 {
            l_type: kind as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: at,
            l_len: len,
            // Zero, or the kernel refuses a lock of a description.
            l_pid: 0,
        };
        // SAFETY: the descriptor is ours and the kernel writes into `range` only.
        match unsafe { libc::fcntl(self.file.as_raw_fd(), command, &raw mut range) } {
            -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
            _ => Ok(i32::from(range.l_type)),
        }
    }
}

impl Liveness for Lock {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let at = byte(slot, generation).ok_or(Claimed)?;
        let mut held = self.held();
        // Where the kernel has no room for locks, nothing can be ruled out.
        if held.contains(&at) || self.set(libc::F_WRLCK, at, 1) != Ok(true) {
            return Err(Claimed);
        }
        held.push(at);
        Ok(())
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        let Some(at) = byte(slot, generation) else { return Life::Dead };
        if self.held().contains(&at) {
            return Life::Alive;
        }
        match self.ask(Ask::Get, libc::F_WRLCK, at, 1) {
            Ok(libc::F_UNLCK) => Life::Dead,
            Ok(_) => Life::Alive,
            Err(_) => Life::Unknown,
        }
    }

    fn release(&self, slot: u32, generation: u32) {
        let Some(at) = byte(slot, generation) else { return };
        let mut held = self.held();
        let Some(place) = held.iter().position(|own| *own == at) else { return };
        // By name, for a forked child may keep the description open.
        if self.set(libc::F_UNLCK, at, 1).is_ok() {
            held.swap_remove(place);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // As in `release`: closing is not enough where a forked child has the description.
        let _ = self.set(libc::F_UNLCK, 0, ATTACHED + 1);
    }
}
