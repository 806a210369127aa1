use tidemill_seam::Instant;

use crate::kernel::{Kernel, State};
use crate::machine::{MachineId, ProcessId};
use crate::net::NO_LINK;

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
/// - of a group of [connected](Self::connected) ones, at most `f` are away at once: down, or cut off from another one that
///   is not away itself;
/// - of what an [edge](Self::edge) holds, at least one copy is left;
/// - nobody is killed who cannot start again;
/// - no fault begins in a [quiet](Self::quiet) window.
///
/// A machine is one failure domain: what kills it kills all its processes, or is refused. Partitions destroy nothing, and
/// only connected groups limit them. Where flow graphs are placed, a [`Layout`](super::Layout) derives all this. What a story does itself ([`Sim::kill`](crate::Sim::kill)) is not limited either.
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
    feels: Feels,
}

/// What a group feels besides the loss of what its members hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Feels {
    /// Nothing.
    Loss,
    /// Every death, and every pause.
    Absence,
    /// That, and every cut between its members.
    Cuts,
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
        self.group(name, members, Some(f), keeps, Feels::Absence)
    }

    /// A group of which at most `f` may be away at once: as [`replicas`](Self::replicas), and a partition spends the budget,
    /// too. Where two members do not hear each other, one of them counts as away; the fewest that explain all such pairs do.
    pub fn connected(self, name: &str, members: &[&str], f: usize, keeps: Keeps) -> Self {
        self.group(name, members, Some(f), keeps, Feels::Cuts)
    }

    /// What is on this edge lies in these processes and nowhere else: the last copy is never destroyed. A pause
    /// destroys nothing.
    pub fn edge(self, name: &str, holders: &[&str], keeps: Keeps) -> Self {
        self.group(name, holders, None, keeps, Feels::Loss)
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
        feels: Feels,
    ) -> Self {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Named { name: name.to_owned(), members, down_max, keeps, feels });
        self
    }
}

/// What a fault would do to its victims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Harm<'a> {
    Kill,
    Pause,
    /// Cut off from all other machines.
    Isolate,
    /// Cut off from these, there and back, or there only.
    Cut {
        others: &'a [ProcessId],
        one_way: bool,
    },
    /// Nothing that a group feels: a clock, a datagram.
    Other,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) members: Vec<ProcessId>,
    pub(crate) down_max: usize,
    keeps: Keeps,
    feels: Feels,
}

impl Group {
    /// How many members may stay down for ever.
    pub(crate) fn spare(&self) -> usize {
        if self.feels >= Feels::Absence { self.down_max } else { 0 }
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
            let Named { name, down_max, keeps, feels, .. } = named;
            let down_max = down_max.unwrap_or(members.len().saturating_sub(1));
            Group { name, members, down_max, keeps, feels }
        };
        let Placement { groups, quiet, unlimited } = placement;
        Self { groups: groups.into_iter().map(group).collect(), quiet, unlimited }
    }

    /// Whether a run survives this harm, on top of what was done to it before.
    pub(crate) fn allows(&self, kernel: &Kernel, harm: Harm<'_>, victims: &[ProcessId]) -> bool {
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
                let felt =
                    group.feels >= Feels::Absence || harm == Harm::Kill && group.keeps == Keeps::Volatile;
                let hit = |member: ProcessId| felt && victims.contains(&member);
                // Who is not in the group changes nothing in it.
                let touched = group.members.iter().any(|member| hit(*member));
                !touched || self.fits(kernel, group, hit, |_, _| false)
            }),
            Harm::Isolate | Harm::Cut { .. } => {
                let cuts = |from, to| harm.cuts(kernel, victims, from, to);
                let mut groups = self.groups.iter().filter(|group| group.feels == Feels::Cuts);
                groups.all(|group| {
                    let new = |from, to| cuts(from, to) && !kernel.is_cut(from, to);
                    let touched =
                        pairs(&group.members).any(|(one, other)| either_way(kernel, one, other, new));
                    !touched || self.fits(kernel, group, |_| false, cuts)
                })
            }
        }
    }

    /// Whether the group is within its budget, with those also down who are `hit`, and those directions cut that `cuts` says.
    pub(crate) fn fits(
        &self,
        kernel: &Kernel,
        group: &Group,
        hit: impl Fn(ProcessId) -> bool,
        cuts: impl Fn(MachineId, MachineId) -> bool,
    ) -> bool {
        let (down, up): (Vec<ProcessId>, Vec<ProcessId>) =
            group.members.iter().partition(|m| hit(**m) || self.is_down(kernel, group, **m));
        let Some(spare) = group.down_max.checked_sub(down.len()) else { return false };
        if group.feels < Feels::Cuts {
            return true;
        }
        let severed = |from, to| kernel.is_cut(from, to) || cuts(from, to);
        let apart: Vec<_> =
            pairs(&up).filter(|(one, other)| either_way(kernel, *one, *other, severed)).collect();
        explained(&apart, spare)
    }

    /// Whether a member counts as down.
    pub(crate) fn is_down(&self, kernel: &Kernel, group: &Group, member: ProcessId) -> bool {
        match kernel.meta(member).state {
            State::Dead => group.feels >= Feels::Absence || group.keeps == Keeps::Volatile,
            State::Paused if group.feels >= Feels::Absence => true,
            State::Running | State::Paused => {
                group.keeps == Keeps::Volatile && kernel.notebook().lost(member)
            }
        }
    }
}

