//! One transport asked one question once, in a process of its own: a transport that crashes, hangs or loses something costs a
//! figure, and is a finding.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::asleep;
use super::inside::Inside;
use super::killed::{Survivor, survive};
use super::ours::{Ours, paths};
use super::{Case, Report, Role};

/// A trial that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(90);

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// One of our segments.
    Ours(Ours),
    /// A queue of one address space.
    Inside(Inside),
    /// A segment of ours with a watch over those who take part.
    Watched,
    /// A futex and nothing else.
    Futex,
    /// disruptor-mp 0.1.0-alpha.2.
    DisruptorMp,
    /// myelon 0.1.0-alpha.2.
    Myelon,
    /// iceoryx2 0.10.
    Iceoryx,
    /// disruptor 4.4.
    Lmax,
    /// Who is left when another dies.
    Survivor(Survivor),
}

/// Between what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Between {
    /// Threads of one process.
    Threads,
    /// Two processes.
    Processes,
}

/// What came of a trial.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// Nanoseconds an item; or two quantiles of nanoseconds; or a share.
    Figures(Vec<f64>),
    /// A finding, in words.
    Finding(String),
    /// It is not compiled into this program.
    NotBuilt,
}

impl Who {
    /// Everybody, by name.
    const ALL: [(Self, &'static str); 21] = [
        (Self::Ours(Ours::Parks), "tidemill, parks"),
        (Self::Watched, "tidemill, parks, with a Watch"),
        (Self::Ours(Ours::Spins), "tidemill, spins only"),
        (Self::Ours(Ours::File), "tidemill, in a file"),
        (Self::Ours(Ours::Runs), "tidemill, in runs"),
        (Self::Ours(Ours::InPlace), "tidemill, in runs, in place"),
        (Self::Ours(Ours::Parts), "tidemill, in parts"),
        (Self::Ours(Ours::Requires), "tidemill, requires all of them"),
        (Self::Survivor(Survivor::Told), "tidemill, told by its own descriptor"),
        (Self::Survivor(Survivor::Watched), "tidemill, asleep, with a Watch"),
        (Self::Survivor(Survivor::Probing), "tidemill, asleep, without"),
        (Self::DisruptorMp, "disruptor-mp 0.1.0-alpha.2"),
        (Self::Survivor(Survivor::DisruptorMp), "disruptor-mp 0.1.0-alpha.2, trying"),
        (Self::Myelon, "myelon 0.1.0-alpha.2"),
        (Self::Iceoryx, "iceoryx2 0.10"),
        (Self::Survivor(Survivor::Iceoryx), "iceoryx2 0.10, told, cleaning up"),
        (Self::Lmax, "disruptor 4.4, in process"),
        (Self::Inside(Inside::Rtrb), "rtrb 0.4, in process"),
        (Self::Inside(Inside::ArrayQueue), "crossbeam ArrayQueue, in process"),
        (Self::Inside(Inside::Channel), "crossbeam channel, in process"),
        (Self::Futex, "bare futex, in process"),
    ];

    /// Its name in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(who, _)| *who == self).map_or("", |(_, name)| name)
    }

