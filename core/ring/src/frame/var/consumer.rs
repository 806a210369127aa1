use super::{Found, Var, broken, copy, find, is_indexed};
use crate::codec::CodecId;
use crate::consumer::Consumer;
use crate::follow::{End, Next};
use crate::frame::gather::Hand;
use crate::frame::{Message, Received, Source};
use crate::header::Incompatible;
use crate::join::{JoinError, Start};
use crate::segment::{Position, Segment};
use crate::table::Peer;
use crate::wait::{Ended, Idle, Until};
use tidemill_seam::{Exchange, Liveness};

/// The half that takes messages from runs of granules of `G` bytes, each once, whole and in order, and is waited for.
///
/// `B` is the memory for a message, best one that begins on a multiple of 16: [`Room`](crate::frame::Room), or `Memory` on
/// the heap.
#[derive(Debug)]
pub struct VarConsumer<const G: usize, R: Exchange, L: Liveness, B> {
    items: Consumer<Var<G>, R, L>,
    memory: B,
    hand: Option<Hand>,
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
        is_indexed(self.header().layout.spec()).map_err(JoinError::Incompatible)?;
        Ok(VarConsumer { items: self.consumer(live, peer, start)?, memory, hand: None })
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>> VarConsumer<G, R, L, B> {
    /// Messages of the granules that `items` takes.
    ///
    /// # Errors
    /// [`Incompatible`] where the segment has no index.
    pub fn over(items: Consumer<Var<G>, R, L>, memory: B) -> Result<Self, Incompatible> {
        is_indexed(items.view().layout().spec())?;
        Ok(Self { items, memory, hand: None })
    }

    /// What comes next: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Received<'_, Var<G>, R, L>>> {
        let hand = match self.hand {
            Some(hand) => hand,
            None => match self.find()?.item() {
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
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Received<'_, Var<G>, R, L>>, Ended>
    where
        L: Idle,
    {
        let hand = loop {
            let heard = match self.hand {
                Some(hand) => break hand,
                None => self.find(),
            };
            match heard.map(Next::item) {
                Some(Ok(hand)) => break hand,
                Some(Err(news)) => return Ok(news),
                None => {
                    if let Some(end) = self.items.stir(until)? {
                        return Ok(Next::Closed(end));
                    }
                }
            }
        };
        Ok(Next::Item(self.received(hand)))
    }

    /// A message in hand, until it is let go of.
    fn received(&mut self, hand: Hand) -> Received<'_, Var<G>, R, L> {
        self.hand = Some(hand);
        let message = hand.whole.within(self.memory.as_ref());
        let (at, end) = (hand.at, hand.end);
        Received { items: &mut self.items, hand: &mut self.hand, message, at, end }
    }

    /// Hands up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        crate::frame::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was taken: see [`Consumer::tend`].
    pub fn tend(&self) -> Option<End> {
        self.items.tend()
    }

    /// The position of the next granule.
    pub fn position(&self) -> Position {
        self.items.position()
    }

    /// Its slot in the table.
    pub fn slot(&self) -> u32 {
        self.items.slot()
    }

    /// The next message; gaps, and what is no message, are passed.
    fn find(&mut self) -> Option<Next<Hand>> {
        loop {
            let waiting = match self.items.look(1) {
                Ok(0) => return None,
                Ok(waiting) => waiting,
                Err(news) => return Some(news),
            };
            let at = self.items.position().0;
            let view = self.items.view();
            let (granules, cause) = match find::<G, R>(view, at, at + waiting) {
                Found::Message { granules, span } => match copy(view, at, span, &mut self.memory) {
                    Ok(whole) => return Some(Next::Item(Hand { at, end: at + granules, whole })),
                    Err(cause) => (granules, cause),
                },
                Found::Gap { granules } => {
                    self.items.ack(Position(at + granules));
                    continue;
                }
                Found::Wrong { granules, cause } => (granules, cause),
            };
            self.items.ack(Position(at + granules));
            return Some(Next::Broken { at: Position(at), what: broken(at, cause) });
        }
    }
}

impl<const G: usize, R, L, B> Source for VarConsumer<G, R, L, B>
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
