use super::identity::{proc_is_ours, started};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tidemill_ring::table::Identity;
use tidemill_seam::Life;

/// What can be seen of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Process {
    /// It has not ended.
    Lives,
    /// It has, and the last of its threads has left its memory.
    Ended,
    /// Nothing: its number belongs to another pid namespace, or it did not say who it was.
    Unseen,
}

/// A second witness of a death, beside the lock of a claim: the kernel's own handle of a process (`pidfd_open(2)`), which no later
/// process gets, whatever its number.
///
/// Whose number has gone to another process has ended: a process is its number and when it started. Asked only within our own pid
/// namespace, for elsewhere a number means somebody else.
#[derive(Debug)]
pub struct Witness {
    handle: Handle,
}

#[derive(Debug)]
enum Handle {
    /// This process, which asks.
    Own,
    Open(OwnedFd),
    Ended,
    Unseen,
}

/// What a lock and a process say together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The lock is held, and its process lives.
    Alive,
    /// The lock is free, and its process has ended.
    Dead,
    /// They do not agree, or one says nothing.
    Doubt(Doubt),
}

/// Why a life or a death is not beyond doubt. Who waits goes by the lock alone, in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Its process has ended and its lock is held: by a child that inherited the descriptor, and stores nothing.
    Inherited,
    /// Its process lives and its lock is free: it gave the claim back, and did not say so in the table.
    LetGo,
    /// Its process cannot be seen from here; the lock says so.
    Apart(Life),
    /// The kernel could not be asked about the lock.
    Unasked,
}

impl Witness {
    /// A witness of that process. Never refuses: what it cannot see it [says](Self::says) it cannot.
    pub fn of(who: &Identity) -> Self {
        let own = super::identity();
        let numbered = i32::try_from(who.process).ok().and_then(Pid::from_raw);
        let handle = match numbered {
            _ if *who == own && own.started != 0 => Handle::Own,
            Some(pid) if who.started != 0 && who.namespace != 0 && who.namespace == own.namespace => {
                Self::open(pid, who)
            }
            _ => Handle::Unseen,
        };
        Self { handle }
    }

    fn open(pid: Pid, who: &Identity) -> Handle {
        if !proc_is_ours() {
            return Handle::Unseen;
        }
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            // Nobody's, or that of a thread of somebody else.
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Handle::Ended,
            Err(_) => return Handle::Unseen,
        };
        // Read behind the handle: whatever process has the number by now, if it is the right one then so is the handle.
        match started(&who.process.to_string()) {
            Some(started) if started == who.started => Handle::Open(handle),
            Some(_) => Handle::Ended,
            None if has_ended(handle.as_fd()) => Handle::Ended,
            None => Handle::Unseen,
        }
    }

    /// What it sees at this moment. What has ended stays so.
    pub fn says(&mut self) -> Process {
        if let Handle::Open(handle) = &self.handle
            && has_ended(handle.as_fd())
        {
            self.handle = Handle::Ended;
        }
        match self.handle {
            Handle::Own | Handle::Open(_) => Process::Lives,
            Handle::Ended => Process::Ended,
            Handle::Unseen => Process::Unseen,
        }
    }

    /// What becomes readable once the process has ended, where that is still to come and can be seen.
    pub fn handle(&self) -> Option<BorrowedFd<'_>> {
        if let Handle::Open(handle) = &self.handle { Some(handle.as_fd()) } else { None }
    }
}

