//! The two words of an inhabitant: what reaches it, and what it can do.

use tidemill_seam::{Duration, Instant, SendError};

use crate::choice::Rate;
use crate::kernel::Kernel;
use crate::latency::Latency;
use crate::machine::{MachineId, ProcessId};
use crate::net::Address;
use crate::stream::{News, StreamId};

/// What reaches a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// It was started or restarted.
    Start,
    /// A datagram reached a port without a [`SimLink`](crate::SimLink).
    Datagram {
        /// Who sent it.
        from: Address,
        /// The port it came in through.
        port: u16,
        /// What it says.
        bytes: &'a [u8],
    },
    /// A datagram waits in the inbox of the [`SimLink`](crate::SimLink) at this port.
    Readable {
        /// The port.
        port: u16,
    },
    /// A timer fell due.
    Timer {
        /// What the timer was set with.
        token: u64,
    },
    /// Its [`SimNotify`](crate::SimNotify) was notified, once or more often.
    Notified,
    /// Something became of one of its streams.
    Stream {
        /// Which.
        stream: StreamId,
        /// What.
        news: News,
    },
}

/// A state machine that lives in a simulated process.
pub trait Process {
    /// Takes one event. Whatever it does, it does through `context`; it returns without waiting.
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>);

    /// What it still waits for, if its work is not finished. A run that ends while somebody waits is a deadlock.
    fn waiting(&self) -> Option<String> {
        None
    }

    /// How many tasks live in it: none in a state machine.
    fn tasks(&self) -> usize {
        0
    }
}

impl<P: Process + ?Sized> Process for Box<P> {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        (**self).on(context, event);
    }
    fn waiting(&self) -> Option<String> {
        (**self).waiting()
    }
    fn tasks(&self) -> usize {
        (**self).tasks()
    }
}

/// A timer that may be cancelled. It goes stale when the timer fires, and stays so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What a process can do while an event reaches it.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) kernel: &'a mut Kernel,
    pub(crate) process: ProcessId,
}

impl Context<'_> {
    /// The present instant on this machine's clock.
    #[inline]
    pub fn now(&self) -> Instant {
        self.kernel.local_now(self.process)
    }

    /// This process.
    pub fn me(&self) -> ProcessId {
        self.process
    }

    /// The machine it runs on.
    pub fn machine(&self) -> MachineId {
        self.kernel.meta(self.process).machine
    }

    /// Its own address: where [`send`](Self::send) sends from.
    pub fn address(&self) -> Address {
        self.kernel.address(self.process)
    }

    /// Sends a datagram from its own address.
    #[inline]
    pub fn send(&mut self, to: Address, bytes: &[u8]) -> Result<(), SendError> {
        let from = self.address();
        self.kernel.send(from, to, bytes)
    }

    /// Sends a datagram from a port that it has bound.
    pub fn send_from(&mut self, port: u16, to: Address, bytes: &[u8]) -> Result<(), SendError> {
        let from = Address { machine: self.machine(), port };
        self.kernel.send(from, to, bytes)
    }

    /// Takes a port of this machine in addition to its own; `false` where another process has it.
    pub fn bind(&mut self, port: u16) -> bool {
        self.kernel.bind(self.process, port)
    }

    /// Sets a timer on this machine's clock.
    #[inline]
    pub fn timer(&mut self, after: Duration, token: u64) -> TimerId {
        let due = self.now() + after;
        self.kernel.timer(self.process, due, token)
    }

    /// Sets a timer for an instant of this machine's clock; one in the past falls due at once.
    #[inline]
    pub fn timer_at(&mut self, due: Instant, token: u64) -> TimerId {
        self.kernel.timer(self.process, due, token)
    }

    /// Cancels a timer of its own in constant time; `false` where it fired or was cancelled before.
    #[inline]
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.kernel.cancel(self.process, timer)
    }

    /// Decides, below `n`; a single possibility draws nothing.
    ///
    /// # Panics
    /// If `n` is zero: there is nothing to choose from.
    #[inline]
    pub fn choose(&mut self, kind: &'static str, n: u64) -> u64 {
        let stream = self.kernel.process_stream(self.process);
        self.kernel.choices.choose_by(stream, kind, n)
    }

    /// Decides which of several goes next.
    pub(crate) fn pick(&mut self, kind: &'static str, among: &[usize]) -> usize {
        let stream = self.kernel.process_stream(self.process);
        self.kernel.choices.pick_by(stream, kind, among)
    }

    /// Decides whether something happens; never and always draw nothing.
    #[inline]
    pub fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        let stream = self.kernel.process_stream(self.process);
        self.kernel.choices.chance_by(stream, kind, rate)
    }

    /// Decides how long something takes.
    #[inline]
    pub fn draw(&mut self, kind: &'static str, latency: Latency) -> Duration {
        let stream = self.kernel.process_stream(self.process);
        Duration::from_nanos(latency.draw(&mut self.kernel.choices, stream, kind))
    }

    /// A law broke: the run ends after this event. The first failure counts.
    pub fn fail(&mut self, site: &str, message: impl Into<String>) {
        let entity = self.kernel.process_name(self.process);
        self.kernel.fail(site, message.into(), entity);
    }

    /// The run ends after this event.
    pub fn stop(&mut self) {
        self.kernel.stop();
    }
}
