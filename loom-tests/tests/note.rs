//! Says which models this run holds.

fn main() {
    if cfg!(feature = "loom") {
        println!("models of the shipped rings and their litmus twins, under loom");
    } else if cfg!(feature = "shuttle") {
        println!("models of the shipped rings, under shuttle");
    } else {
        println!(
            "SKIPPED models: neither loom nor shuttle is on; `cargo test -p loom-tests --features loom --release`"
        );
    }
}
