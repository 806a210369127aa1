//! Laws L1 to L6 of [`Link`].
//!
//! Loss, duplication, delay and reordering are allowed and not judged. Corruption is allowed too, but it would hide
//! everything else, so the pair must be made without it. That neither call blocks (L4) is seen by the suite ending.

use crate::trial::Trial;
use crate::{Dice, Effort, Passed, Verdict, Violation};
use tidemill_seam::{Link, RecvError, SendError};

/// Two ends that reach each other.
#[derive(Debug)]
pub struct Ends<A: Link, B: Link> {
    /// One end.
    pub left: A,
    /// The other.
    pub right: B,
    /// How the right end names the left one, in sending to it and in hearing from it.
    pub to_left: B::Address,
    /// How the left end names the right one.
    pub to_right: A::Address,
}

/// A datagram that identifies itself starts with its number, so the shortest is this long.
const NUMBERED: usize = 4;
const LEFT: u32 = 0;
const RIGHT: u32 = 1;
/// Marks a datagram of which every copy has been refused.
const REFUSED: u32 = 1 << 31;
const REMEMBERED: usize = 64;

/// Runs every law. `make` gives a fresh pair without corruption; `settle` lets the world carry what is under way, for a
/// bounded time; `scratch` holds at least twice `mtu + 1` bytes.
pub fn suite<A: Link, B: Link>(
    mut make: impl FnMut() -> Ends<A, B>,
    mut settle: impl FnMut(),
    scratch: &mut [u8],
    effort: Effort,
) -> Verdict {
    let mut passed = Passed::default();
    passed.add(silence(make(), &mut settle, scratch)?);
    passed.add(short_buffers(make(), &mut settle, scratch, effort)?);
    for seed in [0x160, 0x161] {
        passed.add(history(make(), &mut settle, scratch, seed, effort)?);
    }
    passed.add(extremes(make(), &mut settle, scratch)?);
    Ok(passed)
}

/// L3, L4: where nothing was sent nothing waits, and that is not an error.
pub fn silence<A: Link, B: Link>(
    mut ends: Ends<A, B>,
    mut settle: impl FnMut(),
    scratch: &mut [u8],
) -> Verdict {
    let mut trial = Trial::new(0x14);
    for _ in 0..16 {
        trial.next();
        let left = ends.left.recv(scratch).map(|got| got.is_some());
        let right = ends.right.recv(scratch).map(|got| got.is_some());
        for got in [left, right] {
            trial.require("L4", got.is_ok(), "an idle link reports an error")?;
            trial.require("L3", got == Ok(false), "a datagram arrives although none was sent")?;
        }
        settle();
    }
    Ok(trial.passed())
}

/// L6 and the refusal of what is longer (L5), in both directions.
pub fn extremes<A: Link, B: Link>(
    mut ends: Ends<A, B>,
    mut settle: impl FnMut(),
    scratch: &mut [u8],
) -> Verdict {
    let mut trial = Trial::new(0x16);
    for len in [ends.left.mtu(), 0, ends.left.mtu() / 2] {
        carried(&mut trial, (&mut ends.left, ends.to_right), &mut ends.right, len, &mut settle, scratch)?;
    }
    for len in [ends.right.mtu(), 0, ends.right.mtu() / 2] {
        carried(&mut trial, (&mut ends.right, ends.to_left), &mut ends.left, len, &mut settle, scratch)?;
    }
    Ok(trial.passed())
}

