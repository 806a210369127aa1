use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tidemill_seam::Entropy;

/// The kernel's random numbers, by `getrandom(2)`.
#[derive(Clone, Copy, Default, Debug)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    /// If the kernel refuses, which Linux does only before its pool is ready on a broken boot.
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel gives random bytes once it has booted");
    }
}

/// A stream of bits that its seed fixes (ChaCha8), for runs that shall repeat.
#[derive(Clone, Debug)]
pub struct SeededEntropy(ChaCha8Rng);

impl SeededEntropy {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{OsEntropy, SeededEntropy};
    use tidemill_seam::Entropy;

    /// A place that stays zero in all of 64 draws was never written: chance leaves one with p = 256^-64.
    fn n1_every_byte_is_written(mut entropy: impl Entropy) {
        for len in [0, 1, 3, 32, 33, 257] {
            let mut seen = vec![0_u8; len];
            for _ in 0..64 {
                let mut bytes = vec![0; len];
                entropy.fill(&mut bytes);
                seen.iter_mut().zip(&bytes).for_each(|(seen, byte)| *seen |= byte);
            }
            assert!(seen.iter().all(|byte| *byte != 0), "N1: a byte of {len} was never written");
        }
    }

    /// χ² over 256 values at 65,536 draws has mean 255 and deviation 22.6; 455 lies nearly nine deviations out.
    fn n2_all_values_are_equally_likely(mut entropy: impl Entropy) {
        let mut bytes = vec![0; 65_536];
        entropy.fill(&mut bytes);
        let mut counts = [0_f64; 256];
        bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1.0);
        let chi: f64 = counts.iter().map(|count| (count - 256.0).powi(2) / 256.0).sum();
        assert!(chi < 455.0, "N2: χ² of {chi} over 256 byte values");
    }

    #[test]
    fn the_kernel_keeps_n1_and_n2() {
        n1_every_byte_is_written(OsEntropy);
        n2_all_values_are_equally_likely(OsEntropy);
    }

    #[test]
    fn a_seed_keeps_n1_and_n2() {
        n1_every_byte_is_written(SeededEntropy::new(7));
        n2_all_values_are_equally_likely(SeededEntropy::new(7));
    }

    #[test]
    fn a_seed_fixes_its_stream_and_no_other() {
        let draw = |seed| {
            let mut bytes = [0; 64];
            SeededEntropy::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
