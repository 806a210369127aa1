//! The last events of a segment: who joined, died, was evicted, took over. Old ones are overwritten.
//!
//! A writer takes a number by compare-and-swap and fills the event of it; the event's first word says which number it is,
//! and is written last. Who dies between leaves an event that nobody sees.

use crate::layout::{At, EVENT_WORDS, Layout};
use crate::sync::Ordering;
use crate::view::View;
use tidemill_seam::{Exchange, Region};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The segment was made.
    Made,
    /// A participant joined, at this position.
    Joined,
    /// It took the place of a dead one of its name, at this position.
    Resumed,
    /// It left.
    Left,
    /// It was too slow.
    Evicted,
    /// It was proved dead.
    Died,
    /// Its place is kept.
    Held,
    /// Its slot is free again.
    Freed,
    /// A producer began, at this position.
    Opened,
    /// The producer ended the stream.
    Closed,
    /// A word was found that its owner cannot have written.
    Fault,
    /// What a dead one of several producers had claimed, at this position, will be no item.
    Voided,
}

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Counted from zero over the life of the segment.
    pub number: u32,
    /// What happened.
    pub kind: Kind,
    /// To which slot, or [`Layout::PRODUCER`](crate::layout::Layout::PRODUCER).
    pub slot: u32,
    /// In which generation of it.
    pub generation: u32,
    /// At which position.
    pub position: u64,
}

const KINDS: [Kind; 12] = [
    Kind::Made,
    Kind::Joined,
    Kind::Resumed,
    Kind::Left,
    Kind::Evicted,
    Kind::Died,
    Kind::Held,
    Kind::Freed,
    Kind::Opened,
    Kind::Closed,
    Kind::Fault,
    Kind::Voided,
];

/// What the first word of event `number` reads once it is whole: never zero.
const fn stamp(number: u32) -> u32 {
    number << 1 | 1
}

/// Whether the first word of an event may be `word` at one of so many places, after `count` events.
pub(crate) const fn may_stand(word: u32, (place, places): (u32, u32), count: u32) -> bool {
    let number = word >> 1;
    // A number of 32 bits loses its highest in a stamp.
    word & 1 == 1 && number & (places - 1) == place && (number < count || count >> 31 == 1)
}

impl<R: Exchange> View<R> {
    /// Writes down that something happened. Nothing where the segment has no journal.
    pub(crate) fn note(&self, kind: Kind, slot: u32, generation: u32, position: u64) {
        if self.layout().spec().journal == 0 {
            return;
        }
        let head = self.layout().journal;
        // Relaxed: the exchange succeeds on the newest value only.
        let mut number = self.load(head, Ordering::Relaxed);
        while let Err(newer) = self.exchange(head, number, number.wrapping_add(1)) {
            number = newer;
        }
        let at = self.layout().event(number);
        self.store(at, 0, Ordering::Relaxed);
        // Release: pairs with the Acquire fence in `entry`: whoever sees a word below sees that the stamp is gone.
        self.fence(Ordering::Release);
        let words = [kind as u32, slot, generation, position as u32, (position >> 32) as u32];
        self.write(at.plus(1), &words);
        // Release: pairs with the Acquire in `entry`.
        self.store(at, stamp(number), Ordering::Release);
    }
}

impl<R: Region> View<R> {
    /// The numbers of the events that may still be there, oldest first.
    pub(crate) fn noted(&self) -> core::ops::Range<u32> {
        if self.layout().spec().journal == 0 {
            return 0..0;
        }
        // Acquire: pairs with the exchange in `note`.
        let end = self.load(self.layout().journal, Ordering::Acquire);
        end.saturating_sub(self.layout().spec().journal)..end
    }

    /// The first word of the event at `at` that nobody notes where so many items are published.
    pub(crate) fn misnoted(&self, at: At, published: u64) -> Option<At> {
        let mut words = [0; EVENT_WORDS as usize - 1];
        self.read(at.plus(1), &mut words);
        let [kind, slot, _, low, high, ..] = words;
        let post = slot.checked_sub(Layout::POSTS).is_some_and(|k| self.posts().contains(&k));
        let party = self.slots().contains(&slot) || slot == Layout::PRODUCER || slot == Layout::CREATOR;
        let somebody = party || post;
        let wrong = [
            kind as usize >= KINDS.len(),
            !somebody,
            false,
            (u64::from(low) | u64::from(high) << 32) > published,
        ];
        (1..).zip(wrong).find(|(_, wrong)| *wrong).map(|(at_word, _)| at.plus(at_word))
    }

    /// An event, if it is whole.
    pub(crate) fn entry(&self, number: u32) -> Option<Entry> {
        let at: At = self.layout().event(number);
        // Acquire: pairs with the Release of the stamp.
        if self.load(at, Ordering::Acquire) != stamp(number) {
            return None;
        }
        let mut words = [0; EVENT_WORDS as usize - 1];
        self.read(at.plus(1), &mut words);
        // Acquire: pairs with the Release fence of who overwrites it.
        self.fence(Ordering::Acquire);
        if self.load(at, Ordering::Relaxed) != stamp(number) {
            return None;
        }
        let [kind, slot, generation, low, high, ..] = words;
        let kind = *KINDS.get(kind as usize)?;
        Some(Entry { number, kind, slot, generation, position: u64::from(low) | u64::from(high) << 32 })
    }
}
