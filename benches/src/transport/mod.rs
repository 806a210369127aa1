//! Who carries items from some who send to some who take, and how each is asked the same.
//!
//! A [`Case`] is one question. A transport answers with a [`Role`] for every party: the takers first, then the senders. Each
//! role runs on a thread or in a process of its own, and [meets](Meet) the others three times: once whoever makes the channel
//! has made it, once all have joined, and before anybody leaves.
//!
//! Whoever finds nothing, or no room, waits in the same way, so that a difference is the transport's. Both sides touch every
//! byte: items come in order and are counted, payloads are generated and summed.

use std::fmt;
use std::hint::spin_loop;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

pub mod asleep;
#[cfg(feature = "ring-peers")]
pub mod disruptor_mp;
#[cfg(feature = "ring-peers")]
pub mod iceoryx;
pub mod inside;
pub mod killed;
#[cfg(feature = "ring-peers")]
pub mod lmax;
pub mod ours;
pub mod refused;
pub mod trial;
#[cfg(feature = "rkyv")]
pub mod views;

use asleep::Asleep;
use killed::Victim;

/// Slots of every ring of small items.
pub const CAPACITY: usize = 1024;
/// Items of a batch.
pub const BATCH: usize = 64;
/// Looks in vain before the processor goes to somebody else.
const SPINS: u32 = 256;
/// Whoever gets nothing for so long gives up: it was lost, or will never come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes to and fro: a line of memory.
pub type Ball = [u64; 8];

/// One question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Items of 8 bytes to so many takers, each of which gets all of them.
    Signal {
        /// How many.
        takers: usize,
    },
    /// The same to one taker, shown and taken 64 at a time.
    Batches,
    /// Items of 8 bytes of so many senders to one taker.
    Merge {
        /// How many.
        senders: usize,
    },
    /// 64 bytes there and back; in nanoseconds a round, its median and what one in a thousand exceeds.
    PingPong,
    /// Messages of so many bytes to one taker.
    Framed {
        /// How many.
        bytes: usize,
    },
    /// Values that rkyv archives, 592 bytes each, to one taker that views them.
    View,
    /// Publications into a full ring of which everybody expected is absent.
    Refused,
    /// A wait.
    Asleep(Asleep),
    /// A death.
    Killed(Victim),
}

/// A meeting of all roles.
pub type Meet<'a> = &'a dyn Fn();

/// One party.
pub type Role = Box<dyn FnOnce(Meet<'_>) -> Report + Send>;

/// What a party has to say.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// All went well, and took so long.
    Took(Duration),
    /// The rounds of a ping-pong, in nanoseconds each.
    Rounds(Vec<u64>),
    /// It used so much of a core.
    Share(f64),
    /// What was waited for did not come about for so long.
    Never(Duration),
    /// It sent, and whoever takes knows how long that took.
    Sent,
    /// So many of those did not come, or not as they were sent.
    Lost {
        /// What came.
        came: u64,
        /// What was sent.
        of: u64,
    },
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { takers } => write!(f, "signal:{takers}"),
            Self::Batches => f.write_str("batches"),
            Self::Merge { senders } => write!(f, "merge:{senders}"),
            Self::PingPong => f.write_str("ping-pong"),
            Self::Framed { bytes } => write!(f, "framed:{bytes}"),
            Self::View => f.write_str("view"),
            Self::Refused => f.write_str("refused"),
            Self::Asleep(Asleep::Idle) => f.write_str("idle"),
            Self::Asleep(Asleep::Wake) => f.write_str("wake"),
            Self::Killed(victim) => f.write_str(victim.name()),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once(':').unwrap_or((text, "0"));
        let number = number.parse().map_err(|_| text.to_owned())?;
        match name {
            "signal" => Ok(Self::Signal { takers: number }),
            "batches" => Ok(Self::Batches),
            "merge" => Ok(Self::Merge { senders: number }),
            "ping-pong" => Ok(Self::PingPong),
            "framed" => Ok(Self::Framed { bytes: number }),
            "view" => Ok(Self::View),
            "refused" => Ok(Self::Refused),
            "idle" => Ok(Self::Asleep(Asleep::Idle)),
            "wake" => Ok(Self::Asleep(Asleep::Wake)),
            "taker" => Ok(Self::Killed(Victim::Taker)),
            "sender" => Ok(Self::Killed(Victim::Sender)),
            "claimer" => Ok(Self::Killed(Victim::Claimer)),
            _ => Err(text.to_owned()),
        }
    }
}

/// Rests longer and longer between looks in vain, as long as there is hope.
struct Patience {
    looks: u32,
    since: Option<Instant>,
}

impl Patience {
    const fn new() -> Self {
        Self { looks: 0, since: None }
    }

    /// `false` where there is none left.
    #[inline]
    fn rest(&mut self) -> bool {
        self.looks += 1;
        if self.looks < SPINS {
            spin_loop();
            return true;
        }
        thread::yield_now();
        self.since.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}

/// What was taken: how many, whether in order, and the sum of their payloads.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Taken {
    count: u64,
    sum: u64,
    wrong: bool,
}

impl Taken {
    /// An item of the only sender.
    #[inline]
    pub fn item(&mut self, item: u64) {
        self.wrong |= item != self.count;
        self.count += 1;
    }

    /// An item of one of several senders, whose items mix: their sum tells whether all came.
    #[inline]
    pub fn of_several(&mut self, item: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(item);
    }

    /// A message: all of it is read.
    #[inline]
    pub fn message(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        self.words(words.iter().map(|word| u64::from_ne_bytes(*word)), words.len());
        self.wrong |= !rest.is_empty();
    }

