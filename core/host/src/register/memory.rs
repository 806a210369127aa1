use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};

/// A register in the memory of this process. A clone is another handle. Gone with the process.
#[derive(Clone, Debug)]
pub struct MemoryRegister {
    capacity: usize,
    value: Arc<Mutex<(Version, Vec<u8>)>>,
}

impl MemoryRegister {
    /// A register without a value, for values of at most `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, value: Arc::new(Mutex::new((Version::NONE, Vec::new()))) }
    }

    fn value(&self) -> MutexGuard<'_, (Version, Vec<u8>)> {
        // A value is replaced whole, so one that a panic interrupted is still a value.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register for MemoryRegister {
    fn capacity(&self) -> usize {
        self.capacity
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        let value = self.value();
        let (version, bytes) = (value.0, &value.1);
        if version == Version::NONE {
            return Err(ReadingError::Absent);
        }
        let len = bytes.len();
        into.get_mut(..len).ok_or(ReadingError::Truncated { len })?.copy_from_slice(bytes);
        Ok(Reading { version, len })
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        if value.len() > self.capacity {
            return Err(ExchangeError::TooLong { capacity: self.capacity });
        }
        let mut stands = self.value();
        if stands.0 != expected {
            return Ok(Exchanged::Lost(stands.0));
        }
        *stands = (Version(expected.0 + 1), value.to_vec());
        Ok(Exchanged::Won(stands.0))
    }

    fn watch(&mut self, seen: Version) -> bool {
        self.value().0 > seen
    }
}
