use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;

use tidemill_seam::{Instant, WorkerId};

use super::judge::Wire;
use crate::node::{Chosen, Cx, Fault, Inputs, Node, OnFault, Outlets, Step};

/// A node bound to its edges.
pub struct Stage<'a, N: Node, O> {
    pub(super) inner: UnsafeCell<Inner<'a, N, O>>,
}

/// Binds a node to the ends of its edges: one [`Rx`](crate::Rx) an input port, one [outlet](crate::Outlet) an output
/// port.
pub const fn bind<'a, N: Node, O: Outlets<'a, N::Out>>(
    name: &'static str,
    node: N,
    inputs: <N::In as Inputs>::Ends<'a>,
    outputs: O,
) -> Stage<'a, N, O> {
    let inner = Inner {
        name,
        node,
        inputs: Some(inputs),
        outputs,
        worker: WorkerId(0),
        on_fault: OnFault::Halt,
        state: State::New,
        pace: Pace::Again,
        told: false,
        turn: 0,
        retries: 0,
        edges: PhantomData,
    };
    Stage { inner: UnsafeCell::new(inner) }
}

impl<N: Node, O> Stage<'_, N, O> {
    /// Places the stage on a worker; on worker 0 unless said otherwise.
    #[must_use]
    pub const fn on(mut self, worker: WorkerId) -> Self {
        self.inner.get_mut().worker = worker;
        self
    }

    /// Says what happens when a step fails; the graph halts unless said otherwise.
    #[must_use]
    pub const fn on_fault(mut self, action: OnFault) -> Self {
        self.inner.get_mut().on_fault = action;
        self
    }
}

/// Where a stage is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    New,
    Ready,
    Running,
    Done,
    Faulted,
    Stopped,
}

/// When the node wants to be stepped without input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Again,
    Never,
    Woken,
    At(Instant),
}

pub(crate) struct Inner<'a, N: Node, O> {
    name: &'static str,
    node: N,
    /// Gone once the node is.
    inputs: Option<<N::In as Inputs>::Ends<'a>>,
    outputs: O,
    worker: WorkerId,
    on_fault: OnFault,
    state: State,
    pace: Pace,
    /// The node has been stepped with everything closed.
    told: bool,
    /// The port that is looked at first.
    turn: u8,
    retries: u16,
    edges: PhantomData<&'a ()>,
}

/// What came of trying to step a stage.
#[derive(Clone, Copy, Debug)]
pub enum Attempt {
    /// Stepped: these stages have something new.
    Stepped(u32),
    /// Nothing to do until a bell or `due`, or a notification where `listens`; waits for stage `on`.
    Resting { on: u8, due: Option<Instant>, listens: bool },
    /// Over: these stages hear of it.
    Over(u32),
    /// The step failed and the graph halts: these stages hear of it.
    Failed(u32, Fault),
}

/// A stage, whatever its node.
pub trait AnyStage {
    fn name(&self) -> &'static str;
    fn worker(&self) -> WorkerId;
    fn is_running(&self) -> bool;
    fn init(&mut self, now: Instant) -> Result<(), Fault>;
    fn start(&mut self, now: Instant) -> Result<(), Fault>;
    fn attempt(&mut self, now: Instant, woken: bool) -> Attempt;
    /// Undoes a step that unwound.
    fn unwound(&mut self, now: Instant) -> u32;
    fn finish(&mut self, now: Instant, state: State) -> u32;
    fn wires(&self, each: &mut impl FnMut(Wire));
    fn link(&mut self, consumer: &mut impl FnMut(usize) -> u8, producer: &mut impl FnMut(usize) -> u8);
}

