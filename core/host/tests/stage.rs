//! The store of a stage over files: its laws, and what a process leaves that is killed with SIGKILL.
//!
//! A victim is this program again, told to run the test `victim` alone with a folder and the write or sync that it does not live to
//! make. It says on its output which checkpoints count; whoever comes next has to find the last one that was said, or the one
//! after it, and has to find it at once: the locks of a process end with it.
//!
//! Beside every write, it is killed at random moments, 20 times; for more: `cargo test -p tidemill-host --test stage -- kills=1000`.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_contracts::stage::{self, STATE_MAX};
use tidemill_contracts::{Effort, Passed};
use tidemill_host::{FileRegister, FileStore, MemoryRegister, OsEntropy, SlotRegister};
use tidemill_relocate::{
    Chain, EdgeId, Label, Leaving, Life, Outgoing, Output, StageError, StageId, StageStore,
};
use tidemill_seam::{
    Entropy, ExchangeError, Exchanged, Geometry, ReadError, Reading, ReadingError, Register, Store,
    SyncError, Version, WriteError,
};

const STAGE: StageId = StageId([4; 16]);
const OUT: EdgeId = EdgeId([6; 16]);
const BLOCKS: Geometry = Geometry { block: 512, blocks: 60 };

/// A folder that is gone with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: counts, orders nothing.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidemill-stage-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder in the temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is left costs space; a panic on the way out would cost the reason.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One more handle of what several lives of one process share.
struct Shared<T>(Rc<RefCell<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: Store> Store for Shared<S> {
    fn geometry(&self) -> Geometry {
        self.0.borrow().geometry()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.0.borrow_mut().read(at, into)
    }
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.0.borrow_mut().write(at, from)
    }
    fn sync(&mut self) -> Result<(), SyncError> {
        self.0.borrow_mut().sync()
    }
}

impl<R: Register> Register for Shared<R> {
    fn capacity(&self) -> usize {
        self.0.borrow().capacity()
    }
    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        self.0.borrow_mut().read(into)
    }
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        self.0.borrow_mut().exchange(expected, value)
    }
    fn watch(&mut self, seen: Version) -> bool {
        self.0.borrow_mut().watch(seen)
    }
}

/// Files whose power stays on.
struct Files<R> {
    folder: Folder,
    blocks: Shared<FileStore>,
    register: R,
}

impl<R> Files<R> {
    fn new(register: impl FnOnce(&Path) -> R) -> Self {
        let folder = Folder::new();
        let blocks = FileStore::open(folder.0.join("blocks"), BLOCKS).expect("a file in a folder of ours");
        let register = register(&folder.0);
        Self { folder, blocks: Shared(Rc::new(RefCell::new(blocks))), register }
    }
}

impl<R: Register + Clone> stage::Bench for Files<R> {
    type Store = Shared<FileStore>;
    type Register = R;

    fn open(&mut self) -> StageStore<Shared<FileStore>, R> {
        let (blocks, register) = (self.blocks.clone(), self.register.clone());
        StageStore::new(blocks, register, STAGE, 1, 3, STATE_MAX).expect("60 blocks are enough")
    }

    fn damage(&mut self, at: u64) -> bool {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(self.folder.0.join("blocks"));
        let file = file.expect("it is there");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("within the store");
        file.write_all_at(&[byte[0] ^ 1], at).expect("within the store");
        true
    }
}

fn judged(passed: Result<Passed, tidemill_contracts::Violation>) {
    let passed = passed.unwrap_or_else(|violation| panic!("{violation}"));
    println!("{passed:?}");
    assert!(passed.checks > 300, "{passed:?}");
}

#[test]
fn a_stage_in_files_keeps_its_laws() {
    let register = |folder: &Path| {
        Shared(Rc::new(RefCell::new(FileRegister::create(folder.join("record"), 512).unwrap())))
    };
    judged(stage::suite(|| Files::new(register), Effort::Board));
}

#[test]
fn a_stage_with_its_record_in_memory_keeps_its_laws() {
    judged(stage::suite(|| Files::new(|_| MemoryRegister::new(512)), Effort::Board));
}

/// A store of a process that dies before its `left`-th write or sync, of this and others.
struct KillAt<S>(S, Rc<Cell<u64>>);

impl<S> KillAt<S> {
    fn count(&self) {
        match self.1.get() {
            0 => {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("ourselves");
                unreachable!("a process outlives its own SIGKILL");
            }
            left => self.1.set(left - 1),
        }
    }
}

