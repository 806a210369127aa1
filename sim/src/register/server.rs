//! The value, and the operations on their way to it and back.

use std::collections::{BTreeMap, VecDeque};

use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Version};

use super::{RegisterConfig, RegisterId, RegisterStats};
use crate::choice::Rate;
use crate::hash::digest;
use crate::latency::Latency;
use crate::machine::ProcessId;
use crate::streams::{Choices, StreamId, stream_of};

/// What the kernel has to hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) process: ProcessId,
    pub(crate) what: What,
    pub(crate) version: Version,
    pub(crate) digest: u64,
}

/// The kind of a [`Note`].
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum What {
    Read,
    Won,
    Lost,
    WonLate,
    Refused,
    Answered,
    Unanswered,
}

/// What the kernel has to schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) after_ns: u64,
    pub(crate) ticket: u32,
}

/// An operation as its handle began it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Read,
    Exchange { expected: Version, value: Vec<u8> },
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Read(Result<(Version, Vec<u8>), ReadingError>),
    Exchange(Result<Exchanged, ExchangeError>),
}

#[derive(Debug)]
struct Operation {
    number: u32,
    process: ProcessId,
    call: Call,
    wanted: bool,
    ended: Option<Ended>,
}

/// What happens when a ticket falls due.
#[derive(Debug)]
enum Errand {
    /// The request of this operation arrives.
    Arrives(u32),
    /// The answer to it comes back.
    Answers(u32, Ended),
    /// An exchange of unknown outcome takes effect after all.
    Late(ProcessId, Version, Vec<u8>),
    /// A hint comes.
    Hint(ProcessId),
    /// It is available again.
    Up,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(super) id: RegisterId,
    pub(super) name: String,
    pub(crate) config: RegisterConfig,
    pub(crate) stats: RegisterStats,
    choices: Choices,
    stream: StreamId,
    /// The values that stood, the present one last; empty as long as there is none.
    values: VecDeque<(Version, Vec<u8>)>,
    operations: Vec<Operation>,
    errands: BTreeMap<u32, Errand>,
    numbers: u32,
    down: Option<u32>,
    watchers: Vec<ProcessId>,
    asks: Vec<Ask>,
    notes: Vec<Note>,
    woken: Vec<ProcessId>,
}

impl Server {
    pub(super) fn new(id: RegisterId, name: String, config: RegisterConfig, choices: Choices) -> Self {
        Self {
            id,
            name,
            config,
            stats: RegisterStats::default(),
            choices,
            stream: StreamId::NONE,
            values: VecDeque::new(),
            operations: Vec::new(),
            errands: BTreeMap::new(),
            numbers: 0,
            down: None,
            watchers: Vec::new(),
            asks: Vec::new(),
            notes: Vec::new(),
            woken: Vec::new(),
        }
    }

    fn stream(&mut self) -> StreamId {
        if self.stream == StreamId::NONE {
            let name = self.name.clone();
            self.stream = self.choices.open(stream_of(&name), || name);
        }
        self.stream
    }

    fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        if rate == Rate::NEVER {
            return false;
        }
        let stream = self.stream();
        self.choices.chance_by(stream, kind, rate)
    }

    fn draw(&mut self, latency: Latency, kind: &'static str) -> u64 {
        if let Latency::Constant(span) = latency {
            return span.as_nanos();
        }
        let stream = self.stream();
        latency.draw(&mut self.choices, stream, kind)
    }

    fn note(&mut self, process: ProcessId, what: What, value: Option<(Version, &[u8])>) {
        let (version, digest) = value.map_or((Version::NONE, 0), |(version, bytes)| (version, digest(bytes)));
        self.notes.push(Note { process, what, version, digest });
    }

    /// What the kernel has to hash, to schedule and to wake since it last looked.
    pub(crate) fn taken(&mut self) -> (Vec<Note>, Vec<Ask>, Vec<ProcessId>) {
        (std::mem::take(&mut self.notes), std::mem::take(&mut self.asks), std::mem::take(&mut self.woken))
    }

    /// The present value.
    pub(super) fn value(&self) -> Option<(Version, &[u8])> {
        self.values.back().map(|(version, bytes)| (*version, bytes.as_slice()))
    }

    fn version(&self) -> Version {
        self.values.back().map_or(Version::NONE, |(version, _)| *version)
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn plan(&mut self, after_ns: u64, errand: Errand) -> u32 {
        let ticket = self.number();
        self.errands.insert(ticket, errand);
        self.asks.push(Ask { after_ns, ticket });
        ticket
    }

    /// Begins an operation.
    pub(super) fn begin(&mut self, process: ProcessId, call: Call) -> u32 {
        let number = self.number();
        self.operations.push(Operation { number, process, call, wanted: true, ended: None });
        if self.chance("lost-request", self.config.lost_request) {
            self.stats.lost_requests += 1;
            self.times_out(number);
            return number;
        }
        match self.draw(self.config.request, "request-takes") {
            0 => self.arrives(number),
            after_ns => _ = self.plan(after_ns, Errand::Arrives(number)),
        }
        number
    }

    /// How an operation ended, once.
    pub(super) fn outcome(&mut self, number: u32) -> Option<Ended> {
        let at = self.operations.iter().position(|operation| operation.number == number)?;
        let ended = self.operations[at].ended.take()?;
        self.operations.remove(at);
        Some(ended)
    }

    /// Whether this operation is under way, and is this call.
    pub(super) fn is(&self, number: u32, is: impl FnOnce(&Call) -> bool) -> bool {
        self.operations.iter().find(|operation| operation.number == number).is_some_and(|it| is(&it.call))
    }

    /// Nobody asks for this operation any more; it goes on.
    pub(super) fn abandon(&mut self, number: u32) {
        self.operations.retain_mut(|operation| {
            operation.wanted &= operation.number != number;
            operation.wanted || operation.ended.is_none()
        });
    }

    /// The caller will have waited in vain.
    fn times_out(&mut self, number: u32) {
        let Some(operation) = self.operations.iter().find(|operation| operation.number == number) else {
            return;
        };
        let ended = match operation.call {
            Call::Read => Ended::Read(Err(ReadingError::Unavailable)),
            Call::Exchange { .. } => {
                self.stats.unknown += 1;
                Ended::Exchange(Ok(Exchanged::Unknown))
            }
        };
        let process = operation.process;
        self.note(process, What::Unanswered, None);
        self.plan(self.config.timeout.as_nanos(), Errand::Answers(number, ended));
    }

    /// The request is here: this is when the operation takes effect.
    fn arrives(&mut self, number: u32) {
        let Some(at) = self.operations.iter().position(|operation| operation.number == number) else {
            return;
        };
        let process = self.operations[at].process;
        let call = self.operations[at].call.clone();
        if self.is_down() {
            self.stats.refused += 1;
            self.note(process, What::Refused, None);
            let ended = match call {
                Call::Read => Ended::Read(Err(ReadingError::Unavailable)),
                Call::Exchange { .. } => Ended::Exchange(Err(ExchangeError::Unavailable)),
            };
            return self.replies(number, ended);
        }
        let ended = match call {
            Call::Read => Ended::Read(self.reads(process)),
            Call::Exchange { expected, value } => {
                Ended::Exchange(Ok(self.exchanges(process, expected, value)))
            }
        };
        if self.chance("lost-reply", self.config.lost_reply) {
            self.stats.lost_replies += 1;
            return self.times_out(number);
        }
        self.replies(number, ended);
    }

    fn replies(&mut self, number: u32, ended: Ended) {
        match self.draw(self.config.reply, "reply-takes") {
            0 => _ = self.answers(number, ended),
            after_ns => _ = self.plan(after_ns, Errand::Answers(number, ended)),
        }
    }

    fn answers(&mut self, number: u32, ended: Ended) -> Option<ProcessId> {
        let at = self.operations.iter().position(|operation| operation.number == number)?;
        let operation = &mut self.operations[at];
        let process = operation.process;
        if !operation.wanted {
            self.operations.remove(at);
            return None;
        }
        operation.ended = Some(ended);
        Some(process)
    }

    fn is_down(&mut self) -> bool {
        if self.down.is_none() && self.chance("unavailable", self.config.unavailable) {
            let after_ns = self.draw(self.config.unavailable_for, "unavailable-for");
            self.goes_down(after_ns);
        }
        self.down.is_some()
    }

    /// Every request is refused for a while.
    pub(super) fn goes_down(&mut self, after_ns: u64) {
        self.down = Some(self.plan(after_ns, Errand::Up));
    }

    fn reads(&mut self, process: ProcessId) -> Result<(Version, Vec<u8>), ReadingError> {
        self.stats.reads += 1;
        let mut back = 0;
        if self.values.len() > 1 && self.chance("stale", self.config.stale) {
            self.stats.stale += 1;
            let (stream, older) = (self.stream(), self.values.len() as u64 - 1);
            back = 1 + self.choices.choose_by(stream, "stale-by", older) as usize;
        }
        let Some((version, bytes)) = self.values.iter().rev().nth(back).cloned() else {
            self.note(process, What::Read, None);
            return Err(ReadingError::Absent);
        };
        self.note(process, What::Read, Some((version, &bytes)));
        Ok((version, bytes))
    }

    fn exchanges(&mut self, process: ProcessId, expected: Version, value: Vec<u8>) -> Exchanged {
        if !self.chance("unknown", self.config.unknown) {
            return self.swaps(process, expected, value, What::Won);
        }
        self.stats.unknown += 1;
        let stream = self.stream();
        match self.choices.choose_by(stream, "unknown-happens", 3) {
            0 => _ = self.swaps(process, expected, value, What::Won),
            1 => {}
            _ => {
                let after_ns = self.draw(self.config.late, "late-by");
                self.plan(after_ns, Errand::Late(process, expected, value));
            }
        }
        Exchanged::Unknown
    }

    fn swaps(&mut self, process: ProcessId, expected: Version, value: Vec<u8>, won: What) -> Exchanged {
        let stands = self.version();
        if stands != expected {
            self.stats.lost += 1;
            self.note(process, What::Lost, Some((stands, &[])));
            return Exchanged::Lost(stands);
        }
        let version = Version(stands.0 + 1);
        self.note(process, won, Some((version, &value)));
        self.values.push_back((version, value));
        while self.values.len() > self.config.stale_depth as usize + 1 {
            self.values.pop_front();
        }
        self.stats.won += 1;
        for watcher in std::mem::take(&mut self.watchers) {
            if self.chance("lost-watch", self.config.lost_watch) {
                self.stats.lost_hints += 1;
            } else {
                let after_ns = self.draw(self.config.reply, "watch-takes");
                self.plan(after_ns, Errand::Hint(watcher));
            }
        }
        Exchanged::Won(version)
    }

    /// Whether the value has moved beyond `seen`; if not, a hint comes once it has.
    pub(super) fn watch(&mut self, process: ProcessId, seen: Version) -> bool {
        if self.version() > seen {
            return true;
        }
        if !self.watchers.contains(&process) {
            self.watchers.push(process);
        }
        false
    }

    /// A ticket falls due.
    pub(super) fn due(&mut self, ticket: u32) {
        match self.errands.remove(&ticket) {
            Some(Errand::Arrives(number)) => {
                let process = self.operations.iter().find(|it| it.number == number).map(|it| it.process);
                self.arrives(number);
                let ended = |it: &&Operation| it.number == number && it.ended.is_some();
                if let (Some(process), Some(_)) = (process, self.operations.iter().find(ended)) {
                    self.woken.push(process);
                }
            }
            Some(Errand::Answers(number, ended)) => {
                if let Some(process) = self.answers(number, ended) {
                    self.note(process, What::Answered, None);
                    self.woken.push(process);
                }
            }
            Some(Errand::Late(process, expected, value)) => {
                if let Exchanged::Won(_) = self.swaps(process, expected, value, What::WonLate) {
                    self.stats.late += 1;
                }
            }
            Some(Errand::Hint(process)) => {
                self.stats.hints += 1;
                self.woken.push(process);
            }
            Some(Errand::Up) if self.down == Some(ticket) => self.down = None,
            Some(Errand::Up) | None => {}
        }
    }
}

/// Copies a value out.
pub(super) fn show(
    read: Result<(Version, Vec<u8>), ReadingError>,
    into: &mut [u8],
) -> Result<Reading, ReadingError> {
    let (version, bytes) = read?;
    let len = bytes.len();
    into.get_mut(..len).ok_or(ReadingError::Truncated { len })?.copy_from_slice(&bytes);
    Ok(Reading { version, len })
}
