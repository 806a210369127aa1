use super::{Framed, Given, LEN_MAX, Refusal};
use crate::segment::Claims;
use core::mem;
use core::sync::atomic::Ordering;
use tidemill_ring::frame::{Fixed, FrameConsumer, FrameProducer, Meta, Room, Var, VarConsumer, VarProducer};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::producer::Refused;
use tidemill_ring::table::Identity;
use tidemill_ring::{Layout, Next, Peer, PeerName, Segment, Spec, Start, Why};
use tidemill_seam::Exchange;

const N: usize = 16;
type Bytes = Room<LEN_MAX>;

/// Messages in parts over the shipped segment, as the suite drives them.
#[derive(Debug)]
pub struct Parts<'c, R: Exchange + Clone> {
    segment: Segment<R>,
    claims: &'c Claims,
    producer: Option<FrameProducer<N, R, &'c Claims>>,
    consumer: Option<FrameConsumer<N, R, &'c Claims, Bytes>>,
    spoiled: u32,
}

/// Messages in runs over the shipped segment, as the suite drives them.
#[derive(Debug)]
pub struct Runs<'c, R: Exchange + Clone> {
    segment: Segment<R>,
    claims: &'c Claims,
    producer: Option<VarProducer<N, R, &'c Claims>>,
    consumer: Option<VarConsumer<N, R, &'c Claims, Bytes>>,
}

const fn small(spec: Spec) -> Spec {
    spec.line(1).page(1).participants(2).journal(0)
}

const fn parts_spec(capacity: u32) -> Spec {
    small(Spec::of::<Fixed<N>>(capacity))
}

const fn runs_spec(capacity: u32) -> Spec {
    small(Var::<N>::spec(capacity))
}

/// Words that [`Parts`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn parts_words(capacity: u32) -> u32 {
    Layout::of(&parts_spec(capacity)).expect("the suite asks for rings that can be").words()
}

/// Words that [`Runs`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn runs_words(capacity: u32) -> u32 {
    Layout::of(&runs_spec(capacity)).expect("the suite asks for rings that can be").words()
}

fn made<R: Exchange>(region: R, claims: &Claims, spec: &Spec) -> Segment<R> {
    claims.forget();
    let made = Segment::create(region, spec, SegmentId(1), Creator::default(), claims);
    made.expect("the region has the words that were asked for")
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("only").expect("a name"))
}

fn refusal(refused: Refused<()>) -> Refusal {
    if matches!(refused.why, Why::TooLarge { .. }) { Refusal::TooLarge } else { Refusal::Full }
}

/// What was heard, where that ends a look; a message is copied out, then let go of.
fn given<T>(
    heard: Option<Next<T>>,
    into: &mut [u8; LEN_MAX],
    message: impl FnOnce(&T) -> (u8, &[u8]),
    let_go: fn(T),
) -> Option<Given> {
    Some(match heard {
        None => Given::Nothing,
        Some(Next::Item(item)) => {
            let (kind, bytes) = message(&item);
            into[..bytes.len()].copy_from_slice(bytes);
            let given = Given::Message(kind, bytes.len());
            let_go(item);
            given
        }
        Some(Next::Broken { .. }) => Given::Broken,
        Some(Next::Restarted { .. }) => return None,
        Some(_) => Given::Nothing,
    })
}

impl<'c, R: Exchange + Clone> Parts<'c, R> {
    /// Makes a ring of so many parts in `region`, which has at least [`parts_words`] of them, none in use.
    ///
    /// # Panics
    /// Where the region is shorter.
    pub fn new(region: R, claims: &'c Claims, capacity: u32) -> Self {
        let segment = made(region, claims, &parts_spec(capacity));
        let mut ours = Self { segment, claims, producer: None, consumer: None, spoiled: 1 << 31 };
        ours.join(Start::Earliest);
        ours.open();
        ours
    }

    fn open(&mut self) {
        let opened = self.segment.clone().frame_producer(self.claims, Identity::default());
        self.producer = Some(opened.expect("nobody else produces"));
    }

    fn join(&mut self, start: Start) {
        let joined = self.segment.clone().frame_consumer(self.claims, &peer(), start, Room::new());
        self.consumer = Some(joined.expect("there is a place"));
    }

