//! A program that carries messages through pool, edge and ring on bare metal and has no allocator.
//!
//! It is linked and looked at, never run: what does not allocate at link time cannot allocate at run time.
#![no_std]
#![no_main]

#[cfg(feature = "heap")]
mod heap;

use core::hint::black_box;
use core::panic::PanicInfo;
use tidemill_flow::{Caps, Edge, Header, StaticPool};
use tidemill_ring::{Inline, spsc};
use tidemill_seam::{Instant, PoolId};

const ENTRIES: u32 = 8;
const WORDS: usize = spsc::words::<2>(ENTRIES) as usize;

static RING: Inline<WORDS> = Inline::new();
static POOL: StaticPool<u32, 8> = StaticPool::new(PoolId(0));
static EDGE: Edge<u32, 8> = Edge::new(Caps::wait(8));

// SAFETY: no other symbol of this program is called `_start`.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let through_ring = ring();
    let through_edge = edge();
    black_box((through_ring, through_edge));
    #[cfg(feature = "heap")]
    black_box(heap::boxed());
    loop {}
}

/// Two words, through a ring in static memory.
fn ring() -> Option<[u32; 2]> {
    let (mut producer, mut consumer) = spsc::split(&RING, spsc::Spec::new(ENTRIES)).ok()?;
    producer.push(black_box([1, 2])).ok()?;
    consumer.pop()
}

/// A message, from a slot of a pool over an edge and back to the pool.
fn edge() -> Option<u32> {
    let mut home = POOL.home().ok()?;
    let (mut tx, mut rx) = EDGE.split(&POOL).ok()?;
    let token = home.loan()?.commit(Header::new(1, 1, Instant::ZERO), || black_box(7));
    tx.push(token, Instant::ZERO, |_| ()).ok()?;
    let token = rx.pop()?;
    let value = *token;
    rx.give_back(token).ok()?;
    Some(value)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
