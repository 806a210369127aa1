use super::memfd::sealed;
use super::named::take_space;
use super::region::{guard, map};
use super::{AttachError, Backing, Draft, Lock, Look, Mapping, memfd};
use rustix::fs::{Mode, OFlags, fstat, ftruncate, open};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_contracts::{Effort, liveness_contract, region_contract};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::{Segment, Spec};
use tidemill_seam::{Duration, Life, Region};

/// A name that no other test has.
fn path(folder: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Relaxed: counts, orders nothing.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Path::new(folder).join(format!("tidemill-ring-{}-{number}", std::process::id()))
}

fn shm() -> PathBuf {
    path("/dev/shm")
}

fn disk() -> PathBuf {
    path(&std::env::temp_dir().to_string_lossy())
}

/// Two mappings of the first words of a file that is all zero.
fn two(file: &OwnedFd, words: u32) -> (Mapping, Mapping) {
    let one = || map(file, 4 * u64::from(words)).expect("the file is as long");
    (one(), one())
}

/// A file without a name.
fn unnamed(folder: &Path) -> OwnedFd {
    open(folder, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR | Mode::WUSR).expect("a file")
}

fn mapped(folder: PathBuf) -> impl Fn(u32) -> (Mapping, Mapping) {
    move |words| {
        let file = unnamed(&folder);
        take_space(&file, 4 * u64::from(words)).expect("there is room");
        two(&file, words)
    }
}

// RING-WAIT: who sleeps on a word of shared memory is woken through whichever mapping (G8)
#[test]
fn a_sleep_in_shared_memory_keeps_its_law_g8() {
    let make = |words: u32| {
        let file = unnamed(Path::new("/dev/shm"));
        take_space(&file, 4 * u64::from(words)).expect("there is room");
        let one = || map(&file, 4 * u64::from(words)).expect("the file is as long");
        (one(), [one(), one(), one()])
    };
    let slept = tidemill_contracts::region_sleep(make, Duration::from_secs(60), Effort::Quick);
    assert!(slept.is_ok(), "{slept:?}");
}

fn of_a_descriptor(words: u32) -> (Mapping, Mapping) {
    two(&sealed(4 * u64::from(words)).expect("there is room"), words)
}

// RING-SPMC: the laws of a region, over two mappings of shared memory, of a file and of a memfd
region_contract!(shared_memory, mapped("/dev/shm".into()), exchange, threads, lent);
region_contract!(file, mapped(std::env::temp_dir()), exchange, threads);
region_contract!(memory_of_a_descriptor, of_a_descriptor, exchange, threads, lent);

/// The claims of two handles of one file.
fn claims(file: OwnedFd) -> impl Fn() -> (Lock, Lock) {
    move || [(); 2].map(|()| Lock::on(&file).expect("an open file")).into()
}

// RING-DEATH: the laws of claims, by locks of the kernel, in each kind of memory
liveness_contract!(locks_in_shared_memory, claims(unnamed(Path::new("/dev/shm"))), || ());
liveness_contract!(locks_of_a_file, claims(unnamed(&std::env::temp_dir())), || ());
liveness_contract!(locks_of_a_descriptor, claims(sealed(4).expect("there is room")), || ());

fn spec() -> Spec {
    Spec::of::<[u32; 2]>(8).participants(4)
}

fn filled(draft: &Draft) {
    let Backing { mapping, lock } = draft.backing();
    Segment::create(mapping, &spec(), SegmentId(1), Creator::default(), lock).expect("it fits");
}

fn draft(path: &Path) -> Draft {
    let words = tidemill_ring::Layout::of(&spec()).expect("a ring").bytes();
    Draft::new(path.to_owned(), words).expect("there is room")
}

fn made(path: &Path) -> Backing {
    let draft = draft(path);
    filled(&draft);
    draft.link().expect("the folder is ours").expect("nobody has that name")
}

