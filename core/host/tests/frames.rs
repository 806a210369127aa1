//! Messages and values through shared memory and through a file, every handle with a mapping and claims of its own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_contracts::frames::{Parts, Runs, parts_words, runs_words};
use tidemill_contracts::segment::Claims;
use tidemill_contracts::{Effort, Verdict, frames};
use tidemill_host::ring::{self, AttachError, Draft, Ring};
use tidemill_ring::codec::{Codec, CodecId, DecodeError, EncodeError};
use tidemill_ring::frame::{Broken, Cause, Fixed, Meta};
use tidemill_ring::header::Field;
use tidemill_ring::wait::{Ended, Until};
use tidemill_ring::{Next, Position, Start, Why};

const N: usize = 32;

/// A ring that no other test uses, in shared memory or in a file. Its name goes with it.
struct Own(Ring);

impl Own {
    fn each() -> [Self; 2] {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        [None, Some(std::env::temp_dir())].map(|root: Option<PathBuf>| {
            // Relaxed: counts, orders nothing.
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let ring = ring::ring(&format!("f{}x{number}", std::process::id())).expect("a name");
            Self(if let Some(root) = root { ring.under(root) } else { ring })
        })
    }

    fn frames(&self) -> ring::Builder<Fixed<N>> {
        self.0.clone().frames(8).name("only")
    }

    fn runs(&self) -> ring::Builder<tidemill_ring::frame::Var<N>> {
        self.0.clone().runs(8).name("only")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(self.0.path());
    }
}

fn payload(number: u64) -> Vec<u8> {
    let len = (number * 37 % 200) as usize;
    (0..len as u64).map(|at| (number * 31 + at * 7) as u8).collect()
}

fn broken<T>(heard: Option<Next<T>>) -> Option<(Position, Cause)> {
    match heard {
        Some(Next::Broken { at, what: Broken { cause, .. } }) => Some((at, cause)),
        _ => None,
    }
}

// RING-LAYERS, RING-SPMC: messages of any length go through, in parts and in runs.
#[test]
fn messages_go_through_shared_memory_and_through_a_file() {
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        let mut rx = own.frames().frame_consumer().expect("there is room");
        let mut waiting = VecDeque::new();
        let mut number = 0;
        while number < 300 {
            if tx.try_publish(&payload(number), 1).is_ok() {
                waiting.push_back(payload(number));
                number += 1;
                continue;
            }
            let (count, None) =
                rx.poll(9, |got, _| assert_eq!(Some(got.bytes), waiting.pop_front().as_deref()))
            else {
                panic!("nothing else happens")
            };
            assert!(count > 0);
        }
    }
    for own in Own::each() {
        let mut tx = own.runs().var_producer().expect("nobody else does");
        let mut rx = own.runs().var_consumer().expect("there is room");
        for number in 0..300 {
            while tx.try_publish(&payload(number), 1).is_err() {
                // A gap at the end of the ring is passed by looking.
                assert!(rx.try_next().is_none());
            }
            assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == payload(number)));
        }
    }
}

// RING-FRAMES, RING-LAYERS: memory for messages of a length that is told; a longer one is broken, and the next one is not
#[test]
fn a_message_that_is_longer_than_was_said_is_broken_and_the_next_is_not() {
    for own in Own::each() {
        let mut tx = own.runs().var_producer().expect("nobody else does");
        let mut rx = own.runs().message_max(20).var_consumer().expect("there is room");
        for bytes in [20, 21, 20] {
            tx.try_publish(&[7; 21][..bytes], 1).expect("there is room");
        }
        assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == [7; 20]));
        let wrong = broken(rx.try_next()).expect("it is longer");
        assert_eq!(wrong.1, Cause::TooLarge { max: 20 });
        assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == [7; 20]));
    }
}

