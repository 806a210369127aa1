//! Messages whose parts are slots: how they are found.

use super::Fixed;
use super::gather::{Gather, Hand, Step};
use super::messages::{Find, Keep, Messages};
use super::{Broken, Cause, Message};
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::join::{JoinError, Start};
use crate::reader::Reader;
use crate::segment::{Position, Segment};
use crate::table::Peer;
use core::convert::Infallible;
use tidemill_seam::{Exchange, Liveness};

/// The half that takes messages whose parts are slots of `N` bytes, each once, whole and in order, and is waited for.
///
/// `B` is the memory for a message of several parts, best one that begins on a multiple of 16: [`Room`](super::Room), or
/// `Memory` on the heap.
pub type FrameConsumer<const N: usize, R, L, B> = Messages<InParts<N, B>, Consumer<Fixed<N>, R, L>>;

/// The half that copies messages whose parts are slots of `N` bytes, and may be overtaken: a message of which a part was is
/// [`Next::Broken`], before the loss is told.
///
/// `B` is the memory for a message of several parts, as for a [`FrameConsumer`].
pub type FrameReader<const N: usize, R, L, B> = Messages<InParts<N, B>, Reader<Fixed<N>, R, L>>;

/// Finds messages in parts.
#[derive(Debug)]
pub struct InParts<const N: usize, B> {
    gather: Gather<N, B>,
    /// The part in the slot was not fed yet.
    again: bool,
    /// Heard, and to be told behind the message that it broke.
    news: Option<Next<Infallible>>,
}

