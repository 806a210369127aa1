//! Stories that leak: each lets something into the simulation that is not a function of the seed. `tidemill check` must
//! catch every one of them but the last, which is clean, and at exactly the event that the leak moved first.
//!
//! One more claims what no run of it meets: no campaign of as many runs as it wants may pass.
//!
//! The program is the `tidemill` command over these stories where its first argument is a subcommand; otherwise it calls
//! itself so, and looks at what was said. Somebody stands at its door: what reaches for a clock or for random bytes is named with
//! its line.

#![expect(
    clippy::disallowed_types,
    reason = "these stories do what no story may do, so that the check can be seen to catch it"
)]

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration as Span, SystemTime};
use tidemill_scenarios::command::{self, Fill};
use tidemill_sim::harness::{Must, Params, Story, Trial};
use tidemill_sim::{Address, Context, Duration, Event, Failure, Happened, Process, Sim, sometimes};

tidemill_sim_guard::guard!();

#[global_allocator]
static MEMORY: Fill = Fill;

const CLEAN: Story = Story {
    name: "clean",
    picture: "a ◀──▶ b",
    about: "nothing leaks",
    seeds: 1,
    must: Must::Pass,
    params: &[],
    body: |sim, _| play(sim, |n| n),
};

static STORIES: [Story; 9] = [
    Story { name: "hash_order", body: |sim, params| leak(sim, params, hash_order), ..CLEAN },
    Story { name: "address", body: |sim, params| leak(sim, params, address), ..CLEAN },
    Story { name: "real_time", body: |sim, params| leak(sim, params, real_time), ..CLEAN },
    Story { name: "thread_local", body: |sim, params| leak(sim, params, survivor), ..CLEAN },
    Story { name: "fresh_memory", body: |sim, params| leak(sim, params, fresh_memory), ..CLEAN },
    Story { name: "debug_assertions", body: |sim, params| leak(sim, params, assertions), ..CLEAN },
    Story { name: "folder", body: |sim, params| leak(sim, params, folder), ..CLEAN },
    Story { name: "unmet", seeds: 4, body: never, ..CLEAN },
    CLEAN,
];

/// What leaks, and the beginning of the way that must show it.
const LEAKS: [(&str, &str); 5] = [
    ("hash_order", "again, with other hash keys"),
    ("address", "again, with other hash keys and addresses"),
    ("real_time", "again"),
    ("thread_local", "as the first simulation of a process"),
    ("fresh_memory", "with memory filled"),
];

/// The function that a guard at the door names, where it names one.
const NAMED: [(&str, &str); 2] = [("hash_order", "random bytes"), ("real_time", "a real clock was read")];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("check" | "run" | "campaign") => return command::main_with(&STORIES),
        Some("--list") => {
            let ignored = arguments.iter().any(|argument| argument == "--ignored");
            print!("{}", if ignored { "" } else { "every_leak_is_caught: test\n" });
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let me = std::env::current_exe().expect("this program has a path");
    LEAKS.iter().for_each(|(story, way)| is_caught(&me, &[story], way));
    NAMED.iter().for_each(|(story, what)| is_named(&me, story, what));
    for clean in ["clean", "debug_assertions", "folder"] {
        let (code, said) = check(&me, &[clean]);
        assert_eq!(code, Some(0), "what is the same in every way of one build is accused: {said}");
    }
    two_builds(&me);
    what_is_never_met_fails_a_whole_campaign(&me);
    println!("every_leak_is_caught ... ok ({} leaks, two builds)", LEAKS.len());
    ExitCode::SUCCESS
}

fn check(program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    said(program, &[&["check"], arguments, &["--seeds", "3"]].concat())
}

fn said(program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (output.status.code(), said)
}

