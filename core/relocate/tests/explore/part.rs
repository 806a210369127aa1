//! A piece of the world that many states share: copied when one of them changes it, and digested once.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

/// A value with its digest.
#[derive(Clone, Debug)]
pub(crate) struct Part<T> {
    value: Rc<T>,
    digest: Cell<Option<u128>>,
}

impl<T: Clone> Part<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value: Rc::new(value), digest: Cell::new(None) }
    }

    /// The value, for this state alone.
    pub(crate) fn change(&mut self) -> &mut T {
        self.digest.set(None);
        Rc::make_mut(&mut self.value)
    }
}

impl<T> Part<T> {
    /// Whether nobody changed it since one was made of the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.value, &other.value)
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Hash> Hash for Part<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let digest = self.digest.get().unwrap_or_else(|| digest(&*self.value));
        self.digest.set(Some(digest));
        state.write_u128(digest);
    }
}

/// 128 bits of a value, in two lanes of multiplications folded into themselves.
struct Digest(u64, u64);

impl Digest {
    #[inline]
    fn word(&mut self, word: u64) {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            (product as u64) ^ (product >> 64) as u64
        };
        self.0 = fold(self.0 ^ word, 0x9e37_79b9_7f4a_7c15).wrapping_add(self.1);
        self.1 = fold(self.1 ^ word.rotate_left(32), 0xd6e8_feb8_6659_fd93) ^ self.0.rotate_left(17);
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, word: u8) {
        self.word(word.into());
    }
    fn write_u32(&mut self, word: u32) {
        self.word(word.into());
    }
    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }
    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.word(word as u64);
    }
    fn write_u128(&mut self, word: u128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }
}

pub(crate) fn digest<T: Hash>(value: &T) -> u128 {
    let mut digest = Digest(1, 2);
    value.hash(&mut digest);
    digest.word(0);
    u128::from(digest.0) << 64 | u128::from(digest.1)
}