// RING-STALE: what is half made has no name, and what has a name is whole
#[test]
fn a_draft_that_is_dropped_was_never_there() {
    for path in [shm(), disk()] {
        let first = draft(&path);
        assert_eq!(Backing::open(&path).err(), Some(AttachError::NotFound));
        filled(&first);
        assert_eq!(Backing::open(&path).err(), Some(AttachError::NotFound));
        drop(first);
        assert!(!path.exists());
        let backing = made(&path);
        let other = Backing::open(&path).expect("it has a name");
        Segment::attach(&other.mapping).expect("and is whole");
        drop((backing, other));
        Backing::remove(&path).expect("nobody has it open");
    }
}

// RING-STALE: of two makers one gives the name; the other is told, and its memory is gone
#[test]
fn of_two_drafts_of_one_name_one_gets_it() {
    let path = shm();
    let (first, second) = (draft(&path), draft(&path));
    filled(&first);
    filled(&second);
    let first = first.link().expect("the folder is ours").expect("nobody has that name");
    assert!(second.link().expect("the folder is ours").is_none(), "two segments have one name");
    // SAFETY: the words lie within the region.
    let id = |mapping: &Mapping| unsafe { mapping.load(28, Ordering::Relaxed) };
    assert_eq!(id(&first.mapping), id(&Backing::open(&path).expect("there").mapping));
    drop(first);
    Backing::remove(&path).expect("nobody has it open");
}

// RING-STALE: a name is taken away only where nobody has the segment open
#[test]
fn a_segment_that_somebody_has_open_keeps_its_name() {
    let path = shm();
    let backing = made(&path);
    let taken = Some(AttachError::NameTaken { owner: Default::default() });
    assert_eq!(Backing::remove(&path).err(), taken);
    let other = backing.again().expect("it is open");
    drop(backing);
    assert_eq!(Backing::remove(&path).err(), taken);
    drop(other);
    assert_eq!(Backing::remove(&path), Ok(()));
    assert_eq!(Backing::remove(&path).err(), Some(AttachError::NotFound));
    assert_eq!(Backing::open(&path).err(), Some(AttachError::NotFound));
}

// RING-STALE: what cannot be a segment is refused by what is wrong with it, and nothing outside it is touched
#[test]
fn files_that_are_no_segments_are_refused_by_what_they_are() {
    let path = disk();
    // Of 517 bytes 130 words were begun, and 129 are whole.
    for (content, got, want) in [(0, 0, 129), (515, 128, 129), (517, 130, 129)] {
        std::fs::write(&path, vec![7_u8; content]).expect("written");
        let error = Backing::open(&path).err();
        assert_eq!(error, Some(AttachError::length(got, want)), "{content} bytes");
    }
    std::fs::write(&path, vec![7_u8; 4096]).expect("written");
    let backing = Backing::open(&path).expect("long enough to look at");
    assert!(Segment::attach(&backing.mapping).is_err());
    std::fs::remove_file(&path).expect("removed");
    let folder = Backing::open(&std::env::temp_dir()).err();
    assert!(matches!(folder, Some(AttachError::Os { call: "open", .. })), "{folder:?}");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    let link = Backing::open(&path).err();
    assert!(matches!(link, Some(AttachError::Os { call: "open", .. })), "{link:?}");
    std::fs::remove_file(&path).expect("removed");
    let device = Backing::open(Path::new("/dev/zero")).err();
    assert_eq!(device, Some(AttachError::length(0, 129)));
}

// RING-UNTRUSTED: the memory of a memfd can be cut by nobody, and what could be cut is refused
#[test]
fn a_memfd_keeps_its_length_and_what_is_not_sealed_is_refused() {
    let file = memfd(&spec()).expect("there is room");
    let before = fstat(&file).expect("a file").st_size;
    assert!(ftruncate(&file, 0).is_err(), "a sealed file was cut");
    assert!(ftruncate(&file, 1 << 20).is_err(), "a sealed file was grown");
    assert_eq!(fstat(&file).expect("a file").st_size, before);
    let backing = memfd::adopt(file.as_fd()).expect("sealed");
    Segment::attach(&backing.mapping).expect("and whole");
    let named = unnamed(Path::new("/dev/shm"));
    ftruncate(&named, 1 << 16).expect("grown");
    assert_eq!(memfd::adopt(named).err(), Some(AttachError::Unsealed));
}

