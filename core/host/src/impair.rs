use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use tidemill_seam::{Clock, Duration, Entropy, Instant, Link, Received, RecvError, SendError};

/// How often a datagram suffers, each in parts per million and independent of the others.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Impairment {
    /// Never arrives.
    pub loss_ppm: u32,
    /// Arrives twice.
    pub duplicate_ppm: u32,
    /// One bit of it is turned over.
    pub corrupt_ppm: u32,
    /// Is held back for a random part of [`hold_max`](Self::hold_max), so that later ones overtake it.
    pub reorder_ppm: u32,
    /// The longest time a datagram is held back.
    pub hold_max: Duration,
}

/// What became of the datagrams that were sent through an [`Impaired`] link.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Suffered {
    /// Handed over by the caller and accepted.
    pub sent: u64,
    /// Thrown away.
    pub lost: u64,
    /// Sent a second time.
    pub duplicated: u64,
    /// Sent with one bit turned over.
    pub corrupted: u64,
    /// Held back.
    pub held: u64,
}

struct Held<A> {
    due: Instant,
    sequence: u64,
    to: A,
    bytes: Vec<u8>,
}

impl<A> Held<A> {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.sequence)
    }
}

impl<A> PartialEq for Held<A> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<A> Eq for Held<A> {}

impl<A> PartialOrd for Held<A> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<A> Ord for Held<A> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// A link that mistreats what is sent through it, within the licence of law L2.
///
/// Each send draws the same number of random bits whatever happens to the datagram, so a seed fixes the fate of the
/// n-th one. Nothing runs in the background: what is held back leaves at the first call at or after its time, and
/// [`due`](Self::due) tells a worker when to make that call.
pub struct Impaired<L: Link, E, C> {
    link: L,
    entropy: E,
    clock: C,
    impairment: Impairment,
    suffered: Suffered,
    held: BinaryHeap<Reverse<Held<L::Address>>>,
}

impl<L: Link, E: Entropy, C: Clock> Impaired<L, E, C> {
    /// `link`, mistreated as `impairment` says.
    pub fn new(link: L, entropy: E, clock: C, impairment: Impairment) -> Self {
        Self { link, entropy, clock, impairment, suffered: Suffered::default(), held: BinaryHeap::new() }
    }

    /// What was done so far.
    pub fn suffered(&self) -> Suffered {
        self.suffered
    }

    /// The link underneath.
    pub fn inner(&self) -> &L {
        &self.link
    }

    /// When the next datagram that is held back wants to leave.
    pub fn due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    /// Sends what is due. A refusal at this point is loss: the caller has long been told that it was accepted.
    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let now = self.clock.now();
        while self.due().is_some_and(|due| due <= now) {
            if let Some(Reverse(held)) = self.held.pop()
                && self.link.send(held.to, &held.bytes).is_err()
            {
                self.suffered.lost += 1;
            }
        }
    }

    fn hold(&mut self, fate: &Fate, to: L::Address, bytes: &[u8]) {
        let due = self.clock.now() + part(self.impairment.hold_max, fate.hold_part);
        self.held.push(Reverse(Held { due, sequence: self.suffered.sent, to, bytes: bytes.to_vec() }));
    }
}

/// What befalls one datagram.
struct Fate {
    lose: bool,
    duplicate: bool,
    corrupt: bool,
    hold: bool,
    bit_part: u32,
    hold_part: u32,
}

impl Fate {
    fn draw(entropy: &mut impl Entropy, impairment: Impairment) -> Self {
        let mut bytes = [0; 24];
        entropy.fill(&mut bytes);
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
        let mut word = || words.next().expect("six words were drawn");
        let mut chance = |ppm| (u64::from(word()) * 1_000_000) >> 32 < u64::from(ppm);
        Self {
            lose: chance(impairment.loss_ppm),
            duplicate: chance(impairment.duplicate_ppm),
            corrupt: chance(impairment.corrupt_ppm),
            hold: chance(impairment.reorder_ppm),
            bit_part: word(),
            hold_part: word(),
        }
    }
}

