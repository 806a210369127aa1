use super::frame::{Frame, Reject, Rejects};
use core::fmt;
use tidemill_seam::{Duration, Instant};

/// When to repeat, and when to give up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Wait before the first repetition; it doubles with each further one.
    pub resend: Duration,
    /// The doubling stops here.
    pub resend_max: Duration,
    /// Silence after which the peer counts as gone. [`Duration::MAX`]: never.
    pub patience: Duration,
}

impl Timing {
    /// For a link with round trips of a few tens of milliseconds.
    pub const DEFAULT: Self = Self {
        resend: Duration::from_millis(50),
        resend_max: Duration::from_millis(400),
        patience: Duration::from_secs(30),
    };
}

/// The window is full: nothing was taken. Room comes with an acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowFull;

#[derive(Clone, Copy, Debug)]
struct Slot<const BYTES: usize> {
    bytes: [u8; BYTES],
    len: u16,
    tries: u8,
    owned_by_peer: bool,
    /// Acknowledgements that named a later item but not this one.
    passed_over: u8,
    due: Instant,
}

/// The sending side: keeps each item until the peer owns it.
///
/// `WINDOW` items of at most `BYTES` bytes each may be on their way.
#[derive(Clone, Debug)]
pub struct Sender<const WINDOW: usize, const BYTES: usize> {
    stream: u32,
    timing: Timing,
    /// Everything below is owned by the peer.
    floor: u64,
    /// The place of the next item.
    next: u64,
    /// The place of the end, once known.
    end: Option<u64>,
    end_tries: u8,
    end_due: Instant,
    heard: Option<Instant>,
    slots: [Slot<BYTES>; WINDOW],
    rejects: Rejects,
    repeats: u32,
}

impl<const WINDOW: usize, const BYTES: usize> Sender<WINDOW, BYTES> {
    /// A sender at the start of `stream`, a name that both sides agree on.
    pub const fn new(stream: u32, timing: Timing) -> Self {
        const { assert!(WINDOW > 0 && WINDOW <= 32, "a window is 1 to 32 items: an acknowledgement has 32 bits") };
        let empty = Slot {
            bytes: [0; BYTES],
            len: 0,
            tries: 0,
            owned_by_peer: false,
            passed_over: 0,
            due: Instant::ZERO,
        };
        Self {
            stream,
            timing,
            floor: 0,
            next: 0,
            end: None,
            end_tries: 0,
            end_due: Instant::ZERO,
            heard: None,
            slots: [empty; WINDOW],
            rejects: Rejects::NONE,
            repeats: 0,
        }
    }

    /// Whether [`push`](Self::push) would take an item.
    pub const fn has_room(&self) -> bool {
        self.end.is_none() && (self.next < self.floor || self.next - self.floor < WINDOW as u64)
    }

    /// Takes the next item; `encode` writes it into a slot of `BYTES` bytes and tells its length.
    ///
    /// `encode` does not run if the window is full, nor if the peer is known to own the item already (T4).
    ///
    /// # Panics
    /// If the stream was ended.
    pub fn push(
        &mut self,
        now: Instant,
        encode: impl FnOnce(&mut [u8; BYTES]) -> usize,
    ) -> Result<(), WindowFull> {
        assert!(self.end.is_none(), "nothing follows the end of a stream");
        if !self.has_room() {
            return Err(WindowFull);
        }
        if self.next >= self.floor {
            let slot = &mut self.slots[(self.next % WINDOW as u64) as usize];
            let len = encode(&mut slot.bytes).min(BYTES);
            *slot =
                Slot { len: len as u16, tries: 0, owned_by_peer: false, passed_over: 0, due: now, ..*slot };
        }
        self.next += 1;
        Ok(())
    }

    /// Declares that no item follows; the end is sent and acknowledged like an item.
    pub fn end(&mut self, now: Instant) {
        if self.end.is_none() {
            self.end = Some(self.next);
            self.end_due = now;
        }
    }

