//! What a machine does to a ring from outside: no room, no descriptors, no right to it; names taken away and files cut short;
//! forks, namespaces, and process ids that come again. What cannot be done here says `SKIPPED`.

use super::victim::{backing, stay};
use super::{Stage, Victim, make, path, peer, spawn, spec, status, wait};
use rustix::fs::{Mode, OFlags, chmod, ftruncate, open};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitIdOptions, getrlimit, kill_process, setrlimit};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{self, AttachError, Backing, Look, ring};
use tidemill_ring::header::Field;
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{Layout, Next, Segment, Start};
use tidemill_seam::{Clock, Duration, Life, Liveness, Region};

/// A folder that goes with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = path("file");
        fs::create_dir(&folder).expect("ours to make");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left costs memory; a panic on the way out would cost the reason.
        let _ = chmod(&self.0, Mode::RWXU);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until something is so that others bring about.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = MonotonicClock.now() + Duration::from_secs(60);
    while !is_so() {
        assert!(MonotonicClock.now() < end, "it never came: {what}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// This program again, in namespaces of its own, or none where this machine makes none.
pub(super) fn unshared(flags: &[&str], script: &str, role: &str, place: &Path) -> Option<Victim> {
    let mut tried = Command::new("unshare");
    let tried =
        tried.args(flags).args(["sh", "-c", &format!("{script} true")]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        println!("SKIPPED {role}: no `unshare {}` here, or not what it is for", flags.join(" "));
        return None;
    }
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new("unshare");
    command.args(flags).args(["sh", "-c", &format!("{script} exec \"$@\""), "sh"]).arg(own);
    command.args(["--exact", "victim", "--nocapture", "--quiet"]);
    command.args([format!("role={role}"), format!("place={}", place.display()), "left=0".to_owned()]);
    Some(Victim(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a process")))
}

/// Plays what this file needs of a victim; `false` where that is none of it.
pub(super) fn play(role: &str, place: &str) -> bool {
    match role {
        "full" => full(),
        "files" => files(Path::new(place)),
        "denied" => denied(Path::new(place)),
        "forks" => forks(place),
        "reuse" => reuse(place),
        "stays" => {
            let Backing { mapping, lock } = backing(place);
            let segment = Segment::attach(mapping).expect("a segment");
            let _rx = segment.consumer::<super::Item, _>(lock, &peer("victim"), Start::Latest).expect("room");
            stay();
        }
        _ => return false,
    }
    true
}

/// Whatever the role, it came to its end.
fn ends(child: Victim) {
    assert!(!wait(child).killed, "it was killed");
}

// RING-STALE: where shared memory is full a maker is told so at once, leaves no name, and rings that are there go on
#[test]
fn a_full_memory_refuses_a_ring_and_harms_none() {
    let script = "mount -t tmpfs -o size=64k none /dev/shm &&";
    if let Some(child) = unshared(&["-Urm"], script, "full", Path::new("-")) {
        ends(child);
    }
}

fn full() {
    let slots = |name: &str, n| ring(name).expect("a name").slots::<u64>(n);
    let mut tx = slots("fits", 64).producer().expect("there is room for one");
    let mut rx = slots("fits", 64).consumer().expect("there is room in its table");
    let no_room = AttachError::Os { call: "fallocate", code: libc::ENOSPC };
    assert_eq!(slots("large", 1 << 16).producer().err(), Some(no_room));
    // What is left of the memory, to the last page.
    let mut filled = 0;
    while let Ok(tx) = slots(&format!("more{filled}"), 64).producer() {
        drop(tx);
        filled += 1;
    }
    assert!((1..16).contains(&filled), "{filled} rings fit into 64 KiB");
    assert_eq!(slots("another", 64).producer().err(), Some(no_room));
    for name in ["large", "another"] {
        assert_eq!(
            slots(name, 64).consumer().err(),
            Some(AttachError::NotFound),
            "a half-made ring has a name"
        );
    }
    for i in 0..1_000 {
        tx.try_push(i).expect("its memory was taken when it was made");
        assert!(matches!(rx.try_next(), Some(Next::Item(item)) if *item == i));
    }
    ring("more0").expect("a name").remove().expect("nobody uses it");
    slots("another", 64).producer().expect("there is room again");
}

// RING-STALE: without descriptors every way in is refused by the call that failed, and nothing half made is left
#[test]
fn a_process_without_descriptors_is_told_so() {
    let folder = Folder::new();
    ends(spawn("files", &folder.0, 0, Stdio::null()));
}

fn files(folder: &Path) {
    let slots = || ring("files").expect("a name").under(folder).slots::<u64>(8);
    let before = getrlimit(Resource::Nofile);
    let limit = |n| setrlimit(Resource::Nofile, Rlimit { current: Some(n), ..before }).expect("ours");
    let mut refused = 0;
    for most in 0.. {
        limit(most);
        let (made, joined) = (slots().producer(), slots().consumer());
        limit(before.current.unwrap_or(1_024));
        match (made, joined) {
            (Ok(_), Ok(_)) => break,
            (Err(error), _) | (_, Err(error)) => {
                let of = |call| AttachError::Os { call, code: libc::EMFILE };
                assert!(
                    [of("open"), AttachError::NotFound].contains(&error),
                    "{most} descriptors: {error:?}"
                );
                refused += 1;
            }
        }
        if let Err(error) = Look::at(&folder.join("files.ring")) {
            assert_eq!(error, AttachError::NotFound, "what is there is whole");
        }
    }
    assert!(refused > 4, "{refused} refusals, three of which are for what was open before");
}

// RING-STALE: who has no right to a ring is told so, by every way in, and the ring is as it was
#[test]
fn who_has_no_right_is_denied() {
    let folder = Folder::new();
    let ring = ring("secret").expect("a name").under(&folder.0);
    let mut tx = ring.clone().slots::<u64>(8).producer().expect("ours");
    tx.try_push(1).expect("there is room");
    let before = fs::read(ring.path()).expect("ours");
    ends(spawn("denied", &folder.0, 0, Stdio::null()));
    assert_eq!(fs::read(ring.path()).expect("ours"), before);
}

fn denied(folder: &Path) {
    let ring = ring("secret").expect("a name").under(folder);
    chmod(folder, Mode::from_raw_mode(0o555)).expect("ours");
    if rustix::process::geteuid().is_root() {
        // SAFETY: changes the rights of this process, which is ours to the end.
        assert_eq!(unsafe { libc::seteuid(65_534) }, 0, "root may become anybody");
    } else {
        chmod(ring.path(), Mode::empty()).expect("ours");
    }
    let denied = Some(AttachError::Denied);
    let slots = || ring.clone().slots::<u64>(8);
    assert_eq!(slots().producer().err(), denied);
    assert_eq!(slots().name("risk").consumer().err(), denied);
    assert_eq!(Look::at(ring.path()).err(), denied);
    assert_eq!(ring.remove().err(), denied);
    assert_eq!(ring::repair(ring.path()).err(), denied);
    let other = ring::ring("other").expect("a name").under(folder);
    assert_eq!(other.slots::<u64>(8).producer().err(), denied, "nor may it make one");
    if !rustix::process::geteuid().is_root() {
        let _ = chmod(ring.path(), Mode::RUSR | Mode::WUSR);
    }
}

/// A child of a child, which does not outlive the test.
pub(super) struct Forked(pub(super) Pid);

impl Drop for Forked {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

/// Joins and produces, forks, and says whom as its one item.
fn forks(place: &str) {
    let party = || {
        let Backing { mapping, lock } = backing(place);
        (Segment::attach(mapping).expect("a segment"), lock)
    };
    let (segment, lock) = party();
    let _rx = segment.consumer::<super::Item, _>(lock, &peer("victim"), Start::Latest).expect("room");
    let (segment, lock) = party();
    let mut tx = segment.producer::<super::Item, _>(lock, ring::identity()).expect("nobody else does");
    // SAFETY: the child calls nothing but what is safe behind a fork of many threads: it sleeps until it is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            // SAFETY: no arguments, no memory.
            unsafe { libc::pause() };
        }
    }
    tx.try_push([child.unsigned_abs(); 3]).expect("there is room");
    stay();
}

// RING-DEATH, RING-JOIN: R-RING-12, a child that inherited the claims keeps them: its dead parent is not proved dead, and
// neither its place nor its name is anybody else's, until the child is gone too
#[test]
fn a_forked_child_keeps_what_its_parent_claimed() {
    for memory in ["shm", "file"] {
        let stage = Stage::new(memory);
        let mut rx = stage.consumer("steady");
        let parent = stage.spawn("forks", 0);
        let mut forked = None;
        until("an item", || match rx.try_next() {
            Some(Next::Item(item)) => {
                forked = Pid::from_raw(item[0].cast_signed());
                true
            }
            _ => false,
        });
        let (forked, parent_id) = (Forked(forked.expect("a process")), parent.0.id());
        let _zombie = super::kill(parent);
        let (segment, lock) = stage.party();
        assert_eq!(lock.probe(Layout::PRODUCER, 1), Life::Alive);
        let same = |name: &str| {
            let (segment, lock) = stage.party();
            segment.consumer::<super::Item, _>(lock, &peer(name), Start::Latest).map(drop).is_ok()
        };
        assert!(!same("victim") && same("other"), "a name was taken from who may live");
        assert_eq!(segment.producer_identity().process, parent_id);
        let taken = segment.clone().producer::<super::Item, _>(&lock, ring::identity());
        let taken = taken.map(drop).map_err(AttachError::from);
        assert!(
            matches!(taken, Err(AttachError::NameTaken { owner }) if owner.process == parent_id),
            "{taken:?}"
        );
        drop(forked);
        until("a proof", || lock.probe(Layout::PRODUCER, 1) == Life::Dead);
        until("a name", || same("victim"));
        segment.producer::<super::Item, _>(lock, ring::identity()).expect("it is proved dead");
    }
}

// RING-JOIN: R-RING-12, a name is one participant's in whichever process, and goes with that process
#[test]
fn two_processes_cannot_share_a_name() {
    for memory in super::MEMORIES {
        let stage = Stage::new(memory);
        let child = stage.spawn("stays", 0);
        let (segment, _) = stage.party();
        let owner = || segment.participants().find(|one| one.ctl.state == State::Live).map(|one| one.who);
        until("a participant", || owner().is_some());
        assert_eq!(owner().map(|who| who.process), Some(child.0.id()));
        let again = || {
            let (segment, lock) = stage.party();
            segment.consumer::<super::Item, _>(lock, &peer("victim"), Start::Latest).map(drop)
        };
        assert_eq!(again(), Err(tidemill_ring::JoinError::NameTaken { slot: 0 }));
        let _zombie = super::kill(child);
        assert_eq!(again(), Ok(()));
    }
}

// RING-TOOL, RING-STALE: a ring keeps its name while anybody has it open, stopped or not; of who was killed nothing is left
#[test]
fn nobody_takes_the_name_of_a_ring_that_has_a_user() {
    for memory in ["shm", "file"] {
        let path = path(memory);
        drop(make(&path));
        let child = spawn("stays", &path, 0, Stdio::null());
        let look = Look::at(&path).expect("a ring");
        until("a participant", || look.segment().participants().any(|one| one.ctl.state == State::Live));
        let taken = Err(AttachError::NameTaken { owner: Identity::default() });
        assert_eq!((look.users(), Backing::remove(&path)), (Life::Alive, taken));
        kill_process(child.pid(), Signal::STOP).expect("our child");
        status(&child, WaitIdOptions::STOPPED);
        assert_eq!((look.users(), Backing::remove(&path)), (Life::Alive, taken), "stopped is not dead");
        let zombie = super::kill(child);
        assert!(zombie.killed);
        assert_eq!(look.users(), Life::Dead);
        let findings = look.examine().expect("a ring");
        let dead = findings.iter().map(|one| (one.symptom, one.slot)).collect::<Vec<_>>();
        assert_eq!(dead, [(tidemill_ring::doctor::Symptom::Dead, 0)]);
        assert_eq!(Backing::remove(&path), Ok(()));
        assert!(!path.exists());
    }
}

// RING-DEATH: in two namespaces of process ids a number means two processes, and locks mean what they mean
#[test]
fn a_peer_in_another_namespace_lives_and_dies_by_its_lock() {
    let stage = Stage::new("file");
    let super::Place::Path(path) = &stage.place else { unreachable!("a file has a path") };
    let Some(child) = unshared(&["-Urpf", "--kill-child=KILL"], "", "stays", path) else { return };
    let (segment, lock) = stage.party();
    let live = || segment.participants().find(|one| one.ctl.state == State::Live);
    until("a participant", || live().is_some());
    let there = live().expect("it is there");
    assert_ne!(there.who.namespace, ring::identity().namespace);
    assert!(there.who.process < 100, "counted anew: {}", there.who.process);
    assert_eq!(lock.probe(there.slot, there.ctl.generation), Life::Alive);
    let _zombie = super::kill(child);
    until("a proof", || lock.probe(there.slot, there.ctl.generation) == Life::Dead);
}

// RING-DEATH: the number of a dead process comes again, and whoever has it now is not taken for the dead one
#[test]
fn a_process_id_that_comes_again_proves_nothing() {
    let folder = Folder::new();
    let place = folder.0.join("reuse.ring");
    drop(make(&place));
    let Some(child) = unshared(&["-Urpf", "--mount-proc", "--kill-child=KILL"], "", "reuse", &place) else {
        return;
    };
    ends(child);
    if folder.0.join("skipped").exists() {
        println!("SKIPPED: the next process id cannot be chosen here");
    }
}

fn reuse(place: &str) {
    let Backing { mapping, lock } = backing(place);
    let (segment, place) = (Segment::attach(mapping).expect("a segment"), Path::new(place));
    let mut first = spawn("stays", place, 0, Stdio::null());
    until("a participant", || segment.participants().next().is_some_and(|one| one.ctl.state == State::Live));
    let (number, there) = (first.0.id(), segment.participants().next().expect("it is there"));
    assert_eq!(there.who.process, number);
    first.0.kill().expect("our child");
    first.0.wait().expect("our child");
    // Processes of one number are told apart by when they started, which the kernel counts in hundredths of a second.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let again = (0..50).find_map(|_| {
        fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).ok()?;
        let next = Command::new("sleep").arg("600").spawn().map(Victim).ok()?;
        (next.0.id() == number).then_some(next)
    });
    let Some(_again) = again else {
        fs::write(place.with_file_name("skipped"), "").expect("our folder");
        return;
    };
    assert!(Path::new(&format!("/proc/{number}")).exists(), "a process of that number lives");
    assert_eq!(lock.probe(there.slot, there.ctl.generation), Life::Dead);
    super::watch::is_dead_for(place.to_str().expect("of ASCII"));
    assert_eq!(tidemill_ring::doctor::repair(&segment, &lock).freed, 1);
}

