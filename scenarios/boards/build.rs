//! Chooses the board by the target's architecture: its memory map, and the linker script that goes with it.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// QEMU's `mps2-an386`: Cortex-M4.
const MPS2_AN386: &str = "MEMORY {
  FLASH : ORIGIN = 0x00000000, LENGTH = 4M
  RAM : ORIGIN = 0x20000000, LENGTH = 4M
}
_flash_origin = ORIGIN(FLASH);
";

/// QEMU's `microbit`: Cortex-M0 in an nRF51822.
const MICROBIT: &str = "MEMORY {
  FLASH : ORIGIN = 0x00000000, LENGTH = 256K
  RAM : ORIGIN = 0x20000000, LENGTH = 16K
}
_flash_origin = ORIGIN(FLASH);
";

/// QEMU's `virt` with a 32-bit hart: everything is RAM there; the first 4 MiB stand for flash.
const VIRT: &str = "MEMORY {
  FLASH : ORIGIN = 0x80000000, LENGTH = 4M
  RAM : ORIGIN = 0x80400000, LENGTH = 4M
}
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);
_flash_origin = ORIGIN(FLASH);
";

/// The real readings, and how many of them fit beside the code in the smallest flash.
const READINGS: &str = "../data/seattle-temps.csv";
const ROWS: usize = 6_000;

fn readings(out: &Path) {
    println!("cargo::rerun-if-changed={READINGS}");
    println!("cargo::rustc-env=ROWS={ROWS}");
    let file = fs::read_to_string(READINGS).expect("the readings are part of the repository");
    let slice: String = file.split_inclusive('\n').take(1 + ROWS).collect();
    fs::write(out.join("readings.csv"), slice).expect("the output folder can be written");
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to a build script through its environment")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = env::var("TARGET").expect("cargo names the target");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a folder to write to"));
    let (board, memory) = match target.as_str() {
        "thumbv7em-none-eabihf" => ("mps2-an386", MPS2_AN386),
        "thumbv6m-none-eabi" => ("microbit", MICROBIT),
        "riscv32imac-unknown-none-elf" => ("virt", VIRT),
        other => panic!(
            "no board for {other}: build for thumbv7em-none-eabihf, thumbv6m-none-eabi or riscv32imac-unknown-none-elf"
        ),
    };
    println!("cargo::rustc-check-cfg=cfg(board, values(\"mps2-an386\", \"microbit\", \"virt\"))");
    println!("cargo::rustc-cfg=board=\"{board}\"");
    println!("cargo::rustc-env=BOARD={board}");
    fs::write(out.join("memory.x"), memory).expect("the output folder can be written");
    readings(&out);
    println!("cargo::rustc-link-search={}", out.display());
    if target.starts_with("riscv") {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
