//! Small worlds with a planted bug each, and with the bug mended where the parameter `mended` says so.
//!
//! ```text
//! chain ─┐ step, step, step …        each step a datagram to itself, under way for 0 to 10 ms
//! chain ─┼─▶ what they share
//! noise ─┘
//! ```

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Context, Duration, Event, Failure, Latency, LinkConfig, Outcome, Process, ProcessId, Rate, Sim,
};

const fn param(name: &'static str, default: u64, max: u64) -> Param {
    Param { name, default, range: 0..=max, about: name, shrink: Shrink::No }
}

const fn story(
    name: &'static str,
    params: &'static [Param],
    body: fn(&mut Sim, &Params) -> Result<(), Failure>,
) -> Story {
    Story { name, picture: "chains ─▶ shared", about: name, seeds: 100, must: Must::Pass, params, body }
}

/// Takes a step at every datagram from itself.
struct Chain<F> {
    left: u64,
    act: F,
}

impl<F: FnMut(&mut Context<'_>)> Process for Chain<F> {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { .. } = event {
            self.left -= 1;
            (self.act)(context);
        }
        if self.left > 0 {
            let me = context.address();
            context.send(me, b"step").expect("it is there");
        }
    }
}

pub(crate) fn open_window() -> LinkConfig {
    let latency = Latency::Uniform { min: Duration::ZERO, max: Duration::from_millis(10) };
    LinkConfig { latency, ..LinkConfig::PERFECT }
}

/// A process on a machine of its own that takes so many steps, and touches `shares`.
pub(crate) fn chain(
    sim: &mut Sim,
    name: &str,
    steps: u64,
    shares: &[&str],
    act: impl FnMut(&mut Context<'_>) + 'static,
) -> ProcessId {
    let machine = sim.machine(name);
    sim.link(machine, machine, open_window());
    let process = sim.spawn(machine, "chain", Box::new(Chain { left: steps, act }));
    sim.touches(process, shares);
    process
}

fn settle(sim: &mut Sim) -> Result<(), Failure> {
    match sim.run() {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

/// Depth 1: whoever uses a thing before it was set up fails.
pub(crate) const USE_BEFORE_SET_UP: Story =
    story("use_before_set_up", &[param("mended", 0, 1), param("steps", 6, 100)], |sim, params| {
        let (ready, mended) = (Rc::new(Cell::new(false)), params.get("mended") == 1);
        let (set, seen) = (Rc::clone(&ready), ready);
        let mut left = params.get("steps");
        chain(sim, "setter", 1, &["thing"], move |_| set.set(true));
        chain(sim, "user", params.get("steps"), &["thing"], move |context| {
            left -= 1;
            if left == 0 && !seen.get() && !mended {
                context.fail("thing", "used before it was set up");
            }
        });
        settle(sim)
    });

/// Depth 2: a check, somebody else, then the act that relied on the check.
pub(crate) const CHECK_THEN_ACT: Story =
    story("check_then_act", &[param("mended", 0, 1), param("steps", 8, 100)], |sim, params| {
        let (mended, steps) = (params.get("mended") == 1, params.get("steps"));
        let room = Rc::new(Cell::new(1_i64));
        for name in ["left", "right"] {
            let (room, mut step, mut free) = (Rc::clone(&room), 0, false);
            chain(sim, name, steps, &["room"], move |context| {
                step += 1;
                if step == steps / 2 {
                    free = room.get() > 0;
                } else if step == steps / 2 + 1 {
                    room.set(room.get() - i64::from(free && (!mended || room.get() > 0)));
                }
                if room.get() < 0 {
                    context.fail("room", "two took the last place");
                }
            });
        }
        settle(sim)
    });

/// Depth 3: one has to get far ahead between two steps of the other, and then the other between two steps of the one.
pub(crate) const OVERTAKEN_TWICE: Story = story(
    "overtaken_twice",
    &[param("mended", 0, 1), param("steps", 14, 100), param("lead", 5, 100), param("noise", 0, 100)],
    |sim, params| {
        let (mended, lead) = (params.get("mended") == 1, params.get("lead"));
        // Who stepped last and how often in a row, the steps of each, and how often one was overtaken so far.
        let row = Rc::new(Cell::new((2, 0, [0, 0], 0)));
        for who in 0..2 {
            let (row, steps) = (Rc::clone(&row), params.get("steps"));
            chain(sim, ["left", "right"][who], steps, &["road"], move |context| {
                let (last, length, mut taken, mut overtaken) = row.get();
                let length = if last == who { length + 1 } else { 1 };
                taken[who] += 1;
                let underway = (1..steps).contains(&taken[1 - who]);
                if length == lead && overtaken == who && underway {
                    overtaken += 1;
                }
                row.set((who, length, taken, overtaken));
                if overtaken == 2 && !mended {
                    context.fail("road", "each overtook the other");
                }
            });
        }
        if params.get("noise") > 0 {
            chain(sim, "noise", params.get("noise"), &[], |_| ());
        }
        settle(sim)
    },
);

/// Two datagrams of eight are lost, and just these two.
pub(crate) const TWO_LOSSES: Story =
    story("two_losses", &[param("mended", 0, 1), param("loss", 10_000, 1_000_000)], |sim, params| {
        let mended = params.get("mended") == 1;
        let (near, far) = (sim.machine("near"), sim.machine("far"));
        let loss = Rate::per_million(params.get("loss") as u32);
        sim.link(near, far, LinkConfig { loss, ..LinkConfig::PERFECT });
        let arrived = Rc::new(RefCell::new(Vec::new()));
        let into = Rc::clone(&arrived);
        let sink = sim.spawn(far, "sink", Box::new(Sink(into)));
        let (to, mut number) = (sim.address(sink), 0);
        let machine = near;
        sim.link(machine, machine, open_window());
        let act = move |context: &mut Context<'_>| {
            context.send(to, &[number]).expect("it is there");
            number += 1;
        };
        let source = sim.spawn(machine, "source", Box::new(Chain { left: 8, act }));
        sim.touches(sink, &[]);
        sim.touches(source, &[]);
        settle(sim)?;
        let lost = |number: u8| !arrived.borrow().contains(&number);
        tidemill_sim::sometimes!(sim, lost(2), "the third is lost");
        if lost(2) && lost(6) && arrived.borrow().len() == 6 && !mended {
            sim.fail("sink", "the third and the seventh are lost");
        }
        Ok(())
    });

struct Sink(Rc<RefCell<Vec<u8>>>);

impl Process for Sink {
    fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.0.borrow_mut().push(bytes[0]);
        }
    }
}

