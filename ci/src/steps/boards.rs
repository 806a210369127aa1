//! Firmware on emulated boards: exit codes, digests, image sizes, and exact instruction counts.

use crate::elf::{Image, Sizes};
use crate::shell::{Call, Failure, Place, Said};
use crate::steps::tidemill::{Build, Tidemill};
use crate::table::Verdict;
use std::path::{Path, PathBuf};
use std::thread;

/// A board: how to build for it and how to emulate it.
struct Board {
    name: &'static str,
    target: &'static str,
    emulator: &'static str,
    machine: &'static [&'static str],
}

const BOARDS: [Board; 3] = [
    Board {
        name: "mps2-an386",
        target: "thumbv7em-none-eabihf",
        emulator: "qemu-system-arm",
        machine: &["-M", "mps2-an386"],
    },
    Board {
        name: "microbit",
        target: "thumbv6m-none-eabi",
        emulator: "qemu-system-arm",
        machine: &["-M", "microbit"],
    },
    Board {
        name: "virt",
        target: "riscv32imac-unknown-none-elf",
        emulator: "qemu-system-riscv32",
        machine: &["-M", "virt", "-bios", "none"],
    },
];

/// One instruction takes 32 ns of the board's time and nothing waits for ours: the same figures on every run.
const EXACT: [&str; 4] = ["-icount", "shift=5,align=off,sleep=off", "-rtc", "base=2020-01-01,clock=vm"];
const QUIET: [&str; 6] = ["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config"];

/// The firmware that must be seen to fail, and how.
const CANARY: (&str, i32) = ("panics", 101);

/// The firmware that shares its memory with a process of Linux.
const PEER: &str = "middle";

/// What a firmware printed, as `name=value`, in order.
type Figures = Vec<(String, String)>;

/// One firmware on one board.
struct Exercise {
    figures: Figures,
    sizes: Sizes,
}

pub(crate) fn run(place: &Place) -> Verdict {
    let firmwares = firmwares(place)?;
    for board in &BOARDS {
        build(place, board)?;
    }
    // An emulated board keeps one processor busy: all of them at once. They tell their own time, so none sees the others.
    let told: Vec<_> = thread::scope(|scope| {
        let boards = BOARDS.each_ref().map(|board| {
            let firmwares = &firmwares;
            scope.spawn(move || firmwares.iter().map(|firmware| exercise(place, board, firmware)).collect())
        });
        boards.into_iter().map(|board| board.join().expect("a step does not panic")).collect()
    });
    let (mut digests, mut rows, mut costs) = (Vec::new(), None, Vec::new());
    for (board, told) in BOARDS.iter().zip(told) {
        let told: Vec<Result<Exercise, Failure>> = told;
        for (firmware, told) in firmwares.iter().zip(told) {
            let Exercise { figures, sizes } = told?;
            println!(
                "{:<11} {firmware:<10} {} B code and constants, {} B data",
                board.name, sizes.text, sizes.data
            );
            for (name, value) in &figures {
                println!("{:<11} {firmware:<10} {name} = {value}", board.name);
            }
            let value =
                |wanted| figures.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            if let Some(digest) = value("digest") {
                digests.push((format!("{firmware} on {}", board.name), digest));
                rows = rows.or(value("verdicts"));
                let [flash, each] =
                    ["flash_bytes", "instructions_per_message"].map(|name| value(name).unwrap_or_default());
                costs.push(format!("{} {flash} B, {each} instructions a message", board.name));
            }
        }
    }
    let rows = rows.ok_or_else(|| Failure::new("no firmware says how many readings it took"))?;
    digests.extend(other_worlds(place, &rows)?);
    digests.push(beside_linux(place, &rows)?);
    let digest = agree(&digests)?;
    Ok(format!(
        "{} firmwares on {} boards; {} worlds say {digest}",
        firmwares.len(),
        BOARDS.len(),
        digests.len()
    ))
}

