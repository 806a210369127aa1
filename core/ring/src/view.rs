//! A segment as its parties touch it: by the indices of a checked layout only.

use crate::element::{self, Plain};
use crate::layout::{At, Layout};
use crate::sync::Ordering;
use core::mem::MaybeUninit;
use core::ops::Range;
use core::slice;
use tidemill_seam::{Exchange, Region};

mod place;
mod run;

pub(crate) use run::PIECE_BYTES;

/// Positions below this part of their low word stand in it as they are; what is above counts half-laps.
const HALF: u32 = 31;
/// How often a position is read that changes under the reader's eyes. One that changes more often than once in 2^31 items
/// is foreign: what was read last is as good as anything, and every position is checked before it is used.
const LOOKS: u32 = 4;
/// Words that are copied at once where an element does not lie on words.
const PIECE: usize = 16;
/// Items of a batch that are handled between two looks at where it ends.
const BLOCK: u64 = 16;

/// A region and the layout that it was found long enough for.
#[derive(Clone, Debug)]
pub(crate) struct View<R> {
    region: R,
    layout: Layout,
    /// What of a position says which slot is its, and the same of its first word where a slot has a power of two of them.
    mask: u32,
    span: u32,
}

/// The position that a high and a low word mean. The high one is stored first: where they do not agree on the lowest bit
/// of the half-laps, the low one belongs to the half-lap before.
const fn join(high: u32, low: u32) -> u64 {
    let half = if low >> HALF == high & 1 { high } else { high.wrapping_sub(1) };
    (half as u64) << HALF | (low & (u32::MAX >> 1)) as u64
}

const fn high(position: u64) -> u32 {
    (position >> HALF) as u32
}

/// Whether a half-lap begins there.
#[inline]
pub(crate) const fn is_half_lap(position: u64) -> bool {
    position as u32 & (u32::MAX >> 1) == 0
}

/// Where the next half-lap begins.
pub(crate) const fn half_lap_behind(position: u64) -> u64 {
    ((position >> HALF) + 1) << HALF
}

impl<R: Region> View<R> {
    /// `None` where the region ends before the layout does.
    pub(crate) fn new(region: R, layout: Layout) -> Option<Self> {
        let mask = layout.spec().capacity - 1;
        let span = mask * layout.stride;
        (layout.words() <= region.words()).then_some(Self { region, layout, mask, span })
    }

    pub(crate) fn region(&self) -> &R {
        &self.region
    }

    #[inline]
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    #[inline]
    pub(crate) fn load(&self, at: At, order: Ordering) -> u32 {
        // SAFETY: an `At` is an index of the layout, which ends within the region: checked in `new`.
        unsafe { self.region.load(at.0, order) }
    }

    #[inline]
    pub(crate) fn store(&self, at: At, value: u32, order: Ordering) {
        // SAFETY: as for `load`.
        unsafe { self.region.store(at.0, value, order) }
    }

    #[inline]
    pub(crate) fn fence(&self, order: Ordering) {
        self.region.fence(order);
    }

    /// Copies words out.
    pub(crate) fn read(&self, at: At, into: &mut [u32]) {
        // SAFETY: a run that the layout keeps together, within the region.
        unsafe { self.region.read(at.0, into) }
    }

    /// Copies words in.
    pub(crate) fn write(&self, at: At, from: &[u32]) {
        // SAFETY: as for `read`.
        unsafe { self.region.write(at.0, from) }
    }

    /// The position in the two words at `at`, whole, and with what was stored before it.
    ///
    /// Who stores the high word first (see `advance`, `foresee`) may die behind it: the low word is then of the half-lap before, and
    /// both the position and the next one read right.
    #[inline]
    pub(crate) fn position(&self, at: At) -> u64 {
        // Acquire: pairs with the Release of both words in `advance`. A high word shows every low one before it, and a low
        // one its high one, so what stands the same around a look at the low one is of the half-lap of it, or one ahead.
        let mut before = self.load(at.plus(1), Ordering::Acquire);
        for _ in 1..LOOKS {
            let low = self.load(at, Ordering::Acquire);
            let after = self.load(at.plus(1), Ordering::Acquire);
            if before == after {
                return join(before, low);
            }
            before = after;
        }
        // Acquire: the same partner.
        join(before, self.load(at, Ordering::Acquire))
    }

