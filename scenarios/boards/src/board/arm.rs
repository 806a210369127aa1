use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};
use tidemill_mcu::SysTickClock;
use tidemill_seam::{Clock, Duration};

pub use cortex_m_rt::entry;

/// The clock of this board.
pub type BoardClock = SysTickClock;

/// The rate of SysTick as QEMU builds this board.
#[cfg(board = "mps2-an386")]
const HZ: u32 = 25_000_000;
#[cfg(board = "microbit")]
const HZ: u32 = 16_000_000;

pub(crate) const CLOCK: BoardClock = SysTickClock;

/// Prepares the core; called once, first.
///
/// # Panics
/// If it was called before.
pub fn start() -> BoardClock {
    crate::size::paint();
    let core = cortex_m::Peripherals::take().expect("the board is started once");
    SysTickClock::start(core.SYST, HZ, Duration::from_millis(100))
}

/// Instructions executed so far, under `-icount shift=5`: one every 32 ns of the board's time.
///
/// SysTick sees every 40 ns (M4) or 62.5 ns (M0), so a difference of two counts is exact to two instructions.
pub fn instructions() -> u64 {
    SysTickClock.now().as_nanos() / 32
}

#[exception]
fn SysTick() {
    SysTickClock::turn();
}

/// Pends an interrupt, which runs as soon as interrupts may.
pub(crate) fn pend() {
    SCB::set_pendsv();
}

#[exception]
fn PendSV() {
    crate::interrupt::strike();
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("hard fault: {frame:?}");
}
