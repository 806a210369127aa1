use arbitrary::{Arbitrary, Unstructured};
use tidemill_seam::Duration;
use tidemill_sim::explore::Bytes;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Base, Cause, Config, Context, Drive, Event, Failure, LinkConfig, Order, Outcome, Overlay, Process, Rate,
    Sim,
};

/// A client and a server that repeat themselves until they are heard, over a link that does everything.
pub(crate) const STORY: Story = Story {
    name: "fuzzed",
    picture: "client ◀─▶ server",
    about: "whatever happens on the way, the run ends",
    seeds: 10,
    must: Must::Pass,
    params: &[Param { name: "pings", default: 3, range: 1..=20, about: "pings", shrink: Shrink::Items }],
    body: |sim, params| play(sim, params),
};

struct Client {
    to: tidemill_sim::Address,
    left: u64,
    tries: u32,
}

/// Echoes what comes.
struct Server;

impl Process for Client {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event
            && self.left > 0
            && bytes == self.left.to_le_bytes()
        {
            self.left -= 1;
        }
        self.tries += 1;
        if self.left > 0 && self.tries < 200 {
            context.send(self.to, &self.left.to_le_bytes()).expect("a short datagram");
            context.timer(Duration::from_millis(5), 0);
        }
    }
}

impl Process for Server {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { from, bytes, .. } = event {
            context.send(from, bytes).expect("it is no longer than what came");
        }
    }
}

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    world(sim, params.get("pings"));
    match sim.run() {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

fn world(sim: &mut Sim, left: u64) {
    let rate = Rate::percent(10);
    let faults =
        LinkConfig { loss: rate, duplicate: rate, reorder: rate, corrupt: rate, ..LinkConfig::default() };
    sim.links(LinkConfig { truncate: rate, ..faults });
    let (near, far) = (sim.machine("client"), sim.machine("server"));
    let server = sim.spawn(far, "server", Box::new(Server));
    let to = sim.address(server);
    sim.spawn(near, "client", Box::new(Client { to, left, tries: 0 }));
}

fn run(config: Config) -> Sim {
    let mut sim = Sim::with(1, config);
    world(&mut sim, 3);
    sim.run().expect_ok();
    sim
}

pub(crate) fn drive(bytes: &[u8]) -> crate::Outcome {
    let Ok(source) = Bytes::arbitrary(&mut Unstructured::new(bytes)) else { return crate::Outcome::NOTHING };
    let driven = run(Config { drive: Some(Drive::new(source)), order: Order::Chosen, ..Config::default() });
    let overlay: Overlay = driven.recorded().into_iter().collect();
    let again = run(Config { overlay, base: Base::Zero, ..Config::default() });
    assert_eq!(driven.hash(), again.hash(), "what the bytes decided does not repeat from its overlay");
    let stats = driven.stats();
    let counts = [stats.events, stats.dropped(Cause::Loss), stats.corrupted, stats.reordered];
    crate::Outcome::sized("driven", &counts.map(|count| count as usize))
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![Vec::new(), vec![0; 64], vec![1; 64], (0..=255).collect()]
}
