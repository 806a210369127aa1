//! An edge of up to 32 items that may be wrong: a plain array, oldest first.

mod rx;

use crate::edge::{EdgeTx, Item};
use core::cell::RefCell;
use tidemill_flow::{Bounce, Caps, Cause, Level, Load, Policy};
use tidemill_seam::Instant;

super::faults! {
    /// B1: the newest comes out first.
    Lifo => "E1",
    /// Every fifth pop takes the second oldest.
    Overtakes => "E1",
    /// B17: every 17th item is lost.
    LosesEach17th => "E2",
    /// What is evicted is not counted.
    EvictsUncounted => "E2",
    /// B18: every 17th item comes out twice.
    RepeatsEach17th => "E3",
    /// A refusal returns another item.
    RefusalReturnsAnother => "E4",
    /// A refusal counts twice.
    RefusalCountsTwice => "E4",
    /// An item that must wait counts as dropped.
    WaitIsCounted => "E4",
    /// A refused item that is too late goes in all the same.
    RefusesAndKeeps => "E4",
    /// B15: the byte cap is ignored.
    ByteCapIgnored => "E5",
    /// B16: holds one item more than the hard cap.
    HoldsOneMore => "E5",
    /// B21: the byte cap excludes the incoming item.
    CapExcludesIncoming => "E5",
    /// An item that is too long waits for ever.
    TooLongWaits => "E6",
    /// An item that is too long is taken by an empty edge.
    TooLongFitsAlone => "E6",
    /// B4: a full edge makes room by itself.
    OverwritesWhenFull => "E7",
    /// B10: a push that must wait throws away the oldest.
    EvictsThoughItWaits => "E7",
    /// B22: the cursor is read again after the decision, and the second oldest goes.
    EvictsTheSecond => "E8",
    /// The newest is thrown away.
    EvictsTheNewest => "E8",
    /// One more than must is thrown away.
    EvictsOneTooMany => "E8",
    /// Everything is thrown away.
    EvictsAll => "E8",
    /// B12: an edge that waits drops.
    WaitDrops => "E9",
    /// A permit is given while any room is left, whatever the length.
    PermitsTooMuch => "E9",
    /// B6: the watermark is always low.
    AlwaysLow => "E10",
    /// B19: the soft cap acts as the hard one.
    SoftActsAsHard => "E10",
    /// The watermark is raised at the soft cap instead of above it.
    PressureAtTheMark => "E10",
    /// The producer does not count the newest.
    ProducerMiscounts => "E11",
    /// B2: a pop leaves its bytes behind.
    PopKeepsBytes => "E12",
    /// An eviction leaves its bytes behind.
    EvictionKeepsBytes => "E12",
    /// B5: peeks one too far.
    PeeksOneTooFar => "E13",
    /// Peek puts what it shows at the end.
    PeekRotates => "E13",
    /// What was shown can still be thrown away.
    EvictsWhatIsShown => "E13",
    /// B31: cursors are compared as if they never wrapped.
    ComparesWithoutWrap => "E19",
    /// B9: what lies across the wrap of the cursor comes out mixed up.
    CorruptAtTheWrap => "E19",
    /// B32: closing drops the queue.
    CloseDropsTheQueue => "E20",
    /// A closed edge takes items.
    ClosedStillTakes => "E20",
    /// What a closed consumer leaves is not counted.
    FlushUncounted => "E20",
    /// What a closed consumer leaves is never freed.
    FlushLeaks => "E20",
    /// Every 13th push is refused, where pushes may be refused.
    CountsItsPushes => "E21",
    /// An expired item is taken.
    TakesTheExpired => "E21",
    /// B7: the consumer always counts one item.
    NeverEmpty => "E22",
    /// Every 16th pop gives nothing.
    PopGivesNothing => "E22",
}

const ROOM: usize = 40;
const EMPTY: Item = Item { number: 0, bytes: 0, deadline: Instant::MAX };

#[derive(Debug)]
struct State {
    caps: Caps,
    items: [Item; ROOM],
    len: usize,
    /// Taken off the queue to be shown.
    ahead: Option<Item>,
    bytes: u32,
    done: u32,
    calls: u32,
    dropped: [u32; Cause::ALL.len()],
    closed: [bool; 2],
    leaked: u32,
}

