//! A piece of the world that many states share: copied when one of them changes it, and digested once.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

/// A value with its digest, zero while nobody asked for it.
#[derive(Clone, Debug)]
struct Known<T> {
    value: T,
    digest: Cell<u128>,
}

/// A value that others may have in common with this one.
#[derive(Clone, Debug)]
pub(crate) struct Part<T>(Rc<Known<T>>);

/// Values by their digests.
pub(crate) type Pool<T> = HashMap<u128, Part<T>, BuildHasherDefault<Low>>;

impl<T: Clone> Part<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Rc::new(Known { value, digest: Cell::new(0) }))
    }

    /// The value, for this state alone.
    pub(crate) fn change(&mut self) -> &mut T {
        let known = Rc::make_mut(&mut self.0);
        known.digest.set(0);
        &mut known.value
    }
}

impl<T: Hash> Part<T> {
    /// Takes the place of an equal one.
    pub(crate) fn share(&mut self, pool: &mut Pool<T>) {
        let mine = Rc::clone(&self.0);
        self.0 = Rc::clone(&pool.entry(self.digest()).or_insert(Self(mine)).0);
    }

    fn digest(&self) -> u128 {
        if self.0.digest.get() == 0 {
            self.0.digest.set(digest(&self.0.value));
        }
        self.0.digest.get()
    }
}

impl<T> Part<T> {
    /// Whether nobody changed it since one was made of the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Hash> Hash for Part<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.digest());
    }
}

/// The low half of a digest is as good as any hash of it.
#[derive(Default)]
pub(crate) struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("digests are numbers");
    }
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
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
