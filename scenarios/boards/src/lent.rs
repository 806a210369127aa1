use tidemill_flow::{Cx, Fault, Items, Node, Permits, Step};
use tidemill_seam::Instant;

/// A node that stays where it is, so that a graph of it is small enough to be moved about while it is built.
#[derive(Debug)]
pub struct Lent<'n, N>(pub &'n mut N);

impl<N: Node> Node for Lent<'_, N> {
    type In = N::In;
    type Out = N::Out;

    fn open(&self) -> bool {
        self.0.open()
    }

    fn init(&mut self, now: Instant) -> Result<(), Fault> {
        self.0.init(now)
    }

    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        self.0.start(now)
    }

    fn step(&mut self, cx: &mut Cx, items: Items<'_, Self>, out: Permits<'_, Self>) -> Result<Step, Fault> {
        self.0.step(cx, items, out)
    }

    fn stop(&mut self, now: Instant) {
        self.0.stop(now);
    }
}
