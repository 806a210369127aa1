use super::RingProducer;

/// Several producers of one ring as the one that the suite drives: each call is the next one's. A ring keeps its laws whoever
/// pushes.
#[derive(Debug)]
pub struct InTurn<P, const N: usize> {
    producers: [P; N],
    turn: usize,
}

impl<P, const N: usize> InTurn<P, N> {
    /// The first call is the first one's.
    pub const fn new(producers: [P; N]) -> Self {
        const { assert!(N > 0, "somebody produces") };
        Self { producers, turn: 0 }
    }

    fn next(&mut self) -> &mut P {
        self.turn = (self.turn + 1) % N;
        &mut self.producers[self.turn]
    }
}

impl<const W: usize, const N: usize, P: RingProducer<W>> RingProducer<W> for InTurn<P, N> {
    fn push(&mut self, entry: [u32; W]) -> Result<(), [u32; W]> {
        self.next().push(entry)
    }
    fn waiting(&mut self) -> u32 {
        self.next().waiting()
    }
    fn is_closed(&mut self) -> bool {
        self.next().is_closed()
    }
    fn room(&mut self) -> u32 {
        self.next().room()
    }
    fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        self.next().push_batch(entries)
    }
}
