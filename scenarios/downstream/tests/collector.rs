//! meters ══ lossy links ══▶ take ─▶ [spool 8] ─▶ store ─▶ disk      what is acknowledged is stored, although the collector dies

use std::future::Future;

use spool::{Disk, Reading, World, collector, meter};
use tidemill_sim::oracle::{Journal, exactly_once, order_per_key, world_leak};
use tidemill_sim::{
    Address, Duration, Env, Instant, Latency, LinkConfig, Moment, Oracle, Outcome, Process, Rate, Sim,
};

/// The simulated world, as the collector wants to see it.
#[derive(Clone)]
struct Simulated(Env);

impl World for Simulated {
    type Peer = Address;

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.0.sleep(span)
    }

    fn send(&self, to: Address, bytes: &[u8]) {
        self.0.send(to, bytes).expect("a short datagram to a machine that is there");
    }

    async fn recv(&self, due: Option<Instant>) -> Option<(Address, Vec<u8>)> {
        loop {
            let seen = self.0.epoch();
            if let Some(datagram) = self.0.try_recv() {
                return Some(datagram);
            }
            if due.is_some_and(|due| self.0.now() >= due) {
                return None;
            }
            self.0.changed(seen, due).await;
        }
    }
}

/// What a meter was told is stored, is stored.
struct Acknowledged {
    told: Journal<Reading>,
    disk: Disk,
}

impl<P: Process> Oracle<P> for Acknowledged {
    fn check(&mut self, _: &Sim<P>, _: Moment) -> Result<(), String> {
        let Self { told, disk } = self;
        told.read(|Reading { meter, number }| {
            let stored = disk.stored(meter);
            let kept = number <= stored;
            kept.then_some(())
                .ok_or_else(|| format!("reading {number} was acknowledged, and {stored} are stored"))
        })
    }
}

const METERS: u64 = 3;
const READINGS: u64 = 20;

// SIM-STABLE: the collector is shipping code on stable rustc: it does not know that it is simulated
#[tidemill_sim::test(seeds = 200)]
fn every_reading_is_stored_once_and_in_order(sim: &mut Sim) -> Outcome {
    sim.links(LinkConfig {
        loss: Rate::percent(10),
        duplicate: Rate::percent(5),
        reorder: Rate::percent(5),
        ..LinkConfig::default()
    });
    let (disk, told, stored) = (Disk::default(), Journal::new(), sim.probe("disk"));
    sim.watch(Acknowledged { told: told.clone(), disk: disk.clone() });
    sim.watch(exactly_once("disk"));
    sim.watch(order_per_key("disk"));
    sim.watch(world_leak().tasks_max(2));

    let kept = stored.clone();
    disk.hear(move |Reading { meter, number }| kept.delivered((meter, number)));
    let centre = sim.machine("centre");
    let service = sim.spawn_async(centre, "collector", move |env| {
        let (take, store) = collector(Simulated(env.clone()), disk.clone());
        async move {
            env.spawn("store", store);
            take.await;
        }
    });
    sim.daemon(service);
    let down = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(100) };
    sim.crash(service, Rate::percent(1), Some(down));

    let to = sim.address(service);
    for me in 1..=METERS {
        (1..=READINGS).for_each(|number| stored.sent((me, number)));
        let (field, told) = (sim.machine(&format!("field{me}")), told.clone());
        sim.spawn_async(field, "meter", move |env| {
            let told = told.clone();
            meter(Simulated(env), to, me, READINGS, move |reading| told.write(reading))
        });
    }
    sim.run()
}
