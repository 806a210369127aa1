use super::SlotRegister;
use crate::store::{FileStore, sync_folder};
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use tidemill_seam::Geometry;

/// Bytes of a sector: a block is a number of them.
const SECTOR: u64 = 512;
/// Blocks of a register.
const BLOCKS: u64 = 4;

/// A register in a file of its own, which one process at a time has open: the kernel frees the lock of one that dies.
pub type FileRegister = SlotRegister<FileStore>;

impl FileRegister {
    /// Makes a register without a value at `path`, for values of up to `capacity` bytes at least. It is there whole or not at all,
    /// whenever the machine dies.
    ///
    /// # Errors
    /// If something is there already, or a file cannot be made.
    pub fn create(path: impl AsRef<Path>, capacity: usize) -> Result<Self> {
        let path = path.as_ref();
        let Some(name) = path.file_name() else {
            return Err(Error::new(ErrorKind::InvalidInput, "a register has a name"));
        };
        let mut name = name.to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let draft = path.with_file_name(name);
        let made = Self::draft(&draft, capacity).and_then(|register| {
            fs::hard_link(&draft, path)?;
            Ok(register)
        });
        // Whatever became of it, the other name is of no use.
        let _ = fs::remove_file(&draft);
        sync_folder(path)?;
        made
    }

    fn draft(path: &Path, capacity: usize) -> Result<Self> {
        let block = (capacity as u64).saturating_add(Self::OVERHEAD).next_multiple_of(SECTOR);
        let block = u32::try_from(block).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut store = FileStore::open(path, Geometry { block, blocks: BLOCKS })?;
        Self::format(&mut store).map_err(Error::other)?;
        Ok(Self::new(store))
    }

    /// Opens the register at `path`.
    ///
    /// # Errors
    /// If there is none, another process has it open, or its length is that of no register.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let len = fs::metadata(path.as_ref())?.len();
        let block = u32::try_from(len / BLOCKS).ok();
        let fits =
            |block: &u32| *block > 0 && len == u64::from(*block) * BLOCKS && u64::from(*block) % SECTOR == 0;
        let Some(block) = block.filter(fits) else {
            return Err(Error::new(ErrorKind::InvalidData, format!("no register has {len} bytes")));
        };
        Ok(Self::new(FileStore::existing(path, Geometry { block, blocks: BLOCKS })?))
    }
}

#[cfg(test)]
mod tests {
    use super::FileRegister;
    use std::fs;
    use tidemill_seam::{Exchanged, ReadingError, Register, Version};

    #[test]
    fn a_register_is_made_once_and_found_again_by_one_process_at_a_time() {
        let path = std::env::temp_dir().join(format!("tidemill-register-{}", std::process::id()));
        assert!(FileRegister::open(&path).is_err() && !path.exists(), "nothing is made by opening");
        let mut register = FileRegister::create(&path, 512).expect("a file in the temporary folder");
        assert!(register.capacity() >= 512);
        assert_eq!(register.exchange(Version::NONE, b"one"), Ok(Exchanged::Won(Version(1))));
        assert!(FileRegister::open(&path).is_err(), "it is locked");
        drop(register);
        assert!(FileRegister::create(&path, 512).is_err(), "it is there");
        let mut register = FileRegister::open(&path).expect("the lock is free");
        let mut bytes = [0; 8];
        assert_eq!(register.read(&mut bytes).map(|reading| reading.version), Ok(Version(1)));
        drop(register);
        fs::OpenOptions::new().write(true).open(&path).expect("there").set_len(600).expect("cut");
        assert!(FileRegister::open(&path).is_err(), "cut short");
        fs::write(&path, vec![0; 4096]).expect("written over");
        let mut blank = FileRegister::open(&path).expect("a file of that length");
        assert_eq!(blank.read(&mut bytes), Err(ReadingError::Absent), "blank is no register without a value");
        assert!(blank.exchange(Version::NONE, b"new").is_err());
        fs::remove_file(path).expect("removed");
    }
}
