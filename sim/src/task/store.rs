//! Storage for tasks: calls that wait where the seam says to ask again.

use tidemill_seam::{ReadError, Store, SyncError, WriteError};

use super::Env;

impl Env {
    /// Calls until it no longer says that it should be asked again.
    async fn until_answered<T, E>(
        &self,
        mut call: impl FnMut() -> Result<T, E>,
        again: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        loop {
            let seen = self.epoch();
            match call() {
                Err(error) if again(&error) => self.changed(seen, None).await,
                answered => return answered,
            }
        }
    }

    /// Reads blocks, however long the device stalls.
    ///
    /// # Errors
    /// As [`Store::read`], without `Stalled`.
    pub async fn read(&self, store: &mut impl Store, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.until_answered(|| store.read(at, into), |error| *error == ReadError::Stalled).await
    }

    /// Writes blocks, however long the device stalls.
    ///
    /// # Errors
    /// As [`Store::write`], without `Stalled`.
    pub async fn write(&self, store: &mut impl Store, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.until_answered(|| store.write(at, from), |error| *error == WriteError::Stalled).await
    }

    /// Syncs, and waits for the outcome.
    ///
    /// # Errors
    /// As [`Store::sync`], without `Pending`.
    pub async fn sync(&self, store: &mut impl Store) -> Result<(), SyncError> {
        self.until_answered(|| store.sync(), |error| *error == SyncError::Pending).await
    }
}
