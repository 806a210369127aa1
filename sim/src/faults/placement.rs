use tidemill_seam::Instant;

use crate::kernel::{Kernel, State};
use crate::machine::ProcessId;

/// What a killed process still knows when it starts again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// All that counts: it is whole as soon as it runs.
    Durable,
    /// Nothing: it counts as lost until it says so ([`Sim::recovered`](crate::Sim::recovered) and its kin).
    Volatile,
}

/// Which process holds what: from this follows which faults a run survives, and no others are allowed.
///
/// The laws of the budget, at every event and whatever the faults:
/// - of a group of [replicas](Self::replicas) at most `f` are down at once: dead, paused, or not recovered;
/// - of what an [edge](Self::edge) holds, at least one copy is left;
/// - nobody is killed who cannot start again;
/// - no fault begins in a [quiet](Self::quiet) window.
///
/// A machine is one failure domain: what kills it kills all its processes, or is refused. Partitions destroy nothing and
/// are not limited. What a story does itself ([`Sim::kill`](crate::Sim::kill)) is not limited either.
///
/// A process is named `machine/process`, or by its machine if it means all processes there.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Placement {
    groups: Vec<Named>,
    quiet: Vec<(Instant, Instant)>,
    unlimited: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Named {
    name: String,
    members: Vec<String>,
    /// `None`: all but one.
    down_max: Option<usize>,
    keeps: Keeps,
    pauses_count: bool,
}

impl Placement {
    /// Nothing is known: whoever can start again may be killed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every fault is allowed: a story that wants to see what cannot be survived.
    pub fn unlimited() -> Self {
        Self { unlimited: true, ..Self::default() }
    }

    /// A group of which at most `f` may be down at once.
    pub fn replicas(self, name: &str, members: &[&str], f: usize, keeps: Keeps) -> Self {
        self.group(name, members, Some(f), keeps, true)
    }

    /// What is on this edge lies in these processes and nowhere else: the last copy is never destroyed. A pause
    /// destroys nothing.
    pub fn edge(self, name: &str, holders: &[&str], keeps: Keeps) -> Self {
        self.group(name, holders, None, keeps, false)
    }

    /// A node that lives in one process: with volatile state it is never killed.
    pub fn node(self, name: &str, process: &str, keeps: Keeps) -> Self {
        match keeps {
            Keeps::Durable => self,
            Keeps::Volatile => self.edge(name, &[process], keeps),
        }
    }

    /// No fault begins from `from` on until just before `to`.
    pub fn quiet(mut self, from: Instant, to: Instant) -> Self {
        self.quiet.push((from, to));
        self
    }

    fn group(
        mut self,
        name: &str,
        members: &[&str],
        down_max: Option<usize>,
        keeps: Keeps,
        pauses_count: bool,
    ) -> Self {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Named { name: name.to_owned(), members, down_max, keeps, pauses_count });
        self
    }
}

/// What a fault would do to its victims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Harm {
    Kill,
    Pause,
    /// Nothing that a group feels: a partition, a clock, a datagram.
    Other,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) members: Vec<ProcessId>,
    pub(crate) down_max: usize,
    keeps: Keeps,
    pauses_count: bool,
}

impl Group {
    /// How many members may stay down for ever.
    pub(crate) fn spare(&self) -> usize {
        if self.pauses_count { self.down_max } else { 0 }
    }
}

/// The placement of a world, with the processes themselves in place of their names.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    pub(crate) groups: Vec<Group>,
    quiet: Vec<(Instant, Instant)>,
    unlimited: bool,
}

impl Budget {
    pub(crate) fn new(placement: Placement, find: impl Fn(&str) -> Vec<ProcessId>) -> Self {
        let group = |named: Named| {
            let members: Vec<ProcessId> = named.members.iter().flat_map(|name| find(name)).collect();
            let Named { name, down_max, keeps, pauses_count, .. } = named;
            let down_max = down_max.unwrap_or(members.len().saturating_sub(1));
            Group { name, members, down_max, keeps, pauses_count }
        };
        let Placement { groups, quiet, unlimited } = placement;
        Self { groups: groups.into_iter().map(group).collect(), quiet, unlimited }
    }

    /// Whether a run survives this harm, on top of what was done to it before.
    pub(crate) fn allows(&self, kernel: &Kernel, harm: Harm, victims: &[ProcessId]) -> bool {
        if self.unlimited {
            return true;
        }
        let now = Instant::from_nanos(kernel.now_ns);
        if self.quiet.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            return false;
        }
        match harm {
            Harm::Other => true,
            Harm::Kill if !victims.iter().all(|victim| kernel.meta(*victim).revives) => false,
            Harm::Kill | Harm::Pause => self.groups.iter().all(|group| {
                let felt = group.pauses_count || harm == Harm::Kill && group.keeps == Keeps::Volatile;
                let hit = |member: &ProcessId| felt && victims.contains(member);
                // Who is not in the group changes nothing in it.
                let touched = group.members.iter().any(hit);
                let down = group.members.iter().filter(|m| hit(m) || self.is_down(kernel, group, **m));
                !touched || down.count() <= group.down_max
            }),
        }
    }

    /// Whether a member counts as down.
    pub(crate) fn is_down(&self, kernel: &Kernel, group: &Group, member: ProcessId) -> bool {
        match kernel.meta(member).state {
            State::Dead => group.pauses_count || group.keeps == Keeps::Volatile,
            State::Paused if group.pauses_count => true,
            State::Running | State::Paused => {
                group.keeps == Keeps::Volatile && kernel.notebook().lost(member)
            }
        }
    }
}
