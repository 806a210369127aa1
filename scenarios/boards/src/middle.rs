//! The middle of three processes, on a board: readings come from a Linux process through memory that both map, are judged
//! here, and go back the same way.
//!
//! The graph is the one that runs between processes of Linux and in the simulator. Nothing in that memory is an address, and
//! no word of it is longer than 32 bits, so the two sides need not agree on either.
#![no_std]
#![no_main]

use core::ptr::NonNull;
use tidemill_boards::{BOARD, BoardClock, Lent, entry, flash_bytes, println, ram_bytes, semihosting, start};
use tidemill_flow::shared::{Edge, Inbound, Mark, Outbound, Rx, Tx};
use tidemill_flow::{Caps, Graph, Polled, Stages};
use tidemill_pipeline::{Celsius, Judged, KEEP, MiddleCells, middle};
use tidemill_ring::table::Identity;
use tidemill_ring::{Apart, Peer, PeerName, Raw};
use tidemill_seam::{Clock, Duration};

/// Where the edges lie: in RAM behind what the linker knows of, which begins at 0x8000_0000.
const EDGES: [usize; 2] = [0x8080_0000, 0x8088_0000];
/// Words of each.
const WORDS: u32 = 0x2_0000;
/// Between two looks of a node that waits.
const LOOK: Duration = Duration::from_micros(50);
const BURST: u32 = 64;

static CELLS: MiddleCells = MiddleCells::new();
static MARK: Mark = Mark::new();
static HERE: Apart = Apart::new();

fn edge(number: usize) -> Raw {
    let first = NonNull::new(core::ptr::with_exposed_provenance_mut(EDGES[number])).expect("not at zero");
    // SAFETY: RAM that nothing else of this firmware uses, on a page, for as long as it runs; whoever maps it beside us
    // touches it by atomic words only.
    unsafe { Raw::new(first, WORDS) }
}

fn receiving() -> Rx<Celsius, Raw, &'static Apart> {
    let edge = Edge::attach(edge(0)).expect("whoever started us has made the edge");
    let name = PeerName::parse(BOARD).expect("a board is called so");
    edge.rx(&HERE, &Peer::new(name)).expect("nobody else receives")
}

fn sending() -> Tx<Judged, Raw, &'static Apart> {
    let edge = Edge::attach(edge(1)).expect("whoever started us has made the edge");
    let caps = Caps::wait(edge.shape().capacity());
    edge.tx(&HERE, Identity::default(), caps).expect("nobody else sends")
}

/// Runs the graph to its end. The other side rings no bell, so whoever waits spins.
fn drive(graph: &mut Graph<impl Stages>, clock: BoardClock) {
    graph.start(clock.now()).expect("every node starts");
    let mut worker = graph.worker();
    loop {
        match worker.poll(clock.now(), BURST) {
            Polled::Ran(_) => {}
            Polled::Idle { due: Some(due) } => while clock.now() < due {},
            Polled::Done => return,
            end => panic!("the graph ended early: {end:?}"),
        }
    }
}

// RING-BOARD: readings of a Linux process are judged by firmware of 32 bits, and what comes back has the digest of every world.
#[entry]
fn readings_of_a_process_are_judged_on_a_board() -> ! {
    let clock = start();
    println!("board={BOARD}");
    let (rx, tx) = (receiving(), sending());
    let mut near = Outbound::new(tx, LOOK).from(rx.position()).marking(&MARK);
    let mut far = Inbound::new(rx, LOOK).until(&MARK, KEEP);
    let mut graph = middle(&CELLS, Lent(&mut far), Lent(&mut near));
    let Ok(graph) = &mut graph else { panic!("the graph has a fault") };
    drive(graph, clock);
    println!("flash_bytes={}", flash_bytes());
    println!("ram_bytes={}", ram_bytes());
    semihosting::process::exit(0)
}
