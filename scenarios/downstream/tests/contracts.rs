//! The spool keeps the laws of an edge, judged by the suite that judges Tidemill's own.

use spool::{Receiver, Sender, spool};
use tidemill::flow::{Bounce, Caps, Cause, Level, Load, Payload};
use tidemill::seam::Instant;
use tidemill_contracts::edge::{EdgeRx, EdgeTx, Item};
use tidemill_contracts::edge_contract;

/// What the suite sends, in our own words.
struct Parcel(Item);

impl Payload for Parcel {
    const MAX_BYTES: u32 = Item::LONGEST;

    fn bytes(&self) -> u32 {
        self.0.bytes
    }
}

struct Tx(Sender<Parcel>);
struct Rx(Receiver<Parcel>);

impl EdgeTx for Tx {
    fn push(
        &mut self,
        item: Item,
        now: Instant,
        evicted: &mut dyn FnMut(Item),
    ) -> Result<(), (Bounce, Item)> {
        let pushed = self.0.push(Parcel(item), item.deadline, now, |Parcel(item)| evicted(item));
        pushed.map_err(|(why, Parcel(item))| (why, item))
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
        self.0.waiting().items
    }
}

impl EdgeRx for Rx {
    fn pop(&mut self) -> Option<Item> {
        self.0.pop().map(|Parcel(item)| item)
    }
    fn peek(&mut self) -> Option<Item> {
        self.0.peek(|Parcel(item)| *item)
    }
    fn waiting(&mut self) -> u32 {
        self.0.waiting()
    }
    fn is_drained(&mut self) -> bool {
        self.0.is_drained()
    }
}

/// A spool has no cursor that could wrap, so that every start is the same.
fn ours(caps: Caps, _start: u32) -> Option<(Tx, Rx)> {
    let (sender, receiver) = spool(caps);
    Some((Tx(sender), Rx(receiver)))
}

// SIM-CONTRACTS: an edge that Tidemill has never seen, under the contract macro
edge_contract!(the_spool_is_an_edge, ours);

/// A spool that forgets to count what a gone consumer left: the suite must reject it, or it would accept anything.
struct Careless(Tx);

impl EdgeTx for Careless {
    fn push(
        &mut self,
        item: Item,
        now: Instant,
        evicted: &mut dyn FnMut(Item),
    ) -> Result<(), (Bounce, Item)> {
        self.0.push(item, now, evicted)
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
        if cause == Cause::Flushed { 0 } else { self.0.dropped(cause) }
    }
    fn is_closed(&mut self) -> bool {
        self.0.is_closed()
    }
    fn unfreed(&mut self) -> u32 {
        self.0.unfreed()
    }
}

// SIM-CONTRACTS: the negative control
#[test]
fn a_spool_that_miscounts_is_rejected_by_the_law_it_breaks() {
    let careless = |caps, start| ours(caps, start).map(|(tx, rx)| (Careless(tx), rx));
    let verdict = tidemill_contracts::edge(careless, tidemill_contracts::Effort::Quick);
    assert_eq!(verdict.expect_err("nobody counted").law, "E20");
}
