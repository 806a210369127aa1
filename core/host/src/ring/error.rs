use rustix::io::Errno;
use std::fmt;
use tidemill_flow::{Caps, shared};
use tidemill_ring::SpecError;
use tidemill_ring::app::AppCounterError;
use tidemill_ring::header::{self, Field, Incompatible};
use tidemill_ring::join::JoinError;
use tidemill_ring::producer::OpenError;
use tidemill_ring::segment::{CreateError, PeerFault};
use tidemill_ring::table::{Identity, PeerNameError};
use tidemill_ring::wait::SpinOnly;

/// Why nobody takes part in a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttachError {
    /// There is none of that name.
    NotFound,
    /// It is being made.
    NotReady,
    /// It lost its name while it was being opened: somebody collected it.
    Stale {
        /// Of its last producer.
        generation: u32,
    },
    /// It cannot be used from here.
    Incompatible {
        /// What is wrong.
        field: Field,
        /// What stands there.
        got: u64,
        /// What has to stand there, or the limit.
        want: u64,
    },
    /// Somebody is what one may be at a time: its producer, or the participant of that name; or uses what was to be removed.
    NameTaken {
        /// Who, as far as is known.
        owner: Identity,
    },
    /// Every place of its table is somebody's.
    TableFull {
        /// Places that there are.
        participants: u32,
    },
    /// As many produce as may at a time, and none is proved dead.
    Crowded {
        /// How many that is.
        producers: u32,
    },
    /// Its memory may be cut short under its users: no memfd that is sealed against that.
    Unsealed,
    /// The system does not let this process.
    Denied,
    /// There can be no such ring.
    Spec(SpecError),
    /// No participant can be called so.
    PeerName(PeerNameError),
    /// The table does not take this participant, for another reason than those above.
    Join(JoinError),
    /// There is no such counter of the application.
    Counter(AppCounterError),
    /// No edge between processes has such caps.
    Caps(Caps),
    /// Nobody sleeps on this ring, and a strategy that does was asked for.
    SpinOnly,
    /// A word was found that its owner does not write (RL-18).
    Fault(PeerFault),
    /// A call of the system failed.
    Os {
        /// Which.
        call: &'static str,
        /// Its error number.
        code: i32,
    },
}

impl AttachError {
    /// What a failed `call` means.
    pub(super) fn os(call: &'static str, error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            error => Self::Os { call, code: error.raw_os_error() },
        }
    }

    pub(super) fn length(got: u64, want: u64) -> Self {
        Self::Incompatible { field: Field::Length, got, want }
    }

    pub(super) fn from_join(error: JoinError, owner: impl FnOnce(u32) -> Identity) -> Self {
        match error {
            JoinError::Incompatible(error) => error.into(),
            JoinError::NameTaken { slot } => Self::NameTaken { owner: owner(slot) },
            JoinError::TableFull { participants } => Self::TableFull { participants },
            JoinError::Fault(fault) => Self::Fault(fault),
            other => Self::Join(other),
        }
    }
}

impl From<Incompatible> for AttachError {
    fn from(error: Incompatible) -> Self {
        let Incompatible { field, got, want } = error;
        Self::Incompatible { field, got, want }
    }
}

impl From<header::AttachError> for AttachError {
    fn from(error: header::AttachError) -> Self {
        match error {
            header::AttachError::NotReady => Self::NotReady,
            header::AttachError::Incompatible(error) => error.into(),
        }
    }
}

impl From<SpinOnly> for AttachError {
    fn from(_: SpinOnly) -> Self {
        Self::SpinOnly
    }
}

impl From<OpenError> for AttachError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Incompatible(error) => error.into(),
            OpenError::Taken { who, .. } => Self::NameTaken { owner: who },
            OpenError::Crowded { producers } => Self::Crowded { producers },
            OpenError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<shared::OpenError> for AttachError {
    fn from(error: shared::OpenError) -> Self {
        match error {
            shared::OpenError::Ring(error) => error.into(),
            shared::OpenError::Caps(caps) => Self::Caps(caps),
            shared::OpenError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<CreateError> for AttachError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Spec(error) => Self::Spec(error),
            CreateError::Short { need, have } => Self::length(u64::from(have), u64::from(need)),
            CreateError::Taken { who, .. } => Self::NameTaken { owner: who },
            CreateError::Contended => Self::NotReady,
            CreateError::Narrow => Self::Incompatible { field: Field::Producers, got: 2, want: 1 },
            CreateError::Elements(error) => error.into(),
        }
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotFound => f.write_str("there is no ring of that name"),
            Self::NotReady => f.write_str("the ring is being made"),
            Self::Stale { generation } => {
                write!(f, "the ring was removed; its last producer was of generation {generation}")
            }
            Self::Incompatible { field, got, want } => Incompatible { field, got, want }.fmt(f),
            Self::NameTaken { owner } => write!(f, "process {} has it, and lives", owner.process),
            Self::TableFull { participants } => write!(f, "all {participants} places of the ring are taken"),
            Self::Crowded { producers } => write!(f, "all {producers} places of producers are taken"),
            Self::Unsealed => f.write_str("the memory of the ring is not sealed"),
            Self::Denied => f.write_str("this process may not"),
            Self::Spec(error) => error.fmt(f),
            Self::PeerName(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
            Self::Counter(error) => error.fmt(f),
            Self::Caps(caps) => shared::OpenError::Caps(caps).fmt(f),
            Self::SpinOnly => fmt::Display::fmt(&SpinOnly, f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Os { call, code } => {
                write!(f, "{call}: {}", std::io::Error::from_raw_os_error(code))
            }
        }
    }
}

impl std::error::Error for AttachError {}
