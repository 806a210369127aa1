use crate::Outcome;
use crate::feed::Feed;
use std::collections::BTreeMap;
use tidemill_flow::wire::{Frame, Receiver, Reject, Sender, Timing};
use tidemill_seam::{Duration, Instant};

const STREAM: u32 = 7;
const WINDOW: usize = 4;
const BYTES: usize = 8;
/// Steps of one input, at most.
const STEPS: usize = 512;

/// The input is the script of a peer that knows the protocol and lies: its frames carry good checksums, and say what it
/// likes. What a side does for it is still what that side promises.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let mut lied_to = Sides::new();
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        lied_to.step(&mut feed);
    }
    let (items, rejects) = (lied_to.receiver.delivered(), lied_to.receiver.rejects().total());
    let finished = usize::from(lied_to.sender.is_finished());
    Outcome::sized("peer", &[items as usize, rejects as usize, lied_to.sender.pushed() as usize, finished])
}

struct Sides {
    now: Instant,
    sender: Sender<WINDOW, BYTES>,
    receiver: Receiver<WINDOW, BYTES>,
    /// What the receiver took and has not handed on, by place.
    taken: BTreeMap<u64, Vec<u8>>,
    ended: bool,
}

impl Sides {
    fn new() -> Self {
        Self {
            now: Instant::ZERO,
            sender: Sender::new(STREAM, Timing::DEFAULT),
            receiver: Receiver::new(STREAM),
            taken: BTreeMap::new(),
            ended: false,
        }
    }

    fn step(&mut self, feed: &mut Feed<'_>) {
        match feed.byte() % 7 {
            0 => self.now += Duration::from_millis(u64::from(feed.byte()) * 10),
            1 if self.sender.has_room() => {
                let place = self.sender.pushed();
                let pushed = self.sender.push(self.now, |slot| {
                    *slot = place.to_le_bytes();
                    slot.len()
                });
                pushed.expect("there is room");
            }
            2 if feed.byte() == 0 => {
                self.sender.end(self.now);
                self.ended = true;
            }
            3 | 4 => {
                let (sequence, len) =
                    (place(feed, self.receiver.delivered()), usize::from(feed.byte()) % (2 * BYTES));
                let payload = feed.bytes(len).to_vec();
                self.data(sequence, &payload);
            }
            5 => {
                let sequence = place(feed, self.receiver.delivered());
                let _ = self.hear(Frame::End { sequence });
            }
            _ => {
                let next = place(feed, self.sender.pushed());
                let bits = feed.u32();
                let _ = self.hear(Frame::Ack { next, bits });
            }
        }
        self.speak();
        self.hand_on();
    }

    /// Gives a frame to both sides: one of them never takes it.
    fn hear(&mut self, frame: Frame<'_>) -> Result<(), Reject> {
        let mut bytes = [0; 64];
        let len = frame.write(STREAM, &mut bytes);
        let by_sender = self.sender.on_datagram(self.now, &bytes[..len]);
        let by_receiver = self.receiver.on_datagram(&bytes[..len]);
        match frame {
            Frame::Ack { .. } => {
                assert_eq!(by_receiver, Err(Reject::Kind), "a receiver is no sender");
                by_sender
            }
            Frame::Data { .. } | Frame::End { .. } => {
                assert_eq!(by_sender, Err(Reject::Kind), "a sender is no receiver");
                by_receiver
            }
        }
    }

    fn data(&mut self, sequence: u64, payload: &[u8]) {
        let next = self.receiver.delivered();
        match self.hear(Frame::Data { sequence, payload }) {
            Ok(()) if sequence >= next => {
                assert!(sequence - next < WINDOW as u64, "item {sequence} is kept, {next} is next");
                assert!(payload.len() <= BYTES, "{} bytes in a slot of {BYTES}", payload.len());
                self.taken.entry(sequence).or_insert_with(|| payload.to_vec());
            }
            _ => {}
        }
    }

    /// What both sides have to say: sound frames of this stream, and no item but those that were pushed.
    fn speak(&mut self) {
        let mut into = [0; 64];
        for _ in 0..=WINDOW {
            let Some(len) = self.sender.transmit(self.now, &mut into) else { break };
            match Frame::check(STREAM, &into[..len]) {
                Ok(Frame::Data { sequence, payload }) => {
                    assert!(sequence < self.sender.pushed(), "item {sequence} was never pushed");
                    assert_eq!(payload, sequence.to_le_bytes(), "item {sequence} is another one");
                }
                Ok(Frame::End { sequence }) => {
                    assert!(self.ended && sequence == self.sender.pushed(), "an end at {sequence}");
                }
                other => panic!("a sender says {other:?}"),
            }
        }
        assert!(self.sender.transmit(self.now, &mut into).is_none(), "a window is said once at one instant");
        assert!(self.ended || !self.sender.is_finished(), "it has not ended");
        let _ = (self.sender.due(), self.sender.is_abandoned(self.now));
        if let Some(len) = self.receiver.transmit(&mut into) {
            let sound = matches!(Frame::check(STREAM, &into[..len]), Ok(Frame::Ack { .. }));
            assert!(sound, "a receiver acknowledges");
        }
    }

    /// Items come out in order, each as it was first taken.
    fn hand_on(&mut self) {
        loop {
            let place = self.receiver.delivered();
            let Some(item) = self.receiver.deliver(<[u8]>::to_vec) else { break };
            assert_eq!(self.taken.remove(&place), Some(item), "item {place}");
        }
        assert!(self.taken.len() < WINDOW, "{} items are kept", self.taken.len());
    }
}

/// A place near another one, or anywhere.
fn place(feed: &mut Feed<'_>, near: u64) -> u64 {
    match feed.byte() {
        0xff => feed.u64(),
        by => near.wrapping_add(u64::from(by)).wrapping_sub(2),
    }
}

/// Scripts that push and acknowledge, send in and out of order, end too early, and name the greatest places there are.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let sender =
        b"\x01\x01\x01\x01\x00\x0a\x06\x00\0\0\0\0\x01\x06\x01\x02\0\0\0\x02\0\x00\xff\x06\x03\0\0\0\0";
    let receiver = b"\x03\x02\x03abc\x03\x04\x01z\x03\x03\x02yy\x05\x03\x03\x02\x01q\x05\x02\x05\x03";
    let edges: Vec<u8> = [5, 3, 6]
        .into_iter()
        .flat_map(|kind| [&[kind, 0xff][..], &[0xff; 8], b"\x04edge"].concat())
        .collect();
    vec![sender.to_vec(), receiver.to_vec(), edges]
}
