//! The cases as a turmoil 0.7 program.
//!
//! Not the same: turmoil draws latency from a capped exponential (its curve is set so that the mean is 5.5 ms) and
//! rounds it to its 1 ms tick; its own loss cuts a whole link and throws away what is in flight, so the program
//! loses one datagram in a hundred itself. Both differences spare turmoil work.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use turmoil::net::UdpSocket;
use turmoil::{Builder, Sim};

use crate::case::{Case, LATENCY_MAX_MS, LATENCY_MIN_MS, Loss, PAYLOAD, RESEND_MS};

const PORT: u16 = 9000;

/// Runs `case`; `None` where turmoil has no such thing.
pub fn run(case: Case, work: u64) -> Option<(u64, u64)> {
    match case {
        Case::PingPong { servers, clients, flows } => {
            Some(ping_pong(servers, clients, flows, Duration::from_millis(work)))
        }
        Case::Empty { machines } => Some(empty(machines, work)),
        Case::Idle { machines } => Some(idle(machines, Duration::from_millis(work))),
        Case::Cancelled | Case::Watched { .. } => None,
    }
}

fn world(lasting: Duration) -> Sim<'static> {
    let sim = Builder::new()
        .rng_seed(7)
        .tick_duration(Duration::from_millis(1))
        .simulation_duration(lasting + Duration::from_secs(1))
        .min_message_latency(Duration::from_millis(LATENCY_MIN_MS))
        .max_message_latency(Duration::from_millis(LATENCY_MAX_MS))
        .udp_capacity(4096)
        .build();
    sim.set_message_latency_curve(1.6);
    sim
}

fn advance(sim: &mut Sim<'_>, until: Duration) -> u64 {
    while sim.elapsed() < until {
        sim.step().expect("no host fails");
    }
    u64::try_from(sim.elapsed().as_nanos()).expect("under 584 years")
}

fn ping_pong(servers: u32, clients: u32, flows: u32, lasting: Duration) -> (u64, u64) {
    let delivered = Rc::new(Cell::new(0));
    let mut sim = world(lasting);
    for server in 0..servers {
        let delivered = Rc::clone(&delivered);
        sim.host(format!("server{server}"), move || serve(server, Rc::clone(&delivered)));
    }
    for client in 0..clients {
        let delivered = Rc::clone(&delivered);
        sim.host(format!("client{client}"), move || {
            let delivered = Rc::clone(&delivered);
            async move {
                let flows = (0..flows).map(|flow| {
                    let server = format!("server{}", (client + flow) % servers);
                    let stream = 1000 + u64::from(client) * 100 + u64::from(flow);
                    tokio::task::spawn_local(flow_of(server, stream, Rc::clone(&delivered)))
                });
                for flow in flows.collect::<Vec<_>>() {
                    flow.await??;
                }
                Ok(())
            }
        });
    }
    let virtual_ns = advance(&mut sim, lasting);
    (delivered.get(), virtual_ns)
}

async fn serve(server: u32, delivered: Rc<Cell<u64>>) -> turmoil::Result {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let mut loss = Loss::new(u64::from(server));
    let mut buffer = [0; PAYLOAD];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await?;
        delivered.set(delivered.get() + 1);
        if !loss.strikes() {
            socket.send_to(&buffer[..len], from).await?;
        }
    }
}

async fn flow_of(server: String, stream: u64, delivered: Rc<Cell<u64>>) -> std::io::Result<()> {
    let target = std::net::SocketAddr::new(turmoil::lookup(server), PORT);
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
    let mut loss = Loss::new(stream);
    let mut buffer = [0; PAYLOAD];
    let mut ping = [0; PAYLOAD];
    for sequence in 0_u64.. {
        ping[..8].copy_from_slice(&sequence.to_le_bytes());
        'resend: loop {
            if !loss.strikes() {
                socket.send_to(&ping, target).await?;
            }
            while let Ok(received) =
                timeout(Duration::from_millis(RESEND_MS), socket.recv_from(&mut buffer)).await
            {
                received?;
                delivered.set(delivered.get() + 1);
                if buffer[..8] == ping[..8] {
                    break 'resend;
                }
            }
        }
    }
    Ok(())
}

fn empty(machines: u32, worlds: u64) -> (u64, u64) {
    for _ in 0..worlds {
        let mut sim = world(Duration::from_secs(1));
        for machine in 0..machines {
            sim.client(format!("machine{machine}"), async { Ok(()) });
        }
        sim.run().expect("an empty world ends well");
    }
    (worlds, 0)
}

fn idle(machines: u32, lasting: Duration) -> (u64, u64) {
    let fired = Rc::new(Cell::new(0));
    let mut sim = world(lasting);
    for machine in 0..machines {
        let fired = Rc::clone(&fired);
        sim.host(format!("machine{machine}"), move || {
            let fired = Rc::clone(&fired);
            async move {
                loop {
                    sleep(Duration::from_secs(1)).await;
                    fired.set(fired.get() + 1);
                }
            }
        });
    }
    let virtual_ns = advance(&mut sim, lasting);
    (fired.get(), virtual_ns)
}
