use core::fmt;

use super::stages::{Stages, Visit};
use super::{AnyStage, STAGES_MAX};
use crate::edge::Caps;

/// How many faults a judgement reports.
const REPORTED: usize = 10;

/// The direction of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    In,
    Out,
}

/// One end of an edge, as its port sees it.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub(crate) side: Side,
    pub(crate) port: u8,
    /// Tells edges apart; zero for an output that feeds none.
    pub(crate) edge: usize,
    pub(crate) caps: Caps,
    pub(crate) capacity: u32,
    pub(crate) max_bytes: u32,
    pub(crate) pool: usize,
    pub(crate) depth: u32,
    /// Of an output: the pool that its slots come from, and whether it is that pool's home.
    pub(crate) own: Option<(usize, bool)>,
}

impl Wire {
    pub(crate) const fn nowhere(port: u8) -> Self {
        Self {
            side: Side::Out,
            port,
            edge: 0,
            caps: Caps::wait(1),
            capacity: 1,
            max_bytes: 0,
            pool: 0,
            depth: u32::MAX,
            own: None,
        }
    }
}

/// What a graph can do wrong. The numbers are those of the design; what rustc itself refuses (V2, V3 between payload
/// types) has no entry here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Rule {
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

struct Name;
impl Visit for Name {
    type Output = &'static str;
    fn visit<A: AnyStage>(self, stage: &mut A) -> &'static str {
        stage.name()
    }
}

struct Wires<F>(F);
impl<F: FnMut(Wire)> Visit for Wires<F> {
    type Output = ();
    fn visit<A: AnyStage>(mut self, stage: &mut A) {
        stage.wires(&mut self.0);
    }
}

struct Link<'f, C, P>(&'f mut C, &'f mut P);
impl<C: FnMut(usize) -> u8, P: FnMut(usize) -> u8> Visit for Link<'_, C, P> {
    type Output = ();
    fn visit<A: AnyStage>(self, stage: &mut A) {
        stage.link(self.0, self.1);
    }
}

/// The stages of a graph that nobody runs yet.
struct Plan<'s, S>(&'s S);

impl<S: Stages> Plan<'_, S> {
    fn visit<V: Visit>(&self, index: usize, visit: V) -> V::Output {
        // SAFETY: a graph under judgement is nobody else's; no visit starts another one on the same stage.
        unsafe { self.0.visit(index, visit) }
    }

    fn name(&self, index: usize) -> &'static str {
        self.visit(index, Name)
    }

    /// The stage at that end of an edge, and its wire.
    fn end(&self, edge: usize, side: Side) -> Option<(usize, Wire)> {
        let mut found = None;
        for index in 0..S::COUNT {
            self.visit(
                index,
                Wires(|wire: Wire| {
                    if wire.edge == edge && wire.side == side && edge != 0 {
                        found = Some((index, wire));
                    }
                }),
            );
        }
        found
    }

    /// The `n`-th wire of a stage.
    fn wire(&self, index: usize, n: usize) -> Option<Wire> {
        let (mut found, mut at) = (None, 0);
        self.visit(
            index,
            Wires(|wire| {
                if at == n {
                    found = Some(wire);
                }
                at += 1;
            }),
        );
        found
    }

    fn wires(&self, index: usize) -> impl Iterator<Item = Wire> {
        (0..).map_while(move |n| self.wire(index, n))
    }

    fn all_wires(&self) -> impl Iterator<Item = (usize, Wire)> {
        (0..S::COUNT).flat_map(move |index| self.wires(index).map(move |wire| (index, wire)))
    }
}

/// Judges a graph; returns its stages with producers before their consumers.
#[expect(
    clippy::result_large_err,
    reason = "built once, before anything runs, and there is no heap to box it on"
)]
pub(crate) fn judge<S: Stages>(stages: &S) -> Result<[u8; STAGES_MAX], Faults> {
    let plan = Plan(stages);
    let mut faults = Faults { faults: [None; REPORTED] };
    for index in 0..S::COUNT {
        let node = plan.name(index);
        if (0..index).any(|earlier| plan.name(earlier) == node) {
            faults.add(Fault { rule: Rule::V4, node, port: None, other: Some(node) });
        }
        for wire in plan.wires(index) {
            wire_alone(&plan, index, wire, &mut faults);
        }
    }
    let order = order(&plan, &mut faults);
    // Shares and depths follow the arrows: without an order they mean nothing.
    if faults.is_empty() {
        pools(&plan, &mut faults);
    }
    if faults.is_empty() { Ok(order) } else { Err(faults) }
}

/// The rules that one wire shows.
fn wire_alone<S: Stages>(plan: &Plan<'_, S>, index: usize, wire: Wire, faults: &mut Faults) {
    let (side, far) = match wire.side {
        Side::In => ("in", Side::Out),
        Side::Out => ("out", Side::In),
    };
    let other = plan.end(wire.edge, far).map(|(stage, _)| plan.name(stage));
    let mut add = |rule| {
        faults.add(Fault { rule, node: plan.name(index), port: Some((side, wire.port)), other });
    };
    if other.is_none() {
        add(Rule::V1);
    }
    if wire.side == Side::In || wire.edge == 0 {
        return;
    }
    if wire.own.is_some_and(|(pool, _)| pool != wire.pool) {
        add(Rule::V3);
    }
    let caps = wire.caps;
    if caps.soft_items > caps.hard_items
        || caps.soft_bytes > caps.hard_bytes
        || caps.hard_items == 0
        || caps.hard_bytes == 0
    {
        add(Rule::V6);
    } else if caps.hard_bytes < wire.max_bytes {
        add(Rule::V7);
    }
    if caps.hard_items > wire.capacity {
        add(Rule::V13);
    }
}

