//! Cuts that come one after another and heal in another order.
//!
//! The idea is FoundationDB's "swizzle-clogging" (Will Wilson, "Testing Distributed Systems w/ Deterministic Simulation",
//! Strange Loop 2014): stop the network connections of a random subset of nodes one by one, then bring them back in a
//! random order.

use tidemill_seam::Duration;

use crate::choice::Rate;
use crate::machine::MachineId;
use crate::net::{Latency, Link};
use crate::process::Process;
use crate::sim::Sim;

/// What a swizzle may cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// One direction between two machines.
    Link(MachineId, MachineId),
    /// Every link of a machine to every other one, both directions.
    Machine(MachineId),
}

/// How a swizzle goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swizzle {
    /// How often a target is among those that are cut.
    pub member: Rate,
    /// The time from one cut to the next, and from the last cut to the first healing.
    pub cut_every: Latency,
    /// The time from one healing to the next.
    pub heal_every: Latency,
    /// Clog what is cut, so that it arrives later, instead of dropping what is sent.
    pub clog: bool,
}

impl<P: Process> Sim<P> {
    /// Cuts a random subset of `targets` one after another from now on, and then heals them in another random order. Gives
    /// the time until all of them are healed. [`heal_all`](Self::heal_all) calls off what is left of it.
    ///
    /// The subset, both orders and every time are choices; zero is nobody, the order of `targets`, and the least time.
    pub fn swizzle(&mut self, targets: &[Cut], swizzle: Swizzle) -> Duration {
        let mut members = targets.to_vec();
        members.retain(|_| self.chance("swizzle-member", swizzle.member));
        let (began, mut after) = (self.kernel.swizzles, Duration::ZERO);
        let (cuts, heals) = (self.order(members.clone()), self.order(members));
        for target in cuts {
            self.after(after, move |sim| {
                if sim.kernel.swizzles == began {
                    sim.sever(target, swizzle.clog, 1);
                }
            });
            after = after + self.draw("swizzle-cut-every", swizzle.cut_every);
        }
        let last = heals.len().saturating_sub(1);
        for (at, target) in heals.into_iter().enumerate() {
            self.after(after, move |sim| {
                if sim.kernel.swizzles == began {
                    sim.sever(target, swizzle.clog, -1);
                }
            });
            if at < last {
                after = after + self.draw("swizzle-heal-every", swizzle.heal_every);
            }
        }
        after
    }

    /// A random order, drawn one by one.
    fn order(&mut self, mut left: Vec<Cut>) -> Vec<Cut> {
        let mut ordered = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let next = self.choose("swizzle-order", left.len() as u64) as usize;
            ordered.push(left.remove(next));
        }
        ordered
    }

    fn sever(&mut self, target: Cut, clog: bool, by: i16) {
        match target {
            Cut::Link(from, to) => self.cut_link(from, to, clog, by),
            Cut::Machine(machine) => {
                for other in (0..self.kernel.machines.len() as u16).map(MachineId) {
                    if other != machine {
                        self.cut_link(machine, other, clog, by);
                        self.cut_link(other, machine, clog, by);
                    }
                }
            }
        }
    }

    fn cut_link(&mut self, from: MachineId, to: MachineId, clog: bool, by: i16) {
        match (clog, by > 0) {
            (true, true) => self.clog(from, to),
            (true, false) => self.unclog(from, to),
            (false, _) => {
                let link = self.kernel.link_between(from, to);
                let Link { partitioned, cuts, .. } = self.kernel.links[link as usize];
                self.kernel.cut(link, partitioned, cuts.saturating_add_signed(by));
            }
        }
    }
}
