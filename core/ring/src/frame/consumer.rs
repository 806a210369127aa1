use super::gather::{Gather, Hand, Step};
use super::received::Received;
use super::{Fixed, Message, Source};
use crate::codec::CodecId;
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::join::{JoinError, Start};
use crate::segment::{Position, Segment};
use crate::table::Peer;
use crate::wait::{Ended, Idle, Until};
use core::convert::Infallible;
use tidemill_seam::{Exchange, Liveness};

/// The half that takes messages whose parts are slots of `N` bytes, each once, whole and in order, and is waited for.
///
/// A message is acknowledged as a whole: who dies before gets it again. `B` is the memory for a message of several parts,
/// best one that begins on a multiple of 16: [`Room`](super::Room), or `Memory` on the heap.
#[derive(Debug)]
pub struct FrameConsumer<const N: usize, R: Exchange, L: Liveness, B> {
    items: Consumer<Fixed<N>, R, L>,
    gather: Gather<N, B>,
    hand: Option<Hand>,
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
        Ok(FrameConsumer::over(self.consumer(live, peer, start)?, memory))
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>> FrameConsumer<N, R, L, B> {
    /// Messages of the parts that `items` takes.
    pub fn over(items: Consumer<Fixed<N>, R, L>, memory: B) -> Self {
        Self { items, gather: Gather::new(memory), hand: None, news: None }
    }

    /// What comes next: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Received<'_, Fixed<N>, R, L>>> {
        let hand = match self.hand {
            Some(hand) => hand,
            None => match self.gather()?.item() {
                Ok(hand) => hand,
                Err(news) => return Some(news),
            },
        };
        Some(Next::Item(self.received(hand)))
    }

    /// What comes next, once something does, the proved death of the producer included: as
    /// [`Consumer::next`].
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Received<'_, Fixed<N>, R, L>>, Ended>
    where
        L: Idle,
    {
        let hand = loop {
            let heard = match self.hand {
                Some(hand) => break hand,
                None => self.gather(),
            };
            match heard.map(Next::item) {
                Some(Ok(hand)) => break hand,
                Some(Err(news)) => return Ok(news),
                None => {
                    if let Some(end) = self.items.stir(until)? {
                        let at = self.items.position().0;
                        return Ok(self.told(at, Next::Closed(end)));
                    }
                }
            }
        };
        Ok(Next::Item(self.received(hand)))
    }

    /// A message in hand, until it is let go of.
    fn received(&mut self, hand: Hand) -> Received<'_, Fixed<N>, R, L> {
        self.hand = Some(hand);
        let message = self.gather.message(&hand.whole);
        let (at, end) = (hand.at, hand.end);
        Received { items: &mut self.items, hand: &mut self.hand, message, at, end }
    }

    /// Hands up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        super::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was taken: see [`Consumer::tend`].
    pub fn tend(&self) -> Option<End> {
        self.items.tend()
    }

    /// The consumer of the parts. What is taken there is missing here.
    pub fn raw(&mut self) -> &mut Consumer<Fixed<N>, R, L> {
        self.hand = None;
        &mut self.items
    }

    /// The next whole message, not acknowledged; every part that is of none is passed.
    fn gather(&mut self) -> Option<Next<Hand>> {
        if let Some(news) = self.news.take() {
            return Some(news.map(|none| match none {}));
        }
        let mut first = self.items.position().0;
        let mut at = first;
        loop {
            let waiting = match self.items.look(at - first + 1) {
                Ok(waiting) => waiting,
                Err(news) => return Some(self.told(at, news)),
            };
            if waiting <= at - first {
                // Parts are shown together, so the rest of them may never come: what was copied is not held back.
                if at == first {
                    return None;
                }
                first = self.items.ack(Position(at)).0;
                continue;
            }
            self.gather.slot = self.items.view().take(at);
            match self.gather.take() {
                Step::Whole(whole) => return Some(Next::Item(Hand { at: first, end: at + 1, whole })),
                Step::Kept => at += 1,
                Step::Skipped => {
                    at += 1;
                    first = self.items.ack(Position(at)).0;
                }
                Step::Cut(what) => {
                    self.items.ack(Position(at));
                    return Some(Next::Broken { at: Position(at), what });
                }
                Step::Broken(what) => {
                    self.items.ack(Position(at + 1));
                    return Some(Next::Broken { at: Position(at), what });
                }
            }
        }
    }

    /// What is heard where no part comes: first of the message that it breaks.
    fn told<T>(&mut self, at: u64, news: Next<Infallible>) -> Next<T> {
        if let Some(what) = self.gather.hear(&news) {
            self.news = Some(news);
            return Next::Broken { at: Position(at), what };
        }
        news.map(|none| match none {})
    }
}

impl<const N: usize, R, L, B> Source for FrameConsumer<N, R, L, B>
where
    R: Exchange,
    L: Liveness,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>> {
        Some(self.try_next()?.map(|received| each(received.message(), received.position())))
    }

    fn codec(&self) -> CodecId {
        CodecId(self.items.view().layout().spec().codec)
    }
}
