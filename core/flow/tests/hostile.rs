//! An edge between two processes whose peer writes whatever it likes into any word: faults, and never a panic or a hang.

use tidemill_flow::edge::{Bounce, Cause};
use tidemill_flow::shared::{Edge, OpenError, Rx, Shape, Tx};
use tidemill_flow::{Caps, Header};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::layout::HEADER_WORDS;
use tidemill_ring::sync::Ordering;
use tidemill_ring::table::Identity;
use tidemill_ring::{Inline, Local, Next, Peer, PeerName, Spec};
use tidemill_seam::{Duration, Instant, Region};

type Item = [u32; 3];
type Memory = Inline<1024>;

/// How many stories are played, each of so many steps.
const STORIES: u64 = if cfg!(miri) { 20 } else { 1_000 };
const STEPS: u64 = 60;

/// Numbers without a pattern: SplitMix64, of Steele, Lea and Flood (2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// What the peer writes: the extremes, what stood there and a little more, a small number, anything.
fn scribble(memory: &Memory, dice: &mut Dice) {
    let words = u64::from(shape().words() - HEADER_WORDS);
    let at = HEADER_WORDS + dice.roll(words) as u32;
    // SAFETY: a word of the region.
    let was = unsafe { memory.load(at, Ordering::Relaxed) };
    let value = match dice.roll(6) {
        0 => 0,
        1 => u32::MAX,
        2 => was.wrapping_add(dice.roll(3) as u32).wrapping_sub(1),
        3 => was ^ 1 << dice.roll(32),
        4 => dice.roll(24) as u32,
        _ => dice.roll(1 << 32) as u32,
    };
    // SAFETY: as above.
    unsafe { memory.store(at, value, Ordering::Relaxed) };
}

fn shape() -> Shape {
    Shape::over::<Item>(Spec::of::<u64>(4).line(1).page(1).journal(4)).expect("an edge")
}

fn header(at: u64) -> Header {
    Header::new(at, 1, Instant::ZERO)
}

fn edge<'m>(memory: &'m Memory, live: &Local) -> Edge<Item, &'m Memory> {
    Edge::create(memory, &shape(), SegmentId(1), Creator::default(), live).expect("it fits")
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("sink").expect("a name")).hold(Duration::from_secs(1))
}

/// Lets the end that sends do something.
fn send(tx: &mut Tx<Item, &Memory, &Local>, at: u64, dice: &mut Dice) {
    let now = Instant::from_nanos(at * 50_000_000);
    match dice.roll(8) {
        0..3 => drop(tx.push(header(at), [7; 3], now)),
        3 => {
            if let Some(mut loan) = tx.loan() {
                tx.write(&mut loan, 0, &[1, 2]);
                match tx.send(loan, header(at), 8, now) {
                    Ok(_) => {}
                    Err(bounced) => tx.abort(bounced.token),
                }
            }
        }
        4 => drop(tx.tend(now)),
        5 => tx.recover(),
        6 => drop((tx.waiting(), tx.level(), tx.permits())),
        _ => assert!(tx.live() <= tx_slots(), "there are no more slots than there are"),
    }
}

fn tx_slots() -> u32 {
    shape().slots()
}

/// Lets the end that receives do something; whether it heard of a fault.
fn receive(rx: &mut Rx<Item, &Memory, &Local>, dice: &mut Dice) -> bool {
    let faulted = matches!(rx.peek(), Some(Next::Fault(_)));
    match dice.roll(5) {
        0 => {
            if let Some(Next::Item(held)) = rx.peek() {
                let _ = held.get();
                held.read(0, &mut [0; 2]);
            }
            rx.pass();
        }
        1 => drop(rx.release(rx.position())),
        2 => drop(rx.pop()),
        3 => drop((rx.waiting(), rx.tend())),
        _ => drop(rx.is_drained()),
    }
    faulted
}