impl<S: Store> Store for KillAt<S> {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.0.read(at, into)
    }
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        // One call may write many blocks, and the process may die between two of them.
        let size = self.geometry().block as usize;
        for (nth, block) in from.chunks(size).enumerate() {
            self.count();
            self.0.write(at + (nth * size) as u64, block)?;
        }
        Ok(())
    }
    fn sync(&mut self) -> Result<(), SyncError> {
        self.count();
        self.0.sync()
    }
}

type Mortal = StageStore<KillAt<FileStore>, SlotRegister<KillAt<FileStore>>>;

/// A store that was made there. A process that another test is just starting may still hold what we have closed.
fn existing(path: &Path, geometry: Geometry) -> FileStore {
    loop {
        match FileStore::existing(path, geometry) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::yield_now(),
            opened => return opened.expect("a file of ours"),
        }
    }
}

/// The stage in a folder, which was made there.
fn open(folder: &Path, left: u64) -> Mortal {
    let left = Rc::new(Cell::new(left));
    let record = Geometry { block: 1024, blocks: 4 };
    let record = existing(&folder.join("record"), record);
    let blocks = existing(&folder.join("blocks"), BLOCKS);
    let record = SlotRegister::new(KillAt(record, Rc::clone(&left)));
    StageStore::new(KillAt(blocks, left), record, STAGE, 1, 3, STATE_MAX).expect("60 blocks are enough")
}

fn make() -> Folder {
    let folder = Folder::new();
    drop(FileRegister::create(folder.0.join("record"), 512).expect("a folder of ours"));
    drop(FileStore::open(folder.0.join("blocks"), BLOCKS).expect("a folder of ours"));
    assert_eq!(open(&folder.0, u64::MAX).found(), Ok(true));
    folder
}

fn entry(off: u64) -> (Label, Vec<u8>) {
    (Label(u128::from(off)), format!("entry {off}").into_bytes())
}

/// Checkpoint number so many: three entries of it are retained.
fn leave(stage: &mut Mortal, number: u64) -> Result<(), StageError> {
    let from = number.saturating_sub(3);
    let kept: Vec<(Label, Vec<u8>)> = (from..number).map(entry).collect();
    let entries: Vec<(Label, &[u8])> = kept.iter().map(|(label, bytes)| (*label, &bytes[..])).collect();
    let output = Output { edge: OUT, off: number, chain: Chain(1), retained: from, seen: 0, ended: false };
    let outputs = [Outgoing { output, entries: &entries }];
    stage.begin(&Leaving { inputs: &[], outputs: &outputs, state: &number.to_le_bytes() })?;
    stage.poll().map(|_| ())
}

/// The number of the checkpoint that a life found, all of which fits together.
fn number(life: &Life) -> u64 {
    let Some(checkpoint) = &life.checkpoint else { return 0 };
    let number = u64::from_le_bytes(checkpoint.state[..].try_into().expect("eight bytes"));
    let kept = &life.retained[0];
    assert_eq!((checkpoint.outputs[0].off, kept.from), (number, number.saturating_sub(3)));
    assert_eq!(kept.entries, (kept.from..number).map(entry).collect::<Vec<_>>());
    number
}

