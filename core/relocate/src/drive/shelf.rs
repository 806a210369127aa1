use super::keeper::{Draft, KeepError, Keeper, Life};
use crate::bad::{Bad, Object, Why};
use crate::checkpoint::Checkpoint;
use crate::log::{Log, LogEntry, LogSalt};
use crate::stage::{Pointer, StageRecord};
use crate::{Incarnation, Label, StageId};
use alloc::vec::Vec;
use tidemill_seam::{ExchangeError, Exchanged, ReadingError, Register, Version};

/// A stage that keeps everything in its register: the record, behind it the checkpoint and what is retained. It suits stages
/// whose state is small; one exchange makes a life or a checkpoint durable.
///
/// ```text
/// StageRecord 512 · Checkpoint · LogEntry …
/// ```
#[derive(Debug)]
pub struct Shelf<R> {
    register: R,
    stage: StageId,
    schema: u64,
    inc: Incarnation,
    /// What stands there, as far as this life knows, and which checkpoint of the stage that is.
    stands: Version,
    seq: u64,
    ver: u64,
    doing: Doing,
    buffer: Vec<u8>,
}

/// What is under way.
#[derive(Debug)]
enum Doing {
    Nothing,
    /// The bytes of a new life on their way, which has this number.
    Minting(Vec<u8>, Incarnation),
    /// The bytes of a checkpoint on their way.
    Writing(Vec<u8>),
    /// Nobody said what became of them, or something else stands there: it is read.
    Settling(Vec<u8>),
}

/// What a register holds of a stage.
struct Held<P> {
    record: StageRecord,
    checkpoint: Option<Checkpoint>,
    entries: Vec<(Label, P)>,
}

impl<R: Register> Shelf<R> {
    /// The stage in `register`, whose state is to be read by `schema`.
    pub const fn new(register: R, stage: StageId, schema: u64) -> Self {
        Self {
            register,
            stage,
            schema,
            inc: Incarnation(0),
            stands: Version::NONE,
            seq: 0,
            ver: 0,
            doing: Doing::Nothing,
            buffer: Vec::new(),
        }
    }

    /// Which version stands, and its bytes; none where no life was ever minted.
    fn read(&mut self) -> Result<Option<(Version, &[u8])>, KeepError> {
        self.buffer.resize(self.register.capacity(), 0);
        let reading = match self.register.read(&mut self.buffer) {
            Err(ReadingError::Absent) if self.stands == Version::NONE => return Ok(None),
            Err(error) => return Err(KeepError::from(error)),
            Ok(reading) => reading,
        };
        // One that lags behind says nothing.
        if reading.version < self.stands {
            return Err(KeepError::Unavailable);
        }
        Ok(Some((reading.version, &self.buffer[..reading.len])))
    }

    /// What the record says: of a later life that this one is over.
    fn look(&mut self) -> Result<(Version, StageRecord), KeepError> {
        let (inc, stage) = (self.inc, self.stage);
        let Some((version, bytes)) = self.read()? else { return Err(KeepError::Closed) };
        let record = record(bytes, stage)?;
        if record.inc > inc {
            return Err(KeepError::Fenced { by: record.inc });
        }
        Ok((version, record))
    }

    /// The bytes of a record over `pointer`, and behind it what it points at.
    fn bytes(&self, inc: Incarnation, ver: u64, checkpoint: Pointer, behind: &[u8]) -> Vec<u8> {
        let record = StageRecord { ver, stage: self.stage, inc, schema: self.schema, checkpoint };
        let mut bytes = Vec::with_capacity(StageRecord::BYTES + behind.len());
        bytes.extend(record.encode());
        bytes.extend(behind);
        bytes
    }

    fn draft<P: AsRef<[u8]>>(&self, draft: &Draft<P>) -> Vec<u8> {
        let seq = self.seq + 1;
        let Draft { inputs, outputs, entries, state } = draft;
        let checkpoint = Checkpoint {
            inc: self.inc,
            seq,
            inputs: inputs.clone(),
            outputs: outputs.clone(),
            state: state.clone(),
        };
        let mut behind = checkpoint.encode();
        let (len, digest) = (behind.len() as u64, Checkpoint::digest(&behind));
        let salt = LogSalt { stage: self.stage, inc: self.inc };
        let from = outputs.first().map_or(0, |output| output.retained);
        for (off, (label, payload)) in (from..).zip(entries) {
            LogEntry { off, label: *label, payload: payload.as_ref() }.append(salt, &mut behind);
        }
        let pointer = Pointer { inc: self.inc, seq, len, digest, ..Pointer::default() };
        self.bytes(self.inc, self.ver + 1, pointer, &behind)
    }
}

