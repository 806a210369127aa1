use crate::Outcome;
use tidemill_flow::wire::{Receiver, Sender, Timing};
use tidemill_seam::{Duration, Instant};

const STREAM: u32 = 7;
/// Steps of one input, at most.
const STEPS: usize = 512;

/// The input is a list of datagrams, each behind its length in one byte; one of length 0 lets time pass and both sides
/// talk to each other.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let (mut sender, mut receiver) =
        (Sender::<4, 8>::new(STREAM, Timing::DEFAULT), Receiver::<4, 8>::new(STREAM));
    let (mut now, mut rest) = (Instant::ZERO, bytes);
    let mut into = [0; 128];
    for _ in 0..STEPS {
        let Some((&len, left)) = rest.split_first() else { break };
        let (datagram, left) = left.split_at(usize::from(len).min(left.len()));
        rest = left;
        if datagram.is_empty() {
            now += Duration::from_millis(60);
            if sender.has_room() {
                let place = sender.pushed();
                let _ = sender.push(now, |slot| {
                    *slot = place.to_le_bytes();
                    slot.len()
                });
            }
            if let Some(len) = sender.transmit(now, &mut into) {
                let _ = receiver.on_datagram(&into[..len]);
            }
        }
        let (_, _) = (sender.on_datagram(now, datagram), receiver.on_datagram(datagram));
        if let Some(len) = receiver.transmit(&mut into) {
            let _ = sender.on_datagram(now, &into[..len]);
        }
        while let Some(len) = receiver.deliver(<[u8]>::len) {
            assert!(len <= 8, "an item of {len} bytes in a slot of 8");
        }
        let _ = (sender.due(), sender.is_finished(), receiver.is_ended(), sender.is_abandoned(now));
    }
    let rejects = [sender.rejects().total(), receiver.rejects().total()].map(|count| count as usize);
    Outcome::sized("frames", &[receiver.delivered() as usize, rejects[0], rejects[1]])
}

/// What the two sides say to each other, and a list of empty datagrams.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (mut sender, mut receiver) =
        (Sender::<4, 8>::new(STREAM, Timing::DEFAULT), Receiver::<4, 8>::new(STREAM));
    let (mut input, mut into) = (Vec::new(), [0; 128]);
    let mut say = |datagram: &[u8]| {
        input.push(datagram.len() as u8);
        input.extend_from_slice(datagram);
    };
    for item in 0..3_u64 {
        let _ = sender.push(Instant::ZERO, |slot| {
            *slot = item.to_le_bytes();
            slot.len()
        });
        if let Some(len) = sender.transmit(Instant::ZERO, &mut into) {
            say(&into[..len]);
            let _ = receiver.on_datagram(&into[..len]);
        }
        if let Some(len) = receiver.transmit(&mut into) {
            say(&into[..len]);
        }
    }
    sender.end(Instant::ZERO);
    if let Some(len) = sender.transmit(Instant::ZERO, &mut into) {
        say(&into[..len]);
    }
    vec![input, vec![0; 32]]
}