/// Producers before consumers, or V5 with the cycle: one fault a node on it, `other` being the next.
fn order<S: Stages>(plan: &Plan<'_, S>, faults: &mut Faults) -> [u8; STAGES_MAX] {
    let mut after = [0_u32; STAGES_MAX];
    for (index, wire) in plan.all_wires() {
        if wire.side == Side::Out
            && let Some((consumer, _)) = plan.end(wire.edge, Side::In)
        {
            after[index] |= 1 << consumer;
        }
    }
    let mut order = [0; STAGES_MAX];
    let mut left: u32 = if S::COUNT == 32 { u32::MAX } else { (1 << S::COUNT) - 1 };
    for place in &mut order[..S::COUNT] {
        let fed = (0..S::COUNT).filter(|i| left >> i & 1 == 1).fold(0, |fed, i| fed | after[i]);
        let Some(next) = (0..S::COUNT).find(|i| (left & !fed) >> i & 1 == 1) else {
            cycle(plan, left, &after, faults);
            return order;
        };
        *place = next as u8;
        left &= !(1 << next);
    }
    order
}

fn cycle<S: Stages>(plan: &Plan<'_, S>, left: u32, after: &[u32; STAGES_MAX], faults: &mut Faults) {
    // What is fed by the rest and feeds nobody in it is behind the cycle, not on it.
    let mut on = left;
    loop {
        let dead = (0..S::COUNT)
            .filter(|&i| on >> i & 1 == 1 && after[i] & on == 0)
            .fold(0, |dead, i| dead | 1 << i);
        if dead == 0 {
            break;
        }
        on &= !dead;
    }
    // From anywhere, following the first arrow, one comes upon a cycle; then one goes around it once.
    let next = |i: usize| (after[i] & on).trailing_zeros() as usize;
    let mut at = on.trailing_zeros() as usize;
    for _ in 0..S::COUNT {
        at = next(at);
    }
    let first = at;
    loop {
        let (node, other) = (plan.name(at), Some(plan.name(next(at))));
        faults.add(Fault { rule: Rule::V5, node, port: None, other });
        at = next(at);
        if at == first {
            break;
        }
    }
}

/// V9 and V14, for every home.
fn pools<S: Stages>(plan: &Plan<'_, S>, faults: &mut Faults) {
    for (index, wire) in plan.all_wires() {
        let Some((pool, true)) = wire.own else { continue };
        if plan.wires(index).find(|other| other.own == wire.own).map(|other| other.edge) != Some(wire.edge) {
            continue;
        }
        let mut add = |rule| {
            faults.add(Fault { rule, node: plan.name(index), port: Some(("out", wire.port)), other: None });
        };
        let edges = || plan.all_wires().filter(|(_, w)| w.side == Side::Out && w.pool == pool);
        // One more an edge: what its consumer has in work is no longer within the cap. One more for the home's own.
        let needed = edges().fold(1_u64, |sum, (_, w)| sum + u64::from(w.caps.hard_items) + 1);
        if u64::from(wire.depth) < needed {
            add(Rule::V9);
        }
        if edges().any(|(_, w)| shares(plan, w.edge, 0).is_none()) {
            add(Rule::V14);
        }
    }
}

/// The smallest share of a slot that can arrive on an edge, as a power of two below the full weight; none where a slot
/// can arrive twice, or its shares can run out.
fn shares<S: Stages>(plan: &Plan<'_, S>, edge: usize, depth: usize) -> Option<u32> {
    let (producer, wire) = plan.end(edge, Side::Out)?;
    let (pool, home) = wire.own?;
    let branches = plan.wires(producer).filter(|w| w.side == Side::Out && w.port == wire.port).count() as u32;
    let halvings = branches.next_power_of_two().trailing_zeros().max(branches.saturating_sub(1));
    let before = if home {
        0
    } else {
        let mut inputs = plan.wires(producer).filter(|w| w.side == Side::In && w.pool == pool);
        let only = inputs.next()?;
        if inputs.next().is_some() || depth > STAGES_MAX {
            return None;
        }
        shares(plan, only.edge, depth + 1)?
    };
    (before + halvings <= 15).then_some(before + halvings)
}

/// Tells every edge end which stage is at the other end.
pub(crate) fn link<S: Stages>(stages: &mut S) {
    for index in 0..S::COUNT {
        let find = |edge: usize, side: Side| {
            let mut found = u8::MAX;
            let plan = Plan(&*stages);
            if let Some((stage, _)) = plan.end(edge, side) {
                found = stage as u8;
            }
            found
        };
        let mut peers = [(0_usize, Side::In, u8::MAX); 64];
        let mut n = 0;
        for wire in Plan(&*stages).wires(index) {
            let far = if wire.side == Side::In { Side::Out } else { Side::In };
            peers[n] = (wire.edge, far, find(wire.edge, far));
            n += 1;
        }
        let known = &peers[..n];
        let look = |edge: usize, side: Side| {
            known.iter().find(|(e, s, _)| *e == edge && *s == side).map_or(u8::MAX, |(_, _, stage)| *stage)
        };
        stages.visit_mut(index, Link(&mut |edge| look(edge, Side::In), &mut |edge| look(edge, Side::Out)));
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
