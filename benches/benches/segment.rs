//! Segments in shared memory beside disruptor-mp, myelon, iceoryx2, disruptor, rtrb and crossbeam.
//!
//! ```text
//! signal 8 B, 1p1c … 1p4c ▪ batches ▪ 4p1c ▪ ping-pong 64 B ▪ framed 64 B … 128 KiB      threads, and two processes
//! rkyv view 592 B ▪ refused publish, 64 consumers absent                                    threads
//! idle: processor time of who waits ▪ wake: from sending to having ▪ kill -9: from the kernel's notice to the next item
//! ```
//! Each figure comes from a process of its own. A peer that crashes, hangs or loses items is printed so.

use benches::figure::busy;
use benches::rounds::Samples;
use benches::table::{self, short};
use benches::transport::Case;
use benches::transport::asleep::Asleep;
use benches::transport::inside::Inside;
use benches::transport::killed::{Survivor, Victim, die};
use benches::transport::ours::Ours;
use benches::transport::trial::{Between, Outcome, Who, side, trial};

const PARKS: Who = Who::Ours(Ours::Parks);
const SPINS: Who = Who::Ours(Ours::Spins);
const FILE: Who = Who::Ours(Ours::File);
const RUNS: Who = Who::Ours(Ours::Runs);
const IN_PLACE: Who = Who::Ours(Ours::InPlace);
const PARTS: Who = Who::Ours(Ours::Parts);
const REQUIRES: Who = Who::Ours(Ours::Requires);
const RTRB: Who = Who::Inside(Inside::Rtrb);
const ARRAY_QUEUE: Who = Who::Inside(Inside::ArrayQueue);
const CHANNEL: Who = Who::Inside(Inside::Channel);

/// Runs with the peers that need a feature.
const PEERS_RUN: &str = "cargo bench -p benches --features ring-peers --bench segment";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--threads", who, case, items] => asked(Between::Threads, who, case, items),
        ["--processes", who, case, items] => asked(Between::Processes, who, case, items),
        ["--side", who, case, items, name] => {
            let who = Who::named(who).expect("a transport");
            side(who, case.parse().expect("a case"), items.parse().expect("a number"), name);
        }
        ["--victim", kind, name] => die(kind, name),
        _ => Contest { quick: words.contains(&"--quick") }.run(),
    }
}

fn asked(between: Between, who: &str, case: &str, items: &str) {
    let who = Who::named(who).expect("a transport");
    trial(between, who, case.parse().expect("a case"), items.parse().expect("a number"));
}

struct Contest {
    quick: bool,
}

impl Contest {
    fn run(&self) {
        if let Some(warning) = busy() {
            println!("{warning}\n");
        }
        let peers = [Who::DisruptorMp, Who::Myelon, Who::Iceoryx, Who::Lmax];
        for peer in peers.into_iter().filter(|peer| !peer.is_built()) {
            println!("SKIPPED {}: {PEERS_RUN}", peer.name());
        }
        println!();
        self.small_items();
        self.to_and_fro();
        self.messages();
        self.refusals();
        self.waits();
        self.deaths();
    }

    fn small_items(&self) {
        let (threads, processes) = (Between::Threads, Between::Processes);
        let one = Case::Signal { takers: 1 };
        let all = [PARKS, SPINS, FILE, Who::DisruptorMp, Who::Iceoryx, Who::Lmax, RTRB, ARRAY_QUEUE, CHANNEL];
        self.ask("signal 8 B, 1p1c, threads", one, threads, 300_000, &all);
        let between = [PARKS, SPINS, FILE, Who::DisruptorMp, Who::Iceoryx];
        self.ask("signal 8 B, 1p1c, two processes", one, processes, 300_000, &between);
        let broadcast = [PARKS, SPINS, FILE, Who::DisruptorMp, Who::Iceoryx, Who::Lmax];
        for takers in [2, 3, 4] {
            let title = format!("signal 8 B, 1p{takers}c, threads, everything to everybody");
            self.ask(&title, Case::Signal { takers }, threads, 100_000, &broadcast);
        }
        let batches = [PARKS, SPINS, Who::DisruptorMp, Who::Lmax, RTRB];
        self.ask("signal 8 B in batches of 64, 1p1c, threads", Case::Batches, threads, 2_000_000, &batches);
        let several = [PARKS, SPINS, Who::Lmax, ARRAY_QUEUE, CHANNEL];
        self.ask("signal 8 B, 4p1c, threads", Case::Merge { senders: 4 }, threads, 100_000, &several);
    }

    fn to_and_fro(&self) {
        let all = [PARKS, SPINS, FILE, Who::DisruptorMp, Who::Iceoryx, Who::Lmax, RTRB, CHANNEL];
        self.ask("ping-pong 64 B, threads", Case::PingPong, Between::Threads, 5_000, &all);
        let between = [PARKS, SPINS, FILE, Who::DisruptorMp, Who::Iceoryx];
        self.ask("ping-pong 64 B, two processes", Case::PingPong, Between::Processes, 5_000, &between);
    }