/// Sends one length until one copy arrives. Up to 64 copies: half of them may be lost without a verdict.
fn carried<A: Link, B: Link>(
    trial: &mut Trial,
    (from, to): (&mut A, A::Address),
    at: &mut B,
    len: usize,
    settle: &mut impl FnMut(),
    scratch: &mut [u8],
) -> Result<(), Violation> {
    let mtu = from.mtu();
    let (out, into) = halves(scratch, mtu);
    out.fill(0xFF);
    let oversize = from.send(to, &out[..mtu + 1]);
    trial.require("L6", oversize.is_err(), "a datagram longer than the mtu is taken")?;
    let named = matches!(oversize, Err(SendError::TooLarge { mtu: said }) if said == mtu);
    trial.require("L6", named, "a datagram longer than the mtu is refused for another reason")?;
    for _ in 0..64 {
        trial.next();
        match from.send(to, &out[..len]) {
            Ok(()) | Err(SendError::Busy) => {}
            Err(_) => return Err(trial.violation("L6", "a datagram within the mtu is refused for good")),
        }
        settle();
        while let Some(got) =
            at.recv(into).map_err(|_| trial.violation("L6", "a full buffer is called too short"))?
        {
            trial.require("L5", got.len <= mtu, "a refused datagram arrives")?;
            if got.len == len {
                let whole = into[..len].iter().all(|byte| *byte == 0xFF);
                return trial.require("L1", whole, "a datagram arrives with other bytes");
            }
            // Copies of the length before this one may still be under way.
            let known = [mtu, 0, mtu / 2].contains(&got.len);
            trial.require("L1", known, "a datagram arrives with another length")?;
        }
    }
    Err(trial.violation("L6", "a datagram within the mtu, or an empty one, never arrives"))
}

/// L1: what does not fit the receiver's buffer is lost whole, and says so.
pub fn short_buffers<A: Link, B: Link>(
    mut ends: Ends<A, B>,
    mut settle: impl FnMut(),
    scratch: &mut [u8],
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0x11);
    let mtu = ends.left.mtu();
    let longest = mtu.min(255);
    for _ in 0..effort.steps() / 256 {
        trial.next();
        let (out, into) = halves(scratch, mtu);
        let len = 1 + trial.dice.below(longest as u32) as usize;
        let room = trial.dice.below(len as u32) as usize;
        // A piece is told from a whole by its bytes, which state the length.
        out[..len].fill(len as u8);
        if ends.left.send(ends.to_right, &out[..len]).is_err() {
            continue;
        }
        settle();
        for _ in 0..REMEMBERED {
            match ends.right.recv(&mut into[..room]) {
                Ok(None) => break,
                Ok(Some(got)) => {
                    let whole =
                        got.len <= room && into[..got.len].iter().all(|byte| usize::from(*byte) == got.len);
                    trial.require("L1", whole, "a piece of a datagram arrives")?;
                }
                Err(why) => {
                    trial.require("L1", why == RecvError::Truncated, "a short buffer closes the link")?
                }
            }
        }
    }
    Ok(trial.passed())
}

/// What one direction has sent, by content: number `n` always has the same length and bytes.
struct Stream {
    direction: u32,
    next: u32,
    refused: [u32; REMEMBERED],
    refusals: usize,
    tiny: u8,
}

impl Stream {
    fn new(direction: u32) -> Self {
        Self { direction, next: direction, refused: [u32::MAX; REMEMBERED], refusals: 0, tiny: 0 }
    }

    fn dice(number: u32) -> Dice {
        Dice::new(u64::from(number) ^ 0x0DA7_A62A)
    }

    /// Half of the datagrams are short, so that lengths near zero are common; a few are as long as may be.
    fn len(number: u32, mtu: usize) -> usize {
        let mut dice = Self::dice(number);
        let longest = match dice.below(16) {
            0 => mtu,
            1..=7 => mtu.min(600),
            _ => mtu.min(24),
        };
        NUMBERED.max(dice.below(longest as u32 + 1) as usize).min(mtu)
    }

    fn write(number: u32, out: &mut [u8]) {
        let mut dice = Self::dice(number);
        out[..NUMBERED].copy_from_slice(&number.to_le_bytes());
        for byte in &mut out[NUMBERED..] {
            // Some bytes are far more common than others in real data: 0 and 255.
            *byte =
                if dice.one_in(4) { 0_u8.wrapping_sub(dice.below(2) as u8) } else { dice.below(256) as u8 };
        }
    }

