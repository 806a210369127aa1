use super::{Cargo, HERE, Ledger, header};
use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};
use tidemill_flow::{Manager, Misuse, Payload, RawToken};

/// Slots that one law looks at, at most.
const HELD: usize = 64;

fn held<T>() -> [Option<T>; HELD] {
    [const { None }; HELD]
}

fn store<M: Manager<Payload = Cargo>>(
    trial: &mut Trial,
    manager: &mut M,
    number: u32,
    ledger: &'static Ledger,
) -> Result<M::Token, Violation> {
    match manager.reserve() {
        Some(loan) => Ok(manager.commit(loan, header(number), Cargo::new(number, ledger))),
        None => Err(trial.violation("M3", "a free slot is not given")),
    }
}

fn give_back<M: Manager>(trial: &mut Trial, manager: &mut M, token: M::Token) -> Result<(), Violation> {
    manager.give_back(token).map_err(|_| trial.violation("M13", "giving back fails"))
}

/// Reserves all there is; gives how many there were.
fn reserve_all<M: Manager>(manager: &mut M, loans: &mut [Option<M::Loan>; HELD]) -> u32 {
    let mut count = 0;
    for place in loans {
        let Some(loan) = manager.reserve() else { return count };
        *place = Some(loan);
        count += 1;
    }
    count + u32::from(manager.reserve().is_some())
}

/// M2, M3, M7, M8: exactly N fit; again after all loans were aborted, and after all messages came back.
pub fn fills<M: Manager<Payload = Cargo>>(mut manager: M, capacity: u32, ledger: &'static Ledger) -> Verdict {
    let mut trial = Trial::new(0x3A02);
    let (mut loans, mut tokens) = (held::<M::Loan>(), held::<M::Token>());
    trial.same("M2", capacity, manager.capacity(), "the capacity is not the one asked for")?;
    trial.same("M2", capacity, reserve_all(&mut manager, &mut loans), "more or fewer than N fit")?;
    for loan in loans.iter_mut().filter_map(Option::take) {
        manager.abort(loan);
    }
    let mut deaths = ledger.deaths();
    for round in 0..4 {
        trial.next();
        let (law, what) = if round == 0 {
            ("M7", "an aborted loan keeps its slot")
        } else {
            ("M3", "a freed slot is not given again")
        };
        trial.same(law, capacity, reserve_all(&mut manager, &mut loans), what)?;
        for ((i, loan), token) in (0..).zip(loans.iter_mut().filter_map(Option::take)).zip(&mut tokens) {
            *token = Some(manager.commit(loan, header(i), Cargo::new(i, ledger)));
        }
        trial.require("M2", manager.reserve().is_none(), "more than N fit")?;
        trial.require("M8", ledger.deaths() == deaths, "a payload is dropped while its token lives")?;
        for (i, token) in (0..).zip(tokens.iter_mut().filter_map(Option::take)) {
            give_back(&mut trial, &mut manager, token)?;
            deaths = Ledger::after(deaths, i);
            trial.require(
                "M8",
                ledger.deaths() == deaths,
                "a payload is not dropped once with its last token",
            )?;
        }
    }
    Ok(trial.passed())
}

/// M1, M14: what was stored is read, with the length and the class that are true.
pub fn reads<M: Manager<Payload = Cargo>>(mut manager: M, capacity: u32, ledger: &'static Ledger) -> Verdict {
    let mut trial = Trial::new(0x3A01);
    let mut tokens = held::<M::Token>();
    for round in 0..4 {
        trial.next();
        let numbers = round * 1_000..round * 1_000 + capacity;
        for (number, place) in numbers.clone().zip(&mut tokens) {
            *place = Some(store(&mut trial, &mut manager, number, ledger)?);
        }
        for (number, token) in numbers.zip(&tokens) {
            let Some(token) = token else { break };
            reads_as(&mut trial, &manager, token, number, "M1")?;
        }
        for token in tokens.iter_mut().filter_map(Option::take) {
            give_back(&mut trial, &mut manager, token)?;
        }
    }
    Ok(trial.passed())
}

