use super::error::AttachError;
use super::lock::Lock;
use super::named::{Backing, Draft};
use super::region::Mapping;
use super::watch::Watch;
use super::{Ring, identity};
use std::marker::PhantomData;
use std::path::PathBuf;
use tidemill_flow::shared::{self, Edge, Shape};
use tidemill_flow::{Caps, Payload};
use tidemill_ring::header::Field;
use tidemill_ring::{Peer, PeerName, Plain};
use tidemill_seam::Duration;

/// The end of an edge between processes that sends, in shared memory.
pub type EdgeTx<P> = shared::Tx<P, Mapping, Lock>;
/// The end of an edge between processes that receives, in shared memory.
pub type EdgeRx<P> = shared::Rx<P, Mapping, Lock>;

/// How often a name is looked up that comes and goes.
const TURNS: u32 = 16;

/// An edge of a graph between two processes, to be or to take part in: what [`Ring::edge`] gives.
#[derive(Debug)]
pub struct EdgeBuilder<P> {
    path: PathBuf,
    capacity: u32,
    caps: Option<Caps>,
    hold: Duration,
    watch: Option<Watch>,
    payload: PhantomData<fn() -> P>,
}

impl Ring {
    /// An [edge](tidemill_flow::shared) of that name, for up to `capacity` messages of `P`: a power of two.
    ///
    /// ```
    /// use tidemill_flow::Header;
    /// use tidemill_host::ring;
    /// use tidemill_seam::Instant;
    ///
    /// # let name = format!("edg{}", std::process::id());
    /// # let name = name.as_str();
    /// let mut tx = ring(name)?.edge::<u64>(64).sender()?;
    /// let mut rx = ring(name)?.edge::<u64>(64).receiver("sink")?;
    /// tx.push(Header::new(1, 1, Instant::ZERO), 42, Instant::ZERO).expect("there is room");
    /// assert_eq!(rx.pop().map(|(_, item)| item), Some(42));
    /// # drop((tx, rx));
    /// # ring(name)?.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edge<P: Payload + Plain>(self, capacity: u32) -> EdgeBuilder<P> {
        let path = self.path().to_owned();
        EdgeBuilder { path, capacity, caps: None, hold: Duration::ZERO, watch: None, payload: PhantomData }
    }
}

impl<P: Payload + Plain> EdgeBuilder<P> {
    /// Whoever sends admits so much: as much as there is room for, and waits, unless told.
    #[must_use]
    pub fn caps(mut self, caps: Caps) -> Self {
        self.caps = Some(caps);
        self
    }

    /// The place of who receives is kept so long after its death: not at all unless told.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// Deaths among its users are noticed there.
    #[must_use]
    pub fn watched_by(mut self, watch: &Watch) -> Self {
        self.watch = Some(watch.clone());
        self
    }

    /// Sends: makes the edge where there is none, and goes on with one whose sender left or is proved dead.
    ///
    /// # Errors
    /// [`AttachError`]: among others [`NameTaken`](AttachError::NameTaken) where somebody sends, and
    /// [`Incompatible`](AttachError::Incompatible) where there is something else of that name.
    pub fn sender(self) -> Result<EdgeTx<P>, AttachError> {
        let shape = Shape::of::<P>(self.capacity).map_err(AttachError::Spec)?;
        let caps = self.caps.unwrap_or(Caps::wait(self.capacity));
        for _ in 0..TURNS {
            match self.open() {
                Err(AttachError::NotFound) => make::<P>(self.path.clone(), &shape)?,
                opened => {
                    let (edge, lock) = opened?;
                    return Ok(edge.tx(lock, identity(), caps)?);
                }
            }
        }
        Err(AttachError::NotFound)
    }

    /// Receives, under that name: from the first message on that the last one of it had not released, where its place was
    /// kept, and else from the oldest that is there.
    ///
    /// # Errors
    /// [`AttachError`]: [`NotFound`](AttachError::NotFound) where nobody has made the edge, and
    /// [`TableFull`](AttachError::TableFull) where somebody else receives.
    pub fn receiver(self, name: &str) -> Result<EdgeRx<P>, AttachError> {
        let name = PeerName::parse(name).map_err(AttachError::PeerName)?;
        let (edge, lock) = self.open()?;
        let table = edge.segment().clone();
        let who = |slot| table.participant(slot).map_or_else(Default::default, |one| one.who);
        let peer = Peer::new(name).who(identity()).hold(self.hold);
        edge.rx(lock, &peer).map_err(|error| AttachError::from_join(error, who))
    }

    fn open(&self) -> Result<(Edge<P, Mapping>, Lock), AttachError> {
        let mut backing = Backing::open(&self.path)?;
        let edge = Edge::<P, _>::attach(backing.mapping.clone())?;
        let (got, want) = (u64::from(edge.shape().capacity()), u64::from(self.capacity));
        if got != want {
            return Err(AttachError::Incompatible { field: Field::Capacity, got, want });
        }
        self.watch.as_ref().map_or(Ok(()), |watch| watch.add(&mut backing))?;
        Ok((edge, backing.lock))
    }
}

/// Makes an edge and gives it that name. Nothing where it is somebody else's already.
fn make<P: Payload + Plain>(path: PathBuf, shape: &Shape) -> Result<(), AttachError> {
    let draft = Draft::new(path, shape.bytes())?;
    let Backing { mapping, lock } = draft.backing();
    let (id, creator) = (identity::fresh(), identity::creator());
    Edge::<P, _>::create(mapping, shape, id, creator, lock)?;
    draft.link().map(|_| ())
}
