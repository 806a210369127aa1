use core::fmt;

use tidemill_seam::WorkerId;

use super::stages::{Stages, Visit};
use super::{AnyStage, Feed, STAGES_MAX, Shape};
use crate::edge::Caps;

/// How many faults a judgement reports.
const REPORTED: usize = 10;

/// How many edge ends a graph can have.
pub(super) const WIRES_MAX: usize = 96;

/// One end of an edge, as its port sees it.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub(crate) output: bool,
    pub(crate) port: u8,
    /// Of an output: its slots come from the pool's home, not from an input.
    pub(crate) home: bool,
    /// What is wrong with it already by itself.
    pub(crate) alone: Option<Rule>,
    /// Tells edges apart; zero for an output that feeds none.
    pub(crate) edge: usize,
    pub(crate) pool: usize,
    pub(crate) depth: u32,
    pub(crate) hard_items: u32,
    pub(crate) stage: u8,
}

impl Wire {
    const NONE: Self = Self {
        output: true,
        port: 0,
        home: false,
        alone: None,
        edge: 0,
        pool: 0,
        depth: 0,
        hard_items: 0,
        stage: 0,
    };

    /// An output port without an edge.
    pub(crate) const fn nowhere(port: u8) -> Self {
        Self { port, ..Self::NONE }
    }
}

/// The rules that an edge keeps or breaks by itself.
pub(crate) const fn caps(caps: &Caps, capacity: u32, max_bytes: u32) -> Option<Rule> {
    if caps.soft_items > caps.hard_items
        || caps.soft_bytes > caps.hard_bytes
        || caps.hard_items == 0
        || caps.hard_bytes == 0
    {
        Some(Rule::V6)
    } else if caps.hard_bytes < max_bytes {
        Some(Rule::V7)
    } else if caps.hard_items > capacity {
        Some(Rule::V13)
    } else {
        None
    }
}

/// What a graph can do wrong. The numbers are those of the design; what rustc itself refuses (V2, V3 between payload
/// types) has no entry here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// At most 96 edge ends.
    V0,
    /// Every port is wired: both ends of each edge are bound in this graph.
    V1,
    /// A port and its edge belong to the same pool.
    V3,
    /// Names are unique.
    V4,
    /// No cycle without delay.
    V5,
    /// Soft caps are within hard caps, and hard caps admit at least one item.
    V6,
    /// The byte cap admits the longest payload.
    V7,
    /// A pool has a slot for everything that its edges may hold, and for what is in work.
    V9,
    /// The hard cap is within the edge's capacity.
    V13,
    /// Nothing is forked so often that shares run out, and no slot reaches one consumer twice.
    V14,
}

/// One thing wrong, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The rule.
    pub rule: Rule,
    /// The node.
    pub node: &'static str,
    /// Its port, within its direction: `in 0`, `out 1`; or none, where the node as a whole is meant.
    pub port: Option<(&'static str, u8)>,
    /// The node at the other end, or of the same name, or next in the cycle.
    pub other: Option<&'static str>,
}

/// The first ten things wrong with a graph, in graph order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    faults: [Option<Fault>; REPORTED],
}

impl Faults {
    /// What is wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().flatten()
    }

    fn add(&mut self, fault: Fault) {
        if let Some(free) = self.faults.iter_mut().find(|place| place.is_none()) {
            *free = Some(fault);
        }
    }

    fn is_empty(&self) -> bool {
        self.faults[0].is_none()
    }
}

struct Look<'p>(&'p mut Plan, u8);
impl Visit for Look<'_> {
    type Output = ();
    fn visit<A: AnyStage>(self, stage: &mut A) {
        let Self(plan, index) = self;
        plan.names[usize::from(index)] = stage.name();
        stage.wires(&mut |wire| {
            if let Some(place) = plan.wires.get_mut(plan.len) {
                *place = Wire { stage: index, ..wire };
            }
            plan.len += 1;
        });
    }
}

struct Place;
impl Visit for Place {
    type Output = WorkerId;
    fn visit<A: AnyStage>(self, stage: &mut A) -> WorkerId {
        stage.worker()
    }
}

struct Link<'p>(&'p Plan);
impl Visit for Link<'_> {
    type Output = ();
    fn visit<A: AnyStage>(self, stage: &mut A) {
        let find = |edge, output| self.0.end(edge, output).map_or(u8::MAX, |wire| wire.stage);
        stage.link(&mut |edge| find(edge, false), &mut |edge| find(edge, true));
    }
}

