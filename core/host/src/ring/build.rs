use super::error::AttachError;
use super::identity;
use super::lock::Lock;
use super::memfd;
use super::named::{Backing, Draft};
use super::region::{Mapping, guard};
use super::watch::Watch;
use crate::{MonotonicClock, OsEntropy};
use std::fmt::Write;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::Field;
use tidemill_ring::layout::Kind;
use tidemill_ring::name::{Name, NameError};
use tidemill_ring::table::PeerNameError;
use tidemill_ring::wait::Wait;
use tidemill_ring::{Layout, Peer, PeerName, Plain, Policies, Policy, Segment, Spec, Start};
use tidemill_seam::{Clock, Duration, Entropy, Region};

mod fill;
mod frames;

use fill::{Fill, make};

pub use frames::{
    FrameConsumer, FrameProducer, FrameReader, MultiFrameProducer, MultiVarProducer, Typed, TypedConsumer,
    TypedProducer, VarConsumer, VarProducer, VarReader,
};

/// The half that publishes, in shared memory.
pub type Producer<E> = tidemill_ring::Producer<E, Mapping, Lock>;
/// One of several that publish beside each other, in shared memory.
pub type MultiProducer<E> = tidemill_ring::MultiProducer<E, Mapping, Lock>;
/// The half that takes items and holds the producer back, in shared memory. Its mapping of the items is read-only.
pub type Consumer<E> = tidemill_ring::Consumer<E, Mapping, Lock>;
/// The half that copies items and may be overtaken, in shared memory. Its mapping of the items is read-only.
pub type Reader<E> = tidemill_ring::Reader<E, Mapping, Lock>;

/// How often a name is looked up that comes and goes.
const TURNS: u32 = 16;

/// A ring by its name, which nobody may have made yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    name: Name,
    path: PathBuf,
}

/// A ring by a descriptor of its memory.
#[derive(Debug)]
pub struct Passed(OwnedFd);

/// A ring to be, or to take part in: what its slots hold, and who comes.
#[derive(Debug)]
pub struct Builder<E> {
    place: Place,
    spec: Spec,
    name: Option<Result<PeerName, PeerNameError>>,
    start: Start,
    policy: Policy,
    hold: Duration,
    wait: Option<Wait>,
    watch: Option<Watch>,
    coordinate: Coordinate,
    ready: bool,
    /// Bytes of the longest message, where that is known.
    message_max: Option<usize>,
    fill: Fill<E>,
    item: PhantomData<fn() -> E>,
}

#[derive(Debug)]
enum Place {
    Path(PathBuf),
    Descriptor(OwnedFd),
}

/// The ring of that name in the shared memory of this machine: `/dev/shm/tm.<name>`.
///
/// ```
/// use tidemill_host::ring;
/// use tidemill_ring::Next;
///
/// # let name = format!("doc{}", std::process::id());
/// # let name = name.as_str();
/// let mut producer = ring(name)?.slots::<u64>(64).producer()?;
/// let mut consumer = ring(name)?.slots::<u64>(64).name("risk").consumer()?;
/// producer.try_push(7)?;
/// assert!(matches!(consumer.try_next(), Some(Next::Item(item)) if *item == 7));
/// drop((producer, consumer));
/// ring(name)?.remove()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NameError`] where no ring can be called so.
pub fn ring(name: &str) -> Result<Ring, NameError> {
    let name = Name::parse(name)?;
    Ok(Ring { name, path: Path::new("/dev/shm").join(name.file().to_string()) })
}

/// The ring in a sealed memfd that somebody made with [`memfd`](super::memfd()) and handed over.
pub fn over(file: OwnedFd) -> Passed {
    Passed(file)
}

