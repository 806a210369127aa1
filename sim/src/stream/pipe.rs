use std::collections::VecDeque;
use std::rc::Rc;

use tidemill_seam::Broken;

use super::end::{End, Status, StreamId};
use super::{Door, News, StreamConfig, Touched};
use crate::kernel::{Kernel, Pending};
use crate::machine::ProcessId;
use crate::process::TimerId;

/// What happens to an end at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beat {
    /// The first segment on its way from it arrives.
    Arrive,
    /// It tries again.
    Retry,
    /// Its process hears of it.
    Tell(News),
}

/// What travels between two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    Open,
    Opened,
    Data(u32),
    Finish,
    /// So much more may be sent.
    Credit(u32),
    /// Is anybody there?
    Probe,
    Reset,
    Refused,
}

/// One end as its machine sees it, and the direction away from it.
#[derive(Debug)]
pub(super) struct Pipe {
    /// Gone where the end is forgotten.
    pub(super) end: Option<Rc<End>>,
    pub(super) owner: Option<ProcessId>,
    pub(super) peer: Option<StreamId>,
    pub(super) route: (crate::net::Address, crate::net::Address),
    /// To be sent, in order.
    pub(super) queue: VecDeque<Segment>,
    pub(super) flight: VecDeque<Segment>,
    /// The bytes of what is in flight.
    pub(super) data: VecDeque<u8>,
    last_ns: u64,
    pub(super) credit: u32,
    finish_sent: bool,
    /// Since when it has not been answered, and how long until it tries again.
    pub(super) unanswered: Option<u64>,
    pub(super) backoff_ns: u64,
    pub(super) timer: Option<TimerId>,
}

/// The streams of a world.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pub(super) all: Vec<Pipe>,
    pub(super) doors: Vec<Rc<Door>>,
    /// Processes that vanished without a word: their machines do not answer.
    pub(super) silent: Vec<ProcessId>,
    pub(super) scratch: Vec<u8>,
}

impl Pipe {
    fn new(end: &Rc<End>, peer: Option<StreamId>, config: StreamConfig) -> Self {
        Self {
            end: Some(Rc::clone(end)),
            owner: Some(end.process),
            peer,
            route: (end.local, end.remote),
            queue: VecDeque::new(),
            flight: VecDeque::new(),
            data: VecDeque::new(),
            last_ns: 0,
            credit: config.window,
            finish_sent: false,
            unanswered: None,
            backoff_ns: config.retry.as_nanos(),
            timer: None,
        }
    }
}

impl Kernel {
    pub(crate) fn touched(&self) -> &Rc<Touched> {
        self.touched.get_or_init(Rc::default)
    }

    pub(super) fn pipe(&mut self, id: StreamId) -> &mut Pipe {
        &mut self.pipes.as_mut().expect("a stream was opened").all[id.0 as usize]
    }

    pub(super) fn new_pipe(&mut self, end: &Rc<End>, peer: Option<StreamId>) -> StreamId {
        let config = self.touched().config.get();
        let all = &mut self.pipes.get_or_insert_default().all;
        let id = StreamId(u32::try_from(all.len()).expect("at most four billion ends"));
        all.push(Pipe::new(end, peer, config));
        end.slot.set(Some(id));
        id
    }

    /// Carries out what processes did to their streams.
    #[inline(never)]
    pub(crate) fn pump_touched(&mut self) {
        loop {
            let Some(touched) = self.touched.get() else { return };
            let (doors, ends) = (touched.doors.take(), touched.ends.take());
            if doors.is_empty() && ends.is_empty() {
                break;
            }
            for door in doors {
                let doors = &mut self.pipes.get_or_insert_default().doors;
                if door.closed.get() {
                    doors.retain(|other| !Rc::ptr_eq(other, &door));
                } else {
                    doors.push(door);
                }
            }
            for end in ends {
                end.looked_at();
                self.pump(&end);
            }
        }
    }

    /// Sends what an end has to send.
    pub(super) fn pump(&mut self, end: &Rc<End>) {
        let id = match end.slot.get() {
            Some(id) => id,
            None if end.let_go.get() => return,
            None => self.dial(end),
        };
        if self.pipe(id).end.is_none() {
            return;
        }
        if end.let_go.get() {
            self.abandon(id, !(end.finished.get() && end.heard_end.get()));
            return;
        }
        if let Status::Broken(_) = end.status.get() {
            return;
        }
        let config = self.touched().config.get();
        if end.taken.get() >= config.window.div_ceil(2)
            || end.inbox.borrow().is_empty() && end.taken.get() > 0
        {
            let credit = end.taken.replace(0);
            self.pipe(id).queue.push_back(Segment::Credit(credit));
        }
        self.cut_segments(id, end, config);
        self.transmit(id);
        self.make_room(id, end, config);
    }

