use super::Trusting;
use crate::codec::CodecId;
use crate::consumer::Consumer;
use crate::element::Plain;
use crate::follow::{End, Next};
use crate::frame::{Hand, Lent, Message, Messages, PatientSource, Source};
use crate::segment::Position;
use crate::stir::Stir;
use crate::wait::{Ended, Idle, Until};
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use core::slice;
use tidemill_seam::{Exchange, Lend, Liveness};

/// A message where it lies. Nobody overwrites it before it is acknowledged; dropped without that, it comes next again.
pub struct SeenMessage<'c, E: Plain, R: Exchange, L: Liveness> {
    items: &'c mut Consumer<E, R, L>,
    hand: Hand,
    /// No reference: the bytes are somebody else's to write from the moment of their acknowledgement on.
    bytes: NonNull<u8>,
}

type Over<F, E, R, L> = Messages<F, Consumer<E, R, L>>;

impl<F, E: Plain, R: Exchange + Lend, L: Liveness> Trusting<Over<F, E, R, L>>
where
    F: Lent<Consumer<E, R, L>>,
{
    /// What comes next: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<SeenMessage<'_, E, R, L>>> {
        let (items, found) = self.0.halves();
        let heard = found.find_in_place(items)?;
        Some(heard.map(|hand| seen(items, found, hand)))
    }

    /// What comes next, once something does, the proved death of the producer included: as [`Consumer::next`].
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<SeenMessage<'_, E, R, L>>, Ended>
    where
        L: Idle,
    {
        let heard = self.heard(until)?;
        let (items, found) = self.0.halves();
        Ok(heard.map(|hand| seen(items, found, hand)))
    }

    /// Shows up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        crate::frame::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was taken: see [`Consumer::tend`].
    pub fn tend(&self) -> Option<End> {
        self.0.tend()
    }

    fn heard(&mut self, until: Until<'_>) -> Result<Next<Hand>, Ended>
    where
        L: Idle,
    {
        let (items, found) = self.0.halves();
        loop {
            if let Some(heard) = found.find_in_place(items) {
                return Ok(heard);
            }
            if let Some(end) = items.stir(until)? {
                return Ok(found.end(items.position(), end));
            }
        }
    }

    fn show<O>(&mut self, heard: Next<Hand>, each: impl FnOnce(Message<'_>, Position) -> O) -> Next<O> {
        let (items, found) = self.0.halves();
        heard.map(|hand| {
            let seen = seen(items, found, hand);
            let shown = each(seen.message(), seen.position());
            seen.ack();
            shown
        })
    }
}

fn seen<'c, F, E: Plain, R: Exchange + Lend, L: Liveness>(
    items: &'c mut Consumer<E, R, L>,
    found: &'c F,
    hand: Hand,
) -> SeenMessage<'c, E, R, L>
where
    F: Lent<Consumer<E, R, L>>,
{
    let bytes = found.place(items, &hand);
    SeenMessage { items, hand, bytes }
}

impl<E: Plain, R: Exchange, L: Liveness> SeenMessage<'_, E, R, L> {
    /// The message.
    pub fn message(&self) -> Message<'_> {
        self.hand.message(self)
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        self.hand.position()
    }

    /// Takes the message: where it lay is the producer's again.
    pub fn ack(self) {
        self.items.ack(self.hand.end());
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Deref for SeenMessage<'_, E, R, L> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as many bytes of a message that is published and not acknowledged, found to lie within the data, or bytes
        // of memory that is borrowed beside the consumer. Nobody writes there: the promise of whoever made the half.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.hand.len()) }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for SeenMessage<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, message) = (self.position(), self.message());
        f.debug_struct("SeenMessage").field("at", &at).field("message", &message).finish()
    }
}

impl<F, E: Plain, R: Exchange + Lend, L: Liveness> Source for Trusting<Over<F, E, R, L>>
where
    F: Lent<Consumer<E, R, L>>,
{
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>> {
        let (items, found) = self.0.halves();
        let heard = found.find_in_place(items)?;
        Some(self.show(heard, each))
    }

    fn codec(&self) -> CodecId {
        self.0.codec()
    }
}

impl<F, E: Plain, R: Exchange + Lend, L: Liveness + Idle> PatientSource for Trusting<Over<F, E, R, L>>
where
    F: Lent<Consumer<E, R, L>>,
{
    fn hear_until<O>(
        &mut self,
        until: Until<'_>,
        each: impl FnOnce(Message<'_>, Position) -> O,
    ) -> Result<Next<O>, Ended> {
        let heard = self.heard(until)?;
        Ok(self.show(heard, each))
    }
}
