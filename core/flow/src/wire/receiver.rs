use super::frame::{Frame, Reject, Rejects};

#[derive(Clone, Copy, Debug)]
struct Slot<const BYTES: usize> {
    bytes: [u8; BYTES],
    len: u16,
    full: bool,
}

/// The receiving side: puts items back into order and owns what it acknowledges.
#[derive(Clone, Debug)]
pub struct Receiver<const WINDOW: usize, const BYTES: usize> {
    stream: u32,
    /// The place of the next item to hand on.
    next: u64,
    end: Option<u64>,
    owes_ack: bool,
    slots: [Slot<BYTES>; WINDOW],
    rejects: Rejects,
    repeats: u32,
}

impl<const WINDOW: usize, const BYTES: usize> Receiver<WINDOW, BYTES> {
    /// A receiver at the start of `stream`. Its `WINDOW` and `BYTES` are at least the sender's.
    pub const fn new(stream: u32) -> Self {
        const { assert!(WINDOW > 0 && WINDOW <= 32, "a window is 1 to 32 items: an acknowledgement has 32 bits") };
        let empty = Slot { bytes: [0; BYTES], len: 0, full: false };
        Self {
            stream,
            next: 0,
            end: None,
            owes_ack: false,
            slots: [empty; WINDOW],
            rejects: Rejects::NONE,
            repeats: 0,
        }
    }

    /// Takes in a datagram. An item is stored, known already, or rejected; the first two owe an acknowledgement.
    pub fn on_datagram(&mut self, datagram: &[u8]) -> Result<(), Reject> {
        let taken = match Frame::check(self.stream, datagram) {
            Ok(Frame::Data { sequence, payload }) => self.on_data(sequence, payload),
            Ok(Frame::End { sequence }) => self.on_end(sequence),
            Ok(Frame::Ack { .. }) => Err(Reject::Kind),
            Err(cause) => Err(cause),
        };
        match taken {
            Ok(()) => self.owes_ack = true,
            Err(cause) => self.rejects.count(cause),
        }
        taken
    }

    fn on_data(&mut self, sequence: u64, payload: &[u8]) -> Result<(), Reject> {
        if payload.len() > BYTES || self.end.is_some_and(|end| sequence >= end) {
            return Err(Reject::Range);
        }
        if sequence < self.next {
            self.repeats = self.repeats.saturating_add(1);
            return Ok(());
        }
        if sequence - self.next >= WINDOW as u64 {
            return Err(Reject::Range);
        }
        let slot = &mut self.slots[(sequence % WINDOW as u64) as usize];
        if slot.full {
            self.repeats = self.repeats.saturating_add(1);
            return Ok(());
        }
        slot.bytes[..payload.len()].copy_from_slice(payload);
        slot.len = payload.len() as u16;
        slot.full = true;
        Ok(())
    }

    fn on_end(&mut self, sequence: u64) -> Result<(), Reject> {
        let beyond = |place: &u64| *place >= sequence && self.has(*place);
        let contradicts = self.next > sequence || (self.next..self.next + WINDOW as u64).any(|p| beyond(&p));
        if self.end.map_or(contradicts, |end| end != sequence) {
            return Err(Reject::Range);
        }
        self.end = Some(sequence);
        Ok(())
    }

    fn has(&self, place: u64) -> bool {
        let ahead = place.checked_sub(self.next).is_some_and(|distance| distance < WINDOW as u64);
        place < self.next || (ahead && self.slots[(place % WINDOW as u64) as usize].full)
    }

    /// Hands on the next item in order, if it is here.
    pub fn deliver<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let slot = &mut self.slots[(self.next % WINDOW as u64) as usize];
        if !slot.full {
            return None;
        }
        slot.full = false;
        self.next += 1;
        Some(take(&slot.bytes[..usize::from(slot.len)]))
    }

    /// Whether [`deliver`](Self::deliver) has an item.
    pub const fn has_item(&self) -> bool {
        self.slots[(self.next % WINDOW as u64) as usize].full
    }

    /// Whether every item and the end were handed on.
    pub fn is_ended(&self) -> bool {
        self.end == Some(self.next)
    }

    /// Writes the acknowledgement that is owed into `into` and tells its length.
    ///
    /// # Panics
    /// If `into` is shorter than an acknowledgement, 24 bytes.
    pub fn transmit(&mut self, into: &mut [u8]) -> Option<usize> {
        if !core::mem::take(&mut self.owes_ack) {
            return None;
        }
        let missing = (self.next..).find(|place| !self.has(*place)).unwrap_or(u64::MAX);
        let bits = (0..32)
            .filter(|bit| self.has(missing.saturating_add(1 + bit)))
            .fold(0, |bits, bit| bits | 1 << bit);
        let next = if self.end == Some(missing) { missing + 1 } else { missing };
        Some(Frame::Ack { next, bits }.write(self.stream, into))
    }

    /// How many items were handed on.
    pub const fn delivered(&self) -> u64 {
        self.next
    }

    /// Datagrams dropped, by cause.
    pub const fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// Items that arrived again; stays at the maximum once there.
    pub const fn repeats(&self) -> u32 {
        self.repeats
    }
}

#[cfg(test)]
mod tests {
    use super::Receiver;
    use crate::wire::Frame;

    #[test]
    fn a_peer_that_repeats_itself_for_ever_is_counted_as_far_as_the_counter_goes() {
        let mut receiver = Receiver::<4, 8>::new(7);
        receiver.repeats = u32::MAX - 1;
        let mut bytes = [0; 64];
        let len = Frame::Data { sequence: 0, payload: b"again" }.write(7, &mut bytes);
        (0..4).for_each(|_| receiver.on_datagram(&bytes[..len]).expect("known is known"));
        assert_eq!(receiver.repeats(), u32::MAX);
    }
}