impl Ring {
    /// The ring of that name in a folder instead, as `<name>.ring`. It outlives a power cut only by luck.
    #[must_use]
    pub fn under(self, root: impl AsRef<Path>) -> Self {
        Self { path: root.as_ref().join(format!("{}.ring", self.name)), ..self }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// With `n` slots of `E`.
    pub fn slots<E: Plain>(self, n: u32) -> Builder<E> {
        Builder::new(Place::Path(self.path), n)
    }

    /// Its memory and the claims on it, for who builds on a segment directly.
    ///
    /// # Errors
    /// [`AttachError`]; what lies there was not looked at.
    pub fn backing(&self) -> Result<Backing, AttachError> {
        Backing::open(&self.path)
    }

    /// Takes the name away. The memory goes with it, for nobody has it open.
    ///
    /// # Errors
    /// [`AttachError::NameTaken`] where somebody has; [`AttachError::NotFound`] where there is none.
    pub fn remove(&self) -> Result<(), AttachError> {
        Backing::remove(&self.path)
    }
}

impl Passed {
    /// Its memory and the claims on it, for who builds on a segment directly.
    ///
    /// # Errors
    /// [`AttachError::Unsealed`], or by the system; what lies there was not looked at.
    pub fn backing(&self) -> Result<Backing, AttachError> {
        memfd::adopt(&self.0)
    }

    /// With `n` slots of `E`.
    pub fn slots<E: Plain>(self, n: u32) -> Builder<E> {
        Builder::new(Place::Descriptor(self.0), n)
    }
}

/// What a ring is to be: for the producer that makes it. One that exists has to be so.
impl<E: Plain> Builder<E> {
    fn new(place: Place, n: u32) -> Self {
        Self {
            place,
            spec: Spec::of::<E>(n),
            name: None,
            start: Start::default(),
            policy: Policy::Block,
            hold: Duration::ZERO,
            wait: None,
            watch: None,
            coordinate: Coordinate::Immediate,
            ready: true,
            message_max: None,
            fill: Fill::ZEROES,
            item: PhantomData,
        }
    }

    /// The newest `history` items stay, whoever has read them. None unless told.
    #[must_use]
    pub fn history(mut self, history: u32) -> Self {
        self.spec = self.spec.history(history);
        self
    }

    /// So many may take part beside the producer: 16 unless told.
    #[must_use]
    pub fn participants(mut self, participants: u32) -> Self {
        self.spec = self.spec.participants(participants);
        self
    }

    /// So many may produce at the same time: one unless told. More are [`multi_producer`](Self::multi_producer)s.
    #[must_use]
    pub fn producers(mut self, producers: u32) -> Self {
        self.spec = self.spec.producers(producers);
        self
    }

    /// So many events are remembered: 64 unless told.
    #[must_use]
    pub fn journal(mut self, journal: u32) -> Self {
        self.spec = self.spec.journal(journal);
        self
    }

    /// So many [counters](Ring::counter) of the application: none unless told.
    #[must_use]
    pub fn counters(mut self, counters: u32) -> Self {
        self.spec = self.spec.counters(counters);
        self
    }

    /// What participants may choose to be: anything unless told.
    #[must_use]
    pub fn policies(mut self, policies: Policies) -> Self {
        self.spec = self.spec.policies(policies);
        self
    }
}

/// How a party waits, and how the producer begins.
impl<E: Plain> Builder<E> {
    /// It waits so: [`Wait::DEFAULT`] unless told.
    #[must_use]
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    /// While it waits it hears of deaths from there at once: within a probe unless told.
    #[must_use]
    pub fn watched_by(mut self, watch: &Watch) -> Self {
        self.watch = Some(watch.clone());
        self
    }

    /// Nobody sleeps on this ring, and publications take no fence: for who has a core to spare for each party.
    #[must_use]
    pub fn spin_only(mut self) -> Self {
        self.spec = self.spec.spin_only();
        self
    }

