use super::{Framed, Given, LEN_MAX, Refusal};
use crate::segment::Claims;
use core::fmt;
use core::mem;
use core::sync::atomic::Ordering;
use tidemill_ring::frame::{
    Fixed, FrameConsumer, FrameProducer, Meta, Received, Room, Sink, Var, VarConsumer, VarProducer,
};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::producer::Refused;
use tidemill_ring::table::Identity;
use tidemill_ring::{Layout, Next, Peer, PeerName, Plain, Segment, Spec, Start, Why};
use tidemill_seam::Exchange;

const N: usize = 16;
type Bytes = Room<LEN_MAX>;
type Taken<'a, 'c, F, R> = Received<'a, <F as Form<'c, R>>::Item, R, &'c Claims>;

/// Messages in parts over the shipped segment, as the suite drives them.
pub type Parts<'c, R> = Ours<'c, R, InParts>;

/// Messages in runs over the shipped segment, as the suite drives them.
pub type Runs<'c, R> = Ours<'c, R, InRuns>;

/// One form of messages over the shipped segment.
pub struct Ours<'c, R: Exchange + Clone, F: Form<'c, R>> {
    segment: Segment<R>,
    claims: &'c Claims,
    producer: Option<F::Tx>,
    consumer: Option<F::Rx>,
    spoiled: u32,
}

/// In parts, a slot each.
#[derive(Debug)]
pub enum InParts {}

/// In runs of granules.
#[derive(Debug)]
pub enum InRuns {}

/// What differs between the forms.
pub trait Form<'c, R: Exchange + Clone>: Sized {
    /// What lies in a slot.
    type Item: Plain;
    /// The half that publishes.
    type Tx: Sink;
    /// The half that takes.
    type Rx;
    /// A ring of so many slots.
    fn spec(capacity: u32) -> Spec;
    /// The only producer.
    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx;
    /// The only consumer.
    fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx;
    /// The slot of the consumer in the table.
    fn slot(rx: &Self::Rx) -> u32;
    /// Asks for room, writes half, and gives up.
    fn abandon(tx: &mut Self::Tx, payload: &[u8]);
    /// What comes next.
    fn hear<'a>(rx: &'a mut Self::Rx) -> Option<Next<Taken<'a, 'c, Self, R>>>
    where
        'c: 'a;
    /// Begins a message of that number, and never ends it: whether it could.
    fn orphan(ours: &mut Ours<'c, R, Self>) -> bool;
    /// Publishes a message whose length is a lie: whether it could.
    fn lie(ours: &mut Ours<'c, R, Self>) -> bool;
}

const fn small(spec: Spec) -> Spec {
    spec.line(1).page(1).participants(2).journal(0)
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

impl<'c, R: Exchange + Clone, F: Form<'c, R>> Ours<'c, R, F> {
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
        self.consumer = Some(F::join(self.segment.clone(), self.claims, &peer, start));
    }

    fn tx(&mut self) -> &mut F::Tx {
        self.producer.as_mut().expect("there is always one")
    }

    /// What is heard next but a restart; a message is copied out, then let go of.
    fn hear(&mut self, into: &mut [u8; LEN_MAX], let_go: fn(Taken<'_, 'c, F, R>)) -> Given {
        loop {
            let rx = self.consumer.as_mut().expect("there is always one");
            match F::hear(rx) {
                Some(Next::Item(item)) => {
                    let (kind, bytes) = (item.message().kind, item.message().bytes);
                    into[..bytes.len()].copy_from_slice(bytes);
                    let given = Given::Message(kind, bytes.len());
                    let_go(item);
                    return given;
                }
                Some(Next::Broken { .. }) => return Given::Broken,
                Some(Next::Restarted { .. }) => {}
                None | Some(_) => return Given::Nothing,
            }
        }
    }
}

