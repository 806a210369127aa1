//! The retained log: entries that a consumer may still need, in the order in which they were produced.

use crate::Label;
use crate::bad::{Bad, Object, Why};
use crate::bytes::{CRC, Source};
use crate::{Incarnation, StageId};
use alloc::vec::Vec;

/// Who writes a retained log: no entry of another life passes for one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct LogSalt {
    /// The stage.
    pub stage: StageId,
    /// Which life of it.
    pub inc: Incarnation,
}

/// An entry as it lies in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogEntry<'a> {
    /// Its offset.
    pub off: u64,
    /// What tells it from others at this offset.
    pub label: Label,
    /// What it says.
    pub payload: &'a [u8],
}

impl LogEntry<'_> {
    /// Bytes that an entry takes on top of its payload.
    pub const OVERHEAD: usize = 32;

    /// Appends the entry to `log`.
    ///
    /// # Panics
    /// If the payload is longer than 4 GiB.
    pub fn append(&self, salt: LogSalt, log: &mut Vec<u8>) {
        let len = u32::try_from(self.payload.len()).expect("a payload is shorter than 4 GiB");
        log.extend(self.off.to_le_bytes());
        log.extend(self.label.0.to_le_bytes());
        log.extend(len.to_le_bytes());
        log.extend(checksum(salt, self.off, self.label, self.payload).to_le_bytes());
        log.extend(self.payload);
    }
}

fn checksum(salt: LogSalt, off: u64, label: Label, payload: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&salt.stage.0);
    digest.update(&salt.inc.0.to_le_bytes());
    digest.update(&off.to_le_bytes());
    digest.update(&label.0.to_le_bytes());
    digest.update(&(payload.len() as u32).to_le_bytes());
    digest.update(payload);
    digest.finalize()
}

/// The entries of a log, oldest first; ends at the first that is cut short, damaged, foreign or out of turn.
#[derive(Clone, Debug)]
pub struct Log<'a> {
    bytes: &'a [u8],
    salt: LogSalt,
    next: u64,
    over: bool,
}

impl<'a> Log<'a> {
    /// The log in `bytes`, whose first entry is at offset `from`.
    pub const fn new(bytes: &'a [u8], salt: LogSalt, from: u64) -> Self {
        Self { bytes, salt, next: from, over: false }
    }

    /// What was not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The entry that comes first in `bytes`, and what comes after it.
    ///
    /// # Errors
    /// If it is not whole, or not of this log.
    fn first(bytes: &'a [u8], salt: LogSalt) -> Result<(LogEntry<'a>, &'a [u8]), Bad> {
        let corrupt = |why| Bad::Corrupt { object: Object::LogEntry, why };
        let mut from = Source::new(bytes);
        let (off, label, len) = (from.u64(), Label(from.u128()), from.u32());
        let sum = from.u32();
        let payload = from.bytes(len as usize);
        if from.short() {
            return Err(corrupt(Why::Length));
        }
        if checksum(salt, off, label, payload) != sum {
            return Err(corrupt(Why::Checksum));
        }
        Ok((LogEntry { off, label, payload }, from.left()))
    }
}

impl<'a> Iterator for Log<'a> {
    type Item = Result<LogEntry<'a>, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.bytes.is_empty() {
            return None;
        }
        let found = Self::first(self.bytes, self.salt).and_then(|(entry, rest)| {
            if entry.off != self.next {
                return Err(Bad::Corrupt { object: Object::LogEntry, why: Why::Field("off") });
            }
            (self.bytes, self.next) = (rest, self.next.wrapping_add(1));
            Ok(entry)
        });
        self.over = found.is_err();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, LogEntry, LogSalt};
    use crate::bad::{Bad, Object, Why};
    use crate::{Incarnation, Label, StageId};
    use alloc::vec::Vec;

    const SALT: LogSalt = LogSalt { stage: StageId([2; 16]), inc: Incarnation(6) };
    const ENTRIES: [LogEntry<'static>; 3] = [
        LogEntry { off: 4, label: Label(1), payload: b"four" },
        LogEntry { off: 5, label: Label(1), payload: b"" },
        LogEntry { off: 6, label: Label(2), payload: b"sixty" },
    ];

    fn log() -> Vec<u8> {
        let mut log = Vec::new();
        ENTRIES.iter().for_each(|entry| entry.append(SALT, &mut log));
        log
    }

    /// The sound entries at the start of `bytes`.
    fn sound(bytes: &[u8], salt: LogSalt, from: u64) -> Vec<LogEntry<'_>> {
        Log::new(bytes, salt, from).map_while(Result::ok).collect()
    }

    #[test]
    fn entries_come_back_in_order_and_cost_32_bytes_each() {
        assert_eq!(sound(&log(), SALT, 4), ENTRIES);
        assert_eq!(log().len(), 3 * LogEntry::OVERHEAD + 9);
    }

    #[test]
    fn a_torn_tail_leaves_the_entries_before_it() {
        let log = log();
        let ends = [0, 36, 68, 105];
        for len in 0..log.len() {
            let whole = ends.iter().filter(|end| **end > 0 && **end <= len).count();
            assert_eq!(sound(&log[..len], SALT, 4), ENTRIES[..whole], "{len} bytes");
            assert_eq!(Log::new(&log[..len], SALT, 4).any(|entry| entry.is_err()), !ends.contains(&len));
        }
    }

    #[test]
    fn no_flipped_bit_passes_for_an_entry() {
        let log = log();
        for bit in 0..log.len() * 8 {
            let mut flipped = log.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = sound(&flipped, SALT, 4);
            assert!(found.len() < 3 && found == ENTRIES[..found.len()], "bit {bit}");
        }
    }

    #[test]
    fn an_entry_of_another_life_or_out_of_turn_ends_the_log() {
        assert_eq!(sound(&log(), LogSalt { inc: Incarnation(5), ..SALT }, 4), []);
        let turn = Some(Err(Bad::Corrupt { object: Object::LogEntry, why: Why::Field("off") }));
        let log = log();
        assert_eq!(Log::new(&log, SALT, 3).next(), turn);
        let mut after = Log::new(&log[36..], SALT, 4);
        assert_eq!((after.next(), after.next()), (turn, None));
    }
}
