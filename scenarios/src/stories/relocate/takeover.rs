//! How long a centre reads nothing when a queue moves, over the length of the lease: what the design allows, and what is
//! measured in virtual time.
//!
//! ```text
//! cargo test -p tidemill-scenarios --lib takeover -- --nocapture
//! ```

use super::cast::{Cast, Setup};
use super::ends::Tune;
use super::laws;
use std::fmt;
use tidemill_relocate::{ChainKind, HostId, Incarnation, Lease, Preset, Terms};
use tidemill_seam::Duration;
use tidemill_sim::{DiskConfig, Latency, LinkConfig, RegisterConfig, Sim};

const LEASES_MS: [u64; 6] = [300, 1_000, 3_000, 10_000, 30_000, 300_000];
/// Runs of a length; a few where it is long and every poll of it costs.
const fn seeds(lease_ms: u64) -> u64 {
    if lease_ms < 10_000 { 8 } else { 1 }
}

/// Out and back, to a host and to a register; and how long a hint takes.
const RTT_HOST: Duration = Duration::from_millis(1);
const RTT_REG: Duration = Duration::from_millis(2);
const WATCH: Duration = Duration::from_millis(1);
const PACE: Duration = Duration::from_millis(10);
const OP_TIMEOUT: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(40);
const COMPLAIN_AFTER: Duration = Duration::from_millis(10);

/// Why a queue moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    Planned,
    HostDies,
    HostDiesIdle,
    MachineDies,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::HostDies => "the host dies under load",
            Self::HostDiesIdle => "the host dies, the station is idle",
            Self::MachineDies => "the machine of host and station dies",
        })
    }
}

fn terms(lease_ms: u64) -> Terms {
    Terms { ttl: Duration::from_millis(lease_ms), drift_ppm: 200 }
}

/// What the design allows, and one link delay. A reading that has to be certified first adds an interval of checkpoints: until the next reading, two
/// exchanges, the hint, the record and the reading of it.
fn bound(why: Why, lease_ms: u64) -> Duration {
    let certified = PACE + RTT_REG.saturating_mul(3) + WATCH + RTT_HOST;
    let moved = RTT_HOST.saturating_mul(2) + RTT_REG.saturating_mul(2) + WATCH;
    let complained = POLL + OP_TIMEOUT.saturating_mul(2) + COMPLAIN_AFTER + RTT_REG.saturating_mul(2);
    let delay = Duration::from_nanos(RTT_HOST.as_nanos() / 2);
    let allowed = match why {
        Why::Planned => PACE + moved + certified,
        Why::HostDies => PACE + OP_TIMEOUT + moved + certified,
        Why::HostDiesIdle => {
            let lease =
                Lease::new(terms(lease_ms), Incarnation(1), OP_TIMEOUT, OP_TIMEOUT).expect("fair terms");
            let renewed = Duration::from_nanos(lease.held().as_nanos() / 4 * 3) + OP_TIMEOUT;
            renewed.min(complained) + moved
        }
        // Minted, then the dead host is asked to seal, and asked first to lend again.
        Why::MachineDies => {
            let takeover = Lease::taken_for_max(terms(lease_ms));
            takeover + RTT_REG.saturating_mul(2) + OP_TIMEOUT.saturating_mul(2) + moved + certified
        }
    };
    allowed + delay
}

fn setup(lease_ms: u64, rows: u64) -> Setup {
    let link = Latency::Constant(Duration::from_nanos(RTT_HOST.as_nanos() / 2));
    let way = Latency::Constant(Duration::from_nanos(RTT_REG.as_nanos() / 2));
    Setup {
        kind: ChainKind::Origin,
        hosts: vec![(HostId(1), "a".to_owned()), (HostId(2), "b".to_owned())],
        stations: ["a", "b"],
        centres: ["c", "d"],
        links: LinkConfig { latency: link, ..LinkConfig::default() },
        register: RegisterConfig { request: way, reply: way, ..RegisterConfig::PERFECT },
        disks: DiskConfig::PERFECT,
        tune: Tune {
            rows,
            pace: PACE,
            batch: 1,
            preset: Preset::ExactlyOnceEarly,
            terms: terms(lease_ms),
            op_timeout: OP_TIMEOUT,
            resend: Duration::from_millis(5),
            backoff: Duration::from_millis(2),
            poll: POLL,
            complain_after: COMPLAIN_AFTER,
            ..Tune::default()
        },
    }
}

