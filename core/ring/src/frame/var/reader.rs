use super::{Found, Var, broken, copy, find, is_indexed};
use crate::codec::CodecId;
use crate::follow::{End, Next};
use crate::frame::gather::Whole;
use crate::frame::{Cause, Message, PatientSource, Source};
use crate::header::Incompatible;
use crate::join::{JoinError, Start};
use crate::reader::Reader;
use crate::segment::{Position, Segment};
use crate::table::Peer;
use crate::wait::{Ended, Idle, Until};
use tidemill_seam::{Exchange, Liveness};

/// The half that copies messages from runs of granules of `G` bytes, and may be overtaken: it is told, and begins anew at
/// the next message.
///
/// `B` is the memory for a message, as for a [`VarConsumer`](super::VarConsumer).
#[derive(Debug)]
pub struct VarReader<const G: usize, R: Exchange, L: Liveness, B> {
    items: Reader<Var<G>, R, L>,
    memory: B,
}

/// What was copied from a position on.
enum Copied {
    Whole(u64, Whole),
    Gap,
    Wrong(u64, Cause),
}

impl<R: Exchange> Segment<R> {
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
        is_indexed(self.header().layout.spec()).map_err(JoinError::Incompatible)?;
        Ok(VarReader { items: self.reader(live, peer, start)?, memory })
    }
}

impl<const G: usize, R: Exchange, L: Liveness, B: AsRef<[u8]> + AsMut<[u8]>> VarReader<G, R, L, B> {
    /// Messages of the granules that `items` copies.
    ///
    /// # Errors
    /// [`Incompatible`] where the segment has no index.
    pub fn over(items: Reader<Var<G>, R, L>, memory: B) -> Result<Self, Incompatible> {
        is_indexed(items.view().layout().spec())?;
        Ok(Self { items, memory })
    }

    /// What comes next, a message being lent until the next call: `None` where nothing does at this moment.
    pub fn try_next(&mut self) -> Option<Next<Message<'_>>> {
        let next = self.find()?;
        Some(next.map(|(_, whole)| whole.within(self.memory.as_ref())))
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
        let next = self.find_until(until)?;
        Ok(next.map(|(_, whole)| whole.within(self.memory.as_ref())))
    }

    fn find_until(&mut self, until: Until<'_>) -> Result<Next<(u64, Whole)>, Ended>
    where
        L: Idle,
    {
        loop {
            if let Some(next) = self.find() {
                return Ok(next);
            }
            if let Some(end) = self.items.stir(until)? {
                return Ok(Next::Closed(end));
            }
        }
    }

    /// Hands up to `limit` messages to `each`, with where each begins. Gives their number, and what else was heard behind
    /// them.
    pub fn poll(&mut self, limit: u32, each: impl FnMut(Message<'_>, Position)) -> (u32, Option<Next<()>>) {
        crate::frame::poll(self, limit, each)
    }

    /// Whether the producer is proved dead and everything that it published was read: see [`Reader::tend`].
    pub fn tend(&self) -> Option<End> {
        self.items.tend()
    }

    /// The position of the next granule.
    pub fn position(&self) -> Position {
        self.items.position()
    }

    fn find(&mut self) -> Option<Next<(u64, Whole)>> {
        loop {
            let memory = &mut self.memory;
            let next = self.items.copy(|view, at, known| match find::<G, R>(view, at, known) {
                Found::Message { granules, span } => match copy(view, at, span, memory) {
                    Ok(whole) => (granules, Copied::Whole(at, whole)),
                    Err(cause) => (granules, Copied::Wrong(at, cause)),
                },
                Found::Gap { granules } => (granules, Copied::Gap),
                Found::Wrong { granules, cause } => (granules, Copied::Wrong(at, cause)),
            })?;
            return Some(match next.item() {
                Ok(Copied::Whole(at, whole)) => Next::Item((at, whole)),
                Ok(Copied::Gap) => continue,
                Ok(Copied::Wrong(at, cause)) => Next::Broken { at: Position(at), what: broken(at, cause) },
                Err(news) => news,
            });
        }
    }
}

impl<const G: usize, R, L, B> Source for VarReader<G, R, L, B>
where
    R: Exchange,
    L: Liveness,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn hear<O>(&mut self, each: impl FnOnce(Message<'_>, Position) -> O) -> Option<Next<O>> {
        let next = self.find()?;
        Some(next.map(|(at, whole)| each(whole.within(self.memory.as_ref()), Position(at))))
    }

    fn codec(&self) -> CodecId {
        CodecId(self.items.view().layout().spec().codec)
    }
}

impl<const G: usize, R, L, B> PatientSource for VarReader<G, R, L, B>
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
        let next = self.find_until(until)?;
        Ok(next.map(|(at, whole)| each(whole.within(self.memory.as_ref()), Position(at))))
    }
}
