//! Tools that steps need: how to see one, how to bring it, and how to tell a person to bring it.

use crate::shell::Place;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Something that must be on the machine before a step can ask its question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Tool {
    /// A program on the path, and the system package that brings it.
    Program {
        /// The name to call it by.
        name: &'static str,
        /// What `apt-get install` takes.
        package: &'static str,
    },
    /// A standard library for another target, for the toolchain in use.
    Target(&'static str),
    /// A nightly toolchain with miri and the source of the standard library.
    Miri,
    /// The runner of the instruction-count benches, at the version in `Cargo.lock`.
    GungraunRunner,
}

impl Tool {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Program { name, .. } => name.to_owned(),
            Self::Target(target) => format!("target {target}"),
            Self::Miri => String::from("miri"),
            Self::GungraunRunner => String::from("gungraun-runner"),
        }
    }

    /// The command that brings it.
    pub(crate) fn cure(self, place: &Place) -> String {
        match self {
            Self::Program { package, .. } => format!("apt-get install -y --no-install-recommends {package}"),
            Self::Target(target) => format!("rustup target add {target}"),
            Self::Miri => {
                String::from("rustup toolchain install nightly --profile minimal --component miri,rust-src")
            }
            Self::GungraunRunner => {
                let version = locked_version(place, "gungraun").unwrap_or_else(|| String::from("*"));
                format!("cargo install gungraun-runner --version ={version}")
            }
        }
    }

    fn present(self, place: &Place) -> bool {
        match self {
            Self::Program { name, .. } => on_path(name),
            Self::Target(target) => sysroot(place, &[]).is_some_and(|root| has_target(root, target)),
            Self::Miri => {
                succeeds(place, &["+nightly", "miri", "--version"])
                    && sysroot(place, &["+nightly"])
                        .is_some_and(|root| root.join("lib/rustlib/src/rust/library").is_dir())
            }
            Self::GungraunRunner => {
                // Its version must be that of the library: it refuses to talk to any other.
                let Some(wanted) = locked_version(place, "gungraun") else { return true };
                place
                    .call("gungraun-runner")
                    .args(["--version"])
                    .capture()
                    .is_ok_and(|said| said.all().split_whitespace().any(|word| word == wanted))
            }
        }
    }
}

/// The first tool of a step that is not there.
pub(crate) fn first_missing(place: &Place, needs: &[Tool]) -> Option<Tool> {
    needs.iter().copied().find(|tool| !tool.present(place))
}

/// Brings whatever is missing, as well as this machine allows: what stays missing is judged by the steps.
pub(crate) fn install_missing(place: &Place, needs: impl Iterator<Item = Tool>) {
    let missing: BTreeSet<Tool> = needs.filter(|tool| !tool.present(place)).collect();
    let packages: Vec<&str> = missing
        .iter()
        .filter_map(
            |tool| if let Tool::Program { package, .. } = tool { Some(package.split(' ')) } else { None },
        )
        .flatten()
        .collect();
    if !packages.is_empty() {
        attempt(place, "apt-get", &["update"]);
        attempt(place, "apt-get", &[&["install", "-y", "--no-install-recommends"], &packages[..]].concat());
    }
    for tool in missing {
        if !matches!(tool, Tool::Program { .. }) {
            let cure = tool.cure(place);
            let words: Vec<&str> = cure.split(' ').collect();
            attempt(place, words[0], &words[1..]);
        }
    }
}

fn attempt(place: &Place, program: &str, args: &[&str]) {
    let call = place.call(program).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    if let Err(failure) = call.run() {
        println!("could not install: {}", failure.why);
    }
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

fn has_target(sysroot: PathBuf, target: &str) -> bool {
    sysroot.join("lib/rustlib").join(target).join("lib").is_dir()
}

fn sysroot(place: &Place, toolchain: &[&str]) -> Option<PathBuf> {
    let args = [toolchain, &["--print", "sysroot"]].concat();
    let said = place.call("rustc").args(args).capture().ok()?;
    said.status.success().then(|| PathBuf::from(said.stdout.trim()))
}

fn succeeds(place: &Place, args: &[&str]) -> bool {
    place.cargo(args).capture().is_ok_and(|said| said.status.success())
}

/// The version of a package in `Cargo.lock`, if the workspace uses it.
fn locked_version(place: &Place, package: &str) -> Option<String> {
    version_in(&std::fs::read_to_string(place.root.join("Cargo.lock")).ok()?, package)
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Tool, first_missing, version_in};
    use crate::shell::Place;

    #[test]
    fn the_first_missing_tool_is_named_with_its_cure() {
        let place = Place::find(false).expect("the workspace is here");
        let cargo = Tool::Program { name: "cargo", package: "cargo" };
        let absent = Tool::Program { name: "no-such-program", package: "some-package" };
        assert_eq!(first_missing(&place, &[cargo]), None);
        assert_eq!(first_missing(&place, &[cargo, absent]), Some(absent));
        assert_eq!(
            first_missing(&place, &[Tool::Target("no-such-target")]),
            Some(Tool::Target("no-such-target"))
        );
        assert!(absent.cure(&place).ends_with(" some-package"));
    }

    #[test]
    fn a_locked_version_is_that_of_the_package_and_not_of_a_namesake() {
        let lock = "[[package]]\nname = \"gungraun-macros\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"gungraun\"\nversion = \"0.20.1\"\n";
        assert_eq!(version_in(lock, "gungraun").as_deref(), Some("0.20.1"));
        assert_eq!(version_in(lock, "valgrind"), None);
    }
}
