//! Producers that cannot do without somebody, on every layer: as they are used, and by the machine to the tick, over shared
//! memory and a file, with claims of the kernel and a clock that the test moves.

use super::{Own, soon};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_host::ring::{self, Backing, Lock, Mapping};
use tidemill_ring::codec::{Codec, CodecId, DecodeError, EncodeError};
use tidemill_ring::frame::{Fixed, FrameProducer, Memory, Var, VarProducer};
use tidemill_ring::name::Name;
use tidemill_ring::producer::Managed;
use tidemill_ring::required::{Alert, Alerted, Required, RequiredError, State};
use tidemill_ring::typed::{PublishError, TypedProducer};
use tidemill_ring::wait::Until;
use tidemill_ring::{
    Consumer, End, Next, Peer, PeerName, Plain, Policies, Position, Producer, Segment, Start, Trusting, Why,
};
use tidemill_seam::{Claimed, Clock, Duration, Instant, Life, Liveness};

/// Claims of the kernel, on a clock that the test moves. Whoever loses its lock is dead.
#[derive(Clone)]
struct Timed {
    lock: Rc<RefCell<Option<Lock>>>,
    now: Rc<Cell<u64>>,
}

impl Liveness for Timed {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.lock.borrow().as_ref().ok_or(Claimed)?.claim(slot, generation)
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        self.lock.borrow().as_ref().map_or(Life::Unknown, |lock| lock.probe(slot, generation))
    }
    fn release(&self, slot: u32, generation: u32) {
        if let Some(lock) = &*self.lock.borrow() {
            lock.release(slot, generation);
        }
    }
}

impl Clock for Timed {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.get())
    }
}

/// A text as it is.
#[derive(Clone, Copy)]
struct Text;

impl Codec<String> for Text {
    const ID: CodecId = CodecId(1001);

    fn encode(&self, value: &String, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let have = grant.len();
        let room = grant.get_mut(..value.len()).ok_or(EncodeError::NoRoom { have })?;
        room.copy_from_slice(value.as_bytes());
        Ok(value.len())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, DecodeError> {
        str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::Invalid)
    }
}

type Hook = Box<dyn FnMut(&Alert)>;
type Kept<P> = Managed<P, Hook, 1>;
type Items<E> = Producer<E, Mapping, Timed>;

/// A managed producer of one layer: each of its messages takes one of two slots.
trait Layer: Sized {
    type Item: Plain;
    /// Makes the ring.
    fn make(own: &Own);
    fn over(items: Items<Self::Item>, hook: Hook) -> Self;
    fn tries(&mut self) -> Result<Position, Why>;
    /// Why what never fits is refused.
    fn large(&mut self) -> Why;
    fn begin_anew(&mut self);
    fn state(&self) -> State;
}

fn required() -> Required<1> {
    Required::new([Name::parse("risk").expect("a name")])
}

macro_rules! layer {
    ($producer:ty, $item:ty, $make:expr, $over:expr, |$tx:ident| $tries:expr, $large:expr) => {
        impl Layer for Kept<$producer> {
            type Item = $item;
            fn make(own: &Own) {
                drop($make(own).expect("nobody else does"));
            }
            fn over(items: Items<$item>, hook: Hook) -> Self {
                $over(items).managed(required()).on_alert(hook)
            }
            fn tries(&mut self) -> Result<Position, Why> {
                let $tx = self;
                $tries
            }
            fn large(&mut self) -> Why {
                let $tx = self;
                $large
            }
            fn begin_anew(&mut self) {
                self.reset();
            }
            fn state(&self) -> State {
                self.states()[0]
            }
        }
    };
}

layer!(
    Items<u64>,
    u64,
    |own: &Own| own.ring().slots::<u64>(2).producer(),
    |items| -> Items<u64> { items },
    |tx| tx.try_push(7).map_err(|refused| refused.why),
    tx.try_batch(3, |_| 7).expect_err("never").why
);

type InParts = FrameProducer<16, Mapping, Timed>;

layer!(
    InParts,
    Fixed<16>,
    |own: &Own| own.ring().frames::<16>(2).frame_producer(),
    InParts::over,
    |tx| tx.try_publish(b"seven", 1).map_err(|refused| refused.why),
    tx.try_publish(&[7; 33], 1).expect_err("never").why
);

type InRuns = VarProducer<16, Mapping, Timed>;

