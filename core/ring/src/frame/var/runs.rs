//! Messages that are runs of granules: how they are found.

use super::{Found, Var, broken, copy, find, is_granular};
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::frame::gather::{Hand, Whole};
use crate::frame::messages::{Find, Keep, Messages};
use crate::frame::{Cause, Message};
use crate::header::Incompatible;
use crate::index::Span;
use crate::join::{JoinError, Start};
use crate::reader::Reader;
use crate::segment::{Position, Segment};
use crate::table::Peer;
use crate::view::View;
use tidemill_seam::{Exchange, Liveness};

/// The half that takes messages from runs of granules of `G` bytes, each once, whole and in order, and is waited for.
///
/// `B` is the memory for a message, best one that begins on a multiple of 16: [`Room`](crate::frame::Room), or `Memory` on
/// the heap.
pub type VarConsumer<const G: usize, R, L, B> = Messages<InRuns<B>, Consumer<Var<G>, R, L>>;

/// The half that copies messages from runs of granules of `G` bytes, and may be overtaken: it is told, and begins anew at
/// the next message.
///
/// `B` is the memory for a message, as for a [`VarConsumer`].
pub type VarReader<const G: usize, R, L, B> = Messages<InRuns<B>, Reader<Var<G>, R, L>>;

/// Finds messages in runs, and copies them to its memory.
#[derive(Debug)]
pub struct InRuns<B> {
    memory: B,
}

/// What was copied from a position on.
enum Copied {
    Whole(Hand),
    Gap,
    Wrong(u64, Cause),
}

impl<R: Exchange> Segment<R> {
    /// Takes part as a consumer of messages in granules of `G` bytes.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer); a segment of another kind is [`JoinError::Incompatible`].
    pub fn var_consumer<const G: usize, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
        memory: B,
    ) -> Result<VarConsumer<G, R, L, B>, JoinError> {
        is_granular(self.header().layout.spec()).map_err(JoinError::Incompatible)?;
        Ok(Messages::of(self.consumer(live, peer, start)?, InRuns { memory }))
    }

    /// Takes part as a reader of messages in granules of `G` bytes.
    ///
    /// # Errors
    /// As for [`reader`](Self::reader); a segment of another kind is [`JoinError::Incompatible`].
    pub fn var_reader<const G: usize, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
        memory: B,
    ) -> Result<VarReader<G, R, L, B>, JoinError> {
        is_granular(self.header().layout.spec()).map_err(JoinError::Incompatible)?;
        Ok(Messages::of(self.reader(live, peer, start)?, InRuns { memory }))
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B> Messages<InRuns<B>, Consumer<Var<G>, R, L>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    /// Messages of the granules that `items` takes.
    ///
    /// # Errors
    /// [`Incompatible`] where its slots are no granules.
    pub fn over(items: Consumer<Var<G>, R, L>, memory: B) -> Result<Self, Incompatible> {
        is_granular(items.view().layout().spec())?;
        Ok(Self::of(items, InRuns { memory }))
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B> Messages<InRuns<B>, Reader<Var<G>, R, L>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    /// Messages of the granules that `items` copies.
    ///
    /// # Errors
    /// [`Incompatible`] where its slots are no granules.
    pub fn over(items: Reader<Var<G>, R, L>, memory: B) -> Result<Self, Incompatible> {
        is_granular(items.view().layout().spec())?;
        Ok(Self::of(items, InRuns { memory }))
    }
}

impl<B> InRuns<B> {
    /// The next message as `take` gives it, not acknowledged; gaps, and what is no message, are passed.
    pub(in crate::frame) fn seek<const G: usize, R: Exchange, L: Liveness>(
        items: &mut Consumer<Var<G>, R, L>,
        mut take: impl FnMut(&View<R>, u64, Span) -> Result<Whole, Cause>,
    ) -> Option<Next<Hand>> {
        loop {
            let waiting = match items.look(1) {
                Ok(0) => return None,
                Ok(waiting) => waiting,
                Err(news) => return Some(news),
            };
            let at = items.position().0;
            let found = find::<G, R>(items.view(), at, at + waiting);
            if items.view().shared() {
                items.found(at + found.granules());
            }
            let (granules, cause) = match found {
                Found::Message { granules, span } => match take(items.view(), at, span) {
                    Ok(whole) => return Some(Next::Item(Hand { at, end: at + granules, whole })),
                    Err(cause) => (granules, cause),
                },
                Found::Gap { granules } => {
                    items.ack(Position(at + granules));
                    continue;
                }
                Found::Wrong { granules, cause } => (granules, cause),
            };
            items.ack(Position(at + granules));
            return Some(Next::Broken { at: Position(at), what: broken(at, cause) });
        }
    }
}

impl<B: AsRef<[u8]>> Keep for InRuns<B> {
    fn end(&mut self, _: Position, end: End) -> Next<Hand> {
        Next::Closed(end)
    }

    fn message(&self, hand: &Hand) -> Message<'_> {
        hand.whole.within(self.memory.as_ref())
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B> Find<Consumer<Var<G>, R, L>> for InRuns<B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find(&mut self, items: &mut Consumer<Var<G>, R, L>) -> Option<Next<Hand>> {
        let memory = &mut self.memory;
        Self::seek(items, |view, at, span| copy(view, at, span, memory))
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B> Find<Reader<Var<G>, R, L>> for InRuns<B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find(&mut self, items: &mut Reader<Var<G>, R, L>) -> Option<Next<Hand>> {
        loop {
            let memory = &mut self.memory;
            let whole = |at, end, whole: Whole| Copied::Whole(Hand { at, end, whole });
            let next = items.copy(|view, at, known| match find::<G, R>(view, at, known) {
                Found::Message { granules, span } => match copy(view, at, span, memory) {
                    Ok(found) => (granules, whole(at, at + granules, found)),
                    Err(cause) => (granules, Copied::Wrong(at, cause)),
                },
                Found::Gap { granules } => (granules, Copied::Gap),
                Found::Wrong { granules, cause } => (granules, Copied::Wrong(at, cause)),
            })?;
            return Some(match next.item() {
                Ok(Copied::Whole(hand)) => Next::Item(hand),
                Ok(Copied::Gap) => continue,
                Ok(Copied::Wrong(at, cause)) => Next::Broken { at: Position(at), what: broken(at, cause) },
                Err(news) => news,
            });
        }
    }
}
