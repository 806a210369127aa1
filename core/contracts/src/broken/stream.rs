//! Two lines of bytes that may be wrong.

use core::cell::RefCell;
use tidemill_seam::{Broken, Heard, Stream};

super::faults! {
    /// The first two bytes that wait change places.
    Swaps => "S1",
    /// Every 97th byte is heard twice.
    Repeats => "S1",
    /// Every 97th byte is lost.
    Loses => "S1",
    /// Bytes of value 255 become 254.
    Alters => "S1",
    /// A byte is heard before any is written.
    Invents => "S1",
    /// A read says that it filled one byte more than it did.
    OverstatesHeard => "S1",
    /// A write says that it took one byte more than it was given.
    OverstatesTaken => "S3",
    /// What finds no room is taken and thrown away.
    Unbounded => "S4",
    /// Once full, always full.
    NeverRoomAgain => "S4",
    /// What was not read at the finish is lost.
    FinishLosesTheRest => "S5",
    /// The end is heard once.
    ForgetsTheEnd => "S5",
    /// The end of one direction is heard in both.
    FinishEndsBoth => "S5",
    /// Something is taken after the finish.
    TakesAfterFinish => "S5",
    /// The finish is kept from the peer.
    FinishIsSilent => "S5",
    /// A reset is kept from the peer.
    ResetIsSilent => "S6",
    /// A dropped end goes on.
    DropIsSilent => "S6",
    /// A reset is heard once.
    ForgetsTheReset => "S6",
    /// The owner of a reset end may go on.
    ResetIsOneSided => "S6",
    /// A reset sounds like the end.
    ResetIsAnEnd => "S7",
    /// Where nothing waits, it is the end.
    SilenceIsAnEnd => "S7",
}

const ROOM: usize = 1_500;

/// Bytes on their way to one end.
#[derive(Debug)]
struct Line {
    waiting: [u8; ROOM],
    len: usize,
    count: u32,
    filled: bool,
    finished: bool,
    told: bool,
}

impl Line {
    const EMPTY: Self =
        Self { waiting: [0; ROOM], len: 0, count: 0, filled: false, finished: false, told: false };

    fn put(&mut self, byte: u8) {
        if self.len < ROOM {
            self.waiting[self.len] = byte;
            self.len += 1;
        }
    }
}

#[derive(Debug)]
struct State {
    lines: [Line; 2],
    /// Why each end is broken.
    broken: [Option<Broken>; 2],
}

/// A world with one stream, and at most one fault.
#[derive(Debug)]
pub struct World {
    fault: Option<Fault>,
    state: RefCell<State>,
}

/// One end.
#[derive(Debug)]
pub struct End<'w> {
    world: &'w World,
    side: usize,
}

impl World {
    /// A world in which nothing was written.
    pub const fn new(fault: Option<Fault>) -> Self {
        let state = State { lines: [Line::EMPTY; 2], broken: [None; 2] };
        Self { fault, state: RefCell::new(state) }
    }

    /// Both ends of a fresh stream.
    pub fn ends(&self) -> (End<'_>, End<'_>) {
        *self.state.borrow_mut() = State { lines: [Line::EMPTY; 2], broken: [None; 2] };
        (End { world: self, side: 0 }, End { world: self, side: 1 })
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn take(&self, line: &mut Line, bytes: &[u8]) -> usize {
        if self.is(Fault::NeverRoomAgain) && line.filled {
            return 0;
        }
        let room = (ROOM - 2 - line.len.min(ROOM - 2)) / 2;
        let taken = if self.is(Fault::Unbounded) { bytes.len() } else { bytes.len().min(room) };
        line.filled |= taken == 0;
        for byte in &bytes[..taken] {
            line.count += 1;
            let odd = line.count.is_multiple_of(97);
            match byte {
                _ if odd && self.is(Fault::Loses) => continue,
                255 if self.is(Fault::Alters) => line.put(254),
                _ => line.put(*byte),
            }
            if odd && self.is(Fault::Repeats) {
                line.put(*byte);
            }
        }
        taken + usize::from(self.is(Fault::OverstatesTaken))
    }
}

impl Stream for End<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<Heard, Broken> {
        let world = self.world;
        let State { lines, broken } = &mut *world.state.borrow_mut();
        if let Some(why) = broken[self.side] {
            if world.is(Fault::ForgetsTheReset) {
                broken[self.side] = None;
            }
            return if world.is(Fault::ResetIsAnEnd) && why == Broken::Reset {
                Ok(Heard::End)
            } else {
                Err(why)
            };
        }
        let both = world.is(Fault::FinishEndsBoth) && lines.iter().any(|line| line.finished);
        let line = &mut lines[self.side];
        if line.len == 0 {
            if world.is(Fault::Invents) && line.count == 0 {
                buffer[0] = 7;
                return Ok(Heard::Bytes(1));
            }
            let silent = world.is(Fault::FinishIsSilent) || world.is(Fault::ForgetsTheEnd) && line.told;
            let end = line.finished && !silent || both || world.is(Fault::SilenceIsAnEnd);
            line.told |= end;
            return Ok(if end { Heard::End } else { Heard::Nothing });
        }
        if world.is(Fault::Swaps) && line.len > 1 {
            line.waiting.swap(0, 1);
        }
        let len = line.len.min(buffer.len());
        buffer[..len].copy_from_slice(&line.waiting[..len]);
        line.waiting.copy_within(len.., 0);
        line.len -= len;
        Ok(Heard::Bytes(len + usize::from(world.is(Fault::OverstatesHeard))))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let State { lines, broken } = &mut *self.world.state.borrow_mut();
        if let Some(why) = broken[self.side] {
            return Err(why);
        }
        let line = &mut lines[1 - self.side];
        if line.finished && !self.world.is(Fault::TakesAfterFinish) {
            return Ok(0);
        }
        Ok(self.world.take(line, bytes))
    }

    fn finish(&mut self) -> Result<(), Broken> {
        let State { lines, broken } = &mut *self.world.state.borrow_mut();
        if let Some(why) = broken[self.side] {
            return Err(why);
        }
        let line = &mut lines[1 - self.side];
        line.finished = true;
        if self.world.is(Fault::FinishLosesTheRest) {
            line.len = 0;
        }
        Ok(())
    }

    fn reset(&mut self) {
        let State { broken, .. } = &mut *self.world.state.borrow_mut();
        if !self.world.is(Fault::ResetIsOneSided) {
            broken[self.side].get_or_insert(Broken::Closed);
        }
        if !self.world.is(Fault::ResetIsSilent) {
            broken[1 - self.side].get_or_insert(Broken::Reset);
        }
    }

    fn is_open(&mut self) -> Result<bool, Broken> {
        self.world.state.borrow().broken[self.side].map_or(Ok(true), Err)
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !self.world.is(Fault::DropIsSilent) {
            self.reset();
        }
    }
}
