//! What comes of a segment where it arrives: at an end, at a port, or where nobody knows of it.

use std::rc::Rc;

use tidemill_seam::Broken;

use super::end::{End, SimStream, Status, StreamId};
use super::pipe::Segment;
use super::{Door, News};
use crate::hash::digest;
use crate::kernel::{Kernel, State};
use crate::machine::ProcessId;
use crate::trace::Happened;

impl Kernel {
    /// The first segment of a direction arrives.
    pub(super) fn arrive(&mut self, id: StreamId) {
        let Some(segment) = self.pipe(id).flight.pop_front() else { return };
        let (from, to) = self.pipe(id).route;
        let len = if let Segment::Data(len) = segment { len as usize } else { 0 };
        let mut bytes = std::mem::take(&mut self.pipes.get_or_insert_default().scratch);
        bytes.clear();
        bytes.extend(self.pipe(id).data.drain(..len));
        self.record(Happened::Segment, id.0, from.word() << 32 | to.word(), digest(&bytes));
        if self.is_reset_on_its_way(id) {
            let ends = [Some(id), self.pipe(id).peer];
            ends.into_iter().flatten().for_each(|end| self.break_end(end, Broken::Reset));
        } else if segment == Segment::Open && self.pipe(id).peer.is_none() {
            self.knock(id);
        } else if let Some(peer) = self.pipe(id).peer {
            match self.pipe(peer).end.clone() {
                Some(end) => self.take_in(id, (peer, &end), segment, &bytes),
                None => self.knock_in_vain(id, peer, segment),
            }
        }
        self.pipes.get_or_insert_default().scratch = bytes;
    }

    fn is_reset_on_its_way(&mut self, id: StreamId) -> bool {
        let rate = self.touched().config.get().reset;
        if rate == crate::Rate::NEVER {
            return false;
        }
        let (from, to) = self.pipe(id).route;
        let link = self.link_between(from.machine, to.machine);
        let details = self.details(link);
        self.choices.chance_by(details, "reset", rate)
    }

    fn take_in(&mut self, id: StreamId, (peer, end): (StreamId, &Rc<End>), segment: Segment, bytes: &[u8]) {
        let retry_ns = self.touched().config.get().retry.as_nanos();
        if segment == Segment::Open {
            // Heard again, and not yet answered.
            return self.wait(id);
        }
        let sender = self.pipe(id);
        (sender.unanswered, sender.backoff_ns) = (None, retry_ns);
        match segment {
            Segment::Opened => {
                end.status.set(Status::Open);
                self.answered(peer, retry_ns);
                self.tell(peer, News::Opened);
                self.pump(end);
            }
            Segment::Data(_) => {
                let mut inbox = end.inbox.borrow_mut();
                let news = inbox.is_empty();
                inbox.extend(bytes);
                drop(inbox);
                if news {
                    self.tell(peer, News::Readable);
                }
            }
            Segment::Finish => {
                end.over.set(true);
                self.tell(peer, News::Readable);
            }
            Segment::Credit(credit) => {
                self.pipe(peer).credit += credit;
                self.pump(end);
            }
            Segment::Reset => self.break_end(peer, Broken::Reset),
            Segment::Refused => self.break_end(peer, Broken::Refused),
            Segment::Open | Segment::Probe => {}
        }
    }

    /// The peer has forgotten the stream, or vanished.
    fn knock_in_vain(&mut self, id: StreamId, peer: StreamId, segment: Segment) {
        if matches!(segment, Segment::Reset | Segment::Refused | Segment::Credit(_))
            || self.pipe(id).end.is_none()
        {
            return;
        }
        let to = self.pipe(id).route.1;
        if self.is_silent(to) {
            self.wait(id);
        } else {
            self.pipe(peer).queue.push_back(Segment::Reset);
            self.transmit(peer);
            // Where the reset is lost, the next attempt is reset again.
            if self.pipe(peer).flight.is_empty() {
                self.wait(id);
            }
        }
    }

    /// What it waited for came.
    fn answered(&mut self, id: StreamId, retry_ns: u64) {
        let pipe = self.pipe(id);
        (pipe.unanswered, pipe.backoff_ns) = (None, retry_ns);
        if let Some(timer) = pipe.timer.take() {
            self.queue.cancel(timer.index, timer.generation);
        }
        self.pipe(id).queue.retain(|segment| *segment != Segment::Open);
    }

    fn is_silent(&self, at: crate::net::Address) -> bool {
        let Some(pipes) = &self.pipes else { return false };
        let owner = self.machines[at.machine.index()].owner_of(at.port);
        let behind = pipes.doors.iter().find(|door| door.at == at).map(|door| door.process);
        owner.or(behind).is_some_and(|process| pipes.silent.contains(&process))
    }

    /// A stream is opened to a port.
    fn knock(&mut self, id: StreamId) {
        let (from, to) = self.pipe(id).route;
        let config = self.touched().config.get();
        if self.is_silent(to) {
            return self.wait(id);
        }
        let door =
            self.pipes.as_ref().and_then(|pipes| pipes.doors.iter().find(|door| door.at == to).cloned());
        let dead = |door: &Rc<Door>| self.meta(door.process).state == State::Dead;
        let Some(door) = door.filter(|door| !dead(door)) else {
            return self.turn_away(id);
        };
        if door.waiting.borrow().len() >= config.backlog as usize {
            return self.wait(id);
        }
        if config.refuse != crate::Rate::NEVER {
            let link = self.link_between(from.machine, to.machine);
            let details = self.details(link);
            if self.choices.chance_by(details, "refuse", config.refuse) {
                return self.turn_away(id);
            }
        }
        let touched = Rc::clone(self.touched());
        let end = End::new(door.process, (to, from), Status::Open, &touched);
        let peer = self.new_pipe(&end, Some(id));
        self.pipe(id).peer = Some(peer);
        self.wait(id);
        self.pipe(peer).queue.push_back(Segment::Opened);
        self.transmit(peer);
        door.waiting.borrow_mut().push_back(SimStream(end));
        self.tell(peer, News::Accepted { port: to.port });
    }

    fn turn_away(&mut self, id: StreamId) {
        let (from, to) = self.pipe(id).route;
        let touched = Rc::clone(self.touched());
        let process = ProcessId(u32::MAX);
        let end = End::new(process, (to, from), Status::Broken(Broken::Closed), &touched);
        let peer = self.new_pipe(&end, Some(id));
        self.pipe(peer).end = None;
        self.pipe(peer).queue.push_back(Segment::Refused);
        self.transmit(peer);
        // Where the refusal is lost, the next attempt is refused again.
        if self.pipe(peer).flight.is_empty() {
            self.wait(id);
        }
    }
}
