//! The hunter is hunted: targets with planted weaknesses, each of which the command must find, keep, make small and tell
//! how to repeat, and one without any, which it must let pass.
//!
//! The program is the command over these targets where its first argument is `drive`; otherwise it calls itself so.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use tidemill_fuzz::{Heap, Outcome, Target, main_with};
use tidemill_ring::header::{Creator, Header, SegmentId};
use tidemill_ring::{Layout, Spec};

#[global_allocator]
static HEAP: Heap = Heap;

const SOUND: Target = Target {
    name: "sound",
    about: "nothing is wrong with it",
    words: &[],
    heap_max: 1 << 16,
    run: |bytes| Outcome::sized("read", &[bytes.len()]),
    seeds: || vec![b"\x01\0\0\0".to_vec()],
};

static TARGETS: [Target; 7] = [
    Target { name: "panics", run: panics, ..SOUND },
    Target { name: "deep", run: deep, ..SOUND },
    Target { name: "trusts", run: trusts, seeds: header, ..SOUND },
    Target { name: "holds", run: holds, ..SOUND },
    Target { name: "floods", run: floods, words: &["flood"], ..SOUND },
    Target { name: "loops", run: loops, words: &["loop"], ..SOUND },
    SOUND,
];

/// Breaks at a byte that no seed has.
fn panics(bytes: &[u8]) -> Outcome {
    assert!(!bytes.contains(&0xc3), "the planted weakness");
    Outcome::NOTHING
}

/// Breaks behind five gates, each of which opens only to whom the one before it let pass: found by following what came to
/// something new, and hardly by chance.
fn deep(bytes: &[u8]) -> Outcome {
    let gates = bytes.iter().zip(b"\x11\x33\x55\x77\x99").take_while(|(byte, gate)| byte == gate).count();
    assert!(gates < 5, "the planted weakness");
    Outcome::sized("gates", &[1 << gates])
}

/// A sound header of a ring, as bytes.
fn header() -> Vec<Vec<u8>> {
    let spec = Spec::of::<u64>(8).participants(4);
    let layout = Layout::of(&spec).expect("a ring");
    let header = Header { layout, id: SegmentId(1), creator: Creator::default() };
    vec![header.encode().iter().flat_map(|word| word.to_le_bytes()).collect()]
}

/// A doctor that believes how many places a table has, without a look at the checksum of who says so.
fn trusts(bytes: &[u8]) -> Outcome {
    let table = [0_u8; 64];
    let Some(places) = bytes.as_chunks::<4>().0.get(14).copied().map(u32::from_le_bytes) else {
        return Outcome::NOTHING;
    };
    let taken = (0..places as usize).filter(|slot| black_box(table)[*slot] > 0).count();
    Outcome::sized("taken", &[taken])
}

/// Believes a length that the input names.
fn holds(bytes: &[u8]) -> Outcome {
    let Some(length) = bytes.first_chunk::<4>() else { return Outcome::NOTHING };
    let wanted = u32::from_le_bytes(*length).min(1 << 24);
    drop(black_box(Vec::<u8>::with_capacity(wanted as usize)));
    Outcome::NOTHING
}

/// Takes more than there is.
fn floods(bytes: &[u8]) -> Outcome {
    if bytes.ends_with(b"flood") {
        drop(black_box(vec![0_u8; Heap::CEILING + 1]));
    }
    Outcome::NOTHING
}

/// Never comes back.
fn loops(bytes: &[u8]) -> Outcome {
    while bytes.ends_with(b"loop") {
        black_box(bytes);
    }
    Outcome::NOTHING
}

fn drive(folder: &Path, arguments: &[&str]) -> Output {
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(program);
    command.args(["drive", "--runs", "2000000", "--patience", "1", "--corpus"]).arg(folder).args(arguments);
    command.output().expect("this program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one input that was kept.
fn kept(folder: &Path, name: &str) -> PathBuf {
    let mut files = fs::read_dir(folder.join(name)).expect("something was kept").flatten();
    let file = files.next().expect("an input was kept").path();
    assert!(files.next().is_none(), "{name}: more than one input was kept");
    file
}

fn is_found(folder: &Path, name: &str, why: &str, length_max: usize) {
    let found = drive(folder, &[name]);
    let told = said(&found);
    assert_eq!(found.status.code(), Some(1), "{name} was not found: {told}");
    assert!(told.contains(&format!("{name} broke its promise")) && told.contains(why), "{name}: {told}");
    let file = kept(folder, name);
    let path = file.to_str().expect("a plain path");
    assert!(told.contains(&format!("replay: cargo run -p tidemill-fuzz -- {name} {path}")), "{name}: {told}");
    let length = fs::metadata(&file).expect("it was kept").len();
    assert!(length <= length_max as u64, "{name}: {length} bytes were kept, {length_max} are enough");
    let again = drive(folder, &[name, path]);
    assert_eq!(again.status.code(), Some(1), "{name} does not repeat: {}", said(&again));
    let corpus = drive(folder, &[name]);
    assert_eq!(corpus.status.code(), Some(1), "{name}: what was kept is not run first: {}", said(&corpus));
    println!("{name}: found, {length} bytes: {}", told.lines().next().unwrap_or_default());
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("drive") => return main_with(&TARGETS, arguments),
        Some("--list") => {
            let ignored = arguments.any(|argument| argument == "--ignored");
            print!("{}", if ignored { "" } else { "every_planted_weakness_is_found: test\n" });
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("canary-{}", std::process::id()));
    is_found(&folder, "panics", "it panicked", 1);
    is_found(&folder, "deep", "it panicked", 5);
    is_found(&folder, "trusts", "it panicked", 60);
    is_found(&folder, "holds", "bytes of heap", 4);
    is_found(&folder, "floods", "more memory than any input may", usize::MAX);
    is_found(&folder, "loops", "it does not come back", usize::MAX);
    let sound = drive(&folder, &["sound"]);
    assert_eq!(sound.status.code(), Some(0), "nothing was to be found: {}", said(&sound));
    assert!(!folder.join("sound").exists(), "an input of a sound target was kept");
    fs::remove_dir_all(&folder).expect("the corpora were ours");
    ExitCode::SUCCESS
}
