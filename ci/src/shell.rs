//! Where we run and how we call other programs: every call has a limit, a printed command line, and closed input.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The longest that any one program may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Whether cargo keeps what a later build may build upon.
pub(crate) const INCREMENTAL: &str = "CARGO_INCREMENTAL";

/// The workspace and the circumstances.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// `CI=true`: a missing tool is a failure.
    pub(crate) on_ci: bool,
    /// The long budget was asked for.
    pub(crate) long: bool,
    /// Everything is built once: what cargo would keep to build upon costs more than it gives.
    pub(crate) once: bool,
    /// The planted bugs that were named.
    pub(crate) only: Vec<String>,
}

impl Place {
    pub(crate) fn find(long: bool) -> Result<Self, String> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("ci/ has no parent folder")?.to_path_buf();
        if !root.join("Cargo.toml").is_file() {
            return Err(format!("{} no longer holds the workspace", root.display()));
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        let on_ci = std::env::var_os("CI").is_some_and(|value| value == "true" || value == "1");
        Ok(Self { root, target, on_ci, long, once: on_ci, only: Vec::new() })
    }

    /// A cargo command in the root of the workspace.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call {
        self.call("cargo").args(args)
    }

    /// Any program, in the root of the workspace.
    pub(crate) fn call(&self, program: impl AsRef<OsStr>) -> Call {
        let mut call = Call::new(program, self.root.clone(), self.on_ci);
        if self.once {
            call.command.env(INCREMENTAL, "0");
        }
        call
    }

    /// A fresh folder under the target directory.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.target.join("ci").join(name);
        let made = match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir_all(&dir),
        };
        made.map_err(|error| Failure::new(format!("{}: {error}", dir.display())))?;
        Ok(dir)
    }
}

/// Why a step failed, and the narrowest command that shows it again, where one is known.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) why: String,
    pub(crate) repeat: Option<String>,
}

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), repeat: None }
    }

    pub(crate) fn repeat(mut self, command: impl Into<String>) -> Self {
        self.repeat = Some(command.into());
        self
    }
}

/// What a captured program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// The exit code; a program killed by a signal has none.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// How it ended, in words.
    pub(crate) fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => String::from("ended without a code"),
        }
    }

    /// Both streams, for a reader who looks for why.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// One call of another program.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    limit: Duration,
    own_group: bool,
}

impl Call {
    fn new(program: impl AsRef<OsStr>, dir: PathBuf, own_group: bool) -> Self {
        let mut command = Command::new(program);
        command.current_dir(dir).stdin(Stdio::null());
        // What cargo told us about ourselves must not reach the cargo that we call.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_")
                || text.starts_with("CARGO_MANIFEST_")
                || text == "LD_LIBRARY_PATH"
            {
                command.env_remove(&name);
            }
        }
        Self { command, limit: LIMIT, own_group }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// The command as one would type it, with the variables that decide what it does.
    pub(crate) fn line(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for (name, value) in self.command.get_envs().filter(|(name, _)| *name != INCREMENTAL) {
            if let Some(value) = value {
                words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
            }
        }
        words.push(quoted(&self.command.get_program().to_string_lossy()));
        words.extend(self.command.get_args().map(|arg| quoted(&arg.to_string_lossy())));
        words.join(" ")
    }

    /// Runs with our own output; anything but success is a failure that repeats by this very command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let line = self.line();
        println!("$ {line}");
        let said = self.finish(Output::Shown)?;
        if said.status.success() { Ok(()) } else { Err(Failure::new(said.ending()).repeat(line)) }
    }

    /// Runs silently and keeps what the program says, whatever its exit code.
    pub(crate) fn capture(self) -> Result<Said, Failure> {
        self.finish(Output::Kept)
    }

    /// As [`capture`](Self::capture), but anything other than success is a failure, with all that was said printed.
    pub(crate) fn read(self) -> Result<Said, Failure> {
        let line = self.line();
        println!("$ {line}");
        let said = self.finish(Output::Kept)?;
        if said.status.success() {
            return Ok(said);
        }
        println!("{}", said.all());
        Err(Failure::new(said.ending()).repeat(line))
    }

    fn finish(mut self, output: Output) -> Result<Said, Failure> {
        let line = self.line();
        if output == Output::Kept {
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        if self.own_group {
            self.command.process_group(0);
        }
        let mut child = self
            .command
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start {line}: {error}")).repeat(&line))?;
        let (stdout, stderr) = (gather(child.stdout.take()), gather(child.stderr.take()));
        let status = wait(&mut child, self.limit, self.own_group)
            .map_err(|why| Failure::new(format!("{why}: {line}")).repeat(&line))?;
        Ok(Said { status, stdout: text(stdout), stderr: text(stderr) })
    }
}

/// Where the output of a call goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Shown,
    Kept,
}

/// Reads a stream to its end on a thread of its own, so that a full pipe never stops the program.
fn gather(stream: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    stream.map(|mut stream| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            bytes
        })
    })
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the end, or ends it: a program past its limit hangs, and a hung step must not hide the ones after it.
fn wait(child: &mut Child, limit: Duration, own_group: bool) -> Result<ExitStatus, String> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() < limit => thread::sleep(pause),
            Ok(None) => break,
            Err(error) => return Err(format!("cannot wait: {error}")),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    if own_group {
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("still running after {} s", limit.as_secs()))
}

/// A word as a shell would need it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::Place;

    fn place() -> Place {
        Place::find(false).expect("the workspace is here")
    }

    #[test]
    fn a_failing_program_gives_its_code_and_the_line_that_repeats_it() {
        let failure = place().call("sh").args(["-c", "exit 3"]).run().expect_err("it exits 3");
        assert_eq!(failure.why, "exit code 3");
        assert_eq!(failure.repeat.as_deref(), Some("sh -c 'exit 3'"));
    }

    #[test]
    fn a_killed_program_is_told_from_one_that_exits() {
        let failure = place().call("sh").args(["-c", "kill -9 $$"]).run().expect_err("it is killed");
        assert_eq!(failure.why, "killed by signal 9");
    }

    #[test]
    fn a_hung_program_is_ended_at_its_limit() {
        let mut place = place();
        for own_group in [false, true] {
            place.on_ci = own_group;
            let failure = place.call("sleep").args(["600"]).limit(0).run().expect_err("it never ends");
            assert!(failure.why.starts_with("still running after 0 s"), "{}", failure.why);
        }
    }

    #[test]
    fn a_program_that_does_not_exist_is_a_failure_and_not_a_panic() {
        assert!(place().call("no-such-program").capture().is_err());
    }

    #[test]
    fn more_output_than_a_pipe_holds_is_kept_whole() {
        let said =
            place().call("sh").args(["-c", "head -c 300000 /dev/zero; echo end >&2; exit 4"]).capture();
        let said = said.expect("it starts");
        assert_eq!((said.stdout.len(), said.stderr.as_str(), said.code()), (300_000, "end\n", Some(4)));
    }

    #[test]
    fn the_line_can_be_typed() {
        let call = place().cargo(["doc", "--lib"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(call.line(), "RUSTDOCFLAGS='-D warnings' cargo doc --lib");
    }
}
