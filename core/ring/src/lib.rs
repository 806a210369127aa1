//! Bounded lock-free rings over any region of memory.
