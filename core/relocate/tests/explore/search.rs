use crate::part::{Low, digest};
use crate::world::{Action, Bounds, Pools, Sabotage, Sights, World};
use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::time::Instant;

/// What a search came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// Every run within the bounds keeps the laws.
    Exhausted { states: usize, depth: usize, seconds: f64, sights: Sights },
    /// So many states were seen, and there are more.
    NotExhausted { states: usize, depth: usize, seconds: f64 },
    /// A shortest run that breaks a law.
    Broken { law: &'static str, run: Vec<Action>, states: usize },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { states, depth, seconds, .. } => {
                write!(f, "{states} states, {depth} steps deep, clean, {seconds:.1} s")
            }
            Self::NotExhausted { states, depth, seconds } => {
                write!(f, "not exhausted: {states} states, {depth} steps deep, {seconds:.1} s")
            }
            Self::Broken { law, run, states } => {
                writeln!(f, "{law} after {} steps, {states} states:", run.len())?;
                run.iter().try_for_each(|action| writeln!(f, "  {action:?}"))
            }
        }
    }
}

/// Explores breadth first, so that what breaks a law does so in as few steps as can be. Only laws whose names begin with
/// `only` count.
pub(crate) fn search(bounds: Bounds, sabotage: Sabotage, only: &str, most: usize) -> Found {
    let begun = Instant::now();
    let mut seen = HashSet::<u128, BuildHasherDefault<Low>>::default();
    // How each state was reached: from which, and by which of its actions.
    let mut ways: Vec<(u32, u8)> = Vec::new();
    let start = World::new(bounds, sabotage);
    let mut sights = start.sights();
    seen.insert(digest(&start));
    let (mut level, mut depth) = (vec![(u32::MAX, start)], 0);
    while !level.is_empty() {
        let (mut deeper, mut pools) = (Vec::new(), Pools::default());
        for (at, world) in level {
            for (which, action) in world.actions().into_iter().enumerate() {
                let mut next = world.clone();
                let broke = next.act(action).err().filter(|law| law.starts_with(only));
                if let Some(law) = broke.or_else(|| next.broken(&world, only)) {
                    let run = way(&ways, at, which as u8, World::new(bounds, sabotage));
                    return Found::Broken { law, run, states: seen.len() };
                }
                if seen.insert(digest(&next)) {
                    sights = sights.or(next.sights());
                    ways.push((at, which as u8));
                    next.share(&mut pools);
                    deeper.push((ways.len() as u32 - 1, next));
                }
            }
            if seen.len() > most {
                let seconds = begun.elapsed().as_secs_f64();
                return Found::NotExhausted { states: seen.len(), depth, seconds };
            }
        }
        level = deeper;
        depth += 1;
    }
    Found::Exhausted { states: seen.len(), depth, seconds: begun.elapsed().as_secs_f64(), sights }
}

/// The run to a state, and one action more.
fn way(ways: &[(u32, u8)], mut at: u32, last: u8, mut world: World) -> Vec<Action> {
    let mut turns = vec![last];
    while let Some((before, which)) = ways.get(at as usize) {
        turns.push(*which);
        at = *before;
    }
    let turns = turns.into_iter().rev().map(|which| {
        let action = world.actions()[usize::from(which)];
        _ = world.act(action);
        action
    });
    turns.collect()
}
