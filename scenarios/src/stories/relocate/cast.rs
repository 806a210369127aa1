//! Everybody who takes part, on their machines.

use super::books::{Books, EDGE};
use super::ends::{Centre, Lender, Life, Plan, Shared, Station, Stranger, Tune};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_relocate::{ChainKind, EdgeRecord, HostId};
use tidemill_seam::{Register, Version};
use tidemill_sim::{
    Context, Event, LinkConfig, MachineId, Process, ProcessId, RegisterConfig, RegisterId, Seams, Sim,
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
/// Bytes that the register of a stage holds.
const STAGE: usize = 1 << 18;

impl Cast {
    pub(super) fn new(sim: &mut Sim, setup: Setup) -> Self {
        let Setup { kind, hosts, stations, centres, links, register, tune } = setup;
        sim.links(links);
        let record = EdgeRecord::new(EDGE, kind, tune.terms);
        let edge = founded(sim, &record, register);
        let wide = RegisterConfig { capacity: STAGE, ..register };
        let (station, centre) = (sim.register("station", wide), sim.register("centre", wide));
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
            let shown = Rc::clone(&life);
            let machine = machines.named(sim, stations[at]);
            let born = move |seams: (&Seams, u64)| -> Box<dyn Process> {
                Box::new(Station::new(seams, &plan, &shown, &order))
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

/// The register of the edge, with its first record.
fn founded(sim: &mut Sim, record: &EdgeRecord, config: RegisterConfig) -> RegisterId {
    let register = sim.register("edge", RegisterConfig::PERFECT);
    let machine = sim.machine("operator");
    sim.spawn(machine, "founds", Box::new(Founder { register, bytes: record.encode().to_vec() }));
    while sim.register_value(register).is_none() && sim.step() {}
    sim.set_register_config(register, config);
    register
}

/// Writes the first record of the edge.
struct Founder {
    register: RegisterId,
    bytes: Vec<u8>,
}

impl Process for Founder {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if event == Event::Start {
            let founded = context.register(self.register).exchange(Version::NONE, &self.bytes);
            assert!(founded.is_ok(), "nothing goes wrong before the story begins: {founded:?}");
        }
    }
}
