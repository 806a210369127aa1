//! A memory manager over a plain table that may be wrong.

use crate::manager::{Cargo, Ledger};
use core::cell::Cell;
use tidemill_flow::{FULL_WEIGHT, Header, Manager, MemoryClass, Misuse, Payload, RawToken, Refused};
use tidemill_seam::PoolId;

super::faults! {
    /// The last payload that was stored is read through every token.
    ReadsTheLatest => "M1",
    /// The length in the header is left as it was.
    ForgetsTheLength => "M1",
    /// One slot is never given.
    HoldsOneLess => "M2",
    /// One slot more is given than there are.
    HoldsOneMore => "M2",
    /// A slot is given once.
    NeverReuses => "M3",
    /// Handles have no generation.
    NoGeneration => "M4",
    /// Generations are sixteen bits wide.
    SixteenBitGeneration => "M4",
    /// A share can be taken up any number of times.
    ClaimsTwice => "M5",
    /// The weight of a handle is taken at its word.
    TrustsTheWeight => "M5",
    /// Tokens of other pools are treated like its own.
    TakesForeigners => "M6",
    /// An aborted loan keeps its slot.
    LeaksOnAbort => "M7",
    /// A payload is dropped twice.
    DropsTwice => "M8",
    /// Payloads are dropped when their slot is used again.
    DropsLate => "M8",
    /// What is live is counted at each reserve and never again.
    CountsAtReserve => "M9",
    /// Loans do not count as live.
    LoansAreFree => "M9",
    /// A free slot is looked for from the first one on.
    LinearScan => "M10",
    /// Whoever holds a share may edit.
    EditsWhileShared => "M11",
    /// Nobody may edit.
    NeverEdits => "M11",
    /// A split loses a part of the weight.
    LosesWeight => "M12",
    /// The first share that comes back frees the slot.
    FreesAtTheFirst => "M12",
    /// Shares must come back in the order of their weight.
    RefusesLightShares => "M13",
}

const SLOTS: usize = 65;
const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// Weight that is out, in tokens or laid down.
    out: u16,
    laid: u16,
    content: Option<(Header, Cargo)>,
    below: usize,
    used: bool,
}

/// A manager of up to 64 slots, with at most one fault.
#[derive(Debug)]
pub struct Table {
    fault: Option<Fault>,
    id: PoolId,
    capacity: usize,
    slots: [Slot; SLOTS],
    top: usize,
    loans: u32,
    messages: u32,
    counted: u32,
    latest: usize,
    operations: Cell<u64>,
}

/// A share of a message. Nothing keeps it from being copied but that nobody does.
#[derive(Debug)]
pub struct Token(RawToken);

/// A slot before commit.
#[derive(Debug)]
pub struct Loan(usize);

impl Table {
    /// A manager of `capacity` slots, up to 64.
    pub fn new(capacity: u32, id: PoolId, fault: Option<Fault>) -> Option<Self> {
        let asked = capacity as usize;
        if asked >= SLOTS || asked == 0 {
            return None;
        }
        let last = match fault {
            Some(Fault::HoldsOneLess) => asked - 1,
            Some(Fault::HoldsOneMore) => asked + 1,
            _ => asked,
        };
        let slots = core::array::from_fn(|i| Slot {
            generation: 0,
            out: 0,
            laid: 0,
            content: None,
            below: if i + 1 < last { i + 1 } else { NONE },
            used: false,
        });
        let top = if last == 0 { NONE } else { 0 };
        let operations = Cell::new(0);
        Some(Self {
            fault,
            id,
            capacity: asked,
            slots,
            top,
            loans: 0,
            messages: 0,
            counted: 0,
            latest: 0,
            operations,
        })
    }

    /// Slots looked at since it was made.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn look(&self) {
        self.operations.set(self.operations.get() + 1);
    }

    fn check(&self, raw: &RawToken) -> Result<usize, Misuse> {
        self.look();
        if raw.pool != self.id && !self.is(Fault::TakesForeigners) {
            return Err(Misuse::Foreign);
        }
        let index = raw.index as usize;
        if index >= self.capacity {
            return Err(Misuse::Range);
        }
        let bits = match self.fault {
            Some(Fault::NoGeneration) => 0,
            Some(Fault::SixteenBitGeneration) => 0xFFFF,
            _ => u32::MAX,
        };
        let same = (self.slots[index].generation ^ raw.generation) & bits == 0;
        if same { Ok(index) } else { Err(Misuse::Stale) }
    }

    fn free(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.generation = slot.generation.wrapping_add(1);
        slot.out = 0;
        if self.fault != Some(Fault::NeverReuses) {
            slot.below = self.top;
            self.top = index;
        }
        self.messages -= 1;
        if self.fault == Some(Fault::DropsTwice)
            && let Some((_, cargo)) = &slot.content
        {
            drop(Cargo::new(cargo.number(), cargo.ledger()));
        }
        if self.fault != Some(Fault::DropsLate) {
            self.slots[index].content = None;
        }
    }

    /// The header as the manager has to leave it: the length has no setter outside flow, its bytes are public.
    fn sealed(header: Header, bytes: u32) -> Header {
        let mut raw = header.to_bytes();
        raw[36..40].copy_from_slice(&bytes.to_le_bytes());
        Header::check(&raw, u32::MAX).unwrap_or(header)
    }
}

