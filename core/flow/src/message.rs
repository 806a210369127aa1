//! What travels: a 48-byte header and a payload, written once, in place.

mod bytes;
mod header;
mod payload;

pub use bytes::{Bytes, TooLong};
pub use header::{Criticality, Flags, Header, HeaderError, MemoryClass};
pub use payload::Payload;
