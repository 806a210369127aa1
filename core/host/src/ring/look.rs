use super::error::AttachError;
use super::lock::Lock;
use super::named::{Backing, measure, open_to_look};
use super::region::{Mapping, map_to_read};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tidemill_ring::doctor::{self, Doctor, Finding, Repaired};
use tidemill_ring::name::FileName;
use tidemill_ring::{Layout, Segment};
use tidemill_seam::{Life, Liveness, Region};

/// A mapping that can only be read.
///
/// # Panics
/// At a store: who watches is no party.
#[derive(Clone, Debug)]
pub struct Watched(Mapping);

/// A segment as seen by somebody who takes no part in it, whether it lives or not: opened and mapped read-only.
#[derive(Debug)]
pub struct Look {
    segment: Segment<Watched>,
    lock: Lock,
}

impl Look {
    /// The segment in that file.
    ///
    /// # Errors
    /// [`AttachError`]: none there, none that can be one, or one that this process may not read.
    pub fn at(path: &Path) -> Result<Self, AttachError> {
        let file = open_to_look(path)?;
        let bytes = measure(&file)?;
        let mapping = map_to_read(&file, bytes).map_err(|error| AttachError::os("mmap", error))?;
        let lock = Lock::to_ask(&file).map_err(|error| AttachError::os("open", error))?;
        Ok(Self { segment: Segment::attach(Watched(mapping))?, lock })
    }

    /// What stands there.
    pub fn segment(&self) -> &Segment<Watched> {
        &self.segment
    }

    /// Whether the owner of a slot lives. In a copied file nobody does.
    pub fn life(&self, slot: u32, generation: u32) -> Life {
        self.lock.probe(slot, generation)
    }

    /// Whether anybody has the segment open, or a claim on it: until nobody does its name is not to be taken away. Who looks is
    /// nobody.
    pub fn users(&self) -> Life {
        self.lock.anybody()
    }

    /// All that is wrong with it, by the laws of [`doctor`]. Of a segment in use the control words are copied twice.
    ///
    /// # Errors
    /// [`AttachError`] where another segment was made there meanwhile.
    pub fn examine(&self) -> Result<Vec<Finding>, AttachError> {
        let (region, data) = (self.segment.region(), self.segment.header().layout.data());
        let copied = || {
            let mut words = vec![0; data as usize];
            doctor::copy(region, &mut words);
            words
        };
        let (first, mut findings) = (copied(), Vec::new());
        let doctor = Doctor::meet(&first, region.words(), &self.lock)?;
        doctor.examine(&copied(), &mut |finding| findings.push(finding))?;
        Ok(findings)
    }

    /// Whether the present producer lives; `None` where there never was one.
    pub fn producer(&self) -> Option<Life> {
        let standing = self.segment.standing().filter(|standing| standing.generation > 0)?;
        Some(self.life(Layout::PRODUCER, standing.generation))
    }
}

/// Frees what the dead of a segment held, as far as whoever joins next would: by [`doctor::repair`].
///
/// # Errors
/// [`AttachError`]: none there, none that can be one, or one that this process may not write.
pub fn repair(path: &Path) -> Result<Repaired, AttachError> {
    let Backing { mapping, lock } = Backing::open(path)?;
    Ok(doctor::repair(&Segment::attach(mapping)?, &lock))
}

/// The files in a folder that are called as rings are, by name: `tm.<name>` and `<name>.ring`.
///
/// # Errors
/// If the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let bare = name.strip_suffix(".ring").map(tidemill_ring::name::Name::parse);
        if FileName::parse(name).is_some() || matches!(bare, Some(Ok(_))) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

// SAFETY: the words of the mapping, for as long as it lives; nothing is ever stored through it.
unsafe impl Region for Watched {
    fn words(&self) -> u32 {
        self.0.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.load(at, order) }
    }
    unsafe fn store(&self, at: u32, _: u32, _: Ordering) {
        panic!("a watcher stores nothing, and was asked to at word {at}");
    }
    fn is_wide(&self) -> bool {
        self.0.is_wide()
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.load_pair(at, order) }
    }
    fn fence(&self, order: Ordering) {
        self.0.fence(order);
    }
}
