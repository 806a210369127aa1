use super::{EdgeRx, EdgeTx, Item, Parcel};
use tidemill_flow::shared::{Edge, Rx, Shape, Tx};
use tidemill_flow::{Bounce, Caps, Cause, Header, Level, Load};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::sync::Ordering;
use tidemill_ring::table::Identity;
use tidemill_ring::{Fingerprint, Next, Peer, PeerName, Plain, Spec};
use tidemill_seam::{Exchange, Instant, Liveness};

// SAFETY: two words and nothing else.
unsafe impl Plain for Parcel {
    const FINGERPRINT: Fingerprint = Fingerprint::of_fields(size_of::<Self>())
        .field("number", 0, u32::FINGERPRINT)
        .field("bytes", 4, u32::FINGERPRINT);
}

/// The end of an edge between processes that sends.
#[derive(Debug)]
pub struct SharedTx<R: Exchange, L: Liveness>(Tx<Parcel, R, L>);

/// The end of an edge between processes that receives, and lets go of what it takes.
#[derive(Debug)]
pub struct SharedRx<R: Exchange, L: Liveness>(Rx<Parcel, R, L>);

fn shape(caps: &Caps) -> Option<Shape> {
    let capacity = caps.hard_items.checked_next_power_of_two()?;
    Shape::over::<Parcel>(Spec::of::<u32>(capacity).line(1).page(1).journal(0)).ok()
}

/// Words of a region for an edge with these caps.
pub fn shared_words(caps: &Caps) -> u32 {
    shape(caps).map_or(0, |shape| shape.words())
}

/// Words of a header that say where the published position and the gate are.
const POSITIONS: [u32; 2] = [19, 20];

/// Both ends of an edge in a fresh region, of which each has a handle and a way to claim of its own. `None` where an edge
/// between processes has no such caps.
///
/// `start` is the low word of the first position.
pub fn shared<R: Exchange + Clone, L: Liveness>(
    (producing, here): (R, L),
    (consuming, there): (R, L),
    caps: Caps,
    start: u32,
) -> Option<(SharedTx<R, L>, SharedRx<R, L>)> {
    let shape = shape(&caps)?;
    let made = Edge::<Parcel, R>::create(producing.clone(), &shape, SegmentId(1), Creator::default(), &here);
    drop(made.ok()?);
    for word in POSITIONS {
        // SAFETY: the header lies within the region, or no edge was made of it.
        let at = unsafe { producing.load(word, Ordering::Relaxed) };
        // The low word counts items, the high one half-laps of it.
        for (at, value) in [(at + 1, start >> 31), (at, start)] {
            // SAFETY: a position of the segment that was made there.
            unsafe { producing.store(at, value, Ordering::Release) };
        }
    }
    let peer = Peer::new(PeerName::parse("consumer").ok()?);
    let rx = Edge::attach(consuming).ok()?.rx(there, &peer).ok()?;
    let tx = Edge::attach(producing).ok()?.tx(here, Identity::default(), caps).ok()?;
    Some((SharedTx(tx), SharedRx(rx)))
}

fn item(header: &Header, parcel: Parcel) -> Item {
    Item { number: parcel.number, bytes: header.bytes(), deadline: header.deadline() }
}

impl<R: Exchange, L: Liveness> EdgeTx for SharedTx<R, L> {
    fn push(&mut self, new: Item, now: Instant, _: &mut dyn FnMut(Item)) -> Result<(), (Bounce, Item)> {
        let header = Header::new(1, u64::from(new.number), now).with_deadline(new.deadline);
        let pushed = self.0.push(header, Parcel { number: new.number, bytes: new.bytes }, now);
        let back = |parcel: Parcel| Item { number: parcel.number, bytes: parcel.bytes, ..new };
        pushed.map(|_| ()).map_err(|bounced| (bounced.why, back(bounced.token)))
    }
    fn waiting(&mut self) -> Load {
        self.0.waiting()
    }
    fn level(&mut self) -> Level {
        self.0.level()
    }
    fn permits(&mut self) -> bool {
        self.0.permits()
    }
    fn dropped(&mut self, cause: Cause) -> u32 {
        self.0.dropped(cause)
    }
    fn is_closed(&mut self) -> bool {
        self.0.is_closed()
    }
    fn unfreed(&mut self) -> u32 {
        self.0.recover();
        self.0.live()
    }
}

impl<R: Exchange, L: Liveness> EdgeRx for SharedRx<R, L> {
    fn pop(&mut self) -> Option<Item> {
        self.0.pop().map(|(header, parcel)| item(&header, parcel))
    }
    fn peek(&mut self) -> Option<Item> {
        loop {
            match self.0.peek()? {
                Next::Item(held) => return Some(item(held.header(), held.get())),
                Next::Restarted { .. } => {}
                _ => return None,
            }
        }
    }
    fn waiting(&mut self) -> u32 {
        self.0.waiting()
    }
    fn is_drained(&mut self) -> bool {
        self.0.is_drained()
    }
}