    /// As [`message`](Self::message), of words.
    #[inline]
    pub fn words(&mut self, words: impl Iterator<Item = u64>, n: usize) {
        let sum = words.fold(0, u64::wrapping_add);
        let n = n as u64;
        let want = seed(self.count).wrapping_mul(n).wrapping_add(n * (n.max(1) - 1) / 2);
        self.wrong |= sum != want;
        self.count += 1;
    }

    fn report(&self, of: u64, begun: Instant) -> Report {
        let took = begun.elapsed();
        if self.wrong || self.count != of {
            Report::Lost { came: self.count, of }
        } else {
            Report::Took(took)
        }
    }
}

/// The first word of a message; the others count on from it.
#[inline]
#[must_use]
pub const fn seed(message: u64) -> u64 {
    message.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Makes the payload of a message.
#[inline]
pub fn fill(payload: &mut [u8], message: u64) {
    for (k, word) in payload.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *word = seed(message).wrapping_add(k as u64).to_ne_bytes();
    }
}

/// Sends `items` items: `some` sends from one on, as many as it likes, and says how many.
pub fn send_all(items: u64, mut some: impl FnMut(u64) -> u64) -> Report {
    let (mut at, mut patience) = (0, Patience::new());
    while at < items {
        match some(at) {
            0 if patience.rest() => {}
            0 => return Report::Lost { came: at, of: items },
            n => (at, patience) = (at + n, Patience::new()),
        }
    }
    Report::Sent
}

/// Takes `items` items: `some` takes as many as it likes, and says how many.
pub fn take_all(items: u64, mut some: impl FnMut(&mut Taken) -> u64) -> Report {
    let (mut taken, mut patience, begun) = (Taken::default(), Patience::new(), Instant::now());
    while taken.count < items {
        match some(&mut taken) {
            0 if patience.rest() => {}
            0 => break,
            _ => patience = Patience::new(),
        }
    }
    taken.report(items, begun)
}

/// As [`take_all`], of several senders who share the items.
pub fn take_all_of(senders: u64, items: u64, mut some: impl FnMut(&mut Taken) -> u64) -> Report {
    let (mut taken, mut patience, begun) = (Taken::default(), Patience::new(), Instant::now());
    let each = items / senders;
    while taken.count < each * senders {
        match some(&mut taken) {
            0 if patience.rest() => {}
            0 => break,
            _ => patience = Patience::new(),
        }
    }
    taken.wrong = taken.sum != (each * (each.max(1) - 1) / 2).wrapping_mul(senders);
    taken.report(each * senders, begun)
}

/// Plays against [`pong`]: sends a ball, and waits for it.
pub fn ping(
    rounds: u64,
    mut send: impl FnMut(&Ball) -> bool,
    mut take: impl FnMut() -> Option<Ball>,
) -> Report {
    let mut spans = Vec::with_capacity(rounds as usize);
    for round in 0..rounds {
        let (begun, mut patience) = (Instant::now(), Patience::new());
        let ball = std::array::from_fn(|i| round + i as u64);
        while !send(&ball) {
            if !patience.rest() {
                return Report::Lost { came: round, of: rounds };
            }
        }
        let mut patience = Patience::new();
        let back = loop {
            match take() {
                Some(back) => break back,
                None if patience.rest() => {}
                None => return Report::Lost { came: round, of: rounds },
            }
        };
        if back != ball.map(|word| !word) {
            return Report::Lost { came: round, of: rounds };
        }
        spans.push(begun.elapsed().as_nanos() as u64);
    }
    Report::Rounds(spans)
}

/// Plays against [`ping`]: sends every ball back, turned over.
pub fn pong(
    rounds: u64,
    mut send: impl FnMut(&Ball) -> bool,
    mut take: impl FnMut() -> Option<Ball>,
) -> Report {
    for round in 0..rounds {
        let mut patience = Patience::new();
        let ball = loop {
            match take() {
                Some(ball) => break ball,
                None if patience.rest() => {}
                None => return Report::Lost { came: round, of: rounds },
            }
        };
        let back = ball.map(|word| !word);
        while !send(&back) {
            if !patience.rest() {
                return Report::Lost { came: round, of: rounds };
            }
        }
    }
    Report::Sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_read_back_from_its_own_name() {
        for case in [
            Case::Signal { takers: 3 },
            Case::Batches,
            Case::Merge { senders: 4 },
            Case::PingPong,
            Case::Framed { bytes: 1024 },
            Case::View,
            Case::Refused,
            Case::Asleep(Asleep::Wake),
            Case::Killed(Victim::Claimer),
        ] {
            assert_eq!(case.to_string().parse(), Ok(case));
        }
        assert!("chat:4".parse::<Case>().is_err() && "signal:x".parse::<Case>().is_err());
    }

    #[test]
    fn a_message_that_changed_is_not_the_one_that_was_sent() {
        let mut payload = vec![0; 128];
        let mut taken = Taken::default();
        for message in 0..3 {
            fill(&mut payload, message);
            taken.message(&payload);
        }
        assert_eq!(taken, Taken { count: 3, sum: 0, wrong: false });
        fill(&mut payload, 3);
        payload[77] ^= 1;
        taken.message(&payload);
        assert!(taken.wrong);
    }

    #[test]
    fn an_item_that_is_missing_or_comes_twice_is_told() {
        let came = |items: &[u64]| {
            let mut items = items.iter();
            take_all(3, |taken| items.next().map_or(0, |item| (taken.item(*item), 1).1))
        };
        assert!(matches!(came(&[0, 1, 2]), Report::Took(_)));
        assert_eq!(came(&[0, 2, 3]), Report::Lost { came: 3, of: 3 });
        assert_eq!(came(&[0, 0, 1]), Report::Lost { came: 3, of: 3 });
    }
}
