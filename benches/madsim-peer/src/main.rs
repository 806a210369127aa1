//! The cases of `sim_speed` as a madsim 0.2 program: `madsim-peer CASE WORK` prints one figure.
//!
//! Not the same: madsim puts a sleep of its own before every send and receive, which its timer rounds up to 1 ms, so a
//! round trip takes 4 ms longer and two more timers. Loss, latency and resend are as asked. Without `--cfg madsim` its clock is the real one, so this program refuses to compile.

#[path = "../../src/case.rs"]
#[expect(dead_code, reason = "madsim's own network loses datagrams, the program need not")]
mod case;
#[path = "../../src/figure.rs"]
#[expect(dead_code, reason = "a child writes figures, only its parent reads them")]
mod figure;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use case::{Case, LATENCY_MAX_MS, LATENCY_MIN_MS, LOSS_ONE_IN, PAYLOAD, RESEND_MS};
use figure::Figure;
use madsim::net::UdpSocket;
use madsim::runtime::Runtime;
use madsim::time::{sleep, timeout};

#[cfg(not(madsim))]
compile_error!("build with RUSTFLAGS=\"--cfg madsim\": without it madsim runs in real time");

const PORT: u16 = 9000;

fn main() {
    let mut args = std::env::args().skip(1);
    let case = args.next().and_then(|case| case.parse().ok());
    let work = args.next().and_then(|work| work.parse().ok());
    let (Some(case), Some(work)) = (case, work) else {
        eprintln!("usage: madsim-peer CASE WORK, as sim_speed calls it");
        std::process::exit(2);
    };
    assert_time_is_virtual();
    if run(case, work / 16).is_none() {
        println!("no such thing in madsim");
        return;
    }
    println!("{}", Figure::measure(|| run(case, work).expect("it ran a moment ago")));
}

/// An hour of sleep must take no time.
fn assert_time_is_virtual() {
    let real = Instant::now();
    let slept = Runtime::new().block_on(async {
        let start = madsim::time::Instant::now();
        sleep(Duration::from_secs(3600)).await;
        start.elapsed()
    });
    assert!(slept >= Duration::from_secs(3600), "virtual time stood still");
    assert!(real.elapsed() < Duration::from_secs(60), "time is not virtual");
}

fn run(case: Case, work: u64) -> Option<(u64, u64)> {
    match case {
        Case::PingPong { servers, clients, flows } => {
            Some(ping_pong(servers, clients, flows, Duration::from_millis(work)))
        }
        Case::Empty { machines } => Some(empty(machines, work)),
        Case::Idle { machines } => Some(idle(machines, Duration::from_millis(work))),
        Case::Cancelled | Case::Watched { .. } => None,
    }
}

fn runtime() -> Runtime {
    let mut config = madsim::Config::default();
    config.net.packet_loss_rate = 1.0 / LOSS_ONE_IN as f64;
    config.net.send_latency = Duration::from_millis(LATENCY_MIN_MS)..Duration::from_millis(LATENCY_MAX_MS);
    Runtime::with_seed_and_config(7, config)
}

fn machine(runtime: &Runtime, name: &str, number: u32) -> madsim::runtime::NodeHandle {
    runtime.create_node().name(format!("{name}{number}")).ip(address(number).ip()).build()
}

fn address(machine: u32) -> SocketAddr {
    let [.., third, fourth] = (machine + 1).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, third, fourth)), PORT)
}

async fn live(lasting: Duration) -> u64 {
    let start = madsim::time::Instant::now();
    sleep(lasting).await;
    u64::try_from(start.elapsed().as_nanos()).expect("under 584 years")
}

fn ping_pong(servers: u32, clients: u32, flows: u32, lasting: Duration) -> (u64, u64) {
    let delivered = Arc::new(AtomicU64::new(0));
    let runtime = runtime();
    for server in 0..servers {
        machine(&runtime, "server", server).spawn(serve(Arc::clone(&delivered)));
    }
    for client in 0..clients {
        let node = machine(&runtime, "client", servers + client);
        for flow in 0..flows {
            node.spawn(flow_to(address((client + flow) % servers), Arc::clone(&delivered)));
        }
    }
    let virtual_ns = runtime.block_on(live(lasting));
    // Relaxed: one thread, only the type asks for an atomic.
    (delivered.load(Ordering::Relaxed), virtual_ns)
}

async fn serve(delivered: Arc<AtomicU64>) {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.expect("a free port");
    let mut buffer = [0; PAYLOAD];
    while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
        // Relaxed: one thread, only the type asks for an atomic.
        delivered.fetch_add(1, Ordering::Relaxed);
        socket.send_to(from, &buffer[..len]).await.expect("a loss is silent");
    }
}

async fn flow_to(server: SocketAddr, delivered: Arc<AtomicU64>) {
    // The servers bind in their first step, which may come after ours.
    sleep(Duration::from_millis(1)).await;
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await.expect("a free port");
    let mut buffer = [0; PAYLOAD];
    let mut ping = [0; PAYLOAD];
    for sequence in 0_u64.. {
        ping[..8].copy_from_slice(&sequence.to_le_bytes());
        'resend: loop {
            socket.send_to(server, &ping).await.expect("a loss is silent");
            while let Ok(received) =
                timeout(Duration::from_millis(RESEND_MS), socket.recv_from(&mut buffer)).await
            {
                received.expect("the network stays up");
                // Relaxed: one thread, only the type asks for an atomic.
                delivered.fetch_add(1, Ordering::Relaxed);
                if buffer[..8] == ping[..8] {
                    break 'resend;
                }
            }
        }
    }
}

fn empty(machines: u32, worlds: u64) -> (u64, u64) {
    for _ in 0..worlds {
        let runtime = runtime();
        for number in 0..machines {
            machine(&runtime, "machine", number).spawn(async {});
        }
        runtime.block_on(async {});
    }
    (worlds, 0)
}

fn idle(machines: u32, lasting: Duration) -> (u64, u64) {
    let fired = Arc::new(AtomicU64::new(0));
    let runtime = runtime();
    for number in 0..machines {
        let fired = Arc::clone(&fired);
        machine(&runtime, "machine", number).spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                // Relaxed: one thread, only the type asks for an atomic.
                fired.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let virtual_ns = runtime.block_on(live(lasting));
    // Relaxed: one thread, only the type asks for an atomic.
    (fired.load(Ordering::Relaxed), virtual_ns)
}
