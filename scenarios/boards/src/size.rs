use core::ptr::{addr_of, with_exposed_provenance_mut};

/// What a word of the stack holds until it is used.
const FRESH: u32 = 0xF2E5_4000;

unsafe extern "C" {
    static _flash_origin: u8;
    static __sidata: u8;
    static __sdata: u8;
    static __edata: u8;
    static __ebss: u8;
    static _stack_start: u8;
}

fn address<T>(symbol: *const T) -> usize {
    symbol.expose_provenance()
}

/// Bytes of the image: code, constants, and the initial values of variables.
pub fn flash_bytes() -> usize {
    let constants = address(addr_of!(__sidata)) - address(addr_of!(_flash_origin));
    constants + address(addr_of!(__edata)) - address(addr_of!(__sdata))
}

/// Bytes of RAM: variables, and the most that the stack has held since the start.
///
/// # Panics
/// If the stack has run into the variables.
pub fn ram_bytes() -> usize {
    let bottom = address(addr_of!(__ebss));
    let top = address(addr_of!(_stack_start));
    let mut used = bottom;
    // SAFETY: the words between the end of variables and the stack pointer are RAM that nobody owns.
    while used < top && unsafe { with_exposed_provenance_mut::<u32>(used).read_volatile() } == FRESH {
        used += 4;
    }
    assert!(used > bottom, "the stack ran into the variables");
    bottom - address(addr_of!(__sdata)) + (top - used)
}

/// Marks the free stack below this call, so that [`ram_bytes`] sees later how deep it went.
#[inline(never)]
pub(crate) fn paint() {
    let here = 0_u32;
    let mut at = address(addr_of!(__ebss));
    // The frame of this function lies within 256 bytes below the address of its own variable.
    let end = address(&raw const here) - 256;
    while at < end {
        // SAFETY: the words between the end of variables and the stack pointer are RAM that nobody owns.
        unsafe { with_exposed_provenance_mut::<u32>(at).write_volatile(FRESH) };
        at += 4;
    }
}