fn in_runs(items: Items<Var<16>>) -> InRuns {
    InRuns::over(items).expect("it has an index")
}

layer!(
    InRuns,
    Var<16>,
    |own: &Own| own.ring().runs::<16>(2).var_producer(),
    in_runs,
    |tx| tx.try_publish(b"seven", 1).map_err(|refused| refused.why),
    tx.try_publish(&[7; 33], 1).expect_err("never").why
);

type Values<F> = TypedProducer<String, Text, F, Memory>;

fn refused(error: PublishError) -> Why {
    let PublishError::Refused(why) = error else { panic!("a text has a form") };
    why
}

layer!(
    Values<InParts>,
    Fixed<16>,
    |own: &Own| own.ring().frames::<16>(2).typed::<String, _>(Text).producer(),
    |items| Values::<InParts>::over(InParts::over(items), Text, Memory::new(64)).expect("its codec"),
    |tx| tx.try_publish(&"7".to_owned()).map_err(refused),
    refused(tx.try_publish(&"7".repeat(33)).expect_err("never"))
);

layer!(
    Values<InRuns>,
    Var<16>,
    |own: &Own| own.ring().runs::<16>(2).typed::<String, _>(Text).producer(),
    |items| Values::<InRuns>::over(in_runs(items), Text, Memory::new(64)).expect("its codec"),
    |tx| tx.try_publish(&"7".to_owned()).map_err(refused),
    refused(tx.try_publish(&"7".repeat(33)).expect_err("never"))
);

/// A ring of one backing with a managed producer, and what was said.
struct Desk<'o, P: Layer> {
    own: &'o Own,
    now: Rc<Cell<u64>>,
    said: Rc<RefCell<Vec<Alerted>>>,
    tx: P,
}

impl<'o, P: Layer> Desk<'o, P> {
    fn new(own: &'o Own) -> Self {
        P::make(own);
        let (now, said) = (Rc::<Cell<u64>>::default(), Rc::<RefCell<Vec<Alerted>>>::default());
        let (segment, live) = party(own, &now);
        let items = segment.producer(live, ring::identity()).expect("its maker has left");
        let heard = Rc::clone(&said);
        let tx = P::over(items, Box::new(move |alert: &Alert| heard.borrow_mut().push(alert.what)));
        Self { own, now, said, tx }
    }

    fn later(&self, ms: u64) {
        self.now.set(self.now.get() + ms * 1_000_000);
    }

    fn joins(&self, start: Start) -> (Consumer<P::Item, Mapping, Timed>, Timed) {
        let (segment, live) = party(self.own, &self.now);
        let peer = Peer::new(PeerName::parse("risk").expect("a name"));
        let rx = segment.consumer(live.clone(), &peer, start).expect("there is room");
        rx.ready();
        self.later(5);
        (rx, live)
    }

    fn is_full(&mut self) -> bool {
        self.later(5);
        matches!(self.tx.tries(), Err(Why::Full { .. }))
    }

    fn said(&self) -> Vec<Alerted> {
        self.said.borrow_mut().drain(..).collect()
    }
}

fn party(own: &Own, now: &Rc<Cell<u64>>) -> (Segment<Mapping>, Timed) {
    let Backing { mapping, lock } = own.ring().backing().expect("the ring is there");
    let segment = Segment::attach(mapping).expect("a ring");
    (segment, Timed { lock: Rc::new(RefCell::new(Some(lock))), now: Rc::clone(now) })
}

