use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tidemill_seam::{Broken, Heard, Stream, Streams};

use super::StreamConfig;
use crate::machine::ProcessId;
use crate::net::Address;

/// One end of a stream, in the order in which ends began in this world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub(crate) u32);

/// What a process did to its streams since the kernel last looked.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) ends: RefCell<Vec<Rc<End>>>,
    pub(crate) doors: RefCell<Vec<Rc<Door>>>,
    pub(crate) config: Cell<StreamConfig>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Opening,
    Open,
    Broken(Broken),
}

/// What the owner of an end and its machine share.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) slot: Cell<Option<StreamId>>,
    pub(crate) process: ProcessId,
    pub(crate) local: Address,
    pub(crate) remote: Address,
    pub(crate) status: Cell<Status>,
    /// Written, and not sent.
    pub(crate) out: RefCell<VecDeque<u8>>,
    pub(crate) inbox: RefCell<VecDeque<u8>>,
    /// Read since the peer was last told.
    pub(crate) taken: Cell<u32>,
    pub(crate) finished: Cell<bool>,
    /// The peer's last byte is in the inbox.
    pub(crate) over: Cell<bool>,
    /// The owner has heard the end.
    pub(crate) heard_end: Cell<bool>,
    pub(crate) wants_room: Cell<bool>,
    /// What the next write takes, at most.
    pub(crate) room: Cell<u32>,
    /// The owner has reset or dropped it.
    pub(crate) let_go: Cell<bool>,
    touched: Rc<Touched>,
    waits: Cell<bool>,
}

impl End {
    pub(crate) fn new(
        process: ProcessId,
        (local, remote): (Address, Address),
        status: Status,
        touched: &Rc<Touched>,
    ) -> Rc<Self> {
        Rc::new(Self {
            slot: Cell::new(None),
            process,
            local,
            remote,
            status: Cell::new(status),
            out: RefCell::default(),
            inbox: RefCell::default(),
            taken: Cell::new(0),
            finished: Cell::new(false),
            over: Cell::new(false),
            heard_end: Cell::new(false),
            wants_room: Cell::new(false),
            room: Cell::new(u32::MAX),
            let_go: Cell::new(false),
            touched: Rc::clone(touched),
            waits: Cell::new(false),
        })
    }

    /// Has the kernel look at it when this event is over.
    fn touch(self: &Rc<Self>) {
        if !self.waits.replace(true) {
            self.touched.ends.borrow_mut().push(Rc::clone(self));
        }
    }

    pub(crate) fn looked_at(&self) {
        self.waits.set(false);
    }

    fn alive(&self) -> Result<bool, Broken> {
        match self.status.get() {
            Status::Opening => Ok(false),
            Status::Open => Ok(true),
            Status::Broken(why) => Err(why),
        }
    }
}

/// One end of a simulated stream. What is written leaves at the end of the event in which it was written.
#[derive(Debug)]
pub struct SimStream(pub(crate) Rc<End>);

impl SimStream {
    /// Which end it is; `None` in the event in which it was connected.
    pub fn id(&self) -> Option<StreamId> {
        self.0.slot.get()
    }

    /// This end's port.
    pub fn local(&self) -> Address {
        self.0.local
    }

    /// The peer's port.
    pub fn remote(&self) -> Address {
        self.0.remote
    }
}

impl Stream for SimStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken> {
        let end = &self.0;
        end.alive()?;
        let mut inbox = end.inbox.borrow_mut();
        if inbox.is_empty() {
            if end.over.get() && !end.heard_end.replace(true) {
                end.touch();
            }
            return Ok(if end.over.get() { Heard::End } else { Heard::Nothing });
        }
        let len = inbox.len().min(buffer.len());
        for (into, byte) in buffer.iter_mut().zip(inbox.drain(..len)) {
            *into = byte;
        }
        end.taken.set(end.taken.get() + len as u32);
        end.touch();
        Ok(if len == 0 { Heard::Nothing } else { Heard::Bytes(len) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let end = &self.0;
        if !end.alive()? || end.finished.get() {
            return Ok(0);
        }
        let mut out = end.out.borrow_mut();
        let room = (end.touched.config.get().buffer as usize).saturating_sub(out.len());
        let taken = bytes.len().min(room).min(end.room.get() as usize);
        out.extend(&bytes[..taken]);
        end.room.set(end.room.get() - taken as u32);
        end.wants_room.set(taken < bytes.len());
        end.touch();
        Ok(taken)
    }

    fn finish(&mut self) -> Result<(), Broken> {
        self.0.alive()?;
        self.0.finished.set(true);
        self.0.touch();
        Ok(())
    }

    fn reset(&mut self) {
        let end = &self.0;
        if end.alive().is_ok() {
            end.status.set(Status::Broken(Broken::Closed));
        }
        end.let_go.set(true);
        end.touch();
    }

    fn is_open(&mut self) -> Result<bool, Broken> {
        self.0.alive()
    }
}

/// Before both directions have ended, a drop is a reset.
impl Drop for SimStream {
    fn drop(&mut self) {
        if self.0.finished.get() && self.0.heard_end.get() {
            self.0.let_go.set(true);
            self.0.touch();
        } else {
            self.reset();
        }
    }
}

/// What is behind a port that accepts.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) process: ProcessId,
    pub(crate) at: Address,
    pub(crate) waiting: RefCell<VecDeque<SimStream>>,
    pub(crate) closed: Cell<bool>,
}

/// A port of this process for streams: it connects to others and accepts what others open to it, until it is dropped.
#[derive(Debug)]
pub struct SimStreams {
    door: Rc<Door>,
    touched: Rc<Touched>,
}

impl SimStreams {
    pub(crate) fn new(process: ProcessId, at: Address, touched: &Rc<Touched>) -> Self {
        let (waiting, closed) = (RefCell::default(), Cell::new(false));
        let door = Rc::new(Door { process, at, waiting, closed });
        touched.doors.borrow_mut().push(Rc::clone(&door));
        Self { door, touched: Rc::clone(touched) }
    }

    /// Where others connect to.
    pub fn address(&self) -> Address {
        self.door.at
    }
}

impl Streams for SimStreams {
    type Address = Address;
    type Stream = SimStream;

    fn connect(&mut self, to: Address) -> SimStream {
        let status = if self.door.closed.get() { Status::Broken(Broken::Closed) } else { Status::Opening };
        let end = End::new(self.door.process, (self.door.at, to), status, &self.touched);
        end.touch();
        SimStream(end)
    }

    fn accept(&mut self) -> Option<(SimStream, Address)> {
        let stream = self.door.waiting.borrow_mut().pop_front()?;
        let from = stream.remote();
        Some((stream, from))
    }
}

impl Drop for SimStreams {
    fn drop(&mut self) {
        self.door.closed.set(true);
        self.door.waiting.borrow_mut().clear();
        self.touched.doors.borrow_mut().push(Rc::clone(&self.door));
    }
}
