use crate::instructions;
use core::arch::asm;

/// What the counter makes of a loop of `rounds` times two instructions.
#[inline(never)]
pub fn count_down(mut rounds: u32) -> u64 {
    let before = instructions();
    // SAFETY: counts a register down to zero and touches nothing else.
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("2:", "subs {0}, {0}, #1", "bne 2b", inout(reg) rounds, options(nomem, nostack));
    }
    // SAFETY: counts a register down to zero and touches nothing else.
    #[cfg(target_arch = "riscv32")]
    unsafe {
        asm!("2:", "addi {0}, {0}, -1", "bnez {0}, 2b", inout(reg) rounds, options(nomem, nostack));
    }
    assert_eq!(rounds, 0, "the loop ended before its count");
    instructions() - before
}