    /// Moves a position of which we are the only writer.
    #[inline]
    pub(crate) fn advance(&self, at: At, from: u64, to: u64) {
        if (from ^ to) >> HALF != 0 {
            // Release: pairs with the first Acquire in `position`.
            self.store(at.plus(1), high(to), Ordering::Release);
        }
        // Release: pairs with the Acquire of whoever looks at this position; the caller names it.
        self.store(at, to as u32, Ordering::Release);
    }

    /// Lets a position of which we are the only writer go from `from` up to `most`, not a half-lap further, by its low word alone
    /// ([`show`](Self::show)): its high word is stored ahead of that.
    pub(crate) fn foresee(&self, at: At, from: u64, most: u64) {
        if most > from && high(most) != high(from) {
            // Release: as in `advance`.
            self.store(at.plus(1), high(most), Ordering::Release);
        }
    }

    /// Moves a position of which we are the only writer within what was foreseen.
    #[inline]
    pub(crate) fn show(&self, at: At, to: u64) {
        // Release: as in `advance`.
        self.store(at, to as u32, Ordering::Release);
    }

    /// Sets a position whatever stood there.
    pub(crate) fn set(&self, at: At, to: u64) {
        self.store(at.plus(1), high(to), Ordering::Release);
        self.store(at, to as u32, Ordering::Release);
    }

    /// Writes an item into the slot of a position, which has to be ours to write (RL-2).
    #[inline]
    pub(crate) fn put<E: Plain>(&self, position: u64, item: &E) {
        // SAFETY: where a slot begins.
        unsafe { self.put_at(self.slot::<E>(position), item) };
    }

    /// Copies the item out of the slot of a position, word by word: whoever may be overtaken asks afterwards whether it was.
    #[inline]
    pub(crate) fn take<E: Plain>(&self, position: u64) -> E {
        // SAFETY: where a slot begins.
        unsafe { self.take_at(self.slot::<E>(position)) }
    }

    /// Writes an item into the slot of a position, which has to be ours to write, and shows it. Its Release pairs with the Acquire
    /// of `published` in consumers and readers (RL-1).
    #[inline]
    pub(crate) fn publish<E: Plain>(&self, position: u64, item: &E) {
        self.put(position, item);
        self.show(self.layout.published, position + 1);
    }

    /// Writes what `make` gives into the slots of the positions from `first` to before `end`, which have to be ours to write. Gives
    /// where it stops: there, or at the end of the ring.
    #[inline]
    pub(crate) fn put_run<E: Plain>(&self, first: u64, end: u64, mut make: impl FnMut(u64) -> E) -> u64 {
        let stop = self.straight(first, end);
        let put = |at, position| {
            let item = make(position);
            // SAFETY: where a slot begins: they follow each other up to the end of the ring.
            unsafe { self.put_at(at, &item) };
        };
        // SAFETY: slots up to the end of the ring.
        unsafe { by_blocks::<E>(self.slot::<E>(first), first..stop, put) };
        stop
    }

    /// Hands copies of the items in the slots of the positions from `first` to before `end` to `each`. Gives where it stops, as
    /// [`put_run`](Self::put_run) does.
    #[inline]
    pub(crate) fn take_run<E: Plain>(&self, first: u64, end: u64, mut each: impl FnMut(&E, u64)) -> u64 {
        let stop = self.straight(first, end);
        let take = |at, position| {
            // SAFETY: where a slot begins: they follow each other up to the end of the ring.
            let item = unsafe { self.take_at(at) };
            each(&item, position);
        };
        // SAFETY: slots up to the end of the ring.
        unsafe { by_blocks::<E>(self.slot::<E>(first), first..stop, take) };
        stop
    }

    /// Up to where slots follow each other in the region, from that of `first` to before `end`.
    #[inline]
    fn straight(&self, first: u64, end: u64) -> u64 {
        end.min((first | u64::from(self.mask)) + 1)
    }

    /// # Safety
    /// The slot of a position begins there.
    #[inline]
    unsafe fn put_at<E: Plain>(&self, at: u32, item: &E) {
        if on_words::<E>() {
            let words = item as *const E as *const u32;
            // SAFETY: an element on words is so many of them, each of initialised bytes (`Plain`).
            let words = unsafe { slice::from_raw_parts(words, size_of::<E>() / 4) };
            // SAFETY: a slot holds an element, and lies within the region.
            unsafe { self.write_slot::<E>(at, words) };
            return;
        }
        for (at, piece) in (at..).step_by(PIECE).zip(element::bytes(item).chunks(4 * PIECE)) {
            let mut words = [0; PIECE];
            for (word, bytes) in words.iter_mut().zip(piece.chunks(4)) {
                let mut whole = [0; 4];
                whole[..bytes.len()].copy_from_slice(bytes);
                *word = u32::from_ne_bytes(whole);
            }
            // SAFETY: pieces of a slot, which holds an element and lies within the region.
            unsafe { self.write_slot::<E>(at, &words[..piece.len().div_ceil(4)]) };
        }
    }