/// `part` / 2^32 of `whole`.
fn part(whole: Duration, part: u32) -> Duration {
    Duration::from_nanos(((u128::from(whole.as_nanos()) * u128::from(part)) >> 32) as u64)
}

/// `datagram` with the bit at `part` / 2^32 of its length turned over; none where it has no bits.
fn corrupted(datagram: &[u8], part: u32) -> Option<Vec<u8>> {
    let mut bytes = datagram.to_vec();
    let at = (bytes.len() as u64 * 8 * u64::from(part)) >> 32;
    *bytes.get_mut((at / 8) as usize)? ^= 1 << (at % 8);
    Some(bytes)
}

impl<L: Link, E: Entropy, C: Clock> Link for Impaired<L, E, C> {
    type Address = L::Address;

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    fn send(&mut self, to: L::Address, datagram: &[u8]) -> Result<(), SendError> {
        self.release();
        let mtu = self.link.mtu();
        if datagram.len() > mtu {
            return Err(SendError::TooLarge { mtu });
        }
        let fate = Fate::draw(&mut self.entropy, self.impairment);
        if fate.lose {
            self.suffered.sent += 1;
            self.suffered.lost += 1;
            return Ok(());
        }
        let changed = fate.corrupt.then(|| corrupted(datagram, fate.bit_part)).flatten();
        let bytes = changed.as_deref().unwrap_or(datagram);
        if fate.hold {
            self.hold(&fate, to, bytes);
        } else {
            self.link.send(to, bytes)?;
        }
        self.suffered.sent += 1;
        self.suffered.held += u64::from(fate.hold);
        self.suffered.corrupted += u64::from(changed.is_some());
        self.suffered.duplicated += u64::from(fate.duplicate && self.link.send(to, bytes).is_ok());
        Ok(())
    }

    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<L::Address>>, RecvError> {
        self.release();
        self.link.recv(buffer)
    }
}

