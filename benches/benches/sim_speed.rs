//! How much simulation a CPU-second buys: tidemill-sim beside turmoil, madsim and moonpool-sim in the same run.
//!
//! ```text
//! parent ──▶ child: ours, case, work ──▶ child: turmoil ──▶ child: madsim ──▶ … next round
//! ```
//! Every measurement is a process of its own; rounds are interleaved; a figure is the median of the rounds, a ratio
//! the median of the rounds' ratios with its interval. Nothing here judges: a slow machine prints small numbers.

use benches::case::Case;
use benches::figure::{Figure, cpu_time};
use benches::rounds::Samples;
use benches::subject::{MADSIM_BUILD, Missing, PEERS_RUN, Subject, child};
use benches::table;

const USAGE: &str = "usage: cargo bench -p benches [--features peers] --bench sim_speed [-- --quick]";

struct Effort {
    rounds: usize,
    cpu_ns: u64,
    /// Seeds of the smoke.
    seeds: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--child", name, case, work] => run_child(name, case, work),
        [] => compare(&Effort { rounds: 11, cpu_ns: 400_000_000, seeds: 100_000 }),
        ["--quick"] => compare(&Effort { rounds: 3, cpu_ns: 60_000_000, seeds: 2_000 }),
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

/// A rate as people read it.
fn shown(case: Case, rate: f64) -> String {
    match case {
        Case::PingPong { .. } | Case::Cancelled => format!("{}/s", table::short(rate)),
        Case::Empty { .. } => format!("{:.2} µs", 1e6 / rate),
        Case::Idle { .. } => format!("{} x", table::short(rate / 1e9)),
    }
}

/// Rates of every subject in its case, and the largest resident set it needed.
fn measure(entries: &[(&Subject, Case)], effort: &Effort) -> Vec<Result<(Samples, u64), Missing>> {
    let works: Vec<_> =
        entries.iter().map(|(subject, case)| subject.calibrate(*case, effort.cpu_ns)).collect();
    let mut results: Vec<_> =
        works.iter().map(|work| work.clone().map(|_| (Samples::default(), 0))).collect();
    for _ in 0..effort.rounds {
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

fn compare(effort: &Effort) {
    let subjects = subjects();
    let ping_pong = |servers, clients, flows| Case::PingPong { servers, clients, flows };
    println!("{} rounds, interleaved; per CPU-second; `ours` is tidemill / peer [95 %]\n", effort.rounds);
    report("ping-pong, 5 servers + 5 clients, 1 flow a client", &subjects, ping_pong(5, 5, 1), effort);
    report("ping-pong, 5 servers + 5 clients, 32 flows a client", &subjects, ping_pong(5, 5, 32), effort);
    growth(&subjects, ping_pong(2, 3, 1), ping_pong(20, 30, 1), effort);
    report("create, run and drop a world of 3 machines", &subjects, Case::Empty { machines: 3 }, effort);
    for machines in [3, 10, 50] {
        let title = format!("idle compression, 1 Hz timers on {machines} machines");
        report(&title, &subjects, Case::Idle { machines }, effort);
    }
    memory(&subjects[0]);
    smoke(effort.seeds);
}

/// Many short worlds instead of one long one.
fn smoke(seeds: u64) {
    let start = cpu_time();
    let messages = benches::ours::smoke(seeds);
    let spent = (cpu_time() - start).as_secs_f64();
    println!(
        "smoke: {seeds} seeds of 1,000 messages on 5 machines, {messages} messages: {spent:.1} CPU-seconds"
    );
}

fn missing(name: &str, missing: &Missing) -> Vec<String> {
    let words = match missing {
        Missing::Inexpressible => "has no such thing".to_owned(),
        Missing::Failed(words) => format!("FAILED {words}"),
    };
    vec![name.to_owned(), words]
}

fn report(title: &str, subjects: &[Subject], case: Case, effort: &Effort) {
    let entries: Vec<_> = subjects.iter().map(|subject| (subject, case)).collect();
    let results = measure(&entries, effort);
    let Ok((ours, _)) = &results[0] else { panic!("{title}: {:?}", results[0]) };
    let rows = subjects.iter().zip(&results).map(|(subject, result)| match result {
        Ok((samples, peak)) => {
            let ratio = ours.ratio_to(samples);
            let ahead = format!("{} x", table::short(ratio.median));
            let interval = format!("[{}, {}]", table::short(ratio.low), table::short(ratio.high));
            vec![
                subject.name.to_owned(),
                shown(case, samples.median()),
                ahead,
                interval,
                format!("{peak} KiB"),
            ]
        }
        Err(why) => missing(subject.name, why),
    });
    println!("{title}");
    table::print(&["", "median", "ours", "interval", "peak"], &rows.collect::<Vec<_>>());
}

/// Five machines and fifty in the same rounds, so that what slows the machine cancels.
fn growth(subjects: &[Subject], small: Case, large: Case, effort: &Effort) {
    let entries: Vec<_> = subjects.iter().flat_map(|subject| [(subject, small), (subject, large)]).collect();
    let results = measure(&entries, effort);
    let rows = subjects.iter().zip(results.chunks(2)).map(|(subject, results)| match results {
        [Ok((on_five, _)), Ok((on_fifty, _))] => {
            let grows = on_five.ratio_to(on_fifty);
            let interval = format!("[{:.2}, {:.2}]", grows.low, grows.high);
            let [few, many] = [on_five, on_fifty].map(|samples| shown(small, samples.median()));
            vec![subject.name.to_owned(), few, many, format!("{:.2} x", grows.median), interval]
        }
        [Err(why), _] | [_, Err(why)] => missing(subject.name, why),
        _ => unreachable!("two results a subject"),
    });
    println!("ping-pong on 5 and on 50 machines, 1 flow a client: how the cost of a message grows");
    table::print(&["", "on 5", "on 50", "grows", "interval"], &rows.collect::<Vec<_>>());
}

/// Ten times the work must not take more memory.
fn memory(ours: &Subject) {
    let messages = Case::PingPong { servers: 2, clients: 3, flows: 1 };
    let cases = [
        ("messages on 5 machines", messages, 200_000),
        ("messages on 5 machines", messages, 2_000_000),
        ("timers set and cancelled", Case::Cancelled, 1_000_000),
        ("timers set and cancelled", Case::Cancelled, 10_000_000),
    ];
    let rows = cases.map(|(what, case, work)| match ours.run(case, work) {
        Ok(figure) => {
            let peak = format!("{} KiB", figure.peak_kib);
            vec![format!("{} {what}", table::short(figure.count as f64)), peak]
        }
        Err(why) => missing(what, &why),
    });
    println!("peak resident set of tidemill-sim");
    table::print(&["", "peak"], &rows);
}
