//! Streams for tasks: calls that wait.

use tidemill_seam::{Broken, Heard, Instant, Stream, Streams};

use super::Env;
use crate::net::Address;
use crate::stream::{SimStream, SimStreams};

impl Env {
    /// This process's port for streams.
    pub fn streams(&self) -> SimStreams {
        self.seams().streams()
    }

    /// Opens a stream, and waits until the peer has accepted it.
    ///
    /// # Errors
    /// Why it did not open.
    pub async fn connect(&self, port: &mut SimStreams, to: Address) -> Result<SimStream, Broken> {
        let mut stream = port.connect(to);
        loop {
            let seen = self.epoch();
            if stream.is_open()? {
                return Ok(stream);
            }
            self.changed(seen, None).await;
        }
    }

    /// Waits for the next stream that somebody opens to this port.
    pub async fn accept(&self, port: &mut SimStreams) -> (SimStream, Address) {
        loop {
            let seen = self.epoch();
            if let Some(accepted) = port.accept() {
                return accepted;
            }
            self.changed(seen, None).await;
        }
    }

    /// Waits until there is something to hear; gives [`Heard::Nothing`] only where that is not before `due`.
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub async fn hear(
        &self,
        stream: &mut impl Stream,
        buffer: &mut [u8],
        due: Option<Instant>,
    ) -> Result<Heard, Broken> {
        loop {
            let seen = self.epoch();
            let heard = stream.read(buffer)?;
            if heard != Heard::Nothing || due.is_some_and(|due| self.now() >= due) {
                return Ok(heard);
            }
            self.changed(seen, due).await;
        }
    }

    /// Writes all of it, however little room there is at a time.
    ///
    /// # Errors
    /// As [`Stream::write`]; some of it may have been taken.
    pub async fn say(&self, stream: &mut impl Stream, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let seen = self.epoch();
            let taken = stream.write(bytes)?;
            bytes = &bytes[taken..];
            if taken == 0 {
                self.changed(seen, None).await;
            }
        }
        Ok(())
    }
}