/// A consumer looks, then goes to sleep; what the producer says in between is not heard.
pub(crate) const LOST_WAKE_UP: Story =
    story("lost_wake_up", &[param("mended", 0, 1), param("tasks", 3, 100)], |sim, params| {
        let (mended, others) = (params.get("mended") == 1, params.get("tasks"));
        let machine = sim.machine("host");
        sim.spawn_async(machine, "pair", move |env| async move {
            let state = Rc::new((Cell::new(false), Cell::new(false), Cell::new(false)));
            let shared = Rc::clone(&state);
            let me = env.clone();
            env.spawn("consumer", async move {
                let (full, asleep, woken) = &*shared;
                me.yield_now().await;
                if !full.get() {
                    if !mended {
                        me.yield_now().await;
                    }
                    asleep.set(true);
                    while !woken.get() {
                        if me.now() > tidemill_sim::Instant::ZERO {
                            me.fail("consumer", "it sleeps although there is something");
                            return;
                        }
                        me.sleep(Duration::from_millis(1)).await;
                    }
                }
            });
            for _ in 0..others {
                let me = env.clone();
                env.spawn("other", async move {
                    for _ in 0..4 {
                        me.yield_now().await;
                    }
                });
            }
            let me = env.clone();
            env.spawn("producer", async move {
                let (full, asleep, woken) = &*state;
                for _ in 0..3 {
                    me.yield_now().await;
                }
                full.set(true);
                woken.set(asleep.get());
            });
        });
        settle(sim)
    });

/// One reads the head of a list of free slots; before it swaps, others take it, take the next and give the first back.
pub(crate) const ABA: Story =
    story("aba", &[param("mended", 0, 1), param("slots", 3, 100), param("steps", 12, 100)], |sim, params| {
        let mended = params.get("mended") == 1;
        let steps = params.get("steps");
        // The free slots, the head last, with how often the head changed; and who holds which slot.
        let free = Rc::new(RefCell::new(((0..params.get("slots")).collect::<Vec<u64>>(), 0_u64)));
        let taken = Rc::new(RefCell::new(Vec::<u64>::new()));
        let (list, held) = (Rc::clone(&free), Rc::clone(&taken));
        let (mut step, mut read) = (0, None);
        chain(sim, "slow", steps, &["list"], move |context| {
            step += 1;
            let (list, changes) = &mut *list.borrow_mut();
            if step == steps / 2 {
                let under = list.len().checked_sub(2).map(|at| list[at]);
                read = list.last().map(|head| (*head, under, *changes));
            } else if step == steps / 2 + 1 {
                let Some((head, under, then)) = read.take() else { return };
                if list.last() == Some(&head) && (!mended || then == *changes) {
                    list.pop();
                    held.borrow_mut().push(head);
                    // What was read as the next slot becomes the head, whoever holds it now.
                    if let Some(under) = under
                        && held.borrow().contains(&under)
                    {
                        context.fail("list", "a slot in use is free");
                    }
                }
            }
        });
        let (list, held, mut step) = (free, taken, 0);
        chain(sim, "quick", steps, &["list"], move |_| {
            step += 1;
            let (list, changes) = &mut *list.borrow_mut();
            match step % 4 {
                1 | 2 => {
                    if let Some(slot) = list.pop() {
                        held.borrow_mut().push(slot);
                    }
                    *changes += 1;
                }
                3 => {
                    let first = held.borrow().len().checked_sub(2);
                    if let Some(first) = first {
                        list.push(held.borrow_mut().remove(first));
                    }
                    *changes += 1;
                }
                _ => {
                    let rest = held.borrow_mut().pop();
                    list.extend(rest);
                    *changes += 1;
                }
            }
        });
        settle(sim)
    });

/// No bug: three chains, of which so many pairs share something.
pub(crate) const THREE: Story =
    story("three", &[param("steps", 2, 100), param("shares", 0, 3)], |sim, params| {
        let shares: [&[&str]; 4] = match params.get("shares") {
            0 => [&[], &[], &[], &[]],
            1 => [&["ab"], &["ab"], &[], &[]],
            2 => [&["ab"], &["ab", "bc"], &["bc"], &[]],
            _ => [&["abc"], &["abc"], &["abc"], &[]],
        };
        for (name, shares) in ["a", "b", "c"].into_iter().zip(shares) {
            chain(sim, name, params.get("steps"), shares, |_| ());
        }
        settle(sim)
    });

pub(crate) const ALL: [Story; 6] =
    [USE_BEFORE_SET_UP, CHECK_THEN_ACT, OVERTAKEN_TWICE, TWO_LOSSES, LOST_WAKE_UP, ABA];
