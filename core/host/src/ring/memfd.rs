use super::error::AttachError;
use super::identity;
use super::named::{Backing, take_space};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use std::os::fd::{AsFd, OwnedFd};
use tidemill_ring::{Layout, Segment, Spec};

/// The length can never change, and nobody can take that back.
fn seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL
}

/// A segment without a name, in a memfd that is sealed against every change of its length: whoever gets the descriptor
/// attaches with [`over`](super::over).
///
/// # Errors
/// [`AttachError::Spec`], or by the system.
pub fn memfd(spec: &Spec) -> Result<OwnedFd, AttachError> {
    let layout = Layout::of(spec).map_err(AttachError::Spec)?;
    let file = sealed(layout.bytes())?;
    let backing = Backing::of(&file)?;
    Segment::create(&backing.mapping, spec, identity::fresh(), identity::creator(), &backing.lock)?;
    Ok(file)
}

/// Zeroes, so many bytes of them for ever.
pub(super) fn sealed(bytes: u64) -> Result<OwnedFd, AttachError> {
    let file = memfd_create("tm.ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
    let file = file.map_err(|error| AttachError::os("memfd_create", error))?;
    take_space(&file, bytes)?;
    fcntl_add_seals(&file, seals()).map_err(|error| AttachError::os("fcntl", error))?;
    Ok(file)
}

/// The segment in a memfd that somebody else made.
pub(super) fn adopt(file: impl AsFd) -> Result<Backing, AttachError> {
    // A file that knows no seals has none.
    let found = fcntl_get_seals(&file).unwrap_or(SealFlags::empty());
    if !found.contains(seals()) {
        return Err(AttachError::Unsealed);
    }
    Backing::of(file)
}