/// A place for one edge at a time, with at most one fault.
#[derive(Debug)]
pub struct World {
    fault: Option<Fault>,
    state: RefCell<State>,
}

/// The end that pushes.
#[derive(Debug)]
pub struct Tx<'w>(&'w World);

/// The end that pops.
#[derive(Debug)]
pub struct Rx<'w>(&'w World);

impl State {
    const fn empty(caps: Caps, done: u32) -> Self {
        Self {
            caps,
            items: [EMPTY; ROOM],
            len: 0,
            ahead: None,
            bytes: 0,
            done,
            calls: 0,
            dropped: [0; Cause::ALL.len()],
            closed: [false; 2],
            leaked: 0,
        }
    }

    fn each(&mut self, n: u32) -> bool {
        self.calls += 1;
        self.calls.is_multiple_of(n)
    }

    fn remove(&mut self, at: usize) -> Item {
        let item = self.items[at];
        self.items.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.bytes -= item.bytes;
        self.done = self.done.wrapping_add(1);
        item
    }

    fn put(&mut self, item: Item) {
        self.items[self.len] = item;
        self.len += 1;
        self.bytes += item.bytes;
    }

    fn wraps(&self) -> bool {
        self.done.wrapping_add(self.len as u32) < self.done
    }

    fn ready(&self) -> u32 {
        self.len as u32 + u32::from(self.ahead.is_some())
    }

    fn load(&self) -> Load {
        Load { items: self.len as u32, bytes: self.bytes }
    }
}

impl World {
    /// A place for edges.
    pub const fn new(fault: Option<Fault>) -> Self {
        Self { fault, state: RefCell::new(State::empty(Caps::wait(1), 0)) }
    }

    /// A fresh edge, of at most 32 items.
    pub fn edge(&self, caps: Caps, start: u32) -> Option<(Tx<'_>, Rx<'_>)> {
        if caps.hard_items > 32 {
            return None;
        }
        *self.state.borrow_mut() = State::empty(caps, start);
        Some((Tx(self), Rx(self)))
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn level(&self, caps: &Caps, load: Load) -> Level {
        let hard_items = caps.hard_items + u32::from(self.is(Fault::HoldsOneMore));
        let hard_bytes = if self.is(Fault::ByteCapIgnored) { u32::MAX } else { caps.hard_bytes };
        let mark = u32::from(self.is(Fault::PressureAtTheMark));
        if load.items > hard_items || load.bytes > hard_bytes {
            Level::Over
        } else if self.is(Fault::AlwaysLow) {
            Level::Low
        } else if load.items + mark > caps.soft_items || load.bytes > caps.soft_bytes {
            if self.is(Fault::SoftActsAsHard) { Level::Over } else { Level::Pressure }
        } else {
            Level::Low
        }
    }

    /// Whether the item would exceed a hard cap, as this edge sees it.
    fn over(&self, state: &State, item: &Item) -> bool {
        if self.is(Fault::ComparesWithoutWrap) && state.wraps() {
            return true;
        }
        let incoming = if self.is(Fault::CapExcludesIncoming) { 0 } else { item.bytes };
        let with = Load { items: state.len as u32 + 1, bytes: state.bytes + incoming };
        self.level(&state.caps, with) == Level::Over && with.items > 1
    }
}

impl Tx<'_> {
    fn refuse(&self, state: &mut State, cause: Cause, item: Item) -> Result<(), (Bounce, Item)> {
        let twice = self.0.is(Fault::RefusalCountsTwice) && cause == Cause::Full;
        state.dropped[cause as usize] += 1 + u32::from(twice);
        let back = if self.0.is(Fault::RefusalReturnsAnother) { EMPTY } else { item };
        Err((Bounce::Refused(cause), back))
    }

