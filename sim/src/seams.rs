//! The seams of a process: handles that shipped code owns, inside a state machine or an `async` task.
//!
//! What is sent through a handle leaves at the end of the event in which it was sent; virtual time does not pass before.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use tidemill_seam::{Clock, Entropy, Epoch, Instant, Link, Notify, Received, RecvError, SendError, Woken};

use crate::arena::Life;
use crate::assert::Notebook;
use crate::machine::{MachineId, ProcessId};
use crate::net::Address;
use crate::shelf::Shelf;
use crate::stream::Touched;
use crate::streams::entropy_stream;

/// Which processes were notified since the kernel last looked.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    any: AtomicBool,
    rung: Mutex<Vec<ProcessId>>,
}

impl Bells {
    pub(crate) fn ring(&self, process: ProcessId) {
        self.any.store(true, Ordering::Relaxed);
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).push(process);
    }

    /// Whether anybody rang since the last answer.
    pub(crate) fn rang(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Who rang since the last call, in that order; `None` where nobody did.
    pub(crate) fn answer(&self) -> Option<Vec<ProcessId>> {
        self.any.swap(false, Ordering::Relaxed).then(|| {
            let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *rung)
        })
    }
}

#[derive(Debug)]
pub(crate) struct Inbox {
    port: u16,
    waiting: VecDeque<(Address, Vec<u8>)>,
}

#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) port: u16,
    pub(crate) to: Address,
    pub(crate) end: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) sent: Vec<Sent>,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct SeamsInner {
    pub(crate) process: ProcessId,
    pub(crate) machine: MachineId,
    port: u16,
    seed: u64,
    pub(crate) name: String,
    mtu: usize,
    machines: Cell<usize>,
    now: Cell<Instant>,
    /// By how much the clock for leases and the one on the wall are ahead of the monotonic one, in nanoseconds.
    pub(crate) ahead: Cell<(u64, i64)>,
    pub(crate) alive: Cell<bool>,
    pub(crate) paused: Cell<bool>,
    pub(crate) life: Life,
    pub(crate) wanted: RefCell<Vec<u16>>,
    pub(crate) outbox: RefCell<Outbox>,
    inboxes: RefCell<Vec<Inbox>>,
    spare: RefCell<Vec<Vec<u8>>>,
    epoch: Cell<u32>,
    pub(crate) ringing: Cell<bool>,
    handles: Cell<u32>,
    bells: Arc<Bells>,
    pub(crate) notebook: Rc<Notebook>,
    pub(crate) touched: Rc<Touched>,
    pub(crate) shelf: Rc<Shelf>,
}

/// The seams that a process is born with.
#[derive(Clone, Debug)]
pub struct Seams(pub(crate) Rc<SeamsInner>);

/// This machine's clock, as of the present event.
#[derive(Clone, Debug)]
pub struct SimClock(Rc<SeamsInner>);

/// A stream of random bytes: a function of the seed, of the process, and of how many handles it took before.
#[derive(Clone, Debug)]
pub struct SimEntropy(ChaCha8Rng);

/// A port of this process.
#[derive(Debug)]
pub struct SimLink {
    inner: Rc<SeamsInner>,
    port: u16,
}

/// A bell: notifying it sends the process an [`Event::Notified`](crate::Event::Notified).
#[derive(Clone, Debug)]
pub struct SimNotify(Rc<SeamsInner>);

impl Seams {
    pub(crate) fn new(
        process: ProcessId,
        address: Address,
        seed: u64,
        name: String,
        mtu: usize,
        (bells, notebook, shelf, touched): (Arc<Bells>, Rc<Notebook>, Rc<Shelf>, Rc<Touched>),
    ) -> Self {
        Self(Rc::new(SeamsInner {
            process,
            machine: address.machine,
            port: address.port,
            seed,
            name,
            mtu,
            machines: Cell::new(0),
            now: Cell::new(Instant::ZERO),
            ahead: Cell::default(),
            alive: Cell::new(true),
            paused: Cell::new(false),
            life: Life::default(),
            wanted: RefCell::default(),
            outbox: RefCell::default(),
            inboxes: RefCell::default(),
            spare: RefCell::default(),
            epoch: Cell::new(0),
            ringing: Cell::new(false),
            handles: Cell::new(0),
            bells,
            notebook,
            shelf,
            touched,
        }))
    }

    /// The machine's clock.
    pub fn clock(&self) -> SimClock {
        SimClock(Rc::clone(&self.0))
    }

    /// Random bytes; every call gives a stream of its own.
    pub fn entropy(&self) -> SimEntropy {
        let number = self.0.handles.get();
        self.0.handles.set(number + 1);
        SimEntropy(entropy_stream(self.0.seed, &format!("{}/entropy{number}", self.0.name)))
    }

    /// The link at the process's own address.
    pub fn link(&self) -> SimLink {
        self.link_at(self.0.port)
    }