// RING-STALE: a name that somebody takes away under its users is gone for who comes, and the ring goes on for who is there
#[test]
fn a_ring_goes_on_without_its_name() {
    for memory in ["shm", "file"] {
        let path = path(memory);
        let first = make(&path);
        let child = spawn("stream", &path, u64::MAX, Stdio::null());
        let party = first.again().expect("it is open");
        let segment = Segment::attach(party.mapping).expect("whole");
        let mut rx = segment.consumer(party.lock, &peer("steady"), Start::Earliest).expect("room");
        super::take(&mut rx, &child, 100);
        fs::remove_file(&path).expect("ours");
        assert_eq!(Backing::open(&path).err(), Some(AttachError::NotFound));
        super::take(&mut rx, &child, 100);
        let second = make(&path);
        assert_eq!(Segment::attach(&second.mapping).expect("whole").published().0, 0);
        super::take(&mut rx, &child, 100);
        drop(second);
        Backing::remove(&path).expect("nobody has the second one open");
        super::take(&mut rx, &child, 100);
    }
}

// RING-STALE, RING-UNTRUSTED: a file that is cut short ends who has it mapped, as every file does; who comes is refused by
// its length. A memfd cannot be cut, and whoever tries harms nobody
#[test]
fn a_named_ring_can_be_cut_short_and_a_memfd_cannot() {
    for memory in ["shm", "file"] {
        let stage = Stage::new(memory);
        let super::Place::Path(path) = &stage.place else { unreachable!("it has a path") };
        let child = stage.spawn("stream", u64::MAX);
        until("a stream", || Look::at(path).is_ok_and(|look| look.segment().published().0 > 0));
        let file = open(path, OFlags::RDWR, Mode::empty()).expect("ours");
        ftruncate(&file, 0).expect("ours");
        let ended = status(&child, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        assert_eq!(ended.terminating_signal(), Some(Signal::BUS.as_raw()));
        for error in [Backing::open(path).err(), Look::at(path).err()] {
            assert!(
                matches!(error, Some(AttachError::Incompatible { field: Field::Length, got: 0, .. })),
                "{error:?}"
            );
        }
        // Nobody of this process looks at what it has mapped there.
    }
    let stage = Stage::new("memfd");
    let super::Place::Descriptor(file) = &stage.place else { unreachable!("it has none") };
    let mut rx = stage.consumer("steady");
    let child = stage.spawn("stream", u64::MAX);
    super::take(&mut rx, &child, 100);
    assert_eq!(ftruncate(file, 0), Err(rustix::io::Errno::PERM));
    super::take(&mut rx, &child, 100);
    assert_eq!(stage.backing.mapping.words(), Layout::of(&spec()).expect("a ring").words());
}

// A test that panics leaves no process behind.
#[test]
fn a_victim_does_not_outlive_a_test_that_panics() {
    let stage = Stage::new("shm");
    let child = stage.spawn("stream", u64::MAX);
    let pid = child.pid();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _child = child;
        resume_unwind(Box::new("planted"));
    }));
    assert!(panicked.is_err());
    let over = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let left = rustix::process::waitid(rustix::process::WaitId::Pid(pid), over);
    assert_eq!(left.err(), Some(rustix::io::Errno::CHILD), "it is there still");
}
