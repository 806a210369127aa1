//! Everybody who takes part, on their machines.

use super::books::{Books, CENTRE, EDGE, STATION};
use super::ends::{AREAS, Centre, Lender, Life, Plan, Shared, Shelf, Station, Stranger, Tune};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_relocate::{ChainKind, EdgeRecord, HostId};
use tidemill_seam::{Register, Version};
use tidemill_sim::{
    Context, DiskConfig, Event, LinkConfig, MachineId, Process, ProcessId, RegisterConfig, RegisterId, Seams,
    Sim,
};

/// What a world is made of.
pub(super) struct Setup {
    pub(super) kind: ChainKind,
    /// Hosts, the best first, and the machines that they run on.
    pub(super) hosts: Vec<(HostId, String)>,
    /// Machines of stations: the first one lives from the beginning.
    pub(super) stations: [&'static str; 2],
    pub(super) centres: [&'static str; 2],
    pub(super) links: LinkConfig,
    pub(super) register: RegisterConfig,
    pub(super) disks: DiskConfig,
    pub(super) tune: Tune,
}

pub(super) struct Cast {
    pub(super) plan: Rc<Plan>,
    pub(super) books: Shared,
    pub(super) stations: [Part; 2],
    pub(super) centres: [Part; 2],
    pub(super) hosts: Vec<(HostId, MachineId, ProcessId)>,
    /// To which host the station has to move the queue.
    pub(super) order: Rc<Cell<Option<HostId>>>,
}

/// A station or a centre.
pub(super) struct Part {
    pub(super) machine: MachineId,
    pub(super) process: ProcessId,
    pub(super) life: Rc<Cell<Life>>,
}

/// Bytes that a host lends.
const LENDS: u64 = 1 << 20;

impl Cast {
    pub(super) fn new(sim: &mut Sim, setup: Setup) -> Self {
        let Setup { kind, hosts, stations, centres, links, register, disks, tune } = setup;
        sim.links(links);
        let record = EdgeRecord::new(EDGE, kind, tune.terms);
        let disks = DiskConfig { blocks: AREAS * tune.blocks(), ..disks };
        let [edge, station, centre] =
            ["edge", "station", "centre"].map(|name| sim.register(name, RegisterConfig::PERFECT));
        // A machine of its own, which every other one reaches.
        let stores = sim.machine("stores");
        let mut shelf = |name, stage, register| {
            let disk = sim.disk(stores, name, disks);
            sim.share_disk(disk);
            Shelf { stage, register, disk }
        };
        let (station, centre) = (shelf("station", STATION, station), shelf("centre", CENTRE, centre));
        let bytes = record.encode().to_vec();
        Founder { edge, bytes, shelves: [station, centre] }.found(sim);
        for id in [edge, station.register, centre.register] {
            sim.set_register_config(id, register);
        }
        let books: Shared = Rc::new(RefCell::new(Books::new(record)));
        let mut machines = Machines::default();
        let lend = |(id, name): (HostId, String)| {
            let (machine, books) = (machines.named(sim, &name), Rc::clone(&books));
            let mut births = 0..;
            let born = move |seams: &Seams| -> Box<dyn Process> {
                let birth = births.next().unwrap_or(0);
                Box::new(Lender::new((seams, birth), id, LENDS, &books))
            };
            let process = sim.spawn_with(machine, "queues", born);
            sim.daemon(process);
            (id, machine, process)
        };
        let hosts: Vec<_> = hosts.into_iter().map(lend).collect();
        let known = hosts.iter().map(|(id, _, process)| (*id, sim.address(*process))).collect();
        let plan = Rc::new(Plan { tune, hosts: known, edge, station, centre });
        let order: Rc<Cell<Option<HostId>>> = Rc::default();
        let stations = [0, 1].map(|at| {
            let (plan, order, life) = (Rc::clone(&plan), Rc::clone(&order), Rc::default());
            let (shown, told) = (Rc::clone(&life), Rc::clone(&books));
            let machine = machines.named(sim, stations[at]);
            let born = move |seams: (&Seams, u64)| -> Box<dyn Process> {
                Box::new(Station::new(seams, (&plan, &told), &shown, &order))
            };
            part(sim, (machine, "station"), life, at == 1, born)
        });
        let centres = [0, 1].map(|at| {
            let (plan, life) = (Rc::clone(&plan), Rc::default());
            let shown = Rc::clone(&life);
            let machine = machines.named(sim, centres[at]);
            let born = move |seams: (&Seams, u64)| -> Box<dyn Process> {
                Box::new(Centre::new(seams, &plan, &shown))
            };
            part(sim, (machine, "centre"), life, at == 1, born)
        });
        Self { plan, books, stations, centres, hosts, order }
    }

    /// Somebody without a right.
    pub(super) fn stranger(&self, sim: &mut Sim) {
        let machine = sim.machine("elsewhere");
        let stranger = Box::new(Stranger::new(&self.plan, &self.books));
        let process = sim.spawn(machine, "stranger", stranger);
        sim.daemon(process);
    }

    pub(super) fn rollbacks(&self) -> u64 {
        self.centres.iter().map(|part| part.life.get().rollbacks).sum()
    }
}

/// Machines by their names.
#[derive(Default)]
struct Machines(Vec<(String, MachineId)>);

impl Machines {
    fn named(&mut self, sim: &mut Sim, name: &str) -> MachineId {
        if let Some((_, machine)) = self.0.iter().find(|(known, _)| known == name) {
            return *machine;
        }
        let machine = sim.machine(name);
        self.0.push((name.to_owned(), machine));
        machine
    }
}

/// One that is asleep lives once it is started again.
fn part(
    sim: &mut Sim,
    (machine, name): (MachineId, &str),
    life: Rc<Cell<Life>>,
    mut asleep: bool,
    mut born: impl FnMut((&Seams, u64)) -> Box<dyn Process> + 'static,
) -> Part {
    let shown = Rc::clone(&life);
    let mut births = 0..;
    let process = sim.spawn_with(machine, name, move |seams| {
        shown.set(Life::default());
        let birth = births.next().unwrap_or(0);
        if std::mem::take(&mut asleep) { Box::new(Asleep) } else { born((seams, birth)) }
    });
    sim.daemon(process);
    Part { machine, process, life }
}

/// A machine that is there in case it is needed.
struct Asleep;

impl Process for Asleep {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

/// Writes the first records of the edge and of the stages.
struct Founder {
    edge: RegisterId,
    bytes: Vec<u8>,
    shelves: [Shelf; 2],
}

impl Founder {
    fn found(self, sim: &mut Sim) {
        let (machine, edge) = (sim.machine("operator"), self.edge);
        sim.spawn(machine, "founds", Box::new(self));
        while sim.register_value(edge).is_none() && sim.step() {}
    }
}

impl Process for Founder {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if event == Event::Start {
            for shelf in self.shelves {
                let (disk, register) = (context.disk(shelf.disk), context.register(shelf.register));
                let founded = shelf.over(disk, register).found();
                assert_eq!(founded, Ok(true), "nothing goes wrong before the story begins");
            }
            let founded = context.register(self.edge).exchange(Version::NONE, &self.bytes);
            assert!(founded.is_ok(), "nothing goes wrong before the story begins: {founded:?}");
        }
    }
}