/// A graph as the judge sees it.
struct Plan {
    names: [&'static str; STAGES_MAX],
    stages: usize,
    wires: [Wire; WIRES_MAX],
    len: usize,
}

impl Plan {
    fn wires(&self) -> impl Iterator<Item = &Wire> {
        self.wires.iter().take(self.len)
    }

    fn outputs(&self) -> impl Iterator<Item = &Wire> {
        self.wires().filter(|wire| wire.output)
    }

    /// That end of an edge.
    fn end(&self, edge: usize, output: bool) -> Option<&Wire> {
        self.wires().find(|wire| wire.edge == edge && wire.output == output && edge != 0)
    }

    fn name(&self, stage: u8) -> &'static str {
        self.names[usize::from(stage)]
    }

    fn fault(&self, rule: Rule, wire: &Wire, other: Option<&'static str>) -> Fault {
        let side = if wire.output { "out" } else { "in" };
        Fault { rule, node: self.name(wire.stage), port: Some((side, wire.port)), other }
    }
}

/// Judges a graph, tells every edge end which stage is at the other, and returns the stages with producers before their
/// consumers.
#[expect(
    clippy::result_large_err,
    reason = "built once, before anything runs, and there is no heap to box it on"
)]
pub(super) fn judge<S: Stages>(stages: &mut S) -> Result<[u8; STAGES_MAX], Faults> {
    let mut plan = Plan { names: [""; STAGES_MAX], stages: S::COUNT, wires: [Wire::NONE; WIRES_MAX], len: 0 };
    plan.look(stages);
    let order = plan.judge()?;
    for index in 0..S::COUNT {
        stages.visit_mut(index, Link(&plan));
    }
    Ok(order)
}

/// Who feeds whom.
pub(super) fn shape<S: Stages>(stages: &mut S) -> Shape {
    let mut plan = Plan { names: [""; STAGES_MAX], stages: S::COUNT, wires: [Wire::NONE; WIRES_MAX], len: 0 };
    plan.look(stages);
    let mut shape = Shape::new(plan.names, plan.stages);
    for wire in plan.outputs() {
        if let Some(consumer) = plan.end(wire.edge, false) {
            let (from, to) = (plan.name(wire.stage), plan.name(consumer.stage));
            let home = plan.outputs().find(|other| other.home && other.pool == wire.pool).unwrap_or(wire);
            shape.add(Feed { from, to, home: plan.name(home.stage), items: wire.hard_items });
        }
    }
    for index in 0..S::COUNT {
        shape.place(index, stages.visit_mut(index, Place));
    }
    shape
}

impl Plan {
    /// Fills a plan where it stands: a board's stack has no room for a second one.
    fn look<S: Stages>(&mut self, stages: &mut S) {
        for index in 0..S::COUNT {
            stages.visit_mut(index, Look(self, index as u8));
        }
    }

    #[expect(clippy::result_large_err, reason = "as above")]
    fn judge(&self) -> Result<[u8; STAGES_MAX], Faults> {
        let mut faults = Faults { faults: [None; REPORTED] };
        if self.len > WIRES_MAX {
            faults.add(Fault { rule: Rule::V0, node: self.names[0], port: None, other: None });
            return Err(faults);
        }
        for stage in 0..self.stages {
            let node = self.names[stage];
            if self.names[..stage].contains(&node) {
                faults.add(Fault { rule: Rule::V4, node, port: None, other: Some(node) });
            }
            for wire in self.wires().filter(|wire| usize::from(wire.stage) == stage) {
                self.wire(wire, &mut faults);
            }
        }
        let order = self.order(&mut faults);
        // Shares and depths follow the arrows: without an order they mean nothing.
        if faults.is_empty() {
            self.pools(&mut faults);
        }
        if faults.is_empty() { Ok(order) } else { Err(faults) }
    }

    /// The rules that one wire shows.
    fn wire(&self, wire: &Wire, faults: &mut Faults) {
        let other = self.end(wire.edge, !wire.output).map(|far| self.name(far.stage));
        if other.is_none() {
            faults.add(self.fault(Rule::V1, wire, None));
        }
        if let Some(rule) = wire.alone {
            faults.add(self.fault(rule, wire, other));
        }
    }