impl<L: Link + fmt::Debug, E, C> fmt::Debug for Impaired<L, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Impaired")
            .field("link", &self.link)
            .field("impairment", &self.impairment)
            .field("suffered", &self.suffered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Impaired, Impairment, Suffered};
    use crate::SeededEntropy;
    use std::cell::Cell;
    use std::collections::VecDeque;
    use tidemill_seam::{Clock, Duration, Instant, Link, Received, RecvError, SendError};

    const ALWAYS: u32 = 1_000_000;

    /// A link whose own far end it is: what is sent arrives, in order.
    #[derive(Default, Debug)]
    struct Echo(VecDeque<Vec<u8>>);

    impl Link for Echo {
        type Address = ();
        fn mtu(&self) -> usize {
            16
        }
        fn send(&mut self, (): (), datagram: &[u8]) -> Result<(), SendError> {
            self.0.push_back(datagram.to_vec());
            Ok(())
        }
        fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<()>>, RecvError> {
            let Some(datagram) = self.0.pop_front() else { return Ok(None) };
            buffer[..datagram.len()].copy_from_slice(&datagram);
            Ok(Some(Received { len: datagram.len(), from: () }))
        }
    }

    #[derive(Default)]
    struct Hand(Cell<u64>);

    impl Clock for Hand {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.0.get())
        }
    }

    fn run(impairment: Impairment, seed: u64, count: u8) -> (Vec<Vec<u8>>, Suffered) {
        let clock = Hand::default();
        let mut link = Impaired::new(Echo::default(), SeededEntropy::new(seed), &clock, impairment);
        (0..count).for_each(|i| link.send((), &[i, 0, 0, 0]).expect("accepted"));
        clock.0.set(u64::MAX);
        let mut arrived = Vec::new();
        let mut buffer = [0; 16];
        while let Some(received) = link.recv(&mut buffer).expect("open") {
            arrived.push(buffer[..received.len].to_vec());
        }
        (arrived, link.suffered())
    }

    #[test]
    fn without_impairment_every_datagram_passes_unchanged_and_in_order() {
        let (arrived, suffered) = run(Impairment::default(), 1, 100);
        assert!(arrived.iter().enumerate().all(|(i, datagram)| datagram == &[i as u8, 0, 0, 0]));
        assert_eq!(suffered, Suffered { sent: 100, ..Suffered::default() });
    }

    #[test]
    fn certain_loss_lets_nothing_through() {
        let (arrived, suffered) = run(Impairment { loss_ppm: ALWAYS, ..Impairment::default() }, 1, 100);
        assert_eq!((arrived.len(), suffered.lost), (0, 100));
    }

    #[test]
    fn certain_duplication_brings_each_datagram_twice() {
        let (arrived, suffered) = run(Impairment { duplicate_ppm: ALWAYS, ..Impairment::default() }, 1, 50);
        assert_eq!((arrived.len(), suffered.duplicated), (100, 50));
        assert!(arrived.chunks(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn certain_corruption_turns_exactly_one_bit_of_each() {
        let (arrived, suffered) = run(Impairment { corrupt_ppm: ALWAYS, ..Impairment::default() }, 1, 100);
        assert_eq!(suffered.corrupted, 100);
        for (i, datagram) in arrived.iter().enumerate() {
            let turned: u32 =
                datagram.iter().zip([i as u8, 0, 0, 0]).map(|(is, was)| (is ^ was).count_ones()).sum();
            assert_eq!(turned, 1, "datagram {i} arrived as {datagram:?}");
        }
    }

    #[test]
    fn held_datagrams_arrive_all_but_in_another_order() {
        let hold = Impairment {
            reorder_ppm: ALWAYS / 2,
            hold_max: Duration::from_millis(5),
            ..Impairment::default()
        };
        let (mut arrived, suffered) = run(hold, 1, 100);
        assert!(suffered.held > 0 && !arrived.is_sorted(), "nothing was overtaken: {suffered:?}");
        arrived.sort();
        assert!(arrived.iter().map(|datagram| datagram[0]).eq(0..100));
    }

    #[test]
    fn a_seed_fixes_the_fate_of_every_datagram() {
        let rough = Impairment {
            loss_ppm: 200_000,
            duplicate_ppm: 200_000,
            corrupt_ppm: 200_000,
            reorder_ppm: 200_000,
            hold_max: Duration::from_millis(5),
        };
        assert_eq!(run(rough, 3, 200), run(rough, 3, 200));
        assert_ne!(run(rough, 3, 200), run(rough, 4, 200));
    }

    #[test]
    fn what_is_held_leaves_at_the_first_call_after_its_time() {
        let clock = Hand::default();
        let hold =
            Impairment { reorder_ppm: ALWAYS, hold_max: Duration::from_millis(5), ..Impairment::default() };
        let mut link = Impaired::new(Echo::default(), SeededEntropy::new(9), &clock, hold);
        link.send((), b"late").expect("accepted");
        let due = link.due().expect("one is held");
        clock.0.set(due.as_nanos() - 1);
        assert_eq!(link.recv(&mut [0; 16]), Ok(None));
        clock.0.set(due.as_nanos());
        assert_eq!(link.recv(&mut [0; 16]), Ok(Some(Received { len: 4, from: () })));
        assert_eq!(link.due(), None);
    }

    #[test]
    fn l5_a_datagram_over_the_mtu_is_refused_before_its_fate_is_drawn() {
        let clock = Hand::default();
        let lossy = Impairment { loss_ppm: ALWAYS, ..Impairment::default() };
        let mut link = Impaired::new(Echo::default(), SeededEntropy::new(1), &clock, lossy);
        assert_eq!(link.send((), &[0; 17]), Err(SendError::TooLarge { mtu: 16 }));
        assert_eq!(link.suffered(), Suffered::default());
    }

    #[test]
    fn l6_an_empty_datagram_survives_certain_corruption() {
        let clock = Hand::default();
        let corrupt = Impairment { corrupt_ppm: ALWAYS, ..Impairment::default() };
        let mut link = Impaired::new(Echo::default(), SeededEntropy::new(1), &clock, corrupt);
        link.send((), &[]).expect("accepted");
        assert_eq!(link.recv(&mut [0; 16]), Ok(Some(Received { len: 0, from: () })));
        assert_eq!(link.suffered(), Suffered { sent: 1, ..Suffered::default() });
    }
}
