/// Memory for messages of up to `M` bytes that begin on a multiple of 16, as a view in place asks for.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Room<const M: usize>([u8; M]);

impl<const M: usize> Room<M> {
    /// All zero.
    pub const fn new() -> Self {
        Self([0; M])
    }
}

impl<const M: usize> Default for Room<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const M: usize> AsRef<[u8]> for Room<M> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const M: usize> AsMut<[u8]> for Room<M> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use heap::Memory;

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod heap {
    use super::Room;
    use alloc::boxed::Box;

    /// As [`Room`], on the heap: of a length that is chosen when it is made. Where the allocator gives out pages as they are
    /// touched, it costs as many as the longest message needed.
    #[derive(Clone, Debug)]
    pub struct Memory {
        rooms: Box<[Room<16>]>,
        len: usize,
    }

    impl Memory {
        /// Zeroes for messages of up to `len` bytes.
        pub fn new(len: usize) -> Self {
            let rooms = Box::<[Room<16>]>::new_zeroed_slice(len.div_ceil(16));
            // SAFETY: bytes, all of them zero.
            Self { rooms: unsafe { rooms.assume_init() }, len }
        }
    }

    impl AsRef<[u8]> for Memory {
        fn as_ref(&self) -> &[u8] {
            // SAFETY: rooms of 16 bytes each, back to back, at least `len` of them together.
            unsafe { core::slice::from_raw_parts(self.rooms.as_ptr().cast(), self.len) }
        }
    }

    impl AsMut<[u8]> for Memory {
        fn as_mut(&mut self) -> &mut [u8] {
            // SAFETY: as above; borrowed mutably.
            unsafe { core::slice::from_raw_parts_mut(self.rooms.as_mut_ptr().cast(), self.len) }
        }
    }
}
