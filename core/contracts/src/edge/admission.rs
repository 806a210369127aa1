use super::Item;
use super::model::level;
use crate::trial::Trial;
use crate::{Dice, Effort};
use tidemill_flow::{Caps, Cause, Header, Level, Load, Policy, Verdict};
use tidemill_seam::{Duration, Instant};

/// E21, and E5, E6, E10 of the admission function by itself, at and around each boundary.
pub fn admission(
    mut admit: impl FnMut(&Caps, Load, &Header, Instant) -> Verdict,
    effort: Effort,
) -> crate::Verdict {
    let mut trial = Trial::new(0x0E21);
    for _ in 0..effort.steps() {
        trial.next();
        let caps = caps(&mut trial.dice);
        let item = header(&mut trial.dice, &caps);
        let now = Instant::from_nanos(1_000);
        let waiting = Load {
            items: near(&mut trial.dice, &[0, caps.soft_items, caps.hard_items]),
            bytes: near(&mut trial.dice, &[0, caps.soft_bytes.min(200), caps.hard_bytes.min(200)]),
        };
        let found = admit(&caps, waiting, &item, now);
        let due = due(&caps, waiting, &item, now);
        let law = [due, found].into_iter().map(row).min().map_or("E21", |(_, law)| law);
        trial.require(law, found == due, "an item is judged otherwise than the table says")?;
        admit(&caps, Load { items: 0, bytes: 0 }, &item, now);
        let again = admit(&caps, waiting, &item, now);
        trial.require("E21", again == due, "the same question has two answers")?;
    }
    Ok(trial.passed())
}

fn caps(dice: &mut Dice) -> Caps {
    let hard = 1 + dice.below(8);
    let policies = super::policies(hard);
    let caps = policies[dice.below(3) as usize].unwrap_or(Caps::wait(hard)).soft(dice.below(hard + 1));
    let hard_bytes = 1 + dice.below(100);
    match dice.below(4) {
        0 => caps,
        1 => caps.bytes(u32::MAX, hard_bytes),
        2 => caps.bytes(dice.below(hard_bytes + 1), hard_bytes).refuse_expired(),
        _ => caps.bytes(dice.below(hard_bytes + 1), hard_bytes),
    }
}

/// One of the marks, or one to either side of it.
fn near(dice: &mut Dice, marks: &[u32]) -> u32 {
    let mark = marks[dice.below(marks.len() as u32) as usize];
    mark.saturating_add(dice.below(3)).saturating_sub(1)
}

fn header(dice: &mut Dice, caps: &Caps) -> Header {
    let bytes = near(dice, &[0, Item::LONGEST, caps.hard_bytes.min(200)]);
    let deadline = Instant::from_nanos(999) + Duration::from_nanos(u64::from(dice.below(3)));
    let mut raw = Header::new(1, 1, Instant::ZERO).with_deadline(deadline).to_bytes();
    raw[36..40].copy_from_slice(&bytes.to_le_bytes());
    match Header::check(&raw, bytes) {
        Ok(header) => header,
        Err(why) => panic!("a header with another length is a header: {why:?}"),
    }
}

/// The table.
fn due(caps: &Caps, waiting: Load, item: &Header, now: Instant) -> Verdict {
    if item.bytes() > caps.hard_bytes {
        return Verdict::Refuse(Cause::TooLarge);
    }
    if caps.refuse_expired && item.deadline() < now {
        return Verdict::Refuse(Cause::Expired);
    }
    let with = Load { items: waiting.items + 1, bytes: waiting.bytes.saturating_add(item.bytes()) };
    match level(caps, with) {
        Level::Over => match caps.policy {
            Policy::Wait => Verdict::Wait,
            Policy::DropNewest => Verdict::Refuse(Cause::Full),
            #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
            Policy::DropOldest => Verdict::Evict,
        },
        within => Verdict::Accept(within),
    }
}

/// Which row of the table gives this answer, from the top, and the law that it states.
fn row(verdict: Verdict) -> (u32, &'static str) {
    match verdict {
        Verdict::Refuse(Cause::TooLarge) => (0, "E6"),
        Verdict::Refuse(Cause::Expired) => (1, "E21"),
        Verdict::Accept(Level::Low | Level::Pressure) => (3, "E10"),
        _ => (2, "E5"),
    }
}
