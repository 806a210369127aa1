//! Storage for tasks: calls that wait where the seam says to ask again.

use tidemill_seam::{
    ExchangeError, Exchanged, ReadError, Reading, ReadingError, Register, Store, SyncError, Version,
    WriteError,
};

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

    /// Reads a register's value into `into`, and waits for the answer.
    ///
    /// # Errors
    /// As [`Register::read`], without `Pending`.
    pub async fn read_value(
        &self,
        register: &mut impl Register,
        into: &mut [u8],
    ) -> Result<Reading, ReadingError> {
        self.until_answered(|| register.read(into), |error| *error == ReadingError::Pending).await
    }

    /// Exchanges a register's value, and waits for the answer.
    ///
    /// # Errors
    /// As [`Register::exchange`], without `Pending`.
    pub async fn exchange(
        &self,
        register: &mut impl Register,
        expected: Version,
        value: &[u8],
    ) -> Result<Exchanged, ExchangeError> {
        self.until_answered(|| register.exchange(expected, value), |error| *error == ExchangeError::Pending)
            .await
    }
}