    /// # Safety
    /// As for `put_at`.
    #[inline]
    unsafe fn take_at<E: Plain>(&self, at: u32) -> E {
        if on_words::<E>() {
            let mut item = MaybeUninit::<E>::zeroed();
            // SAFETY: an element on words is so many of them, each initialised.
            let words = unsafe { slice::from_raw_parts_mut(item.as_mut_ptr().cast(), size_of::<E>() / 4) };
            // SAFETY: a slot holds an element, and lies within the region.
            unsafe { self.read_slot::<E>(at, words) };
            // SAFETY: every pattern of its bytes is an element (`Plain`).
            return unsafe { item.assume_init() };
        }
        let mut item = element::zeroed::<E>();
        for (at, piece) in (at..).step_by(PIECE).zip(element::bytes_mut(&mut item).chunks_mut(4 * PIECE)) {
            let mut words = [0; PIECE];
            // SAFETY: pieces of a slot, which holds an element and lies within the region.
            unsafe { self.read_slot::<E>(at, &mut words[..piece.len().div_ceil(4)]) };
            for (word, bytes) in words.iter().zip(piece.chunks_mut(4)) {
                bytes.copy_from_slice(&word.to_ne_bytes()[..bytes.len()]);
            }
        }
        item
    }

    /// Where the slot of a position begins. Whoever names an element here has found that the slots hold such ones, so the
    /// way from one to the next needs no look at the layout.
    #[inline]
    fn slot<E>(&self, position: u64) -> u32 {
        debug_assert_eq!(self.layout.stride, stride::<E>(), "the slots hold other elements");
        let nth = if stride::<E>().is_power_of_two() {
            (position as u32).wrapping_mul(stride::<E>()) & self.span
        } else {
            (position as u32 & self.mask) * stride::<E>()
        };
        self.layout.data.0 + nth
    }

    /// # Safety
    /// A run within a slot for an `E`, a whole one or pieces of an even number of words.
    #[inline]
    unsafe fn write_slot<E>(&self, at: u32, words: &[u32]) {
        if stride::<E>().is_multiple_of(2) {
            // SAFETY: slots of whole pairs begin on one, and are accessed by pairs always (G7).
            unsafe { self.region.write_pairs(at, words) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.region.write(at, words) }
        }
    }

    /// # Safety
    /// As for `write_slot`.
    #[inline]
    unsafe fn read_slot<E>(&self, at: u32, words: &mut [u32]) {
        if stride::<E>().is_multiple_of(2) {
            // SAFETY: slots of whole pairs begin on one, and are accessed by pairs always (G7).
            unsafe { self.region.read_pairs(at, words) }
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.region.read(at, words) }
        }
    }
}

impl<R: Exchange> View<R> {
    /// Replaces a word where it is `current`; what stands there otherwise.
    pub(crate) fn exchange(&self, at: At, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: as for `load`.
        unsafe { self.region.compare_exchange(at.0, current, new) }
    }
}

/// Hands each of `positions`, whose slots follow each other from `at` on, to `each` with where its slot begins: a fixed number of them
/// at a time, so that a short `each` is written out so often.
///
/// # Safety
/// The last of those slots ends within a region.
#[inline]
unsafe fn by_blocks<E>(mut at: u32, positions: Range<u64>, mut each: impl FnMut(u32, u64)) {
    let (items, mut position) = (positions.end.saturating_sub(positions.start), positions.start);
    let mut one = || {
        each(at, position);
        position += 1;
        // SAFETY: the end of a slot within a region, which counts its words in 32 bits.
        at = unsafe { at.unchecked_add(stride::<E>()) };
    };
    for _ in 0..items / BLOCK {
        for _ in 0..BLOCK {
            one();
        }
    }
    for _ in 0..items % BLOCK {
        one();
    }
}

/// Words from one slot to the next.
const fn stride<E>() -> u32 {
    size_of::<E>().div_ceil(4) as u32
}

/// Whether an element is made of whole words where it stands.
const fn on_words<E>() -> bool {
    align_of::<E>() >= 4 && size_of::<E>().is_multiple_of(4)
}