    /// Who is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(who, _)| *who)
    }

    /// Whether this program can ask it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::DisruptorMp | Self::Myelon | Self::Iceoryx | Self::Lmax => cfg!(feature = "ring-peers"),
            Self::Survivor(Survivor::DisruptorMp | Survivor::Iceoryx) => cfg!(feature = "ring-peers"),
            Self::Ours(_) | Self::Watched | Self::Inside(_) | Self::Futex | Self::Survivor(_) => true,
        }
    }

    fn roles(self, case: Case, name: &str, items: u64) -> Option<Vec<Role>> {
        match (self, case) {
            (Self::Ours(Ours::Parks), Case::Asleep(what)) => Some(asleep::ours(what, name, items, false)),
            (Self::Watched, Case::Asleep(what)) => Some(asleep::ours(what, name, items, true)),
            (Self::Inside(Inside::Channel), Case::Asleep(what)) => Some(asleep::channel(what, items)),
            (Self::Futex, Case::Asleep(what)) => Some(asleep::bare_futex(what, items)),
            (Self::Ours(ours), case) => ours.roles(case, name, items),
            (Self::Inside(inside), case) => inside.roles(case, items),
            #[cfg(feature = "ring-peers")]
            (Self::Myelon, Case::Asleep(what)) => Some(asleep::myelon(what, name, items)),
            #[cfg(feature = "ring-peers")]
            (Self::Iceoryx, Case::Asleep(what)) => Some(asleep::iceoryx(what, name, items)),
            #[cfg(feature = "ring-peers")]
            (Self::Myelon, Case::View) => Some(super::disruptor_mp::views(name, items)),
            #[cfg(feature = "ring-peers")]
            (Self::DisruptorMp, case) => super::disruptor_mp::roles(case, name, items),
            #[cfg(feature = "ring-peers")]
            (Self::Myelon, case) => super::disruptor_mp::framed(case, name, items),
            #[cfg(feature = "ring-peers")]
            (Self::Iceoryx, case) => super::iceoryx::roles(case, name, items),
            #[cfg(feature = "ring-peers")]
            (Self::Lmax, case) => super::lmax::roles(case, items),
            _ => None,
        }
    }

    /// Asks it in a child process.
    ///
    /// # Panics
    /// Where no child can be made.
    #[must_use]
    pub fn ask(self, case: Case, between: Between, items: u64) -> Outcome {
        if !self.is_built() {
            return Outcome::NotBuilt;
        }
        let how = if between == Between::Threads { "--threads" } else { "--processes" };
        let mut command = this_program();
        command.args([how, self.name(), &case.to_string(), &items.to_string()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
        let (name, begun) = (name_of(child.id()), Instant::now());
        let ended = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break Some(status);
            }
            if begun.elapsed() > LONGEST {
                let _ = child.kill();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        let output = child.wait_with_output().expect("a child");
        sweep(&name);
        let said = String::from_utf8_lossy(&output.stdout);
        match ended {
            None => Outcome::Finding(format!("HANGS: no end within {} s", LONGEST.as_secs())),
            Some(status) if status.success() => read(&said),
            Some(status) => {
                let words = String::from_utf8_lossy(&output.stderr);
                let last = words.lines().rfind(|line| !line.starts_with("note:")).unwrap_or_default();
                Outcome::Finding(format!("CRASHES: {status}: {last}"))
            }
        }
    }
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("the path of this program"))
}

/// What a trial calls its rings: by the process that asks.
fn name_of(process: u32) -> String {
    format!("b{process:x}")
}

