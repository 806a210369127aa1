//! How much simulation a CPU-second buys: tidemill-sim beside turmoil, madsim and moonpool-sim in the same run.
//!
//! ```text
//! parent ──▶ child: ours, case, work ──▶ child: turmoil ──▶ child: madsim ──▶ … next round
//! ```
//! Every measurement is a process of its own; rounds are interleaved; a figure is the median of the rounds, a ratio
//! the median of the rounds' ratios with its interval. The last table holds each figure of SIMULATOR.md §10 against what is
//! asked of it. A figure that misses does not fail the bench: a slow machine prints small numbers.

use benches::case::{Case, Eyes};
use benches::figure::{Figure, cpu_time};
use benches::goal::Goal;
use benches::rounds::Samples;
use benches::subject::{MADSIM_BUILD, Missing, PEERS_RUN, Subject, child};
use benches::table;

const USAGE: &str = "usage: cargo bench -p benches [--features peers] --bench sim_speed [-- --quick | -- --smoke | -- --eyes]";

/// Seeds of the whole smoke.
const SMOKE: u64 = 100_000;
/// So many times as many rounds are run with the hash and without it.
const FINER: usize = 25;
/// Virtual milliseconds in which the smoke's five machines deliver about a million messages.
const MILLION: u64 = 2_000_000;

struct Effort {
    rounds: usize,
    cpu_ns: u64,
    /// Seeds of the smoke.
    seeds: u64,
    /// By how much the work of the memory table is divided.
    lighter: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let whole = Effort { rounds: 11, cpu_ns: 400_000_000, seeds: SMOKE, lighter: 1 };
    let quick = Effort { rounds: 3, cpu_ns: 30_000_000, seeds: 1_000, lighter: 4 };
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--child", name, case, work] => run_child(name, case, work),
        [] => Run::new(whole).compare(),
        ["--quick"] => Run::new(quick).compare(),
        ["--smoke"] => Run { effort: whole, subjects: Vec::new(), verdicts: Vec::new() }.smoke_alone(),
        ["--eyes"] => {
            let subjects = vec![Subject::inline("tidemill-sim")];
            Run { effort: whole, subjects, verdicts: Vec::new() }.eyes_alone();
        }
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}

fn run_child(name: &str, case: &str, work: &str) {
    let (Ok(case), Ok(work)) = (case.parse(), work.parse()) else { usage() };
    match name {
        "tidemill-sim" => child(benches::ours::run, case, work),
        #[cfg(feature = "peers")]
        "turmoil" => child(benches::peer::turmoil::run, case, work),
        #[cfg(feature = "peers")]
        "moonpool-sim" => child(benches::peer::moonpool::run, case, work),
        _ => usage(),
    }
}

/// Ours first.
fn subjects() -> Vec<Subject> {
    let mut subjects = vec![Subject::inline("tidemill-sim")];
    if cfg!(feature = "peers") {
        subjects.extend([Subject::inline("turmoil"), Subject::inline("moonpool-sim")]);
    } else {
        println!("SKIPPED turmoil, moonpool-sim: {PEERS_RUN}");
    }
    match Subject::madsim() {
        Some(madsim) => subjects.push(madsim),
        None => println!("SKIPPED madsim: {MADSIM_BUILD}"),
    }
    subjects
}

/// Work per CPU-second, in the case's own unit: messages, worlds, virtual nanoseconds, timers.
fn rate(case: Case, figure: Figure) -> f64 {
    let done = if matches!(case, Case::Idle { .. }) { figure.virtual_ns } else { figure.count };
    done as f64 / (figure.cpu_ns as f64 / 1e9)
}

/// A rate in the unit in which people read it, and in which goals are set: microseconds a world, compression, the rest as
/// it is.
fn read(case: Case, rate: f64) -> f64 {
    match case {
        Case::PingPong { .. } | Case::Cancelled | Case::Watched { .. } => rate,
        Case::Empty { .. } => 1e6 / rate,
        Case::Idle { .. } => rate / 1e9,
    }
}

