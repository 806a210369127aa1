use super::{From, Given, LOSSY, READERS, Shared};
use core::cell::{Cell, RefCell};
use core::mem;
use core::sync::atomic::Ordering;
use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{Consumer, Layout, Next, Peer, PeerName, Policy, Producer, Reader, Segment, Spec, Start};
use tidemill_seam::{Claimed, Exchange, Instant, Life, Liveness, Region};

const NAMES: [&str; READERS] = ["first", "second", "lossy"];
const HELD: usize = 8;

/// Claims whose holders die when the suite says so, and wakes that it counts.
#[derive(Debug, Default)]
pub struct Claims(RefCell<[Option<(u32, u32)>; HELD]>, Cell<u64>);

/// A region whose wakes are counted.
#[derive(Clone, Debug)]
struct Heard<'c, R> {
    region: R,
    claims: &'c Claims,
}

impl Claims {
    /// Nobody holds any claim.
    pub(crate) fn forget(&self) {
        *self.0.borrow_mut() = [None; HELD];
    }

    /// Whoever holds the claim of `slot` is dead.
    pub(crate) fn kill(&self, slot: u32) {
        for claim in &mut *self.0.borrow_mut() {
            if claim.is_some_and(|(held, _)| held == slot) {
                *claim = None;
            }
        }
    }
}

impl Liveness for Claims {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let mut claims = self.0.borrow_mut();
        if claims.contains(&Some((slot, generation))) {
            return Err(Claimed);
        }
        *claims.iter_mut().find(|claim| claim.is_none()).ok_or(Claimed)? = Some((slot, generation));
        Ok(())
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        if self.0.borrow().contains(&Some((slot, generation))) { Life::Alive } else { Life::Dead }
    }

    fn release(&self, slot: u32, generation: u32) {
        for claim in &mut *self.0.borrow_mut() {
            if *claim == Some((slot, generation)) {
                *claim = None;
            }
        }
    }
}

// SAFETY: the words of the inner region.
unsafe impl<R: Region> Region for Heard<'_, R> {
    fn words(&self) -> u32 {
        self.region.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.region.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.region.store(at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        self.region.fence(order);
    }
    fn wake(&self, at: u32) {
        self.claims.1.set(self.claims.1.get() + 1);
        self.region.wake(at);
    }
}

// SAFETY: as for `Region`.
unsafe impl<R: Exchange> Exchange for Heard<'_, R> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.region.compare_exchange(at, current, new) }
    }
}

/// The shipped segment over any region, as the suite drives it.
#[derive(Debug)]
pub struct Ours<'c, R: Exchange + Clone> {
    segment: Segment<Heard<'c, R>>,
    claims: &'c Claims,
    producer: Option<Producer<u32, Heard<'c, R>, &'c Claims>>,
    gating: [Option<Consumer<u32, Heard<'c, R>, &'c Claims>>; LOSSY],
    lossy: Option<Reader<u32, Heard<'c, R>, &'c Claims>>,
}

/// The ring that [`Ours`] makes.
pub fn spec(capacity: u32, history: u32) -> Spec {
    Spec::of::<u32>(capacity).line(1).page(1).participants(4).history(history)
}

/// Words that it takes.
///
/// # Panics
/// Where there is no such ring.
pub fn words(capacity: u32, history: u32) -> u32 {
    Layout::of(&spec(capacity, history)).expect("the suite asks for rings that can be").words()
}

impl<'c, R: Exchange + Clone> Ours<'c, R> {
    /// Makes a ring in `region`, which has at least [`words`] of them, none in use.
    ///
    /// # Panics
    /// Where the region is shorter.
    pub fn new(region: R, claims: &'c Claims, capacity: u32, history: u32) -> Self {
        claims.forget();
        let region = Heard { region, claims };
        let made =
            Segment::create(region, &spec(capacity, history), SegmentId(1), Creator::default(), claims);
        let segment = made.expect("the region has the words that were asked for");
        let mut ours = Self { segment, claims, producer: None, gating: [None, None], lossy: None };
        ours.open();
        ours
    }

    fn open(&mut self) {
        let opened = self.segment.clone().producer(self.claims, Identity::default());
        self.producer = Some(opened.expect("nobody else produces"));
    }

    fn tx(&mut self) -> &mut Producer<u32, Heard<'c, R>, &'c Claims> {
        self.producer.as_mut().expect("there is always one")
    }

