//! The target `ring_doctor` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemill_fuzz::run("ring_doctor", bytes));
