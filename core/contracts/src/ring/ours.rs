use super::{RingConsumer, RingEvictor, RingProducer};
use tidemill_ring::mpsc;
use tidemill_ring::spsc::{Consumer, Producer};
use tidemill_seam::{Exchange, Region};

impl<R: Region, const W: usize> RingProducer<W> for Producer<R, W> {
    const STAGES: bool = true;
    const RECOVERS: bool = true;

    fn push(&mut self, entry: [u32; W]) -> Result<(), [u32; W]> {
        Self::push(self, entry).map_err(|full| full.0)
    }
    fn waiting(&mut self) -> u32 {
        Self::waiting(self)
    }
    fn is_closed(&mut self) -> bool {
        Self::is_closed(self)
    }
    fn room(&mut self) -> u32 {
        Self::room(self)
    }
    fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        Self::push_batch(self, entries)
    }
    fn stage(&mut self, entry: [u32; W]) -> Result<(), [u32; W]> {
        Self::stage(self, entry).map_err(|full| full.0)
    }
    fn publish(&mut self) {
        Self::publish(self);
    }
    fn recover(&mut self, back: &mut dyn FnMut([u32; W])) {
        Self::recover(self, back);
    }
}

impl<R: Region, const W: usize> RingConsumer<W> for Consumer<R, W> {
    const HOLDS: bool = true;

    fn pop(&mut self) -> Option<[u32; W]> {
        Self::pop(self)
    }
    fn waiting(&mut self) -> u32 {
        Self::waiting(self)
    }
    fn is_closed(&mut self) -> bool {
        Self::is_closed(self)
    }
    fn peek(&mut self, i: u32) -> Option<[u32; W]> {
        Self::peek(self, i)
    }
    fn pop_batch(&mut self, into: &mut [[u32; W]]) -> usize {
        Self::pop_batch(self, into)
    }
    fn take(&mut self) -> Option<[u32; W]> {
        Self::take(self)
    }
    fn release(&mut self) {
        Self::release(self);
    }
}

impl<R: Region, const W: usize> RingEvictor<W> for Producer<R, W> {
    fn evict_over(&mut self, keep: u32, evicted: &mut dyn FnMut([u32; W])) {
        Self::evict_over(self, keep, evicted);
    }
}

impl<R: Exchange, const W: usize> RingProducer<W> for mpsc::Producer<R, W> {
    fn push(&mut self, entry: [u32; W]) -> Result<(), [u32; W]> {
        Self::push(self, entry).map_err(|full| full.0)
    }
    fn waiting(&mut self) -> u32 {
        Self::waiting(self)
    }
    fn is_closed(&mut self) -> bool {
        Self::is_closed(self)
    }
    fn room(&mut self) -> u32 {
        Self::room(self)
    }
    fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        Self::push_batch(self, entries)
    }
}

impl<R: Region, const W: usize> RingConsumer<W> for mpsc::Consumer<R, W> {
    const HOLDS: bool = true;

    fn pop(&mut self) -> Option<[u32; W]> {
        Self::pop(self)
    }
    fn waiting(&mut self) -> u32 {
        Self::waiting(self)
    }
    fn is_closed(&mut self) -> bool {
        Self::is_closed(self)
    }
    fn peek(&mut self, i: u32) -> Option<[u32; W]> {
        Self::peek(self, i)
    }
    fn pop_batch(&mut self, into: &mut [[u32; W]]) -> usize {
        Self::pop_batch(self, into)
    }
    fn take(&mut self) -> Option<[u32; W]> {
        Self::take(self)
    }
    fn release(&mut self) {
        Self::release(self);
    }
}
