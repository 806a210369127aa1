/// The only source of random bits.
///
/// # Laws
/// - **N1** Every byte of the buffer is written.
/// - **N2** Each of the 256 byte values is equally likely, and bytes are independent, as far as the world can tell.
/// - **N3** In a simulated world the bits are a function of the seed and of the handle's owner alone: a draw by one
///   owner never changes what another one sees.
pub trait Entropy {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A number below `n`, without modulo bias (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `n` is zero: there is no such number.
    fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "no number lies below zero");
        let reject_under = n.wrapping_neg() % n;
        loop {
            let mut bytes = [0; 4];
            self.fill(&mut bytes);
            let wide = u64::from(u32::from_le_bytes(bytes)) * u64::from(n);
            if wide as u32 >= reject_under {
                return (wide >> 32) as u32;
            }
        }
    }
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}
