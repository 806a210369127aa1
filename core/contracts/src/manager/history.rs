use super::single::reads_as;
use super::{Cargo, Ledger, header};
use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};
use tidemill_flow::{Manager, Misuse, RawToken};

/// Loans, tokens and handles out at one time.
const HELD: usize = 96;

enum Held<M: Manager> {
    Loan(M::Loan),
    Token { token: M::Token, number: u32, whole: bool },
    Laid { raw: RawToken, number: u32, whole: bool },
}

impl<M: Manager> Held<M> {
    fn number(&self) -> Option<u32> {
        match self {
            Self::Loan(_) => None,
            Self::Token { number, .. } | Self::Laid { number, .. } => Some(*number),
        }
    }
}

struct Bench<M: Manager> {
    trial: Trial,
    manager: M,
    capacity: u32,
    held: [Option<Held<M>>; HELD],
    next: u32,
    ledger: &'static Ledger,
    deaths: (u32, u32),
}

/// M9, and every other law in a random mixture.
pub fn history<M: Manager<Payload = Cargo>>(
    manager: M,
    capacity: u32,
    ledger: &'static Ledger,
    seed: u64,
    effort: Effort,
) -> Verdict {
    let held = [const { None }; HELD];
    let deaths = ledger.deaths();
    let mut bench = Bench { trial: Trial::new(seed), manager, capacity, held, next: 1, ledger, deaths };
    for _ in 0..effort.steps() {
        bench.trial.next();
        bench.step()?;
        bench.figures()?;
    }
    Ok(bench.trial.passed())
}

impl<M: Manager<Payload = Cargo>> Bench<M> {
    /// Slots in use, by looking: one for each loan, and one for each number that somebody holds.
    fn live(&self) -> u32 {
        let mut live = 0;
        for (at, held) in self.held.iter().enumerate() {
            let Some(held) = held else { continue };
            let first = held.number().is_none_or(|number| self.shares(number, at) == 0);
            live += u32::from(first);
        }
        live
    }

    /// Shares of a number below `end`.
    fn shares(&self, number: u32, end: usize) -> usize {
        self.held[..end].iter().flatten().filter(|held| held.number() == Some(number)).count()
    }

    fn figures(&mut self) -> Result<(), Violation> {
        let live = self.live();
        self.trial.same("M9", live, self.manager.live(), "what is live is miscounted")?;
        self.trial.same("M9", self.capacity, self.manager.capacity(), "the capacity changes")?;
        let same = self.ledger.deaths() == self.deaths;
        self.trial.require("M8", same, "a payload is dropped too early, too late or twice")
    }

    fn step(&mut self) -> Result<(), Violation> {
        let at = self.trial.dice.below(HELD as u32) as usize;
        match self.held[at].take() {
            None if self.trial.dice.one_in(3) => self.reserve(at),
            None => Ok(()),
            Some(Held::Loan(loan)) if self.trial.dice.one_in(4) => {
                self.manager.abort(loan);
                Ok(())
            }
            Some(Held::Loan(loan)) => {
                let number = self.next;
                self.next += 1;
                let token = self.manager.commit(loan, header(number), Cargo::new(number, self.ledger));
                self.held[at] = Some(Held::Token { token, number, whole: true });
                Ok(())
            }
            Some(Held::Token { token, number, whole }) => self.token(at, token, number, whole),
            Some(Held::Laid { raw, number, whole }) => {
                let claimed = self.manager.claim(raw);
                let token = claimed
                    .map_err(|_| self.trial.violation("M5", "what was laid down cannot be taken up"))?;
                self.held[at] = Some(Held::Token { token, number, whole });
                Ok(())
            }
        }
    }

    fn reserve(&mut self, at: usize) -> Result<(), Violation> {
        let full = self.live() == self.capacity;
        let loan = self.manager.reserve();
        self.trial.require("M2", !(full && loan.is_some()), "more than N fit")?;
        self.trial.require("M3", full || loan.is_some(), "a free slot is not given")?;
        self.held[at] = loan.map(Held::Loan);
        Ok(())
    }

    fn token(&mut self, at: usize, mut token: M::Token, number: u32, whole: bool) -> Result<(), Violation> {
        reads_as(&mut self.trial, &self.manager, &token, number, "M1")?;
        let last = self.shares(number, HELD) == 0;
        match self.trial.dice.below(8) {
            0..=3 => {
                let refused = self.manager.give_back(token).is_err();
                self.trial.require("M13", !refused, "giving back fails")?;
                if last {
                    self.deaths = Ledger::after(self.deaths, number);
                }
                let law = if whole { "M8" } else { "M12" };
                let same = self.ledger.deaths() == self.deaths;
                return self.trial.require(law, same, "a payload is not dropped with its last share");
            }
            4..=5 => {
                if let Some(free) = self.held.iter().position(Option::is_none).filter(|free| *free != at) {
                    return match self.manager.fork(token) {
                        Ok((token, other)) => {
                            self.held[at] = Some(Held::Token { token, number, whole: false });
                            self.held[free] = Some(Held::Token { token: other, number, whole: false });
                            Ok(())
                        }
                        Err(token) => {
                            self.held[at] = Some(Held::Token { token, number, whole });
                            self.trial.require("M12", !whole, "a whole message cannot be shared")
                        }
                    };
                }
            }
            6 => {
                let Ok(raw) = self.manager.lay_down(token) else {
                    return Err(self.trial.violation("M5", "a good token cannot be laid down"));
                };
                self.held[at] = Some(Held::Laid { raw, number, whole });
                return Ok(());
            }
            _ => {
                let outcome = self.manager.edit(&mut token).map(|cargo| cargo.is(number));
                let due = if whole { Ok(true) } else { Err(Misuse::Shared) };
                self.trial.require("M11", outcome == due, "who may edit is misjudged")?;
            }
        }
        self.held[at] = Some(Held::Token { token, number, whole });
        Ok(())
    }
}
