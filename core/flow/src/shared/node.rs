use core::fmt;

use tidemill_ring::{Next, Plain, Position};
use tidemill_seam::{Duration, Exchange, Liveness};

use super::{Mark, Rx, Tx};
use crate::edge::Bounce;
use crate::message::Payload;
use crate::node::{Any, Cx, Fault, Items, Node, Permits, Step};

/// A node that sends what it gets to another process: the near end of a shared edge.
///
/// Its input is a sequence that can be repeated: what the edge has already, from an earlier life, is not sent again (X4). It
/// takes an item only where the edge has room, and ends the stream when its input does. An item that the caps refuse is
/// counted by the edge, and has no number.
pub struct Outbound<'m, P: Payload + Plain, R: Exchange, L: Liveness> {
    /// Gone once the input is.
    tx: Option<Tx<P, R, L>>,
    /// The number of the next item that is shown.
    next: u64,
    room: bool,
    mark: Option<&'m Mark>,
    look: Duration,
}

/// A node that hands on what another process sends: the far end of a shared edge.
///
/// Without a [`Mark`] an item is done with when it was handed on, and a death costs what the graph holds by then. With one
/// it is released only once the mark has passed it, so that after a death everything comes again that had not become a
/// lasting result.
pub struct Inbound<'m, P: Payload + Plain, R: Exchange, L: Liveness> {
    rx: Rx<P, R, L>,
    mark: Option<&'m Mark>,
    /// Items before the mark that are kept: a graph with a memory takes them in again after a death.
    keep: u32,
    look: Duration,
}

impl<'m, P: Payload + Plain, R: Exchange, L: Liveness> Outbound<'m, P, R, L> {
    /// The near end of an edge: its first input is item 0. Where it waits it looks again after `look`.
    pub fn new(tx: Tx<P, R, L>, look: Duration) -> Self {
        Self { tx: Some(tx), next: 0, room: false, mark: None, look }
    }

    /// The same for an input that begins with another item.
    #[must_use]
    pub fn from(self, first: Position) -> Self {
        Self { next: first.0, ..self }
    }

    /// The same that moves `mark` to behind each item that is published. For a graph that makes one item of each that it
    /// takes, so that both have the same number.
    #[must_use]
    pub fn marking(self, mark: &'m Mark) -> Self {
        Self { mark: Some(mark), ..self }
    }
}

impl<'m, P: Payload + Plain, R: Exchange, L: Liveness> Inbound<'m, P, R, L> {
    /// The far end of an edge. Where nothing comes it looks again after `look`.
    pub const fn new(rx: Rx<P, R, L>, look: Duration) -> Self {
        Self { rx, mark: None, keep: 0, look }
    }

    /// The same that keeps every item until `mark` is `keep` items beyond it. The mark is moved to where this begins.
    ///
    /// The edge has to have room for more than `keep` items, or nothing moves.
    #[must_use]
    pub fn until(self, mark: &'m Mark, keep: u32) -> Self {
        mark.reach(self.rx.position());
        Self { mark: Some(mark), keep, ..self }
    }

    /// Which item comes next.
    pub fn position(&self) -> Position {
        self.rx.position()
    }

    /// Lets go of what is done with; everything, where the stream is over and all of it is.
    fn release(&mut self, over: bool) {
        let next = self.rx.position().0;
        let to = match self.mark {
            None => next,
            Some(mark) => {
                let done = mark.from(next - u64::from(self.rx.held()));
                if over && done >= next { next } else { done.saturating_sub(u64::from(self.keep)) }
            }
        };
        self.rx.release(Position(to));
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> Node for Outbound<'_, P, R, L> {
    type In = Any<(P,)>;
    type Out = ();

    fn open(&self) -> bool {
        self.room || self.tx.as_ref().is_some_and(|tx| self.next < tx.published().0)
    }

    fn step(&mut self, cx: &mut Cx, (item,): Items<'_, Self>, (): Permits<'_, Self>) -> Result<Step, Fault> {
        let Some(tx) = &mut self.tx else { return Ok(Step::Done) };
        if let Some(item) = item {
            let pushed = if self.next < tx.published().0 {
                Ok(())
            } else {
                tx.push(*item.header(), *item, cx.now()).map(|_| ()).map_err(|bounced| bounced.why)
            };
            match pushed {
                Ok(()) => self.next += 1,
                Err(Bounce::Refused(_)) if self.mark.is_none() => {}
                Err(Bounce::Refused(_)) => return Err(Fault("an item is refused that the mark waits for")),
                Err(_) => return Err(Fault("an item was shown to a full edge")),
            }
            if let Some(mark) = self.mark {
                mark.reach(Position(self.next));
            }
        }
        if cx.closed() {
            self.tx = None;
            return Ok(Step::Done);
        }
        self.room = tx.permits();
        if self.room {
            return Ok(Step::Wait);
        }
        tx.tend(cx.now());
        Ok(Step::SleepUntil(cx.now() + self.look))
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> Node for Inbound<'_, P, R, L> {
    type In = ();
    type Out = (P,);

    fn step(&mut self, cx: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        self.release(false);
        let later = Step::SleepUntil(cx.now() + self.look);
        match self.rx.peek() {
            Some(Next::Item(held)) => {
                let header = *held.header();
                out.send_as(|own| *own = header, || held.get());
                self.rx.pass();
                Ok(Step::Progress)
            }
            Some(Next::Restarted { .. }) => Ok(Step::Progress),
            Some(Next::Closed(_)) => {
                self.release(true);
                Ok(if self.rx.held() == 0 { Step::Done } else { later })
            }
            Some(Next::Fault(_)) => Err(Fault("a word of the edge is not what its owner writes")),
            Some(Next::Lagged { .. } | Next::Evicted { .. } | Next::Broken { .. }) => {
                Err(Fault("an item that was waited for is gone"))
            }
            None => Ok(later),
        }
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> fmt::Debug for Outbound<'_, P, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("tx", &self.tx).field("next", &self.next).finish_non_exhaustive()
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> fmt::Debug for Inbound<'_, P, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("rx", &self.rx).finish_non_exhaustive()
    }
}