// RING-STALE, RING-DEATH: a watcher sees who lives and who does not, changes nothing, and is nobody's reason to stay
#[test]
fn a_watcher_sees_the_living_and_the_dead_and_changes_nothing() {
    let path = shm();
    let backing = made(&path);
    let before = std::fs::read(&path).expect("ours");
    let look = Look::at(&path).expect("a ring");
    assert_eq!((look.producer(), look.segment().participants().count()), (None, 0));
    assert_eq!(std::fs::read(&path).expect("ours"), before);
    let party = backing.again().expect("it is open");
    let segment = Segment::attach(party.mapping).expect("whole");
    let mut tx = segment.producer::<[u32; 2], _>(party.lock, Default::default()).expect("nobody else does");
    tx.try_push([1, 2]).expect("there is room");
    assert_eq!((look.producer(), look.segment().published().0), (Some(Life::Alive), 1));
    tx.hand_over();
    assert_eq!(look.producer(), Some(Life::Dead));
    drop(backing);
    assert_eq!(Backing::remove(&path), Ok(()), "a watcher is no user");
    assert_eq!(Look::at(&path).err(), Some(AttachError::NotFound));
    assert_eq!(look.segment().published().0, 1, "what is mapped stays");
}

#[test]
#[should_panic(expected = "a watcher stores nothing")]
fn a_watcher_stores_nothing() {
    let path = shm();
    let backing = made(&path);
    let look = Look::at(&path).expect("a ring");
    drop(backing);
    Backing::remove(&path).expect("nobody has it open");
    // SAFETY: the first word of the region.
    unsafe { look.segment().region().store(0, 1, Ordering::Relaxed) };
}

/// The lines of `smaps` for the mapping that begins there, and the one behind it where it was split.
fn smaps(mapping: &Mapping) -> Vec<String> {
    let base = mapping.word(0).expect("a word") as *const _ as usize;
    let all = std::fs::read_to_string("/proc/self/smaps").expect("this process");
    let mut lines = all.lines().skip_while(|line| !line.starts_with(&format!("{base:x}-")));
    let first = lines.next().expect("it is mapped").to_owned();
    let path = first.split_ascii_whitespace().nth(4).expect("an inode").to_owned();
    let rest = lines.take_while(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words[0].ends_with(':') || words.get(4) == Some(&path.as_str())
    });
    std::iter::once(first).chain(rest.map(str::to_owned)).collect()
}

#[test]
fn a_child_inherits_no_mapping_and_a_guarded_one_is_read_only_behind_its_guard() {
    let draft = Draft::new(shm(), 3 * 4096).expect("there is room");
    let mapping = &draft.backing().mapping;
    let flags: Vec<String> = smaps(mapping).into_iter().filter(|line| line.starts_with("VmFlags")).collect();
    assert!(flags.len() == 1 && flags[0].split(' ').any(|flag| flag == "dc"), "{flags:?}");
    guard(mapping, 1025).expect("ours");
    let maps = smaps(mapping);
    assert!(maps[0].contains(" rw-s "), "{maps:?}");
    assert!(maps.iter().any(|line| line.contains(" r--s ")), "{maps:?}");
    // SAFETY: words of the region: the last before the guard, and the first behind it.
    unsafe { mapping.store(2047, 1, Ordering::Relaxed) };
    // SAFETY: as above.
    assert_eq!(unsafe { mapping.load(2048, Ordering::Relaxed) }, 0);
    guard(mapping, 3 * 1024).expect("nothing is behind that");
}