// SIM-CHECK: what leaks is caught at the first event that it moved, which is named with both causal pasts.
fn is_caught(program: &Path, arguments: &[&str], way: &str) {
    let story = arguments[0];
    let (code, said) = check(program, arguments);
    assert_eq!(code, Some(1), "{story}: {said}");
    let differs = format!("DIFFERS  {story} seed ");
    let line = said.lines().find(|line| line.starts_with(way) && line.contains(&differs));
    let line = line.unwrap_or_else(|| panic!("{story} is not caught `{way}`: {said}"));
    let seed = line.rsplit(' ').next().and_then(|seed| seed.parse().ok()).expect("the line ends with a seed");
    let first = first_leak(seed);
    for side in ["reference", "this way"] {
        let told = format!("{side}: event {first} at a/left, because of");
        assert!(said.lines().any(|line| line == told), "{story}: not `{told}`: {said}");
    }
    assert!(
        said.contains(&format!("{first} events are the same; the last of them is at")),
        "{story}: {said}"
    );
    let timer = |line: &str| line.contains("  timer  ") && line.contains("token 11");
    assert!(said.lines().any(timer), "{story}: the timer that the leak set is not told: {said}");
    assert!(said.lines().any(|line| line.starts_with("bisected in ")), "{story}: {said}");
}

/// The number of the event at which a leak shows first: the timer that it set falls due.
fn first_leak(seed: u64) -> usize {
    let (_, trace) = CLEAN.trace(&CLEAN.params(), &Trial::seed(seed));
    let leaks = |event: usize| {
        let event = trace.events()[event];
        event.kind() == Happened::Timer && event.arg() == 11
    };
    (0..trace.len()).find(|event| leaks(*event)).expect("the ball is held for the eleventh time")
}

// SIM-CHECK: where a guard stands at the door, the place in the code is named that reached for what is not the seed's.
fn is_named(program: &Path, story: &str, what: &str) {
    let (_, said) = check(program, &[story]);
    let told = format!("REACHED OUTSIDE  {story} seed ");
    let line = said.lines().find(|line| line.starts_with(&told) && line.contains(what));
    let line = line.unwrap_or_else(|| panic!("{story}: nobody saw it reach outside: {said}"));
    // Without debug information the function is named instead of the line.
    assert!(line.contains("tests/leaky.rs:") || line.contains(&format!("leaky::{story}")), "{line}");
}

// SIM-CHECK: two builds of one program are compared, and where they differ, the first event that does is named.
fn two_builds(me: &Path) {
    let [debug, release] = builds(me);
    let source = debug.with_file_name("source.rs");
    let text = |path: &Path| path.display().to_string();
    is_caught(&debug, &["folder"], "another build, ");
    is_caught(me, &["folder", "--with", &text(&release)], "another build, ");
    let (code, said) = check(&debug, &["clean"]);
    let compared = |line: &str| line.starts_with("another build, ") && line.ends_with("3 runs, equal hashes");
    assert!(code == Some(0) && said.lines().any(compared), "{said}");
    let skipped = |why: &str| {
        let (code, said) = check(&debug, &["clean"]);
        let skips = |line: &str| line.starts_with("SKIPPED the release build: ") && line.contains(why);
        assert!(code == Some(0) && said.lines().any(skips), "{why}: {said}");
    };
    let built = fs::metadata(&release).and_then(|data| data.modified()).expect("a time");
    date(&source, built + Span::from_secs(9));
    skipped("it is older than ");
    fs::remove_file(&release).expect("it was there");
    skipped("is not built");
}

// SIM-ASSERT: a `sometimes!` that no run met fails a run and a campaign of the whole budget, and no smaller one.
fn what_is_never_met_fails_a_whole_campaign(me: &Path) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unmet.json");
    let _ = fs::remove_file(&file);
    let file = file.display().to_string();
    let campaign = ["campaign", &file, "unmet", "--block", "2", "--runs"];
    for (command, fewer, whole) in [(&["run", "unmet", "--seeds"][..], "3", "4"), (&campaign, "2", "4")] {
        let (code, text) = said(me, &[command, &[fewer]].concat());
        assert_eq!((code, text.contains("not met")), (Some(0), false), "{text}");
        let (code, text) = said(me, &[command, &[whole]].concat());
        let told =
            |line: &str| line.contains("not met") && line.contains("a lucky day (scenarios/tests/leaky.rs:");
        assert!(code == Some(1) && text.lines().any(told), "{code:?}: {text}");
    }
}

