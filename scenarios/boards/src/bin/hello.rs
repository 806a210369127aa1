//! The smallest firmware: says which board it is and how large, and leaves with exit code 0.
#![no_std]
#![no_main]

use tidemill_boards::{BOARD, entry, flash_bytes, instructions, println, ram_bytes, semihosting, start};
use tidemill_seam::Clock;

#[entry]
fn main() -> ! {
    let clock = start();
    println!("board={BOARD}");
    let (from, then) = (clock.now(), instructions());
    let mut sum = 0_u32;
    for i in 0..1_000_u32 {
        sum = core::hint::black_box(sum + i);
    }
    let (spent, now) = (instructions() - then, clock.now());
    println!("instructions={spent}");
    println!("elapsed={}", now.since(from));
    println!("flash_bytes={}", flash_bytes());
    println!("ram_bytes={}", ram_bytes());
    semihosting::process::exit(0)
}
