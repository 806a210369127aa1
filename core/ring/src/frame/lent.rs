//! How the next message is found without a copy of it.

use super::gather::{Hand, Whole};
use super::messages::Find;
use super::parts::InParts;
use super::var::InRuns;
use super::{Fixed, Meta, Var};
use crate::consumer::Consumer;
use crate::follow::Next;
use core::ptr::NonNull;
use tidemill_seam::{Exchange, Lend, Liveness};

/// Finds messages where they lie.
pub trait Lent<I>: Find<I> {
    /// As [`find`](Find::find), and copies nothing that lies in one run.
    fn find_in_place(&mut self, items: &mut I) -> Option<Next<Hand>>;

    /// Where the bytes are of the message that was found last: in the segment, or in our memory.
    fn place(&self, items: &I, hand: &Hand) -> NonNull<u8>;
}

impl<const N: usize, R: Exchange + Lend, L: Liveness, B> Lent<Consumer<Fixed<N>, R, L>> for InParts<N, B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find_in_place(&mut self, items: &mut Consumer<Fixed<N>, R, L>) -> Option<Next<Hand>> {
        if self.is_idle() {
            match items.look(1) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(news) => return Some(self.told(items.position().0, news)),
            }
            // Behind what was passed by looking.
            let at = items.position().0;
            let mut header = [0; 4];
            items.view().read(items.view().layout().slot(at), &mut header);
            let meta = Meta::unpack(header);
            if meta.is_single() && meta.is_first() && meta.len <= Fixed::<N>::LEN_MAX {
                self.single();
                return Some(Next::Item(Hand { at, end: at + 1, whole: Whole::single(&meta) }));
            }
        }
        self.find(items)
    }

    fn place(&self, items: &Consumer<Fixed<N>, R, L>, hand: &Hand) -> NonNull<u8> {
        if hand.whole.parts > 1 {
            return NonNull::from(self.memory()).cast();
        }
        // SAFETY: behind the header of a slot are its bytes.
        unsafe { items.view().place(hand.at).add(Fixed::<N>::HEADER) }
    }
}

impl<const G: usize, R: Exchange + Lend, L: Liveness, B> Lent<Consumer<Var<G>, R, L>> for InRuns<B>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    fn find_in_place(&mut self, items: &mut Consumer<Var<G>, R, L>) -> Option<Next<Hand>> {
        Self::seek(items, |_, at, span| Ok(Whole::run(at, span)))
    }

    fn place(&self, items: &Consumer<Var<G>, R, L>, hand: &Hand) -> NonNull<u8> {
        items.view().place(hand.at)
    }
}
