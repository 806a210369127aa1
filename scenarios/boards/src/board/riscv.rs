use riscv_rt::TrapFrame;
use tidemill_mcu::MtimeClock;

pub use riscv_rt::entry;

/// The clock of this board.
pub type BoardClock = MtimeClock;

/// Prepares the core; called once, first.
pub fn start() -> BoardClock {
    crate::size::paint();
    // SAFETY: `virt` has its CLINT there, ticking at 10 MHz, and this is the only handle to it.
    unsafe { MtimeClock::new(0x0200_0000, 100) }
}

/// Instructions executed so far, under `-icount shift=5`: exact.
///
/// QEMU shows the time that the instructions took in `minstret`, 32 ns each.
pub fn instructions() -> u64 {
    riscv::register::minstret::read64() / 32
}

#[unsafe(export_name = "ExceptionHandler")]
fn exception(frame: &TrapFrame) -> ! {
    panic!(
        "exception {:?} at {:#x}: {frame:?}",
        riscv::register::mcause::read().cause(),
        riscv::register::mepc::read()
    );
}
