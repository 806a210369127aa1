use core::fmt;
use tidemill_ring::spsc::{self, Consumer, Producer, Spec, SpecError};
use tidemill_seam::{Link, Received, RecvError, Region, SendError};

const CELL_WORDS: usize = 4;
const CELL_BYTES: usize = CELL_WORDS * 4;
/// A datagram is its length in a word, then its bytes, in whole cells that are published together.
const LENGTH_BYTES: usize = 4;

type Cell = [u32; CELL_WORDS];

/// One end of a cable between two workers of one firmware: a ring of cells in each direction.
///
/// Keeps more than L2 asks for: nothing is lost, doubled or overtaken. It carries [`mtu`](Link::mtu) bytes because
/// that is what an empty direction holds; a datagram that does not fit beside the waiting ones is [`SendError::Busy`].
pub struct Loopback<R: Region> {
    out: Producer<R, CELL_WORDS>,
    into: Consumer<R, CELL_WORDS>,
}

impl<R: Region + Clone> Loopback<R> {
    /// A cable of `cells` cells of 16 bytes a direction, one region for each direction; its two ends.
    ///
    /// # Errors
    /// Where `cells` is no power of two or a region has fewer than [`loopback_words`] words.
    pub fn pair(there: R, back: R, cells: u32) -> Result<(Self, Self), SpecError> {
        let spec = spec(cells);
        let (to_far, from_near) = spsc::split(there, spec)?;
        let (to_near, from_far) = spsc::split(back, spec)?;
        Ok((Self { out: to_far, into: from_far }, Self { out: to_near, into: from_near }))
    }
}

const fn spec(cells: u32) -> Spec {
    Spec::new(cells).line(1)
}

/// Words that one direction of a [`Loopback`] of `cells` cells takes.
pub const fn loopback_words(cells: u32) -> usize {
    spec(cells).words::<CELL_WORDS>() as usize
}

/// Cells of a datagram of `len` bytes.
const fn cells(len: usize) -> usize {
    (len + LENGTH_BYTES).div_ceil(CELL_BYTES)
}

fn pack(bytes: &[u8]) -> u32 {
    let mut word = [0; 4];
    word[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(word)
}

/// Up to 16 bytes as words, zeroes behind.
fn cell(bytes: &[u8]) -> Cell {
    let mut cell = [0; CELL_WORDS];
    cell.iter_mut().zip(bytes.chunks(4)).for_each(|(word, bytes)| *word = pack(bytes));
    cell
}

fn unpack(words: &[u32], into: &mut [u8]) {
    into.chunks_mut(4)
        .zip(words)
        .for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]));
}

impl<R: Region> Link for Loopback<R> {
    type Address = ();

    fn mtu(&self) -> usize {
        self.out.capacity() as usize * CELL_BYTES - LENGTH_BYTES
    }

    /// `Closed` once the other end is dropped.
    fn send(&mut self, (): (), datagram: &[u8]) -> Result<(), SendError> {
        let mtu = self.mtu();
        if datagram.len() > mtu {
            return Err(SendError::TooLarge { mtu });
        }
        if self.out.is_closed() {
            return Err(SendError::Closed);
        }
        if !self.out.has_room(cells(datagram.len()) as u32) {
            return Err(SendError::Busy);
        }
        let (head, rest) = datagram.split_at(datagram.len().min(CELL_BYTES - LENGTH_BYTES));
        let [w0, w1, w2, _] = cell(head);
        let first = [datagram.len() as u32, w0, w1, w2];
        for cell in core::iter::once(first).chain(rest.chunks(CELL_BYTES).map(cell)) {
            self.out.stage(cell).map_err(|_| SendError::Closed)?;
        }
        self.out.publish();
        Ok(())
    }

    /// `Closed` once the other end is dropped and everything it sent was taken.
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<()>>, RecvError> {
        // Looked at before the ring: what was sent before the drop is then found in it.
        let closed = self.into.is_closed();
        let Some([len, words @ ..]) = self.into.take() else {
            return if closed { Err(RecvError::Closed) } else { Ok(None) };
        };
        let len = len as usize;
        let fits = len <= buffer.len();
        let (head, rest) = if fits { &mut buffer[..len] } else { &mut buffer[..0] }
            .split_at_mut(len.min(CELL_BYTES - LENGTH_BYTES) * usize::from(fits));
        unpack(&words, head);
        let mut rest = rest.chunks_mut(CELL_BYTES);
        for _ in 1..cells(len) {
            let cell = self.into.take().ok_or(RecvError::Closed)?;
            rest.next().into_iter().for_each(|bytes| unpack(&cell, bytes));
        }
        self.into.release();
        if fits { Ok(Some(Received { len, from: () })) } else { Err(RecvError::Truncated) }
    }
}

