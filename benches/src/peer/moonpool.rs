//! The cases as a moonpool-sim 0.8 program, on its world and executor, without its runner (which costs more).
//!
//! Not the same: moonpool has no datagrams, so a flow is a connected stream with the same latency on every write;
//! nothing is lost, so there is no resend timer to arm and to cancel. An empty world has no machines, because its
//! world knows none. All differences spare moonpool work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use moonpool_sim::executor::{Executor, spawn, until_stalled};
use moonpool_sim::{
    ChaosConfiguration, LatencyDistribution, NetworkConfiguration, NetworkProvider, SimWorld,
    TcpListenerTrait, TimeProvider,
};

use crate::case::{Case, LATENCY_MAX_MS, LATENCY_MIN_MS, PAYLOAD};

/// Runs `case`; `None` where moonpool has no such thing.
pub fn run(case: Case, work: u64) -> Option<(u64, u64)> {
    match case {
        Case::PingPong { servers, clients, flows } => {
            Some(ping_pong(servers, clients, flows, Duration::from_millis(work)))
        }
        Case::Empty { .. } => Some(empty(work)),
        Case::Idle { machines } => Some(idle(machines, Duration::from_millis(work))),
        Case::Cancelled | Case::Watched { .. } => None,
    }
}

fn world() -> SimWorld {
    let fixed = |start, end| LatencyDistribution::Uniform { start, end };
    let soon = Duration::from_micros(10);
    let network = NetworkConfiguration {
        bind_latency: fixed(soon, soon),
        accept_latency: fixed(soon, soon),
        connect_latency: fixed(soon, soon),
        read_latency: fixed(soon, soon),
        write_latency: fixed(Duration::from_millis(LATENCY_MIN_MS), Duration::from_millis(LATENCY_MAX_MS)),
        chaos: ChaosConfiguration::disabled(),
    };
    SimWorld::new_with_network_config_and_seed(network, 7)
}

async fn advance(sim: &mut SimWorld, until: Duration) -> u64 {
    loop {
        until_stalled().await;
        if sim.current_time() >= until || !sim.step() {
            return u64::try_from(sim.current_time().as_nanos()).expect("under 584 years");
        }
    }
}

fn ping_pong(servers: u32, clients: u32, flows: u32, lasting: Duration) -> (u64, u64) {
    let delivered = Arc::new(AtomicU64::new(0));
    let mut sim = world();
    let virtual_ns = Executor::new(7).block_on(async {
        for client in 0..clients {
            for flow in 0..flows {
                let address = format!("server{}:{}", (client + flow) % servers, client * flows + flow);
                spawn("flow", connect(sim.network_provider(), address, Arc::clone(&delivered)));
            }
        }
        advance(&mut sim, lasting).await
    });
    // Relaxed: one thread, only the type asks for an atomic.
    (delivered.load(Ordering::Relaxed), virtual_ns)
}

async fn connect<N: NetworkProvider>(network: N, address: String, delivered: Arc<AtomicU64>) {
    let listener = network.bind(&address).await.expect("a free address");
    let client = network.connect(&address).await.expect("chaos is disabled");
    let (server, _) = listener.accept().await.expect("chaos is disabled");
    spawn("server", bounce(server, false, Arc::clone(&delivered)));
    spawn("client", bounce(client, true, delivered));
}

async fn bounce<S>(mut stream: S, first: bool, delivered: Arc<AtomicU64>)
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut buffer = [0; PAYLOAD];
    if first {
        stream.write_all(&buffer).await.expect("chaos is disabled");
    }
    while stream.read_exact(&mut buffer).await.is_ok() {
        // Relaxed: one thread, only the type asks for an atomic.
        delivered.fetch_add(1, Ordering::Relaxed);
        stream.write_all(&buffer).await.expect("chaos is disabled");
    }
}

fn empty(worlds: u64) -> (u64, u64) {
    for _ in 0..worlds {
        world().run_until_empty();
    }
    (worlds, 0)
}

fn idle(machines: u32, lasting: Duration) -> (u64, u64) {
    let fired = Arc::new(AtomicU64::new(0));
    let mut sim = world();
    let virtual_ns = Executor::new(7).block_on(async {
        for _ in 0..machines {
            let (time, fired) = (sim.time_provider(), Arc::clone(&fired));
            spawn("machine", async move {
                while time.sleep(Duration::from_secs(1)).await.is_ok() {
                    // Relaxed: one thread, only the type asks for an atomic.
                    fired.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        advance(&mut sim, lasting).await
    });
    // Relaxed: one thread, only the type asks for an atomic.
    (fired.load(Ordering::Relaxed), virtual_ns)
}
