//! The link test: a program that pushes messages through ring, pool and edge, with no allocator in reach.

use crate::elf::Image;
use crate::shell::{Failure, Place};
use crate::table::Verdict;
use std::path::PathBuf;

const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf"];

pub(crate) fn run(place: &Place) -> Verdict {
    let mut sizes = Vec::new();
    for target in TARGETS {
        let image = Image::read(&build(place, target, &[])?)?;
        if let Some(symbol) = image.allocator_symbols.first() {
            return Err(Failure::new(format!("{target}: {symbol} is linked")));
        }
        sizes.push(format!("{target} {} B", image.sizes.text));
    }
    // The same program with a box in it: if that passes as well, nobody looked.
    let twin = Image::read(&build(place, TARGETS[1], &["--features", "heap"])?)?;
    if twin.allocator_symbols.is_empty() {
        return Err(Failure::new("the twin that allocates was not found out"));
    }
    Ok(sizes.join(", "))
}

fn build(place: &Place, target: &str, features: &[&str]) -> Result<PathBuf, Failure> {
    let dir = place.target.join("noheap");
    let call = place.cargo(["build", "--release", "--target", target]).args(features);
    call.dir(&place.root.join("ci/noheap")).env("CARGO_TARGET_DIR", &dir).run()?;
    Ok(dir.join(target).join("release/noheap"))
}
