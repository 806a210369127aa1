use tidemill_seam::Broken;

use super::end::Status;
use super::{Beat, News, SimStreams, StreamConfig, StreamId};
use crate::kernel::{Kernel, Pending, State};
use crate::machine::ProcessId;
use crate::net::Address;
use crate::process::{Context, Event, Process};
use crate::queue::Index;
use crate::seams::Seams;
use crate::sim::Sim;
use crate::trace::Happened;

impl Kernel {
    /// A process died: its machine resets its streams, unless it vanished without a word.
    pub(crate) fn bury_streams(&mut self, process: ProcessId) {
        let Some(pipes) = &mut self.pipes else { return };
        let silent = pipes.silent.contains(&process);
        if !silent {
            pipes.doors.retain(|door| door.process != process);
        }
        for pipe in pipes.all.iter_mut().filter(|pipe| pipe.owner == Some(process)) {
            pipe.owner = None;
        }
        for (id, end) in self.ends_of(process) {
            end.status.set(Status::Broken(Broken::Closed));
            self.abandon(id, !silent);
        }
    }
}

impl Kernel {
    /// The machine of a restarted process answers for it again.
    pub(crate) fn answer_for(&mut self, process: ProcessId) {
        let Some(pipes) = &mut self.pipes else { return };
        pipes.silent.retain(|silent| *silent != process);
        pipes.doors.retain(|door| door.process != process);
    }
}

impl<P: Process> Sim<P> {
    /// Sets how every stream of this world behaves from now on.
    pub fn streams(&mut self, config: StreamConfig) {
        self.kernel.touched().config.set(config);
    }

    /// Breaks both ends of a stream, as by a box on the way. Each hears of it as [`Broken::Reset`], at once.
    pub fn reset_stream(&mut self, stream: StreamId) {
        let peer = self.kernel.stream_peer(stream);
        for id in [Some(stream), peer].into_iter().flatten() {
            self.kernel.break_end(id, Broken::Reset);
        }
    }

    /// The ends that a process holds, in the order in which they began.
    pub fn streams_of(&self, process: ProcessId) -> Vec<StreamId> {
        self.kernel.ends_of(process).into_iter().map(|(id, _)| id).collect()
    }

    /// Kills a process whose machine says nothing about it, as when power fails. Its peers hear of it when they write and
    /// are not answered; once it has [restarted](Self::restart), its machine resets what it does not know.
    pub fn vanish(&mut self, process: ProcessId) {
        self.kernel.pipes.get_or_insert_default().silent.push(process);
        self.kill(process);
    }

    #[inline(never)]
    pub(crate) fn stream_event(&mut self, index: Index, stream: StreamId, beat: Beat) {
        let kernel = &mut self.kernel;
        match beat {
            Beat::Arrive => {
                let route = kernel.stream_route(stream);
                if kernel.gates.shut > 0 && kernel.stops(index, route, Pending::Stream { stream, beat }) {
                    return;
                }
                kernel.queue.finish(index);
                kernel.arrive(stream);
            }
            Beat::Retry => {
                kernel.queue.finish(index);
                kernel.retry(stream);
            }
            Beat::Tell(news) => {
                let owner = kernel.stream_owner(stream);
                let Some(process) = owner.filter(|owner| kernel.meta(*owner).state != State::Dead) else {
                    return kernel.queue.finish(index);
                };
                if self.reaches(index, process) {
                    self.kernel.record(Happened::Stream, process.0, u64::from(stream.0), news.word());
                    self.dispatch(process, Event::Stream { stream, news });
                }
            }
        }
        self.kernel.pump_touched();
    }
}

impl News {
    fn word(self) -> u64 {
        match self {
            Self::Accepted { port } => u64::from(port) << 8,
            Self::Opened => 1,
            Self::Readable => 2,
            Self::Writable => 3,
            Self::Broken => 4,
        }
    }
}

impl Context<'_> {
    /// A port for streams. Where two accept at one port of a machine, the first one does.
    pub fn streams(&mut self, port: u16) -> SimStreams {
        let at = Address { machine: self.machine(), port };
        // The end of an event is looked after where there are bells.
        self.kernel.bells();
        SimStreams::new(self.process, at, self.kernel.touched())
    }
}

impl Seams {
    /// The port for streams of the process's own number.
    pub fn streams(&self) -> SimStreams {
        self.streams_at(self.address().port)
    }

    /// A port for streams. Where two accept at one port of a machine, the first one does.
    pub fn streams_at(&self, port: u16) -> SimStreams {
        let at = Address { machine: self.address().machine, port };
        SimStreams::new(self.me(), at, &self.0.touched)
    }
}
