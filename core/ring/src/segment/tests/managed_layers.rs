//! Managed producers of every layer, on a clock that the test moves: items, messages in parts and in runs, values over both.

extern crate std;
use super::party::Party;
use crate::codec::{Codec, CodecId, DecodeError, EncodeError};
use crate::consumer::Consumer;
use crate::coordinate::Held;
use crate::follow::{End, Next};
use crate::frame::{FrameProducer, Room, Var, VarConsumer, VarProducer};
use crate::join::Start;
use crate::layout::{Kind, Spec};
use crate::name::Name;
use crate::producer::{Layered, Managed, Producer, Refused, Why};
use crate::required::{Alert, Alerted, OnFail, Required, RequiredError, State};
use crate::segment::Position;
use crate::table::{Peer, PeerName};
use crate::typed::{PublishError, TypedProducer};
use crate::wait::Until;
use core::cell::RefCell;
use std::boxed::Box;
use std::rc::Rc;
use std::vec::Vec;

type Hook = Box<dyn FnMut(&Alert)>;
type Kept<P> = Managed<P, Hook, 1>;
type Items = Producer<u64, Party, Party>;
type InParts = FrameProducer<16, Party, Party>;
type InRuns = VarProducer<16, Party, Party>;
type Values<F> = TypedProducer<u64, Bytes, F, Room<64>>;

/// Eight bytes of a number; of one above 2^32, sixty-four.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Codec<u64> for Bytes {
    const ID: CodecId = CodecId(0);

    fn encode(&self, value: &u64, grant: &mut [u8]) -> Result<usize, EncodeError> {
        grant[..8].copy_from_slice(&value.to_le_bytes());
        Ok(if *value >> 32 == 0 { 8 } else { 64 })
    }

    fn decode(&self, bytes: &[u8]) -> Result<u64, DecodeError> {
        bytes.try_into().map(u64::from_le_bytes).map_err(|_| DecodeError::Invalid)
    }
}

const LARGE: u64 = 1 << 40;

type Grants<P> = fn(&mut Kept<P>) -> Result<(), Why>;

