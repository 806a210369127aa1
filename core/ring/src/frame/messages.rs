//! One shell around both forms of messages, and around who is waited for and who may be overtaken.

use super::gather::Hand;
use super::received::Received;
use super::{Message, PatientSource, Source};
use crate::codec::CodecId;
use crate::consumer::Consumer;
use crate::element::Plain;
use crate::follow::{End, Next};
use crate::reader::Reader;
use crate::segment::Position;
use crate::stir::Stir;
use crate::wait::{Ended, Idle, Until};
use tidemill_seam::{Exchange, Liveness};

/// Where items come from.
pub trait Items {
    /// The position of the next one.
    fn position(&self) -> Position;

    /// The codec that the segment was made for.
    fn codec(&self) -> CodecId;

    /// Whether the producer is proved dead and everything that it published was taken.
    fn tend(&self) -> Option<End>;

    /// Takes what lies below a position, where that holds anybody up.
    fn pass(&mut self, to: u64);
}

/// How the next message is found among items of `I`.
pub trait Find<I>: Keep {
    /// The next whole message, which is not passed; everything that is no part of one is.
    fn find(&mut self, items: &mut I) -> Option<Next<Hand>>;
}

/// What is kept of a message that was found.
pub trait Keep {
    /// What is heard where a wait found the end at `at`: first of the message that it breaks.
    fn end(&mut self, at: Position, end: End) -> Next<Hand>;

    /// The message that was found last.
    fn message(&self, hand: &Hand) -> Message<'_>;
}

/// The half that takes messages of either form: how one is found among what `I` takes is `F`'s.
///
/// Over a [`Consumer`] a message is acknowledged as a whole: who dies before gets it again. Over a [`Reader`] it is copied,
/// and what was overwritten meanwhile is told as lost.
#[derive(Debug)]
pub struct Messages<F, I> {
    pub(super) items: I,
    pub(super) found: F,
    /// Found, and not taken.
    pub(super) hand: Option<Hand>,
}

impl<F: Find<I>, I: Items> Messages<F, I> {
    pub(super) const fn of(items: I, found: F) -> Self {
        Self { items, found, hand: None }
    }

    /// What it takes from and how it finds, for who shows messages by itself: nothing is in hand then.
    pub(crate) fn halves(&mut self) -> (&mut I, &mut F) {
        self.hand = None;
        (&mut self.items, &mut self.found)
    }

    /// Hands up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        super::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was taken: see [`Consumer::tend`] and
    /// [`Reader::tend`].
    pub fn tend(&self) -> Option<End> {
        self.items.tend()
    }

    /// The position of the first slot that was not passed: where the next message begins, or what leads to it.
    pub fn position(&self) -> Position {
        self.items.position()
    }

    /// What was found and not taken, or what is found now.
    fn look(&mut self) -> Option<Next<Hand>> {
        match self.hand {
            Some(hand) => Some(Next::Item(hand)),
            None => self.found.find(&mut self.items),
        }
    }

    fn look_until(&mut self, until: Until<'_>) -> Result<Next<Hand>, Ended>
    where
        I: Stir,
    {
        loop {
            if let Some(heard) = self.look() {
                return Ok(heard);
            }
            if let Some(end) = self.items.stir(until)? {
                return Ok(self.found.end(self.items.position(), end));
            }
        }
    }

    /// Shows what was found, and takes it: where `each` panics, it is acknowledged to nobody.
    fn show<O>(&mut self, heard: Next<Hand>, each: impl FnOnce(Message<'_>, Position) -> O) -> Next<O> {
        heard.map(|hand| {
            let shown = each(self.found.message(&hand), Position(hand.at));
            self.items.pass(hand.end);
            self.hand = None;
            shown
        })
    }
}

impl<F, E, R, L> Messages<F, Consumer<E, R, L>>
where
    F: Find<Consumer<E, R, L>>,
    E: Plain,
    R: Exchange,
    L: Liveness,
{
    /// What comes next: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Received<'_, E, R, L>>> {
        let heard = self.look()?;
        Some(heard.map(|hand| self.received(hand)))
    }

    /// What comes next, once something does, the proved death of the producer included: as [`Consumer::next`].
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Received<'_, E, R, L>>, Ended>
    where
        L: Idle,
    {
        let heard = self.look_until(until)?;
        Ok(heard.map(|hand| self.received(hand)))
    }

    /// Its slot in the table.
    pub fn slot(&self) -> u32 {
        self.items.slot()
    }

    /// A message in hand, until it is let go of.
    fn received(&mut self, hand: Hand) -> Received<'_, E, R, L> {
        self.hand = Some(hand);
        let message = self.found.message(&hand);
        let (at, end) = (hand.at, hand.end);
        Received { items: &mut self.items, hand: &mut self.hand, message, at, end }
    }
}

impl<F, E, R, L> Messages<F, Reader<E, R, L>>
where
    F: Find<Reader<E, R, L>>,
    E: Plain,
    R: Exchange,
    L: Liveness,
{
    /// What comes next, a message being lent until the next call: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Message<'_>>> {
        let heard = self.look()?;
        self.hand = None;
        Some(heard.map(|hand| self.found.message(&hand)))
    }

    /// What comes next, once something does, its own eviction and the proved death of the producer included: as
    /// [`Reader::next`].
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Message<'_>>, Ended>
    where
        L: Idle,
    {
        let heard = self.look_until(until)?;
        self.hand = None;
        Ok(heard.map(|hand| self.found.message(&hand)))
    }

    /// Its slot in the table.
    pub fn slot(&self) -> u32 {
        self.items.slot()
    }
}

impl<F: Find<I>, I: Items> Source for Messages<F, I> {
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>> {
        let heard = self.look()?;
        Some(self.show(heard, each))
    }

    fn codec(&self) -> CodecId {
        self.items.codec()
    }
}

impl<F: Find<I>, I: Items + Stir> PatientSource for Messages<F, I> {
    fn hear_until<O>(
        &mut self,
        until: Until<'_>,
        each: impl FnOnce(Message<'_>, Position) -> O,
    ) -> Result<Next<O>, Ended> {
        let heard = self.look_until(until)?;
        Ok(self.show(heard, each))
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Items for Consumer<E, R, L> {
    fn position(&self) -> Position {
        self.position()
    }

    fn codec(&self) -> CodecId {
        CodecId(self.view().layout().spec().codec)
    }

    fn tend(&self) -> Option<End> {
        self.tend()
    }

    fn pass(&mut self, to: u64) {
        self.ack(Position(to));
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Items for Reader<E, R, L> {
    fn position(&self) -> Position {
        self.position()
    }

    fn codec(&self) -> CodecId {
        CodecId(self.view().layout().spec().codec)
    }

    fn tend(&self) -> Option<End> {
        self.tend()
    }

    fn pass(&mut self, _: u64) {}
}
