use proptest::test_runner::Config;

/// So many cases of a property, which leave nothing behind; two where every step is interpreted.
pub(crate) fn cases(n: u32) -> Config {
    Config { cases: if cfg!(miri) { 2 } else { n }, failure_persistence: None, ..Config::default() }
}

/// So many turns of a loop; a twentieth where every step is interpreted.
pub(crate) const fn turns(n: u64) -> u64 {
    if cfg!(miri) { n / 20 } else { n }
}
