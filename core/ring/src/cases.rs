use proptest::test_runner::Config;

/// So many cases of a property, which leave nothing behind; two where every step is interpreted.
pub(crate) fn cases(n: u32) -> Config {
    Config { cases: if cfg!(miri) { 2 } else { n }, failure_persistence: None, ..Config::default() }
}