pub(super) fn reads_as<M: Manager<Payload = Cargo>>(
    trial: &mut Trial,
    manager: &M,
    token: &M::Token,
    number: u32,
    law: &'static str,
) -> Result<(), Violation> {
    let (found, cargo) =
        manager.view(token).map_err(|_| trial.violation(law, "a token does not show its message"))?;
    trial.require(law, cargo.is(number), "another payload is read than was stored")?;
    trial.same(
        "M1",
        cargo.bytes(),
        found.bytes(),
        "the header states another length than the payload has",
    )?;
    trial.require(
        "M14",
        found.class() == manager.class(),
        "the header states another class than the memory has",
    )?;
    let sent = header(number);
    let same = (found.trace, found.sequence) == (sent.trace, sent.sequence)
        && (found.created(), found.deadline()) == (sent.created(), sent.deadline());
    trial.require(law, same, "another header is read than was stored")
}

/// M11, M12: shares are returned in any order; the slot is free after the last of them; whoever shares does not edit.
pub fn shares<M: Manager<Payload = Cargo>>(
    mut manager: M,
    _capacity: u32,
    ledger: &'static Ledger,
) -> Verdict {
    const SHARES: usize = 12;
    let mut trial = Trial::new(0x3A12);
    for round in 0..64 {
        trial.next();
        let mut number = round;
        let mut tokens: [Option<M::Token>; SHARES] = [const { None }; SHARES];
        let mut whole = store(&mut trial, &mut manager, number, ledger)?;
        // An odd length of what is edited would show in the header, which stays as it was: same length, other number.
        number += Cargo::LONGEST + 1;
        let edited = manager.edit(&mut whole).map(|cargo| cargo.relabel(number));
        trial.require("M11", edited.is_ok(), "the only holder may not edit")?;
        tokens[0] = Some(whole);
        let count = 2 + trial.dice.below(SHARES as u32 - 1) as usize;
        for i in 1..count {
            let from = trial.dice.below(i as u32) as usize;
            let Some(token) = tokens[from].take() else { continue };
            let (one, mut other) = manager
                .fork(token)
                .map_err(|_| trial.violation("M12", "a message cannot be shared twelve ways"))?;
            let edit = manager.edit(&mut other).is_err();
            trial.require("M11", edit, "a message is edited that somebody shares")?;
            tokens[from] = Some(one);
            tokens[i] = Some(other);
        }
        let before = ledger.deaths();
        for left in (0..count).rev() {
            let at = trial.dice.below(left as u32 + 1) as usize;
            let token = tokens[at].take();
            tokens.swap(at, left);
            let Some(token) = token else { continue };
            let alive = ledger.deaths() == before;
            trial.require("M12", alive, "a slot is free before its last share has come back")?;
            let shown = manager.view(&token).is_ok_and(|(_, cargo)| cargo.is(number));
            trial.require("M12", shown, "a share does not show the message")?;
            give_back(&mut trial, &mut manager, token)?;
        }
        let freed = ledger.deaths() == Ledger::after(before, number);
        trial.require("M12", freed, "a slot is not free although every share has come back")?;
    }
    Ok(trial.passed())
}

/// M4, M5: a handle works once, and only while its message lives.
pub fn handles<M: Manager<Payload = Cargo>>(
    mut manager: M,
    capacity: u32,
    ledger: &'static Ledger,
) -> Verdict {
    let mut trial = Trial::new(0x3A04);
    let mut stale: [Option<RawToken>; 8] = [None; 8];
    for number in 0..256 {
        trial.next();
        let token = store(&mut trial, &mut manager, number, ledger)?;
        let unlaid = manager.raw(&token);
        let claimed = manager.claim(unlaid).is_ok();
        trial.require("M5", !claimed, "a share is taken up that was never laid down")?;
        let Ok(raw) = manager.lay_down(token) else {
            return Err(trial.violation("M5", "a good token cannot be laid down"));
        };
        for old in stale.iter().flatten() {
            let why = manager.claim(*old).err();
            trial.require("M4", why == Some(Misuse::Stale), "a handle outlives its message")?;
        }
        let beyond = RawToken { index: capacity + trial.dice.below(9), ..raw };
        trial.require("M4", manager.claim(beyond).is_err(), "a slot is claimed that does not exist")?;
        let heavier = RawToken { weight: raw.weight.wrapping_add(1), ..raw };
        trial.require("M5", manager.claim(heavier).is_err(), "more is taken up than was laid down")?;
        let token =
            manager.claim(raw).map_err(|_| trial.violation("M5", "what was laid down cannot be taken up"))?;
        let again = manager.claim(raw).err();
        trial.require("M5", again == Some(Misuse::Stale), "a share is taken up twice")?;
        reads_as(&mut trial, &manager, &token, number, "M5")?;
        let before = ledger.deaths();
        give_back(&mut trial, &mut manager, token)?;
        let freed = ledger.deaths() == Ledger::after(before, number);
        trial.require("M5", freed, "a refused claim keeps the slot")?;
        stale[number as usize % stale.len()] = Some(raw);
    }
    Ok(trial.passed())
}

