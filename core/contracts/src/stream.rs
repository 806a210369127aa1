//! Laws S1 to S7 of [`Stream`].
//!
//! How long a byte takes and how much fits is not judged. That no call blocks (S2) is seen by the suite ending, and that
//! silence is not heard of (S8) only where a world can make a peer vanish.

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use tidemill_seam::{Broken, Heard, Stream};

/// Nobody may take more than this without having been read from, in bytes.
const BOUND: u64 = 1 << 24;
/// How often the world is let carry on before something is held to be lost for good.
const PATIENCE: u32 = 20_000;
const CHUNK: usize = 512;

/// Runs every law. `make` gives both ends of a fresh stream that is open; `settle` lets the world carry what is under way,
/// for a bounded time.
pub fn suite<A: Stream, B: Stream>(
    mut make: impl FnMut() -> (A, B),
    mut settle: impl FnMut(),
    effort: Effort,
) -> Verdict {
    let mut passed = Passed::default();
    passed.add(idle(make(), &mut settle)?);
    passed.add(room(make(), &mut settle)?);
    for seed in [0x511, 0x512] {
        passed.add(history(make(), &mut settle, seed, effort)?);
    }
    passed.add(half(make(), &mut settle)?);
    let (a, b) = make();
    passed.add(broken((a, b), &mut settle, |end| end.reset())?);
    let (a, b) = make();
    passed.add(dropped((a, b), &mut settle)?);
    Ok(passed)
}

/// One direction, by content: the byte at an offset is always the same.
struct Line {
    direction: u64,
    taken: u64,
    heard: u64,
}

impl Line {
    const fn new(direction: u64) -> Self {
        Self { direction, taken: 0, heard: 0 }
    }