impl Manager for Table {
    type Payload = Cargo;
    type Loan = Loan;
    type Token = Token;

    fn reserve(&mut self) -> Option<Loan> {
        self.look();
        if self.is(Fault::LinearScan) {
            (0..self.capacity).take_while(|i| self.slots[*i].content.is_some()).for_each(|_| self.look());
        }
        let index = self.top;
        let slot = self.slots.get_mut(index)?;
        slot.used = true;
        self.top = slot.below;
        self.loans += 1;
        self.counted = self.loans + self.messages;
        Some(Loan(index))
    }

    fn commit(&mut self, loan: Loan, header: Header, payload: Cargo) -> Token {
        self.look();
        self.loans -= 1;
        self.messages += 1;
        let header =
            if self.is(Fault::ForgetsTheLength) { header } else { Self::sealed(header, payload.bytes()) };
        let slot = &mut self.slots[loan.0];
        slot.content = Some((header, payload));
        slot.out = FULL_WEIGHT;
        slot.laid = 0;
        self.latest = loan.0;
        Token(RawToken {
            index: loan.0 as u32,
            generation: slot.generation,
            weight: FULL_WEIGHT,
            pool: self.id,
        })
    }

    fn abort(&mut self, loan: Loan) {
        self.look();
        self.loans -= 1;
        if !self.is(Fault::LeaksOnAbort) {
            self.slots[loan.0].below = self.top;
            self.top = loan.0;
        }
    }

    fn fork(&mut self, token: Token) -> Result<(Token, Token), Token> {
        let Token(raw) = token;
        if raw.weight < 2 {
            return Err(token);
        }
        let half = raw.weight / 2;
        let lost = u16::from(self.is(Fault::LosesWeight) && raw.weight > 2);
        let first = RawToken { weight: raw.weight - half - lost, ..raw };
        Ok((Token(first), Token(RawToken { weight: half, ..raw })))
    }

    fn raw(&self, token: &Token) -> RawToken {
        token.0
    }

    fn lay_down(&mut self, token: Token) -> Result<RawToken, Refused<Token>> {
        match self.check(&token.0) {
            Ok(index) => {
                self.slots[index].laid += token.0.weight;
                Ok(token.0)
            }
            Err(why) => Err(Refused { why, token }),
        }
    }

    fn claim(&mut self, raw: RawToken) -> Result<Token, Misuse> {
        let index = self.check(&raw)?;
        let slot = &mut self.slots[index];
        let trusts = self.fault == Some(Fault::TrustsTheWeight) && slot.laid > 0;
        if raw.weight == 0 || raw.weight > slot.laid && !trusts {
            return Err(Misuse::Stale);
        }
        if self.fault != Some(Fault::ClaimsTwice) {
            slot.laid = slot.laid.saturating_sub(raw.weight);
        }
        Ok(Token(raw))
    }

    fn give_back(&mut self, token: Token) -> Result<(), Refused<Token>> {
        let index = match self.check(&token.0) {
            Ok(index) => index,
            Err(why) => return Err(Refused { why, token }),
        };
        if self.is(Fault::RefusesLightShares) && token.0.weight < 1 << 9 {
            return Err(Refused { why: Misuse::Shared, token });
        }
        let slot = &mut self.slots[index];
        slot.out = slot.out.saturating_sub(token.0.weight);
        if slot.out == 0 || self.fault == Some(Fault::FreesAtTheFirst) && slot.content.is_some() {
            self.free(index);
        }
        Ok(())
    }

    fn view<'t>(&'t self, token: &'t Token) -> Result<(&'t Header, &'t Cargo), Misuse> {
        let index = self.check(&token.0)?;
        let index = if self.is(Fault::ReadsTheLatest) { self.latest } else { index };
        let (header, cargo) = self.slots[index].content.as_ref().ok_or(Misuse::Stale)?;
        Ok((header, cargo))
    }

    fn edit<'t>(&'t mut self, token: &'t mut Token) -> Result<&'t mut Cargo, Misuse> {
        let index = self.check(&token.0)?;
        let shared = token.0.weight != FULL_WEIGHT && !self.is(Fault::EditsWhileShared);
        if shared || self.is(Fault::NeverEdits) {
            return Err(Misuse::Shared);
        }
        self.slots[index].content.as_mut().map(|(_, cargo)| cargo).ok_or(Misuse::Stale)
    }

    fn capacity(&self) -> u32 {
        self.capacity as u32
    }

    fn live(&self) -> u32 {
        match self.fault {
            Some(Fault::CountsAtReserve) => self.counted,
            Some(Fault::LoansAreFree) => self.messages,
            _ => self.loans + self.messages,
        }
    }

    fn class(&self) -> MemoryClass {
        MemoryClass::Host
    }
}

/// What the suite says of a table with this fault, M10 included.
pub fn judge(fault: Option<Fault>, ledger: &'static Ledger, effort: crate::Effort) -> crate::Verdict {
    let mut passed = crate::manager::suite(|capacity, id| Table::new(capacity, id, fault), ledger, effort)?;
    if let Some(table) = Table::new(64, PoolId(7), fault) {
        passed.add(crate::manager::cost(table, ledger, Table::operations)?);
    }
    Ok(passed)
}
