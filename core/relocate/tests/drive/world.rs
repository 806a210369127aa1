//! A clock, a network and registers in memory, which do what a test says.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use tidemill_relocate::drive::{ConsumerEnd, Ground, HostEnd, ProducerEnd, Taker, World};
use tidemill_relocate::{
    Capability, ChainKind, ConsumerConfig, EdgeId, EdgeRecord, HostId, Preset, ProducerConfig, StageId,
    StageStore, Terms,
};
use tidemill_seam::{
    Clock, Duration, Entropy, ExchangeError, Exchanged, Geometry, Instant, Link, ReadError, Reading,
    ReadingError, Received, RecvError, Register, SendError, Store, SyncError, Version, WriteError,
};

pub(crate) type Item = Vec<u8>;
pub(crate) type Address = u8;

pub(crate) const EDGE: EdgeId = EdgeId([1; 16]);
pub(crate) const STATION: StageId = StageId([2; 16]);
pub(crate) const CENTRE: StageId = StageId([3; 16]);
pub(crate) const RIGHT: Capability = Capability(4);
pub(crate) const HOST: HostId = HostId(5);
const TERMS: Terms = Terms { ttl: Duration::from_secs(10), drift_ppm: 200 };
pub(crate) const OP: Duration = Duration::from_millis(50);
const STEP: Duration = Duration::from_millis(5);

#[derive(Clone, Default)]
pub(crate) struct Time(pub(crate) Rc<Cell<u64>>);

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.get())
    }
}

/// Counts, so that no two nonces are alike.
#[derive(Clone, Default)]
pub(crate) struct Count(Rc<Cell<u64>>);

impl Entropy for Count {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.set(self.0.get() + 1);
        bytes.copy_from_slice(&self.0.get().to_le_bytes()[..bytes.len()]);
    }
}

/// Datagrams on their way, by where they go.
#[derive(Default)]
pub(crate) struct Net {
    waiting: BTreeMap<Address, VecDeque<(Address, Vec<u8>)>>,
    pub(crate) sent: u64,
    /// Of so many datagrams one is lost; 0 is none of them.
    pub(crate) loses: u64,
    /// Everything that ever went to the host, in order.
    pub(crate) heard: Vec<(Address, Vec<u8>)>,
}

impl Net {
    /// Everything that ever went to the host comes once more.
    pub(crate) fn repeat(&mut self) {
        let heard = self.heard.clone();
        self.waiting.entry(0).or_default().extend(heard);
    }
}

#[derive(Clone)]
pub(crate) struct Port(Rc<RefCell<Net>>, Address);

impl Link for Port {
    type Address = Address;
    fn mtu(&self) -> usize {
        200
    }
    fn send(&mut self, to: Address, datagram: &[u8]) -> Result<(), SendError> {
        if datagram.len() > self.mtu() {
            return Err(SendError::TooLarge { mtu: self.mtu() });
        }
        let net = &mut *self.0.borrow_mut();
        net.sent += 1;
        if to == 0 {
            net.heard.push((self.1, datagram.to_vec()));
        }
        if net.loses == 0 || !net.sent.is_multiple_of(net.loses) {
            net.waiting.entry(to).or_default().push_back((self.1, datagram.to_vec()));
        }
        Ok(())
    }
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<Address>>, RecvError> {
        let mut net = self.0.borrow_mut();
        let Some((from, bytes)) = net.waiting.entry(self.1).or_default().pop_front() else { return Ok(None) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some(Received { len: bytes.len(), from }))
    }
}

/// A register.
#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<RefCell<(u64, Vec<u8>)>>);

impl Register for Memory {
    fn capacity(&self) -> usize {
        EdgeRecord::BYTES
    }
    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        let (version, bytes) = &*self.0.borrow();
        if *version == 0 {
            return Err(ReadingError::Absent);
        }
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(Reading { version: Version(*version), len: bytes.len() })
    }
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let (version, bytes) = &mut *self.0.borrow_mut();
        if *version != expected.0 {
            return Ok(Exchanged::Lost(Version(*version)));
        }
        (*version, *bytes) = (*version + 1, value.to_vec());
        Ok(Exchanged::Won(Version(*version)))
    }
    fn watch(&mut self, seen: Version) -> bool {
        self.0.borrow().0 > seen.0
    }
}

const SHAPE: Geometry = Geometry { block: 256, blocks: 96 };

/// Blocks whose next so many writes find no space.
#[derive(Clone)]
pub(crate) struct Disk(Rc<RefCell<Vec<u8>>>, pub(crate) Rc<Cell<u32>>);

impl Disk {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; SHAPE.bytes() as usize])), Rc::default())
    }
}

impl Store for Disk {
    fn geometry(&self) -> Geometry {
        SHAPE
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        into.copy_from_slice(&self.0.borrow()[at as usize..at as usize + into.len()]);
        Ok(())
    }
    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        if let Some(left) = self.1.get().checked_sub(1) {
            self.1.set(left);
            return Err(WriteError::Full);
        }
        self.0.borrow_mut()[at as usize..at as usize + from.len()].copy_from_slice(from);
        Ok(())
    }
    fn sync(&mut self) -> Result<(), SyncError> {
        Ok(())
    }
}

/// What a stage keeps.
#[derive(Clone)]
pub(crate) struct Keeps(Memory, pub(crate) Disk, StageId);

impl Keeps {
    fn new(stage: StageId) -> Self {
        let new = Self(Memory::default(), Disk::new(), stage);
        assert_eq!(new.open().found(), Ok(true));
        new
    }

    fn open(&self) -> StageStore<Disk, Memory> {
        StageStore::new(self.1.clone(), self.0.clone(), self.2, 0, 3, 256).expect("96 blocks are enough")
    }
}