/// What Linux makes of the same readings: as one loop, and as two processes over a bad link. The simulator's sink is
/// held to that loop by the oracle of its story, so a seed that passes has the same digest.
fn other_worlds(place: &Place, rows: &str) -> Result<Vec<(String, String)>, Failure> {
    let tidemill = Tidemill::build(place, Build::Release)?;
    let dir = place.scratch("boards")?;
    let weather = ["--loss", "100", "--duplicate", "50", "--corrupt", "50", "--reorder", "50"];
    let mut told = Vec::new();
    for (part, weather) in [("reference", &[][..]), ("pair", &weather[..])] {
        let said = tidemill.call(&dir, ["pipeline", part, "--rows", rows]).args(weather).read()?;
        let digest =
            digest_in(&said.stdout).ok_or_else(|| Failure::new(format!("{part} printed no digest")))?;
        println!("linux       {part:<10} digest = {digest}");
        told.push((format!("{part} on Linux"), digest.to_owned()));
    }
    let rows = format!("rows={rows}");
    tidemill.call(&dir, ["run", "pipeline", "--seeds", "4", "--set", &rows]).read()?;
    Ok(told)
}

/// The board whose RAM is a file that Linux maps: source and sink are one process there, the middle is firmware. It takes the
/// time of this machine, for it has to meet a process that does. A second processor, which it might have and has not, is what
/// makes the emulator's exchanges and fences those of a machine that is not alone with its memory.
fn beside_linux(place: &Place, rows: &str) -> Result<(String, String), Failure> {
    let [_, _, board] = &BOARDS;
    let call =
        place.cargo(["build", "--release", "--bin", PEER, "--features", "peer", "--target", board.target]);
    call.dir(&place.root.join("scenarios/boards")).env("CARGO_TARGET_DIR", target_dir(place)).run()?;
    let (tidemill, dir) = (Tidemill::build(place, Build::Release)?, place.scratch("boards")?);
    let (image, memory) =
        (target_dir(place).join(board.target).join("release").join(PEER), dir.join("memory"));
    let object = format!("memory-backend-file,id=ram,size=32M,share=on,mem-path={}", memory.display());
    let said = tidemill
        .call(&dir, ["pipeline", "board", "--rows", rows, "--memory"])
        .args([memory.as_os_str(), "--".as_ref(), board.emulator.as_ref()])
        .args(["-M", "virt,memory-backend=ram", "-bios", "none", "-m", "32M", "-smp", "1,maxcpus=2"])
        .args(["-object", object.as_str()])
        .args(QUIET)
        .args(["enable=on,target=native"])
        .args(["-kernel".as_ref(), image.as_os_str()])
        .limit(240)
        .read()?;
    let digest = digest_in(&said.stdout).ok_or_else(|| Failure::new("source and sink printed no digest"))?;
    println!("{:<11} {PEER:<10} digest = {digest}", board.name);
    Ok((format!("{PEER} on {} between source and sink on Linux", board.name), digest.to_owned()))
}

/// The programs of the firmware crate, each of which every board must run.
fn firmwares(place: &Place) -> Result<Vec<String>, Failure> {
    let folder = place.root.join("scenarios/boards/src/bin");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut names: Vec<String> = entries.filter_map(|entry| program(&entry.ok()?.path())).collect();
    names.sort();
    if names.iter().any(|name| name == CANARY.0) {
        Ok(names)
    } else {
        Err(Failure::new(format!("{} holds no firmware `{}` that must fail", folder.display(), CANARY.0)))
    }
}

/// The name of the program that a file, or a folder with a `main.rs`, makes.
fn program(source: &Path) -> Option<String> {
    let is_program = source.extension().is_some_and(|end| end == "rs") || source.join("main.rs").is_file();
    if is_program { Some(source.file_stem()?.to_str()?.to_owned()) } else { None }
}

fn target_dir(place: &Place) -> PathBuf {
    place.target.join("boards")
}

