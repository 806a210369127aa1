use super::Consumer;
use crate::element::Plain;
use crate::follow::{End, Follow, Next};
use tidemill_seam::{Exchange, Liveness};

/// For who takes more than one item before it acknowledges the first.
impl<E: Plain, R: Exchange, L: Liveness> Consumer<E, R, L> {
    /// What comes behind the next `i` items, which stay unacknowledged as it does; `None` where nothing does at this moment.
    ///
    /// An item stays what it is until [`ack`](Self::ack) passes it. More than the ring holds are never ahead.
    #[inline]
    pub fn ahead(&mut self, i: u32) -> Option<Next<E>> {
        if self.ready_items() <= u64::from(i)
            && let Some(news) = self.hear(i)
        {
            return Some(news);
        }
        (u64::from(i) < self.ready_items())
            .then(|| Next::Item(self.view.take(self.follow.next + u64::from(i))))
    }

    /// As [`tend`](Self::tend), for who has taken the next `i` items already.
    pub fn tend_ahead(&self, i: u32) -> Option<End> {
        let mut there = self.follow;
        there.next += self.ready_items().min(u64::from(i));
        there.crashed(&self.view, &self.live, Follow::near).then_some(End::Crashed)
    }

    #[cold]
    #[inline(never)]
    fn hear(&mut self, i: u32) -> Option<Next<E>> {
        let here = self.follow.next;
        self.follow.next = here + self.ready_items().min(u64::from(i));
        let news = self.follow.news(&self.view, Follow::near);
        self.follow.next = here;
        news
    }
}
