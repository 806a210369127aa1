//! The world without its inhabitants: time, the queue, machines, links, decisions, the hash.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use tidemill_seam::{Instant, SendError};

use crate::arena::Memory;
use crate::assert::Notebook;
use crate::choice::{Base, Fork, Overlay};
use crate::disk::DiskId;
use crate::explore::{Chosen, Drive, ENTITY, Order};
use crate::failure::Failure;
use crate::faults::Faults;
use crate::gate::Gates;
use crate::hash::{RollingHash, digest};
use crate::machine::{Machine, MachineId, ProcessId};
use crate::memory::Saboteur;
use crate::net::{Address, Cause, DEFAULT, Filter, INSIDE, Latency, Link, LinkConfig, LinkIndex};
use crate::oracle::Probe;
use crate::process::TimerId;
use crate::queue::{Index, Queue};
use crate::register::RegisterId;
use crate::seams::{Bells, SeamsInner};
use crate::shaper::Shaper;
use crate::shelf::Shelf;
use crate::stats::Stats;
use crate::stream::{Beat, Pipes, StreamId as StreamKey, Touched};
use crate::streams::{Choices, StreamId, stream_of};
use crate::trace::{Happened, Recorder, TraceRecord};
use crate::{Rate, buffers::Buffers};

/// How a simulation runs. What concerns the world itself is set through [`Sim`](crate::Sim).
#[derive(Clone, Debug)]
pub struct Config {
    /// Values that replace what would have been drawn.
    pub overlay: Overlay,
    /// Where every other value comes from.
    pub base: Base,
    /// Where the run goes on by another seed; `None` is nowhere.
    pub fork: Option<Fork>,
    /// Says what the overlay does not, before the base does; a run that is driven keeps its choices.
    pub drive: Option<Drive>,
    /// How the order of events comes about.
    pub order: Order,
    /// Keep the choices that were not zero.
    pub record: bool,
    /// Keep 32 bytes of every event, and its cause.
    pub trace: bool,
    /// Events, or polls of tasks, at one instant before the run fails as a livelock.
    pub instant_max: u32,
    /// Events waiting at once before the run fails as unbounded growth.
    pub pending_max: u32,
    /// Datagrams waiting in one inbox before further ones overflow.
    pub inbox_max: u32,
    /// The longest datagram, in bytes.
    pub mtu: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            overlay: Overlay::new(),
            base: Base::Seed,
            fork: None,
            drive: None,
            order: Order::Drawn,
            record: false,
            trace: false,
            instant_max: 1_000_000,
            pending_max: 1 << 20,
            inbox_max: 1 << 12,
            mtu: 65_507,
        }
    }
}

/// What waits in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    Datagram {
        from: Address,
        to: Address,
        payload: u32,
    },
    Timer {
        process: ProcessId,
        token: u64,
        due: Instant,
    },
    Start {
        process: ProcessId,
    },
    Wake {
        process: ProcessId,
    },
    Action {
        index: u32,
    },
    Disk {
        disk: DiskId,
        ticket: u32,
    },
    Register {
        register: RegisterId,
        ticket: u32,
    },
    /// A datagram that a story let through a gate.
    Released {
        from: Address,
        to: Address,
        payload: u32,
    },
    Stream {
        stream: StreamKey,
        beat: Beat,
    },
}

impl Pending {
    /// Source, target and payload of a datagram.
    pub(crate) fn datagram(&self) -> Option<(Address, Address, u32)> {
        match *self {
            Self::Datagram { from, to, payload } | Self::Released { from, to, payload } => {
                Some((from, to, payload))
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Paused,
    Dead,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) rate: Rate,
    pub(crate) restart: Option<Latency>,
}

/// What the world knows about a process.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) name: Box<str>,
    pub(crate) machine: MachineId,
    pub(crate) port: u16,
    pub(crate) state: State,
    pub(crate) daemon: bool,
    /// It can start again.
    pub(crate) revives: bool,
    pub(crate) woken: bool,
    pub(crate) stream: StreamId,
    pub(crate) crash: Option<Crash>,
    pub(crate) held: Vec<Index>,
    pub(crate) seams: Option<Rc<SeamsInner>>,
}

#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) instant_max: u32,
    pub(crate) pending_max: u32,
    pub(crate) inbox_max: u32,
    pub(crate) mtu: usize,
}

