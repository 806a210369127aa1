//! Two queues of datagrams that may be wrong.

use core::cell::RefCell;
use tidemill_seam::{Link, Received, RecvError, SendError};

super::faults! {
    /// Two datagrams that wait arrive as one.
    Merges => "L1",
    /// A long datagram arrives in two pieces.
    Splits => "L1",
    /// A datagram ends at 512 bytes.
    CutsAt512 => "L1",
    /// Bytes of value 255 are dropped.
    Drops255 => "L1",
    /// The receiver's buffer cuts the datagram, and nobody is told.
    CutsToTheBuffer => "L1",
    /// What did not fit the buffer arrives as the next datagram.
    KeepsTheRest => "L1",
    /// Bytes that were never sent are counted in.
    OverstatesLength => "L1",
    /// A datagram arrives before any is sent.
    Invents => "L3",
    /// The sender hears its own datagrams.
    Echoes => "L3",
    /// The receiver is named as the sender.
    WrongSender => "L3",
    /// Every 31st datagram has a number that nobody has used yet.
    Forges => "L3",
    /// An idle link reports an error.
    IdleIsAnError => "L4",
    /// A refused datagram is sent all the same.
    RefusesAndSends => "L5",
    /// A datagram of exactly the mtu is refused.
    RefusesMtu => "L6",
    /// A datagram longer than the mtu is taken.
    TakesTooLong => "L6",
    /// An empty datagram counts as none.
    LosesTheEmpty => "L6",
    /// A datagram longer than the mtu is refused as if it could be sent later.
    CallsTooLargeBusy => "L6",
}

/// The longest datagram of this link.
pub const MTU: usize = 600;
const DEPTH: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Datagram {
    len: usize,
    bytes: [u8; MTU + 1],
}

impl Datagram {
    const EMPTY: Self = Self { len: 0, bytes: [0; MTU + 1] };

    fn of(bytes: &[u8]) -> Self {
        let mut datagram = Self::EMPTY;
        datagram.len = bytes.len().min(MTU + 1);
        datagram.bytes[..datagram.len].copy_from_slice(&bytes[..datagram.len]);
        datagram
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Datagrams on their way to one end, oldest first. Loses what finds no room.
#[derive(Debug)]
struct Queue {
    waiting: [Datagram; DEPTH],
    len: usize,
    sends: u32,
    recvs: u32,
}

impl Queue {
    const EMPTY: Self = Self { waiting: [Datagram::EMPTY; DEPTH], len: 0, sends: 0, recvs: 0 };

    fn put(&mut self, bytes: &[u8]) {
        if self.len < DEPTH {
            self.waiting[self.len] = Datagram::of(bytes);
            self.len += 1;
        }
    }

    fn take(&mut self) -> Option<Datagram> {
        let first = (self.len > 0).then(|| self.waiting[0])?;
        self.waiting.copy_within(1.., 0);
        self.len -= 1;
        Some(first)
    }

    fn put_back(&mut self, bytes: &[u8]) {
        self.waiting.copy_within(..DEPTH - 1, 1);
        self.waiting[0] = Datagram::of(bytes);
        self.len = DEPTH.min(self.len + 1);
    }
}

/// A world with two ends, and at most one fault.
#[derive(Debug)]
pub struct World {
    fault: Option<Fault>,
    queues: RefCell<[Queue; 2]>,
}

/// One end.
#[derive(Debug)]
pub struct End<'w> {
    world: &'w World,
    side: usize,
}

impl World {
    /// A world in which nothing is under way.
    pub const fn new(fault: Option<Fault>) -> Self {
        Self { fault, queues: RefCell::new([Queue::EMPTY; 2]) }
    }

    /// Both ends of a fresh run; each is named by its side, 0 or 1.
    pub fn ends(&self) -> crate::link::Ends<End<'_>, End<'_>> {
        *self.queues.borrow_mut() = [Queue::EMPTY; 2];
        let [left, right] = [0, 1].map(|side| End { world: self, side });
        crate::link::Ends { left, right, to_left: 0, to_right: 1 }
    }
}

impl Link for End<'_> {
    type Address = usize;

    fn mtu(&self) -> usize {
        MTU
    }

    fn send(&mut self, to: usize, datagram: &[u8]) -> Result<(), SendError> {
        let fault = self.world.fault;
        let mut queues = self.world.queues.borrow_mut();
        let Some(queue) = queues.get_mut(to) else { return Err(SendError::Unroutable) };
        queue.sends += 1;
        if datagram.len() > MTU && fault != Some(Fault::TakesTooLong) {
            return Err(if fault == Some(Fault::CallsTooLargeBusy) {
                SendError::Busy
            } else {
                SendError::TooLarge { mtu: MTU }
            });
        }
        if datagram.len() == MTU && fault == Some(Fault::RefusesMtu) {
            return Err(SendError::TooLarge { mtu: MTU });
        }
        if queue.sends % 13 == 0 {
            if fault == Some(Fault::RefusesAndSends) {
                queue.put(datagram);
            }
            return Err(SendError::Busy);
        }
        match fault {
            Some(Fault::Splits) if datagram.len() > 100 => {
                queue.put(&datagram[..100]);
                queue.put(&datagram[100..]);
            }
            Some(Fault::CutsAt512) => queue.put(&datagram[..datagram.len().min(512)]),
            Some(Fault::Drops255) => {
                let mut kept = Datagram::EMPTY;
                for byte in datagram.iter().filter(|byte| **byte != 255) {
                    kept.bytes[kept.len] = *byte;
                    kept.len += 1;
                }
                queue.put(kept.bytes());
            }
            Some(Fault::Merges) if queue.len > 0 => {
                let last = &mut queue.waiting[queue.len - 1];
                let fits = datagram.len().min(MTU - last.len);
                last.bytes[last.len..last.len + fits].copy_from_slice(&datagram[..fits]);
                last.len += fits;
            }
            Some(Fault::Forges) if queue.sends % 31 == 0 && datagram.len() >= 4 => {
                let mut forged = Datagram::of(datagram);
                forged.bytes[2] = 0x7F;
                queue.put(forged.bytes());
            }
            Some(Fault::LosesTheEmpty) if datagram.is_empty() => {}
            _ => queue.put(datagram),
        }
        if fault == Some(Fault::Echoes) {
            queues[self.side].put(datagram);
        }
        Ok(())
    }

    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<usize>>, RecvError> {
        let fault = self.world.fault;
        let queue = &mut self.world.queues.borrow_mut()[self.side];
        queue.recvs += 1;
        let from = if fault == Some(Fault::WrongSender) { self.side } else { 1 - self.side };
        let Some(datagram) = queue.take() else {
            return match fault {
                Some(Fault::Invents) if queue.recvs == 9 => Ok(Some(Received { len: 0, from })),
                Some(Fault::IdleIsAnError) => Err(RecvError::Truncated),
                _ => Ok(None),
            };
        };
        let mut len = datagram.len;
        if len > buffer.len() {
            match fault {
                Some(Fault::CutsToTheBuffer) => len = buffer.len(),
                Some(Fault::KeepsTheRest) => {
                    queue.put_back(&datagram.bytes()[buffer.len()..]);
                    return Err(RecvError::Truncated);
                }
                _ => return Err(RecvError::Truncated),
            }
        }
        buffer[..len].copy_from_slice(&datagram.bytes[..len]);
        if fault == Some(Fault::OverstatesLength) && len > 8 && len < MTU {
            len += 1;
        }
        Ok(Some(Received { len, from }))
    }
}