/// M4 over 2^17 uses of one slot; 2^16 and some at [`Effort::Board`].
pub fn reuse<M: Manager<Payload = Cargo>>(
    mut manager: M,
    ledger: &'static Ledger,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0x3A17);
    let token = store(&mut trial, &mut manager, 0, ledger)?;
    let Ok(old) = manager.lay_down(token) else {
        return Err(trial.violation("M5", "a good token cannot be laid down"));
    };
    let mut raw = old;
    let uses = if effort == Effort::Board { (1 << 16) + 8 } else { 1 << 17 };
    for number in 1..=uses {
        trial.next();
        let token =
            manager.claim(raw).map_err(|_| trial.violation("M5", "what was laid down cannot be taken up"))?;
        give_back(&mut trial, &mut manager, token)?;
        let token = store(&mut trial, &mut manager, number, ledger)?;
        raw =
            manager.lay_down(token).map_err(|_| trial.violation("M5", "a good token cannot be laid down"))?;
        let why = manager.claim(old).err();
        trial.require(
            "M4",
            why == Some(Misuse::Stale),
            "a handle works again once its slot was used often enough",
        )?;
    }
    Ok(trial.passed())
}

/// M6: a token of another pool is refused everywhere, and stays good.
pub fn foreign<M: Manager<Payload = Cargo>>(
    mut here: M,
    mut elsewhere: M,
    ledger: &'static Ledger,
) -> Verdict {
    let mut trial = Trial::new(0x3A06);
    for number in 0..32 {
        trial.next();
        let kept = store(&mut trial, &mut here, number, ledger)?;
        let mut token = store(&mut trial, &mut elsewhere, 100 + number, ledger)?;
        let seen = here.view(&token).map(|_| ()).err();
        trial.require("M6", seen == Some(Misuse::Foreign), "a token of another pool is read")?;
        let edited = here.edit(&mut token).map(|_| ()).err();
        trial.require("M6", edited == Some(Misuse::Foreign), "a token of another pool is edited")?;
        let Err(refused) = here.give_back(token) else {
            return Err(trial.violation("M6", "a token of another pool is given back"));
        };
        trial.require(
            "M6",
            refused.why == Misuse::Foreign,
            "a token of another pool is refused for another reason",
        )?;
        let Err(refused) = here.lay_down(refused.token) else {
            return Err(trial.violation("M6", "a token of another pool is laid down"));
        };
        reads_as(&mut trial, &elsewhere, &refused.token, 100 + number, "M6")?;
        let Ok(raw) = elsewhere.lay_down(refused.token) else {
            return Err(trial.violation("M6", "a refused token is not good any more"));
        };
        trial.require("M6", raw.pool != HERE, "a token names another pool than its own")?;
        let claimed = here.claim(raw).err();
        trial.require("M6", claimed == Some(Misuse::Foreign), "a handle of another pool is claimed")?;
        let token = elsewhere
            .claim(raw)
            .map_err(|_| trial.violation("M6", "a refused handle is not good any more"))?;
        reads_as(&mut trial, &here, &kept, number, "M6")?;
        give_back(&mut trial, &mut elsewhere, token)?;
        give_back(&mut trial, &mut here, kept)?;
    }
    Ok(trial.passed())
}
