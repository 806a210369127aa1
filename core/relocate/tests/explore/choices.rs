//! What can happen next.

use crate::world::{Action, Maker, Sabotage, Taker, World};
use std::hash::{BuildHasher, RandomState};
use tidemill_relocate::{ConsumerEffect, Mutant, ProducerEffect, Verb};

impl World {
    /// Everything that can happen next.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let moving = self.makers.iter().position(|maker| self.bounds.atomic && self.moves(maker));
        for (at, maker) in self.makers.iter().enumerate() {
            if moving.is_none_or(|moving| moving == at) {
                self.producer_actions(at, maker, moving.is_some(), &mut actions);
            }
        }
        if moving.is_some() && !actions.is_empty() {
            return actions;
        }
        for (at, taker) in self.takers.iter().enumerate() {
            self.consumer_actions(at, taker, &mut actions);
        }
        if self.makers.len() < self.bounds.producers {
            actions.push(Action::BearProducer);
        }
        if self.takers.len() < self.bounds.consumers {
            actions.push(Action::BearConsumer);
        }
        if self.crashes < self.bounds.crashes && self.host.segments() > 0 {
            actions.push(Action::Crash);
        }
        if self.echoes < self.bounds.echoes {
            actions.extend((0..self.ghosts.forgotten.len()).map(Action::Echo));
        }
        if self.sabotage == Sabotage::HashOrder {
            let order = RandomState::new();
            actions.sort_by_cached_key(|action| order.hash_one(action));
        }
        actions
    }

    /// Whether a producer has begun a move, beyond reading the record.
    fn moves(&self, maker: &Maker) -> bool {
        maker.asks.iter().any(|ask| match ask {
            ProducerEffect::Ask(_, _, request) => {
                matches!(request.verb, Verb::Seal { .. } | Verb::Alloc { .. })
            }
            ProducerEffect::Swap(..) => !maker.machine.is_active(),
            _ => false,
        })
    }

    fn producer_actions(&self, at: usize, maker: &Maker, moving: bool, actions: &mut Vec<Action>) {
        for (which, ask) in maker.asks.iter().enumerate() {
            match ask {
                ProducerEffect::Ask(_, _, request) => {
                    let generation = match request.verb {
                        Verb::Seal { by } => by,
                        _ => request.target.generation,
                    };
                    if generation.get() <= self.bounds.generations {
                        actions.push(Action::Produce(at, which));
                        if !matches!(request.verb, Verb::Alloc { .. }) {
                            actions.push(Action::Lose(at, which));
                        }
                        if self.bounds.deaf {
                            actions.push(Action::Deafen(at, which));
                        }
                    }
                }
                _ => actions.push(Action::Produce(at, which)),
            }
            if self.bounds.unknown && matches!(ask, ProducerEffect::Swap(..)) {
                actions.extend([false, true].map(|done| Action::Blur(at, which, done)));
            }
        }
        if moving {
            return;
        }
        let eager = self.sabotage == Sabotage::In(Mutant::ProduceBeforeAcquire);
        if (maker.machine.is_active() || eager)
            && !maker.closed
            && maker.machine.next() < u64::from(self.bounds.items)
        {
            actions.push(Action::Push(at));
        }
        if maker.machine.is_active() || eager {
            let lives = self.written.inc == maker.machine.inc().0;
            let ends = maker.closed && !self.written.ended;
            if maker.machine.next() > self.written.durable.off || ends || !lives {
                actions.push(Action::Checkpoint(at));
            }
            // Whoever repeats itself ends where it ended before.
            let least = if self.bounds.is_deterministic() { self.bounds.items } else { 1 };
            if self.bounds.ends && !maker.closed && maker.machine.next() >= u64::from(least) {
                actions.push(Action::Close(at));
            }
            if lives && maker.machine.speculates() && self.rollbacks < self.bounds.rollbacks {
                actions.push(Action::GoBack(at));
            }
            let asks = |ask: &_| matches!(ask, ProducerEffect::Read(_) | ProducerEffect::Swap(..));
            if maker.machine.is_active() && !maker.asks.iter().any(asks) {
                actions.push(Action::PollProducer(at));
            }
        }
    }

    fn consumer_actions(&self, at: usize, taker: &Taker, actions: &mut Vec<Action>) {
        for (which, ask) in taker.asks.iter().enumerate() {
            actions.push(Action::Consume(at, which));
            if self.bounds.deaf && matches!(ask, ConsumerEffect::Ask(..)) {
                actions.push(Action::DeafenTaker(at, which));
            }
            if self.bounds.stale && matches!(ask, ConsumerEffect::Read(_)) && self.before.is_some() {
                actions.push(Action::Lag(at, which));
            }
        }
        if taker.machine.error().is_none()
            && !taker.asks.iter().any(|ask| matches!(ask, ConsumerEffect::Read(_)))
        {
            actions.push(Action::PollConsumer(at));
        }
    }
}
