//! The canary: a firmware that panics must be seen to fail, with exit code 101.
#![no_std]
#![no_main]

use tidemill_boards::{entry, start};

#[entry]
fn main() -> ! {
    start();
    panic!("a firmware that panics is seen to fail");
}
