//! The Linux world: clock, entropy, notify, region, link and the threaded runtime.