    /// The producer begins so, and of several each for itself: at once unless told.
    ///
    /// ```
    /// use tidemill_host::ring;
    /// use tidemill_ring::coordinate::Coordinate;
    /// use tidemill_ring::wait::Until;
    /// use tidemill_ring::{Next, Start};
    /// use tidemill_seam::Duration;
    ///
    /// # let name = format!("coo{}", std::process::id());
    /// # let name = name.as_str();
    /// let how = Coordinate::WaitFor { n: 1, by: Duration::from_secs(5) };
    /// let mut producer = ring(name)?.slots::<u64>(64).coordinate(how).producer()?;
    /// assert!(producer.try_push(7).is_err(), "nobody is there");
    /// let mut consumer = ring(name)?.slots::<u64>(64).start(Start::Earliest).consumer()?;
    /// producer.publish(|_| 7, Until::forever())?;
    /// assert!(matches!(consumer.next(Until::forever())?, Next::Item(item) if *item == 7));
    /// # drop((producer, consumer));
    /// # ring(name)?.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn coordinate(mut self, how: Coordinate) -> Self {
        self.coordinate = how;
        self
    }

    /// Who comes says itself when it is ready, by [`ready`](tidemill_ring::Consumer::ready): it is at once unless told.
    #[must_use]
    pub fn not_ready(mut self) -> Self {
        self.ready = false;
        self
    }
}

/// Who comes: for a consumer or a reader.
impl<E: Plain> Builder<E> {
    /// Called so: the same name again is the same participant. A random name unless told.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(PeerName::parse(name));
        self
    }

    /// Beginning there: at what is published next unless told.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Under that policy: the producer waits for it unless told.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Nobody waits for it.
    #[must_use]
    pub fn lossy(self) -> Self {
        self.policy(Policy::Lossy)
    }

    /// Its place is kept so long after its death.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    fn peer(&self) -> Result<Peer, AttachError> {
        let name = self.name.unwrap_or_else(random).map_err(AttachError::PeerName)?;
        Ok(Peer::new(name).who(identity()).policy(self.policy).hold(self.hold))
    }
}

impl<E: Plain> Builder<E> {
    /// Produces: makes the ring where there is none, and goes on with one whose producer left or is proved dead.
    ///
    /// # Errors
    /// [`AttachError`]: among others [`NameTaken`](AttachError::NameTaken) where somebody produces, and
    /// [`Incompatible`](AttachError::Incompatible) where there is another ring of that name.
    pub fn producer(mut self) -> Result<Producer<E>, AttachError> {
        let (segment, lock) = self.open_as_meant()?;
        let mut producer =
            segment.producer(lock, identity())?.coordinate(self.coordinate, MonotonicClock.now());
        self.wait.map_or(Ok(()), |wait| producer.wait_by(wait))?;
        Ok(producer)
    }

    /// Produces beside others, in a ring of several [`producers`](Self::producers): makes it where there is none, and takes the
    /// place of one that left or is proved dead.
    ///
    /// # Errors
    /// [`AttachError`]: among others [`Crowded`](AttachError::Crowded) where as many produce as may.
    pub fn multi_producer(mut self) -> Result<MultiProducer<E>, AttachError> {
        let (segment, lock) = self.open_as_meant()?;
        let mut producer =
            segment.multi_producer(lock, identity())?.coordinate(self.coordinate, MonotonicClock.now());
        self.wait.map_or(Ok(()), |wait| producer.wait_by(wait))?;
        Ok(producer)
    }

    /// Takes part as one who reads in place and is waited for.
    ///
    /// # Errors
    /// [`AttachError`]: [`NotFound`](AttachError::NotFound) where nobody has made the ring.
    pub fn consumer(self) -> Result<Consumer<E>, AttachError> {
        let peer = self.peer()?;
        let (segment, lock) = self.open_to_read()?;
        let table = segment.clone();
        let joined = segment.consumer(lock, &peer, self.start);
        let mut consumer: Consumer<E> = joined.map_err(|error| refused(&table, error))?;
        self.wait.map_or(Ok(()), |wait| consumer.wait_by(wait))?;
        if self.ready {
            consumer.ready();
        }
        Ok(consumer)
    }