/// The verbs of a layer, each for something that takes one slot; and for what fits into no ring of two.
struct Verbs<P: Layered> {
    make: fn(&Party) -> P,
    tries: fn(&mut Kept<P>) -> Result<Position, Why>,
    waits: fn(&mut Kept<P>, Until<'_>) -> Result<Position, Why>,
    grants: Option<Grants<P>>,
    large: fn(&mut Kept<P>) -> Vec<Why>,
    unmanaged: fn(P) -> Result<Position, Why>,
}

fn why<T>(refused: Refused<T>) -> Why {
    refused.why
}

fn of(error: PublishError) -> Why {
    let PublishError::Refused(why) = error else { panic!("a number has a form") };
    why
}

fn items() -> Verbs<Items> {
    Verbs {
        make: Party::producer,
        tries: |tx| tx.try_push(7).map_err(why),
        waits: |tx, until| tx.publish(|_| 7, until).map_err(why),
        grants: Some(|tx| tx.grant(1).map(drop).map_err(why)),
        large: |tx| {
            let tried = [tx.try_batch(3, |_| 7).map_err(why).err(), tx.grant(3).map_err(why).err()];
            tried
                .into_iter()
                .chain([tx.batch(3, |_| 7, Until::forever()).map_err(why).err()])
                .flatten()
                .collect()
        },
        unmanaged: |mut tx| tx.publish(|_| 7, Until::forever()).map_err(why),
    }
}

/// Messages, over whichever slots.
macro_rules! messages {
    ($make:expr) => {
        Verbs {
            make: $make,
            tries: |tx| tx.try_publish(b"seven", 7).map_err(why),
            waits: |tx, until| tx.publish(b"seven", 7, until).map_err(why),
            grants: Some(|tx| tx.grant(5, 7).map(drop).map_err(why)),
            large: |tx| {
                assert_eq!(tx.payload_max(), 32);
                let tried =
                    [tx.try_publish(&[7; 33], 7).map_err(why).err(), tx.grant(33, 7).map_err(why).err()];
                let waited = tx.publish(&[7; 33], 7, Until::forever()).map_err(why).err();
                tried.into_iter().chain([waited]).flatten().collect()
            },
            unmanaged: |mut tx| tx.publish(b"seven", 7, Until::forever()).map_err(why),
        }
    };
}

fn in_parts() -> Verbs<InParts> {
    messages!(|party| FrameProducer::over(producer(party)))
}

fn in_runs() -> Verbs<InRuns> {
    messages!(|party| VarProducer::over(producer(party)).expect("it has an index"))
}

/// Values, over whichever messages.
macro_rules! values {
    ($frames:expr) => {
        Verbs {
            make: |party| TypedProducer::over($frames(party), Bytes, Room::new()).expect("no codec"),
            tries: |tx| tx.try_publish(&7).map_err(of),
            waits: |tx, until| tx.publish(&7, until).map_err(of),
            grants: None,
            large: |tx| {
                let tried = [tx.try_publish(&LARGE), tx.publish(&LARGE, Until::forever())];
                tried.into_iter().filter_map(Result::err).map(of).collect()
            },
            unmanaged: |mut tx| tx.publish(&7, Until::forever()).map_err(of),
        }
    };
}

fn values_in_parts() -> Verbs<Values<InParts>> {
    values!(in_parts().make)
}

fn values_in_runs() -> Verbs<Values<InRuns>> {
    values!(in_runs().make)
}

fn producer<E: crate::Plain>(party: &Party) -> Producer<E, Party, Party> {
    party.segment().producer(party.clone(), Default::default()).expect("nobody else produces")
}

/// A ring of two with a managed producer of a layer, the consumer it needs, and what was said.
struct Desk<P: Layered> {
    party: Party,
    verbs: Verbs<P>,
    tx: Kept<P>,
    rx: Option<Consumer<P::Item, Party, Party>>,
    said: Rc<RefCell<Vec<Alerted>>>,
}

const MS: u64 = 1_000_000;

impl<P: Layered<Region = Party, World = Party>> Desk<P> {
    fn new(verbs: Verbs<P>, kind: Kind, on_fail: OnFail) -> Self {
        let spec = Spec::of::<P::Item>(2).kind(kind).line(1).page(1).participants(4).journal(0);
        let (party, said) = (Party::new(&spec), Rc::<RefCell<Vec<Alerted>>>::default());
        let heard = Rc::clone(&said);
        let hook: Hook = Box::new(move |alert| heard.borrow_mut().push(alert.what));
        let required = Required { on_fail, ..Required::new([Name::parse("risk").unwrap()]) };
        let tx = Managed::new((verbs.make)(&party), required).on_alert(hook);
        Self { party, verbs, tx, rx: None, said }
    }

    fn tries(&mut self) -> Result<u64, Why> {
        (self.verbs.tries)(&mut self.tx).map(|at| at.0)
    }

    fn waits(&mut self) -> Result<u64, Why> {
        (self.verbs.waits)(&mut self.tx, Until::forever()).map(|at| at.0)
    }

    fn joins(&mut self, start: Start) {
        let peer = Peer::new(PeerName::parse("risk").unwrap());
        let rx = self.party.segment().consumer(self.party.clone(), &peer, start).expect("there is room");
        rx.ready();
        self.rx = Some(rx);
        self.later(5);
    }

    /// The consumer is there, and the ring is full because of it.
    fn blocked(mut self) -> Self {
        self.joins(Start::Earliest);
        assert_eq!((self.tries(), self.waits()), (Ok(0), Ok(1)));
        assert!(matches!(self.tries(), Err(Why::Full { .. })));
        self
    }

    fn later(&self, ms: u64) {
        self.party.0.now.set(self.party.0.now.get() + ms * MS);
    }

    fn dies(&mut self) {
        let rx = self.rx.take().expect("it is there");
        let slot = rx.slot();
        core::mem::forget(rx);
        self.party.kill(slot);
    }