// RING-EDGE, RING-UNTRUSTED: whatever a peer writes into whichever word, the other end neither panics nor hangs: it is told
#[test]
fn a_peer_that_writes_anything_anywhere_is_a_fault_at_most() {
    let (mut faults, mut reopened, mut refused) = (0, 0, 0);
    for story in 0..STORIES {
        let (live, memory, mut dice) = (Local::new(), Memory::new(), Dice(story));
        let edge = edge(&memory, &live);
        let mut rx = edge.clone().rx(&live, &peer()).ok();
        let mut tx = edge.clone().tx(&live, Identity::default(), Caps::wait(4)).ok();
        for at in 0..STEPS {
            if dice.roll(4) == 0 {
                scribble(&memory, &mut dice);
            }
            if let Some(tx) = &mut tx {
                send(tx, at, &mut dice);
            }
            if let Some(rx) = &mut rx {
                faults += u32::from(receive(rx, &mut dice));
            }
            match dice.roll(40) {
                0 => {
                    drop(tx.take());
                    match edge.clone().tx(&live, Identity::default(), Caps::wait(4)) {
                        Ok(new) => tx = Some(new),
                        Err(OpenError::Fault(_)) => faults += 1,
                        Err(_) => refused += 1,
                    }
                    reopened += 1;
                }
                1 => {
                    drop(rx.take());
                    rx = edge.clone().rx(&live, &peer()).ok();
                }
                _ => {}
            }
        }
    }
    println!(
        "{STORIES} stories of {STEPS} steps: {faults} faults, {refused} of {reopened} successors refused"
    );
    assert!(faults > 0 || cfg!(miri), "nobody heard of a fault");
}

// RING-EDGE, RING-UNTRUSTED: where somebody else wrote into the stack of free slots nobody knows any more which are free: it is
// told which word, everything is refused, and the next life of the producer works it out anew
#[test]
fn a_stack_of_slots_that_somebody_else_wrote_is_told_of_and_ends_with_the_producer() {
    let (live, memory) = (Local::new(), Memory::new());
    let edge = edge(&memory, &live);
    let mut rx = edge.clone().rx(&live, &peer()).expect("nobody else does");
    let mut tx = edge.clone().tx(&live, Identity::default(), Caps::wait(4)).expect("nobody else does");
    tx.push(header(0), [1; 3], Instant::ZERO).expect("there is room");
    let at = (HEADER_WORDS..shape().words()).rev().find(|at| {
        // SAFETY: a word of the region.
        unsafe { memory.load(*at, Ordering::Relaxed) == u32::MAX }
    });
    let bottom = at.expect("the last of the free slots lies on nothing");
    let foreign = shape().slots();
    // SAFETY: as above.
    unsafe { memory.store(bottom, foreign, Ordering::Relaxed) };
    let loans: Vec<_> = std::iter::from_fn(|| tx.loan()).collect();
    assert_eq!(
        loans.len() as u32,
        foreign - 2,
        "all but the one that is sent, and the one that lies on the foreign word"
    );
    let fault = tx.fault().expect("it was found");
    assert_eq!(
        (fault.word, fault.value, fault.allowed),
        (bottom, u64::from(foreign), (0, u64::from(foreign) - 1))
    );
    let refused = tx.push(header(1), [2; 3], Instant::ZERO).map_err(|bounced| bounced.why);
    assert_eq!(refused, Err(Bounce::Refused(Cause::Closed)));
    assert!(tx.is_closed());
    tx.hand_over();
    let mut tx = edge.tx(&live, Identity::default(), Caps::wait(4)).expect("what waits is as it was");
    assert_eq!(tx.fault(), None);
    tx.push(header(1), [2; 3], Instant::ZERO).expect("there is room");
    assert_eq!([rx.pop(), rx.pop()].map(|taken| taken.map(|(_, item)| item)), [Some([1; 3]), Some([2; 3])]);
}