    fn byte(&self, at: u64) -> u8 {
        ((at * 2 + self.direction).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
    }

    fn write(&mut self, trial: &mut Trial, end: &mut impl Stream, len: usize) -> Result<usize, Violation> {
        let mut bytes = [0; CHUNK];
        (self.taken..).zip(&mut bytes).for_each(|(at, byte)| *byte = self.byte(at));
        let taken =
            end.write(&bytes[..len]).map_err(|_| trial.violation("S6", "a whole stream is broken"))?;
        trial.require("S3", taken <= len, "more was taken than given")?;
        self.taken += taken as u64;
        Ok(taken)
    }

    fn read(&mut self, trial: &mut Trial, end: &mut impl Stream, len: usize) -> Result<Heard, Violation> {
        let mut bytes = [0xCC; CHUNK];
        let heard =
            end.read(&mut bytes[..len]).map_err(|_| trial.violation("S6", "a whole stream is broken"))?;
        if let Heard::Bytes(got) = heard {
            trial.require("S1", got > 0 && got <= len, "a read fills what is not there")?;
            self.judge(trial, &bytes[..got])?;
        }
        Ok(heard)
    }

    fn judge(&mut self, trial: &mut Trial, bytes: &[u8]) -> Result<(), Violation> {
        for byte in bytes {
            trial.require("S1", self.heard < self.taken, "a byte is heard that nobody wrote")?;
            let same = *byte == self.byte(self.heard);
            trial.require("S1", same, "bytes are heard that are not those that were written")?;
            self.heard += 1;
        }
        Ok(())
    }

    /// Hears everything there is, up to the end.
    fn drain(
        &mut self,
        trial: &mut Trial,
        end: &mut impl Stream,
        settle: &mut impl FnMut(),
    ) -> Result<(), Violation> {
        for _ in 0..PATIENCE {
            match self.read(trial, end, CHUNK)? {
                Heard::Bytes(_) => {}
                Heard::Nothing => settle(),
                Heard::End => {
                    return trial.same("S5", self.taken, self.heard, "the end comes before the last byte");
                }
            }
        }
        Err(trial.violation("S5", "the end is never heard"))
    }
}

/// S2, S7: where nothing was written nothing is heard, and no end.
pub fn idle<A: Stream, B: Stream>((mut a, mut b): (A, B), mut settle: impl FnMut()) -> Verdict {
    let mut trial = Trial::new(0x520);
    for _ in 0..16 {
        trial.next();
        for heard in [a.read(&mut [0; 8]), b.read(&mut [0; 8])] {
            trial.require("S7", heard != Ok(Heard::End), "the end is heard of a stream that goes on")?;
            trial.require(
                "S1",
                heard == Ok(Heard::Nothing),
                "something is heard although nothing was written",
            )?;
        }
        settle();
    }
    Ok(trial.passed())
}

/// S4: an end that nobody reads from comes to take nothing, and takes more when it is read from.
pub fn room<A: Stream, B: Stream>((mut a, mut b): (A, B), mut settle: impl FnMut()) -> Verdict {
    let (mut trial, mut line) = (Trial::new(0x540), Line::new(0));
    let mut refused = 0;
    while refused < 64 {
        trial.next();
        refused = if line.write(&mut trial, &mut a, CHUNK)? == 0 { refused + 1 } else { 0 };
        trial.require("S4", line.taken < BOUND, "there is room without bound")?;
        if refused > 0 {
            settle();
        }
    }
    let full = line.taken;
    for _ in 0..PATIENCE {
        trial.next();
        if line.read(&mut trial, &mut b, CHUNK)? == Heard::Nothing {
            settle();
        }
        if line.taken == full {
            line.write(&mut trial, &mut a, 1)?;
        }
        if line.heard == line.taken && line.taken > full {
            return Ok(trial.passed());
        }
    }
    Err(trial.violation("S4", "reading makes no room, or what was taken is never heard"))
}

fn history<A: Stream, B: Stream>(
    (mut a, mut b): (A, B),
    mut settle: impl FnMut(),
    seed: u64,
    effort: Effort,
) -> Verdict {
    let (mut trial, mut there, mut back) = (Trial::new(seed), Line::new(0), Line::new(1));
    for _ in 0..effort.steps() / 4 {
        trial.next();
        let len = 1 + trial.dice.below(CHUNK as u32) as usize;
        let heard = match trial.dice.below(8) {
            0 | 1 => there.write(&mut trial, &mut a, len).map(|_| Heard::Nothing)?,
            2 => back.write(&mut trial, &mut b, len).map(|_| Heard::Nothing)?,
            3 | 4 => there.read(&mut trial, &mut b, len)?,
            5 => back.read(&mut trial, &mut a, len)?,
            _ => {
                settle();
                Heard::Nothing
            }
        };
        trial.require("S7", heard != Heard::End, "the end is heard of a stream that goes on")?;
    }
    finish(&mut trial, &mut a)?;
    there.drain(&mut trial, &mut b, &mut settle)?;
    finish(&mut trial, &mut b)?;
    back.drain(&mut trial, &mut a, &mut settle)?;
    Ok(trial.passed())
}

fn finish(trial: &mut Trial, end: &mut impl Stream) -> Result<(), Violation> {
    let finished = end.finish().is_ok();
    trial.require("S5", finished, "a whole stream cannot be finished")
}

/// S5: one direction ends, for good, and the other goes on.
pub fn half<A: Stream, B: Stream>((mut a, mut b): (A, B), mut settle: impl FnMut()) -> Verdict {
    let (mut trial, mut there, mut back) = (Trial::new(0x550), Line::new(0), Line::new(1));
    there.write(&mut trial, &mut a, 100)?;
    finish(&mut trial, &mut a)?;
    trial.require("S5", a.write(&[0; 8]) == Ok(0), "something is taken after the finish")?;
    there.drain(&mut trial, &mut b, &mut settle)?;
    let quiet = back.read(&mut trial, &mut a, CHUNK)? == Heard::Nothing;
    trial.require("S5", quiet, "the end of one direction is that of the other")?;
    for _ in 0..64 {
        trial.next();
        let end = there.read(&mut trial, &mut b, CHUNK)? == Heard::End;
        trial.require("S5", end, "the end does not stay the end")?;
        let went_on = back.write(&mut trial, &mut b, 10);
        trial.require("S5", went_on.is_ok(), "the end of one direction breaks the other")?;
        settle();
        let heard = back.read(&mut trial, &mut a, CHUNK)?;
        trial.require("S5", heard != Heard::End, "the end of one direction is that of the other")?;
    }
    finish(&mut trial, &mut b)?;
    back.drain(&mut trial, &mut a, &mut settle)?;
    Ok(trial.passed())
}

/// S6, S7: what breaks one end breaks both, for good, and is no end.
pub fn broken<A: Stream, B: Stream>(
    (mut a, mut b): (A, B),
    mut settle: impl FnMut(),
    how: impl FnOnce(&mut A),
) -> Verdict {
    let (mut trial, mut there) = (Trial::new(0x560), Line::new(0));
    there.write(&mut trial, &mut a, 300)?;
    how(&mut a);
    let why = Err(Broken::Closed);
    trial.require("S6", a.read(&mut [0; 8]).map(|_| ()) == why, "an end is heard of after its reset")?;
    trial.require("S6", a.write(&[0; 8]).map(|_| ()) == why, "an end takes something after its reset")?;
    notices(&mut trial, &mut there, &mut b, &mut settle)?;
    Ok(trial.passed())
}

/// S6, S7: a dropped end is a reset one.
pub fn dropped<A: Stream, B: Stream>((mut a, mut b): (A, B), mut settle: impl FnMut()) -> Verdict {
    let (mut trial, mut there) = (Trial::new(0x561), Line::new(0));
    there.write(&mut trial, &mut a, 300)?;
    drop(a);
    notices(&mut trial, &mut there, &mut b, &mut settle)?;
    Ok(trial.passed())
}

fn notices(
    trial: &mut Trial,
    there: &mut Line,
    end: &mut impl Stream,
    settle: &mut impl FnMut(),
) -> Result<(), Violation> {
    let mut bytes = [0; CHUNK];
    for _ in 0..PATIENCE {
        trial.next();
        match end.read(&mut bytes) {
            Ok(Heard::Bytes(len)) => there.judge(trial, &bytes[..len])?,
            Ok(Heard::Nothing) => settle(),
            Ok(Heard::End) => return Err(trial.violation("S7", "a stream that broke is heard to end")),
            Err(why) => {
                for _ in 0..16 {
                    settle();
                    let same = end.read(&mut bytes).map(|_| ()) == Err(why)
                        && end.write(&[0; 8]).map(|_| ()) == Err(why);
                    trial.require("S6", same, "a broken end does not stay broken for the same reason")?;
                }
                return Ok(());
            }
        }
    }
    Err(trial.violation("S6", "the peer of a broken end never hears of it"))
}
