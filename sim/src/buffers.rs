//! Payloads on their way, in buffers that are used again.

/// The largest buffer that is kept for the next payload, in bytes.
const KEPT_MAX: usize = 4096;

#[derive(Debug)]
pub(crate) struct Buffers {
    all: Vec<Vec<u8>>,
    free: Vec<u32>,
}

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }

    /// A buffer that holds `bytes`.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.all.push(Vec::new());
            (self.all.len() - 1) as u32
        });
        let buffer = &mut self.all[index as usize];
        buffer.clear();
        buffer.extend_from_slice(bytes);
        index
    }

    /// Buffers that hold a payload.
    pub(crate) fn in_use(&self) -> usize {
        self.all.len() - self.free.len()
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> &[u8] {
        &self.all[index as usize]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Vec<u8> {
        &mut self.all[index as usize]
    }

    /// Borrows the bytes away from the pool, so that their reader may send.
    #[inline]
    pub(crate) fn lend(&mut self, index: u32) -> Vec<u8> {
        std::mem::take(&mut self.all[index as usize])
    }

    /// Takes lent bytes back.
    pub(crate) fn put_back(&mut self, index: u32, bytes: Vec<u8>) {
        self.all[index as usize] = bytes;
    }

    /// Takes lent bytes back and frees the buffer.
    #[inline]
    pub(crate) fn give_back(&mut self, index: u32, bytes: Vec<u8>) {
        self.all[index as usize] = bytes;
        self.release(index);
    }

    #[inline]
    pub(crate) fn release(&mut self, index: u32) {
        let buffer = &mut self.all[index as usize];
        if buffer.capacity() > KEPT_MAX {
            *buffer = Vec::new();
        }
        self.free.push(index);
    }
}
