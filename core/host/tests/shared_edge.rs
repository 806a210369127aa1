//! An edge of flow between two mappings of real shared memory, and between this process and one that is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tidemill_contracts::edge::{SharedRx, SharedTx, shared, shared_words};
use tidemill_contracts::{Effort, Verdict};
use tidemill_flow::shared::{Edge, Rx, Shape, Tx};
use tidemill_flow::{Caps, Header};
use tidemill_host::ring::{AttachError as AttachedError, Backing, Draft, Lock, Mapping, identity, ring};
use tidemill_host::{MonotonicClock, OsEntropy};
use tidemill_ring::header::{AttachError, Creator, Field, Incompatible, SegmentId};
use tidemill_ring::{Next, Peer, PeerName};
use tidemill_seam::{Clock, Duration, Entropy, Instant, Region};

type Item = [u32; 5];

/// How often a process is killed.
const KILLS: u32 = 10;

/// A file that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: counts, orders nothing.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(Path::new("/dev/shm").join(format!("tidemill-edge-{}-{number}", std::process::id())))
    }

    fn made(&self, bytes: u64) -> Backing {
        let draft = Draft::new(self.0.clone(), bytes).expect("there is room");
        draft.link().expect("the folder is ours").expect("nobody has that name")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A name that is left costs memory; a panic on the way out would cost the reason.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn item(at: u64) -> Item {
    [at as u32, !(at as u32), 3, 5 * at as u32, 7]
}

fn shape() -> Shape {
    Shape::of::<Item>(16).expect("an edge")
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("sink").expect("a name")).who(identity()).hold(Duration::from_secs(60))
}

fn sender(backing: Backing) -> Tx<Item, Mapping, Lock> {
    let edge = Edge::attach(backing.mapping).expect("an edge");
    edge.tx(backing.lock, identity(), Caps::wait(16)).expect("whoever sent is proved dead")
}

fn receiver(backing: Backing) -> Rx<Item, Mapping, Lock> {
    let edge = Edge::attach(backing.mapping).expect("an edge");
    edge.rx(backing.lock, &peer()).expect("whoever received is proved dead")
}

fn make(backing: &Backing) {
    let edge =
        Edge::<Item, _>::create(&backing.mapping, &shape(), SegmentId(3), Creator::default(), &backing.lock);
    edge.expect("a file of its own");
}

// RING-EDGE: the laws of an edge, between two mappings of one file in shared memory, alone and on two threads.
#[test]
fn an_edge_in_shared_memory_keeps_the_laws_of_an_edge() {
    type Ends = (SharedTx<Mapping, Lock>, SharedRx<Mapping, Lock>);
    let make = |caps: Caps, start| -> Option<Ends> {
        let place = Place::new();
        let one = (caps.hard_items <= 64).then(|| place.made(4 * u64::from(shared_words(&caps))))?;
        let other = one.again().expect("it is open");
        shared((one.mapping, one.lock), (other.mapping, other.lock), caps, start)
    };
    let suites: [Verdict; 2] = [
        tidemill_contracts::edge(make, Effort::Board),
        tidemill_contracts::edge_threads(make, Effort::Quick),
    ];
    for verdict in suites {
        if let Err(violation) = verdict {
            panic!("{violation}");
        }
    }
}

// RING-EDGE: an edge is made, found and continued by its name; what differs, who is there already and what is missing is said
#[test]
fn an_edge_has_a_name_by_which_both_ends_find_it() {
    let name = format!("e{}", std::process::id());
    let edge = || ring(&name).expect("a name").edge::<Item>(16).hold(Duration::from_secs(60));
    assert_eq!(edge().receiver("sink").err(), Some(AttachedError::NotFound));
    let mut tx = edge().sender().expect("nobody has that name");
    let _place = Place(ring(&name).expect("a name").path().to_owned());
    let mut rx = edge().receiver("sink").expect("it was made");
    for at in 0..5 {
        tx.push(Header::new(at, 1, Instant::ZERO), item(at), Instant::ZERO).expect("there is room");
    }
    assert_eq!(rx.pop().map(|(_, taken)| taken), Some(item(0)));
    let owner = identity();
    assert_eq!(edge().sender().err(), Some(AttachedError::NameTaken { owner }));
    assert_eq!(edge().receiver("sink").err(), Some(AttachedError::NameTaken { owner }));
    assert_eq!(edge().receiver("other").err(), Some(AttachedError::TableFull { participants: 1 }));
    let other = ring(&name).expect("a name").edge::<Item>(8).sender().err();
    assert_eq!(other, Some(AttachedError::Incompatible { field: Field::Capacity, got: 16, want: 8 }));
    let none = edge().caps(Caps::wait(17)).sender().err();
    assert_eq!(none, Some(AttachedError::Caps(Caps::wait(17))));
    tx.hand_over();
    let mut tx = edge().sender().expect("the last one left");
    tx.push(Header::new(5, 1, Instant::ZERO), item(5), Instant::ZERO).expect("there is room");
    let taken: Vec<Item> = std::iter::from_fn(|| rx.pop()).map(|(_, taken)| taken).collect();
    assert_eq!(taken, (1..6).map(item).collect::<Vec<_>>(), "nothing is lost between two senders");
}

