use super::{Fault, Rx};
use crate::edge::{EdgeRx, Item};
use tidemill_flow::Cause;

impl EdgeRx for Rx<'_> {
    fn pop(&mut self) -> Option<Item> {
        let state = &mut *self.0.state.borrow_mut();
        if state.len == 0 || state.ahead.is_some() {
            return state.ahead.take();
        }
        match self.0.fault {
            Some(Fault::Lifo) => return Some(state.remove(state.len - 1)),
            Some(Fault::Overtakes) if state.len > 1 && state.each(5) => return Some(state.remove(1)),
            Some(Fault::LosesEach17th) if state.len > 1 && state.each(17) => _ = state.remove(0),
            Some(Fault::RepeatsEach17th) if state.each(17) => return Some(state.items[0]),
            Some(Fault::PopGivesNothing) if state.each(16) => return None,
            Some(Fault::CorruptAtTheWrap) if state.wraps() => return Some(state.remove(state.len - 1)),
            Some(Fault::PopKeepsBytes) => {
                let item = state.remove(0);
                state.bytes += item.bytes;
                return Some(item);
            }
            _ => {}
        }
        Some(state.remove(0))
    }

    fn peek(&mut self) -> Option<Item> {
        let state = &mut *self.0.state.borrow_mut();
        let len = state.len;
        if state.ahead.is_none() && len > 0 {
            match self.0.fault {
                Some(Fault::PeekRotates) => {
                    state.items[..len].rotate_left(1);
                    return Some(state.items[len - 1]);
                }
                Some(Fault::EvictsWhatIsShown) => return Some(state.items[0]),
                _ => state.ahead = Some(state.remove(0)),
            }
        }
        if self.0.is(Fault::PeeksOneTooFar) && state.len > 0 { Some(state.items[0]) } else { state.ahead }
    }

    fn waiting(&mut self) -> u32 {
        let ready = self.0.state.borrow().ready();
        if self.0.is(Fault::NeverEmpty) { ready.max(1) } else { ready }
    }

    fn is_drained(&mut self) -> bool {
        let state = self.0.state.borrow();
        state.closed[0] && state.ready() == 0
    }
}

impl Drop for Rx<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.closed[1] = true;
        if !self.0.is(Fault::FlushUncounted) {
            state.dropped[Cause::Flushed as usize] += state.ready();
        }
        if self.0.is(Fault::FlushLeaks) {
            state.leaked = state.ready();
        }
        state.len = 0;
        state.bytes = 0;
    }
}
