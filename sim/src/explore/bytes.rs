use super::order::Ready;
use super::source::{Asked, Drive, Source};

/// Bytes that drive a run: what a fuzzer or a property test supplies. Every decision takes as many bytes as its number
/// of values needs; once they are exhausted every value is 0, the boring thing. So a prefix of the bytes that break
/// something, filled up with zeroes, is a simpler case of it.
#[derive(Clone, Debug)]
pub struct Bytes {
    bytes: Box<[u8]>,
    at: usize,
}

impl Bytes {
    /// A source of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), at: 0 }
    }

    /// A source of these bytes, ready for [`Config::drive`](crate::Config::drive).
    pub fn drive(bytes: &[u8]) -> Drive {
        Drive::new(Self::new(bytes))
    }

    /// All of them, those that were taken included.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// A number below `n`, out of the next bytes: the less they say, the less it is.
    fn below(&mut self, n: u64) -> u64 {
        let needed = (64 - (n - 1).leading_zeros()).div_ceil(8) as usize;
        let end = (self.at + needed).min(self.bytes.len());
        let missing = self.at + needed - end;
        let number =
            self.bytes[self.at..end].iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        self.at = end;
        (((number << (8 * missing)) * u128::from(n)) >> (8 * needed)) as u64
    }
}

impl Source for Bytes {
    fn value(&mut self, asked: &Asked<'_>) -> u64 {
        self.below(asked.n)
    }

    fn next(&mut self, _: &Asked<'_>, ready: &[Ready]) -> usize {
        self.below(ready.len() as u64) as usize
    }
}

/// All the bytes that are left.
#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Bytes {
    fn arbitrary(source: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let left = source.len();
        source.bytes(left).map(Self::new)
    }
}
