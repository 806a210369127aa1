//! Links of limited bandwidth: a transmitter, a finite queue before it, and the fall of what finds no room.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use crate::kernel::Kernel;
use crate::net::LinkIndex;

/// How much one direction of a link carries, and how much may wait for it.
///
/// A datagram occupies the transmitter for its length over the rate, then takes the link's latency. One that finds the
/// queue full is dropped ([`Cause::Queue`](crate::Cause::Queue)); those already in it are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bandwidth {
    /// Bits that leave in a second.
    pub bits_per_second: NonZeroU64,
    /// Datagrams that wait or are being sent, at most.
    pub queue_packets: u32,
    /// Bytes of them, at most.
    pub queue_bytes: u64,
}

/// The transmitter of one direction. What leaves it is known when it enters, so it needs no events of its own.
#[derive(Debug, Default)]
pub(crate) struct Shaper {
    free_at_ns: u64,
    /// When it will have left, and its bytes.
    waiting: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl Bandwidth {
    /// A rate, and a queue without bounds.
    ///
    /// # Panics
    /// If the rate is zero: that is a partition.
    pub const fn bits_per_second(rate: u64) -> Self {
        let rate = NonZeroU64::new(rate).expect("a link of zero bits per second");
        Self { bits_per_second: rate, queue_packets: u32::MAX, queue_bytes: u64::MAX }
    }

    /// The same rate behind a queue of so many packets and bytes.
    pub const fn queue(self, packets: u32, bytes: u64) -> Self {
        Self { queue_packets: packets, queue_bytes: bytes, ..self }
    }

    /// How long a datagram occupies the transmitter, rounded up to a nanosecond.
    fn occupies_ns(self, len: u64) -> u64 {
        let bits = u128::from(len) * 8_000_000_000;
        u64::try_from(bits.div_ceil(u128::from(self.bits_per_second.get()))).unwrap_or(u64::MAX)
    }
}

impl Shaper {
    /// When the last bit will have left; `None` where the queue is full.
    fn enter(&mut self, now_ns: u64, len: u64, bandwidth: Bandwidth) -> Option<u64> {
        while let Some((left_ns, bytes)) = self.waiting.front().copied()
            && left_ns <= now_ns
        {
            self.bytes -= bytes;
            self.waiting.pop_front();
        }
        let full = self.waiting.len() as u64 >= u64::from(bandwidth.queue_packets)
            || self.bytes.saturating_add(len) > bandwidth.queue_bytes;
        if full {
            return None;
        }
        self.free_at_ns = self.free_at_ns.max(now_ns).saturating_add(bandwidth.occupies_ns(len));
        self.waiting.push_back((self.free_at_ns, len));
        self.bytes += len;
        Some(self.free_at_ns)
    }
}

impl Kernel {
    /// When so many bytes will have left through a link; `None` where they find its queue full.
    #[inline(never)]
    pub(crate) fn shape(&mut self, link: LinkIndex, len: usize) -> Option<u64> {
        let setting = self.links[link as usize].setting;
        let Some(bandwidth) = self.settings[setting as usize].bandwidth else { return Some(self.now_ns) };
        if self.shapers.len() <= link as usize {
            self.shapers.resize_with(link as usize + 1, Shaper::default);
        }
        self.shapers[link as usize].enter(self.now_ns, len as u64, bandwidth)
    }
}
