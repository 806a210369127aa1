use crate::OsEntropy;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_seam::Entropy;

/// This process to its system: its id, when it started in clock ticks since the machine did, and its pid namespace. What
/// cannot be found out is zero.
pub fn identity() -> Identity {
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino());
    Identity { process: std::process::id(), started: started("self").unwrap_or(0), namespace }
}

/// When a process started: the 22nd field of `proc_pid_stat(5)`. The second is in parentheses and may hold anything, these
/// included.
pub(super) fn started(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether `/proc` shows the processes of our namespace, under the numbers that they have there.
pub(super) fn proc_is_ours() -> bool {
    let own = std::process::id().to_string();
    fs::read_link("/proc/self").is_ok_and(|shown| shown.as_os_str() == own.as_str())
}

/// This process, since this start of the machine.
pub(super) fn creator() -> Creator {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = boot.chars().filter(char::is_ascii_hexdigit).collect();
    Creator { who: identity(), boot: u128::from_str_radix(&digits, 16).unwrap_or(0) }
}

/// A name for a segment that no other has.
pub(super) fn fresh() -> SegmentId {
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes);
    SegmentId(u128::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::{creator, fresh, identity};

    #[test]
    fn a_process_knows_itself_and_its_machine() {
        let own = identity();
        assert_eq!(own.process, std::process::id());
        assert!(own.started > 0 && own.namespace > 0, "{own:?}");
        assert_eq!(own, identity());
        assert!(creator().boot > 0 && creator().who == own);
        assert_ne!(fresh(), fresh());
    }
}
