use super::error::AttachError;
use super::lock::Lock;
use super::region::{Mapping, map};
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, fallocate, fstat, linkat, open, unlink,
};
use rustix::io::{Errno, write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use tidemill_ring::Segment;
use tidemill_ring::layout::HEADER_WORDS;

/// A segment's memory and the claims on it.
#[derive(Debug)]
pub struct Backing {
    /// The memory.
    pub mapping: Mapping,
    /// The claims.
    pub lock: Lock,
}

/// A segment's memory before it has a name. Whoever dies with one in hand leaves nothing.
#[derive(Debug)]
pub struct Draft {
    backing: Backing,
    path: PathBuf,
}

/// The least that is worth a look: a header and the word behind it.
const LEAST: u64 = 4 * (HEADER_WORDS as u64 + 1);
/// How often a name is looked up again that was taken away while it was being opened.
const TURNS: u32 = 16;

/// The file of that path, to be looked at only.
pub(super) fn open_to_look(path: &Path) -> Result<OwnedFd, AttachError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    open(path, flags, Mode::empty()).map_err(|error| AttachError::os("open", error))
}

/// How many bytes a file has that may be a segment.
pub(super) fn measure(file: impl AsFd) -> Result<u64, AttachError> {
    let stat = fstat(file).map_err(|error| AttachError::os("fstat", error))?;
    let bytes = u64::try_from(stat.st_size).unwrap_or(0);
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || bytes < LEAST {
        return Err(AttachError::length(if regular { bytes / 4 } else { 0 }, LEAST / 4));
    }
    let most = u64::from(u32::MAX);
    if bytes / 4 > most {
        return Err(AttachError::length(bytes / 4, most));
    }
    if bytes % 4 != 0 {
        // The word that is cut is one too many.
        return Err(AttachError::length(bytes.div_ceil(4), bytes / 4));
    }
    Ok(bytes)
}

impl Backing {
    /// The memory and the claims of `file`, whatever its name.
    pub(super) fn of(file: impl AsFd) -> Result<Self, AttachError> {
        let bytes = measure(&file)?;
        let lock = Lock::on(&file).map_err(|error| AttachError::os("open", error))?;
        let mapping = map(&file, bytes).map_err(|error| AttachError::os("mmap", error))?;
        Ok(Self { mapping, lock })
    }

    /// Whether this may be used under its name: `false` where somebody took that away.
    fn settle(&self) -> Result<bool, AttachError> {
        let settled = self.lock.attach().map_err(|error| AttachError::os("fcntl", error))?;
        let stat = fstat(self.lock.file()).map_err(|error| AttachError::os("fstat", error))?;
        // Attached before the look: a name that is there now is nobody's to take away.
        Ok(settled && stat.st_nlink > 0)
    }

    /// Another handle to the same: mapped at another address, with claims of its own.
    ///
    /// # Errors
    /// [`AttachError`] by the system.
    pub fn again(&self) -> Result<Self, AttachError> {
        let other = Self::of(self.lock.file())?;
        // Nobody takes the name away while this handle is attached.
        other.lock.attach().map_err(|error| AttachError::os("fcntl", error))?;
        Ok(other)
    }

    /// The segment that has that name.
    ///
    /// # Errors
    /// [`AttachError`]: none there, none that can be one, or one that loses its name again and again.
    pub fn open(path: &Path) -> Result<Self, AttachError> {
        let mut generation = 0;
        for _ in 0..TURNS {
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file = open(path, flags, Mode::empty()).map_err(|error| AttachError::os("open", error))?;
            let backing = Self::of(&file)?;
            if backing.settle()? {
                return Ok(backing);
            }
            let last = Segment::attach(&backing.mapping).ok().and_then(|segment| segment.standing());
            generation = last.map_or(generation, |standing| standing.generation);
        }
        Err(AttachError::Stale { generation })
    }

    /// Takes the name of a segment away, where nobody has it open.
    ///
    /// # Errors
    /// [`AttachError::NameTaken`] where somebody does; [`AttachError::NotFound`] where there is none.
    pub fn remove(path: &Path) -> Result<(), AttachError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = open(path, flags, Mode::empty()).map_err(|error| AttachError::os("open", error))?;
        let lock = Lock::on(&file).map_err(|error| AttachError::os("open", error))?;
        if !lock.take_all().map_err(|error| AttachError::os("fcntl", error))? {
            return Err(AttachError::NameTaken { owner: Default::default() });
        }
        let stat = fstat(&file).map_err(|error| AttachError::os("fstat", error))?;
        // Whoever removed it first may have made room for another of that name.
        if stat.st_nlink == 0 {
            return Err(AttachError::NotFound);
        }
        unlink(path).map_err(|error| AttachError::os("unlink", error))
    }
}

impl Draft {
    /// Memory of so many bytes, all zero, that is to become `path`. Its space is taken now, so that no store finds the disk
    /// full.
    ///
    /// # Errors
    /// [`AttachError::Os`], among others where there is no room, or where the file system makes no file without a name.
    pub fn new(path: PathBuf, bytes: u64) -> Result<Self, AttachError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(folder.unwrap_or(Path::new(".")), flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|error| AttachError::os("open", error))?;
        take_space(&file, bytes)?;
        let backing = Backing::of(&file)?;
        Ok(Self { backing, path })
    }

    /// The memory and the claims on it.
    pub fn backing(&self) -> &Backing {
        &self.backing
    }

    /// Gives it its name, whole as it is: from here on others find it. `None` where there is one of that name.
    ///
    /// # Errors
    /// [`AttachError`] by the system.
    pub fn link(self) -> Result<Option<Backing>, AttachError> {
        // Nobody else knows the file yet.
        self.backing.lock.attach().map_err(|error| AttachError::os("fcntl", error))?;
        let own = format!("/proc/self/fd/{}", self.backing.lock.file().as_raw_fd());
        match linkat(CWD, own, CWD, &self.path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(Some(self.backing)),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(AttachError::os("linkat", error)),
        }
    }
}

/// Takes the space of `bytes` zeroes.
pub(super) fn take_space(file: &OwnedFd, bytes: u64) -> Result<(), AttachError> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            fill(file, bytes).map_err(|error| AttachError::os("write", error))
        }
        taken => taken.map_err(|error| AttachError::os("fallocate", error)),
    }
}

/// What `fallocate` does, where the file system does not.
fn fill(file: &OwnedFd, bytes: u64) -> Result<(), Errno> {
    let zeroes = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(zeroes.len() as u64) as usize;
        match write(file, &zeroes[..piece]) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(done) => left -= done as u64,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
