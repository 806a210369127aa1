//! Messages in runs, of one among several producers.
//!
//! Each granule of theirs has a commit word of its own (RL-11); what stands beside it says whether a message begins there or how far
//! back it did. All of that is written before the first granule of the run settles, which is the last to do so.

use super::pieces::Pieces;
use super::{Found, Var, granules_of, is_granular};
use crate::claim::{Said, owner};
use crate::codec::CodecId;
use crate::coordinate::Coordinate;
use crate::frame::{Cause, PatientSink, Sink, Unfilled};
use crate::index::Span;
use crate::multi::MultiProducer;
use crate::producer::{OpenError, Refused, Tended, Why};
use crate::segment::{Position, Segment};
use crate::table::Identity;
use crate::view::View;
use crate::wait::{Idle, SpinOnly, Until, Wait};
use tidemill_seam::{Exchange, Instant, Liveness, Region};

/// One of several that publish messages of any length, each in one run of granules of `G` bytes.
///
/// The granules of a message are claimed by one exchange: it is seen whole or not at all, whoever dies. A run that would not end
/// before the ring does begins at its start instead, and gaps are left before. Dropping it leaves its place to another.
#[derive(Debug)]
pub struct MultiVarProducer<const G: usize, R: Exchange, L: Liveness> {
    items: MultiProducer<Var<G>, R, L>,
}

/// A run for one message that is claimed: written in order, then shown. Dropping it leaves gaps, which consumers pass.
///
/// Nothing behind it is read before that is decided.
#[derive(Debug)]
pub struct MultiVarGrant<'p, const G: usize, R: Exchange, L: Liveness> {
    items: &'p mut MultiProducer<Var<G>, R, L>,
    span: Span,
    pieces: Pieces,
}

impl<R: Exchange> Segment<R> {
    /// Produces messages in granules of `G` bytes, beside others.
    ///
    /// # Errors
    /// As for [`multi_producer`](Self::multi_producer); a segment of another kind is [`OpenError::Incompatible`].
    pub fn multi_var_producer<const G: usize, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<MultiVarProducer<G, R, L>, OpenError> {
        is_granular(self.header().layout.spec()).map_err(OpenError::Incompatible)?;
        Ok(MultiVarProducer { items: self.one_of_several(live, who)? })
    }
}

impl<const G: usize, R: Exchange, L: Liveness> MultiVarProducer<G, R, L> {
    /// Bytes of the longest message: of as many granules as one [batch](MultiProducer::batch_max) may have.
    pub fn payload_max(&self) -> usize {
        self.items.batch_max() as usize * G
    }

    /// Publishes a payload. Gives where it begins.
    ///
    /// # Errors
    /// [`Refused`]; what never fits is [`Why::TooLarge`] at once, in bytes.
    pub fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        let mut grant = self.grant(payload.len(), kind)?;
        grant.write(payload);
        Ok(grant.show())
    }

    /// As [`try_publish`](Self::try_publish), once there is room. Meanwhile it sees to those who hold it up.
    ///
    /// # Errors
    /// As for [`MultiProducer::publish`]; what never fits is refused at once, in bytes.
    pub fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>>
    where
        L: Idle,
    {
        let claim = |items: &mut MultiProducer<_, R, L>, n| items.await_within(n, until);
        let mut grant = self.grant_by(payload.len(), kind, claim)?;
        grant.write(payload);
        Ok(grant.show())
    }

    /// A run for a message of `len` bytes, to be written and shown.
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<MultiVarGrant<'_, G, R, L>, Refused<()>> {
        self.grant_by(len, kind, MultiProducer::claim_within)
    }

    fn grant_by(
        &mut self,
        len: usize,
        kind: u8,
        claim: impl FnOnce(&mut MultiProducer<Var<G>, R, L>, u32) -> Result<u64, Why>,
    ) -> Result<MultiVarGrant<'_, G, R, L>, Refused<()>> {
        let max = u32::try_from(self.payload_max()).unwrap_or(u32::MAX);
        let too_large = Refused { item: (), why: Why::TooLarge { max } };
        let fits = u32::try_from(len).ok().filter(|_| len <= self.payload_max());
        let span = Span { len: fits.ok_or(too_large)?, kind, ..Span::default() };
        let granules = Var::<G>::granules(len) as u32;
        let at = claim(&mut self.items, granules).map_err(|why| Refused { item: (), why })?;
        Ok(MultiVarGrant { items: &mut self.items, span, pieces: Pieces::new(at, len) })
    }

    /// The claim of its place: see [`MultiProducer::slot`].
    pub fn slot(&self) -> u32 {
        self.items.slot()
    }

    /// Which owner of its place this is, counted from one.
    pub fn generation(&self) -> u32 {
        self.items.generation()
    }

    /// The first position that is not settled, whoever has claimed it.
    pub fn published(&self) -> Position {
        self.items.published()
    }

    /// The same that begins so, from `now` on: see [`MultiProducer::coordinate`], which counts granules.
    #[must_use]
    pub fn coordinate(self, how: Coordinate, now: Instant) -> Self {
        Self { items: self.items.coordinate(how, now) }
    }

    /// Waits so from now on: see [`MultiProducer::wait_by`].
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.items.wait_by(wait)
    }

    /// What is due about those who hold the producers up: see [`MultiProducer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.items.tend(now)
    }

    /// Leaves its place to another.
    pub fn close(self) {}
}

