use super::gather::{Gather, Step, Whole};
use super::{Fixed, Message, PatientSource, Source};
use crate::codec::CodecId;
use crate::follow::{End, Next};
use crate::join::{JoinError, Start};
use crate::reader::Reader;
use crate::segment::{Position, Segment};
use crate::table::Peer;
use crate::wait::{Ended, Idle, Until};
use core::convert::Infallible;
use tidemill_seam::{Exchange, Liveness};

/// The half that copies messages whose parts are slots of `N` bytes, and may be overtaken: a message of which a part was is
/// [`Next::Broken`], before the loss is told.
///
/// `B` is the memory for a message of several parts, as for a [`FrameConsumer`](super::FrameConsumer).
#[derive(Debug)]
pub struct FrameReader<const N: usize, R: Exchange, L: Liveness, B> {
    items: Reader<Fixed<N>, R, L>,
    gather: Gather<N, B>,
    /// The part in the slot was not fed yet.
    again: bool,
    /// Where the message that is being gathered begins.
    first: u64,
    /// Heard, and to be told behind the message that it broke.
    news: Option<Next<Infallible>>,
}

impl<R: Exchange> Segment<R> {
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
        Ok(FrameReader::over(self.reader(live, peer, start)?, memory))
    }
}

impl<const N: usize, R: Exchange, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>> FrameReader<N, R, L, B> {
    /// Messages of the parts that `items` copies.
    pub fn over(items: Reader<Fixed<N>, R, L>, memory: B) -> Self {
        let first = items.position().0;
        Self { items, gather: Gather::new(memory), again: false, first, news: None }
    }

    /// What comes next, a message being lent until the next call: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Message<'_>>> {
        let next = self.gather()?;
        Some(next.map(|whole| self.gather.message(&whole)))
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
        let next = self.gather_until(until)?;
        Ok(next.map(|whole| self.gather.message(&whole)))
    }

    fn gather_until(&mut self, until: Until<'_>) -> Result<Next<Whole>, Ended>
    where
        L: Idle,
    {
        loop {
            if let Some(next) = self.gather() {
                return Ok(next);
            }
            if let Some(end) = self.items.stir(until)? {
                let at = self.items.position();
                return Ok(self.told(at, Next::Closed(end)));
            }
        }
    }

    /// Hands up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        super::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was read: see [`Reader::tend`].
    pub fn tend(&self) -> Option<End> {
        self.items.tend()
    }

    /// The reader of the parts. What is read there is missing here.
    pub fn raw(&mut self) -> &mut Reader<Fixed<N>, R, L> {
        &mut self.items
    }

    fn gather(&mut self) -> Option<Next<Whole>> {
        if let Some(news) = self.news.take() {
            return Some(news.map(|none| match none {}));
        }
        loop {
            if !core::mem::take(&mut self.again) {
                let at = self.items.position();
                match self.items.try_next()?.item() {
                    Ok(slot) => self.gather.slot = slot,
                    Err(news) => return Some(self.told(at, news)),
                }
            }
            let at = self.items.position().0 - 1;
            match self.gather.take() {
                Step::Whole(whole) => {
                    self.first = at + 1 - u64::from(whole.parts);
                    return Some(Next::Item(whole));
                }
                Step::Kept | Step::Skipped => {}
                Step::Cut(what) => {
                    self.again = true;
                    return Some(Next::Broken { at: Position(at), what });
                }
                Step::Broken(what) => return Some(Next::Broken { at: Position(at), what }),
            }
        }
    }

    fn told(&mut self, at: Position, news: Next<Infallible>) -> Next<Whole> {
        if let Some(what) = self.gather.hear(&news) {
            self.news = Some(news);
            return Next::Broken { at, what };
        }
        news.map(|none| match none {})
    }
}

impl<const N: usize, R, L, B> Source for FrameReader<N, R, L, B>
where
    R: Exchange,
    L: Liveness,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>> {
        let next = self.gather()?;
        let first = Position(self.first);
        Some(next.map(|whole| each(self.gather.message(&whole), first)))
    }

    fn codec(&self) -> CodecId {
        CodecId(self.items.view().layout().spec().codec)
    }
}

impl<const N: usize, R, L, B> PatientSource for FrameReader<N, R, L, B>
where
    R: Exchange,
    L: Liveness + Idle,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn hear_until<O>(
        &mut self,
        until: Until<'_>,
        each: impl FnOnce(Message<'_>, Position) -> O,
    ) -> Result<Next<O>, Ended> {
        let next = self.gather_until(until)?;
        let first = Position(self.first);
        Ok(next.map(|whole| each(self.gather.message(&whole), first)))
    }
}
