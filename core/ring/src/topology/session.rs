use super::{Channel, TopologyError, Workers, check_depth};
use crate::fnv;
use crate::name::{BASE, DIGITS, Name, NameError};
use core::fmt;

/// The prefix of a session that does not say another.
pub const PREFIX_DEFAULT: &str = "tm";
/// Slots of the ring for calls, unless said otherwise.
pub const RPC_DEPTH_DEFAULT: u32 = 1024;
/// Slots of each ring for answers, unless said otherwise.
pub const RESPONSE_DEPTH_DEFAULT: u32 = 256;

const PREFIX_MAX: usize = 3;
const TAG_LEN: usize = 8;

/// Slots of the rings of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Depths {
    /// Of the ring for calls.
    pub rpc: u32,
    /// Of each ring for answers.
    pub response: u32,
}

impl Default for Depths {
    fn default() -> Self {
        Self { rpc: RPC_DEPTH_DEFAULT, response: RESPONSE_DEPTH_DEFAULT }
    }
}

/// Why a session is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionError {
    /// The prefix is too long, or holds a character that no name has.
    Prefix(NameError),
    /// The depth or the number of runners is out of bounds.
    Topology(TopologyError),
}

/// The rings over which one caller and its runners talk: one for calls that all hear, one a runner for its answers.
///
/// Their names are `<prefix><tag><p>` and `<prefix><tag><r><rank>`: the tag is a hash of the whole label, so every party
/// that knows the label finds the same rings, and two labels that only begin alike find different ones.
///
/// ```
/// use tidemill_ring::topology::{Depths, Session};
///
/// let session = Session::new("model-7b on host 12", 4, Depths::default())?;
/// assert_eq!(session.rpc().depth, 1024);
/// assert_eq!(session.response(3)?.name.len(), 13);
/// # Ok::<(), tidemill_ring::topology::SessionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Prefix and tag.
    stem: Name,
    runners: Workers,
    depths: Depths,
}

/// The eight digits of base 36 that stand for `label` in the names of its rings. The same for ever.
///
/// FNV-1a over the whole label, mixed (Stafford's variant 13 of the finaliser of MurmurHash3), modulo 36^8.
pub const fn session_tag(label: &str) -> [u8; TAG_LEN] {
    let mut hash = fnv::fold(fnv::BEGIN, label.as_bytes());
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let (mut tag, mut at) = ([0; TAG_LEN], TAG_LEN);
    while at > 0 {
        at -= 1;
        tag[at] = DIGITS[(hash % BASE as u64) as usize];
        hash /= BASE as u64;
    }
    tag
}

impl Session {
    /// The session of `label` for `runners`, under [`PREFIX_DEFAULT`].
    ///
    /// # Errors
    /// [`SessionError::Topology`] where a depth is no power of two up to 2^30, or there are not 1 to 64 runners.
    pub const fn new(label: &str, runners: u32, depths: Depths) -> Result<Self, SessionError> {
        Self::prefixed(PREFIX_DEFAULT, label, runners, depths)
    }

    /// As [`new`](Self::new), under a prefix of up to three characters.
    ///
    /// # Errors
    /// As for `new`; [`SessionError::Prefix`] where no name begins so.
    pub const fn prefixed(
        prefix: &str,
        label: &str,
        runners: u32,
        depths: Depths,
    ) -> Result<Self, SessionError> {
        let prefix = match Name::checked(prefix, PREFIX_MAX) {
            Ok(prefix) => prefix,
            Err(error) => return Err(SessionError::Prefix(error)),
        };
        let runners = match Workers::new(runners) {
            Ok(runners) => runners,
            Err(error) => return Err(SessionError::Topology(error)),
        };
        if let Err(error) = check_depth(depths.rpc) {
            return Err(SessionError::Topology(error));
        }
        if let Err(error) = check_depth(depths.response) {
            return Err(SessionError::Topology(error));
        }
        Ok(Self { stem: Name::joined(prefix, &session_tag(label)), runners, depths })
    }

    /// How many runners there are.
    pub const fn runners(&self) -> u32 {
        self.runners.count()
    }

    /// The ring for calls.
    pub const fn rpc(&self) -> Channel {
        let name = Name::joined(self.stem, b"p");
        Channel { name, depth: self.depths.rpc, consumers: self.runners.count() }
    }

    /// The ring for the answers of runner `rank`.
    ///
    /// # Errors
    /// [`SessionError::Topology`] where there is no such runner.
    pub const fn response(&self, rank: u32) -> Result<Channel, SessionError> {
        let count = self.runners.count();
        if rank >= count {
            return Err(SessionError::Topology(TopologyError::NoWorker { index: rank, count }));
        }
        let digits = [b'r', DIGITS[(rank / BASE) as usize], DIGITS[(rank % BASE) as usize]];
        Ok(Channel { name: Name::joined(self.stem, &digits), depth: self.depths.response, consumers: 1 })
    }