impl<const G: usize, R: Exchange, L: Liveness> Sink for MultiVarProducer<G, R, L> {
    fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        self.try_publish(payload, kind)
    }

    fn payload_max(&self) -> usize {
        self.payload_max()
    }

    fn codec(&self) -> CodecId {
        CodecId(self.items.view().layout().spec().codec)
    }
}

impl<const G: usize, R: Exchange, L: Liveness + Idle> PatientSink for MultiVarProducer<G, R, L> {
    fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        self.publish(payload, kind, until)
    }
}

impl<const G: usize, R: Exchange, L: Liveness> MultiVarGrant<'_, G, R, L> {
    /// Bytes that are to be written yet.
    pub fn missing(&self) -> usize {
        self.pieces.missing()
    }

    /// Writes what comes next. Gives how many of the bytes there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.pieces.write(self.items.view(), bytes)
    }

    /// Shows the message. Gives where it begins.
    ///
    /// # Errors
    /// [`Unfilled`] where not all of it was written: gaps are left then.
    pub fn commit(self) -> Result<Position, Unfilled> {
        match self.missing() {
            0 => Ok(self.show()),
            missing => Err(Unfilled { missing }),
        }
    }

    fn show(self) -> Position {
        let (view, at) = (self.items.view(), self.pieces.at);
        inscribe(view, at, self.span);
        for nth in 1..Var::<G>::granules(self.span.len as usize) {
            inscribe(view, at + nth, Span { len: nth as u32, flags: Span::GOES_ON, ..Span::default() });
        }
        self.items.show_all();
        Position(at)
    }
}

impl<const G: usize, R: Exchange, L: Liveness> Drop for MultiVarGrant<'_, G, R, L> {
    fn drop(&mut self) {
        // Nothing where it was shown.
        self.items.abort();
    }
}

/// Says what lies in a granule that we have claimed. Ordered by what settles it.
fn inscribe<R: Region>(view: &View<R>, position: u64, span: Span) {
    view.write(view.layout().entry(position).plus(2), &span.encode());
}

/// What lies in a granule of several producers.
struct Granule {
    /// Whose it is.
    owner: u32,
    /// Which one of its run.
    nth: u32,
    span: Span,
}

impl Granule {
    /// `None` where none is settled, or was given up.
    fn at<R: Region>(view: &View<R>, position: u64) -> Option<Self> {
        // Its Acquire pairs with the Release in `settle`: what is said beside the word is there.
        let (Said::Item, word) = view.said(position) else { return None };
        let mut words = [0; 2];
        view.read(view.layout().entry(position).plus(2), &mut words);
        let span = Span::decode(words);
        let nth = if span.flags & Span::GOES_ON == 0 { 0 } else { span.len.max(1) };
        Some(Self { owner: owner(word)?, nth, span })
    }
}

/// What begins at a position of several producers, where an item lies. Nobody says of granules of others that they are part of his
/// message: each of them says so itself.
pub(super) fn find<R: Region>(granule: usize, view: &View<R>, position: u64) -> Found {
    let capacity = u64::from(view.layout().spec().capacity);
    let Some(first) = Granule::at(view, position) else {
        return Found::Wrong { granules: 1, cause: Cause::NoFirst };
    };
    // A run ends before the ring does.
    let left = capacity - position % capacity;
    let says = if first.nth == 0 { granules_of(first.span.len as usize, granule) } else { left };
    let goes_on = |nth: &u64| {
        let next = Granule::at(view, position + nth);
        next.is_some_and(|next| {
            next.owner == first.owner && next.nth == first.nth.saturating_add(*nth as u32) && next.nth > 0
        })
    };
    let granules = 1 + (1..says.min(left)).take_while(goes_on).count() as u64;
    if first.nth > 0 {
        return Found::Wrong { granules, cause: Cause::NoFirst };
    }
    if granules < says {
        let has = u32::try_from(granules * granule as u64).unwrap_or(u32::MAX);
        return Found::Wrong { granules, cause: Cause::Length { says: first.span.len, has } };
    }
    Found::Message { granules, span: first.span }
}
