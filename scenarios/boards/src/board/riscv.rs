use riscv::interrupt::Interrupt as CoreInterrupt;
use riscv_rt::{TrapFrame, core_interrupt};
use tidemill_mcu::MtimeClock;

pub use riscv_rt::entry;

/// The clock of this board.
pub type BoardClock = MtimeClock;

const CLINT: usize = 0x0200_0000;

// SAFETY: `virt` has its CLINT there, ticking at 10 MHz, and all handles in this firmware are copies of this one.
pub(crate) const CLOCK: BoardClock = unsafe { MtimeClock::new(CLINT, 100) };

/// Prepares the core; called once, first.
pub fn start() -> BoardClock {
    crate::size::paint();
    // SAFETY: the one handler of software interrupts, below, can run from here on.
    unsafe { riscv::register::mie::set_msoft() };
    // SAFETY: as above; no other source is enabled.
    unsafe { riscv::interrupt::enable() };
    CLOCK
}

fn software_interrupt(pending: bool) {
    let register = core::ptr::with_exposed_provenance_mut::<u32>(CLINT);
    // SAFETY: the first word of the CLINT pends the software interrupt of hart 0, and nothing else.
    unsafe { register.write_volatile(u32::from(pending)) };
}

/// Pends an interrupt, which runs as soon as interrupts may.
pub(crate) fn pend() {
    software_interrupt(true);
}

#[core_interrupt(CoreInterrupt::MachineSoft)]
fn software() {
    software_interrupt(false);
    crate::interrupt::strike();
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
