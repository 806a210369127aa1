use super::{ABANDONED, Framed, Given, LEN_MAX, Refusal};
use crate::segment::Claims;
use core::fmt;
use core::mem;
use core::sync::atomic::Ordering;
use tidemill_ring::frame::{Fixed, FrameProducer, Meta, Sink, Var, VarProducer};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::producer::Refused;
use tidemill_ring::table::Identity;
use tidemill_ring::{Layout, Next, Peer, PeerName, Policies, Segment, Spec, Start, Trusting, Why};
use tidemill_seam::{Exchange, Lend};

mod several;
mod takes;

pub use several::{PartsOfSeveral, RunsOfSeveral, several_parts_words, several_runs_words};
use takes::{LetGo, PartsTaken, RunsTaken, Seen, Takes};

pub(super) const N: usize = 16;

/// Messages in parts over the shipped segment, as the suite drives them.
pub type Parts<'c, R> = Ours<'c, R, InParts, PartsTaken>;
/// Messages in runs over the shipped segment, as the suite drives them.
pub type Runs<'c, R> = Ours<'c, R, InRuns, RunsTaken>;
/// As [`Parts`]: written where they lie, and those of one part are seen there.
pub type PartsInPlace<'c, R> = Ours<'c, R, PartsWritten, Seen<PartsTaken>>;
/// As [`Runs`]: written and seen where they lie.
pub type RunsInPlace<'c, R> = Ours<'c, R, RunsWritten, Seen<RunsTaken>>;

/// One form of messages over the shipped segment.
pub struct Ours<'c, R: Exchange + Clone, F: Form<'c, R>, T: Takes<'c, R>> {
    segment: Segment<R>,
    claims: &'c Claims,
    producer: Option<F::Tx>,
    consumer: Option<T::Rx>,
    spoiled: u32,
}

/// In parts, a slot each.
#[derive(Debug)]
pub enum InParts {}
/// In parts, which are written where they will lie.
#[derive(Debug)]
pub enum PartsWritten {}
/// In runs of granules.
#[derive(Debug)]
pub enum InRuns {}
/// In runs of granules, which are written where they will lie.
#[derive(Debug)]
pub enum RunsWritten {}

/// How messages are published.
pub trait Form<'c, R: Exchange + Clone> {
    /// The half that publishes.
    type Tx: Sink;
    /// A ring of so many slots.
    fn spec(capacity: u32) -> Spec;
    /// The only producer.
    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx;
    /// Its claim.
    fn slot(_: &Self::Tx) -> u32 {
        Layout::PRODUCER
    }
    /// Asks for room for a message of the kind [`ABANDONED`], writes half of it, and gives up.
    fn abandon(tx: &mut Self::Tx, payload: &[u8]);
    /// Begins a message of that number, and never ends it: whether it could.
    fn orphan(tx: &mut Self::Tx, number: u32) -> bool;
    /// Publishes a message whose length is a lie: whether it could.
    fn lie(tx: &mut Self::Tx, segment: &Segment<R>, number: u32) -> bool;
}

const fn small(spec: Spec) -> Spec {
    spec.line(1).page(1).participants(2).journal(0).policies(Policies::BLOCK)
}

const fn parts(capacity: u32) -> Spec {
    small(Spec::of::<Fixed<N>>(capacity))
}

const fn runs(capacity: u32) -> Spec {
    small(Var::<N>::spec(capacity))
}

fn words(spec: &Spec) -> u32 {
    Layout::of(spec).expect("the suite asks for rings that can be").words()
}

/// Words that [`Parts`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn parts_words(capacity: u32) -> u32 {
    words(&parts(capacity))
}

/// Words that [`Runs`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn runs_words(capacity: u32) -> u32 {
    words(&runs(capacity))
}

fn refusal(refused: Refused<()>) -> Refusal {
    if matches!(refused.why, Why::TooLarge { .. }) { Refusal::TooLarge } else { Refusal::Full }
}