/// One move, whose beginning the seed draws: from the last reading before to the first one after, or, where there is nothing to
/// read, from the death until the record names the new host.
fn pause(seed: u64, why: Why, lease_ms: u64) -> Duration {
    let sim = &mut Sim::new(seed);
    let idle = why == Why::HostDiesIdle;
    let rows = 8_759;
    let cast = Cast::new(sim, setup(lease_ms, if idle { 20 } else { rows }));
    sim.watch(laws(&cast));
    let at = Duration::from_millis(400) + Duration::from_nanos(sim.choose("fault-at-ns", 50_000_000));
    sim.run_for(at).expect_ok();
    let generation = |cast: &Cast| cast.books.borrow().record.generation;
    let (before, fault) = (generation(&cast), sim.now());
    let (station, host) = (cast.stations[0].process, cast.hosts[0].2);
    match why {
        Why::Planned => cast.order.set(Some(HostId(2))),
        Why::HostDies | Why::HostDiesIdle => sim.kill(host),
        Why::MachineDies => {
            sim.kill(station);
            sim.kill(host);
            let successor = cast.stations[1].process;
            sim.at(fault + Lease::taken_for_max(terms(lease_ms)), move |sim| sim.restart(successor));
        }
    }
    let cursor = |cast: &Cast| cast.centres[0].life.get().cursor;
    let (mut read, mut last) = (cursor(&cast), fault);
    loop {
        assert!(sim.step() && sim.failure().is_none(), "seed {seed}, {why}: {:?}", sim.failure());
        assert!(sim.now().since(fault) < Duration::from_secs(400), "seed {seed}, {why}: it never moves");
        let moved = generation(&cast) > before;
        if idle && moved {
            return sim.now().since(fault);
        }
        if cursor(&cast) > read {
            if moved && from_new_home(&cast, read) {
                return sim.now().since(last);
            }
            (read, last) = (cursor(&cast), sim.now());
        }
    }
}

/// Whether the record maps this offset to the newest segment.
fn from_new_home(cast: &Cast, off: u64) -> bool {
    let books = cast.books.borrow();
    books.record.serves(off) == books.record.newest()
}

// L2: measured over the seeds, for every length of the lease.
#[test]
fn every_takeover_ends_within_its_bound() {
    println!("{:<38} {:>9} {:>10} {:>10} {:>10} {:>10}", "why", "lease", "least", "median", "most", "bound");
    for why in [Why::Planned, Why::HostDies, Why::HostDiesIdle, Why::MachineDies] {
        for lease_ms in LEASES_MS {
            let mut pauses: Vec<Duration> =
                (0..seeds(lease_ms)).map(|seed| pause(seed, why, lease_ms)).collect();
            pauses.sort_unstable();
            let (least, median, most) = (pauses[0], pauses[pauses.len() / 2], pauses[pauses.len() - 1]);
            let bound = bound(why, lease_ms);
            let ms = |span: Duration| format!("{:.1} ms", span.as_nanos() as f64 / 1e6);
            let lease = format!("{} ms", lease_ms);
            println!(
                "{why:<38} {lease:>9} {:>10} {:>10} {:>10} {:>10}",
                ms(least),
                ms(median),
                ms(most),
                ms(bound)
            );
            assert!(most <= bound, "{why}, lease of {lease_ms} ms: {most:?} is more than {bound:?}");
        }
    }
}