    /// What refuses an item before any cap is looked at.
    fn reject(&self, state: &mut State, item: &Item, now: Instant) -> Option<Bounce> {
        let closed = state.closed[1] && !self.0.is(Fault::ClosedStillTakes);
        let alone = self.0.is(Fault::TooLongFitsAlone) && state.len == 0;
        let late = state.caps.refuse_expired && item.deadline < now;
        if closed {
            Some(Bounce::Refused(Cause::Closed))
        } else if item.bytes > state.caps.hard_bytes && !alone {
            let waits = self.0.is(Fault::TooLongWaits) && state.caps.policy == Policy::Wait;
            Some(if waits { Bounce::Wait } else { Bounce::Refused(Cause::TooLarge) })
        } else if late && !self.0.is(Fault::TakesTheExpired) {
            if self.0.is(Fault::RefusesAndKeeps) && state.len < ROOM {
                state.put(*item);
            }
            Some(Bounce::Refused(Cause::Expired))
        } else if self.0.is(Fault::CountsItsPushes) && state.caps.policy != Policy::Wait && state.each(13) {
            Some(Bounce::Refused(Cause::Full))
        } else {
            None
        }
    }

    fn wait(
        &self,
        state: &mut State,
        item: Item,
        evicted: &mut dyn FnMut(Item),
    ) -> Result<(), (Bounce, Item)> {
        match self.0.fault {
            Some(Fault::WaitDrops) => return self.refuse(state, Cause::Full, item),
            Some(Fault::EvictsThoughItWaits) => evicted(state.remove(0)),
            Some(Fault::OverwritesWhenFull) => {
                state.remove(0);
                state.put(item);
                return Ok(());
            }
            Some(Fault::WaitIsCounted) => state.dropped[Cause::Full as usize] += 1,
            _ => {}
        }
        let back = if self.0.is(Fault::RefusalReturnsAnother) { EMPTY } else { item };
        Err((Bounce::Wait, back))
    }

    #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
    fn evict(&self, state: &mut State, item: &Item, evicted: &mut dyn FnMut(Item)) {
        let mut more = u32::from(self.0.is(Fault::EvictsOneTooMany));
        while state.len > 0 {
            let over = self.0.over(state, item);
            if !over && !self.0.is(Fault::EvictsAll) {
                if more == 0 {
                    break;
                }
                more -= 1;
            }
            let at = match self.0.fault {
                Some(Fault::EvictsTheSecond) => 1.min(state.len - 1),
                Some(Fault::EvictsTheNewest) => state.len - 1,
                _ => 0,
            };
            let found = state.remove(at);
            if self.0.is(Fault::EvictionKeepsBytes) {
                state.bytes += 1;
            }
            if !self.0.is(Fault::EvictsUncounted) {
                state.dropped[Cause::Evicted as usize] += 1;
            }
            evicted(found);
        }
    }
}

impl EdgeTx for Tx<'_> {
    fn push(
        &mut self,
        item: Item,
        now: Instant,
        evicted: &mut dyn FnMut(Item),
    ) -> Result<(), (Bounce, Item)> {
        let state = &mut *self.0.state.borrow_mut();
        match self.reject(state, &item, now) {
            Some(Bounce::Refused(cause)) => return self.refuse(state, cause, item),
            Some(why) => return Err((why, item)),
            None => {}
        }
        if self.0.over(state, &item) {
            match state.caps.policy {
                Policy::Wait => return self.wait(state, item, evicted),
                Policy::DropNewest => return self.refuse(state, Cause::Full, item),
                #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
                Policy::DropOldest => self.evict(state, &item, evicted),
            }
        }
        state.put(item);
        Ok(())
    }

    fn waiting(&mut self) -> Load {
        let load = self.0.state.borrow().load();
        let missing = u32::from(self.0.is(Fault::ProducerMiscounts)).min(load.items);
        Load { items: load.items - missing, ..load }
    }

    fn level(&mut self) -> Level {
        let state = self.0.state.borrow();
        self.0.level(&state.caps, state.load())
    }

    fn permits(&mut self) -> bool {
        let state = self.0.state.borrow();
        let longest = if self.0.is(Fault::PermitsTooMuch) { 0 } else { Item::LONGEST };
        let probe = Item { bytes: longest, ..EMPTY };
        state.caps.policy != Policy::Wait || state.closed[1] || !self.0.over(&state, &probe)
    }

    fn dropped(&mut self, cause: Cause) -> u32 {
        self.0.state.borrow().dropped[cause as usize]
    }

    fn is_closed(&mut self) -> bool {
        self.0.state.borrow().closed[1]
    }

    fn unfreed(&mut self) -> u32 {
        let state = self.0.state.borrow();
        state.len as u32 + state.leaked
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.closed[0] = true;
        if self.0.is(Fault::CloseDropsTheQueue) {
            state.len = 0;
        }
    }
}
