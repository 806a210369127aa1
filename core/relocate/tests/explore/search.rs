use crate::world::{Action, Bounds, Sabotage, Sights, World};
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
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

/// The low half of a digest is as good as any hash of it.
#[derive(Default)]
struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("digests are numbers");
    }
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

/// 128 bits of a state, in two lanes of multiplications folded into themselves.
struct Digest(u64, u64);

impl Digest {
    fn word(&mut self, word: u64) {
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            (product as u64) ^ (product >> 64) as u64
        };
        self.0 = fold(self.0 ^ word, 0x9e37_79b9_7f4a_7c15).wrapping_add(self.1);
        self.1 = fold(self.1 ^ word.rotate_left(32), 0xd6e8_feb8_6659_fd93) ^ self.0.rotate_left(17);
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, word: u8) {
        self.word(word.into());
    }
    fn write_u32(&mut self, word: u32) {
        self.word(word.into());
    }
    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }
    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.word(word as u64);
    }
    fn write_u128(&mut self, word: u128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }
}

fn digest(world: &World) -> u128 {
    let mut digest = Digest(1, 2);
    world.hash(&mut digest);
    digest.word(0);
    u128::from(digest.0) << 64 | u128::from(digest.1)
}

/// Explores breadth first, so that what breaks a law does so in as few steps as can be. Only laws whose names begin with
/// `only` count.
pub(crate) fn search(bounds: Bounds, sabotage: Sabotage, only: &str, most: usize) -> Found {
    let begun = Instant::now();
    let mut seen = HashSet::<u128, BuildHasherDefault<Low>>::default();
    // How each state was reached: from which, and by what.
    let mut ways: Vec<(u32, Action)> = Vec::new();
    let start = World::new(bounds, sabotage);
    let start_sights = start.sights();
    seen.insert(digest(&start));
    let mut level = vec![(u32::MAX, start)];
    let (mut depth, mut sights) = (0, start_sights);
    while !level.is_empty() {
        let mut deeper = Vec::new();
        for (at, world) in level {
            for action in world.actions() {
                let mut next = world.clone();
                let broke = next.act(action).err().filter(|law| law.starts_with(only));
                let broke = broke.or_else(|| next.broken(&world, only));
                if let Some(law) = broke {
                    let mut run = vec![action];
                    let mut at = at;
                    while let Some((before, action)) = ways.get(at as usize) {
                        run.push(*action);
                        at = *before;
                    }
                    run.reverse();
                    return Found::Broken { law, run, states: seen.len() };
                }
                if seen.insert(digest(&next)) {
                    sights = sights.or(next.sights());
                    ways.push((at, action));
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
