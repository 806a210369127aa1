use crate::Violation;
use crate::trial::Trial;

/// What waits: numbers `first..shown` are published, `shown..next` staged. Up to `held` slots below are not released.
pub(super) struct Model {
    pub(super) capacity: u32,
    pub(super) first: u32,
    pub(super) shown: u32,
    pub(super) next: u32,
    pub(super) held: u32,
}

/// The entry of a number: every word depends on it, so a mixture of two is no entry.
pub(super) fn entry<const W: usize>(number: u32) -> [u32; W] {
    core::array::from_fn(|i| if i == 0 { number } else { number.rotate_left(7 * i as u32) ^ 0x9E37_79B9 })
}

impl Model {
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity, first: 1, shown: 1, next: 1, held: 0 }
    }

    pub(super) fn ready(&self) -> u32 {
        self.shown - self.first
    }

    pub(super) fn waiting(&self) -> u32 {
        self.next - self.first
    }

    /// Fewest and most entries that can be pushed: what is held may have been released.
    pub(super) fn room(&self) -> (u32, u32) {
        let most = self.capacity - self.waiting();
        (most.saturating_sub(self.held), most)
    }

    /// One entry came out. `rest` pops the next ones, to tell a swap from a loss.
    pub(super) fn delivered<const W: usize>(
        &mut self,
        trial: &mut Trial,
        found: [u32; W],
        mut rest: impl FnMut() -> Option<[u32; W]>,
    ) -> Result<(), Violation> {
        let number = found[0];
        trial.require("E2", found == entry(number), "an entry is not whole")?;
        trial.require("E2", number >= self.first, "an entry comes out twice")?;
        trial.require("E2", number < self.next, "an entry comes out that nobody pushed")?;
        trial.require("RL-1", number < self.shown, "an entry comes out before it was published")?;
        if number != self.first {
            let swapped =
                (0..self.capacity + 1).map_while(|_| rest()).any(|later| later == entry(self.first));
            trial.require("E1", !swapped, "an entry overtakes an older one")?;
            return trial.require("E2", false, "an entry is lost");
        }
        self.first += 1;
        Ok(())
    }
}