    /// Takes part as one who copies and may be overtaken. [`lossy`](Self::lossy), or a policy that evicts, has to be chosen.
    ///
    /// # Errors
    /// As for [`consumer`](Self::consumer).
    pub fn reader(self) -> Result<Reader<E>, AttachError> {
        let peer = self.peer()?;
        let (segment, lock) = self.open_to_read()?;
        let table = segment.clone();
        let joined = segment.reader(lock, &peer, self.start);
        let mut reader: Reader<E> = joined.map_err(|error| refused(&table, error))?;
        self.wait.map_or(Ok(()), |wait| reader.wait_by(wait))?;
        if self.ready {
            reader.ready();
        }
        Ok(reader)
    }

    fn open(&self) -> Result<(Segment<Mapping>, Lock), AttachError> {
        let mut backing = match &self.place {
            Place::Path(path) => Backing::open(path)?,
            Place::Descriptor(file) => memfd::adopt(file)?,
        };
        let have = backing.mapping.words();
        let segment = Segment::attach(backing.mapping.clone())?;
        let words = segment.header().layout.words();
        if have != words {
            return Err(AttachError::length(u64::from(have), u64::from(words)));
        }
        self.watch.as_ref().map_or(Ok(()), |watch| watch.add(&mut backing))?;
        Ok((segment, backing.lock))
    }

    fn open_to_read(&self) -> Result<(Segment<Mapping>, Lock), AttachError> {
        let (segment, lock) = self.open()?;
        let layout = segment.header().layout;
        same(Field::Capacity, layout.spec().capacity, self.spec.capacity)?;
        guard(segment.region(), layout.data()).map_err(|error| AttachError::os("mprotect", error))?;
        Ok((segment, lock))
    }

    /// The ring as it was meant, made where there is none.
    fn open_as_meant(&mut self) -> Result<(Segment<Mapping>, Lock), AttachError> {
        Layout::of(&self.spec).map_err(AttachError::Spec)?;
        let (segment, lock) = self.open_or_make()?;
        agree(segment.header().layout.spec(), &self.spec)?;
        Ok((segment, lock))
    }

    fn open_or_make(&mut self) -> Result<(Segment<Mapping>, Lock), AttachError> {
        for _ in 0..TURNS {
            match (self.open(), &self.place) {
                (Err(AttachError::NotFound), Place::Path(path)) => make(path, &self.spec, &mut self.fill)?,
                (opened, _) => return opened,
            }
        }
        Err(AttachError::NotFound)
    }
}

fn refused(table: &Segment<Mapping>, error: tidemill_ring::JoinError) -> AttachError {
    AttachError::from_join(error, |slot| table.participant(slot).map_or_else(Default::default, |one| one.who))
}

fn same(field: Field, got: u32, want: u32) -> Result<(), AttachError> {
    let (got, want) = (u64::from(got), u64::from(want));
    if got == want { Ok(()) } else { Err(AttachError::Incompatible { field, got, want }) }
}

/// Whether a ring that is there is the one that was meant, its elements aside.
fn agree(there: &Spec, meant: &Spec) -> Result<(), AttachError> {
    same(Field::Capacity, there.capacity, meant.capacity)?;
    let frames = |spec: &Spec| u32::from(spec.kind == Kind::Frames);
    same(Field::Kind, frames(there), frames(meant))?;
    same(Field::Codec, there.codec, meant.codec)?;
    same(Field::History, there.history, meant.history)?;
    same(Field::Participants, there.participants, meant.participants)?;
    same(Field::Producers, there.producers, meant.producers)?;
    same(Field::Journal, there.journal, meant.journal)?;
    same(Field::Counters, there.counters, meant.counters)?;
    same(Field::Policies, there.policies.bits(), meant.policies.bits())?;
    same(Field::Features, u32::from(there.parks), u32::from(meant.parks))
}

/// A name that nobody else has.
fn random() -> Result<PeerName, PeerNameError> {
    let (mut bytes, mut name) = ([0; 8], String::from("anon-"));
    OsEntropy.fill(&mut bytes);
    for byte in bytes {
        write!(name, "{byte:02x}").expect("a string takes every text");
    }
    PeerName::parse(&name)
}