impl<R: Register, P: AsRef<[u8]> + for<'a> From<&'a [u8]>> Keeper<P> for Shelf<R> {
    fn mint(&mut self) -> Result<Life<P>, KeepError> {
        if let Doing::Minting(bytes, inc) = &self.doing {
            match self.register.exchange(self.stands, bytes) {
                Ok(Exchanged::Won(version)) => {
                    let held = held(bytes, self.stage)?;
                    (self.stands, self.ver, self.inc) = (version, held.record.ver, *inc);
                    self.seq = held.record.checkpoint.seq;
                    self.doing = Doing::Nothing;
                    return Ok(Life { inc: self.inc, checkpoint: held.checkpoint, entries: held.entries });
                }
                Err(ExchangeError::Pending) => return Err(KeepError::Pending),
                // A life that nobody knows of is skipped.
                Ok(Exchanged::Lost(_) | Exchanged::Unknown) => self.doing = Doing::Nothing,
                Err(error) => {
                    self.doing = Doing::Nothing;
                    return Err(KeepError::from(error));
                }
            }
        }
        let stage = self.stage;
        let (stands, inc, ver, pointer, behind) = match self.read()? {
            None => (Version::NONE, Incarnation(1), 1, Pointer::default(), Vec::new()),
            Some((version, bytes)) => {
                let Held { record, .. } = held::<P>(bytes, stage)?;
                let behind = bytes[StageRecord::BYTES..].to_vec();
                (version, Incarnation(record.inc.0 + 1), record.ver + 1, record.checkpoint, behind)
            }
        };
        let bytes = self.bytes(inc, ver, pointer, &behind);
        (self.stands, self.doing) = (stands, Doing::Minting(bytes, inc));
        Keeper::<P>::mint(self)
    }

    fn keep(&mut self, draft: &Draft<P>) -> Result<u64, KeepError> {
        loop {
            match core::mem::replace(&mut self.doing, Doing::Nothing) {
                Doing::Nothing | Doing::Minting(..) => self.doing = Doing::Writing(self.draft(draft)),
                Doing::Writing(bytes) => match self.register.exchange(self.stands, &bytes) {
                    Ok(Exchanged::Won(version)) => {
                        (self.stands, self.seq, self.ver) = (version, self.seq + 1, self.ver + 1);
                        return Ok(self.seq);
                    }
                    Ok(Exchanged::Lost(_) | Exchanged::Unknown) => self.doing = Doing::Settling(bytes),
                    Err(error) => {
                        self.doing = Doing::Writing(bytes);
                        return Err(KeepError::from(error));
                    }
                },
                Doing::Settling(bytes) => {
                    self.doing = Doing::Settling(bytes);
                    let (version, record) = self.look()?;
                    let Doing::Settling(bytes) = core::mem::replace(&mut self.doing, Doing::Nothing) else {
                        return Err(KeepError::Closed);
                    };
                    if record.checkpoint.seq > self.seq {
                        (self.stands, self.seq, self.ver) = (version, record.checkpoint.seq, record.ver);
                        return Ok(self.seq);
                    }
                    self.doing = Doing::Writing(bytes);
                }
            }
        }
    }

    fn confirm(&mut self) -> Result<(), KeepError> {
        self.look().map(|_| ())
    }
}

fn record(bytes: &[u8], stage: StageId) -> Result<StageRecord, KeepError> {
    let lost = |why| KeepError::Lost(Bad::Corrupt { object: Object::StageRecord, why });
    let head = bytes.get(..StageRecord::BYTES).ok_or(lost(Why::Length))?;
    let record = StageRecord::decode(head).map_err(KeepError::Lost)?;
    if record.stage != stage {
        return Err(lost(Why::Field("stage")));
    }
    Ok(record)
}

fn held<P: for<'a> From<&'a [u8]>>(bytes: &[u8], stage: StageId) -> Result<Held<P>, KeepError> {
    let record = record(bytes, stage)?;
    let pointer = &record.checkpoint;
    if pointer.seq == 0 {
        return Ok(Held { record, checkpoint: None, entries: Vec::new() });
    }
    let lost = |object, why| KeepError::Lost(Bad::Corrupt { object, why });
    let behind = &bytes[StageRecord::BYTES..];
    let split = usize::try_from(pointer.len).ok().and_then(|len| behind.split_at_checked(len));
    let (body, log) = split.ok_or(lost(Object::Checkpoint, Why::Length))?;
    if Checkpoint::digest(body) != pointer.digest {
        return Err(lost(Object::Checkpoint, Why::Checksum));
    }
    let checkpoint = Checkpoint::decode(body).map_err(KeepError::Lost)?;
    let output = checkpoint.outputs.first().copied().unwrap_or_default();
    let salt = LogSalt { stage, inc: pointer.inc };
    let mut entries = Vec::new();
    for entry in Log::new(log, salt, output.retained) {
        let LogEntry { label, payload, .. } = entry.map_err(KeepError::Lost)?;
        entries.push((label, P::from(payload)));
    }
    if entries.len() as u64 != output.off - output.retained {
        return Err(lost(Object::LogEntry, Why::Length));
    }
    Ok(Held { record, checkpoint: Some(checkpoint), entries })
}

impl From<ReadingError> for KeepError {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Pending => Self::Pending,
            ReadingError::Unavailable => Self::Unavailable,
            ReadingError::Truncated { .. } => Self::TooLong,
            ReadingError::Absent | ReadingError::Corrupt | ReadingError::Closed => Self::Closed,
        }
    }
}

impl From<ExchangeError> for KeepError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Pending => Self::Pending,
            ExchangeError::Unavailable => Self::Unavailable,
            ExchangeError::TooLong { .. } => Self::TooLong,
            ExchangeError::Corrupt | ExchangeError::Closed => Self::Closed,
        }
    }
}