    /// Producers before consumers, or V5 with the cycle: one fault a node on it, `other` being the next.
    fn order(&self, faults: &mut Faults) -> [u8; STAGES_MAX] {
        let mut after = [0_u32; STAGES_MAX];
        for wire in self.outputs() {
            if let Some(consumer) = self.end(wire.edge, false) {
                after[usize::from(wire.stage)] |= 1 << consumer.stage;
            }
        }
        let mut order = [0; STAGES_MAX];
        let mut left: u32 = if self.stages == 32 { u32::MAX } else { (1 << self.stages) - 1 };
        for place in &mut order[..self.stages] {
            let fed = bits(left).fold(0, |fed, stage| fed | after[stage]);
            let Some(next) = bits(left & !fed).next() else {
                self.cycle(left, &after, faults);
                return order;
            };
            *place = next as u8;
            left &= !(1 << next);
        }
        order
    }

    fn cycle(&self, left: u32, after: &[u32; STAGES_MAX], faults: &mut Faults) {
        // What the rest feeds and what feeds nobody in it is behind the cycle, not on it.
        let mut on = left;
        loop {
            let dead =
                bits(on).filter(|&stage| after[stage] & on == 0).fold(0, |dead, stage| dead | 1 << stage);
            if dead == 0 {
                break;
            }
            on &= !dead;
        }
        // From anywhere, following the first arrow, one comes upon a cycle; then one goes around it once.
        let next = |stage: usize| (after[stage] & on).trailing_zeros() as usize;
        let first = (0..self.stages).fold(on.trailing_zeros() as usize, |at, _| next(at));
        let mut at = first;
        loop {
            let (node, other) = (self.names[at], Some(self.names[next(at)]));
            faults.add(Fault { rule: Rule::V5, node, port: None, other });
            at = next(at);
            if at == first {
                break;
            }
        }
    }

    /// V9 and V14, for every home.
    fn pools(&self, faults: &mut Faults) {
        for (n, wire) in self.outputs().enumerate().filter(|(_, wire)| wire.home) {
            if self.outputs().take(n).any(|earlier| earlier.home && earlier.pool == wire.pool) {
                continue;
            }
            let edges = || self.outputs().filter(|other| other.pool == wire.pool);
            // One more an edge, for what its consumer has in work; one more for what the home's own node has.
            let needed = edges().fold(1, |sum, edge| sum + u64::from(edge.hard_items) + 1);
            if u64::from(wire.depth) < needed {
                faults.add(self.fault(Rule::V9, wire, None));
            }
            if let Some(edge) = edges().find(|edge| self.halvings(edge).is_none_or(|halvings| halvings > 15))
            {
                faults.add(self.fault(Rule::V14, edge, None));
            }
        }
    }

    /// How often a slot has been halved at most when it arrives on an edge; none where it can arrive twice.
    fn halvings(&self, wire: &Wire) -> Option<u32> {
        let of_port = |other: &&Wire| other.stage == wire.stage && other.port == wire.port;
        // Each fork but the first halves what the one before has left.
        let here = self.outputs().filter(of_port).count() as u32 - 1;
        if wire.home {
            return Some(here);
        }
        let feeds = |other: &&Wire| !other.output && other.stage == wire.stage && other.pool == wire.pool;
        let mut inputs = self.wires().filter(feeds);
        let producer = self.end(inputs.next()?.edge, true)?;
        if inputs.next().is_some() {
            return None;
        }
        Some(here + self.halvings(producer)?)
    }
}

/// The stages of a set.
fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..STAGES_MAX).filter(move |stage| set >> stage & 1 == 1)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0 => "V0: a graph has at most 96 edge ends",
            Self::V1 => "V1: the other end of its edge is not bound in this graph",
            Self::V3 => "V3: the edge belongs to another pool",
            Self::V4 => "V4: the name is taken",
            Self::V5 => "V5: a cycle without delay",
            Self::V6 => "V6: a soft cap above its hard cap, or a hard cap of zero",
            Self::V7 => "V7: the byte cap is below the longest payload",
            Self::V9 => "V9: the pool can run dry",
            Self::V13 => "V13: the hard cap is above the capacity of the edge",
            Self::V14 => "V14: too many forks, or a slot that reaches one consumer twice",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        if let Some((side, port)) = self.port {
            write!(f, ".{side}{port}")?;
        }
        write!(f, ": {}", self.rule)?;
        match self.other {
            Some(other) => write!(f, " ({other})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Faults {}
