use super::error::AttachError;
use super::lock::Lock;
use super::named::Backing;
use super::region::Mapping;
use super::{Passed, Ring};
use std::thread;
use std::time::Duration;
use tidemill_ring::app::AppCounterError;
use tidemill_ring::table::PeerName;
use tidemill_ring::{AppCounter, Segment};

/// A counter of the application in shared memory: whoever has it counts by one store, and `tidemill ring stat` shows it.
pub type Counter = AppCounter<Mapping, Lock>;

/// How often is asked for the turn to declare one: it takes as long as a dozen stores.
const TURNS: u32 = 200;

impl Ring {
    /// One who counts what `label` says, under the number `id`, 0x100 at least: in a ring that was made with
    /// [`counters`](super::Builder::counters). It begins at zero, or where the last one of that number stopped.
    ///
    /// ```
    /// use tidemill_host::ring;
    ///
    /// # let name = format!("cnt{}", std::process::id());
    /// # let name = name.as_str();
    /// let producer = ring(name)?.slots::<u64>(64).counters(2).producer()?;
    /// let mut orders = ring(name)?.counter(0x100, "orders")?;
    /// orders.add(3);
    /// assert!(ring(name)?.counter(0x100, "orders").is_err(), "somebody counts that");
    /// # drop((producer, orders));
    /// # ring(name)?.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AttachError::Counter`], or as for every door.
    pub fn counter(&self, id: u32, label: &str) -> Result<Counter, AttachError> {
        declare(|| self.backing(), id, label)
    }
}

impl Passed {
    /// As [`Ring::counter`].
    ///
    /// # Errors
    /// As there.
    pub fn counter(&self, id: u32, label: &str) -> Result<Counter, AttachError> {
        declare(|| self.backing(), id, label)
    }
}

fn declare(
    backing: impl Fn() -> Result<Backing, AttachError>,
    id: u32,
    label: &str,
) -> Result<Counter, AttachError> {
    let label = PeerName::parse(label).map_err(AttachError::PeerName)?;
    for _ in 0..TURNS {
        let Backing { mapping, lock } = backing()?;
        match Segment::attach(mapping)?.counter(lock, id, label) {
            Err(AppCounterError::Contended) => thread::sleep(Duration::from_millis(1)),
            declared => return declared.map_err(AttachError::Counter),
        }
    }
    Err(AttachError::Counter(AppCounterError::Contended))
}