impl<'c, R: Exchange + Clone, F: Form<'c, R>, T: Takes<'c, R>> Ours<'c, R, F, T> {
    /// Makes a ring of so many slots in `region`, which has at least as many words as [`parts_words`] or [`runs_words`] say,
    /// none in use.
    ///
    /// # Panics
    /// Where the region is shorter.
    pub fn new(region: R, claims: &'c Claims, capacity: u32) -> Self {
        claims.forget();
        let made = Segment::create(region, &F::spec(capacity), SegmentId(1), Creator::default(), claims);
        let segment = made.expect("the region has the words that were asked for");
        let mut ours = Self { segment, claims, producer: None, consumer: None, spoiled: 1 << 31 };
        ours.join(Start::Earliest);
        ours.open();
        ours
    }

    fn open(&mut self) {
        self.producer = Some(F::open(self.segment.clone(), self.claims));
    }

    fn join(&mut self, start: Start) {
        let peer = Peer::new(PeerName::parse("only").expect("a name"));
        self.consumer = Some(T::join(self.segment.clone(), self.claims, &peer, start));
    }

    /// What is heard next but a restart. A message is held while `meanwhile` is done with the producer, is copied out before and
    /// behind that, and then let go of.
    fn hear(
        &mut self,
        seen: &mut [[u8; LEN_MAX]; 2],
        let_go: LetGo,
        mut meanwhile: impl FnMut(&mut F::Tx),
    ) -> Given {
        let (tx, rx) = (self.producer.as_mut(), self.consumer.as_mut());
        let (tx, rx) = (tx.expect("there is always one"), rx.expect("there is always one"));
        let mut given = Given::Nothing;
        loop {
            let mut see = |kind, bytes: &[u8]| {
                given = Given::Message(kind, bytes.len());
                seen[0][..bytes.len()].copy_from_slice(bytes);
                meanwhile(tx);
                seen[1][..bytes.len()].copy_from_slice(bytes);
            };
            match T::hear(rx, let_go, &mut see) {
                Some(Next::Item(())) => return given,
                Some(Next::Broken { .. }) => given = Given::Broken,
                Some(Next::Restarted { .. }) => continue,
                None | Some(_) => {}
            }
            meanwhile(tx);
            return given;
        }
    }

    fn hear_one(&mut self, into: &mut [u8; LEN_MAX], let_go: LetGo) -> Given {
        let mut seen = [[0; LEN_MAX]; 2];
        let given = self.hear(&mut seen, let_go, |_| {});
        *into = seen[0];
        given
    }
}

impl<'c, R: Exchange + Clone, F: Form<'c, R>, T: Takes<'c, R>> Framed for Ours<'c, R, F, T> {
    fn payload_max(&self) -> usize {
        self.producer.as_ref().map_or(0, Sink::payload_max)
    }

    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal> {
        let tx = self.producer.as_mut().expect("there is always one");
        tx.try_publish(payload, kind).map(|_| ()).map_err(refusal)
    }

    fn abandon(&mut self, payload: &[u8]) {
        F::abandon(self.producer.as_mut().expect("there is always one"), payload);
    }

    fn orphan(&mut self) -> bool {
        self.spoiled += 1;
        F::orphan(self.producer.as_mut().expect("there is always one"), self.spoiled)
    }