/// A number of that unit.
fn shown(case: Case, number: f64) -> String {
    match case {
        Case::PingPong { .. } | Case::Cancelled | Case::Watched { .. } => {
            format!("{}/s", table::short(number))
        }
        Case::Empty { .. } => format!("{number:.2} µs"),
        Case::Idle { .. } => format!("{} x", table::short(number)),
    }
}

fn percent(number: f64) -> String {
    format!("{number:.1} %")
}

fn missing(name: &str, missing: &Missing) -> Vec<String> {
    let words = match missing {
        Missing::Inexpressible => "has no such thing".to_owned(),
        Missing::Failed(words) => format!("FAILED {words}"),
    };
    vec![name.to_owned(), words]
}

/// Samples, and the largest resident set.
type Measured = Result<(Samples, u64), Missing>;

struct Run {
    effort: Effort,
    subjects: Vec<Subject>,
    /// The last table: what, asked, measured, verdict, beside the best peer.
    verdicts: Vec<Vec<String>>,
}

impl Run {
    fn new(effort: Effort) -> Self {
        Self { effort, subjects: subjects(), verdicts: Vec::new() }
    }

    fn compare(&mut self) {
        let ping_pong = |servers, clients, flows| Case::PingPong { servers, clients, flows };
        let rounds = self.effort.rounds;
        println!("{rounds} rounds, interleaved; per CPU-second; `ours` is tidemill / peer [95 %]\n");
        let title = |flows| format!("ping-pong, 5 servers + 5 clients, {flows} flows a client");
        self.report(&title(1), ping_pong(5, 5, 1), Some(Goal::AtLeast(5e6)));
        self.report(&title(32), ping_pong(5, 5, 32), Some(Goal::AtLeast(4e6)));
        self.growth(ping_pong(2, 3, 1), ping_pong(20, 30, 1));
        let empty = "create, run and drop a world of 3 machines";
        self.report(empty, Case::Empty { machines: 3 }, Some(Goal::AtMost(1.5)));
        for (machines, goal) in [(3, Some(4e6)), (10, None), (50, Some(250e3))] {
            let title = format!("idle compression, 1 Hz timers on {machines} machines");
            self.report(&title, Case::Idle { machines }, goal.map(Goal::AtLeast));
        }
        self.eyes();
        self.memory();
        self.smoke();
        self.judge();
    }

    /// Every seed of the smoke, and nothing else.
    fn smoke_alone(&mut self) {
        self.smoke();
        self.judge();
    }

    /// What looking costs, and nothing else.
    fn eyes_alone(&mut self) {
        self.eyes();
        self.judge();
    }

    fn judge(&self) {
        println!("held against SIMULATOR.md §10");
        table::print(&["", "asked", "measured", "verdict", "best peer here"], &self.verdicts);
    }

    /// A figure of ours against what is asked of it.
    fn hold(&mut self, what: &str, goal: Goal, figure: f64, shown: impl Fn(f64) -> String, peer: String) {
        let verdict = goal.verdict(figure).to_string();
        self.verdicts.push(vec![what.to_owned(), goal.text(&shown), shown(figure), verdict, peer]);
    }

    /// Rates of every subject in its case, and the largest resident set it needed.
    fn measure(&self, entries: &[(&Subject, Case)]) -> Vec<Measured> {
        self.measure_finer(entries, 1)
    }

    /// The same in so many times as many rounds, each of them shorter.
    fn measure_finer(&self, entries: &[(&Subject, Case)], finer: usize) -> Vec<Measured> {
        let cpu_ns = self.effort.cpu_ns / finer.isqrt() as u64;
        let calibrate = |(subject, case): &(&Subject, Case)| subject.calibrate(*case, cpu_ns);
        let works: Vec<_> = entries.iter().map(calibrate).collect();
        let mut results: Vec<_> =
            works.iter().map(|work| work.clone().map(|_| (Samples::default(), 0))).collect();
        for _ in 0..self.effort.rounds * finer {
            for (((subject, case), work), result) in entries.iter().zip(&works).zip(&mut results) {
                let (Ok(work), Ok((samples, peak))) = (work, &mut *result) else { continue };
                match subject.run(*case, *work) {
                    Ok(figure) => {
                        samples.push(rate(*case, figure));
                        *peak = figure.peak_kib.max(*peak);
                    }
                    Err(missing) => *result = Err(missing),
                }
            }
        }
        results
    }

