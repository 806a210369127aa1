use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

const BYTES: usize = 2_048;

#[repr(align(8))]
struct Place(UnsafeCell<[MaybeUninit<u8>; BYTES]>);

/// Room for what a suite asks for again and again: two places, taken in turn. Nothing is dropped.
pub struct Arena {
    places: [Place; 2],
    turn: Cell<usize>,
}

// SAFETY: a board has one core, and interrupts place nothing.
unsafe impl Sync for Arena {}

impl Arena {
    /// Two empty places.
    pub const fn new() -> Self {
        Self {
            places: [const { Place(UnsafeCell::new([MaybeUninit::uninit(); BYTES])) }; 2],
            turn: Cell::new(0),
        }
    }

    /// Puts `value` where the last but one was.
    ///
    /// # Safety
    /// Nobody uses the last but one any more.
    pub unsafe fn place<T>(&'static self, value: T) -> &'static T {
        const { assert!(size_of::<T>() <= BYTES && align_of::<T>() <= 8, "a place is 2 KiB, aligned to 8 bytes") };
        let turn = self.turn.get();
        self.turn.set(1 - turn);
        let place = self.places[turn].0.get().cast::<T>();
        // SAFETY: large enough and aligned, as just asserted, and nobody else uses it: the caller's promise.
        unsafe { place.write(value) };
        // SAFETY: as above; it was just written.
        unsafe { &*place }
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Arena {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Arena")
    }
}
