//! The target `stage` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidemill_fuzz::run("stage", bytes));
