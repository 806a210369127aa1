use super::{PRODUCERS, READERS, Several};
use crate::segment::Claims;
use core::mem;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{Consumer, Layout, MultiProducer, Next, Peer, PeerName, Segment, Spec, Start};
use tidemill_seam::{Exchange, Instant};

const NAMES: [&str; READERS] = ["first", "second"];

type Tx<'c, R> = MultiProducer<u32, R, &'c Claims>;

/// The shipped segment of several producers over any wide region, as the suite drives it.
#[derive(Debug)]
pub struct Ours<'c, R: Exchange + Clone> {
    segment: Segment<R>,
    claims: &'c Claims,
    producers: [Option<Tx<'c, R>>; PRODUCERS],
    readers: [Option<Consumer<u32, R, &'c Claims>>; READERS],
    /// Who healed last: each time it is somebody else's turn.
    turn: usize,
}

/// The ring that [`Ours`] makes.
pub fn spec(capacity: u32) -> Spec {
    let spec = Spec::of::<u32>(capacity).line(1).page(1).participants(READERS as u32);
    spec.producers(PRODUCERS as u32)
}

/// Words that it takes.
///
/// # Panics
/// Where there is no such ring.
pub fn words(capacity: u32) -> u32 {
    Layout::of(&spec(capacity)).expect("the suite asks for rings that can be").words()
}

impl<'c, R: Exchange + Clone> Ours<'c, R> {
    /// Makes a ring in `region`, which is wide and has at least [`words`], none in use.
    ///
    /// # Panics
    /// Where it is not, or has not.
    pub fn new(region: R, claims: &'c Claims, capacity: u32) -> Self {
        claims.forget();
        let made = Segment::create(region, &spec(capacity), SegmentId(1), Creator::default(), &claims);
        let segment = made.expect("the region has the words that were asked for");
        let readers = NAMES.map(|name| {
            let peer = Peer::new(PeerName::parse(name).expect("a name"));
            let joined = segment.clone().consumer(claims, &peer, Start::Earliest);
            Some(joined.expect("there is a place for each"))
        });
        Self { segment, claims, producers: [const { None }; PRODUCERS], readers, turn: 0 }
    }

    fn open(&self) -> Option<Tx<'c, R>> {
        self.segment.clone().multi_producer(self.claims, Identity::default()).ok()
    }

    fn tx(&mut self, i: usize) -> &mut Tx<'c, R> {
        self.producers[i].as_mut().expect("the producer is there")
    }

    fn rx(&mut self, j: usize) -> &mut Consumer<u32, R, &'c Claims> {
        self.readers[j].as_mut().expect("the reader is there")
    }
}

impl<R: Exchange + Clone> Several for Ours<'_, R> {
    fn come(&mut self, i: usize) -> bool {
        self.producers[i] = self.open();
        self.producers[i].is_some()
    }

    fn come_too(&mut self) -> bool {
        self.open().is_some()
    }

    fn push(&mut self, i: usize, item: u32) -> Result<u64, u32> {
        self.tx(i).try_push(item).map(|at| at.0).map_err(|refused| refused.item)
    }

    fn batch(&mut self, i: usize, items: &[u32]) -> Option<u64> {
        let (n, mut items) = (items.len() as u32, items.iter());
        let next = |_| *items.next().expect("one for each position");
        self.tx(i).try_batch(n, next).ok().map(|at| at.0)
    }

    fn claim(&mut self, i: usize) -> Option<u64> {
        let claim = self.tx(i).claim().ok()?;
        let at = claim.position().0;
        mem::forget(claim);
        Some(at)
    }

    fn commit(&mut self, i: usize, item: u32) {
        self.tx(i).held().expect("it holds a claim").commit(item);
    }

    fn abort(&mut self, i: usize) {
        drop(self.tx(i).held());
    }

    fn leave(&mut self, i: usize) {
        self.producers[i] = None;
    }

    fn kill(&mut self, i: usize) {
        let slot = self.tx(i).slot();
        self.claims.kill(slot);
        mem::forget(self.producers[i].take());
    }

    fn heal(&mut self) {
        self.turn += 1;
        let producer = self.producers.iter_mut().flatten().next();
        match (self.turn % 3, producer) {
            (0, Some(producer)) => drop(producer.tend(Instant::from_nanos(self.turn as u64))),
            (1, _) => drop(self.rx(0).tend()),
            _ => drop(self.segment.heal(&self.claims)),
        }
    }

    fn take(&mut self, j: usize) -> Option<(u64, u32)> {
        match self.rx(j).try_next()? {
            Next::Item(item) => Some((item.position().0, *item)),
            _ => None,
        }
    }

    fn account(&mut self, j: usize) -> [u64; 2] {
        let slot = self.rx(j).slot();
        let account = self.segment.participant(slot).expect("its slot").account;
        [account.consumed, account.skipped]
    }
}