    /// Whether the peer owns every item and the end.
    pub fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| self.floor > end)
    }

    /// Takes in a datagram from the peer.
    pub fn on_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Reject> {
        let taken = match Frame::check(self.stream, datagram) {
            Ok(Frame::Ack { next, bits }) => self.on_ack(next, bits),
            Ok(_) => Err(Reject::Kind),
            Err(cause) => Err(cause),
        };
        match taken {
            Ok(()) => self.heard = Some(now),
            Err(cause) => self.rejects.count(cause),
        }
        taken
    }

    fn on_ack(&mut self, next: u64, bits: u32) -> Result<(), Reject> {
        if self.end.is_some_and(|end| next > end + 1) {
            return Err(Reject::Range);
        }
        self.floor = self.floor.max(next);
        let mut last = next;
        for place in (0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| next.saturating_add(1 + bit)) {
            last = place;
            if (self.floor..self.next).contains(&place) {
                self.slots[(place % WINDOW as u64) as usize].owned_by_peer = true;
            }
        }
        for place in self.floor..last.min(self.next) {
            self.slots[(place % WINDOW as u64) as usize].pass_over();
        }
        Ok(())
    }

    /// Writes the next datagram that is due into `into` and tells its length; `None` when nothing is due.
    ///
    /// # Panics
    /// If `into` is shorter than a full frame, `BYTES + OVERHEAD`.
    pub fn transmit(&mut self, now: Instant, into: &mut [u8]) -> Option<usize> {
        let (stream, timing) = (self.stream, self.timing);
        for sequence in self.floor..self.next {
            let slot = &mut self.slots[(sequence % WINDOW as u64) as usize];
            if slot.owned_by_peer || slot.due > now {
                continue;
            }
            self.repeats = self.repeats.saturating_add(u32::from(slot.tries > 0));
            slot.due = now + timing.after(&mut slot.tries);
            let payload = &slot.bytes[..usize::from(slot.len)];
            return Some(Frame::Data { sequence, payload }.write(stream, into));
        }
        let end = self.end.filter(|end| self.floor <= *end && self.end_due <= now)?;
        self.end_due = now + timing.after(&mut self.end_tries);
        Some(Frame::End { sequence: end }.write(stream, into))
    }

    /// When [`transmit`](Self::transmit) will next have something, if nothing arrives before.
    pub fn due(&self) -> Option<Instant> {
        let items = (self.floor..self.next).map(|sequence| &self.slots[(sequence % WINDOW as u64) as usize]);
        let items = items.filter(|slot| !slot.owned_by_peer).map(|slot| slot.due);
        let end = self.end.filter(|end| self.floor <= *end).map(|_| self.end_due);
        items.chain(end).min()
    }

    /// Whether there is something to be acknowledged and the peer has been silent for longer than `patience`.
    /// Silence counts from the first question on.
    pub fn is_abandoned(&mut self, now: Instant) -> bool {
        let heard = *self.heard.get_or_insert(now);
        !self.is_finished() && self.due().is_some() && now.since(heard) > self.timing.patience
    }

    /// The place of the next item: how many were pushed.
    pub const fn pushed(&self) -> u64 {
        self.next
    }

    /// Datagrams dropped, by cause.
    pub const fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// Items sent again; stays at the maximum once there.
    pub const fn repeats(&self) -> u32 {
        self.repeats
    }
}

impl<const BYTES: usize> Slot<BYTES> {
    /// A later item arrived and this one has not. The third time means loss rather than reorder: it is repeated at
    /// once, but only once (fast retransmit, RFC 5681 §3.2).
    fn pass_over(&mut self) {
        self.passed_over = self.passed_over.saturating_add(1);
        if self.passed_over == 3 && !self.owned_by_peer {
            self.due = Instant::ZERO;
        }
    }
}

impl Timing {
    fn after(&self, tries: &mut u8) -> Duration {
        let wait = self.resend.saturating_mul(1 << (*tries).min(16)).min(self.resend_max);
        *tries = tries.saturating_add(1);
        wait
    }
}

impl fmt::Display for WindowFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the window is full")
    }
}

impl core::error::Error for WindowFull {}
