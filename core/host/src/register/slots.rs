use core::fmt;
use crc::{CRC_32_ISCSI, Crc};
use tidemill_seam::{
    ExchangeError, Exchanged, ReadError, Reading, ReadingError, Register, Store, SyncError, Version,
    WriteError,
};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const MAGIC: [u8; 4] = *b"TMRG";
/// Magic, block, version, length; behind the value the checksum.
const HEADER: usize = 20;
const CHECKSUM: usize = 4;
/// Two slots of two copies each.
const COPIES: u64 = 4;

/// Why a store could not be made into a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormatError {
    /// It is under way: call again.
    Pending,
    /// The store has fewer than four blocks, or blocks too short for a value.
    TooSmall,
    /// The store failed; whatever stood there may be gone.
    Failed,
}

/// A register in the first four blocks of a store that nobody else writes: version `n` stands in slot `n % 2`, twice.
///
/// ```text
///  block   0 slot 0     1 slot 0 again     2 slot 1     3 slot 1 again        record: TMRG block version len value … crc32c
/// ```
/// An exchange overwrites the older slot with one write and answers after one sync, so that a torn or lost write leaves the
/// value before it. What is found at the beginning is written again and synced before anybody hears of it: a value in the
/// cache of a process that died is not yet durable. One bad copy is repaired and counted; without one good copy the register
/// is [`Corrupt`](ReadingError::Corrupt), and a store that was never formatted shows no value and takes none.
#[derive(Debug)]
pub struct SlotRegister<S> {
    store: S,
    state: State,
    version: Version,
    value: Vec<u8>,
    repaired: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// Nothing is known of what stands there.
    Unread,
    /// What was found is written again, and not yet synced.
    Mending,
    /// Known and durable.
    Ready,
    /// The next value is written, and not yet synced.
    Writing { expected: Version, value: Vec<u8> },
    /// No copy is good.
    Corrupt,
    /// Every copy is blank.
    Blank,
}

/// Why a register has nothing to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Not {
    Pending,
    Unavailable,
    Corrupt,
    Blank,
    Closed,
}

impl<S: Store> SlotRegister<S> {
    /// Bytes of a block that its value does not take.
    pub(super) const OVERHEAD: u64 = (HEADER + CHECKSUM) as u64;

    /// The register in `store`, which [`format`](Self::format) once made.
    ///
    /// # Panics
    /// If the store has fewer than four blocks, or blocks of fewer than 32 bytes: it cannot have been formatted.
    pub fn new(store: S) -> Self {
        assert!(fits(&store), "a register takes four blocks of at least 32 bytes");
        Self { store, state: State::Unread, version: Version::NONE, value: Vec::new(), repaired: 0 }
    }

    /// Makes a register without a value; what stood there is gone.
    ///
    /// # Errors
    /// `Pending` until it is durable, then whatever went wrong.
    pub fn format(store: &mut S) -> Result<(), FormatError> {
        if !fits(store) {
            return Err(FormatError::TooSmall);
        }
        // Written again at every call: the sync that ends this covers the first of them.
        let block = store.geometry().block as usize;
        let mut bytes = records(block, Version::NONE, &[]);
        bytes.resize(COPIES as usize * block, 0);
        match store.write(0, &bytes) {
            Ok(()) => {}
            Err(WriteError::Stalled) => return Err(FormatError::Pending),
            Err(_) => return Err(FormatError::Failed),
        }
        match store.sync() {
            Ok(()) => Ok(()),
            Err(SyncError::Pending) => Err(FormatError::Pending),
            Err(_) => Err(FormatError::Failed),
        }
    }

    /// Copies that were found bad beside a good one, and written again.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// The store.
    pub fn into_store(self) -> S {
        self.store
    }

    fn block(&self) -> usize {
        self.store.geometry().block as usize
    }

    /// Goes on until the value is known and durable.
    fn ready(&mut self) -> Result<(), Not> {
        loop {
            match &self.state {
                State::Ready => return Ok(()),
                State::Corrupt => return Err(Not::Corrupt),
                State::Blank => return Err(Not::Blank),
                State::Unread => self.find()?,
                State::Mending => {
                    self.sync()?;
                    self.state = State::Ready;
                }
                State::Writing { .. } => _ = self.written()?,
            }
        }
    }

    /// Reads all copies and writes the best of them again.
    fn find(&mut self) -> Result<(), Not> {
        let block = self.block();
        let (mut best, mut bad, mut blank) = (None::<(Version, Vec<u8>)>, 0, 0);
        let (mut versions, mut unread) = ([None; COPIES as usize], [false; COPIES as usize]);
        for copy in 0..COPIES {
            let mut bytes = vec![0; block];
            match self.store.read(copy * block as u64, &mut bytes) {
                Ok(()) => {}
                Err(ReadError::Stalled) => return Err(Not::Pending),
                Err(ReadError::Closed) => return Err(Not::Closed),
                Err(_) => {
                    unread[copy as usize] = true;
                    continue;
                }
            }
            match check(&bytes, copy) {
                Some((version, value)) => {
                    versions[copy as usize] = Some(version);
                    if best.as_ref().is_none_or(|(known, _)| version > *known) {
                        best = Some((version, value.to_vec()));
                    }
                }
                None if bytes.iter().all(|byte| *byte == 0) => blank += 1,
                None => bad += 1,
            }
        }
        // What cannot be read may be newer than what can: a slot is known by one good copy, or by none where both are read.
        let known = |slot: usize| versions[slot..slot + 2].iter().any(Option::is_some);
        if [0, 2].iter().any(|&slot| !known(slot) && unread[slot..slot + 2].contains(&true)) {
            return Err(Not::Unavailable);
        }
        let Some((version, value)) = best else {
            self.state = if blank == COPIES && bad == 0 { State::Blank } else { State::Corrupt };
            return Ok(());
        };
        let slot = (version.0 % 2 * 2) as usize;
        self.repaired +=
            versions[slot..slot + 2].iter().filter(|found| **found != Some(version)).count() as u64;
        (self.version, self.value) = (version, value);
        self.put(self.version, &self.value.clone())?;
        self.state = State::Mending;
        Ok(())
    }