    fn report(&mut self, title: &str, case: Case, goal: Option<Goal>) {
        let entries: Vec<_> = self.subjects.iter().map(|subject| (subject, case)).collect();
        let results = self.measure(&entries);
        let Ok((ours, _)) = &results[0] else { panic!("{title}: {:?}", results[0]) };
        let mut best: Option<(&str, f64)> = None;
        let rows = self.subjects.iter().zip(&results).map(|(subject, result)| match result {
            Ok((samples, peak)) => {
                let ratio = ours.ratio_to(samples);
                if subject.name != self.subjects[0].name && best.is_none_or(|(_, least)| ratio.median < least)
                {
                    best = Some((subject.name, ratio.median));
                }
                let median = shown(case, read(case, samples.median()));
                let ahead = format!("{} x", table::short(ratio.median));
                let interval = format!("[{}, {}]", table::short(ratio.low), table::short(ratio.high));
                vec![subject.name.to_owned(), median, ahead, interval, format!("{peak} KiB")]
            }
            Err(why) => missing(subject.name, why),
        });
        println!("{title}");
        table::print(&["", "median", "ours", "interval", "peak"], &rows.collect::<Vec<_>>());
        let figure = read(case, ours.median());
        let peer =
            best.map_or_else(String::new, |(name, ratio)| format!("{name}: {} x", table::short(ratio)));
        if let Some(goal) = goal {
            self.hold(title, goal, figure, |number| shown(case, number), peer);
        }
    }

    /// Five machines and fifty in the same rounds, so that what slows the machine cancels.
    fn growth(&mut self, small: Case, large: Case) {
        let title = "cost of a message on 50 machines, on 5 it is 1";
        let entries: Vec<_> =
            self.subjects.iter().flat_map(|subject| [(subject, small), (subject, large)]).collect();
        let results = self.measure(&entries);
        let (mut ours, mut least) = (f64::NAN, None::<(&str, f64)>);
        let rows = self.subjects.iter().zip(results.chunks(2)).map(|(subject, results)| match results {
            [Ok((on_five, _)), Ok((on_fifty, _))] => {
                let grows = on_five.ratio_to(on_fifty);
                if subject.name == self.subjects[0].name {
                    ours = grows.median;
                } else if least.is_none_or(|(_, known)| grows.median < known) {
                    least = Some((subject.name, grows.median));
                }
                let interval = format!("[{:.2}, {:.2}]", grows.low, grows.high);
                let [few, many] = [on_five, on_fifty].map(|samples| shown(small, samples.median()));
                vec![subject.name.to_owned(), few, many, format!("{:.2} x", grows.median), interval]
            }
            [Err(why), _] | [_, Err(why)] => missing(subject.name, why),
            _ => unreachable!("two results a subject"),
        });
        println!("ping-pong on 5 and on 50 machines, 1 flow a client: how the cost of a message grows");
        table::print(&["", "on 5", "on 50", "grows", "interval"], &rows.collect::<Vec<_>>());
        let times = |number| format!("{number:.2} x");
        let peer = least.map_or_else(String::new, |(name, grows)| format!("{name}: {}", times(grows)));
        self.hold(title, Goal::AtMost(1.3), ours, times, peer);
    }

