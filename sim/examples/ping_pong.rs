//! The measured reference program: clients and servers that play datagram ping-pong over lossy links.
//!
//! `cargo run --release -p tidemill-sim --example ping_pong -- [pairs] [flows] [messages]`

use std::process::ExitCode;

use tidemill_seam::Duration;
use tidemill_sim::{Address, Context, Event, LinkConfig, Process, Rate, Sim, TimerId};

const RESEND: Duration = Duration::from_millis(50);

pub(crate) enum Player {
    Server,
    Client(Client),
}

pub(crate) struct Client {
    flows: Vec<Flow>,
    rounds: u64,
}

struct Flow {
    server: Address,
    round: u64,
    resend: Option<TimerId>,
}

impl Client {
    fn ping(&mut self, context: &mut Context<'_>, flow: usize) {
        let mut bytes = [0; 64];
        let Flow { server, round, resend } = &mut self.flows[flow];
        bytes[..8].copy_from_slice(&(flow as u64).to_le_bytes());
        bytes[8..16].copy_from_slice(&round.to_le_bytes());
        context.send(*server, &bytes).expect("the server can be named");
        *resend = Some(context.timer(RESEND, flow as u64));
    }

    fn pong(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let (index, round) = (word(0) as usize, word(8));
        let flow = &mut self.flows[index];
        if flow.round != round {
            return;
        }
        flow.round += 1;
        self.rounds += 1;
        if let Some(resend) = flow.resend.take() {
            context.cancel(resend);
        }
        self.ping(context, index);
    }
}

impl Process for Player {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match (self, event) {
            (Self::Server, Event::Datagram { from, bytes, .. }) => {
                context.send(from, bytes).expect("the client can be named");
            }
            (Self::Client(client), Event::Datagram { bytes, .. }) => client.pong(context, bytes),
            (Self::Client(client), Event::Timer { token }) => client.ping(context, token as usize),
            (Self::Client(client), Event::Start) => {
                (0..client.flows.len()).for_each(|flow| client.ping(context, flow));
            }
            _ => {}
        }
    }
}

pub(crate) fn world(seed: u64, pairs: usize, flows: usize) -> Sim<Player> {
    let mut sim = Sim::new(seed);
    sim.links(LinkConfig { loss: Rate::percent(1), ..LinkConfig::default() });
    let servers: Vec<Address> = (0..pairs)
        .map(|i| {
            let machine = sim.machine(&format!("server{i}"));
            let server = sim.spawn(machine, "server", Player::Server);
            sim.daemon(server);
            sim.address(server)
        })
        .collect();
    for i in 0..pairs {
        let machine = sim.machine(&format!("client{i}"));
        let flow = |f: usize| Flow { server: servers[(i + f) % pairs], round: 0, resend: None };
        let client = Client { flows: (0..flows).map(flow).collect(), rounds: 0 };
        sim.spawn(machine, "client", Player::Client(client));
    }
    sim
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |default: u64| arguments.next().unwrap_or(Ok(default));
    let (Ok(pairs), Ok(flows), Ok(messages)) = (next(5), next(1), next(5_000_000)) else {
        eprintln!("ping_pong [pairs] [flows] [messages]: three numbers");
        return ExitCode::from(2);
    };
    let mut sim = world(1, pairs as usize, flows as usize);
    while sim.stats().delivered < messages && sim.step() {}
    let stats = sim.stats();
    println!("delivered {} dropped {} timers {}", stats.delivered, stats.dropped_in_all(), stats.timers);
    println!("virtual {:?} hash {:032x} waiting {}", sim.now(), sim.hash(), sim.pending());
    ExitCode::SUCCESS
}
