//! A copy of the working tree, in which bugs are planted: the tree itself is never broken.

use super::patch::Patch;
use crate::shell::{Failure, Place};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The copy.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    place: Place,
    pub(crate) root: PathBuf,
}

impl Tree {
    /// What git sees, under the target directory, and nothing else. A file that is there already and the same is not
    /// touched, so that what was built of it stays built.
    pub(crate) fn copy(place: &Place) -> Result<Self, Failure> {
        let root = place.target.join("ci/planted/tree");
        let listed =
            place.call("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).read()?;
        let mut kept = BTreeSet::new();
        for path in listed.stdout.lines() {
            let (from, to) = (place.root.join(path), root.join(path));
            if from.is_file() {
                renew(&from, &to).map_err(|error| Failure::new(format!("{path}: {error}")))?;
                kept.insert(to);
            }
        }
        clear(&root, &kept).map_err(|error| Failure::new(format!("{}: {error}", root.display())))?;
        Ok(Self { place: place.clone(), root })
    }

    /// Whether a patch fits the code.
    pub(crate) fn check(&self, patch: &Patch) -> Result<(), Failure> {
        self.apply(patch, &["--check"])
    }

    pub(crate) fn plant(&self, patch: &Patch) -> Result<(), Failure> {
        self.apply(patch, &[])
    }

    pub(crate) fn heal(&self, patch: &Patch) -> Result<(), Failure> {
        self.apply(patch, &["--reverse"])
    }

    /// The tree lies inside of our own repository, which git must not look at: paths are those of the copy.
    fn apply(&self, patch: &Patch, how: &[&str]) -> Result<(), Failure> {
        let above = self.root.parent().unwrap_or(&self.root);
        let call =
            self.place.call("git").args(["apply", "--whitespace=nowarn"]).args(how).args([&patch.path]);
        let said = call.dir(&self.root).env("GIT_CEILING_DIRECTORIES", above).capture()?;
        if said.code() == Some(0) {
            return Ok(());
        }
        Err(Failure::new(format!("{} no longer fits the code: {}", patch.path.display(), said.all().trim())))
    }
}

/// Removes every file that is not among those that are kept: one that was moved must not stand in both places.
fn clear(folder: &Path, kept: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            clear(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn renew(from: &Path, to: &Path) -> std::io::Result<()> {
    let fresh = fs::read(from)?;
    if fs::read(to).is_ok_and(|stands| stands == fresh) {
        return Ok(());
    }
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(to, fresh)
}

#[cfg(test)]
mod tests {
    use super::clear;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn what_is_gone_from_the_tree_goes_from_its_copy() {
        let root = std::env::temp_dir().join(format!("tidemill-ci-tree-{}", std::process::id()));
        let (kept, gone) = (root.join("a/kept"), root.join("a/b/gone"));
        fs::create_dir_all(root.join("a/b")).expect("a place for the test");
        [&kept, &gone].into_iter().for_each(|path| fs::write(path, "").expect("room for a file"));
        clear(&root, &BTreeSet::from([kept.clone()])).expect("the copy is ours");
        assert!(kept.is_file() && !gone.exists());
        fs::remove_dir_all(root).expect("it was ours");
    }
}
