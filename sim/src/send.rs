//! The way of a datagram from its sender into the queue.

use tidemill_seam::{Instant, SendError};

use crate::faults::{FILTER, Judged};
use crate::kernel::{Kernel, Pending};
use crate::net::{Address, Cause, Datagram, Guarded, LinkIndex, Verdict};
use crate::streams::{StreamId, stream_of};

/// What happens to one datagram, decided before any of it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) delay_ns: u64,
    pub(crate) lost: bool,
    pub(crate) reorder: bool,
    pub(crate) corrupt: bool,
    pub(crate) truncate: bool,
    duplicate: bool,
    /// The link has a bandwidth.
    pub(crate) shaped: bool,
}

impl Kernel {
    #[inline]
    pub(crate) fn send(&mut self, from: Address, to: Address, bytes: &[u8]) -> Result<(), SendError> {
        self.check_sendable(to, bytes.len())?;
        self.stats.sent += 1;
        let link = self.link_between(from.machine, to.machine);
        let judged = if self.judges_sends { self.judge(from, to, bytes) } else { None };
        if let Some((verdict, fault)) = judged
            && self.sender_falls(from, verdict, fault)
        {
            self.discard(from, to, Cause::Filter, None);
            return Ok(());
        }
        if self.links[link as usize].blocked {
            self.discard(from, to, Cause::Partition, None);
            return Ok(());
        }
        let mut fate = self.draw(link);
        let mut enters_ns = self.now_ns;
        if fate.shaped && !matches!(judged, Some((Verdict::Drop, _))) {
            // What the link loses was sent all the same, and took its time.
            let Some(left_ns) = self.shape(link, bytes.len()) else {
                self.discard(from, to, Cause::Queue, None);
                return Ok(());
            };
            enters_ns = left_ns;
        }
        if fate.lost {
            self.discard(from, to, Cause::Loss, None);
            return Ok(());
        }
        if fate.reorder {
            fate.delay_ns = fate.delay_ns.saturating_add(self.held_back(link));
            self.stats.reordered += 1;
        }
        if let Some((verdict, fault)) = judged {
            let before = fate;
            match verdict {
                Verdict::Pass | Verdict::Crash | Verdict::Pause(_) => {}
                Verdict::Delay(span) => fate.delay_ns = fate.delay_ns.saturating_add(span.as_nanos()),
                Verdict::Drop => {
                    self.credit(fault);
                    self.discard(from, to, Cause::Filter, None);
                    return Ok(());
                }
                Verdict::Duplicate => fate.duplicate = true,
                Verdict::Corrupt => fate.corrupt = true,
            }
            if fate != before {
                self.credit(fault);
            }
        }
        if fate.duplicate {
            self.duplicate(link, enters_ns, (from, to), bytes);
        }
        let payload = self.buffers.take(bytes);
        if fate.truncate {
            self.truncate(link, payload);
        }
        if fate.corrupt {
            self.corrupt(link, payload);
        }
        self.schedule(enters_ns.saturating_add(fate.delay_ns), Pending::Datagram { from, to, payload });
        Ok(())
    }

    /// Decides everything in a fixed order, so that a pinned fault moves no later decision.
    #[inline]
    pub(crate) fn draw(&mut self, index: LinkIndex) -> Fate {
        let stream = self.link_stream(index);
        let link = &self.links[index as usize];
        let choices = &mut self.choices;
        let config = &self.settings[link.setting as usize];
        Fate {
            lost: choices.chance_by(stream, "loss", config.loss),
            delay_ns: config.latency.draw(choices, stream, "latency"),
            duplicate: choices.chance_by(stream, "duplicate", config.duplicate),
            reorder: choices.chance_by(stream, "reorder", config.reorder),
            corrupt: choices.chance_by(stream, "corrupt", config.corrupt),
            truncate: choices.chance_by(stream, "truncate", config.truncate),
            shaped: config.bandwidth.is_some(),
        }
    }

    /// By how much a datagram is held back.
    #[cold]
    pub(crate) fn held_back(&mut self, link: LinkIndex) -> u64 {
        let by = self.settings[self.links[link as usize].setting as usize].reorder_by;
        let details = self.details(link);
        by.draw(&mut self.choices, details, "reorder-by")
    }

    #[inline]
    fn link_stream(&mut self, index: LinkIndex) -> StreamId {
        let stream = self.links[index as usize].stream;
        if stream == StreamId::NONE { self.open_link(index) } else { stream }
    }

    #[cold]
    fn open_link(&mut self, index: LinkIndex) -> StreamId {
        let name = self.link_name(index);
        let stream = self.choices.open(stream_of(&name), || name);
        self.links[index as usize].stream = stream;
        stream
    }

    #[cold]
    pub(crate) fn details(&mut self, index: LinkIndex) -> StreamId {
        let details = self.links[index as usize].details;
        if details != StreamId::NONE {
            return details;
        }
        let name = self.link_name(index);
        let details = self.choices.open(stream_of(&format!("{name}/details")), || name);
        self.links[index as usize].details = details;
        details
    }

    #[cold]
    fn duplicate(&mut self, link: LinkIndex, enters_ns: u64, (from, to): (Address, Address), bytes: &[u8]) {
        self.stats.duplicated += 1;
        let details = self.details(link);
        let slack_ns = self.choices.take_slack(0);
        let latency = self.settings[self.links[link as usize].setting as usize].latency;
        let delay_ns = latency.draw(&mut self.choices, details, "duplicate-latency");
        let payload = self.buffers.take(bytes);
        self.schedule(enters_ns.saturating_add(delay_ns), Pending::Datagram { from, to, payload });
        self.choices.take_slack(slack_ns);
    }

    #[cold]
    pub(crate) fn corrupt(&mut self, link: LinkIndex, payload: u32) {
        let bits = self.buffers.get(payload).len() as u64 * 8;
        if bits == 0 {
            return;
        }
        let details = self.details(link);
        let bit = self.choices.choose_by(details, "corrupt-bit", bits);
        self.buffers.get_mut(payload)[(bit / 8) as usize] ^= 1 << (bit % 8);
        self.stats.corrupted += 1;
    }

    /// Zero is the least harm: one byte is missing.
    #[cold]
    fn truncate(&mut self, link: LinkIndex, payload: u32) {
        let len = self.buffers.get(payload).len();
        if len == 0 {
            return;
        }
        let details = self.details(link);
        let missing = 1 + self.choices.choose_by(details, "truncate-by", len as u64) as usize;
        self.buffers.get_mut(payload).truncate(len - missing);
        self.stats.truncated += 1;
    }

    /// Asks every filter, then every fault; the first that does not pass decides.
    #[cold]
    fn judge(&mut self, from: Address, to: Address, bytes: &[u8]) -> Judged {
        let datagram = Datagram { at: Instant::from_nanos(self.now_ns), from, to, bytes };
        self.filters.retain(|filter| filter.state.get() != Guarded::Removed);
        let verdicts = self.filters.iter_mut().map(|filter| (filter.judge)(&datagram, &mut self.choices));
        let verdict =
            verdicts.fold(Verdict::Pass, |so_far, next| if so_far == Verdict::Pass { next } else { so_far });
        let by_fault = self.judge_fault(&datagram);
        if verdict == Verdict::Pass { by_fault } else { Some((verdict, FILTER)) }
    }
}