// RING-FRAMES, RING-LAYERS: R-RING-06, an orphan first part costs one message
#[test]
fn an_orphan_first_part_costs_one_message() {
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        let mut rx = own.frames().frame_consumer().expect("there is room");
        let mut orphan = Fixed::new();
        orphan.write(Meta { parts: 2, message: 9, ..Meta::default() }, &[1; N]).expect("it fits");
        tx.raw().try_push(orphan).expect("there is room");
        assert!(rx.try_next().is_none());
        let mut heard = Vec::new();
        for number in 0..50 {
            tx.try_publish(&payload(number), 1).expect("there is room");
            while let Some(next) = rx.try_next() {
                heard.push(next.item::<()>().map(|got| got.to_vec()).map_err(|news| broken(Some(news))));
            }
        }
        let cut = std::iter::once(Err(Some((Position(1), Cause::Cut))));
        assert_eq!(heard, cut.chain((0..50).map(|number| Ok(payload(number)))).collect::<Vec<_>>());
    }
}

// RING-FRAMES, RING-LAYERS: R-RING-07, who begins in the middle of a message hears of one that is broken
#[test]
fn a_tail_part_is_never_a_message() {
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        tx.try_publish(&[1; 3 * N], 1).expect("there is room");
        tx.try_publish(b"next", 1).expect("there is room");
        let mut rx = own.frames().start(Start::At(Position(1))).frame_consumer().expect("there is room");
        assert_eq!(broken(rx.try_next()), Some((Position(1), Cause::NoFirst)));
        assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == *b"next"));
    }
}

// RING-FRAMES, RING-LAYERS: R-RING-08, a length that cannot be is told, and passed
#[test]
fn a_lying_length_is_a_fault_not_a_poison_pill() {
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        let mut rx = own.frames().frame_consumer().expect("there is room");
        let mut lie = Fixed::<N>::new();
        let words = Meta { len: 1_000_000, parts: 1, ..Meta::default() }.pack();
        for (four, word) in tidemill_ring::element::bytes_mut(&mut lie).chunks_mut(4).zip(words) {
            four.copy_from_slice(&word.to_ne_bytes());
        }
        tx.raw().try_push(lie).expect("there is room");
        tx.try_publish(b"next", 1).expect("there is room");
        let cause = Cause::Length { says: 1_000_000, has: N as u32 };
        assert_eq!(broken(rx.try_next()), Some((Position(0), cause)));
        assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == *b"next"));
        drop(rx);
        let mut rx = own.frames().frame_consumer().expect("there is room");
        tx.try_publish(b"more", 1).expect("there is room");
        assert!(matches!(rx.try_next(), Some(Next::Item(got)) if *got == *b"more"));
    }
}

/// Numbers below 1,000 in decimal: a codec of one's own.
#[derive(Clone, Copy)]
struct Decimal;

impl Codec<u32> for Decimal {
    const ID: CodecId = CodecId(1_000);

    fn encode(&self, value: &u32, grant: &mut [u8]) -> Result<usize, EncodeError> {
        if *value >= 1_000 {
            return Err(EncodeError::Value);
        }
        let (text, have) = (value.to_string(), grant.len());
        grant.get_mut(..text.len()).ok_or(EncodeError::NoRoom { have })?.copy_from_slice(text.as_bytes());
        Ok(text.len())
    }

    fn decode(&self, bytes: &[u8]) -> Result<u32, DecodeError> {
        std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(DecodeError::Invalid)
    }
}

// RING-LAYERS, RING-CODECS: values go through, and what is none is told with its position; the header names the codec.
#[test]
fn values_go_through_and_another_codec_is_refused() {
    for own in Own::each() {
        let mut tx = own.frames().typed(Decimal).producer().expect("nobody else does");
        let mut rx = own.frames().typed(Decimal).consumer().expect("there is room");
        tx.try_publish(&7).expect("there is room");
        tx.raw().try_publish(b"seven", 0).expect("there is room");
        tx.try_publish(&8).expect("there is room");
        assert!(tx.try_publish(&1_000).is_err());
        assert_eq!(rx.try_next(), Some(Next::Item(7)));
        assert_eq!(broken(rx.try_next()), Some((Position(1), Cause::Codec(DecodeError::Invalid))));
        assert_eq!(rx.try_next(), Some(Next::Item(8)));
        assert_eq!(rx.try_next(), None);
        drop((tx, rx));
        let codec =
            |error| matches!(error, Some(AttachError::Incompatible { field: Field::Codec, got: 1_000, .. }));
        assert!(codec(own.frames().frame_producer().err()), "messages that may be no values");
        assert!(own.frames().frame_consumer().is_ok(), "whoever reads bytes may");
        let kind = own.runs().var_producer().err();
        assert!(matches!(
            kind,
            Some(AttachError::Incompatible { field: Field::ElementSize | Field::Kind, .. })
        ));
    }
}

