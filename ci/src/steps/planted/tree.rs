//! A copy of the working tree, in which bugs are planted: the tree itself is never broken.

use super::patch::Patch;
use crate::shell::{Failure, Place};
use std::fs;
use std::path::{Path, PathBuf};

/// The copy.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    place: Place,
    pub(crate) root: PathBuf,
}

impl Tree {
    /// What git sees, under the target directory. A file that is there already and the same is not touched, so that what
    /// was built of it stays built.
    pub(crate) fn copy(place: &Place) -> Result<Self, Failure> {
        let root = place.target.join("ci/planted/tree");
        let listed =
            place.call("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).read()?;
        for path in listed.stdout.lines() {
            let (from, to) = (place.root.join(path), root.join(path));
            if from.is_file() {
                renew(&from, &to).map_err(|error| Failure::new(format!("{path}: {error}")))?;
            }
        }
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

fn renew(from: &Path, to: &Path) -> std::io::Result<()> {
    let fresh = fs::read(from)?;
    if fs::read(to).is_ok_and(|stands| stands == fresh) {
        return Ok(());
    }
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(to, fresh)
}