#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) now_ns: u64,
    pub(crate) queue: Queue<Pending>,
    pub(crate) ended: bool,
    pub(crate) limits: Limits,
    pub(crate) at_instant: u32,
    hash: RollingHash,
    /// No hash is kept.
    #[cfg(feature = "unhashed")]
    pub(crate) unhashed: bool,
    pub(crate) stats: Stats,
    pub(crate) buffers: Buffers,
    pub(crate) choices: Choices,
    pub(crate) machines: Vec<Machine>,
    pub(crate) links: Vec<Link>,
    /// Settings of links: the default, the inside of a machine, then those of single directions.
    pub(crate) settings: Vec<LinkConfig>,
    pub(crate) gates: Gates,
    /// Transmitters of the links that have a bandwidth, by link.
    pub(crate) shapers: Vec<Shaper>,
    pub(crate) swizzles: u32,
    pub(crate) pipes: Option<Box<Pipes>>,
    pub(crate) touched: OnceCell<Rc<Touched>>,
    pub(crate) processes: Vec<Meta>,
    pub(crate) filters: Vec<Filter>,
    /// A filter or a fault looks at what is sent.
    pub(crate) judges_sends: bool,
    /// A fault looks at what processes take.
    pub(crate) judges_takes: bool,
    pub(crate) faults: Option<Box<Faults>>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) memory: Option<Box<Memory>>,
    /// Those who decide over pools.
    pub(crate) pools: Vec<Saboteur>,
    pub(crate) bells: Option<Arc<Bells>>,
    pub(crate) trace: Option<Box<Recorder>>,
    pub(crate) last: TraceRecord,
    pub(crate) failure: Option<Box<Failure>>,
    pub(crate) notebook: OnceCell<Rc<Notebook>>,
    /// What a chosen order needs; `None` where order is drawn.
    pub(crate) chosen: Option<Box<Chosen>>,
    pub(crate) shelf: OnceCell<Rc<Shelf>>,
}

impl Kernel {
    pub(crate) fn new(seed: u64, config: Config) -> Self {
        let Config { overlay, base, fork, drive, order, record, trace, .. } = config;
        let Config { instant_max, pending_max, inbox_max, mtu, .. } = config;
        let is_chosen = order == Order::Chosen || overlay.iter().any(|(site, _)| site.entity == ENTITY);
        let record = record || is_chosen || drive.is_some();
        let mut choices = Choices::new(seed, base, overlay, record, fork).driven(drive);
        if is_chosen {
            choices.loosen();
        }
        Self {
            now_ns: 0,
            queue: Queue::new(),
            ended: false,
            limits: Limits { instant_max, pending_max, inbox_max, mtu },
            at_instant: 0,
            hash: RollingHash::new(),
            #[cfg(feature = "unhashed")]
            unhashed: false,
            stats: Stats::default(),
            buffers: Buffers::new(),
            choices,
            machines: Vec::new(),
            links: Vec::new(),
            settings: Vec::new(),
            gates: Gates::default(),
            shapers: Vec::new(),
            swizzles: 0,
            pipes: None,
            touched: OnceCell::new(),
            processes: Vec::new(),
            filters: Vec::new(),
            judges_sends: false,
            judges_takes: false,
            faults: None,
            probes: Vec::new(),
            memory: None,
            pools: Vec::new(),
            bells: None,
            trace: trace.then(|| Box::new(Recorder::new())),
            last: TraceRecord::new(0, Happened::Action, 0, 0, 0),
            failure: None,
            notebook: OnceCell::new(),
            chosen: is_chosen.then(|| Box::new(Chosen::new())),
            shelf: OnceCell::new(),
        }
    }

