use core::fmt;

use super::RawToken;
use crate::message::{Header, MemoryClass, Payload};

/// Why a manager refuses a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misuse {
    /// It belongs to another pool.
    Foreign,
    /// There is no such slot.
    Range,
    /// That use of the slot is over, or this share of it was never laid down.
    Stale,
    /// Somebody else holds a share of it.
    Shared,
}

/// A token that was not taken, and why. The token is still good.
#[derive(Debug)]
#[must_use = "the token inside keeps its slot busy"]
pub struct Refused<T> {
    /// Why.
    pub why: Misuse,
    /// What comes back.
    pub token: T,
}

/// The one who hands out slots for messages, and takes them in.
///
/// Laws M1 to M16 of [this module](super).
pub trait Manager {
    /// What the slots hold.
    type Payload: Payload;
    /// A slot before commit. Dropping it instead of committing or aborting it may lose the slot until the pool goes.
    type Loan;
    /// A share of a committed message.
    type Token;

    /// A free slot, or `None` where all are in use.
    fn reserve(&mut self) -> Option<Self::Loan>;

    /// Makes the loan a message, of full weight. Sets the length and the memory class of the header.
    fn commit(&mut self, loan: Self::Loan, header: Header, payload: Self::Payload) -> Self::Token;

    /// Takes the loan back unused.
    fn abort(&mut self, loan: Self::Loan);

    /// Splits a token, or returns it where it cannot be split.
    fn fork(&mut self, token: Self::Token) -> Result<(Self::Token, Self::Token), Self::Token>;

    /// What a token says about itself, in numbers.
    fn raw(&self, token: &Self::Token) -> RawToken;

    /// Lays a token down: its share waits for somebody to [`claim`](Self::claim) it.
    fn lay_down(&mut self, token: Self::Token) -> Result<RawToken, Refused<Self::Token>>;

    /// Takes up a share that was laid down. An allegation that is not true changes nothing.
    fn claim(&mut self, raw: RawToken) -> Result<Self::Token, Misuse>;

    /// Takes a share in; with the last one the payload is dropped and the slot is free.
    fn give_back(&mut self, token: Self::Token) -> Result<(), Refused<Self::Token>>;

    /// The message of a token.
    fn view<'t>(&'t self, token: &'t Self::Token) -> Result<(&'t Header, &'t Self::Payload), Misuse>;

    /// The payload to work on in place, for who holds all of it.
    fn edit<'t>(&'t mut self, token: &'t mut Self::Token) -> Result<&'t mut Self::Payload, Misuse>;

    /// How many slots there are.
    fn capacity(&self) -> u32;

    /// How many are on loan or hold a message. Returns that the home has not yet taken in count as live.
    fn live(&self) -> u32;

    /// Where the slots lie.
    fn class(&self) -> MemoryClass;
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "a token of another pool",
            Self::Range => "no such slot",
            Self::Stale => "that use of the slot is over",
            Self::Shared => "somebody else holds a share of the message",
        })
    }
}

impl core::error::Error for Misuse {}