impl<'a, N: Node, O: Outlets<'a, N::Out>> Inner<'a, N, O> {
    /// What to show the node, if it is to be stepped at all.
    #[inline]
    fn choose(&mut self, now: Instant, woken: bool) -> Result<(Chosen, bool), Attempt> {
        let chosen = match &mut self.inputs {
            Some(ends) if self.node.open() => <N::In as Inputs>::choose(ends, self.turn),
            _ => Chosen::None,
        };
        if chosen != Chosen::None {
            return Ok((chosen, false));
        }
        self.rest(now, woken)
    }

    /// Nothing to show: whether the node is stepped all the same.
    fn rest(&mut self, now: Instant, woken: bool) -> Result<(Chosen, bool), Attempt> {
        let Some(ends) = &self.inputs else { return Err(Attempt::Over(0)) };
        let drained = <N::In as Inputs>::drained(ends);
        let ports = <N::In as Inputs>::PORTS;
        let on = <N::In as Inputs>::starved(ends);
        if <N::In as Inputs>::ALL {
            return Err(if drained != 0 {
                Attempt::Over(self.finish(now, State::Done))
            } else {
                Attempt::Resting { on, due: None, listens: false }
            });
        }
        let closed = ports > 0 && drained.count_ones() == u32::from(ports);
        let go = match self.pace {
            Pace::Again => true,
            Pace::Never => false,
            Pace::Woken => woken,
            Pace::At(due) => woken || now >= due,
        };
        if go || (closed && !self.told) {
            self.told = closed;
            return Ok((Chosen::None, closed));
        }
        if closed && self.pace == Pace::Never {
            return Err(Attempt::Over(self.finish(now, State::Done)));
        }
        let due = if let Pace::At(due) = self.pace { Some(due) } else { None };
        Err(Attempt::Resting { on, due, listens: matches!(self.pace, Pace::Woken | Pace::At(_)) })
    }

    /// Makes the step true.
    #[inline]
    fn commit(&mut self, now: Instant, chosen: Chosen, step: Step) -> Attempt {
        self.retries = 0;
        let mut bells = self.outputs.commit(now);
        if let (Some(ends), true) = (&mut self.inputs, chosen != Chosen::None) {
            bells |= <N::In as Inputs>::retire(ends, chosen);
        }
        if let Chosen::One(port) = chosen {
            self.turn = if port + 1 < <N::In as Inputs>::PORTS { port + 1 } else { 0 };
        }
        self.pace = match step {
            Step::Progress if chosen == Chosen::None => Pace::Again,
            Step::Idle if <N::In as Inputs>::PORTS == 0 => Pace::Woken,
            Step::Progress | Step::Idle => Pace::Never,
            Step::Wait => Pace::Woken,
            Step::SleepUntil(due) => Pace::At(due),
            Step::Done => return Attempt::Over(bells | self.finish(now, State::Done)),
        };
        Attempt::Stepped(bells)
    }

    /// Undoes the step.
    #[cold]
    fn fail(&mut self, now: Instant, fault: Fault) -> Attempt {
        self.outputs.abort();
        if let OnFault::Retry(limit) = self.on_fault
            && self.retries < limit
        {
            self.retries += 1;
            self.pace = Pace::Again;
            if let Some(ends) = &self.inputs {
                <N::In as Inputs>::keep(ends);
            }
            return Attempt::Stepped(0);
        }
        let bells = self.drop_inputs();
        if self.on_fault == OnFault::Continue {
            self.pace = if <N::In as Inputs>::PORTS == 0 { Pace::Again } else { Pace::Never };
            return Attempt::Stepped(bells);
        }
        Attempt::Failed(bells | self.finish(now, State::Faulted), fault)
    }

    fn drop_inputs(&mut self) -> u32 {
        self.inputs.as_mut().map_or(0, <N::In as Inputs>::fault)
    }
}

impl<'a, N: Node, O: Outlets<'a, N::Out>> AnyStage for Inner<'a, N, O> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn worker(&self) -> WorkerId {
        self.worker
    }

    fn is_running(&self) -> bool {
        self.state == State::Running
    }

    fn init(&mut self, now: Instant) -> Result<(), Fault> {
        self.node.init(now)?;
        self.state = State::Ready;
        Ok(())
    }

    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        self.node.start(now)?;
        self.state = State::Running;
        Ok(())
    }

    #[inline]
    fn attempt(&mut self, now: Instant, woken: bool) -> Attempt {
        if self.state != State::Running {
            return Attempt::Resting { on: u8::MAX, due: None, listens: false };
        }
        if !self.outputs.permitted() {
            let on = self.outputs.full();
            return Attempt::Resting { on, due: None, listens: false };
        }
        let (chosen, closed) = match self.choose(now, woken) {
            Ok(chosen) => chosen,
            Err(attempt) => return attempt,
        };
        let result = match &self.inputs {
            Some(ends) => {
                let permits = self.outputs.permits(<N::In as Inputs>::lead(ends, chosen), now);
                // SAFETY: once a step, and every step ends in `commit` or `fail`, or in `unwound`.
                let items = unsafe { <N::In as Inputs>::items(ends, chosen) };
                self.node.step(&mut Cx { now, closed }, items, permits)
            }
            None => return Attempt::Over(0),
        };
        match result {
            Ok(step) => self.commit(now, chosen, step),
            Err(fault) => self.fail(now, fault),
        }
    }

    fn unwound(&mut self, now: Instant) -> u32 {
        self.outputs.abort();
        self.drop_inputs() | self.finish(now, State::Faulted)
    }

    fn finish(&mut self, now: Instant, state: State) -> u32 {
        let was = core::mem::replace(&mut self.state, state);
        match was {
            State::Running => self.node.stop(now),
            State::Done | State::Faulted | State::Stopped => {
                self.state = was;
                return 0;
            }
            State::New | State::Ready => {}
        }
        let mut bells = self.outputs.close();
        if let Some(ends) = self.inputs.take() {
            bells |= <N::In as Inputs>::peers(&ends);
        }
        bells
    }

    fn wires(&self, each: &mut impl FnMut(Wire)) {
        if let Some(ends) = &self.inputs {
            <N::In as Inputs>::wires(ends, each);
        }
        self.outputs.wires(each);
    }

    fn link(&mut self, consumer: &mut impl FnMut(usize) -> u8, producer: &mut impl FnMut(usize) -> u8) {
        if let Some(ends) = &mut self.inputs {
            <N::In as Inputs>::link(ends, producer);
        }
        self.outputs.link(consumer);
    }
}

impl<N: Node, O> fmt::Debug for Stage<'_, N, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}