    fn send<L: Link>(
        &mut self,
        trial: &mut Trial,
        link: &mut L,
        to: L::Address,
        out: &mut [u8],
    ) -> Result<(), Violation> {
        let mtu = link.mtu();
        if mtu < NUMBERED || trial.dice.one_in(16) {
            let len = trial.dice.below(mtu.min(NUMBERED - 1) as u32 + 1) as usize;
            out[..len].fill(0xE0 + self.direction as u8);
            if link.send(to, &out[..len]).is_ok() {
                self.tiny |= 1 << len;
            }
            return Ok(());
        }
        let number = self.next;
        self.next += 2;
        if trial.dice.one_in(16) {
            Self::write(number | REFUSED, &mut out[..mtu + 1]);
            let refused = link.send(to, &out[..mtu + 1]).is_err();
            return trial.require("L6", refused, "a datagram longer than the mtu is taken");
        }
        let len = Self::len(number, mtu);
        Self::write(number, &mut out[..len]);
        if let Err(why) = link.send(to, &out[..len]) {
            trial.require("L6", why == SendError::Busy, "a datagram within the mtu is refused for good")?;
            self.refused[self.refusals % REMEMBERED] = number;
            self.refusals += 1;
        }
        Ok(())
    }

    /// Judges what arrived; `expected` is room for the datagram as it was sent.
    fn judge(&self, trial: &mut Trial, got: &[u8], mtu: usize, expected: &mut [u8]) -> Result<(), Violation> {
        if got.len() < NUMBERED {
            let ours = got.iter().all(|byte| *byte == 0xE0 + self.direction as u8);
            trial.require("L1", ours, "a piece of a datagram arrives")?;
            return trial.require(
                "L3",
                self.tiny >> got.len() & 1 == 1,
                "a datagram arrives that nobody sent",
            );
        }
        let mut number = [0; NUMBERED];
        number.copy_from_slice(&got[..NUMBERED]);
        let number = u32::from_le_bytes(number);
        if number & REFUSED != 0 && (number & !REFUSED) < self.next && number % 2 == self.direction {
            return Err(trial.violation("L5", "a refused datagram arrives"));
        }
        let sent = number < self.next && number % 2 == self.direction;
        trial.require("L3", sent, "a datagram arrives that nobody sent")?;
        trial.require("L5", !self.refused.contains(&number), "a refused datagram arrives")?;
        trial.same(
            "L1",
            Self::len(number, mtu) as u64,
            got.len() as u64,
            "a datagram arrives with another length",
        )?;
        Self::write(number, &mut expected[..got.len()]);
        trial.require("L1", expected[..got.len()] == *got, "a datagram arrives with other bytes")
    }
}

fn history<A: Link, B: Link>(
    mut ends: Ends<A, B>,
    mut settle: impl FnMut(),
    scratch: &mut [u8],
    seed: u64,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(seed);
    let (mtu_left, mtu_right) = (ends.left.mtu(), ends.right.mtu());
    let (out, into) = halves(scratch, mtu_left.max(mtu_right));
    let (mut rightward, mut leftward) = (Stream::new(RIGHT), Stream::new(LEFT));
    for _ in 0..effort.steps() / 4 {
        trial.next();
        match trial.dice.below(8) {
            0..=2 => rightward.send(&mut trial, &mut ends.left, ends.to_right, out)?,
            3..=4 => leftward.send(&mut trial, &mut ends.right, ends.to_left, out)?,
            5 => settle(),
            _ => {
                hear(&mut trial, &mut ends.right, ends.to_left, (&rightward, mtu_left), out, into)?;
                hear(&mut trial, &mut ends.left, ends.to_right, (&leftward, mtu_right), out, into)?;
            }
        }
    }
    Ok(trial.passed())
}

fn hear<L: Link>(
    trial: &mut Trial,
    link: &mut L,
    peer: L::Address,
    (stream, mtu): (&Stream, usize),
    expected: &mut [u8],
    into: &mut [u8],
) -> Result<(), Violation> {
    for _ in 0..=trial.dice.below(4) {
        into.fill(0xCC);
        let got = link.recv(into).map_err(|_| trial.violation("L1", "a full buffer is called too short"))?;
        let Some(got) = got else { return Ok(()) };
        trial.require("L1", got.len <= mtu, "a datagram arrives longer than any sent")?;
        trial.require("L3", got.from == peer, "a datagram arrives from someone who did not send it")?;
        stream.judge(trial, &into[..got.len], mtu, expected)?;
    }
    Ok(())
}

fn halves(scratch: &mut [u8], mtu: usize) -> (&mut [u8], &mut [u8]) {
    assert!(scratch.len() >= 2 * (mtu + 1), "scratch holds fewer than 2 * (mtu + 1) bytes");
    scratch.split_at_mut(scratch.len() / 2)
}