// RING-LAYERS, RING-WAIT: both sides wait for each other on two threads, with messages in parts, in runs, and with values.
#[test]
fn both_sides_wait_for_each_other() {
    const COUNT: u64 = 2_000;
    let forever = Until::forever();
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        let mut rx = own.frames().frame_consumer().expect("there is room");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..COUNT {
                    tx.publish(&payload(number), 1, forever).expect("it is being read");
                }
                tx.into_raw().close();
            });
            for number in 0..COUNT {
                let Ok(Next::Item(got)) = rx.next(forever) else { panic!("message {number} is missing") };
                assert_eq!(*got, payload(number));
            }
            assert!(matches!(rx.next(forever), Ok(Next::Closed(_))));
        });
    }
    for own in Own::each() {
        let mut tx = own.runs().var_producer().expect("nobody else does");
        let mut rx = own.runs().var_consumer().expect("there is room");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..COUNT {
                    tx.publish(&payload(number), 1, forever).expect("it is being read");
                }
                tx.close();
            });
            for number in 0..COUNT {
                let Ok(Next::Item(got)) = rx.next(forever) else { panic!("message {number} is missing") };
                assert_eq!(*got, payload(number));
            }
            assert!(matches!(rx.next(forever), Ok(Next::Closed(_))));
        });
    }
    for own in Own::each() {
        let mut tx = own.runs().typed(Decimal).producer().expect("nobody else does");
        let mut rx = own.runs().typed(Decimal).consumer().expect("there is room");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..COUNT {
                    tx.publish(&(number as u32 % 1_000), forever).expect("it is being read");
                }
            });
            for number in 0..COUNT {
                assert_eq!(rx.next(forever), Ok(Next::Item(number as u32 % 1_000)));
            }
            assert_eq!(rx.next(Until::now()), Err(Ended::Deadline));
        });
    }
}

// RING-LAYERS, RING-WAIT: a wait ends by its deadline, and a message that never fits waits for nothing.
#[test]
fn a_wait_for_what_never_comes_ends() {
    for own in Own::each() {
        let mut tx = own.runs().var_producer().expect("nobody else does");
        let mut rx = own.runs().var_consumer().expect("there is room");
        let too_large = Why::TooLarge { max: 256 };
        assert_eq!(tx.publish(&[0; 257], 1, Until::forever()).unwrap_err().why, too_large);
        assert_eq!(rx.next(Until::now()).err(), Some(Ended::Deadline));
        tx.publish(&[1; 256], 1, Until::forever()).expect("the ring is empty");
        assert!(matches!(tx.publish(b"x", 1, Until::now()).unwrap_err().why, Why::Full { .. }));
    }
    for own in Own::each() {
        let mut tx = own.frames().frame_producer().expect("nobody else does");
        let _rx = own.frames().frame_consumer().expect("there is room");
        let too_large = Why::TooLarge { max: 256 };
        assert_eq!(tx.publish(&[0; 257], 1, Until::forever()).unwrap_err().why, too_large);
        tx.publish(&[1; 256], 1, Until::forever()).expect("the ring is empty");
        assert!(matches!(tx.publish(b"x", 1, Until::now()).unwrap_err().why, Why::Full { .. }));
    }
}

/// A region in a file without a name.
fn region(words: u32) -> ring::Mapping {
    let draft =
        Draft::new(std::env::temp_dir().join("unnamed"), 4 * u64::from(words)).expect("there is room");
    draft.backing().mapping.clone()
}

fn passes(verdict: Verdict) {
    match verdict {
        Ok(passed) => assert!(passed.checks > 10_000, "{passed:?}"),
        Err(violation) => panic!("{violation}"),
    }
}

// RING-LAWS, RING-LAYERS: the suite of messages holds over mappings too.
#[test]
fn messages_keep_every_law_in_a_mapped_file() {
    let claims = Claims::default();
    passes(frames(|slots| Parts::new(region(parts_words(slots)), &claims, slots), Effort::Quick));
    passes(frames(|slots| Runs::new(region(runs_words(slots)), &claims, slots), Effort::Quick));
}