    #[cfg(not(feature = "unhashed"))]
    #[inline]
    const fn hashes(&self) -> bool {
        true
    }

    #[cfg(feature = "unhashed")]
    #[inline]
    const fn hashes(&self) -> bool {
        !self.unhashed
    }

    /// What stands for a payload in the hash and in a trace.
    #[inline]
    pub(crate) fn stamp(&self, payload: &[u8]) -> u64 {
        if self.hashes() { digest(payload) } else { 0 }
    }

    /// Counts, hashes and, if asked, keeps one event (K4).
    #[inline]
    pub(crate) fn record(&mut self, kind: Happened, subject: u32, arg: u64, digest: u64) {
        let record = TraceRecord::new(self.now_ns, kind, subject, arg, digest);
        let [at, what, arg, digest] = record.words();
        if self.hashes() {
            self.hash.append(at, what, arg, digest);
        }
        self.stats.events += 1;
        self.last = record;
        if let Some(trace) = &mut self.trace {
            trace.push(record);
        }
    }

    /// The notebook, which a world without claims and handles does not have yet.
    pub(crate) fn notebook(&self) -> &Rc<Notebook> {
        self.notebook.get_or_init(|| Rc::new(Notebook::new(self.choices.branch())))
    }

    /// Notes something that is no event, if a trace is kept.
    pub(crate) fn note(&mut self, what: &'static str, from: MachineId, to: MachineId) {
        if let Some(trace) = &mut self.trace {
            trace.note(self.now_ns, what, from, to);
        }
    }