/// Awaited, and nobody comes; stalled, cleared, stalled again, and failed until it begins anew; dead and back in time.
fn the_whole_machine<P: Layer>() {
    for own in Own::each() {
        let mut desk = Desk::<P>::new(&own);
        assert!(matches!(desk.tx.tries(), Err(Why::Held(_))), "nobody is there");
        assert!(matches!(desk.tx.large(), Why::TooLarge { .. }), "managed or not");
        desk.later(5_000);
        let startup = desk.tx.tries().expect_err("nobody came in time");
        assert!(matches!(startup, Why::Required(RequiredError::Startup { .. })));
        let (mut rx, life) = desk.joins(Start::Earliest);
        assert_eq!(desk.tx.tries(), Err(startup), "until it begins anew");
        desk.tx.begin_anew();
        assert_eq!([desk.tx.tries(), desk.tx.tries()], [Ok(Position(0)), Ok(Position(1))]);
        assert!(desk.is_full() && desk.is_full());
        desk.later(250);
        assert!(desk.is_full());
        assert!(matches!(desk.said()[..], [Alerted::Stalled { .. }]));
        assert_eq!(rx.poll(9, |_, _, _| ()).0, 2);
        desk.later(5);
        assert_eq!((desk.tx.tries(), desk.said()), (Ok(Position(2)), vec![Alerted::Cleared]));
        // The kernel lets go of its claim: it is dead.
        life.lock.borrow_mut().take();
        std::mem::forget(rx);
        assert_eq!(desk.tx.tries(), Ok(Position(3)), "what is dead holds up nobody before the ring is full");
        assert!(desk.is_full() && desk.is_full(), "its place is kept");
        assert_eq!(desk.said(), [Alerted::Died]);
        let (mut rx, _life) = desk.joins(Start::Resume);
        assert_eq!((rx.position(), rx.poll(9, |_, _, _| ()).0), (Position(2), 2));
        assert_eq!((desk.tx.tries(), desk.tx.state()), (Ok(Position(4)), State::Healthy));
        assert_eq!((desk.tx.tries(), desk.said()), (Ok(Position(5)), vec![Alerted::Cleared]));
        assert!(desk.is_full() && desk.is_full());
        desk.later(250);
        assert!(desk.is_full());
        desk.later(1_000);
        let stalled = Why::Required(RequiredError::Stalled { id: Name::parse("risk").expect("a name") });
        assert_eq!(desk.tx.tries(), Err(stalled));
        assert_eq!(rx.poll(9, |_, _, _| ()).0, 2, "what was published is delivered");
        assert_eq!(rx.poll(9, |_, _, _| ()), (0, Some(Next::Closed(End::Shut))));
        assert_eq!((desk.tx.tries(), desk.tx.state()), (Err(stalled), State::Failed), "full or not");
        assert!(matches!(desk.tx.large(), Why::TooLarge { .. }), "failed or not");
        desk.tx.begin_anew();
        assert_eq!((desk.tx.tries(), rx.poll(9, |_, _, _| ()).0), (Ok(Position(6)), 1));
    }
}

// RING-REQUIRED: the whole machine under items, by the kernel's claims, on shared memory and a file
#[test]
fn surface_required_items_to_the_tick() {
    the_whole_machine::<Kept<Items<u64>>>();
}

// RING-REQUIRED, RING-FRAMES: the same under messages in parts and in runs
#[test]
fn surface_required_messages_to_the_tick() {
    the_whole_machine::<Kept<InParts>>();
    the_whole_machine::<Kept<InRuns>>();
}

// RING-REQUIRED, RING-CODECS: the same under values, over either
#[test]
fn surface_required_values_to_the_tick() {
    the_whole_machine::<Kept<Values<InParts>>>();
    the_whole_machine::<Kept<Values<InRuns>>>();
}