fn build(place: &Place, board: &Board) -> Result<(), Failure> {
    let call = place.cargo(["build", "--release", "--bins", "--target", board.target]);
    call.dir(&place.root.join("scenarios/boards")).env("CARGO_TARGET_DIR", target_dir(place)).run()
}

fn emulate(place: &Place, board: &Board, image: &Path) -> Call {
    place
        .call(board.emulator)
        .args(board.machine)
        .args(QUIET)
        .args(["enable=on,target=native"])
        .args(EXACT)
        .args(["-kernel".as_ref(), image.as_os_str()])
        .limit(240)
}

/// Runs one firmware on one board, twice if it counts instructions: the counts must be the same.
fn exercise(place: &Place, board: &Board, firmware: &str) -> Result<Exercise, Failure> {
    let image = target_dir(place).join(board.target).join("release").join(firmware);
    let sizes = Image::read(&image)?.sizes;
    let expected = if firmware == CANARY.0 { CANARY.1 } else { 0 };
    let first = judged(emulate(place, board, &image), expected)?;
    let figures = figures(&first.stdout);
    if figures.iter().any(|(name, _)| name.contains("instructions")) {
        let again = judged(emulate(place, board, &image), expected)?;
        if again.stdout != first.stdout {
            return Err(Failure::new(format!("{firmware} on {} gives other figures each time", board.name)));
        }
    }
    Ok(Exercise { figures, sizes })
}

fn judged(call: Call, expected: i32) -> Result<Said, Failure> {
    let line = call.line();
    let said = call.capture()?;
    if said.code() == Some(expected) {
        return Ok(said);
    }
    println!("{}", said.all());
    Err(Failure::new(format!("{}, expected exit code {expected}", said.ending())).repeat(line))
}

fn figures(said: &str) -> Figures {
    said.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .filter(|(name, _)| !name.is_empty() && !name.contains(' '))
        .collect()
}

/// The first `digest=…` of a text.
fn digest_in(said: &str) -> Option<&str> {
    said.split_whitespace().find_map(|word| word.strip_prefix("digest="))
}

/// The one digest that all of them gave.
fn agree(digests: &[(String, String)]) -> Result<String, Failure> {
    let Some((_, first)) = digests.first() else { return Err(Failure::new("no firmware printed a digest")) };
    let told: Vec<String> = digests.iter().map(|(who, digest)| format!("{who}: {digest}")).collect();
    if digests.iter().all(|(_, digest)| digest == first) {
        Ok(first.clone())
    } else {
        Err(Failure::new(format!("the digests differ: {}", told.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::{agree, digest_in, figures, program};
    use std::path::Path;

    fn told(digests: &[&str]) -> Vec<(String, String)> {
        digests.iter().map(|digest| (String::from("x"), (*digest).to_owned())).collect()
    }

    #[test]
    fn a_differing_digest_and_a_missing_one_are_failures() {
        assert_eq!(agree(&told(&["a", "a"])).expect("equal"), "a");
        assert!(agree(&told(&["a", "b"])).is_err());
        assert!(agree(&[]).is_err());
    }

    #[test]
    fn a_program_is_a_file_or_a_folder_with_a_main() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(program(&here.join("src/main.rs")).as_deref(), Some("main"));
        assert_eq!(program(&here.join("src")).as_deref(), Some("src"));
        assert_eq!(program(&here.join("src/tidy")), None);
    }

    #[test]
    fn a_digest_is_found_among_other_words() {
        assert_eq!(digest_in("sent: repeats=3\ndigest=0a verdicts=2\n"), Some("0a"));
        assert_eq!(digest_in("verdicts=2"), None);
    }

    #[test]
    fn figures_are_names_with_values_and_prose_is_not() {
        let found = figures("board=virt\ninstructions = 12\nthe sum a=b\n");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, [pair("board", "virt"), pair("instructions", "12")]);
    }
}