    fn messages(&self) {
        let all = [RUNS, IN_PLACE, PARTS, Who::Myelon, Who::Iceoryx, CHANNEL];
        for bytes in [64, 1024, 16_384, 131_072] {
            let title = format!("framed {} B, 1p1c, threads", bytes);
            let items = ((64 << 20) / bytes as u64).min(200_000);
            self.ask(&title, Case::Framed { bytes }, Between::Threads, items, &all);
        }
        let between = [RUNS, IN_PLACE, PARTS, Who::Myelon, Who::Iceoryx];
        for bytes in [1024, 131_072] {
            let title = format!("framed {} B, 1p1c, two processes", bytes);
            let items = ((64 << 20) / bytes as u64).min(200_000);
            self.ask(&title, Case::Framed { bytes }, Between::Processes, items, &between);
        }
        if cfg!(feature = "rkyv") {
            let views = [RUNS, IN_PLACE, Who::Myelon];
            self.ask("rkyv view 592 B framed, 1p1c, threads", Case::View, Between::Threads, 100_000, &views);
        } else {
            println!(
                "SKIPPED rkyv view 592 B framed: cargo bench -p benches --features rkyv --bench segment\n"
            );
        }
    }

    fn refusals(&self) {
        let title = "refused publish, ring full, 64 expected consumers absent";
        let all = [PARKS, REQUIRES, Who::DisruptorMp];
        self.ask(title, Case::Refused, Between::Threads, 200_000, &all);
    }

    fn waits(&self) {
        let all = [PARKS, Who::Watched, Who::Futex, Who::Myelon, Who::Iceoryx, CHANNEL];
        let span = if self.quick { 500 } else { 10_000 };
        let idle = Case::Asleep(Asleep::Idle);
        self.rounds("idle, % of a core while nothing comes", idle, Between::Threads, (1, span), &all);
        let wake = Case::Asleep(Asleep::Wake);
        let (rounds, samples) = if self.quick { (3, 50) } else { (5, 200) };
        self.rounds("wake-up, threads: p50, p99", wake, Between::Threads, (rounds, samples), &all);
    }

    fn deaths(&self) {
        let survivors =
            [Survivor::Told, Survivor::Watched, Survivor::Probing, Survivor::DisruptorMp, Survivor::Iceoryx];
        let all = survivors.map(Who::Survivor);
        let deaths = if self.quick { 5 } else { 50 };
        for (victim, title) in [
            (Victim::Taker, "kill -9 of a consumer that is waited for: p50, p99"),
            (Victim::Sender, "kill -9 of the producer, to the first item of the next: p50, p99"),
            (Victim::Claimer, "kill -9 of one of two producers in a claim: p50, p99"),
        ] {
            let asked = if victim == Victim::Taker { &all[..] } else { &all[..3] };
            self.rounds(title, Case::Killed(victim), Between::Threads, (1, deaths), asked);
        }
    }

    fn ask(&self, title: &str, case: Case, between: Between, items: u64, who: &[Who]) {
        let (rounds, items) = if self.quick { (3, items / 10) } else { (11, items) };
        self.rounds(title, case, between, (rounds, items), who);
    }

    /// Asks everybody in each round; the first one is what the others are held against.
    fn rounds(&self, title: &str, case: Case, between: Between, (rounds, items): (usize, u64), who: &[Who]) {
        let who: Vec<Who> = who.iter().copied().filter(|who| who.is_built()).collect();
        let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); who.len()];
        for _ in 0..rounds {
            for (who, outcomes) in who.iter().zip(&mut outcomes) {
                outcomes.push(who.ask(case, between, items));
            }
        }
        let rows: Vec<Vec<String>> =
            who.iter().zip(&outcomes).map(|(who, own)| row(*who, case, own, &outcomes[0])).collect();
        println!("{title}: {rounds} rounds of {items}, interleaved");
        let unit = if case == Case::Asleep(Asleep::Idle) { "%" } else { "ns" };
        table::print(&["", unit, "high", "ours is", "interval", ""], &rows);
    }
}

fn figure(outcome: &Outcome, column: usize) -> Option<f64> {
    match outcome {
        Outcome::Figures(figures) => figures.get(column).copied(),
        _ => None,
    }
}

fn row(who: Who, case: Case, own: &[Outcome], ours: &[Outcome]) -> Vec<String> {
    let samples = |column| own.iter().filter_map(|outcome| figure(outcome, column)).collect::<Samples>();
    let both = own.iter().zip(ours).filter_map(|(own, ours)| Some((figure(own, 0)?, figure(ours, 0)?)));
    let (theirs, ours): (Vec<f64>, Vec<f64>) = both.unzip();
    let (theirs, ours): (Samples, Samples) = (theirs.into_iter().collect(), ours.into_iter().collect());
    let (ahead, high) = (theirs.ratio_to(&ours), samples(1).median());
    let text = |value: f64, text: String| if value.is_nan() { String::new() } else { text };
    let shown = |value: f64| {
        text(value, if case == Case::Asleep(Asleep::Idle) { format!("{value:.4}") } else { short(value) })
    };
    let findings: Vec<&str> = own
        .iter()
        .filter_map(
            |outcome| if let Outcome::Finding(finding) = outcome { Some(finding.as_str()) } else { None },
        )
        .collect();
    let found = findings
        .first()
        .map_or(String::new(), |first| format!("{first} (in {} of {} rounds)", findings.len(), own.len()));
    vec![
        who.name().to_owned(),
        shown(samples(0).median()),
        shown(high),
        text(ahead.median, format!("{:.2} x", ahead.median)),
        text(ahead.median, format!("[{:.2}, {:.2}]", ahead.low, ahead.high)),
        found,
    ]
}