/// What was told on the command line, behind `key=`.
fn told(key: &str) -> Option<String> {
    std::env::args().find_map(|arg| Some(arg.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
}

/// Leaves checkpoints where it is told to, and says which count. Told nothing, it does so in a folder of its own.
#[test]
fn victim() {
    // Who is killed cleans up nothing: only who is told nothing makes a folder.
    let told_folder = told("folder").map(PathBuf::from);
    let own = told_folder.is_none().then(make);
    let folder = told_folder.or(own.as_ref().map(|own| own.0.clone())).expect("one of the two");
    let left = told("left").map_or(u64::MAX, |left| left.parse().expect("a number"));
    let until = told("until").map_or(3, |until| until.parse().expect("a number"));
    let mut stage = open(&folder, left);
    let life = stage.mint().expect("a life");
    let mut out = std::io::stdout();
    for count in number(&life) + 1..=until {
        leave(&mut stage, count).expect("a checkpoint");
        // Past the capture of tests, and at once.
        writeln!(out, "counts {count}").and_then(|()| out.flush()).expect("a pipe");
    }
}

/// A process of ours, which does not outlive the test that made it, however that ends.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        // One that has ended already is waited for all the same.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(folder: &Path, left: u64, until: u64) -> Victim {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.args(["--exact", "victim", "--nocapture", "--quiet"]);
    command.args([format!("folder={}", folder.display()), format!("left={left}"), format!("until={until}")]);
    Victim(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process"))
}

/// What the victim says, until it ends, or until it said so much and is killed; the last checkpoint of it.
fn hear(mut victim: Victim, kill_after: Option<usize>) -> Option<u64> {
    let out = victim.0.stdout.take().expect("a pipe");
    let (mut last, mut heard) = (None, 0);
    for line in BufReader::new(out).lines() {
        let Ok(line) = line else { break };
        // The test harness may have begun the line.
        if let Some((_, count)) = line.split_once("counts ") {
            last = count.parse().ok();
            heard += 1;
        }
        if kill_after.is_some_and(|after| heard >= after) {
            // What is in the pipe still counts.
            let _ = victim.0.kill();
        }
    }
    last
}

/// Whoever comes next finds what was said to count, or the one after it.
fn judge(folder: &Path, said: u64, what: &str) -> u64 {
    let mut stage = open(folder, u64::MAX);
    let life = stage.mint().unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = number(&life);
    assert!(found == said || found == said + 1, "{what}: {said} counted, {found} is there");
    leave(&mut stage, found + 1).expect("the stage goes on");
    found
}

#[test]
fn a_process_that_dies_before_any_of_its_writes_leaves_the_checkpoint_that_counts_or_the_next_one() {
    let mut unheard = 0;
    for left in 0.. {
        let folder = make();
        let said = hear(spawn(&folder.0, left, 3), None).unwrap_or(0);
        let found = judge(&folder.0, said, &format!("before write {left}"));
        unheard += u64::from(found > said);
        if said == 3 {
            println!("{left} deaths, one before each write or sync, {unheard} of them after the swap");
            assert!(left > 20 && unheard > 0, "{left} deaths, {unheard} after the swap");
            return;
        }
    }
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_the_checkpoint_that_counts_or_the_next_one() {
    let kills = told("kills").map_or(20, |kills| kills.parse().expect("a number"));
    let (mut entropy, mut said) = (OsEntropy, 0);
    let folder = make();
    for kill in 0..kills {
        let mut byte = [0];
        entropy.fill(&mut byte);
        let after = 1 + usize::from(byte[0] % 16);
        said = hear(spawn(&folder.0, u64::MAX, u64::MAX), Some(after)).unwrap_or(said);
        said = judge(&folder.0, said, &format!("kill {kill}")) + 1;
    }
    println!("{kills} kills, {said} checkpoints");
    assert!(said > kills, "{said}");
}

/// A store that keeps one copy of what is written twice.
struct OneCopy<S>(S);

impl<S: Store> Store for OneCopy<S> {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.0.read(at, into)
    }
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.0.write(at, &from[..self.geometry().block as usize])
    }
    fn sync(&mut self) -> Result<(), SyncError> {
        self.0.sync()
    }
}

/// What a register shows that won two exchanges and whose newest value is then damaged in one place.
fn after_damage<S: Store>(wrap: impl Fn(FileStore) -> S) -> Result<Vec<u8>, ReadingError> {
    let folder = Folder::new();
    let path = folder.0.join("record");
    drop(FileRegister::create(&path, 512).expect("a folder of ours"));
    let open = || FileStore::existing(&path, Geometry { block: 1024, blocks: 4 }).expect("it is there");
    let mut register = SlotRegister::new(wrap(open()));
    for (expected, value) in [b"one", b"two"].iter().enumerate() {
        let won = register.exchange(Version(expected as u64), *value);
        assert_eq!(won, Ok(Exchanged::Won(Version(expected as u64 + 1))));
    }
    drop(register);
    // The first copy of version two, in slot zero.
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is there");
    file.write_all_at(b"rot", 20).expect("within the register");
    let mut bytes = [0; 512];
    let reading = SlotRegister::new(wrap(open())).read(&mut bytes)?;
    Ok(bytes[..reading.len].to_vec())
}

// S11
#[test]
fn every_safeguard_that_is_left_out_is_missed() {
    assert_eq!(after_damage(|store| store), Ok(b"two".to_vec()), "one bad copy of two");
    let broke = after_damage(OneCopy);
    assert_eq!(broke, Ok(b"one".to_vec()), "one bad copy of one takes back a value that was won");
    let (name, when) = ("one_copy_slot", "by hand");
    println!("mutant {name:<28} {when:>10}  S11: a damaged register shows a value that was replaced");
}
