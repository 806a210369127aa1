//! Rings on which processes of ours are killed, and those processes.

use super::Rx;
use super::victim::{Item, peer, spec};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process, waitid};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_host::ring::{self, Backing, Draft, Lock, Mapping};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::{Layout, Segment, Spec, Start};

/// Where a ring lies.
pub(crate) enum Place {
    Path(PathBuf),
    Descriptor(OwnedFd),
}

pub(crate) const MEMORIES: [&str; 3] = ["shm", "file", "memfd"];

/// A ring that nobody has used yet.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) backing: Backing,
}

/// A process of ours, which does not outlive the test that made it, however that ends.
pub(crate) struct Victim(pub(crate) Child);

/// A process that has ended, and that nobody has waited for.
pub(crate) struct Zombie {
    _child: Victim,
    /// By a signal.
    pub(crate) killed: bool,
}

pub(crate) fn path(memory: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Relaxed: counts, orders nothing.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = if memory == "file" { std::env::temp_dir() } else { PathBuf::from("/dev/shm") };
    folder.join(format!("tidemill-kill-{}-{number}", std::process::id()))
}

pub(crate) fn make(path: &Path) -> Backing {
    make_of(path, &spec())
}

pub(crate) fn make_of(path: &Path, spec: &Spec) -> Backing {
    let bytes = Layout::of(spec).expect("a ring").bytes();
    let draft = Draft::new(path.to_owned(), bytes).expect("there is room");
    let Backing { mapping, lock } = draft.backing();
    Segment::create(mapping, spec, SegmentId(7), Creator::default(), lock).expect("a ring");
    draft.link().expect("the folder is ours").expect("nobody has that name")
}

impl Stage {
    pub(crate) fn new(memory: &str) -> Self {
        Self::of(memory, &spec())
    }

    pub(crate) fn of(memory: &str, spec: &Spec) -> Self {
        if memory == "memfd" {
            let file = ring::memfd(spec).expect("there is room");
            let other = file.try_clone().expect("a descriptor");
            let backing = ring::over(other).backing().expect("sealed");
            return Self { place: Place::Descriptor(file), backing };
        }
        let path = path(memory);
        let backing = make_of(&path, spec);
        Self { place: Place::Path(path), backing }
    }

    /// One more party: a mapping and claims of its own.
    pub(crate) fn party(&self) -> (Segment<Mapping>, Lock) {
        let Backing { mapping, lock } = self.backing.again().expect("it is open");
        (Segment::attach(mapping).expect("a segment"), lock)
    }

    pub(crate) fn consumer(&self, name: &str) -> Rx {
        let (segment, lock) = self.party();
        segment.consumer(lock, &peer(name), Start::Earliest).expect("there is room")
    }

    pub(crate) fn producer(&self) -> tidemill_ring::Producer<Item, Mapping, Lock> {
        let (segment, lock) = self.party();
        segment.producer(lock, ring::identity()).expect("whoever produced is proved dead")
    }

    pub(crate) fn spawn(&self, role: &str, left: u64) -> Victim {
        match &self.place {
            Place::Path(path) => spawn(role, path, left, Stdio::null()),
            Place::Descriptor(file) => {
                spawn(role, Path::new("-"), left, file.try_clone().expect("a descriptor").into())
            }
        }
    }

    /// The end of a victim that does not live to make its store number `left`, counted from zero.
    pub(crate) fn end(&self, role: &str, left: u64) -> Zombie {
        wait(self.spawn(role, left))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Place::Path(path) = &self.place {
            // A name that is left costs memory; a panic on the way out would cost the reason.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Victim {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // One that has ended already is waited for all the same.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn spawn(role: &str, place: &Path, left: u64, input: Stdio) -> Victim {
    let own = std::env::current_exe().expect("this program");
    let told = [format!("role={role}"), format!("place={}", place.display()), format!("left={left}")];
    let mut command = Command::new(own);
    command.args(["--exact", "victim", "--nocapture", "--quiet"]).args(told);
    Victim(command.stdin(input).stdout(Stdio::null()).spawn().expect("a process"))
}

/// Until the child has ended; it is not waited for.
pub(crate) fn wait(child: Victim) -> Zombie {
    let status = status(&child, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let killed = status.killed();
    assert!(killed || status.exit_status() == Some(0), "a victim failed on its own: {status:?}");
    Zombie { _child: child, killed }
}

pub(crate) fn status(child: &Victim, options: WaitIdOptions) -> WaitIdStatus {
    waitid(WaitId::Pid(child.pid()), options).expect("our child").expect("waited for")
}

/// Ends a child, unless it ended itself.
pub(crate) fn kill(child: Victim) -> Zombie {
    kill_process(child.pid(), Signal::KILL).expect("our child");
    wait(child)
}

/// What was told on the command line, behind `key=`.
pub(crate) fn told(key: &str) -> Option<String> {
    let args: BTreeMap<String, String> = std::env::args()
        .filter_map(|arg| arg.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    args.get(key).cloned()
}