impl<'c, R: Exchange + Clone, F: Form<'c, R>> Framed for Ours<'c, R, F> {
    fn payload_max(&self) -> usize {
        self.producer.as_ref().map_or(0, Sink::payload_max)
    }

    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal> {
        self.tx().try_publish(payload, kind).map(|_| ()).map_err(refusal)
    }

    fn abandon(&mut self, payload: &[u8]) {
        F::abandon(self.tx(), payload);
    }

    fn orphan(&mut self) -> bool {
        F::orphan(self)
    }

    fn lie(&mut self) -> bool {
        F::lie(self)
    }

    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        self.hear(into, |item| drop(item))
    }

    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        let given = self.hear(into, |item| mem::forget(item));
        let dead = self.consumer.take().expect("there is always one");
        self.claims.kill(F::slot(&dead));
        mem::forget(dead);
        self.join(Start::Resume);
        given
    }

    fn restart(&mut self) {
        mem::forget(self.producer.take());
        self.claims.kill(Layout::PRODUCER);
        self.open();
    }
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for InParts {
    type Item = Fixed<N>;
    type Tx = FrameProducer<N, R, &'c Claims>;
    type Rx = FrameConsumer<N, R, &'c Claims, Bytes>;

    fn spec(capacity: u32) -> Spec {
        parts(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.frame_producer(claims, Identity::default()).expect("nobody else produces")
    }

    fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx {
        segment.frame_consumer(claims, peer, start, Room::new()).expect("there is a place")
    }

    fn slot(rx: &Self::Rx) -> u32 {
        rx.slot()
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), super::ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    fn hear<'a>(rx: &'a mut Self::Rx) -> Option<Next<Taken<'a, 'c, Self, R>>>
    where
        'c: 'a,
    {
        rx.try_next()
    }

    fn orphan(ours: &mut Ours<'c, R, Self>) -> bool {
        spoil(ours, 3, N as u32)
    }

    fn lie(ours: &mut Ours<'c, R, Self>) -> bool {
        spoil(ours, 1, 1_000_000)
    }
}

/// Publishes a part as somebody does who keeps no law.
fn spoil<'c, R: Exchange + Clone + 'c>(ours: &mut Ours<'c, R, InParts>, parts: u16, len: u32) -> bool {
    ours.spoiled += 1;
    let meta = Meta { len: N as u32, parts, message: ours.spoiled, ..Meta::default() };
    let mut slot = Fixed::<N>::new();
    slot.commit(meta).expect("it fits");
    let lie = Meta { len, ..meta }.pack();
    tidemill_ring::element::bytes_mut(&mut slot)[..4].copy_from_slice(&lie[0].to_ne_bytes());
    ours.tx().raw().try_push(slot).is_ok()
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for InRuns {
    type Item = Var<N>;
    type Tx = VarProducer<N, R, &'c Claims>;
    type Rx = VarConsumer<N, R, &'c Claims, Bytes>;

    fn spec(capacity: u32) -> Spec {
        runs(capacity)
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.var_producer(claims, Identity::default()).expect("nobody else produces")
    }

    fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx {
        segment.var_consumer(claims, peer, start, Room::new()).expect("there is a place")
    }

    fn slot(rx: &Self::Rx) -> u32 {
        rx.slot()
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), super::ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    fn hear<'a>(rx: &'a mut Self::Rx) -> Option<Next<Taken<'a, 'c, Self, R>>>
    where
        'c: 'a,
    {
        rx.try_next()
    }

    /// There are none: a message is one run.
    fn orphan(_: &mut Ours<'c, R, Self>) -> bool {
        false
    }

    fn lie(ours: &mut Ours<'c, R, Self>) -> bool {
        let Ok(at) = ours.tx().try_publish(b"not as long as it says", 0) else { return false };
        let entry = ours.segment.header().layout.index_entry(at.0).expect("it has an index");
        // SAFETY: the third word of an entry, within the segment.
        unsafe { ours.segment.region().store(entry + 2, 1_000_000, Ordering::Relaxed) };
        true
    }
}

impl<'c, R: Exchange + Clone, F: Form<'c, R>> fmt::Debug for Ours<'c, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ours").field("spoiled", &self.spoiled).finish_non_exhaustive()
    }
}
