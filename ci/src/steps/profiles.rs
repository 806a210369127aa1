//! `tidemill check` between two profiles: what is clean has equal hashes in both, and what leaks the profile is caught at the
//! event that it moved.

use super::tidemill::{Build, Tidemill};
use crate::shell::{Failure, Place, Said};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Compares both builds of the stories, one seed each, and of a story that leaks `cfg!(debug_assertions)`.
pub(super) fn compare(place: &Place, dir: &Path, release: &Tidemill) -> Result<(), Failure> {
    Tidemill::build(place, Build::Debug)?;
    let call = release.call(dir, ["check", "--seeds", "1"]);
    let line = call.line();
    let said = call.capture()?;
    insist(&said, &line, 0, |line| line.starts_with("another build, ") && line.ends_with("equal hashes"))?;
    let [one, other] = [leaky(place, true)?, leaky(place, false)?];
    let call = place.call(&one).args(["check", "debug_assertions", "--seeds", "1", "--with"]).args([&other]);
    let line = call.line();
    let said = call.dir(dir).capture()?;
    let moved = |line: &str| line.starts_with("this way: event ") && line.ends_with(" at a/left, because of");
    insist(&said, &line, 1, |line| {
        line.starts_with("another build, ") && line.contains("DIFFERS  debug_assertions seed 0")
    })?;
    insist(&said, &line, 1, moved)?;
    insist(&said, &line, 1, |line| line.contains("  timer  ") && line.ends_with("token 11"))
}

/// The stories that leak, as the command that checks them.
fn leaky(place: &Place, release: bool) -> Result<PathBuf, Failure> {
    let call = place.cargo(["test", "--no-run", "--message-format", "json", "-p", "tidemill-scenarios"]);
    let call = call.args(["--test", "leaky"]).args(release.then_some("--release"));
    let line = call.line();
    let said = call.read()?;
    let path = said.stdout.lines().find_map(executable);
    path.ok_or_else(|| Failure::new("cargo names no program of the test `leaky`").repeat(line))
}

/// The program of the test that a message of cargo is about.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message["target"]["name"] == "leaky";
    Some(PathBuf::from(message["executable"].as_str().filter(|_| ours)?))
}

fn insist(said: &Said, line: &str, code: i32, told: impl Fn(&str) -> bool) -> Result<(), Failure> {
    if said.code() == Some(code) && said.stdout.lines().any(told) {
        return Ok(());
    }
    let why = format!("{}, {code} and another line were expected:\n{}", said.ending(), said.all().trim());
    Err(Failure::new(why).repeat(line))
}

#[cfg(test)]
mod tests {
    use super::executable;
    use std::path::Path;

    #[test]
    fn the_program_of_the_test_is_found_among_the_messages_of_cargo() {
        let artifact =
            |name: &str| format!(r#"{{"target":{{"name":"{name}"}},"executable":"/t/{name}-0a"}}"#);
        assert_eq!(executable(&artifact("leaky")).as_deref(), Some(Path::new("/t/leaky-0a")));
        assert_eq!(executable(&artifact("other")), None);
        assert_eq!(executable(r#"{"target":{"name":"leaky"},"executable":null}"#), None);
        assert_eq!(executable("warning: no message"), None);
    }
}