    /// A link at another port of this machine. If another process has the port, nothing ever arrives.
    pub fn link_at(&self, port: u16) -> SimLink {
        let mut inboxes = self.0.inboxes.borrow_mut();
        if !inboxes.iter().any(|inbox| inbox.port == port) {
            inboxes.push(Inbox { port, waiting: VecDeque::new() });
            self.0.wanted.borrow_mut().push(port);
        }
        SimLink { inner: Rc::clone(&self.0), port }
    }

    /// The process's bell.
    pub fn notify(&self) -> SimNotify {
        SimNotify(Rc::clone(&self.0))
    }

    pub(crate) fn bells(&self) -> Arc<Bells> {
        Arc::clone(&self.0.bells)
    }

    /// The process's own address.
    pub fn address(&self) -> Address {
        Address { machine: self.0.machine, port: self.0.port }
    }

    /// The process.
    pub fn me(&self) -> ProcessId {
        self.0.process
    }

    /// `machine/process`.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl SeamsInner {
    /// The present instant on this machine's clock.
    pub(crate) fn now(&self) -> Instant {
        self.now.get()
    }

    /// Shows the handles the present event's instant, and how many machines there are to send to.
    pub(crate) fn refresh(&self, now: Instant, machines: usize) {
        self.now.set(now);
        self.machines.set(machines);
    }

    /// Whether it sent something, or rang, since the kernel last looked.
    pub(crate) fn spoke(&self) -> bool {
        !self.outbox.borrow().sent.is_empty() || self.bells.rang()
    }

    /// Puts a datagram into the inbox of a port: `None` where the port has no inbox, `false` where it is full.
    pub(crate) fn deliver(&self, port: u16, from: Address, bytes: &[u8], max: usize) -> Option<bool> {
        let mut inboxes = self.inboxes.borrow_mut();
        let inbox = inboxes.iter_mut().find(|inbox| inbox.port == port)?;
        if inbox.waiting.len() >= max {
            return Some(false);
        }
        let mut kept = self.spare.borrow_mut().pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(bytes);
        inbox.waiting.push_back((from, kept));
        Some(true)
    }

    /// Sends from `port` at the end of this event.
    pub(crate) fn send(&self, port: u16, to: Address, datagram: &[u8]) -> Result<(), SendError> {
        if !self.alive.get() {
            return Err(SendError::Closed);
        }
        if datagram.len() > self.mtu {
            return Err(SendError::TooLarge { mtu: self.mtu });
        }
        if to.machine.index() >= self.machines.get() {
            return Err(SendError::Unroutable);
        }
        let mut outbox = self.outbox.borrow_mut();
        outbox.bytes.extend_from_slice(datagram);
        let end = outbox.bytes.len();
        outbox.sent.push(Sent { port, to, end });
        Ok(())
    }

    /// Datagrams in all inboxes.
    pub(crate) fn waiting(&self) -> usize {
        self.inboxes.borrow().iter().map(|inbox| inbox.waiting.len()).sum()
    }

    /// Takes the next datagram out of an inbox.
    pub(crate) fn recv<R>(&self, port: u16, take: impl FnOnce(Address, &[u8]) -> R) -> Option<R> {
        let mut inboxes = self.inboxes.borrow_mut();
        let (from, bytes) = inboxes.iter_mut().find(|inbox| inbox.port == port)?.waiting.pop_front()?;
        drop(inboxes);
        let taken = take(from, &bytes);
        self.spare.borrow_mut().push(bytes);
        Some(taken)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.0.now.get()
    }
}

impl Entropy for SimEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

impl SimLink {
    /// Where datagrams to this link are sent.
    pub fn address(&self) -> Address {
        Address { machine: self.inner.machine, port: self.port }
    }
}

impl Link for SimLink {
    type Address = Address;

    fn mtu(&self) -> usize {
        self.inner.mtu
    }

    fn send(&mut self, to: Address, datagram: &[u8]) -> Result<(), SendError> {
        self.inner.send(self.port, to, datagram)
    }

    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<Address>>, RecvError> {
        if !self.inner.alive.get() {
            return Err(RecvError::Closed);
        }
        let taken = self.inner.recv(self.port, |from, bytes| {
            let len = bytes.len();
            buffer.get_mut(..len).ok_or(RecvError::Truncated)?.copy_from_slice(bytes);
            Ok(Received { len, from })
        });
        taken.transpose()
    }
}

impl Notify for SimNotify {
    fn epoch(&self) -> Epoch {
        Epoch(self.0.epoch.get())
    }

    /// Never blocks. A process that has nothing to do returns from its event instead.
    fn wait(&self, _seen: Epoch, _until: Option<Instant>) -> Woken {
        Woken::Spurious
    }

    fn notify(&self) {
        self.0.epoch.set(self.0.epoch.get().wrapping_add(1));
        if !self.0.ringing.replace(true) {
            self.0.bells.ring(self.0.process);
        }
    }
}

impl fmt::Debug for SeamsInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seams").field("name", &self.name).field("alive", &self.alive).finish_non_exhaustive()
    }
}