    fn dial(&mut self, end: &Rc<End>) -> StreamId {
        if self.stats.streams == 0 && self.faults.is_some() {
            self.beset_streams();
        }
        let id = self.new_pipe(end, None);
        self.stats.streams += 1;
        if end.remote.machine.index() >= self.machines.len() {
            self.break_end(id, Broken::Unroutable);
        } else if end.status.get() == Status::Opening {
            self.pipe(id).queue.push_back(Segment::Open);
        }
        id
    }

    /// Moves what was written into segments, as far as the peer has room for it.
    fn cut_segments(&mut self, id: StreamId, end: &End, config: StreamConfig) {
        if end.status.get() != Status::Open {
            return;
        }
        let link = self.link_between(end.local.machine, end.remote.machine);
        let mut out = end.out.borrow_mut();
        loop {
            let credit = self.pipe(id).credit;
            let mut len = config.segment.min(credit).min(out.len() as u32);
            if len == 0 {
                break;
            }
            if config.short != crate::Rate::NEVER {
                let details = self.details(link);
                if self.choices.chance_by(details, "short-segment", config.short) {
                    len -= self.choices.choose_by(details, "short-by", u64::from(len)) as u32;
                }
            }
            let pipe = self.pipe(id);
            pipe.credit -= len;
            pipe.data.extend(out.drain(..len as usize));
            pipe.queue.push_back(Segment::Data(len));
        }
        let pipe = self.pipe(id);
        if end.finished.get() && out.is_empty() && !std::mem::replace(&mut pipe.finish_sent, true) {
            pipe.queue.push_back(Segment::Finish);
        }
    }

    /// Decides how much the next write takes, and tells whom found no room.
    fn make_room(&mut self, id: StreamId, end: &Rc<End>, config: StreamConfig) {
        let free = config.buffer.saturating_sub(end.out.borrow().len() as u32);
        let mut room = free;
        if free > 0 && config.short != crate::Rate::NEVER {
            let link = self.link_between(end.local.machine, end.remote.machine);
            let details = self.details(link);
            if self.choices.chance_by(details, "short-write", config.short) {
                room -= self.choices.choose_by(details, "short-room", u64::from(free)) as u32;
            }
        }
        end.room.set(room);
        if room > 0 && end.status.get() == Status::Open && end.wants_room.replace(false) {
            self.tell(id, News::Writable);
        }
    }

    pub(super) fn tell(&mut self, stream: StreamId, news: News) {
        self.schedule(self.now_ns, Pending::Stream { stream, beat: Beat::Tell(news) });
    }

    /// Puts on its way whatever the link takes; waits where it takes nothing.
    pub(super) fn transmit(&mut self, id: StreamId) {
        while self.pipe(id).timer.is_none() {
            let Some(&segment) = self.pipe(id).queue.front() else { break };
            if !self.launch(id, segment) {
                let word = matches!(segment, Segment::Reset | Segment::Refused);
                if !word {
                    self.wait(id);
                    break;
                }
                // A last word is said once; who does not hear it finds out by writing.
            }
            self.pipe(id).queue.pop_front();
        }
    }

    /// Sends one segment; `false` where the link does not carry it.
    fn launch(&mut self, id: StreamId, segment: Segment) -> bool {
        let (from, to) = self.pipe(id).route;
        let link = self.link_between(from.machine, to.machine);
        self.stats.segments += 1;
        if self.links[link as usize].blocked {
            return false;
        }
        let fate = self.draw(link);
        let len = if let Segment::Data(len) = segment { len as usize } else { 0 };
        let mut enters_ns = self.now_ns;
        if fate.shaped {
            let Some(left_ns) = self.shape(link, len) else { return false };
            enters_ns = left_ns;
        }
        if fate.lost || fate.corrupt || fate.truncate {
            self.choices.take_slack(0);
            return false;
        }
        let mut delay_ns = fate.delay_ns;
        if fate.reorder {
            delay_ns = delay_ns.saturating_add(self.held_back(link));
        }
        let pipe = self.pipe(id);
        pipe.last_ns = pipe.last_ns.max(enters_ns.saturating_add(delay_ns));
        pipe.flight.push_back(segment);
        let at_ns = pipe.last_ns;
        self.schedule(at_ns, Pending::Stream { stream: id, beat: Beat::Arrive });
        true
    }

