//! client ──▶ server      a client that sends every ping just once: it must be caught
//!
//! The canary of the harness: where this story passes, the network is not lossy, or nobody looks.

use super::ping_pong::per_thousand;
use super::{broken, law};
use std::cell::Cell;
use std::rc::Rc;
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{Address, Context, Event, Failure, Latency, LinkConfig, Process, Sim};

pub(super) const STORY: Story = Story {
    name: "canary",
    picture: "client ──▶ server",
    about: "a client that sends every ping just once is caught: this story sings by failing",
    seeds: 100,
    must: Must::Fail,
    params: &[
        Param {
            name: "pings",
            default: 500,
            range: 1..=1_000_000,
            about: "pings the client sends",
            shrink: Shrink::Items,
        },
        Param {
            name: "loss",
            default: 50,
            range: 0..=1_000,
            about: "datagrams lost of a thousand",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const EVERY: Duration = Duration::from_millis(1);

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    sim.links(LinkConfig {
        latency: Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(10) },
        loss: per_thousand(params.get("loss")),
        ..LinkConfig::default()
    });
    let arrived = Rc::new(Cell::new(0));
    let (near, far) = (sim.machine("client"), sim.machine("server"));
    let server = sim.spawn(far, "count", Box::new(Count { arrived: arrived.clone() }));
    let pings = params.get("pings");
    let client = Once { server: sim.address(server), left: pings };
    sim.spawn(near, "once", Box::new(client));
    broken(sim.run())?;
    let arrived = arrived.get();
    law(sim, "every ping arrives", arrived == pings, || format!("{arrived} of {pings} did"))
}

struct Once {
    server: Address,
    left: u64,
}

impl Process for Once {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        if self.left > 0 {
            self.left -= 1;
            context
                .send(self.server, &self.left.to_le_bytes())
                .expect("a short datagram to a machine that is there");
            context.timer(EVERY, 0);
        }
    }
}

struct Count {
    arrived: Rc<Cell<u64>>,
}

impl Process for Count {
    fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { .. } = event {
            self.arrived.set(self.arrived.get() + 1);
        }
    }
}
