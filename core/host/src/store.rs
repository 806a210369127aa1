use rustix::fs::{FallocateFlags, FlockOperation, fallocate, fdatasync, flock, fsync};
use rustix::io::{Errno, pread, pwrite};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use tidemill_seam::{Geometry, ReadError, Store, SyncError, WriteError};

/// Blocks in a file: `pread`, `pwrite`, `fdatasync`.
///
/// The file is locked for as long as the store lives, and the kernel frees the lock of a process that dies. Its space is
/// taken when it is made, where the file system can do that, so that no later write finds the disk full. A call takes as
/// long as the device does.
#[derive(Debug)]
pub struct FileStore {
    file: File,
    shape: Geometry,
}

impl FileStore {
    /// Opens the store at `path`, or makes one that is all zero.
    ///
    /// # Errors
    /// If it cannot be opened or made, is locked by another store, or has another size than `shape` says.
    pub fn open(path: impl AsRef<Path>, shape: Geometry) -> io::Result<Self> {
        Self::of(path.as_ref(), shape, true)
    }

    /// Opens the store at `path`, which is there: a file that somebody took away is an error, and no blank store.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if there is none.
    pub fn existing(path: impl AsRef<Path>, shape: Geometry) -> io::Result<Self> {
        Self::of(path.as_ref(), shape, false)
    }

    fn of(path: &Path, shape: Geometry, make: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(make).truncate(false);
        let file = options.open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let (bytes, found) = (shape.bytes(), file.metadata()?.len());
        if shape.block == 0 || shape.blocks == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a store has blocks, and blocks have bytes",
            ));
        }
        if found == 0 && make {
            match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(bytes)?,
                taken => taken?,
            }
            // The name has to be as durable as the blocks are.
            fsync(&file)?;
            sync_folder(path)?;
        } else if found != bytes {
            let message = format!("a store of {bytes} bytes in a file of {found}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Self { file, shape })
    }
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(fsync(File::open(folder.unwrap_or(Path::new(".")))?)?)
}

impl Store for FileStore {
    fn geometry(&self) -> Geometry {
        self.shape
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.shape.place(at, into.len())?;
        let mut done = 0;
        while done < into.len() {
            match pread(&self.file, &mut into[done..], at + done as u64) {
                // Somebody cut the file short: what is missing is damage, not zeroes.
                Ok(0) => return Err(ReadError::Failed),
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(ReadError::Stalled),
                Err(Errno::BADF) => return Err(ReadError::Closed),
                Err(_) => return Err(ReadError::Failed),
            }
        }
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.shape.place(at, from.len())?;
        let mut done = 0;
        while done < from.len() {
            match pwrite(&self.file, &from[done..], at + done as u64) {
                Ok(0) => return Err(WriteError::Failed),
                Ok(count) => done += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if done == 0 => return Err(WriteError::Stalled),
                Err(Errno::NOSPC | Errno::DQUOT) if done == 0 => return Err(WriteError::Full),
                Err(Errno::BADF) => return Err(WriteError::Closed),
                Err(_) => return Err(WriteError::Failed),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        loop {
            match fdatasync(&self.file) {
                Ok(()) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::BADF) => return Err(SyncError::Closed),
                Err(_) => return Err(SyncError::Failed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FileStore;
    use std::fs;
    use tidemill_seam::{Geometry, ReadError, Store};

    const SHAPE: Geometry = Geometry { block: 512, blocks: 4 };

    #[test]
    fn what_was_written_is_there_when_the_file_is_opened_again() {
        let path = std::env::temp_dir().join(format!("tidemill-store-{}-again", std::process::id()));
        let mut store = FileStore::open(&path, SHAPE).expect("a file in the temporary folder");
        store.write(512, &[7; 1024]).expect("written");
        store.sync().expect("synced");
        assert!(FileStore::open(&path, SHAPE).is_err(), "the store is locked");
        drop(store);
        let mut store = FileStore::open(&path, SHAPE).expect("the lock is free again");
        let mut bytes = [0; 512];
        store.read(1024, &mut bytes).expect("read");
        assert_eq!(bytes, [7; 512]);
        drop(store);
        let other = Geometry { blocks: 5, ..SHAPE };
        assert!(FileStore::open(&path, other).is_err(), "another shape");
        assert!(FileStore::existing(&path, SHAPE).is_ok());
        fs::remove_file(&path).expect("removed");
        assert!(FileStore::existing(&path, SHAPE).is_err() && !path.exists(), "nothing is made in its place");
    }

    #[test]
    fn a_file_that_was_cut_short_is_damaged_and_not_zero() {
        let path = std::env::temp_dir().join(format!("tidemill-store-{}-short", std::process::id()));
        let mut store = FileStore::open(&path, SHAPE).expect("a file in the temporary folder");
        fs::OpenOptions::new().write(true).open(&path).expect("there").set_len(600).expect("cut");
        assert_eq!(store.read(512, &mut [0; 512]), Err(ReadError::Failed));
        fs::remove_file(path).expect("removed");
    }
}
