use std::fmt;
use std::mem;

use tidemill_flow::{FULL_WEIGHT, Header, Manager, MemoryClass, Misuse, Payload, RawToken, Refused};
use tidemill_seam::PoolId;

use super::{Fate, Saboteur};

/// Where a payload lies in the pool that a [`Faulty`] manager wraps: with the number of its message, and empty once the
/// slot is poisoned.
#[derive(Debug)]
pub struct Berth<P> {
    number: u64,
    content: Option<P>,
}

/// The number on a slot that is free.
const POISON: u64 = u64::MAX;

impl<P: Payload> Payload for Berth<P> {
    const MAX_BYTES: u32 = P::MAX_BYTES;

    fn bytes(&self) -> u32 {
        self.content.as_ref().map_or(0, P::bytes)
    }
}

/// A share of a message of a [`Faulty`] manager. Linear, as every token.
#[must_use = "a dropped share keeps its slot busy: give it back"]
#[derive(PartialEq, Eq, Debug)]
pub struct Share {
    pool: PoolId,
    at: usize,
    serial: u64,
}

/// The token behind a share, and what has to be found there.
struct Held<T> {
    token: T,
    serial: u64,
    number: u64,
    /// Where the payload lies, another number after each move.
    address: u64,
}

/// A manager to which things happen: reservations fail, slots run out, free ones are poisoned, payloads move.
///
/// Wraps a manager of [`Berth`]s and shows their payloads. With [`MemoryFaults::NONE`](super::MemoryFaults::NONE) it keeps
/// every law of a manager; moving payloads breaks none either. A failed or exhausted reservation breaks M3, as it must.
///
/// It watches over the manager inside, too: a share that finds another message in its slot, or a poisoned slot, panics.
pub struct Faulty<M: Manager> {
    inner: M,
    saboteur: Saboteur,
    shares: Vec<Option<Held<M::Token>>>,
    free: Vec<usize>,
    /// Slots that somebody else holds, and for how many reservations more.
    hostages: Vec<M::Loan>,
    held_for: u32,
    serials: u64,
    numbers: u64,
    addresses: u64,
}

impl<P: Payload, M: Manager<Payload = Berth<P>>> Faulty<M> {
    /// The manager `inner`, as the saboteur lets it work.
    pub fn new(inner: M, saboteur: &Saboteur) -> Self {
        Self {
            inner,
            saboteur: saboteur.clone(),
            shares: Vec::new(),
            free: Vec::new(),
            hostages: Vec::new(),
            held_for: 0,
            serials: 0,
            numbers: 0,
            addresses: 0,
        }
    }

    /// Where the payload of a share lies: no two payloads ever lie at the same address, and one that moves lies at
    /// another one. `None` for a share of another pool.
    pub fn address(&self, share: &Share) -> Option<u64> {
        self.held(share).ok().map(|held| held.address)
    }

    /// The payload at an address, as one finds it who kept a pointer.
    ///
    /// # Errors
    /// [`Misuse::Stale`] where it was freed or has moved: there, a pointer would read poison.
    pub fn at(&self, address: u64) -> Result<&P, Misuse> {
        let held = self.shares.iter().flatten().find(|held| held.address == address).ok_or(Misuse::Stale)?;
        let (_, berth) = self.inner.view(&held.token)?;
        Ok(check(berth, held.number))
    }

    /// Moves every payload that somebody holds all of, as far as free slots go. Returns how many moved.
    pub fn relocate_all(&mut self) -> usize {
        let whole = self.whole();
        whole.into_iter().map(|at| usize::from(self.relocate(at))).sum()
    }

    /// Slots that somebody else holds at the moment.
    pub fn hostages(&self) -> usize {
        self.hostages.len()
    }

    /// Shares are linear, so one that is not in the table is not ours.
    fn held(&self, share: &Share) -> Result<&Held<M::Token>, Misuse> {
        let ours = |held: &&Held<M::Token>| {
            held.serial == share.serial && self.inner.raw(&held.token).pool == share.pool
        };
        self.shares.get(share.at).and_then(Option::as_ref).filter(ours).ok_or(Misuse::Foreign)
    }

    fn hold(&mut self, token: M::Token, number: u64, address: u64) -> Share {
        let (serial, pool) = (self.serials, self.inner.raw(&token).pool);
        self.serials += 1;
        let held = Some(Held { token, serial, number, address });
        let at = match self.free.pop() {
            Some(at) => {
                self.shares[at] = held;
                at
            }
            None => {
                self.shares.push(held);
                self.shares.len() - 1
            }
        };
        Share { pool, at, serial }
    }

    fn release(&mut self, share: Share) -> Result<Held<M::Token>, Refused<Share>> {
        match self.held(&share) {
            Ok(_) => {
                self.free.push(share.at);
                Ok(self.shares[share.at].take().expect("it was held a moment ago"))
            }
            Err(why) => Err(Refused { why, token: share }),
        }
    }

    fn next_address(&mut self) -> u64 {
        self.addresses += 1;
        self.addresses
    }

    /// Places in the table whose shares are whole messages.
    fn whole(&self) -> Vec<usize> {
        let weight = |held: &Held<M::Token>| self.inner.raw(&held.token).weight;
        let whole = |at: &usize| self.shares[*at].as_ref().is_some_and(|held| weight(held) == FULL_WEIGHT);
        (0..self.shares.len()).filter(whole).collect()
    }