// RING-EDGE: a file that is no such edge is refused by what it is: another payload, a pool that is cut off, a plain ring.
#[test]
fn what_is_no_such_edge_is_refused_by_what_differs() {
    let place = Place::new();
    let backing = place.made(shape().bytes());
    assert_eq!(Edge::<Item, _>::attach(&backing.mapping).err(), Some(AttachError::NotReady));
    make(&backing);
    let refused = |error: Option<AttachError>| match error {
        Some(AttachError::Incompatible(Incompatible { field, .. })) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Edge::<[u32; 6], _>::attach(&backing.mapping).err()), Field::Fingerprint);
    let words = shape().layout().words();
    let short = tidemill_ring::Heap::new(words);
    for at in 0..words {
        // SAFETY: both regions have so many words.
        let word = unsafe { backing.mapping.load(at, Ordering::Relaxed) };
        // SAFETY: as above.
        unsafe { short.store(at, word, Ordering::Relaxed) };
    }
    assert_eq!(refused(Edge::<Item, _>::attach(&short).err()), Field::Length);
    let ring = tidemill_ring::Heap::new(4096);
    let spec = tidemill_ring::Spec::of::<Item>(4).line(1).page(1);
    let live = tidemill_ring::Local::new();
    tidemill_ring::Segment::create(&ring, &spec, SegmentId(4), Creator::default(), &live).expect("a ring");
    assert_eq!(refused(Edge::<Item, _>::attach(&ring).err()), Field::ElementSize);
}

/// Plays what it is told: receives, or sends without an end.
#[test]
fn victim() {
    let told = |key: &str| std::env::args().find_map(|arg| arg.strip_prefix(key).map(str::to_owned));
    let Some(place) = told("place=") else { return };
    let backing = Backing::open(Path::new(&place)).expect("it was made");
    if told("role=").as_deref() == Some("sender") {
        let mut tx = sender(backing);
        loop {
            push(&mut tx);
        }
    }
    let mut rx = receiver(backing);
    loop {
        if let Some(Next::Item(held)) = rx.peek() {
            assert_eq!(held.get(), item(held.position().0));
            rx.pass();
            // Two are in hand at every moment.
            rx.release(tidemill_ring::Position(rx.position().0.saturating_sub(2)));
        } else {
            std::thread::yield_now();
        }
    }
}

/// Sends the next item, or sees to what is in the way.
fn push(tx: &mut Tx<Item, Mapping, Lock>) {
    let at = tx.published().0;
    if tx.push(Header::new(at, at, Instant::ZERO), item(at), Instant::ZERO).is_err() {
        tx.tend(MonotonicClock.now());
        std::thread::yield_now();
    }
}

fn spawn(role: &str, place: &Place) -> Child {
    let own = std::env::current_exe().expect("this program");
    let told = [format!("role={role}"), format!("place={}", place.0.display())];
    let mut command = Command::new(own);
    command.args(["--exact", "victim", "--nocapture", "--quiet"]).args(told);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("a process")
}

/// Ends a child with SIGKILL, wherever it is.
fn kill(mut child: Child) {
    child.kill().expect("our child");
    child.wait().expect("our child");
}

fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    OsEntropy.fill(&mut bytes);
    u64::from_ne_bytes(bytes) % below
}

// RING-EDGE: a process that sends is killed again and again wherever it is, and every item arrives once, whole, in order.
#[test]
fn a_sender_that_is_killed_loses_nothing_and_frees_nothing_twice() {
    let place = Place::new();
    make(&place.made(shape().bytes()));
    let mut rx = receiver(Backing::open(&place.0).expect("it was made"));
    for _ in 0..KILLS {
        let child = spawn("sender", &place);
        let end = rx.position().0 + 20 + random(300);
        while rx.position().0 < end {
            let at = rx.position().0;
            if let Some((header, payload)) = rx.pop() {
                assert_eq!((header.sequence, payload), (at, item(at)));
            } else {
                std::thread::yield_now();
            }
        }
        kill(child);
        let tx = sender(Backing::open(&place.0).expect("it was made"));
        let waiting = tx.published().0 - rx.position().0;
        assert!(tx.live() <= 16 && u64::from(tx.live()) >= waiting, "{} slots for {waiting}", tx.live());
        tx.hand_over();
    }
    while let Some((header, payload)) = rx.pop() {
        assert_eq!(payload, item(header.sequence));
    }
    drop(rx);
    let mut tx = sender(Backing::open(&place.0).expect("it was made"));
    tx.recover();
    assert_eq!(tx.live(), 0, "every slot is free");
}

// RING-EDGE: a process that receives is killed with messages in its hands, and its next life begins with them.
#[test]
fn a_receiver_that_is_killed_begins_with_what_it_held() {
    let place = Place::new();
    make(&place.made(shape().bytes()));
    let mut tx = sender(Backing::open(&place.0).expect("it was made"));
    for _ in 0..KILLS {
        let child = spawn("receiver", &place);
        let end = tx.published().0 + 20 + random(300);
        while tx.published().0 < end {
            push(&mut tx);
        }
        kill(child);
        let edge = Edge::<Item, _>::attach(Backing::open(&place.0).expect("it was made").mapping);
        let place = edge.expect("an edge").segment().participant(0).expect("its place is kept");
        let first = place.cursor.0;
        assert!(first <= tx.published().0 && first + 16 >= tx.published().0, "it begins at {first}");
    }
    let mut rx = receiver(Backing::open(&place.0).expect("it was made"));
    let (first, end) = (rx.position().0, tx.published().0);
    tx.close();
    for at in first..end {
        assert_eq!(rx.pop().map(|(header, payload)| (header.sequence, payload)), Some((at, item(at))));
    }
    assert!(rx.is_drained());
}