    fn peer(i: usize) -> Peer {
        let policy = if i == LOSSY { Policy::Lossy } else { Policy::Block };
        Peer::new(PeerName::parse(NAMES[i]).expect("a name")).policy(policy)
    }

    fn slot(&self, i: usize) -> u32 {
        let lossy = self.lossy.as_ref().map(Reader::slot);
        let slot = if i == LOSSY { lossy } else { self.gating[i].as_ref().map(Consumer::slot) };
        slot.expect("the reader is there")
    }
}

fn given<T>(next: Next<T>, item: impl FnOnce(T) -> Given) -> Option<Given> {
    match next {
        Next::Item(found) => Some(item(found)),
        Next::Lagged { from, to } => Some(Given::Lagged(from.0, to.0)),
        Next::Restarted { .. } => None,
        Next::Closed(_) | Next::Evicted { .. } | Next::Fault(_) | Next::Broken { .. } => Some(Given::Nothing),
    }
}

impl<R: Exchange + Clone> Shared for Ours<'_, R> {
    fn push(&mut self, item: u32) -> Result<u64, u32> {
        self.tx().try_push(item).map(|at| at.0).map_err(|refused| refused.item)
    }

    fn published(&mut self) -> u64 {
        self.segment.published().0
    }

    fn gate(&mut self) -> u64 {
        self.segment.gate().0
    }

    fn join(&mut self, i: usize, from: From) -> Option<u64> {
        let start = match from {
            From::Earliest => Start::Earliest,
            From::Latest => Start::Latest,
            From::Resume => Start::Resume,
        };
        let segment = self.segment.clone();
        if i == LOSSY {
            let reader = segment.reader(self.claims, &Self::peer(i), start).ok()?;
            Some(self.lossy.insert(reader).position().0)
        } else {
            let consumer = segment.consumer(self.claims, &Self::peer(i), start).ok()?;
            Some(self.gating[i].insert(consumer).position().0)
        }
    }

    fn join_twice(&mut self, i: usize) -> bool {
        let peer = Self::peer(i).policy(Policy::Block);
        self.segment.clone().consumer::<u32, _>(self.claims, &peer, Start::Resume).is_ok()
    }

    fn take(&mut self, i: usize) -> Given {
        loop {
            let heard = if i == LOSSY {
                let reader = self.lossy.as_mut().expect("the reader is there");
                let at = reader.position().0;
                reader.try_next().map(|next| given(next, |item| Given::Item(at, item)))
            } else {
                let consumer = self.gating[i].as_mut().expect("the reader is there");
                consumer.try_next().map(|next| given(next, |item| Given::Item(item.position().0, *item)))
            };
            match heard {
                None => return Given::Nothing,
                Some(Some(given)) => return given,
                Some(None) => {}
            }
        }
    }

    fn leave(&mut self, i: usize) {
        if i == LOSSY { self.lossy = None } else { self.gating[i] = None }
    }

    fn kill(&mut self, i: usize) {
        self.claims.kill(self.slot(i));
        if i == LOSSY { mem::forget(self.lossy.take()) } else { mem::forget(self.gating[i].take()) }
    }

    fn tend(&mut self, now_ns: u64) {
        self.tx().tend(Instant::from_nanos(now_ns));
    }

    fn restart(&mut self) -> u64 {
        mem::forget(self.producer.take());
        self.claims.kill(Layout::PRODUCER);
        self.open();
        self.tx().published().0
    }

    fn sleep(&mut self, i: usize) -> bool {
        let lossy = self.lossy.as_ref().map(Reader::lie_down);
        let sleeps = if i == LOSSY { lossy } else { self.gating[i].as_ref().map(Consumer::lie_down) };
        sleeps.expect("the reader is there")
    }

    fn sleep_for_room(&mut self) -> bool {
        self.tx().lie_down(1)
    }

    fn wakes(&mut self) -> u64 {
        self.claims.1.get()
    }

    fn begin(&mut self, readers: u32, max: u64) {
        let how = Coordinate::BufferUntil { n: readers, max };
        self.producer = self.producer.take().map(|producer| producer.coordinate(how, Instant::ZERO));
    }

    fn ready(&mut self, i: usize) {
        self.gating[i].as_ref().expect("the reader is there").ready();
    }

    fn account(&mut self, i: usize) -> [u64; 3] {
        let account = self.segment.participant(self.slot(i)).expect("its slot").account;
        [account.consumed, account.lagged, account.in_flight]
    }
}