impl<R: Region> fmt::Debug for Loopback<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback")
            .field("sent", &self.out.waiting())
            .field("waiting", &self.into.waiting())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Loopback, loopback_words};
    use tidemill_ring::Inline;
    use tidemill_seam::{Link, Received, RecvError, SendError};

    extern crate std;
    use std::thread;
    use std::vec::Vec;

    const CELLS: u32 = 4;
    type Wire = Inline<{ loopback_words(CELLS) }>;

    fn with_pair(test: impl FnOnce(Loopback<&Wire>, Loopback<&Wire>)) {
        let (there, back) = (Wire::new(), Wire::new());
        let (near, far) = Loopback::pair(&there, &back, CELLS).expect("the rings fit");
        test(near, far);
    }

    fn bytes(len: usize, salt: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + salt) as u8).collect()
    }

    #[test]
    fn l1_l6_every_length_from_empty_to_mtu_arrives_whole_in_either_direction() {
        with_pair(|mut near, mut far| {
            let mut buffer = [0; 64];
            assert_eq!(near.mtu(), 60);
            for len in 0..=near.mtu() {
                near.send((), &bytes(len, len)).expect("an empty direction takes it");
                far.send((), &bytes(len, len + 1)).expect("an empty direction takes it");
                assert_eq!(far.recv(&mut buffer), Ok(Some(Received { len, from: () })));
                assert_eq!(buffer[..len], bytes(len, len));
                assert_eq!(near.recv(&mut buffer), Ok(Some(Received { len, from: () })));
                assert_eq!(buffer[..len], bytes(len, len + 1));
            }
        });
    }

    #[test]
    fn l4_l5_a_full_direction_is_busy_and_keeps_what_it_has() {
        with_pair(|mut near, mut far| {
            let mut buffer = [0; 64];
            assert_eq!(far.recv(&mut buffer), Ok(None));
            near.send((), &bytes(40, 1)).expect("room");
            assert_eq!(near.send((), &bytes(13, 2)), Err(SendError::Busy));
            near.send((), &bytes(12, 3)).expect("one cell is left");
            assert_eq!(near.send((), &[]), Err(SendError::Busy));
            assert_eq!(far.recv(&mut buffer).map(|r| r.map(|r| r.len)), Ok(Some(40)));
            assert_eq!(far.recv(&mut buffer).map(|r| r.map(|r| r.len)), Ok(Some(12)));
            assert_eq!(far.recv(&mut buffer), Ok(None));
        });
    }

    #[test]
    fn l5_a_datagram_over_the_mtu_is_refused() {
        with_pair(|mut near, _far| {
            assert_eq!(near.send((), &bytes(61, 0)), Err(SendError::TooLarge { mtu: 60 }));
        });
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_is_lost_whole() {
        with_pair(|mut near, mut far| {
            near.send((), &bytes(30, 0)).expect("room");
            near.send((), &bytes(3, 9)).expect("room");
            let mut buffer = [0; 29];
            assert_eq!(far.recv(&mut buffer), Err(RecvError::Truncated));
            assert_eq!(far.recv(&mut buffer).map(|r| r.map(|r| r.len)), Ok(Some(3)));
            assert_eq!(buffer[..3], bytes(3, 9));
        });
    }

    #[test]
    fn a_dropped_end_closes_the_other_after_its_last_datagram() {
        with_pair(|mut near, mut far| {
            let mut buffer = [0; 64];
            near.send((), b"last").expect("room");
            drop(near);
            assert_eq!(far.send((), b"x"), Err(SendError::Closed));
            assert_eq!(far.recv(&mut buffer).map(|r| r.map(|r| r.len)), Ok(Some(4)));
            assert_eq!(far.recv(&mut buffer), Err(RecvError::Closed));
        });
    }

    #[test]
    fn l1_l3_two_threads_see_whole_datagrams_in_order() {
        const COUNT: usize = if cfg!(miri) { 50 } else { 20_000 };
        with_pair(|mut near, mut far| {
            thread::scope(|scope| {
                scope.spawn(move || {
                    for i in 0..COUNT {
                        while near.send((), &bytes(i % 61, i)) == Err(SendError::Busy) {
                            thread::yield_now();
                        }
                    }
                });
                let mut buffer = [0; 64];
                for i in 0..COUNT {
                    let received = loop {
                        match far.recv(&mut buffer).expect("open until all was read") {
                            Some(received) => break received,
                            None => thread::yield_now(),
                        }
                    };
                    assert_eq!(buffer[..received.len], bytes(i % 61, i), "L1: datagram {i}");
                }
            });
        });
    }
}
