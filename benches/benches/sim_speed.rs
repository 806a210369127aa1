//! How much simulation a CPU-second buys: tidemill-sim beside turmoil, madsim and moonpool-sim in the same run.
//!
//! ```text
//! parent ──▶ child: ours, case, work ──▶ child: turmoil ──▶ child: madsim ──▶ … next round
//! ```
//! Every measurement is a process of its own; rounds are interleaved; a figure is the median of the rounds, a ratio
//! the median of the rounds' ratios with its interval. Nothing here judges: a slow machine prints small numbers.

use benches::case::Case;
use benches::figure::Figure;
use benches::rounds::Samples;
use benches::subject::{MADSIM_BUILD, Missing, PEERS_RUN, Subject, child};
use benches::table;

const USAGE: &str = "usage: cargo bench -p benches [--features peers] --bench sim_speed [-- --quick]";

struct Effort {
    rounds: usize,
    cpu_ns: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--child", name, case, work] => run_child(name, case, work),
        [] => compare(&Effort { rounds: 11, cpu_ns: 400_000_000 }),
        ["--quick"] => compare(&Effort { rounds: 3, cpu_ns: 60_000_000 }),
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
        #[cfg(feature = "peers")]
        "turmoil" => child(benches::peer::turmoil::run, case, work),
        #[cfg(feature = "peers")]
        "moonpool-sim" => child(benches::peer::moonpool::run, case, work),
        _ => usage(),
    }
}

fn subjects() -> Vec<Subject> {
    let mut subjects = vec![];
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

/// Rates of every subject in `case`, and the largest resident set each needed.
fn measure(subjects: &[Subject], case: Case, effort: &Effort) -> Vec<Result<(Samples, u64), Missing>> {
    let works: Vec<_> = subjects.iter().map(|subject| subject.calibrate(case, effort.cpu_ns)).collect();
    let mut results: Vec<_> =
        works.iter().map(|work| work.clone().map(|_| (Samples::default(), 0))).collect();
    for _ in 0..effort.rounds {
        for ((subject, work), result) in subjects.iter().zip(&works).zip(&mut results) {
            let (Ok(work), Ok((samples, peak))) = (work, &mut *result) else { continue };
            match subject.run(case, *work) {
                Ok(figure) => {
                    samples.push(rate(case, figure));
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
    let per_second: fn(f64) -> String = |rate| format!("{}/s", table::short(rate));
    let micros: fn(f64) -> String = |rate| format!("{:.2} µs", 1e6 / rate);
    let times: fn(f64) -> String = |rate| format!("{} x", table::short(rate / 1e9));

    println!(
        "{} rounds, interleaved; per CPU-second; `ours` is tidemill / peer, [95 % interval]\n",
        effort.rounds
    );
    let five = report(
        "ping-pong, 5 servers + 5 clients, 1 flow a client",
        &subjects,
        ping_pong(5, 5, 1),
        effort,
        per_second,
    );
    drop(five);
    report(
        "ping-pong, 5 servers + 5 clients, 32 flows a client",
        &subjects,
        ping_pong(5, 5, 32),
        effort,
        per_second,
    );
    let small = report("ping-pong on 5 machines", &subjects, ping_pong(2, 3, 1), effort, per_second);
    let large = report("ping-pong on 50 machines", &subjects, ping_pong(20, 30, 1), effort, per_second);
    growth(&subjects, &small, &large);
    report(
        "create, run and drop a world of 3 machines",
        &subjects,
        Case::Empty { machines: 3 },
        effort,
        micros,
    );
    for machines in [3, 10, 50] {
        let title = format!("idle compression, 1 Hz timers on {machines} machines");
        report(&title, &subjects, Case::Idle { machines }, effort, times);
    }
}

fn report(
    title: &str,
    subjects: &[Subject],
    case: Case,
    effort: &Effort,
    unit: fn(f64) -> String,
) -> Vec<Option<f64>> {
    let results = measure(subjects, case, effort);
    let ours = results.first().and_then(|first| first.as_ref().ok());
    let rows = subjects.iter().zip(&results).map(|(subject, result)| {
        let name = subject.name.to_owned();
        match result {
            Ok((samples, peak)) => {
                let ratio = ours.map(|(ours, _)| ours.ratio_to(samples)).expect("the first subject is ours");
                let interval = format!("[{:.2}, {:.2}]", ratio.low, ratio.high);
                vec![
                    name,
                    unit(samples.median()),
                    format!("{:.2}", ratio.median),
                    interval,
                    format!("{peak} KiB"),
                ]
            }
            Err(Missing::Inexpressible) => vec![name, "has no such thing".to_owned()],
            Err(Missing::Failed(words)) => vec![name, format!("FAILED {words}")],
        }
    });
    println!("{title}");
    table::print(&["", "median", "ours", "interval", "peak"], &rows.collect::<Vec<_>>());
    results.iter().map(|result| result.as_ref().ok().map(|(samples, _)| samples.median())).collect()
}

fn growth(subjects: &[Subject], small: &[Option<f64>], large: &[Option<f64>]) {
    println!("cost of a message on 50 machines over that on 5");
    let rows = subjects.iter().zip(small.iter().zip(large)).filter_map(|(subject, (small, large))| {
        Some(vec![subject.name.to_owned(), format!("{:.2} x", (*small)? / (*large)?)])
    });
    table::print(&["", "grows by"], &rows.collect::<Vec<_>>());
}