// RING-REQUIRED, RING-FRAMES, RING-LAYERS: every verb of a managed producer of messages and of values, and the way back
#[test]
fn surface_required_layers() {
    let of =
        || Required { progress: Duration::from_millis(5), grace: Duration::from_millis(5), ..required() };
    for own in Own::each() {
        let frames = || own.ring().frames::<32>(8);
        let mut tx = frames().frame_producer().expect("nobody else does").managed(of());
        assert!(tx.publish(b"early", 1, soon(2)).is_err(), "nobody is there");
        let mut rx = frames().name("risk").frame_consumer().expect("there is room");
        assert_eq!(tx.payload_max(), 256);
        tx.publish(b"in parts", 1, Until::forever()).expect("it is there");
        let mut grant = tx.grant(40, 2).expect("there is room");
        assert_eq!(grant.write(&[7; 40]), 40);
        grant.commit().expect("all of it was written");
        tx.try_publish(&[7; 100], 3).expect("there is room");
        assert!(matches!(
            tx.publish(&[7; 257], 3, Until::forever()).expect_err("never").why,
            Why::TooLarge { .. }
        ));
        assert_eq!(rx.poll(9, |_, _| ()).0, 3);
        drop(rx);
        let why = loop {
            if let Err(refused) = tx.publish(&[7; 200], 4, soon(1))
                && let Why::Required(why) = refused.why
            {
                break why;
            }
        };
        assert_eq!(why, RequiredError::Died { id: of().ids[0] });
        tx.raw().try_publish(b"unmanaged", 5).expect("it goes on");
    }
    for own in Own::each() {
        let runs = || own.ring().runs::<16>(8);
        let mut alerts = Vec::new();
        let tx = runs().typed::<String, _>(Text).producer().expect("nobody else does").managed(of());
        let mut tx = tx.on_alert(|alert: &Alert| alerts.push(alert.what));
        let mut rx = runs().name("risk").typed::<String, _>(Text).consumer().expect("there is room");
        tx.publish(&"7".to_owned(), Until::forever()).expect("it is there");
        assert_eq!(rx.try_next(), Some(Next::Item("7".to_owned())));
        let stalled = loop {
            if let Err(PublishError::Refused(Why::Required(why))) = tx.publish(&"7".repeat(40), soon(1)) {
                break why;
            }
        };
        assert_eq!(stalled, RequiredError::Stalled { id: of().ids[0] });
        assert_eq!(tx.try_publish(&"8".to_owned()), Err(PublishError::Refused(Why::Required(stalled))));
        tx.reset();
        while !matches!(rx.try_next(), None | Some(Next::Closed(_))) {}
        tx.publish(&"9".to_owned(), Until::forever()).expect("it is still there");
        let mut raw = tx.raw();
        raw.try_publish(&"10".to_owned()).expect("unmanaged, it goes on");
        assert!(matches!(alerts[..], [Alerted::Stalled { .. }]));
    }
}

// RING-REQUIRED, RING-LOAN: items and messages that are written where they will lie, by a managed producer
#[test]
fn surface_required_in_place() {
    for own in Own::each() {
        let of = || own.ring().runs::<16>(16).policies(Policies::BLOCK);
        let tx = of().var_producer().expect("nobody else does");
        // SAFETY: the ring is this test's, and both halves keep the laws.
        let mut tx = unsafe { Trusting::new(tx) }.expect("everybody is waited for").managed(required());
        assert!(matches!(tx.try_loan(8, 1).expect_err("nobody is there").why, Why::Held(_)));
        let mut rx = of().name("risk").var_consumer().expect("there is room");
        let mut loan = tx.loan(8, 1, Until::forever()).expect("it is there");
        loan[..2].copy_from_slice(b"in");
        loan.commit(2).expect("no more than was granted");
        tx.try_publish(b"copied", 2).expect("there is room");
        assert!(matches!(tx.try_loan(257, 1).expect_err("never").why, Why::TooLarge { max: 256 }));
        assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == *b"in"));
        assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == *b"copied"));
        drop(tx.raw().into_raw());
    }
    for own in Own::each() {
        let of = || own.ring().frames::<32>(8).policies(Policies::BLOCK);
        let tx = of().typed::<String, _>(Text).producer().expect("nobody else does").into_raw();
        // SAFETY: as above.
        let tx = unsafe { Trusting::new(tx) }.expect("slots begin on lines");
        let typed = TypedProducer::<String, _, _, _>::over(tx, Text, Memory::new(64)).expect("its codec");
        let mut tx = typed.managed(required());
        let early = tx.try_publish_in_place(&"7".to_owned(), 33).expect_err("one part is 32 bytes");
        assert!(matches!(early, PublishError::Refused(Why::TooLarge { max: 32 })), "{early:?}");
        let mut rx = of().name("risk").frame_consumer().expect("there is room");
        tx.publish(&"7".to_owned(), Until::forever()).expect("it is there");
        tx.try_publish_in_place(&"42".to_owned(), 32).expect("there is room");
        assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == *b"7"));
        assert!(matches!(rx.try_next(), Some(Next::Item(message)) if *message == *b"42"));
    }
    for own in Own::each() {
        let of = || own.slots().policies(Policies::BLOCK);
        let tx = of().producer().expect("nobody else does");
        // SAFETY: as above.
        let mut tx = unsafe { Trusting::new(tx) }.expect("a mapping is aligned").managed(required());
        let mut rx = of().name("risk").consumer().expect("there is room");
        let mut loan = tx.loan(Until::forever()).expect("it is there");
        *loan = 7;
        loan.commit();
        assert_eq!(tx.try_loan().expect("there is room").position(), Some(Position(1)));
        assert!(matches!(rx.try_next(), Some(Next::Item(item)) if *item == 7));
    }
}
