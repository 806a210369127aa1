//! The laws of the seams, kept by this world.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use tidemill_contracts::clock::Pace;
use tidemill_contracts::entropy::Bits;
use tidemill_contracts::link::Ends;
use tidemill_contracts::register;
use tidemill_contracts::store::Powered;
use tidemill_contracts::{clock_contract, entropy_contract, link_contract, notify_contract, region_contract};
use tidemill_contracts::{register_contract, store_contract, stream_contract};
use tidemill_host::{BootClock, FileStore, MemoryRegister, SlotRegister};
use tidemill_host::{FutexNotify, Heap, Impaired, Impairment, MonotonicClock, OsEntropy};
use tidemill_host::{PollNotify, SeededEntropy, TcpEnd, TcpStreams, UdpLink};
use tidemill_seam::{Duration, Geometry, Link, Stream, Streams};

fn sleep(span: Duration) {
    thread::sleep(span.into());
}

fn polled() -> PollNotify {
    PollNotify::new().expect("an epoll instance and an eventfd")
}

fn views(words: u32) -> (Heap, Heap) {
    let heap = Heap::new(words);
    (heap.clone(), heap)
}

fn ends<L: Link<Address = std::net::SocketAddr>>(wrap: impl Fn(UdpLink) -> L) -> Ends<L, L> {
    let open = || UdpLink::loopback().expect("a free port of 127.0.0.1");
    let (left, right) = (open(), open());
    let address = |link: &UdpLink| link.address().expect("a bound socket has an address");
    let (to_left, to_right) = (address(&left), address(&right));
    Ends { left: wrap(left), right: wrap(right), to_left, to_right }
}

fn rough(link: UdpLink) -> Impaired<UdpLink, SeededEntropy, MonotonicClock> {
    let impairment = Impairment {
        loss_ppm: 100_000,
        duplicate_ppm: 100_000,
        reorder_ppm: 200_000,
        hold_max: Duration::from_micros(500),
        ..Impairment::default()
    };
    Impaired::new(link, SeededEntropy::new(5), MonotonicClock, impairment)
}

// SIM-CONTRACTS: the suites that judge the simulated seams, on the real ones
clock_contract!(monotonic_clock, || MonotonicClock, sleep, Pace::Real);
entropy_contract!(os_entropy, || (OsEntropy, OsEntropy), Bits::Physical);
entropy_contract!(seeded_entropy, || (SeededEntropy::new(1), SeededEntropy::new(2)), Bits::Seeded);
notify_contract!(futex_notify, FutexNotify::new, MonotonicClock, threads);
notify_contract!(poll_notify, polled, MonotonicClock, threads);
region_contract!(heap, views, exchange, threads, lent);
struct Slots(SlotRegister<FileStore>);

impl register::Bench for Slots {
    type Register = SlotRegister<FileStore>;
    fn handle(&mut self, _: usize) -> &mut SlotRegister<FileStore> {
        &mut self.0
    }
}

struct Shared([MemoryRegister; 2]);

impl register::Bench for Shared {
    type Register = MemoryRegister;
    fn handles(&self) -> usize {
        2
    }
    fn handle(&mut self, which: usize) -> &mut MemoryRegister {
        &mut self.0[which]
    }
}

/// A fresh store without a name: the file is gone with its last handle.
fn file_store() -> FileStore {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Relaxed: counts, orders nothing.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("tidemill-laws-{}-{number}", std::process::id()));
    let store =
        FileStore::open(&path, Geometry { block: 512, blocks: 16 }).expect("a file in the temporary folder");
    std::fs::remove_file(&path).expect("the file has a name");
    store
}

fn slots() -> Slots {
    let mut store = file_store();
    SlotRegister::format(&mut store).expect("four blocks");
    Slots(SlotRegister::new(store))
}

fn shared() -> Shared {
    let register = MemoryRegister::new(64);
    Shared([register.clone(), register])
}

clock_contract!(boot_clock, || BootClock, sleep, Pace::Real);
store_contract!(files, || Powered(file_store()));
register_contract!(slots_of_a_file, slots);
register_contract!(memory, shared);
link_contract!(udp_link, || ends(|link| link), || sleep(Duration::from_micros(50)));
link_contract!(impaired_udp_link, || ends(rough), || sleep(Duration::from_millis(1)));

fn stream() -> (TcpEnd, TcpEnd) {
    let open = || TcpStreams::loopback().expect("a free port of 127.0.0.1");
    let (mut near, mut far) = (open(), open());
    let mut left = near.connect(far.address().expect("a bound socket has an address"));
    let right = loop {
        match far.accept() {
            Some((right, _)) => break right,
            None => sleep(Duration::from_micros(50)),
        }
    };
    while left.is_open() != Ok(true) {
        sleep(Duration::from_micros(50));
    }
    (left, right)
}

stream_contract!(tcp_stream, stream, || sleep(Duration::from_micros(50)));