    /// What runner `rank` attaches to: the ring it hears, and the ring it answers on.
    ///
    /// # Errors
    /// As for [`response`](Self::response).
    pub const fn for_rank(&self, rank: u32) -> Result<(Channel, Channel), SessionError> {
        match self.response(rank) {
            Ok(response) => Ok((self.rpc(), response)),
            Err(error) => Err(error),
        }
    }

    /// The files of all its rings under `root`, where they are mapped files: the one for calls, then by rank.
    pub const fn paths<'r>(&self, root: &'r str) -> SessionPaths<'r> {
        SessionPaths { session: *self, root, next: 0 }
    }
}

/// The files of a session's rings.
#[derive(Clone, Debug)]
pub struct SessionPaths<'r> {
    session: Session,
    root: &'r str,
    next: u32,
}

/// One ring's file, as it prints: `<root>/<name>.ring`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingFile<'r> {
    /// The folder it lies in.
    pub root: &'r str,
    /// The ring's name.
    pub name: Name,
}

impl<'r> Iterator for SessionPaths<'r> {
    type Item = RingFile<'r>;

    fn next(&mut self) -> Option<RingFile<'r>> {
        let channel = match self.next.checked_sub(1) {
            None => self.session.rpc(),
            Some(rank) => self.session.response(rank).ok()?,
        };
        self.next += 1;
        Some(RingFile { root: self.root, name: channel.name })
    }
}

impl fmt::Display for RingFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.ring", self.root.trim_end_matches('/'), self.name)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(error) => write!(f, "the prefix: {error}"),
            Self::Topology(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for SessionError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Depths, Session, SessionError, session_tag};
    use crate::name::{Name, NameError};
    use crate::topology::TopologyError;
    use std::collections::BTreeSet;
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn session(label: &str, runners: u32) -> Session {
        Session::new(label, runners, Depths::default()).unwrap()
    }

    // RING-NAMES: the tag of a label is a constant of the design.
    #[test]
    fn the_tag_of_a_label_never_changes() {
        let tags = ["", "a", "model-7b", "model-7b on host 12"].map(session_tag);
        assert_eq!(
            tags.map(|tag| String::from_utf8(tag.to_vec()).unwrap()),
            ["yo2e2k63", "8jnqdud4", "zzqelwch", "7he8s629"]
        );
    }

    #[test]
    fn labels_that_only_begin_alike_have_different_rings() {
        let n = if cfg!(miri) { 10 } else { 2_000 };
        let tags: BTreeSet<_> = (0..n).map(|i| session_tag(&format!("{}{i}", "x".repeat(200)))).collect();
        assert_eq!(tags.len(), n);
    }

    #[test]
    fn the_names_of_a_session_are_all_different_names_and_none_is_too_long() {
        let session = Session::prefixed("abc", "a label of any length", 64, Depths::default()).unwrap();
        let mut names: Vec<Name> = (0..64).map(|rank| session.response(rank).unwrap().name).collect();
        names.push(session.rpc().name);
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 65);
        assert!(names.iter().all(|name| Name::parse(name.as_str()) == Ok(*name)));
        assert!(names[63].as_str().ends_with("r1r") && session.rpc().name.as_str().ends_with('p'));
        assert_eq!((names[63].len(), session.rpc().name.len()), (14, 12));
    }

    #[test]
    fn a_runner_hears_the_calls_and_answers_on_its_own_ring() {
        let session = session("label", 3);
        let (calls, answers) = session.for_rank(2).unwrap();
        assert_eq!((calls, answers), (session.rpc(), session.response(2).unwrap()));
        assert_eq!((calls.depth, calls.consumers), (1024, 3));
        assert_eq!((answers.depth, answers.consumers), (256, 1));
        let gone = SessionError::Topology(TopologyError::NoWorker { index: 3, count: 3 });
        assert_eq!(session.for_rank(3), Err(gone));
    }

    #[test]
    fn every_ring_of_a_session_has_one_file() {
        let session = session("label", 2);
        let paths: Vec<String> = session.paths("/dev/shm/").map(|path| path.to_string()).collect();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[0], format!("/dev/shm/{}.ring", session.rpc().name));
        assert_eq!(paths[2], format!("/dev/shm/{}.ring", session.response(1).unwrap().name));
    }

    #[test]
    fn a_session_that_cannot_be_is_refused_with_its_limit() {
        let depths = Depths { rpc: 1000, response: 256 };
        assert_eq!(Session::new("l", 1, depths), Err(SessionError::Topology(TopologyError::Depth(1000))));
        let depths = Depths { rpc: 1024, response: 0 };
        assert_eq!(Session::new("l", 1, depths), Err(SessionError::Topology(TopologyError::Depth(0))));
        let crowd = SessionError::Topology(TopologyError::Workers { count: 65, max: 64 });
        assert_eq!(Session::new("l", 65, Depths::default()), Err(crowd));
        let long = SessionError::Prefix(NameError::Long { len: 4, max: 3 });
        assert_eq!(Session::prefixed("abcd", "l", 1, Depths::default()), Err(long));
    }
}
