//! The steps behind `cargo ci`.
fn main() {}