    fn tx(&mut self) -> &mut FrameProducer<N, R, &'c Claims> {
        self.producer.as_mut().expect("there is always one")
    }

    /// Publishes a part as somebody does who keeps no law.
    fn spoil(&mut self, parts: u16, len: u32) -> bool {
        self.spoiled += 1;
        let meta = Meta { len: N as u32, parts, message: self.spoiled, ..Meta::default() };
        let mut slot = Fixed::<N>::new();
        slot.commit(meta).expect("it fits");
        let lie = Meta { len, ..meta }.pack();
        tidemill_ring::element::bytes_mut(&mut slot)[..4].copy_from_slice(&lie[0].to_ne_bytes());
        self.tx().raw().try_push(slot).is_ok()
    }

    fn hear(&mut self, into: &mut [u8; LEN_MAX], dies: bool) -> Given {
        let rx = self.consumer.as_mut().expect("there is always one");
        loop {
            let let_go = if dies { mem::forget } else { drop };
            let heard = given(rx.try_next(), into, |got| (got.message().kind, got.message().bytes), let_go);
            if let Some(given) = heard {
                return given;
            }
        }
    }
}

impl<R: Exchange + Clone> Framed for Parts<'_, R> {
    fn payload_max(&self) -> usize {
        self.producer.as_ref().map_or(0, FrameProducer::payload_max)
    }

    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal> {
        self.tx().try_publish(payload, kind).map(|_| ()).map_err(refusal)
    }

    fn abandon(&mut self, payload: &[u8]) {
        if let Ok(mut grant) = self.tx().grant(payload.len(), super::ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    fn orphan(&mut self) -> bool {
        self.spoil(3, N as u32)
    }

    fn lie(&mut self) -> bool {
        self.spoil(1, 1_000_000)
    }

    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        self.hear(into, false)
    }

    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        let given = self.hear(into, true);
        let mut dead = self.consumer.take().expect("there is always one");
        self.claims.kill(dead.raw().slot());
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

impl<'c, R: Exchange + Clone> Runs<'c, R> {
    /// Makes a ring of so many granules in `region`, which has at least [`runs_words`] of them, none in use.
    ///
    /// # Panics
    /// Where the region is shorter.
    pub fn new(region: R, claims: &'c Claims, capacity: u32) -> Self {
        let segment = made(region, claims, &runs_spec(capacity));
        let mut ours = Self { segment, claims, producer: None, consumer: None };
        ours.join(Start::Earliest);
        ours.open();
        ours
    }

    fn open(&mut self) {
        let opened = self.segment.clone().var_producer(self.claims, Identity::default());
        self.producer = Some(opened.expect("nobody else produces"));
    }

    fn join(&mut self, start: Start) {
        let joined = self.segment.clone().var_consumer(self.claims, &peer(), start, Room::new());
        self.consumer = Some(joined.expect("there is a place"));
    }

    fn tx(&mut self) -> &mut VarProducer<N, R, &'c Claims> {
        self.producer.as_mut().expect("there is always one")
    }

    fn hear(&mut self, into: &mut [u8; LEN_MAX], dies: bool) -> Given {
        let rx = self.consumer.as_mut().expect("there is always one");
        loop {
            let let_go = if dies { mem::forget } else { drop };
            let heard = given(rx.try_next(), into, |got| (got.message().kind, got.message().bytes), let_go);
            if let Some(given) = heard {
                return given;
            }
        }
    }
}

impl<R: Exchange + Clone> Framed for Runs<'_, R> {
    fn payload_max(&self) -> usize {
        self.producer.as_ref().map_or(0, VarProducer::payload_max)
    }

    fn publish(&mut self, kind: u8, payload: &[u8]) -> Result<(), Refusal> {
        self.tx().try_publish(payload, kind).map(|_| ()).map_err(refusal)
    }

    fn abandon(&mut self, payload: &[u8]) {
        if let Ok(mut grant) = self.tx().grant(payload.len(), super::ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    /// There are none: a message is one run.
    fn orphan(&mut self) -> bool {
        false
    }

    fn lie(&mut self) -> bool {
        let Ok(at) = self.tx().try_publish(b"not as long as it says", 0) else { return false };
        let entry = self.segment.header().layout.index_entry(at.0).expect("it has an index");
        // SAFETY: the third word of an entry, within the segment.
        unsafe { self.segment.region().store(entry + 2, 1_000_000, Ordering::Relaxed) };
        true
    }

    fn take(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        self.hear(into, false)
    }

    fn die(&mut self, into: &mut [u8; LEN_MAX]) -> Given {
        let given = self.hear(into, true);
        let dead = self.consumer.take().expect("there is always one");
        self.claims.kill(dead.slot());
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