impl Harm<'_> {
    /// Whether this harm cuts that direction.
    fn cuts(self, kernel: &Kernel, victims: &[ProcessId], from: MachineId, to: MachineId) -> bool {
        let lives = |who: &[ProcessId], at| who.iter().any(|process| kernel.machine_of(*process) == at);
        match self {
            Self::Isolate => lives(victims, from) != lives(victims, to),
            Self::Cut { others, one_way } => {
                let there = |from, to| lives(victims, from) && lives(others, to);
                from != to && (there(from, to) || !one_way && there(to, from))
            }
            Self::Kill | Self::Pause | Self::Other => false,
        }
    }
}

fn pairs(members: &[ProcessId]) -> impl Iterator<Item = (ProcessId, ProcessId)> + '_ {
    (0..members.len()).flat_map(move |at| members[at + 1..].iter().map(move |other| (members[at], *other)))
}

fn either_way(
    kernel: &Kernel,
    one: ProcessId,
    other: ProcessId,
    cut: impl Fn(MachineId, MachineId) -> bool,
) -> bool {
    let (here, there) = (kernel.machine_of(one), kernel.machine_of(other));
    cut(here, there) || cut(there, here)
}

/// Whether so few members are away that without them no pair is left: a vertex cover, by branching over the first pair.
fn explained(apart: &[(ProcessId, ProcessId)], spare: usize) -> bool {
    let Some((one, other)) = apart.first() else { return true };
    let without = |away: &ProcessId| {
        let left: Vec<_> = apart.iter().copied().filter(|(a, b)| a != away && b != away).collect();
        explained(&left, spare - 1)
    };
    spare > 0 && (without(one) || without(other))
}

impl Kernel {
    /// Whether nothing enters this direction.
    fn is_cut(&self, from: MachineId, to: MachineId) -> bool {
        let link = self.machines[from.index()].links.get(to.index()).copied().unwrap_or(NO_LINK);
        link != NO_LINK && self.links[link as usize].blocked
    }
}

#[cfg(test)]
mod tests {
    use super::explained;
    use crate::machine::ProcessId;

    #[test]
    fn the_fewest_that_explain_every_cut_count_as_away() {
        let fewest = |pairs: &[(u32, u32)]| {
            let apart: Vec<_> = pairs.iter().map(|(a, b)| (ProcessId(*a), ProcessId(*b))).collect();
            (0..).find(|spare| explained(&apart, *spare)).expect("all of them explain everything")
        };
        assert_eq!(fewest(&[]), 0);
        assert_eq!(fewest(&[(0, 1)]), 1);
        // A star has one middle, a triangle needs two, and so do two pairs that share nobody.
        assert_eq!(fewest(&[(0, 1), (0, 2), (3, 0)]), 1);
        assert_eq!(fewest(&[(0, 1), (1, 2), (2, 0)]), 2);
        assert_eq!(fewest(&[(0, 1), (2, 3)]), 2);
        assert_eq!(fewest(&[(0, 1), (1, 2), (2, 3), (3, 4)]), 2);
    }
}