    /// Tries again after a while, or gives up.
    pub(super) fn wait(&mut self, id: StreamId) {
        let (now_ns, config) = (self.now_ns, self.touched().config.get());
        let pipe = self.pipe(id);
        if pipe.timer.is_some() {
            return;
        }
        let since_ns = *pipe.unanswered.get_or_insert(now_ns);
        if now_ns - since_ns >= config.patience.as_nanos() {
            self.break_end(id, Broken::TimedOut);
            return;
        }
        let after_ns = pipe.backoff_ns.min(config.retry.as_nanos().saturating_mul(64)).max(1);
        pipe.backoff_ns = after_ns.saturating_mul(2);
        let left_ns = config.patience.as_nanos() - (now_ns - since_ns);
        let at_ns = now_ns.saturating_add(after_ns.min(left_ns));
        let timer = self.schedule(at_ns, Pending::Stream { stream: id, beat: Beat::Retry });
        self.pipe(id).timer = Some(timer);
        self.stats.retries += 1;
    }

    /// It is time to try again: what could not be sent, or whether anybody is there.
    pub(super) fn retry(&mut self, id: StreamId) {
        self.pipe(id).timer = None;
        let end = self.pipe(id).end.clone();
        if let (Some(end), true) = (end, self.pipe(id).queue.is_empty()) {
            let ask = if end.status.get() == Status::Opening { Segment::Open } else { Segment::Probe };
            self.pipe(id).queue.push_back(ask);
        }
        let patience = self.touched().config.get().patience.as_nanos();
        if self.pipe(id).unanswered.is_some_and(|since_ns| self.now_ns - since_ns >= patience) {
            self.break_end(id, Broken::TimedOut);
            return;
        }
        self.transmit(id);
    }

    pub(super) fn break_end(&mut self, id: StreamId, why: Broken) {
        let Some(end) = self.pipe(id).end.take() else { return };
        if end.status.get() == Status::Broken(Broken::Closed) {
            return;
        }
        match why {
            Broken::Refused => self.stats.refused += 1,
            Broken::TimedOut => self.stats.timed_out += 1,
            _ => self.stats.resets += 1,
        }
        end.status.set(Status::Broken(why));
        self.forget(id);
        self.tell(id, News::Broken);
    }

    /// The owner has let go of an end.
    pub(super) fn abandon(&mut self, id: StreamId, aloud: bool) {
        let pipe = self.pipe(id);
        pipe.end = None;
        if aloud {
            self.forget(id);
            if self.pipe(id).peer.is_some() {
                self.pipe(id).queue.push_back(Segment::Reset);
                self.transmit(id);
            }
        }
    }

    /// Nothing of it is sent any more; what is on its way arrives.
    fn forget(&mut self, id: StreamId) {
        let pipe = self.pipe(id);
        pipe.queue.clear();
        let flying =
            pipe.flight.iter().map(|segment| if let Segment::Data(len) = segment { *len } else { 0 });
        let flying: u32 = flying.sum();
        pipe.data.truncate(flying as usize);
        if let Some(timer) = pipe.timer.take() {
            self.queue.cancel(timer.index, timer.generation);
        }
    }

    /// The ends of a process, in the order of their numbers.
    pub(super) fn ends_of(&self, process: ProcessId) -> Vec<(StreamId, Rc<End>)> {
        let all = self.pipes.as_ref().map(|pipes| pipes.all.as_slice()).unwrap_or_default();
        let ends = (0..).map(StreamId).zip(all).filter_map(|(id, pipe)| Some((id, pipe.end.clone()?)));
        ends.filter(|(_, end)| end.process == process).collect()
    }

    /// Which machines the segment that arrives next from an end goes between.
    pub(crate) fn stream_route(&self, id: StreamId) -> (crate::MachineId, crate::MachineId) {
        let pipes = self.pipes.as_ref().expect("a stream was opened");
        let (from, to) = pipes.all[id.0 as usize].route;
        (from.machine, to.machine)
    }

    /// The process that owns an end.
    pub(crate) fn stream_owner(&self, id: StreamId) -> Option<ProcessId> {
        self.pipes.as_ref()?.all.get(id.0 as usize)?.owner
    }

    /// The other end.
    pub(super) fn stream_peer(&self, id: StreamId) -> Option<StreamId> {
        self.pipes.as_ref()?.all.get(id.0 as usize)?.peer
    }
}