fn has_ended(handle: BorrowedFd<'_>) -> bool {
    let mut asked = [PollFd::from_borrowed_fd(handle, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

impl Verdict {
    /// What the two say together. A death takes both.
    pub fn of(lock: Life, process: Process) -> Self {
        match (lock, process) {
            (Life::Alive, Process::Lives) => Self::Alive,
            (Life::Dead, Process::Ended) => Self::Dead,
            (Life::Alive, Process::Ended) => Self::Doubt(Doubt::Inherited),
            (Life::Dead, Process::Lives) => Self::Doubt(Doubt::LetGo),
            (Life::Unknown, _) => Self::Doubt(Doubt::Unasked),
            (life, Process::Unseen) => Self::Doubt(Doubt::Apart(life)),
        }
    }

    /// Whether who waits may go on: the claim has ended by its lock, which is all the proof that [`Life::Dead`] needs.
    pub fn frees(&self) -> bool {
        matches!(self, Self::Dead | Self::Doubt(Doubt::LetGo | Doubt::Apart(Life::Dead)))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alive => "its lock is held and its process lives",
            Self::Dead => "its lock is free and its process has ended",
            Self::Doubt(Doubt::Inherited) => "its process has ended, and a child of it keeps its lock",
            Self::Doubt(Doubt::LetGo) => "its process lives, and its lock is free",
            Self::Doubt(Doubt::Apart(Life::Alive)) => {
                "its lock is held, and its process cannot be seen from here"
            }
            Self::Doubt(Doubt::Apart(_)) => "its lock is free, and its process cannot be seen from here",
            Self::Doubt(Doubt::Unasked) => "its lock cannot be asked about",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Process, Verdict, Witness};
    use crate::ring::identity;
    use std::process::{Command, Stdio};
    use tidemill_ring::table::Identity;
    use tidemill_seam::Life;

    // RING-DEATH: a death takes both witnesses, and each way in which they do not agree has a name
    #[test]
    fn only_two_that_agree_are_beyond_doubt() {
        let says = |lock, process| Verdict::of(lock, process);
        assert_eq!(says(Life::Alive, Process::Lives), Verdict::Alive);
        assert_eq!(says(Life::Dead, Process::Ended), Verdict::Dead);
        for (lock, process, doubt, frees) in [
            (Life::Alive, Process::Ended, Doubt::Inherited, false),
            (Life::Dead, Process::Lives, Doubt::LetGo, true),
            (Life::Dead, Process::Unseen, Doubt::Apart(Life::Dead), true),
            (Life::Alive, Process::Unseen, Doubt::Apart(Life::Alive), false),
            (Life::Unknown, Process::Ended, Doubt::Unasked, false),
            (Life::Unknown, Process::Unseen, Doubt::Unasked, false),
        ] {
            assert_eq!(says(lock, process), Verdict::Doubt(doubt));
            assert_eq!(says(lock, process).frees(), frees, "{doubt:?}");
        }
    }

    // RING-DEATH: a process is its number and its start, seen from within one namespace only
    #[test]
    fn a_witness_sees_the_process_that_was_meant_and_no_other() {
        let own = identity();
        assert_eq!(Witness::of(&own).says(), Process::Lives);
        assert_eq!(Witness::of(&Identity { started: own.started - 1, ..own }).says(), Process::Ended);
        for unseen in [
            Identity { namespace: own.namespace + 1, ..own },
            Identity { started: 0, ..own },
            Identity { process: 0, ..own },
            Identity::default(),
        ] {
            assert_eq!(Witness::of(&unseen).says(), Process::Unseen, "{unseen:?}");
        }
        let mut child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("a process");
        let started = super::started(&child.id().to_string()).expect("it lives");
        let who = Identity { process: child.id(), started, ..own };
        let mut witness = Witness::of(&who);
        assert_eq!(witness.says(), Process::Lives);
        child.kill().expect("ours");
        let handle = witness.handle().expect("it lived");
        let mut asked = [rustix::event::PollFd::from_borrowed_fd(handle, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut asked, None).expect("the kernel tells");
        assert_eq!(witness.says(), Process::Ended, "a zombie has ended");
        assert_eq!(Witness::of(&who).says(), Process::Ended, "and so it is found");
        child.wait().expect("ours");
        assert_eq!((witness.says(), Witness::of(&who).says()), (Process::Ended, Process::Ended));
    }
}