    fn relocate(&mut self, at: usize) -> bool {
        let Some(loan) = self.inner.reserve() else { return false };
        let address = self.next_address();
        let Some(held) = &mut self.shares[at] else {
            self.inner.abort(loan);
            return false;
        };
        let header = self.inner.view(&held.token).map(|(header, _)| *header);
        let content = self.inner.edit(&mut held.token).map(|berth| mem::replace(berth, poison()));
        let (Ok(header), Ok(berth)) = (header, content) else {
            self.inner.abort(loan);
            return false;
        };
        assert_eq!(berth.number, held.number, "{OTHER}");
        let moved = self.inner.commit(loan, header, berth);
        let left = mem::replace(&mut held.token, moved);
        held.address = address;
        let taken = self.inner.give_back(left).is_ok();
        assert!(taken, "the pool refuses its own token");
        self.saboteur.note(|done| (done.relocated, done.poisoned) = (done.relocated + 1, done.poisoned + 1));
        true
    }

    fn let_go(&mut self) {
        for loan in mem::take(&mut self.hostages) {
            self.inner.abort(loan);
        }
    }

    /// Whether this reservation fails by decision; takes hostages and lets them go.
    fn fails(&mut self) -> bool {
        let fate = self.saboteur.reservation();
        if self.held_for > 0 {
            self.held_for -= 1;
            self.saboteur.note(|done| done.exhausted += 1);
            return true;
        }
        self.let_go();
        match fate {
            Fate::Served => false,
            Fate::Failed => {
                self.saboteur.note(|done| done.failed += 1);
                true
            }
            Fate::Exhausted(reservations) => {
                self.hostages.extend(std::iter::from_fn(|| self.inner.reserve()));
                self.held_for = reservations - 1;
                self.saboteur.note(|done| done.exhausted += 1);
                true
            }
        }
    }
}

const OTHER: &str = "a share finds another message in its slot, or poison";

const fn poison<P>() -> Berth<P> {
    Berth { number: POISON, content: None }
}

fn check<P>(berth: &Berth<P>, number: u64) -> &P {
    let found = berth.content.as_ref().filter(|_| berth.number == number);
    found.unwrap_or_else(|| panic!("{OTHER}: message {number} was to be read, not {}", berth.number))
}

impl<P: Payload, M: Manager<Payload = Berth<P>>> Manager for Faulty<M> {
    type Payload = P;
    type Loan = M::Loan;
    type Token = Share;

    fn reserve(&mut self) -> Option<M::Loan> {
        if self.fails() {
            return None;
        }
        let whole = self.whole();
        if let Some(which) = self.saboteur.moves(whole.len()) {
            self.relocate(whole[which]);
        }
        self.inner.reserve()
    }

    fn commit(&mut self, loan: M::Loan, header: Header, payload: P) -> Share {
        let number = self.numbers;
        self.numbers += 1;
        let token = self.inner.commit(loan, header, Berth { number, content: Some(payload) });
        let address = self.next_address();
        self.hold(token, number, address)
    }

    fn abort(&mut self, loan: M::Loan) {
        self.inner.abort(loan);
    }

    fn fork(&mut self, share: Share) -> Result<(Share, Share), Share> {
        let held = self.release(share).map_err(|refused| refused.token)?;
        let (number, address) = (held.number, held.address);
        match self.inner.fork(held.token) {
            Ok((one, other)) => Ok((self.hold(one, number, address), self.hold(other, number, address))),
            Err(token) => Err(self.hold(token, number, address)),
        }
    }

    fn raw(&self, share: &Share) -> RawToken {
        match self.held(share) {
            Ok(held) => self.inner.raw(&held.token),
            Err(_) => RawToken { index: u32::MAX, generation: 0, weight: 0, pool: share.pool },
        }
    }

    fn lay_down(&mut self, share: Share) -> Result<RawToken, Refused<Share>> {
        let Held { token, number, address, .. } = self.release(share)?;
        self.inner.lay_down(token).map_err(|refused| {
            let token = self.hold(refused.token, number, address);
            Refused { why: refused.why, token }
        })
    }

    fn claim(&mut self, raw: RawToken) -> Result<Share, Misuse> {
        let token = self.inner.claim(raw)?;
        let number = self.inner.view(&token)?.1.number;
        let address = self.next_address();
        Ok(self.hold(token, number, address))
    }

    fn give_back(&mut self, share: Share) -> Result<(), Refused<Share>> {
        let Held { mut token, number, address, .. } = self.release(share)?;
        if let Ok(berth) = self.inner.edit(&mut token) {
            assert_eq!(berth.number, number, "{OTHER}");
            drop(mem::replace(berth, poison()));
            self.saboteur.note(|done| done.poisoned += 1);
        }
        self.inner.give_back(token).map_err(|refused| {
            let token = self.hold(refused.token, number, address);
            Refused { why: refused.why, token }
        })
    }

    fn view<'t>(&'t self, share: &'t Share) -> Result<(&'t Header, &'t P), Misuse> {
        let held = self.held(share)?;
        let (header, berth) = self.inner.view(&held.token)?;
        Ok((header, check(berth, held.number)))
    }

    fn edit<'t>(&'t mut self, share: &'t mut Share) -> Result<&'t mut P, Misuse> {
        self.held(share)?;
        let held = self.shares[share.at].as_mut().ok_or(Misuse::Stale)?;
        let berth = self.inner.edit(&mut held.token)?;
        check(berth, held.number);
        berth.content.as_mut().ok_or(Misuse::Stale)
    }

    fn capacity(&self) -> u32 {
        self.inner.capacity()
    }

    fn live(&self) -> u32 {
        self.inner.live()
    }

    fn class(&self) -> MemoryClass {
        self.inner.class()
    }
}

impl<M: Manager> Drop for Faulty<M> {
    fn drop(&mut self) {
        for loan in mem::take(&mut self.hostages) {
            self.inner.abort(loan);
        }
    }
}

impl<M: Manager> fmt::Debug for Faulty<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("saboteur", &self.saboteur).finish_non_exhaustive()
    }
}
