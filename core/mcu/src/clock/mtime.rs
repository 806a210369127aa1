use super::Doze;
use tidemill_seam::{Clock, Instant};

/// Where a CLINT keeps the compare register of hart 0, and the timer, behind its base address.
const MTIMECMP: usize = 0x4000;
const MTIME: usize = 0xBFF8;

/// The machine timer of a RISC-V core with a CLINT, hart 0.
#[derive(Clone, Copy, Debug)]
pub struct MtimeClock {
    base: usize,
    tick_ns: u32,
}

impl MtimeClock {
    /// The timer of the CLINT at `base`, which ticks every `tick_ns` nanoseconds.
    ///
    /// # Safety
    /// A CLINT stands at `base`, and nobody else writes its compare register of hart 0 or the machine timer enable bit.
    pub const unsafe fn new(base: usize, tick_ns: u32) -> Self {
        Self { base, tick_ns }
    }

    fn word(&self, offset: usize) -> *mut u32 {
        core::ptr::with_exposed_provenance_mut(self.base + offset)
    }

    fn read(&self, offset: usize) -> u32 {
        // SAFETY: a CLINT register, by the promise made to `new`; it is 32 bits wide and aligned.
        unsafe { self.word(offset).read_volatile() }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: the compare register is ours alone, by the promise made to `new`.
        unsafe { self.word(offset).write_volatile(value) }
    }

    fn ticks(&self) -> u64 {
        loop {
            let high = self.read(MTIME + 4);
            let low = self.read(MTIME);
            if high == self.read(MTIME + 4) {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    /// Pends the timer interrupt from `ticks` on, and never in between.
    fn alarm(&self, ticks: u64) {
        self.write(MTIMECMP + 4, u32::MAX);
        self.write(MTIMECMP, ticks as u32);
        self.write(MTIMECMP + 4, (ticks >> 32) as u32);
    }
}

impl Clock for MtimeClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.ticks() * u64::from(self.tick_ns))
    }
}

impl Doze for MtimeClock {
    /// Ends within a tick of `until`. The timer interrupt only wakes: it is disabled again before anyone could take it.
    fn doze(&self, until: Option<Instant>) {
        if let Some(until) = until {
            self.alarm(until.as_nanos().div_ceil(u64::from(self.tick_ns)));
            // SAFETY: interrupts are masked by the caller's critical section, so enabling the source only lets it pend.
            unsafe { riscv::register::mie::set_mtimer() };
        }
        riscv::asm::wfi();
        // SAFETY: as above; the source is ours alone.
        unsafe { riscv::register::mie::clear_mtimer() };
    }
}