    fn takes(&mut self) -> u32 {
        self.rx.as_mut().expect("it is there").poll(9, |_, _, _| ()).0
    }

    fn said(&self) -> Vec<Alerted> {
        self.said.borrow_mut().drain(..).collect()
    }
}

fn risk() -> Name {
    Name::parse("risk").unwrap()
}

fn nobody_comes<P: Layered<Region = Party, World = Party>>(mut desk: Desk<P>) {
    let awaiting = Why::Held(Held::Awaiting { have: 0, want: 1 });
    assert_eq!(desk.tries(), Err(awaiting));
    if let Some(grants) = desk.verbs.grants {
        assert_eq!(grants(&mut desk.tx), Err(awaiting));
    }
    let Err(Why::Required(RequiredError::Startup { missing })) = desk.waits() else { panic!("nobody came") };
    assert!(missing.contains(0));
    assert_eq!(desk.party.0.now.get(), 5_000 * MS, "on the dot: it looks every check");
    desk.joins(Start::Earliest);
    let failed = Why::Required(RequiredError::Startup { missing });
    assert_eq!((desk.tries(), desk.waits(), desk.tx.check()), (Err(failed), Err(failed), Err(failed)));
    desk.tx.reset();
    assert_eq!((desk.tries(), desk.takes()), (Ok(0), 1));
}

fn it_stands_still<P: Layered<Region = Party, World = Party>>(desk: Desk<P>) {
    let mut desk = desk.blocked();
    desk.later(5);
    assert!(matches!(desk.tries(), Err(Why::Full { .. })));
    desk.later(249);
    assert!(matches!(desk.tries(), Err(Why::Full { .. })) && desk.said().is_empty());
    desk.later(5);
    assert!(matches!(desk.tries(), Err(Why::Full { .. })));
    assert!(matches!(desk.said()[..], [Alerted::Stalled { .. }]));
    assert_eq!((desk.takes(), desk.tries()), (2, Ok(2)), "it moves after all");
    desk.later(5);
    assert_eq!((desk.waits(), desk.said()), (Ok(3), std::vec![Alerted::Cleared]));
    let failed = Why::Required(RequiredError::Stalled { id: risk() });
    assert_eq!(desk.waits(), Err(failed), "whoever waits is told as well");
    assert!(matches!(desk.said()[..], [Alerted::Stalled { .. }]));
    assert_eq!(desk.takes(), 2, "what was published is delivered");
    assert_eq!(desk.rx.as_mut().unwrap().poll(1, |_, _, _| ()), (0, Some(Next::Closed(End::Shut))));
    assert_eq!((desk.tries(), desk.waits()), (Err(failed), Err(failed)), "full or not");
    desk.tx.reset();
    assert_eq!((desk.tries(), desk.takes()), (Ok(4), 1), "who stayed goes on");
}

fn it_dies<P: Layered<Region = Party, World = Party>>(desk: Desk<P>) {
    let mut desk = desk.blocked();
    desk.dies();
    desk.later(5);
    assert!(matches!(desk.tries(), Err(Why::Full { .. })), "its place is kept");
    assert_eq!(desk.said(), [Alerted::Died]);
    desk.later(900);
    assert!(matches!(desk.tries(), Err(Why::Full { .. })));
    desk.joins(Start::Resume);
    assert_eq!((desk.takes(), desk.tries()), (2, Ok(2)), "it is back in time");
    assert_eq!((desk.said(), desk.tx.states()), (std::vec![Alerted::Cleared], [State::Healthy]));
    assert_eq!(desk.waits(), Ok(3));
    desk.dies();
    let failed = Why::Required(RequiredError::Died { id: risk() });
    assert_eq!((desk.waits(), desk.said()), (Err(failed), std::vec![Alerted::Died]));
    assert_eq!(desk.tries(), Err(failed));
    let back = desk.tx.raw();
    assert_eq!(
        (desk.verbs.unmanaged)(back),
        Ok(Position(4)),
        "without what was required the dead are let go"
    );
}

fn it_is_too_large<P: Layered<Region = Party, World = Party>>(mut desk: Desk<P>) {
    let before = desk.party.0.now.get();
    let large = |desk: &mut Desk<P>| {
        let refused = (desk.verbs.large)(&mut desk.tx);
        assert!(refused.len() >= 2 && refused.iter().all(|why| matches!(why, Why::TooLarge { .. })));
        refused.len()
    };
    let all = large(&mut desk);
    let mut desk = desk.blocked();
    assert_eq!(large(&mut desk), all, "the ring is full");
    assert_eq!(desk.party.0.now.get(), before + 5 * MS, "nobody waited");
    desk.dies();
    let failed = desk.waits().expect_err("it does not come back");
    assert_eq!((large(&mut desk), desk.tries()), (all, Err(failed)), "it has failed");
}

/// A story of a desk of every layer.
macro_rules! each_layer {
    ($story:path, $on_fail:expr) => {
        $story(Desk::new(items(), Kind::Slots, $on_fail));
        $story(Desk::new(in_parts(), Kind::Slots, $on_fail));
        $story(Desk::new(in_runs(), Kind::Frames, $on_fail));
        $story(Desk::new(values_in_parts(), Kind::Slots, $on_fail));
        $story(Desk::new(values_in_runs(), Kind::Frames, $on_fail));
    };
}

// RING-REQUIRED: nothing of any layer is published before all of them are there, and never where they do not come in time.
#[test]
fn a_producer_of_any_layer_waits_for_who_is_required() {
    each_layer!(nobody_comes, OnFail::AlertOnly);
}

// RING-REQUIRED: who stands still is told of, is cleared where it moves, and ends the ring of any layer where it does not.
#[test]
fn who_stands_still_ends_the_ring_of_any_layer_after_its_grace() {
    each_layer!(it_stands_still, OnFail::Shutdown);
}

// RING-REQUIRED: who dies and is back within the grace goes on where it stopped, and the ring of any layer ends where it is not.
#[test]
fn who_dies_ends_the_ring_of_any_layer_after_its_grace() {
    each_layer!(it_dies, OnFail::Shutdown);
}

// RING-REQUIRED, RING-LOAN: R-RING-14, what never fits is refused at once by any layer, whoever is missing, and nobody waits.
#[test]
fn an_oversized_message_is_refused_at_once_managed_or_not_r_ring_14() {
    each_layer!(it_is_too_large, OnFail::Shutdown);
}

// RING-REQUIRED, RING-FRAMES: a gap at the end of the ring is waited for, and passed, like everything else.
#[test]
fn a_managed_run_passes_the_end_of_the_ring() {
    let spec = Var::<16>::spec(4).line(1).page(1).participants(4).journal(0);
    let party = Party::new(&spec);
    let required = Required::new([risk()]);
    let frames = VarProducer::<16, _, _>::over(producer(&party)).expect("it has an index");
    let mut tx = frames.managed(required);
    let peer = Peer::new(PeerName::parse("risk").unwrap());
    let items =
        party.segment().consumer::<Var<16>, _>(party.clone(), &peer, Start::Earliest).expect("there is room");
    items.ready();
    let mut rx = VarConsumer::over(items, Room::<64>::new()).expect("it has an index");
    assert_eq!(tx.publish(&[1; 48], 1, Until::forever()).map_err(why), Ok(Position(0)));
    let late = tx.publish(&[2; 32], 2, party.at(20)).map_err(why);
    assert!(matches!(late, Err(Why::Full { .. })), "a gap of one is passed, and two are missing: {late:?}");
    assert_eq!(tx.published(), Position(4));
    assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == [1; 48]));
    assert_eq!(tx.publish(&[2; 32], 2, Until::forever()).map_err(why), Ok(Position(4)));
    assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == [2; 32]));
    assert_eq!(tx.payload_max(), tx.raw().payload_max());
}
