use core::fmt;

use super::{NameOf, Worker};
use crate::graph::{STAGES_MAX, Stages};

/// The nodes of a stall, each waiting for the next, the last one for the first; or, where there is no circle, the
/// nodes that wait in turn, the last for something that cannot come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    nodes: [&'static str; STAGES_MAX],
    len: u8,
}

impl Cycle {
    /// The names.
    pub fn nodes(&self) -> &[&'static str] {
        &self.nodes[..usize::from(self.len)]
    }
}

impl<S: Stages> Worker<'_, S> {
    /// Who waits for whom, after [`Polled::Stalled`](super::Polled::Stalled).
    pub fn stalled(&self) -> Cycle {
        let mut cycle = Cycle { nodes: [""; STAGES_MAX], len: 0 };
        let next = |at: u32| {
            let on = u32::from(self.on[at as usize]);
            if on < 32 && self.mine >> on & 1 == 1 { Some(on) } else { None }
        };
        let mut first = self.mine.trailing_zeros();
        if first >= 32 {
            return cycle;
        }
        // So many arrows on, one is on the circle, if there is one.
        for _ in 0..S::COUNT {
            first = next(first).unwrap_or(first);
        }
        // Told from the one that the graph lists first.
        let around = |from: u32| core::iter::successors(Some(from), |at| next(*at)).take(S::COUNT);
        if around(first).skip(1).any(|at| at == first) {
            first = around(first).min().unwrap_or(first);
        }
        let mut at = first;
        loop {
            cycle.nodes[usize::from(cycle.len)] = self.visit(at as usize, NameOf);
            cycle.len += 1;
            match next(at) {
                Some(on) if on != first => at = on,
                _ => return cycle,
            }
        }
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in self.nodes() {
            write!(f, "{node} → ")?;
        }
        f.write_str(self.nodes().first().unwrap_or(&""))
    }
}

impl fmt::Debug for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
