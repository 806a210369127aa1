//! The command: runs targets over their corpus and mutations of it, keeps what broke one, and says how to run it again.

use std::fs;
use std::io;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::hunt::{Find, give, hunt};
use crate::{Target, hand, outcome};

const USAGE: &str = "\
usage: cargo run -p tidemill-fuzz -- [--runs N] [--seconds S] [--seed S] [--patience S] [--corpus FOLDER] [--grow] [TARGET [FILE]]
  N mutations of each target's corpus [default: 2000], or as many as fit into S seconds of processor time;
  one FILE alone, where it is given; --patience is the processor time that one input may take [default: 20 seconds];
  --grow keeps what came to something new in the corpus";

/// What was asked for.
#[derive(Clone, Debug)]
struct Asked {
    runs: u64,
    seconds: Option<u64>,
    seed: u64,
    patience: u64,
    corpus: PathBuf,
    grow: bool,
    target: Option<String>,
    file: Option<PathBuf>,
}

fn asked(mut words: impl Iterator<Item = String>) -> Option<Asked> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut asked = Asked {
        runs: 2_000,
        seconds: None,
        seed: 0,
        patience: 20,
        corpus,
        grow: false,
        target: None,
        file: None,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => asked.runs = words.next()?.parse().ok()?,
            "--seconds" => asked.seconds = Some(words.next()?.parse().ok()?),
            "--seed" => asked.seed = words.next()?.parse().ok()?,
            "--patience" => asked.patience = words.next()?.parse().ok()?,
            "--corpus" => asked.corpus = words.next()?.into(),
            "--grow" => asked.grow = true,
            _ if word.starts_with('-') => return None,
            _ if asked.target.is_none() => asked.target = Some(word),
            _ if asked.file.is_none() => asked.file = Some(word.into()),
            _ => return None,
        }
    }
    Some(asked)
}

/// Runs the command over these targets, as its arguments say.
#[must_use]
pub fn main_with(targets: &'static [Target], arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(asked) = asked(arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let fits = |target: &&Target| asked.target.as_ref().is_none_or(|name| target.name == name);
    let wanted: Vec<&Target> = targets.iter().filter(fits).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
        eprintln!("no such target; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    hand::guard(Duration::from_secs(asked.patience));
    let passed = wanted.iter().filter(|target| asked.drive(target)).count();
    if passed == wanted.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Asked {
    /// Runs one target; whether it kept its promise.
    fn drive(&self, target: &Target) -> bool {
        let folder = self.corpus.join(target.name);
        let (kept, alone) = match &self.file {
            Some(file) => (fs::read(file).map(|input| vec![input]), Some(file)),
            None => (kept(&folder), None),
        };
        let kept = match kept {
            Ok(kept) => kept,
            Err(error) => {
                eprintln!("{}: {error}", alone.unwrap_or(&folder).display());
                return false;
            }
        };
        if let (Some(file), [input]) = (alone, &kept[..]) {
            hand::take(target.name, &folder, input);
            return match give(target, input) {
                Ok(_) => true,
                Err(broke) => {
                    println!("{}: {}: {broke}", target.name, file.display());
                    false
                }
            };
        }
        let (known, mut runs, begun) = (kept.len(), 0, processor_time());
        let end = self.seconds.map(|seconds| begun + Duration::from_secs(seconds));
        let mut begin = |input: &[u8]| hand::take(target.name, &folder, input);
        let mut go_on = || {
            runs += 1;
            end.map_or(runs <= self.runs, |end| processor_time() < end)
        };
        let walk = hunt(target, kept, self.seed, &mut begin, &mut go_on);
        hand::empty();
        match walk {
            Err(find) => {
                told(target, &folder, &quietly(|| find.smaller(target)));
                false
            }
            Ok(walk) => {
                let fresh = if self.grow { &walk.fresh[..] } else { &[] };
                if let Err(error) = fresh.iter().try_for_each(|input| keep(&folder, input).map(drop)) {
                    eprintln!("{}: {error}", folder.display());
                    return false;
                }
                println!(
                    "{}: {} inputs, {known} of them kept, {} outcomes, {} KiB of heap at most: {}",
                    target.name,
                    walk.inputs,
                    walk.outcomes,
                    walk.heap.div_ceil(1024),
                    target.about
                );
                true
            }
        }
    }
}

/// Works without a word about each panic.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = work();
    panic::set_hook(loud);
    result
}

/// What all threads of this process have used.
pub(crate) fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Inputs of earlier searches, in the order of their names.
fn kept(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?,
    };
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// Writes an input into its target's corpus; where to.
pub(crate) fn keep(folder: &Path, input: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(format!("{:016x}", outcome::hash(input.iter().copied())));
    fs::create_dir_all(folder)?;
    fs::write(&path, input)?;
    Ok(path)
}

fn told(target: &Target, folder: &Path, find: &Find) {
    println!("{} broke its promise in input {}: {}: {}", target.name, find.after, target.about, find.broke);
    match keep(folder, &find.input) {
        Ok(path) => println!("replay: cargo run -p tidemill-fuzz -- {} {}", target.name, path.display()),
        Err(error) => eprintln!("{}: {error}", folder.display()),
    }
}
