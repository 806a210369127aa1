/// Changes inputs, as its seed says.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
    words: &'static [&'static str],
}

/// Bytes that parsers trip over.
const TELLING: &[&[u8]] = &[
    b"\n",
    b"#",
    b"=",
    b"0",
    b"-1",
    b"\0",
    b"18446744073709551615",
    b"\xff\xff\xff\xff",
    b"\xc3\x28",
    b"end\n",
];

impl Mutator {
    /// The longest input, in bytes.
    pub const LEN_MAX: usize = 1 << 14;

    /// A mutator of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, words: &[] }
    }

    /// The same, which also knows these words.
    #[must_use]
    pub fn speaking(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n.max(1) as u128) >> 64) as usize
    }

    /// One of them, the later the more often.
    fn pick<'a>(&mut self, from: &'a [Vec<u8>]) -> &'a [u8] {
        let at = self.below(from.len()).max(self.below(from.len()));
        from.get(at).map_or(&[], Vec::as_slice)
    }

    /// One of `seeds` with one change, half as often with two, and so on.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(seeds).to_vec();
        for _ in 0..=self.next().trailing_zeros().min(7) {
            self.change(&mut input, seeds);
        }
        input.truncate(Self::LEN_MAX);
        input
    }

    fn word(&mut self) -> &'static [u8] {
        let at = self.below(TELLING.len() + self.words.len());
        TELLING.get(at).copied().unwrap_or_else(|| self.words[at - TELLING.len()].as_bytes())
    }

    /// Makes the little-endian number in the first `width` bytes a little greater or smaller, or one at the edge.
    fn nudge(input: &mut [u8], width: usize, how: u64) {
        let Some(place) = input.get_mut(..width) else { return };
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(place);
        let (number, by) = (u64::from_le_bytes(bytes), 1 + (how >> 8) % 16);
        let number = match how % 4 {
            0 => number.wrapping_add(by),
            1 => number.wrapping_sub(by),
            2 => by,
            _ => u64::MAX - by,
        };
        place.copy_from_slice(&number.to_le_bytes()[..width]);
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(64) + 1);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 => drop(input.drain(at..end)),
            3 => {
                let copy = input[at..end].to_vec();
                drop(input.splice(at..at, copy));
            }
            4 => {
                let word = self.word();
                drop(input.splice(at..at, word.iter().copied()));
            }
            5 => {
                let other = self.pick(seeds);
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => Self::nudge(&mut input[at..], 1 << self.below(4), self.next()),
            7 => {
                let word = self.word();
                let end = (at + word.len()).min(input.len());
                drop(input.splice(at..end, word.iter().copied()));
            }
            _ => {
                let many = self.below(16);
                let bytes: Vec<u8> = (0..many).map(|_| self.next() as u8).collect();
                drop(input.splice(at..end, bytes));
            }
        }
    }
}
