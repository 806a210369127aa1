//! Stories that leak: each lets something into the simulation that is not a function of the seed. `tidemill check` must
//! catch every one of them but the last, which is clean.
//!
//! The program is the `tidemill` command over these stories where its first argument is `check`; otherwise it calls itself
//! so, and looks at what was said.

#![expect(
    clippy::disallowed_types,
    reason = "these stories do what no story may do, so that the check can be seen to catch it"
)]

use std::cell::Cell;
use std::collections::HashMap;
use std::process::{Command, ExitCode};
use tidemill_scenarios::command::{self, Fill};
use tidemill_sim::harness::{Must, Params, Story};
use tidemill_sim::{Address, Context, Duration, Event, Failure, Process, Sim};

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

static STORIES: [Story; 6] = [
    Story { name: "hash_order", body: |sim, params| leak(sim, params, hash_order), ..CLEAN },
    Story { name: "address", body: |sim, params| leak(sim, params, address), ..CLEAN },
    Story { name: "real_time", body: |sim, params| leak(sim, params, real_time), ..CLEAN },
    Story { name: "thread_local", body: |sim, params| leak(sim, params, survivor), ..CLEAN },
    Story { name: "fresh_memory", body: |sim, params| leak(sim, params, fresh_memory), ..CLEAN },
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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("check") => return command::main_with(&STORIES),
        Some("--list") => {
            let ignored = arguments.iter().any(|argument| argument == "--ignored");
            print!("{}", if ignored { "" } else { "every_leak_is_caught: test\n" });
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    LEAKS.iter().for_each(|(story, way)| is_caught(story, way));
    let (code, said) = check("clean");
    assert_eq!(code, Some(0), "what does not leak is accused: {said}");
    println!("every_leak_is_caught ... ok ({} leaks)", LEAKS.len());
    ExitCode::SUCCESS
}

fn check(story: &str) -> (Option<i32>, String) {
    let me = std::env::current_exe().expect("this program has a path");
    let output = Command::new(me).args(["check", story, "--seeds", "3"]).output().expect("it starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (output.status.code(), said)
}

// SIM-CHECK: what leaks is caught, and the first event that differs is named with both causal pasts.
fn is_caught(story: &str, way: &str) {
    let (code, said) = check(story);
    assert_eq!(code, Some(1), "{story}: {said}");
    let differs = format!("DIFFERS  {story} seed ");
    assert!(said.lines().any(|line| line.starts_with(way) && line.contains(&differs)), "{story}: {said}");
    let told = |start: &str| said.lines().any(|line| line.starts_with(start) && line.ends_with("because of"));
    assert!(told("reference: event ") && told("this way: event "), "{story}: {said}");
    // Where the first draw of the leak falls due; two may fall due in another order.
    let timer = |line: &str| line.contains("  timer  ") && line.contains("token 11");
    assert!(said.lines().any(timer), "{story}: the timer that the leak set is not told: {said}");
}

fn leak(sim: &mut Sim, _: &Params, source: fn(u64) -> u64) -> Result<(), Failure> {
    play(sim, source)
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
                let extra = if self.held > 10 { (self.source)(self.held) % 1_000 } else { 0 };
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
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
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