impl<R: Exchange> Segment<R> {
    /// Takes part as a consumer of messages in parts of up to `N` bytes.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn frame_consumer<const N: usize, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
        memory: B,
    ) -> Result<FrameConsumer<N, R, L, B>, JoinError> {
        Ok(Messages::<InParts<N, B>, Consumer<_, _, _>>::over(self.consumer(live, peer, start)?, memory))
    }

    /// Takes part as a reader of messages in parts of up to `N` bytes.
    ///
    /// # Errors
    /// As for [`reader`](Self::reader).
    pub fn frame_reader<const N: usize, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
        memory: B,
    ) -> Result<FrameReader<N, R, L, B>, JoinError> {
        Ok(Messages::<InParts<N, B>, Reader<_, _, _>>::over(self.reader(live, peer, start)?, memory))
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B> Messages<InParts<N, B>, Consumer<Fixed<N>, R, L>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    /// Messages of the parts that `items` takes.
    pub fn over(items: Consumer<Fixed<N>, R, L>, memory: B) -> Self {
        Self::of(items, InParts::new(memory))
    }

    /// The consumer of the parts. What is taken there is missing here.
    pub fn raw(&mut self) -> &mut Consumer<Fixed<N>, R, L> {
        self.hand = None;
        &mut self.items
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B> Messages<InParts<N, B>, Reader<Fixed<N>, R, L>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    /// Messages of the parts that `items` copies.
    pub fn over(items: Reader<Fixed<N>, R, L>, memory: B) -> Self {
        Self::of(items, InParts::new(memory))
    }

    /// The reader of the parts. What is read there is missing here.
    pub fn raw(&mut self) -> &mut Reader<Fixed<N>, R, L> {
        self.hand = None;
        &mut self.items
    }
}

impl<const N: usize, B: AsRef<[u8]> + AsMut<[u8]>> InParts<N, B> {
    const fn new(memory: B) -> Self {
        Self { gather: Gather::new(memory), again: false, news: None }
    }

    /// Whether the next part begins a message, and nothing else is to be told before.
    pub(super) fn is_idle(&self) -> bool {
        self.news.is_none() && self.gather.is_idle()
    }

    /// A message of one part came, and was not copied.
    pub(super) fn single(&mut self) {
        self.gather.single();
    }

    /// The memory for a message of several parts.
    pub(super) fn memory(&self) -> &[u8] {
        self.gather.memory()
    }

    /// What was heard behind a message that it broke.
    fn kept(&mut self) -> Option<Next<Hand>> {
        self.news.take().map(|news| news.map(|none| match none {}))
    }

    /// What is heard where no part comes: first of the message that it breaks.
    pub(super) fn told(&mut self, at: u64, news: Next<Infallible>) -> Next<Hand> {
        if let Some(what) = self.gather.hear(&news) {
            self.news = Some(news);
            return broken(at, what);
        }
        news.map(|none| match none {})
    }
}

impl<const N: usize, B: AsRef<[u8]> + AsMut<[u8]>> InParts<N, B> {
    /// Copies the next part to the slot, where one is there.
    fn copy<R: Exchange, L: Liveness>(
        &mut self,
        items: &mut Reader<Fixed<N>, R, L>,
    ) -> Result<bool, Next<Hand>> {
        let at = items.position().0;
        let copied = items.copy(|view, at, _| (1, (view.take(at), view.owner_at(at))));
        let (came, news) = match copied.map(Next::item) {
            Some(Ok((slot, from))) => {
                (self.gather.slot, self.gather.from) = (slot, from);
                (true, None)
            }
            Some(Err(news)) => (false, Some(news)),
            None => (false, None),
        };
        // What one of several gave up was passed; whoever was overtaken is told of that instead.
        let passed = items.position().0 > at + u64::from(came) && !matches!(news, Some(Next::Lagged { .. }));
        if passed && let Some(what) = self.gather.end(Cause::Void) {
            (self.again, self.news) = (came, news);
            return Err(broken(at, what));
        }
        news.map_or(Ok(came), |news| Err(self.told(at, news)))
    }
}

fn broken(at: u64, what: Broken) -> Next<Hand> {
    Next::Broken { at: Position(at), what }
}

impl<const N: usize, B: AsRef<[u8]> + AsMut<[u8]>> Keep for InParts<N, B> {
    fn end(&mut self, at: Position, end: End) -> Next<Hand> {
        self.told(at.0, Next::Closed(end))
    }

    fn message(&self, hand: &Hand) -> Message<'_> {
        self.gather.message(&hand.whole)
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B> Find<Consumer<Fixed<N>, R, L>> for InParts<N, B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find(&mut self, items: &mut Consumer<Fixed<N>, R, L>) -> Option<Next<Hand>> {
        if let Some(news) = self.kept() {
            return Some(news);
        }
        let mut first = items.position().0;
        let mut at = first;
        loop {
            let looked = items.look(at - first + 1);
            // Where nothing is held back, what one of several gave up was passed by looking: it was no part of the open message.
            let here = items.position().0;
            if here > first {
                let gap = core::mem::replace(&mut at, here);
                first = here;
                if let Some(what) = self.gather.end(Cause::Void) {
                    self.news = looked.err();
                    return Some(broken(gap, what));
                }
            }
            let waiting = match looked {
                Ok(waiting) => waiting,
                Err(news) => return Some(self.told(at, news)),
            };
            if waiting <= at - first {
                // Parts are shown together, so the rest of them may never come: what was copied is not held back.
                if at == first {
                    return None;
                }
                first = items.ack(Position(at)).0;
                continue;
            }
            (self.gather.slot, self.gather.from) = (items.view().take(at), items.view().owner_at(at));
            match self.gather.take() {
                Step::Whole(whole) => return Some(Next::Item(Hand { at: first, end: at + 1, whole })),
                Step::Kept => at += 1,
                Step::Skipped => {
                    at += 1;
                    first = items.ack(Position(at)).0;
                }
                Step::Cut(what) => {
                    items.ack(Position(at));
                    return Some(broken(at, what));
                }
                Step::Broken(what) => {
                    items.ack(Position(at + 1));
                    return Some(broken(at, what));
                }
            }
        }
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B> Find<Reader<Fixed<N>, R, L>> for InParts<N, B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find(&mut self, items: &mut Reader<Fixed<N>, R, L>) -> Option<Next<Hand>> {
        if let Some(news) = self.kept() {
            return Some(news);
        }
        loop {
            if !core::mem::take(&mut self.again) {
                match self.copy(items) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(heard) => return Some(heard),
                }
            }
            let end = items.position().0;
            match self.gather.take() {
                Step::Whole(whole) => {
                    return Some(Next::Item(Hand { at: end - u64::from(whole.parts), end, whole }));
                }
                Step::Kept | Step::Skipped => {}
                Step::Cut(what) => {
                    self.again = true;
                    return Some(broken(end - 1, what));
                }
                Step::Broken(what) => return Some(broken(end - 1, what)),
            }
        }
    }
}
