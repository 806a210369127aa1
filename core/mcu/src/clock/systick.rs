use super::{Doze, Periods};
use core::cell::Cell;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use critical_section::Mutex;
use tidemill_seam::{Clock, Duration, Instant};

static PERIODS: Mutex<Cell<Periods>> = Mutex::new(Cell::new(Periods::STOPPED));

/// The SysTick timer of a Cortex-M, 24 bits wide and counted on by its interrupt.
///
/// Every value is a handle of the one timer of the core, which stands at [`Instant::ZERO`] until [`start`](Self::start).
/// C1 holds as long as no critical section outlasts a period: the second turn inside one would not be seen.
#[derive(Clone, Copy, Default, Debug)]
pub struct SysTickClock;

impl SysTickClock {
    /// Starts the timer at the core's rate of `hz`, with an interrupt about every `period` and at most every 2^24 ticks.
    ///
    /// The firmware's `SysTick` handler must call [`turn`](Self::turn). A sleep without other interrupts ends at
    /// most a period after its deadline.
    pub fn start(mut timer: SYST, hz: u32, period: Duration) -> Self {
        let ticks = u64::from(hz).saturating_mul(period.as_nanos()) / 1_000_000_000;
        let periods = Periods::new(hz, u32::try_from(ticks).unwrap_or(u32::MAX).min(1 << 24));
        critical_section::with(|section| PERIODS.borrow(section).set(periods));
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(periods.top);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        Self
    }

    /// Counts one period; called by the `SysTick` handler and nobody else.
    pub fn turn() {
        critical_section::with(|section| {
            let mut periods = PERIODS.borrow(section).get();
            periods.turn();
            PERIODS.borrow(section).set(periods);
        });
    }
}

impl Clock for SysTickClock {
    fn now(&self) -> Instant {
        critical_section::with(|section| {
            let mut periods = PERIODS.borrow(section).get();
            let mut count = SYST::get_current();
            // Pending: the timer turned and its handler has not run. The count may be from before the turn: read again.
            if SCB::is_pendst_pending() {
                periods.turn();
                count = SYST::get_current();
            }
            periods.at(count)
        })
    }
}

impl Doze for SysTickClock {
    /// The timer's own interrupt bounds the sleep: at most a period past `until`.
    fn doze(&self, _until: Option<Instant>) {
        cortex_m::asm::dsb();
        cortex_m::asm::wfi();
    }
}