    fn lie(&mut self) -> bool {
        self.spoiled += 1;
        F::lie(self.producer.as_mut().expect("there is always one"), &self.segment, self.spoiled)
    }

    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        self.hear_one(into, LetGo::Taken)
    }

    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        let given = self.hear_one(into, LetGo::Forgotten);
        let dead = self.consumer.take().expect("there is always one");
        self.claims.kill(T::slot(&dead));
        mem::forget(dead);
        self.join(Start::Resume);
        given
    }

    fn hold(
        &mut self,
        seen: &mut [[u8; LEN_MAX]; 2],
        kind: u8,
        payload: &[u8],
    ) -> (Given, Result<(), Refusal>) {
        let mut published = Err(Refusal::Full);
        let given = self.hear(seen, LetGo::PutBack, |tx| {
            published = tx.try_publish(payload, kind).map(|_| ()).map_err(refusal);
        });
        (given, published)
    }

    fn restart(&mut self) {
        let dead = self.producer.take().expect("there is always one");
        self.claims.kill(F::slot(&dead));
        mem::forget(dead);
        self.open();
    }
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for InParts {
    type Tx = FrameProducer<N, R, &'c Claims>;

    fn spec(capacity: u32) -> Spec {
        parts(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.frame_producer(claims, Identity::default()).expect("nobody else produces")
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    fn orphan(tx: &mut Self::Tx, number: u32) -> bool {
        spoil(tx, number, 3, N as u32)
    }

    fn lie(tx: &mut Self::Tx, _: &Segment<R>, number: u32) -> bool {
        spoil(tx, number, 1, 1_000_000)
    }
}

/// Publishes a part as somebody does who keeps no law.
fn spoil<R: Exchange>(tx: &mut FrameProducer<N, R, &Claims>, number: u32, parts: u16, len: u32) -> bool {
    tx.raw().try_push(spoiled(number, parts, len)).is_ok()
}

/// The first part of a message of so many, which says that it is so long.
fn spoiled(number: u32, parts: u16, len: u32) -> Fixed<N> {
    let meta = Meta { len: N as u32, parts, message: number, ..Meta::default() };
    let mut slot = Fixed::<N>::new();
    slot.commit(meta).expect("it fits");
    let lie = Meta { len, ..meta }.pack();
    tidemill_ring::element::bytes_mut(&mut slot)[..4].copy_from_slice(&lie[0].to_ne_bytes());
    slot
}

impl<'c, R: Exchange + Clone + Lend + 'c> Form<'c, R> for PartsWritten {
    type Tx = Trusting<FrameProducer<N, R, &'c Claims>>;

    fn spec(capacity: u32) -> Spec {
        parts(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        // SAFETY: the halves of this ring keep the laws, and the suite writes into nobody's bytes besides.
        unsafe { Trusting::new(InParts::open(segment, claims)) }.expect("slots of a region begin on lines")
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut loan) = tx.try_loan(payload.len(), ABANDONED) {
            let half = &payload[..payload.len() / 2];
            for (room, bytes) in loan.parts().zip(half.chunks(N)) {
                room[..bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    /// There are none: who writes in place commits a message as a whole.
    fn orphan(_: &mut Self::Tx, _: u32) -> bool {
        false
    }

    /// Nor is a header there that anybody but the loan writes.
    fn lie(_: &mut Self::Tx, _: &Segment<R>, _: u32) -> bool {
        false
    }
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for InRuns {
    type Tx = VarProducer<N, R, &'c Claims>;

    fn spec(capacity: u32) -> Spec {
        runs(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.var_producer(claims, Identity::default()).expect("nobody else produces")
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    /// There are none: a message is one run.
    fn orphan(_: &mut Self::Tx, _: u32) -> bool {
        false
    }

    fn lie(tx: &mut Self::Tx, segment: &Segment<R>, _: u32) -> bool {
        belie(tx, segment)
    }
}

/// Publishes a message, and says that it is longer than any can be.
fn belie<R: Exchange>(tx: &mut impl Sink, segment: &Segment<R>) -> bool {
    let Ok(at) = tx.try_publish(b"not as long as it says", 0) else { return false };
    let entry = segment.header().layout.index_entry(at.0).expect("it has an index");
    // SAFETY: the third word of an entry, within the segment.
    unsafe { segment.region().store(entry + 2, 1_000_000, Ordering::Relaxed) };
    true
}

impl<'c, R: Exchange + Clone + Lend + 'c> Form<'c, R> for RunsWritten {
    type Tx = Trusting<VarProducer<N, R, &'c Claims>>;

    fn spec(capacity: u32) -> Spec {
        runs(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        // SAFETY: the halves of this ring keep the laws, and the suite writes into nobody's bytes besides.
        unsafe { Trusting::new(InRuns::open(segment, claims)) }.expect("everybody is waited for")
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut loan) = tx.try_loan(payload.len(), ABANDONED) {
            loan[..payload.len() / 2].copy_from_slice(&payload[..payload.len() / 2]);
        }
    }

    fn orphan(_: &mut Self::Tx, _: u32) -> bool {
        false
    }

    fn lie(tx: &mut Self::Tx, segment: &Segment<R>, _: u32) -> bool {
        belie(tx, segment)
    }
}

impl<'c, R: Exchange + Clone, F: Form<'c, R>, T: Takes<'c, R>> fmt::Debug for Ours<'c, R, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ours").field("spoiled", &self.spoiled).finish_non_exhaustive()
    }
}
