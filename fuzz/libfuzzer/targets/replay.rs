//! The target `replay` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = tidemill_fuzz::TARGETS.iter().find(|target| target.name == "replay");
    (target.expect("a target of this name").run)(bytes);
});