/// Takes away what a trial left behind.
fn sweep(name: &str) {
    for path in paths(name) {
        // Most of them were never there.
        let _ = std::fs::remove_file(path);
    }
    for file in std::fs::read_dir(Path::new("/dev/shm")).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().trim_start_matches("tm.").starts_with(name) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn read(said: &str) -> Outcome {
    let line = |what: &str| said.lines().rev().find_map(|line| line.strip_prefix(what).map(str::to_owned));
    if let Some(finding) = line("finding ") {
        return Outcome::Finding(finding);
    }
    let figures = line("figures ").unwrap_or_default();
    let figures: Vec<f64> = figures.split(' ').filter_map(|figure| figure.parse().ok()).collect();
    if figures.is_empty() {
        Outcome::Finding("has no such thing".to_owned())
    } else {
        Outcome::Figures(figures)
    }
}

/// What the child of [`Who::ask`] does: prints its figures, or a finding.
///
/// # Panics
/// Where the transport does.
pub fn trial(between: Between, who: Who, case: Case, items: u64) {
    let name = name_of(std::process::id());
    let reports = match (who, case) {
        (Who::Survivor(survivor), Case::Killed(victim)) => {
            survive(survivor, victim, &name, items).into_iter().collect()
        }
        _ => match (who.roles(case, &name, items), between) {
            (None, _) => Vec::new(),
            (Some(roles), Between::Threads) => threads(roles),
            (Some(roles), Between::Processes) => processes(roles, who, case, &name, items),
        },
    };
    sweep(&name);
    println!("{}", told(&reports, items));
}

/// Runs each role on a thread.
fn threads(roles: Vec<Role>) -> Vec<Report> {
    let barrier = Barrier::new(roles.len());
    let meet = || {
        barrier.wait();
    };
    thread::scope(|scope| {
        let spawned: Vec<_> = roles.into_iter().map(|role| scope.spawn(|| role(&meet))).collect();
        // A role that panicked keeps the others waiting: the process ends with it.
        spawned.into_iter().map(|role| role.join().unwrap_or_else(|_| std::process::exit(101))).collect()
    })
}

/// Runs the first of two roles here, and the other in a child.
fn processes(mut roles: Vec<Role>, who: Who, case: Case, name: &str, items: u64) -> Vec<Report> {
    assert_eq!(roles.len(), 2, "two roles in two processes");
    let mut child = this_program()
        .args(["--side", who.name(), &case.to_string(), &items.to_string(), name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    let pipes = std::cell::RefCell::new((said, child.stdin.take().expect("a pipe")));
    let meet = || {
        let (said, told) = &mut *pipes.borrow_mut();
        let mut line = String::new();
        while line.trim() != "meet" {
            line.clear();
            assert!(said.read_line(&mut line).expect("a pipe") > 0, "the other side has ended");
        }
        told.write_all(b"go\n").expect("a pipe");
    };
    let mine = roles.remove(0)(&meet);
    let mut rest = String::new();
    while pipes.borrow_mut().0.read_line(&mut rest).is_ok_and(|n| n > 0) {}
    ended(&mut child);
    let theirs = rest.lines().find_map(|line| line.strip_prefix("finding "));
    let lost = theirs.map(|_| Report::Lost { came: 0, of: items });
    [mine].into_iter().chain(lost).collect()
}

fn ended(child: &mut Child) {
    let status = child.wait().expect("a child");
    assert!(status.success(), "the other side: {status}");
}

/// The other process of a trial.
///
/// # Panics
/// Where the transport does, or the first process is gone.
pub fn side(who: Who, case: Case, items: u64, name: &str) {
    let mut roles = who.roles(case, name, items).expect("the other side has it");
    let meet = || {
        println!("meet");
        std::io::stdout().flush().expect("a pipe");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).expect("a pipe");
        assert!(read > 0, "the other side has ended");
    };
    let report = roles.remove(1)(&meet);
    println!("{}", told(&[report], items));
}

/// The reports of all roles in a line.
fn told(reports: &[Report], items: u64) -> String {
    let mut slowest = Duration::ZERO;
    for report in reports {
        match report {
            Report::Lost { came, of } => return format!("finding LOSES: {came} of {of} as they were sent"),
            Report::Never(span) => return format!("finding NEVER: not within {} s", span.as_secs_f64()),
            Report::Rounds(spans) => {
                let mut spans = spans.clone();
                spans.sort_unstable();
                let at = |part: f64| spans[((spans.len() - 1) as f64 * part).ceil() as usize];
                let high = if spans.len() > 1000 { 0.999 } else { 0.99 };
                return format!("figures {} {}", at(0.5), at(high));
            }
            Report::Share(share) => return format!("figures {}", 100.0 * share),
            Report::Took(span) => slowest = slowest.max(*span),
            Report::Sent => {}
        }
    }
    if reports.is_empty() {
        return String::from("figures");
    }
    format!("figures {}", slowest.as_nanos() as f64 / items as f64)
}
