use core::fmt;
use core::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};
use tidemill_seam::{Duration, Instant, Link, RecvError};

use super::frame::{OVERHEAD, Rejects};
use super::{Receiver, Sender, Timing};
use crate::message::Payload;
use crate::node::{Any, Cx, Fault, Items, Node, Permits, Step};

/// The longest frame, in bytes: what a node sets aside on its stack.
const FRAME_MAX: usize = 256;

/// A node that sends what it gets over a link: the near end of an edge to another process.
///
/// It takes an item only while its window has room, and is done once the peer owns every item and the end. A frame that
/// the link refuses for want of room counts as lost.
pub struct Outbound<L: Link, P, const WINDOW: usize, const BYTES: usize> {
    link: L,
    peer: L::Address,
    sender: Sender<WINDOW, BYTES>,
    payload: PhantomData<fn(P)>,
}

/// A node that hands on what arrives over a link: the far end of an edge from another process.
///
/// After the end it lingers to answer a peer that missed the last acknowledgement, and is then done.
pub struct Inbound<L: Link, P, const WINDOW: usize, const BYTES: usize> {
    link: L,
    peer: Option<L::Address>,
    receiver: Receiver<WINDOW, BYTES>,
    linger: Duration,
    heard: Instant,
    payload: PhantomData<fn() -> P>,
}

impl<L: Link, P, const WINDOW: usize, const BYTES: usize> Outbound<L, P, WINDOW, BYTES> {
    /// The near end of `stream`, towards `peer`.
    pub fn new(link: L, peer: L::Address, stream: u32, timing: Timing) -> Self {
        const { assert!(BYTES + OVERHEAD <= FRAME_MAX, "a frame has at most 256 bytes") };
        Self { link, peer, sender: Sender::new(stream, timing), payload: PhantomData }
    }

    /// Datagrams dropped, by cause.
    pub const fn rejects(&self) -> &Rejects {
        self.sender.rejects()
    }

    /// Items sent again.
    pub const fn repeats(&self) -> u32 {
        self.sender.repeats()
    }

    /// Takes in what waits; false if more may wait still.
    fn hear(&mut self, now: Instant) -> Result<bool, Fault> {
        let mut buffer = [0; FRAME_MAX];
        for _ in 0..2 * WINDOW {
            match self.link.recv(&mut buffer) {
                Ok(Some(datagram)) => {
                    // A reject is counted where it is found; nothing else is to be done about it.
                    let _ = self.sender.on_datagram(now, &buffer[..datagram.len]);
                }
                Ok(None) => return Ok(true),
                Err(RecvError::Truncated) => {}
                Err(RecvError::Closed) => return Err(Fault("the link is gone")),
            }
        }
        Ok(false)
    }

    fn speak(&mut self, now: Instant) {
        let mut buffer = [0; FRAME_MAX];
        while let Some(len) = self.sender.transmit(now, &mut buffer) {
            // A refusal is a loss like any other: the item stays, and its time to be repeated is set.
            let _ = self.link.send(self.peer, &buffer[..len]);
        }
    }
}

impl<L: Link, P: Payload + Serialize, const WINDOW: usize, const BYTES: usize> Node
    for Outbound<L, P, WINDOW, BYTES>
{
    type In = Any<(P,)>;
    type Out = ();

    fn open(&self) -> bool {
        self.sender.has_room()
    }

    fn step(&mut self, cx: &mut Cx, (item,): Items<'_, Self>, (): Permits<'_, Self>) -> Result<Step, Fault> {
        let now = cx.now();
        let heard_all = self.hear(now)?;
        if let Some(item) = item {
            let mut fits = true;
            let taken = self.sender.push(now, |slot| match postcard::to_slice(&*item, slot) {
                Ok(bytes) => bytes.len(),
                Err(_) => {
                    fits = false;
                    0
                }
            });
            if !fits {
                return Err(Fault("a payload does not fit the window's slots"));
            }
            taken.map_err(|_| Fault("an item was shown to a full window"))?;
        }
        if cx.closed() {
            self.sender.end(now);
        }
        self.speak(now);
        if self.sender.is_finished() {
            return Ok(Step::Done);
        }
        if self.sender.is_abandoned(now) {
            return Err(Fault("the peer has been silent beyond patience"));
        }
        Ok(match self.sender.due() {
            _ if !heard_all => Step::SleepUntil(now),
            Some(due) => Step::SleepUntil(due),
            None => Step::Wait,
        })
    }
}

impl<L: Link, P, const WINDOW: usize, const BYTES: usize> Inbound<L, P, WINDOW, BYTES> {
    /// The far end of `stream`. It answers whoever last sent it a sound frame, and lingers so long after the end.
    pub fn new(link: L, stream: u32, linger: Duration) -> Self {
        const { assert!(BYTES + OVERHEAD <= FRAME_MAX, "a frame has at most 256 bytes") };
        Self {
            link,
            peer: None,
            receiver: Receiver::new(stream),
            linger,
            heard: Instant::ZERO,
            payload: PhantomData,
        }
    }

    /// Datagrams dropped, by cause.
    pub const fn rejects(&self) -> &Rejects {
        self.receiver.rejects()
    }

    /// Items that arrived again.
    pub const fn repeats(&self) -> u32 {
        self.receiver.repeats()
    }

    /// Takes in what waits; false if more may wait still.
    fn hear(&mut self, now: Instant) -> Result<bool, Fault> {
        let mut buffer = [0; FRAME_MAX];
        for _ in 0..2 * WINDOW {
            match self.link.recv(&mut buffer) {
                Ok(Some(datagram)) => {
                    if self.receiver.on_datagram(&buffer[..datagram.len]).is_ok() {
                        self.peer = Some(datagram.from);
                        self.heard = now;
                    }
                }
                Ok(None) => return Ok(true),
                Err(RecvError::Truncated) => {}
                Err(RecvError::Closed) => return Err(Fault("the link is gone")),
            }
        }
        Ok(false)
    }

    fn speak(&mut self) {
        let mut buffer = [0; FRAME_MAX];
        let Some(peer) = self.peer else { return };
        if let Some(len) = self.receiver.transmit(&mut buffer) {
            // A refusal is a loss like any other: the peer repeats itself and is answered then.
            let _ = self.link.send(peer, &buffer[..len]);
        }
    }
}

impl<L: Link, P: Payload + DeserializeOwned, const WINDOW: usize, const BYTES: usize> Node
    for Inbound<L, P, WINDOW, BYTES>
{
    type In = ();
    type Out = (P,);

    fn step(&mut self, cx: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        let now = cx.now();
        let heard_all = self.hear(now)?;
        match self.receiver.deliver(|bytes| postcard::from_bytes::<P>(bytes)) {
            Some(Ok(payload)) => out.send(payload),
            Some(Err(_)) => return Err(Fault("a sound frame holds no payload of this type")),
            None => {}
        }
        self.speak();
        if self.receiver.has_item() || !heard_all {
            return Ok(Step::Progress);
        }
        if !self.receiver.is_ended() {
            return Ok(Step::Wait);
        }
        let leave = self.heard + self.linger;
        Ok(if now >= leave { Step::Done } else { Step::SleepUntil(leave) })
    }
}

impl<L: Link, P, const WINDOW: usize, const BYTES: usize> fmt::Debug for Outbound<L, P, WINDOW, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl<L: Link, P, const WINDOW: usize, const BYTES: usize> fmt::Debug for Inbound<L, P, WINDOW, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
