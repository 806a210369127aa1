use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::rc::Rc;

use tidemill::flow::{Caps, Payload};
use tidemill::seam::{Duration, Instant};

use crate::spool::{Receiver, Sender, spool};

/// What collector and meters need of the world: datagrams and time.
pub trait World: Clone {
    /// Whoever can be sent to.
    type Peer: Copy;
    /// The present instant.
    fn now(&self) -> Instant;
    /// Waits for a while.
    fn sleep(&self, span: Duration) -> impl Future<Output = ()>;
    /// Sends a datagram, which may be lost.
    fn send(&self, to: Self::Peer, bytes: &[u8]);
    /// Waits for a datagram, at most until `due`.
    fn recv(&self, due: Option<Instant>) -> impl Future<Output = Option<(Self::Peer, Vec<u8>)>>;
}

/// The n-th reading of a meter, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reading {
    /// Which meter.
    pub meter: u64,
    /// Which reading.
    pub number: u64,
}

impl Payload for Reading {
    const MAX_BYTES: u32 = 16;
}

impl Reading {
    /// As it goes over the wire.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.meter.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// As it came over the wire; `None` where it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let [meter, number] = words else { return None };
        Some(Self { meter: u64::from_le_bytes(*meter), number: u64::from_le_bytes(*number) })
    }
}

/// What outlives the collector: how many readings of each meter it has stored. Clones are handles of the same disk.
#[derive(Clone, Default)]
pub struct Disk(Rc<RefCell<Platter>>);

#[derive(Default)]
struct Platter {
    stored: BTreeMap<u64, u64>,
    heard: Option<Box<dyn FnMut(Reading)>>,
}

impl Disk {
    /// Readings of a meter that are stored.
    pub fn stored(&self, meter: u64) -> u64 {
        self.0.borrow().stored.get(&meter).copied().unwrap_or(0)
    }

    /// Has a closure hear of everything that is stored.
    pub fn hear(&self, heard: impl FnMut(Reading) + 'static) {
        self.0.borrow_mut().heard = Some(Box::new(heard));
    }

    fn store(&self, reading: Reading) {
        let mut platter = self.0.borrow_mut();
        platter.stored.insert(reading.meter, reading.number);
        if let Some(heard) = &mut platter.heard {
            heard(reading);
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.0.borrow().stored).finish()
    }
}

/// Readings that wait for the disk, at most.
const SPOOL: u32 = 8;
/// What the disk takes for one reading.
const WRITE: Duration = Duration::from_millis(2);

/// A reading on its way to the disk, and whoever waits for it to get there.
struct Job<P> {
    reading: Reading,
    from: P,
}

impl<P: 'static> Payload for Job<P> {
    const MAX_BYTES: u32 = Reading::MAX_BYTES;
}

/// The service: two tasks, both of which are to run, and the spool between them. Ends with the task that is dropped first.
pub fn collector<W: World>(world: W, disk: Disk) -> (impl Future<Output = ()>, impl Future<Output = ()>)
where
    W::Peer: 'static,
{
    let (sender, receiver) = spool(Caps::wait(SPOOL));
    (take(world.clone(), disk.clone(), sender), store(world, disk, receiver))
}

/// Takes each meter's next reading, if the spool has room: what is refused comes again.
async fn take<W: World>(world: W, disk: Disk, mut sender: Sender<Job<W::Peer>>)
where
    W::Peer: 'static,
{
    let mut accepted = BTreeMap::new();
    while !sender.is_closed() {
        let Some((from, bytes)) = world.recv(None).await else { continue };
        let Some(reading) = Reading::from_bytes(&bytes) else { continue };
        let stored = disk.stored(reading.meter);
        if reading.number <= stored {
            world.send(from, &bytes);
            continue;
        }
        let last = accepted.entry(reading.meter).or_insert(stored);
        let next = reading.number == *last + 1;
        if next && sender.push(Job { reading, from }, Instant::MAX, world.now(), |_| ()).is_ok() {
            *last += 1;
            if cfg!(feature = "acknowledge-early") {
                world.send(from, &bytes);
            }
        }
    }
}

/// Stores what was taken, and says so.
async fn store<W: World>(world: W, disk: Disk, mut receiver: Receiver<Job<W::Peer>>)
where
    W::Peer: 'static,
{
    while let Some(Job { reading, from }) = receiver.next().await {
        world.sleep(WRITE).await;
        disk.store(reading);
        world.send(from, &reading.to_bytes());
    }
}

/// How long a meter waits for an acknowledgement.
const RESEND: Duration = Duration::from_millis(40);

/// A meter: sends so many readings, each until it is acknowledged. `heard` is told of every acknowledgement.
pub async fn meter<W: World>(
    world: W,
    to: W::Peer,
    meter: u64,
    readings: u64,
    mut heard: impl FnMut(Reading),
) {
    for number in 1..=readings {
        let reading = Reading { meter, number };
        'sent: loop {
            world.send(to, &reading.to_bytes());
            let due = world.now() + RESEND;
            while let Some((_, bytes)) = world.recv(Some(due)).await {
                if Reading::from_bytes(&bytes) == Some(reading) {
                    break 'sent;
                }
            }
        }
        heard(reading);
    }
}
