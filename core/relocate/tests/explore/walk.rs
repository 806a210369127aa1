//! Long runs, one for each seed: far more items, lives and crashes than can be explored. The laws hold after every step, and
//! once everybody but the last lives is gone, everything is committed.

use crate::part::digest;
use crate::world::{Action, Bounds, Sabotage, World};
use std::hash::{DefaultHasher, Hasher};
use tidemill_relocate::{ConsumerEffect, Preset, ProducerEffect};

/// Far enough for several of everything.
pub(crate) const FAR: Bounds = Bounds {
    items: 24,
    generations: u64::MAX,
    producers: 6,
    consumers: 5,
    crashes: 4,
    atomic: false,
    stale: true,
    unknown: true,
    deaf: true,
    preset: Preset::ExactlyOnceEarly,
    lies: false,
    ends: false,
    rollbacks: 2,
    by_map: false,
    echoes: 4,
};
/// Steps until faults end, at most.
const STEPS: u64 = 400;
/// Steps of the last lives until everything is committed.
const HEALING: u64 = 2_000;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ word >> 31) % n as u64) as usize
    }
}

/// How often something rare is passed over: births, crashes, and what goes astray.
fn is_rare(action: Action) -> bool {
    matches!(
        action,
        Action::BearProducer
            | Action::BearConsumer
            | Action::Crash
            | Action::Lose(..)
            | Action::Blur(..)
            | Action::Deafen(..)
            | Action::DeafenTaker(..)
            | Action::Lag(..)
            | Action::Close(_)
            | Action::GoBack(_)
            | Action::Echo(_)
    )
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) world: World,
    pub(crate) steps: u64,
    /// Of everything that happened, in order.
    pub(crate) trace: u64,
}

/// One run.
pub(crate) fn walk(bounds: Bounds, seed: u64, sabotage: Sabotage) -> Result<Walked, String> {
    let mut seed = Seed(seed);
    let rarity = 1 + seed.below(40);
    let mut world = World::new(bounds, sabotage);
    let faults = 1 + seed.below(STEPS as usize) as u64;
    let mut trace = DefaultHasher::new();
    for _ in 0..faults {
        let actions = world.actions();
        if actions.is_empty() {
            break;
        }
        let mut action = actions[seed.below(actions.len())];
        let mut left = 8;
        while is_rare(action) && seed.below(rarity) > 0 && left > 0 {
            action = actions[seed.below(actions.len())];
            left -= 1;
        }
        take(&mut world, action)?;
        trace.write_u128(digest(&action));
    }
    let (world, steps) = heal(world, &mut seed, faults)?;
    trace.write_u128(digest(&world));
    Ok(Walked { world, steps, trace: trace.finish() })
}

/// Only the last lives go on, and nothing goes astray.
fn heal(mut world: World, seed: &mut Seed, faults: u64) -> Result<(World, u64), String> {
    while world.makers.last().is_none_or(|maker| maker.machine.error().is_some()) {
        take(&mut world, Action::BearProducer)?;
    }
    while world.takers.last().is_none_or(|taker| taker.machine.error().is_some()) {
        take(&mut world, Action::BearConsumer)?;
    }
    for step in 0..HEALING {
        let sights = world.sights();
        if sights.whole || world.bounds.lies && sights.found_out {
            return Ok((world, faults + step));
        }
        let (maker, taker) = (world.makers.len() - 1, world.takers.len() - 1);
        let last = |action: &Action| match *action {
            Action::Push(at)
            | Action::Checkpoint(at)
            | Action::Close(at)
            | Action::PollProducer(at)
            | Action::Produce(at, _) => at == maker,
            Action::PollConsumer(at) | Action::Consume(at, _) => at == taker,
            _ => false,
        };
        let actions: Vec<Action> = world.actions().into_iter().filter(last).collect();
        if actions.is_empty() {
            break;
        }
        let action = actions[seed.below(actions.len())];
        take(&mut world, action)?;
    }
    Err(format!("L1: not everything is committed, {}", standing(&world)))
}

fn take(world: &mut World, action: Action) -> Result<(), String> {
    let before = world.clone();
    let broke = world.act(action).err().or_else(|| world.broken(&before, ""));
    broke.map_or(Ok(()), |law| Err(format!("{law}, by {action:?}")))
}

/// Where a run that did not end stands.
fn standing(world: &World) -> String {
    let record = &world.record.record;
    let (maker, taker) = (world.makers.last(), world.takers.last());
    let wants: Vec<&ProducerEffect<_>> = maker.iter().flat_map(|maker| &maker.asks).collect();
    let asks: Vec<&ConsumerEffect<_>> = taker.iter().flat_map(|taker| &taker.asks).collect();
    format!(
        "frontier {}, floor {}, committed {}, producer {:?} wants {wants:?}, consumer {:?} asks {asks:?}",
        record.frontier.off,
        record.floor.off,
        world.taken.committed.len(),
        maker.map(|maker| (maker.machine.next(), maker.machine.error())),
        taker.map(|taker| (taker.machine.cursor(), taker.machine.error())),
    )
}