    /// What looking costs: the hash against no hash, everything else against the hash.
    fn eyes(&mut self) {
        let cases = [Eyes::Nobodys, Eyes::Hash, Eyes::Trace, Eyes::World, Eyes::Oracles];
        let names = [
            "no hash",
            "hash",
            "hash and full trace",
            "hash and the world's oracles",
            "hash and every oracle",
        ];
        let entries = cases.map(|by| (&self.subjects[0], Case::Watched { by }));
        let ours = |results: Vec<Measured>| results.into_iter().map(|result| result.expect("it is ours"));
        // What may cost three percent is told from noise in more rounds than what may cost thirty.
        let fine: Vec<_> = ours(self.measure_finer(&entries[..2], FINER)).collect();
        let coarse: Vec<_> = ours(self.measure(&entries[1..])).collect();
        let beside_none = fine.iter().map(|result| (result, &fine[0].0, "no hash"));
        let beside_hash = coarse[1..].iter().map(|result| (result, &coarse[0].0, "hash"));
        let mut costs = Vec::new();
        let rows = names.iter().zip(beside_none.chain(beside_hash)).zip(entries).map(
            |((name, ((samples, peak), bare, of)), (_, case))| {
                let more = bare.ratio_to(samples);
                let [median, low, high] =
                    [more.median, more.low, more.high].map(|times| 100.0 * (times - 1.0));
                costs.push(median);
                let rate = shown(case, samples.median());
                let interval = format!("[{low:.1}, {high:.1}]");
                vec![
                    (*name).to_owned(),
                    rate,
                    percent(median),
                    interval,
                    of.to_owned(),
                    format!("{peak} KiB"),
                ]
            },
        );
        println!("ping-pong, 5 servers + 5 clients, 1 flow a client, of tidemill-sim: what looking costs");
        table::print(&["", "median", "costs more", "interval", "than", "peak"], &rows.collect::<Vec<_>>());
        self.hold("cost of the rolling hash", Goal::AtMost(3.0), costs[1], percent, String::new());
        self.hold("cost of a full trace", Goal::AtMost(30.0), costs[2], percent, String::new());
    }

    /// Ten times the work must not take more memory.
    fn memory(&mut self) {
        let messages = Case::PingPong { servers: 2, clients: 3, flows: 1 };
        let lighter = self.effort.lighter;
        let cases = [
            ("messages on 5 machines", messages, MILLION / 10 / lighter),
            ("messages on 5 machines", messages, MILLION / lighter),
            ("timers set and cancelled", Case::Cancelled, 1_000_000 / lighter),
            ("timers set and cancelled", Case::Cancelled, 10_000_000 / lighter),
        ];
        let mut peaks = Vec::new();
        let rows = cases.map(|(what, case, work)| {
            let figure = self.subjects[0].run(case, work).unwrap_or_else(|why| panic!("{what}: {why:?}"));
            peaks.push(figure.peak_kib as f64);
            vec![format!("{} {what}", table::short(figure.count as f64)), format!("{} KiB", figure.peak_kib)]
        });
        println!("peak resident set of tidemill-sim");
        table::print(&["", "peak"], &rows);
        let kib = |number| format!("{number:.0} KiB");
        let times = |number| format!("{number:.2} x");
        let (most, none) = (&rows[1][0], String::new);
        self.hold(&format!("peak memory, {most}"), Goal::AtMost(4096.0), peaks[1], kib, none());
        self.hold("that, for ten times the messages", Goal::AtMost(1.1), peaks[1] / peaks[0], times, none());
        self.hold(
            "that, for ten times the cancelled timers",
            Goal::AtMost(1.1),
            peaks[3] / peaks[2],
            times,
            none(),
        );
    }

    /// Many short worlds instead of one long one.
    fn smoke(&mut self) {
        let seeds = self.effort.seeds;
        let start = cpu_time();
        let messages = benches::ours::smoke(seeds);
        let spent = (cpu_time() - start).as_secs_f64();
        println!(
            "smoke: {seeds} seeds of 1,000 messages on 5 machines, {messages} messages: {spent:.2} CPU-seconds\n"
        );
        let seconds = |number| format!("{number:.1} CPU-s");
        let part = if seeds < SMOKE { format!(", from {seeds} of them") } else { String::new() };
        let what = format!("smoke: {SMOKE} seeds of 1,000 messages{part}");
        let figure = spent * SMOKE as f64 / seeds as f64;
        self.hold(&what, Goal::AtMost(30.0), figure, seconds, String::new());
    }
}