/// This program as it would stand in the folders of two profiles, built after its source.
fn builds(me: &Path) -> [PathBuf; 2] {
    let desk = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaky-builds");
    let _ = fs::remove_dir_all(&desk);
    let builds = ["debug", "release"].map(|profile| desk.join(profile).join("leaky"));
    let source = builds[0].with_file_name("source.rs");
    for build in &builds {
        fs::create_dir_all(build.parent().expect("a folder")).expect("a folder to build in");
        fs::hard_link(me, build).expect("a second name of this program");
        let needs = format!("{}: {}\n", build.display(), source.display());
        fs::write(build.with_extension("d"), needs).expect("it can be written");
    }
    fs::write(&source, "").expect("it can be written");
    date(&source, SystemTime::UNIX_EPOCH + Span::from_secs(9));
    builds
}

fn date(path: &Path, at: SystemTime) {
    let file = File::options().write(true).open(path).expect("it is there");
    file.set_modified(at).expect("its date can be set");
}

fn leak(sim: &mut Sim, _: &Params, source: fn(u64) -> u64) -> Result<(), Failure> {
    play(sim, source)
}

fn never(sim: &mut Sim, _: &Params) -> Result<(), Failure> {
    sometimes!(sim, sim.seed() == u64::MAX, "a lucky day");
    play(sim, |n| n)
}

/// Two who toss a ball; what comes out of `source` decides how long it is held, from the tenth time on.
fn play(sim: &mut Sim, source: fn(u64) -> u64) -> Result<(), Failure> {
    let [a, b] = ["a", "b"].map(|name| sim.machine(name));
    let left = sim.spawn(a, "left", Box::new(Player { other: None, source, held: 0 }));
    let other = Some(sim.address(left));
    sim.spawn(b, "right", Box::new(Player { other, source, held: 0 }));
    sim.run().failure().cloned().map_or(Ok(()), Err)
}

struct Player {
    other: Option<Address>,
    source: fn(u64) -> u64,
    held: u64,
}

impl Process for Player {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Datagram { from, .. } => {
                self.other = Some(from);
                self.held += 1;
                // A second is long: two draws of one leak hardly ever agree.
                let extra = if self.held > 10 { (self.source)(self.held) % 1_000_000_007 } else { 0 };
                if self.held < 20 {
                    context.timer(Duration::from_nanos(1_000 + extra), self.held);
                }
            }
            _ => {
                if let Some(other) = self.other {
                    context.send(other, b"ball").expect("the other is there");
                }
            }
        }
    }
}

fn hash_order(n: u64) -> u64 {
    let map: HashMap<u64, u64> = (0..50).map(|key| (key + n, key)).collect();
    map.values().fold(0, |sum: u64, value| sum.wrapping_mul(31).wrapping_add(*value))
}

fn address(_: u64) -> u64 {
    let boxed = Box::new(7_u8);
    (&raw const *boxed as u64) / 16
}

fn real_time(_: u64) -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// What a `debug_assert!` with an effect leaks.
fn assertions(n: u64) -> u64 {
    n + u64::from(cfg!(debug_assertions))
}

/// The profile in whose folder the program stands, in the place of what a profile changes.
fn folder(n: u64) -> u64 {
    let me = std::env::current_exe().unwrap_or_default();
    n + u64::from(me.parent().is_some_and(|folder| folder.ends_with("release")))
}

fn survivor(_: u64) -> u64 {
    thread_local!(static CALLS: Cell<u64> = const { Cell::new(0) });
    CALLS.set(CALLS.get() + 1);
    CALLS.get()
}

/// Reads memory that was just allocated, as a missing initialisation in `unsafe` code would.
fn fresh_memory(_: u64) -> u64 {
    let layout = std::alloc::Layout::new::<[u64; 9]>();
    // SAFETY: the layout is not of size zero.
    let block = unsafe { std::alloc::alloc(layout) };
    // The ninth word lies behind what the allocator keeps in a free block for itself.
    let ninth = block.cast::<u64>().wrapping_add(8);
    // SAFETY: the block is ours and nine words long.
    let word = unsafe { ninth.read_volatile() };
    // SAFETY: allocated above with this layout.
    unsafe { std::alloc::dealloc(block, layout) };
    word
}