    /// Writes both copies of a slot.
    fn put(&mut self, version: Version, value: &[u8]) -> Result<(), Not> {
        let block = self.block();
        let bytes = records(block, version, value);
        match self.store.write(version.0 % 2 * 2 * block as u64, &bytes) {
            Ok(()) => Ok(()),
            Err(WriteError::Stalled) => Err(Not::Pending),
            Err(WriteError::Closed) => Err(Not::Closed),
            Err(_) => Err(Not::Unavailable),
        }
    }

    fn sync(&mut self) -> Result<(), Not> {
        match self.store.sync() {
            Ok(()) => Ok(()),
            Err(SyncError::Pending) => Err(Not::Pending),
            // Nobody knows what is durable: what stands there has to be found, and written again.
            Err(SyncError::Failed) => {
                self.state = State::Unread;
                Err(Not::Unavailable)
            }
            Err(SyncError::Closed) => Err(Not::Closed),
        }
    }

    /// The outcome of the exchange that is being written.
    fn written(&mut self) -> Result<Exchanged, Not> {
        match self.sync() {
            Ok(()) => {}
            Err(Not::Unavailable) => return Ok(Exchanged::Unknown),
            Err(not) => return Err(not),
        }
        if let State::Writing { expected, value } = std::mem::replace(&mut self.state, State::Ready) {
            (self.version, self.value) = (Version(expected.0 + 1), value);
        }
        Ok(Exchanged::Won(self.version))
    }
}

fn fits<S: Store>(store: &S) -> bool {
    let shape = store.geometry();
    shape.blocks >= COPIES && shape.block as usize >= HEADER + CHECKSUM + 8
}

/// Both copies of a record.
fn records(block: usize, version: Version, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 2 * block];
    let first = version.0 % 2 * 2;
    for (copy, record) in (first..).zip(bytes.chunks_exact_mut(block)) {
        record[..4].copy_from_slice(&MAGIC);
        record[4..8].copy_from_slice(&(copy as u32).to_le_bytes());
        record[8..16].copy_from_slice(&version.0.to_le_bytes());
        record[16..HEADER].copy_from_slice(&(value.len() as u32).to_le_bytes());
        record[HEADER..HEADER + value.len()].copy_from_slice(value);
        let (covered, checksum) = record.split_at_mut(block - CHECKSUM);
        checksum.copy_from_slice(&CRC.checksum(covered).to_le_bytes());
    }
    bytes
}

/// Version and value of a record, if it is whole and stands where it should.
fn check(record: &[u8], copy: u64) -> Option<(Version, &[u8])> {
    let (covered, checksum) = record.split_last_chunk::<CHECKSUM>()?;
    if CRC.checksum(covered).to_le_bytes() != *checksum || covered[..4] != MAGIC {
        return None;
    }
    let word = |at: usize| covered[at..].first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    let version = u64::from_le_bytes(*covered[8..].first_chunk::<8>()?);
    let stands = u64::from(word(4)?) == copy && version % 2 == copy / 2;
    let value = covered[HEADER..].get(..word(16)? as usize)?;
    stands.then_some((Version(version), value))
}

impl<S: Store> Register for SlotRegister<S> {
    fn capacity(&self) -> usize {
        self.block() - HEADER - CHECKSUM
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        self.ready()?;
        if self.version == Version::NONE {
            return Err(ReadingError::Absent);
        }
        let len = self.value.len();
        into.get_mut(..len).ok_or(ReadingError::Truncated { len })?.copy_from_slice(&self.value);
        Ok(Reading { version: self.version, len })
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let capacity = self.capacity();
        if value.len() > capacity {
            return Err(ExchangeError::TooLong { capacity });
        }
        if matches!(&self.state, State::Writing { expected: e, value: v } if *e == expected && v == value) {
            return Ok(self.written()?);
        }
        self.ready()?;
        if self.version != expected {
            return Ok(Exchanged::Lost(self.version));
        }
        // No register counts so far: what stands there is forged, and nothing can follow it.
        let next = Version(expected.0.checked_add(1).ok_or(ExchangeError::Corrupt)?);
        match self.put(next, value) {
            Ok(()) => {}
            // Some of it may stand there, and may be found.
            Err(Not::Unavailable) => {
                self.state = State::Unread;
                return Ok(Exchanged::Unknown);
            }
            Err(not) => return Err(not.into()),
        }
        self.state = State::Writing { expected, value: value.to_vec() };
        Ok(self.written()?)
    }

    fn watch(&mut self, seen: Version) -> bool {
        self.version > seen
    }
}

impl From<Not> for ReadingError {
    fn from(not: Not) -> Self {
        match not {
            Not::Pending => Self::Pending,
            Not::Unavailable => Self::Unavailable,
            Not::Corrupt => Self::Corrupt,
            Not::Blank => Self::Absent,
            Not::Closed => Self::Closed,
        }
    }
}

impl From<Not> for ExchangeError {
    fn from(not: Not) -> Self {
        match not {
            Not::Pending => Self::Pending,
            Not::Unavailable => Self::Unavailable,
            Not::Corrupt | Not::Blank => Self::Corrupt,
            Not::Closed => Self::Closed,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "formatting is under way",
            Self::TooSmall => "the store is too small for a register",
            Self::Failed => "the store failed",
        })
    }
}

impl std::error::Error for FormatError {}
