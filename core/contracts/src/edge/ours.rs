use super::{EdgeRx, EdgeTx, Item};
use tidemill_flow::{
    Bounce, Cause, Edge, Header, Home, Level, Load, Manager, Payload, Rx, StaticPool, Taken, Token, Tx,
};
use tidemill_seam::Instant;

/// The payload of an [`Item`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Parcel {
    pub(super) number: u32,
    pub(super) bytes: u32,
}

impl Payload for Parcel {
    const MAX_BYTES: u32 = Item::LONGEST;

    fn bytes(&self) -> u32 {
        self.bytes
    }
}

/// The producing end of an [`Edge`], with the home of the pool that its messages live in.
#[derive(Debug)]
pub struct PooledTx<'a> {
    home: Home<'a, Parcel>,
    tx: Tx<'a, Parcel>,
}

/// The consuming end of an [`Edge`], which sends home what it takes.
#[derive(Debug)]
pub struct PooledRx<'a>(Rx<'a, Parcel>);

/// Both ends of our own edge, over a pool that has two slots more than the edge holds.
///
/// # Errors
/// [`Taken`] where either has been opened before.
pub fn pooled<'a, const N: usize, const M: usize, const LANES: usize>(
    edge: &'a Edge<Parcel, N>,
    pool: &'a StaticPool<Parcel, M, LANES>,
) -> Result<(PooledTx<'a>, PooledRx<'a>), Taken> {
    const { assert!(M > N + 1, "a slot for each item on the edge, one that is offered and one that is shown") };
    let (tx, rx) = edge.split(pool)?;
    Ok((PooledTx { home: pool.home()?, tx }, PooledRx(rx)))
}

fn item(token: &Token<'_, Parcel>) -> Item {
    Item { number: token.number, bytes: token.header().bytes(), deadline: token.header().deadline() }
}

impl EdgeTx for PooledTx<'_> {
    fn push(&mut self, new: Item, now: Instant, evicted: &mut dyn FnMut(Item)) -> Result<(), (Bounce, Item)> {
        let Self { home, tx } = self;
        let loan = home.loan().expect("the pool has a slot for each item on the edge and two more");
        let header = Header::new(1, u64::from(new.number), now).with_deadline(new.deadline);
        let token = loan.commit(header, || Parcel { number: new.number, bytes: new.bytes });
        let pushed = tx.push(token, now, |token| {
            evicted(item(&token));
            home.give_back(token).expect("an edge throws away tokens of its own pool");
        });
        pushed.map_err(|bounced| {
            let back = item(&bounced.token);
            home.give_back(bounced.token).expect("an edge gives back the token that it was given");
            (bounced.why, back)
        })
    }
    fn waiting(&mut self) -> Load {
        self.tx.waiting()
    }
    fn level(&mut self) -> Level {
        self.tx.level()
    }
    fn permits(&mut self) -> bool {
        self.tx.permits()
    }
    fn dropped(&mut self, cause: Cause) -> u32 {
        self.tx.dropped(cause)
    }
    fn is_closed(&mut self) -> bool {
        self.tx.is_closed()
    }
    fn unfreed(&mut self) -> u32 {
        let Self { home, tx } = self;
        tx.recover(|token| home.give_back(token).expect("an edge keeps tokens of its own pool"));
        // Only a home that runs out takes in what came back, so ask for all there is, and keep it.
        let free = core::iter::from_fn(|| home.reserve()).count() as u32;
        home.capacity() - free
    }
}

impl EdgeRx for PooledRx<'_> {
    fn pop(&mut self) -> Option<Item> {
        let token = self.0.pop()?;
        let popped = item(&token);
        self.0.give_back(token).expect("an edge delivers tokens of its own pool");
        Some(popped)
    }
    fn peek(&mut self) -> Option<Item> {
        self.0.peek().map(item)
    }
    fn waiting(&mut self) -> u32 {
        self.0.waiting()
    }
    fn is_drained(&mut self) -> bool {
        self.0.is_drained()
    }
}
