//! The same command built with the other profile, if it is built and not older than its sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Other builds that can be compared with, and why the rest cannot.
pub(super) fn find() -> (Vec<PathBuf>, Vec<String>) {
    let Ok(me) = std::env::current_exe() else { return (Vec::new(), Vec::new()) };
    let (Some(profile), Some(name)) = (me.parent(), me.file_name()) else { return (Vec::new(), Vec::new()) };
    let (folder, inner) = match profile.file_name().and_then(|name| name.to_str()) {
        // Examples lie one folder deeper.
        Some("examples") => (profile.parent().unwrap_or(profile), Some("examples")),
        _ => (profile, None),
    };
    let other = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "release",
        Some("release") => "debug",
        _ => return (Vec::new(), Vec::new()),
    };
    let mut path = folder.with_file_name(other);
    path.extend(inner);
    path.push(name);
    let built = |path: &Path| fs::metadata(path).ok()?.modified().ok();
    let Some(since) = built(&path) else {
        return (Vec::new(), vec![format!("the {other} build: {} is not built", path.display())]);
    };
    let sources = fs::read_to_string(path.with_extension("d")).unwrap_or_default();
    let newer = sources
        .split_whitespace()
        .skip(1)
        .find(|source| built(Path::new(source)).is_some_and(|at| at > since));
    match newer {
        Some(source) => (Vec::new(), vec![format!("the {other} build: it is older than {source}")]),
        None if sources.is_empty() => {
            (Vec::new(), vec![format!("the {other} build: its sources are not known")])
        }
        None => (vec![path], Vec::new()),
    }
}
