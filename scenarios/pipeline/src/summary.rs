use crate::Verdict;
use core::fmt;
use crc::{CRC_64_XZ, Crc, Digest, Table};

static CRC64: Crc<u64, Table<1>> = Crc::<u64, Table<1>>::new(&CRC_64_XZ);

/// What a sink remembers of all verdicts, in order: two sinks that saw the same agree, and no others do.
#[derive(Clone)]
pub struct Summary {
    verdicts: u32,
    anomalies: u32,
    digest: Digest<'static, u64, Table<1>>,
}

impl Summary {
    /// Nothing seen.
    pub fn new() -> Self {
        Self { verdicts: 0, anomalies: 0, digest: CRC64.digest() }
    }

    /// Takes in the next verdict.
    pub fn push(&mut self, verdict: &Verdict) {
        self.verdicts += 1;
        self.anomalies += u32::from(verdict.anomalous);
        self.digest.update(&verdict.reading.line.to_le_bytes());
        self.digest.update(&verdict.reading.minute.to_le_bytes());
        self.digest.update(&verdict.reading.milli_c.to_le_bytes());
        self.digest.update(&verdict.mean_milli_c.to_le_bytes());
        self.digest.update(&[u8::from(verdict.anomalous)]);
    }

    /// Verdicts seen.
    pub const fn verdicts(&self) -> u32 {
        self.verdicts
    }

    /// Anomalous ones among them.
    pub const fn anomalies(&self) -> u32 {
        self.anomalies
    }

    /// CRC-64/XZ over the fields of every verdict, little-endian, in order.
    pub fn digest(&self) -> u64 {
        self.digest.clone().finalize()
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Summary {
    fn eq(&self, other: &Self) -> bool {
        (self.verdicts, self.anomalies, self.digest()) == (other.verdicts, other.anomalies, other.digest())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "digest={:016x} verdicts={} anomalies={}", self.digest(), self.verdicts, self.anomalies)
    }
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