    /// Closes the last step: what is done from outside has no cause among the events.
    pub(crate) fn leave(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.end();
        }
    }

    pub(crate) fn hash(&self) -> u128 {
        self.hash.value()
    }

    #[inline]
    pub(crate) fn meta(&self, process: ProcessId) -> &Meta {
        &self.processes[process.index()]
    }

    #[inline]
    pub(crate) fn meta_mut(&mut self, process: ProcessId) -> &mut Meta {
        &mut self.processes[process.index()]
    }

    pub(crate) fn address(&self, process: ProcessId) -> Address {
        let meta = self.meta(process);
        Address { machine: meta.machine, port: meta.port }
    }

    #[inline]
    pub(crate) fn local_now(&self, process: ProcessId) -> Instant {
        self.machines[self.meta(process).machine.index()].clock.local(self.now_ns)
    }

    pub(crate) fn process_name(&self, process: ProcessId) -> String {
        let meta = self.meta(process);
        format!("{}/{}", self.machines[meta.machine.index()].name, meta.name)
    }

    pub(crate) fn bind(&mut self, process: ProcessId, port: u16) -> bool {
        let machine = self.meta(process).machine;
        let machine = &mut self.machines[machine.index()];
        match machine.owner_of(port) {
            Some(owner) => owner == process,
            None => {
                machine.ports.push((port, process));
                true
            }
        }
    }

    #[inline]
    pub(crate) fn process_stream(&mut self, process: ProcessId) -> StreamId {
        let stream = self.meta(process).stream;
        if stream != StreamId::NONE {
            return stream;
        }
        let name = self.process_name(process);
        let stream = self.choices.open(stream_of(&name), || name);
        self.meta_mut(process).stream = stream;
        stream
    }

    #[inline]
    pub(crate) fn schedule(&mut self, at_ns: u64, event: Pending) -> TimerId {
        if self.queue.len() >= self.limits.pending_max {
            self.overgrown(&event);
        }
        let (index, generation) = self.queue.insert(at_ns.max(self.now_ns), event);
        if let Some(trace) = &mut self.trace {
            trace.planned(index);
        }
        if let Some(chosen) = &mut self.chosen {
            chosen.born(index, self.choices.take_slack(0), &event);
        }
        TimerId { index, generation }
    }

    #[cold]
    fn overgrown(&mut self, event: &Pending) {
        let entity = match *event {
            Pending::Timer { process, .. } | Pending::Start { process } | Pending::Wake { process } => {
                self.process_name(process)
            }
            Pending::Datagram { from, .. } | Pending::Released { from, .. } => {
                self.machines[from.machine.index()].name.to_string()
            }
            Pending::Action { .. }
            | Pending::Disk { .. }
            | Pending::Register { .. }
            | Pending::Stream { .. } => "world".to_owned(),
        };
        let message = format!("{} events wait at once, and one more", self.queue.len());
        self.fail("growth", message, entity);
    }

    #[inline]
    pub(crate) fn timer(&mut self, process: ProcessId, due: Instant, token: u64) -> TimerId {
        let clock = &self.machines[self.meta(process).machine.index()].clock;
        let at_ns = clock.first_at(due);
        self.schedule(at_ns, Pending::Timer { process, token, due })
    }

    #[inline]
    pub(crate) fn cancel(&mut self, process: ProcessId, timer: TimerId) -> bool {
        match self.queue.get(timer.index, timer.generation) {
            Some(Pending::Timer { process: owner, .. }) if *owner == process => {}
            _ => return false,
        }
        self.queue.cancel(timer.index, timer.generation).is_some()
    }

    pub(crate) fn link_between(&mut self, from: MachineId, to: MachineId) -> LinkIndex {
        let found = self.machines[from.index()].links.get(to.index());
        match found {
            Some(&link) if link != crate::net::NO_LINK => link,
            _ => self.lay_link(from, to),
        }
    }

    #[cold]
    fn lay_link(&mut self, from: MachineId, to: MachineId) -> LinkIndex {
        let index = self.links.len() as LinkIndex;
        self.settings();
        let setting = if from == to { INSIDE } else { DEFAULT };
        self.links.push(Link::new(from, to, setting));
        let row = &mut self.machines[from.index()].links;
        if row.len() <= to.index() {
            row.resize(to.index() + 1, crate::net::NO_LINK);
        }
        row[to.index()] = index;
        index
    }

    /// The settings, which a world without links does not have yet.
    pub(crate) fn settings(&mut self) -> &mut Vec<LinkConfig> {
        if self.settings.is_empty() {
            self.settings.extend([LinkConfig::default(), LinkConfig::PERFECT]);
        }
        &mut self.settings
    }

    pub(crate) fn link_name(&self, link: LinkIndex) -> String {
        let Link { from, to, .. } = self.links[link as usize];
        format!("{}/link→{}", self.machines[from.index()].name, self.machines[to.index()].name)
    }

    pub(crate) fn check_sendable(&self, to: Address, len: usize) -> Result<(), SendError> {
        if len > self.limits.mtu {
            return Err(SendError::TooLarge { mtu: self.limits.mtu });
        }
        if to.machine.index() >= self.machines.len() { Err(SendError::Unroutable) } else { Ok(()) }
    }

    /// Drops the datagram in `payload` for a cause.
    pub(crate) fn discard(&mut self, from: Address, to: Address, cause: Cause, payload: Option<u32>) {
        let stamp = payload.map_or(0, |payload| self.stamp(self.buffers.get(payload)));
        self.stats.dropped[cause as usize] += 1;
        if let Some(trace) = &mut self.trace
            && cause.is_at_the_end()
        {
            trace.of_carried();
        }
        self.record(Happened::Dropped, cause as u32, from.word() << 32 | to.word(), stamp);
        if let Some(payload) = payload {
            self.buffers.release(payload);
        }
        self.choices.take_slack(0);
    }

    pub(crate) fn fail(&mut self, site: &str, message: String, entity: String) {
        self.ended = true;
        if self.failure.is_none() {
            let (at, message) = (Instant::from_nanos(self.now_ns), self.in_phase(message));
            self.failure = Some(Box::new(Failure::new(site, message, entity, at, self.stats.events)));
        }
    }

    pub(crate) fn stop(&mut self) {
        self.ended = true;
    }
}
