//! Events by (virtual time, sequence), with O(1) insertion and cancellation (law K2).
//!
//! A hierarchical timing wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987): eleven levels of 64
//! slots cover all of `u64` nanoseconds. An event stands at the level of the highest 6-bit digit in which its time
//! differs from the cursor. The cursor only moves onto the least time there is, so events of one time always stand in
//! one slot, in the order in which they came: first in, first out is the sequence.

const LEVELS: usize = 11;
const SLOTS: usize = 64;
const NIL: u32 = u32::MAX;
const FREE: u16 = u16::MAX;
const HELD: u16 = u16::MAX - 1;

/// A place in the queue.
pub(crate) type Index = u32;

/// What waits for its time. `T` is the event itself.
#[derive(Debug)]
struct Node<T> {
    at_ns: u64,
    next: Index,
    prev: Index,
    generation: u32,
    place: u16,
    event: T,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    cursor_ns: u64,
    levels: u16,
    free: Index,
    len: u32,
    nodes: Vec<Node<T>>,
    occupied: [u64; LEVELS],
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    head: Index,
    tail: Index,
}

impl<T: Copy> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self {
            cursor_ns: 0,
            levels: 0,
            free: NIL,
            len: 0,
            nodes: Vec::new(),
            occupied: [0; LEVELS],
            slots: Vec::new(),
        }
    }

    /// Events that wait or are held.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// No event is inserted before this.
    pub(crate) const fn cursor_ns(&self) -> u64 {
        self.cursor_ns
    }

    /// Inserts an event not before the cursor.
    #[inline]
    pub(crate) fn insert(&mut self, at_ns: u64, event: T) -> (Index, u32) {
        debug_assert!(at_ns >= self.cursor_ns, "an event in the past");
        if self.slots.is_empty() {
            self.slots = vec![Slot { head: NIL, tail: NIL }; LEVELS * SLOTS];
        }
        self.len += 1;
        let index = self.free;
        let index = if index == NIL {
            assert!(self.nodes.len() < NIL as usize, "four billion events wait");
            self.nodes.push(Node { at_ns, next: NIL, prev: NIL, generation: 0, place: FREE, event });
            (self.nodes.len() - 1) as Index
        } else {
            let node = &mut self.nodes[index as usize];
            self.free = node.next;
            node.at_ns = at_ns;
            node.event = event;
            index
        };
        self.link(index, at_ns);
        (index, self.nodes[index as usize].generation)
    }

    #[inline]
    fn link(&mut self, index: Index, at_ns: u64) {
        let level = (63 - ((at_ns ^ self.cursor_ns) | 1).leading_zeros()) / 6;
        let digit = (at_ns >> (level * 6)) & 63;
        let place = level as usize * SLOTS + digit as usize;
        let slot = &mut self.slots[place];
        let occupied = self.occupied[level as usize];
        let prev = if occupied & (1 << digit) == 0 { NIL } else { slot.tail };
        slot.tail = index;
        if prev == NIL {
            slot.head = index;
            self.occupied[level as usize] = occupied | (1 << digit);
            self.levels |= 1 << level;
        } else {
            self.nodes[prev as usize].next = index;
        }
        let node = &mut self.nodes[index as usize];
        node.prev = prev;
        node.next = NIL;
        node.place = place as u16;
    }

    #[inline]
    fn unlink(&mut self, index: Index) {
        let Node { next, prev, place, .. } = self.nodes[index as usize];
        let slot = &mut self.slots[place as usize];
        if next == NIL {
            slot.tail = prev;
        }
        if prev == NIL {
            slot.head = next;
            if next == NIL {
                self.vacate(place as usize);
            }
        } else {
            self.nodes[prev as usize].next = next;
        }
        if next != NIL {
            self.nodes[next as usize].prev = prev;
        }
    }

    #[inline]
    fn vacate(&mut self, place: usize) {
        let level = place / SLOTS;
        self.occupied[level] &= !(1 << (place % SLOTS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    #[inline]
    fn release(&mut self, index: Index) {
        self.len -= 1;
        let node = &mut self.nodes[index as usize];
        node.generation = node.generation.wrapping_add(1);
        node.place = FREE;
        node.next = self.free;
        self.free = index;
    }

    /// Takes the next event out of its slot if its time is at most `limit_ns`, and moves the cursor onto it. The node
    /// stays with the caller until [`finish`](Self::finish) or [`put_first`](Self::put_first).
    #[inline]
    pub(crate) fn take(&mut self, limit_ns: u64) -> Option<(Index, u64, T)> {
        loop {
            if self.levels == 0 {
                return None;
            }
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.occupied[level].trailing_zeros();
            let head = self.slots[level * SLOTS + digit as usize].head;
            let node = &self.nodes[head as usize];
            let (at_ns, next, event) = (node.at_ns, node.next, node.event);
            if level == 0 || next == NIL {
                if at_ns > limit_ns {
                    return None;
                }
                self.cursor_ns = at_ns;
                self.unlink(head);
                self.nodes[head as usize].place = HELD;
                return Some((head, at_ns, event));
            }
            if !self.spread(level, digit, limit_ns) {
                return None;
            }
        }
    }

    /// Moves the cursor onto the least time of a slot with several events (or the limit, if that comes first) and
    /// spreads the slot over the levels below.
    fn spread(&mut self, level: usize, digit: u32, limit_ns: u64) -> bool {
        let place = level * SLOTS + digit as usize;
        let head = self.slots[place].head;
        let above = (self.cursor_ns >> (level * 6)) & !63;
        if (above | u64::from(digit)) << (level * 6) > limit_ns {
            return false;
        }
        let (mut index, mut least_ns) = (head, u64::MAX);
        while index != NIL {
            let node = &self.nodes[index as usize];
            least_ns = least_ns.min(node.at_ns);
            index = node.next;
        }
        self.cursor_ns = least_ns.min(limit_ns);
        self.vacate(place);
        let mut index = head;
        while index != NIL {
            let Node { at_ns, next, .. } = self.nodes[index as usize];
            self.link(index, at_ns);
            index = next;
        }
        true
    }

    /// Moves the cursor on where nothing happens up to `at_ns`.
    pub(crate) fn advance(&mut self, at_ns: u64) {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.occupied[level].trailing_zeros();
            let above = (self.cursor_ns >> (level * 6)) & !63;
            let start_ns = (above | u64::from(digit)) << (level * 6);
            if start_ns > at_ns || level == 0 {
                break;
            }
            self.spread(level, digit, at_ns);
        }
        self.cursor_ns = self.cursor_ns.max(at_ns);
    }

    /// Takes a waiting event out of its slot, whatever its time. The cursor stays; so a queue that is plucked from is
    /// never [taken](Self::take) from.
    pub(crate) fn pluck(&mut self, index: Index) {
        debug_assert!(self.nodes[index as usize].place < HELD, "only a waiting event is plucked");
        self.unlink(index);
        self.nodes[index as usize].place = HELD;
    }

    /// Takes a waiting event out before its time; [`put_first`](Self::put_first) and [`reschedule`](Self::reschedule) bring
    /// it back.
    pub(crate) fn hold(&mut self, index: Index) {
        debug_assert!(self.nodes[index as usize].place < HELD, "only a waiting event is held");
        self.unlink(index);
        self.nodes[index as usize].place = HELD;
    }

    /// Every waiting event with its time, in the order of its place in memory.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Index, u64, &T)> {
        self.iter().map(|(index, _, event)| (index, self.nodes[index as usize].at_ns, event))
    }

    /// Frees a node that [`take`](Self::take) gave out.
    #[inline]
    pub(crate) fn finish(&mut self, index: Index) {
        debug_assert!(self.nodes[index as usize].place == HELD, "only a taken event is finished");
        self.release(index);
    }

    /// Puts a node that [`take`](Self::take) gave out back in front of everything that waits for the present instant.
    pub(crate) fn put_first(&mut self, index: Index) {
        debug_assert!(self.nodes[index as usize].place == HELD, "only a taken event goes back");
        let place = (self.cursor_ns % SLOTS as u64) as usize;
        let next = if self.occupied[0] & (1 << place) == 0 { NIL } else { self.slots[place].head };
        if next == NIL {
            self.nodes[index as usize].at_ns = self.cursor_ns;
            self.link(index, self.cursor_ns);
            return;
        }
        self.slots[place].head = index;
        self.nodes[next as usize].prev = index;
        let node = &mut self.nodes[index as usize];
        (node.at_ns, node.prev, node.next, node.place) = (self.cursor_ns, NIL, next, place as u16);
    }

    /// Has a node that [`take`](Self::take) gave out wait again, until `at_ns`; its handle stays good.
    pub(crate) fn put_later(&mut self, index: Index, at_ns: u64) {
        debug_assert!(self.nodes[index as usize].place == HELD, "only a taken event goes back");
        self.nodes[index as usize].at_ns = at_ns;
        self.link(index, at_ns);
    }

    /// The event behind a handle, if it still waits.
    pub(crate) fn get(&self, index: Index, generation: u32) -> Option<&T> {
        let node = self.nodes.get(index as usize)?;
        (node.generation == generation && node.place != FREE).then_some(&node.event)
    }

    /// The event at a place that [`take`](Self::take) gave out.
    pub(crate) fn event(&self, index: Index) -> &T {
        &self.nodes[index as usize].event
    }

    /// Cancels a waiting event in constant time. Nothing of it stays.
    #[inline]
    pub(crate) fn cancel(&mut self, index: Index, generation: u32) -> Option<T> {
        let node = self.nodes.get(index as usize)?;
        if node.generation != generation || node.place >= HELD {
            return None;
        }
        let event = node.event;
        self.unlink(index);
        self.release(index);
        Some(event)
    }

    /// Every waiting event, in the order of its place in memory: for rare walks, such as the kill of a process.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Index, u32, &T)> {
        let live = |node: &Node<T>| node.place < HELD;
        (0..)
            .zip(&self.nodes)
            .filter(move |(_, node)| live(node))
            .map(|(i, node)| (i, node.generation, &node.event))
    }

    /// Moves a waiting event to another time.
    pub(crate) fn reschedule(&mut self, index: Index, at_ns: u64) {
        self.unlink(index);
        self.nodes[index as usize].at_ns = at_ns;
        self.link(index, at_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;
    use std::collections::BTreeMap;

    fn draw(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 20
    }

    #[test]
    fn events_come_in_the_order_of_time_and_sequence_like_in_an_ordered_map() {
        for seed in 0..200 {
            let mut state = seed;
            let (mut queue, mut model) = (Queue::new(), BTreeMap::new());
            let (mut now, mut sequence, mut handles) = (0_u64, 0_u64, Vec::new());
            for _ in 0..500 {
                match draw(&mut state) % 8 {
                    0..4 => {
                        let span = 1 << (draw(&mut state) % 40);
                        let at = now + draw(&mut state) % span;
                        handles.push((queue.insert(at, sequence), (at, sequence)));
                        model.insert((at, sequence), ());
                        sequence += 1;
                    }
                    4 if !handles.is_empty() => {
                        let at = draw(&mut state) as usize % handles.len();
                        let ((index, generation), key) = handles.swap_remove(at);
                        let had = model.remove(&key).is_some();
                        assert_eq!(queue.cancel(index, generation).is_some(), had);
                    }
                    5 => {
                        let limit = now + draw(&mut state) % 1_000_000;
                        while let Some((index, at, event)) = queue.take(limit) {
                            assert_eq!(model.pop_first().map(|(key, ())| key), Some((at, event)));
                            queue.finish(index);
                        }
                        assert!(model.first_key_value().is_none_or(|((at, _), ())| *at > limit));
                        queue.advance(limit);
                        now = limit;
                    }
                    _ => {
                        if let Some((index, at, event)) = queue.take(u64::MAX) {
                            assert_eq!(model.pop_first().map(|(key, ())| key), Some((at, event)));
                            queue.finish(index);
                            now = at;
                        }
                    }
                }
                assert_eq!(queue.len() as usize, model.len());
            }
        }
    }

    #[test]
    fn a_cancelled_timer_leaves_nothing_behind() {
        let mut queue = Queue::new();
        for i in 0..100_000_u64 {
            let (index, generation) = queue.insert(i + 50_000_000, i);
            assert!(queue.cancel(index, generation).is_some());
            assert!(queue.cancel(index, generation).is_none(), "cancelled twice");
        }
        assert_eq!((queue.len(), queue.nodes.len(), queue.levels), (0, 1, 0));
    }

    #[test]
    fn the_last_instant_of_all_is_a_time_like_any_other() {
        let mut queue = Queue::new();
        queue.insert(u64::MAX, 1);
        queue.insert(u64::MAX, 2);
        queue.insert(0, 0);
        let order: Vec<_> = std::iter::from_fn(|| queue.take(u64::MAX).map(|(_, _, event)| event)).collect();
        assert_eq!(order, [0, 1, 2]);
    }
}