pub(crate) struct InMemory;

impl World for InMemory {
    type Clock = Time;
    type Entropy = Count;
    type Link = Port;
    type Edge = Memory;
    type Stage = Memory;
    type Blocks = Disk;
}

/// What the centre took and committed.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) items: Vec<Item>,
    pub(crate) released: u64,
    pub(crate) ended: bool,
}

impl Taker<Item> for Taken {
    fn restore(&mut self, off: u64, state: &[u8]) {
        assert_eq!(state.len() as u64, off, "the state is one byte an item");
        self.items.truncate(off as usize);
        self.ended = false;
    }
    fn end(&mut self) {
        self.ended = true;
    }
    fn take(&mut self, off: u64, item: Item) {
        assert_eq!(off, self.items.len() as u64, "what is taken comes next");
        self.items.push(item);
    }
    fn state(&self) -> Vec<u8> {
        vec![7; self.items.len()]
    }
    fn lost(&mut self, from: u64, to: u64) {
        panic!("nobody accepted that {from} to {to} are lost");
    }
    fn release(&mut self, off: u64) {
        self.released = off;
    }
}

/// A station, a host and a centre.
pub(crate) struct Trio {
    pub(crate) time: Time,
    pub(crate) net: Rc<RefCell<Net>>,
    count: Count,
    pub(crate) edge: Memory,
    pub(crate) station_keeps: Keeps,
    pub(crate) centre_keeps: Keeps,
    pub(crate) station: ProducerEnd<InMemory, Item>,
    pub(crate) host: HostEnd<Time, Port, Item>,
    pub(crate) centre: ConsumerEnd<InMemory, Item>,
    pub(crate) taken: Taken,
}

impl Trio {
    pub(crate) fn new() -> Self {
        let (time, net, count) = (Time::default(), Rc::<RefCell<Net>>::default(), Count::default());
        let (mut edge, station_keeps, centre_keeps) =
            (Memory::default(), Keeps::new(STATION), Keeps::new(CENTRE));
        let record = EdgeRecord::new(EDGE, ChainKind::Origin, TERMS);
        edge.exchange(Version::NONE, &record.encode()).expect("a register in memory");
        let host = host(&time, &count, &net);
        let seams = (time.clone(), count.clone(), Rc::clone(&net), edge.clone());
        let station = station(ground(&seams, 1, station_keeps.open()));
        let centre = centre(ground(&seams, 2, centre_keeps.open()));
        let taken = Taken::default();
        Self { time, net, count, edge, station_keeps, centre_keeps, station, host, centre, taken }
    }

    /// Another life of the station, on another machine; the one before is given back.
    pub(crate) fn next_station(&mut self) -> ProducerEnd<InMemory, Item> {
        let seams = (self.time.clone(), self.count.clone(), Rc::clone(&self.net), self.edge.clone());
        let fresh = station(ground(&seams, 3, self.station_keeps.open()));
        std::mem::replace(&mut self.station, fresh)
    }

    /// Another life of the centre; the one before is gone.
    pub(crate) fn next_centre(&mut self) {
        let seams = (self.time.clone(), self.count.clone(), Rc::clone(&self.net), self.edge.clone());
        self.centre = centre(ground(&seams, 2, self.centre_keeps.open()));
    }

    /// The host dies, and forgets everything.
    pub(crate) fn next_host(&mut self) {
        self.host = host(&self.time, &self.count, &self.net);
    }

    /// Everybody does what there is to do, until `holds`; how many steps of time it took.
    pub(crate) fn until(&mut self, holds: impl Fn(&Self) -> bool) -> u64 {
        for step in 0..2_000 {
            for _ in 0..4 {
                self.station.poll();
                self.host.poll();
                self.centre.poll(&mut self.taken);
            }
            if holds(self) {
                return step;
            }
            self.time.0.set(self.time.0.get() + STEP.as_nanos());
        }
        panic!("it never comes to that: {:?}, {:?}", self.station.error(), self.centre.error());
    }
}

type SeamsOf = (Time, Count, Rc<RefCell<Net>>, Memory);

fn host(time: &Time, count: &Count, net: &Rc<RefCell<Net>>) -> HostEnd<Time, Port, Item> {
    let link = Port(Rc::clone(net), 0);
    let mut host = HostEnd::new(HOST, 1 << 16, time.clone(), &mut count.clone(), link);
    host.host_mut().admit(EDGE, RIGHT);
    host
}

fn ground(seams: &SeamsOf, address: Address, stage: StageStore<Disk, Memory>) -> Ground<InMemory> {
    let (clock, entropy, net, edge) = seams.clone();
    let (link, hosts, resend) = (Port(net, address), vec![(HOST, 0)], Duration::from_millis(10));
    Ground { clock, entropy, link, edge, stage, hosts, resend }
}

fn station(ground: Ground<InMemory>) -> ProducerEnd<InMemory, Item> {
    let config = ProducerConfig {
        edge: EDGE,
        stage: STATION,
        capability: RIGHT,
        hosts: vec![HOST],
        capacity: 1 << 12,
        retain_max: 1 << 10,
        window: 4,
        op_timeout: OP,
        backoff: Duration::from_millis(20),
        poll: Duration::from_millis(100),
        terms: TERMS,
    };
    ProducerEnd::new(config, ground).expect("fair terms")
}

fn centre(ground: Ground<InMemory>) -> ConsumerEnd<InMemory, Item> {
    let config = ConsumerConfig {
        edge: EDGE,
        capability: RIGHT,
        preset: Preset::ExactlyOnce,
        window: 8,
        read_max: 4,
        op_timeout: OP,
        backoff: Duration::from_millis(20),
        poll: Duration::from_millis(100),
        complain_after: OP,
    };
    ConsumerEnd::new(config, ground)
}
