use super::Policy;
use core::fmt;
use tidemill_seam::Duration;

/// Who somebody is to an operating system. All zero where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Identity {
    /// The process.
    pub process: u32,
    /// When it started, as its system counts.
    pub started: u64,
    /// The namespace in which `process` means something.
    pub namespace: u64,
}

/// The name of a participant: 1 to 24 bytes of printable ASCII without blanks. The same name again is the same reader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName([u8; Self::MAX]);

/// No participant can be called so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerNameError {
    /// No bytes, or more than [`PeerName::MAX`].
    Length(usize),
    /// A blank, a control character, or none of ASCII, at this byte.
    Character(usize),
}

/// What a participant says about itself when it joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its name.
    pub name: PeerName,
    /// Who it is to its system.
    pub who: Identity,
    /// What happens to it when it is slow.
    pub policy: Policy,
    /// How long its place is kept after its death, by the producer's clock.
    pub hold: Duration,
}

impl Peer {
    /// A participant without an operating system that blocks the producer and holds nothing after its death.
    pub const fn new(name: PeerName) -> Self {
        let who = Identity { process: 0, started: 0, namespace: 0 };
        Self { name, who, policy: Policy::Block, hold: Duration::ZERO }
    }

    /// The same under another policy.
    #[must_use]
    pub const fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same that is this process.
    #[must_use]
    pub const fn who(self, who: Identity) -> Self {
        Self { who, ..self }
    }

    /// The same whose place is kept for so long after its death.
    #[must_use]
    pub const fn hold(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }
}

impl Identity {
    pub(crate) const WORDS: usize = 5;

    pub(crate) const fn encode(self) -> [u32; Self::WORDS] {
        let (started, namespace) = (self.started, self.namespace);
        [self.process, started as u32, (started >> 32) as u32, namespace as u32, (namespace >> 32) as u32]
    }

    /// # Panics
    /// Where there are not five words.
    pub(crate) fn decode(words: &[u32]) -> Self {
        let wide = |at: usize| u64::from(words[at]) | u64::from(words[at + 1]) << 32;
        Self { process: words[0], started: wide(1), namespace: wide(3) }
    }
}

impl PeerName {
    /// The longest name, in bytes.
    pub const MAX: usize = 24;
    pub(crate) const WORDS: usize = Self::MAX / 4;

    /// The participant of that name.
    ///
    /// # Errors
    /// [`PeerNameError`] where there can be none.
    pub const fn parse(name: &str) -> Result<Self, PeerNameError> {
        let (bytes, mut own) = (name.as_bytes(), [0; Self::MAX]);
        if bytes.is_empty() || bytes.len() > Self::MAX {
            return Err(PeerNameError::Length(bytes.len()));
        }
        let mut i = 0;
        while i < bytes.len() {
            if !bytes[i].is_ascii_graphic() {
                return Err(PeerNameError::Character(i));
            }
            own[i] = bytes[i];
            i += 1;
        }
        Ok(Self(own))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX);
        core::str::from_utf8(&self.0[..len]).unwrap_or("?")
    }

    pub(crate) fn encode(&self) -> [u32; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        for (word, bytes) in words.iter_mut().zip(self.0.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }

    /// The name that stood in those words, as far as it is one.
    pub(crate) fn decode(words: &[u32; Self::WORDS]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        for (four, word) in bytes.chunks_mut(4).zip(words) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        let len = bytes.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX);
        core::str::from_utf8(&bytes[..len]).ok().and_then(|name| Self::parse(name).ok())
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for PeerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "a name of {n} bytes is not between 1 and {}", PeerName::MAX),
            Self::Character(at) => write!(f, "byte {at} of the name is no printable ASCII character"),
        }
    }
}

impl core::error::Error for PeerNameError {}
