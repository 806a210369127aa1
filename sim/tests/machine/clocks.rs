//! Clocks that are offset, drift, step, slew and sleep, and a wall clock that jumps: timers stay right under all of them.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_contracts::Effort;
use tidemill_contracts::clock::Pace;
use tidemill_seam::{Clock, Duration, Instant, WallClock};
use tidemill_sim::{Context, Event, MachineId, Process, Seams, Sim};

const MS: Duration = Duration::from_millis(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

type Log = Rc<RefCell<Vec<(Instant, Instant)>>>;

/// Sets a timer of ten milliseconds again and again, and notes when each was due and when it came.
struct Ticker {
    due: Instant,
    log: Log,
}

impl Process for Ticker {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Timer { .. } = event {
            self.log.borrow_mut().push((self.due, context.now()));
        }
        self.due = context.now() + ms(10);
        context.timer_at(self.due, 0);
    }
}

struct World {
    sim: Sim<Ticker>,
    machine: MachineId,
    log: Log,
    seams: Seams,
}

fn world() -> World {
    let mut sim = Sim::new(1);
    let (machine, log) = (sim.machine("host"), Log::default());
    let (shown, into, kept) = (Rc::new(RefCell::new(None)), Rc::clone(&log), Rc::new(RefCell::new(None)));
    let show = Rc::clone(&shown);
    sim.spawn_with(machine, "ticker", move |seams| {
        *show.borrow_mut() = Some(seams.clone());
        Ticker { due: Instant::ZERO, log: Rc::clone(&into) }
    });
    kept.replace(shown.take());
    let seams = kept.take().expect("the factory ran");
    World { sim, machine, log, seams }
}

// SIM-CLOCKS: rate, step, slew, suspension and wall jumps together: no timer is early, and none is late but by a step.
#[test]
fn no_timer_is_early_and_none_is_late_whatever_happens_to_the_clock() {
    let World { mut sim, machine, log, .. } = world();
    sim.offset_clock(machine, Duration::from_secs(77));
    for round in 0..200_u64 {
        let _ = sim.run_for(ms(7));
        match round % 8 {
            0 => sim.set_clock_rate(machine, [50_000, -50_000, 0][(round / 8 % 3) as usize]),
            1 => sim.slew_clock(machine, 3_000_000, ms(20)),
            2 => sim.slew_clock(machine, -3_000_000, ms(20)),
            3 => sim.suspend_machine(machine),
            4 => sim.wake_machine(machine),
            5 => sim.jump_wall_clock(machine, if round % 16 < 8 { 1 << 50 } else { -(1 << 51) }),
            6 => sim.step_clock(machine, ms(3)),
            _ => {}
        }
    }
    let log = log.borrow();
    assert!(log.len() > 80, "{}", log.len());
    for (due, came) in log.iter() {
        assert!(came >= due, "W2: due at {due:?}, came at {came:?}");
        assert!(came.since(*due) <= ms(3), "due at {due:?}, came at {came:?}");
    }
    assert!(log.iter().filter(|(due, came)| came.since(*due) > Duration::from_nanos(2)).count() < 25);
}

// SIM-CLOCKS: while a machine sleeps its monotonic clock and its timers stand still, and leases run on.
#[test]
fn a_suspended_machine_loses_its_lease_and_not_its_timers() {
    let World { mut sim, machine, log, seams } = world();
    let _ = sim.run_for(ms(15));
    sim.suspend_machine(machine);
    let _ = sim.run_for(ms(1_000));
    assert_eq!((sim.local_now(machine), sim.lease_now(machine)), (at(15), at(1_015)));
    assert_eq!((seams.clock().now(), seams.lease_clock().now()), (at(15), at(1_015)));
    sim.wake_machine(machine);
    let _ = sim.run_for(ms(6));
    assert_eq!(log.take(), [(at(10), at(10)), (at(20), at(20))]);
    assert_eq!(sim.lease_now(machine).since(sim.local_now(machine)), ms(1_000));
}

// SIM-CLOCKS: the wall clock jumps both ways; the clocks that anything rests on do not.
#[test]
fn a_wall_clock_jump_moves_nothing_else() {
    let World { mut sim, machine, log, seams } = world();
    let start = sim.wall_now(machine);
    let _ = sim.run_for(ms(5));
    sim.jump_wall_clock(machine, -3_600_000_000_000);
    assert_eq!(seams.wall_clock().wall_now(), start.shifted(5_000_000 - 3_600_000_000_000));
    let _ = sim.run_for(ms(10));
    assert_eq!((log.take(), seams.clock().now()), (vec![(at(10), at(10))], at(15)));
    assert_eq!(sim.wall_now(machine), start.shifted(15_000_000 - 3_600_000_000_000));
}

#[test]
fn a_process_resumed_or_restarted_on_a_suspended_machine_runs_when_it_wakes() {
    let World { mut sim, machine, log, .. } = world();
    let ticker = sim.processes().next().unwrap();
    let _ = sim.run_for(ms(5));
    sim.pause(ticker);
    sim.suspend_machine(machine);
    sim.resume(ticker);
    let _ = sim.run_for(ms(100));
    assert_eq!(log.borrow().len(), 0);
    sim.restart(ticker);
    let _ = sim.run_for(ms(100));
    assert_eq!(log.borrow().len(), 0);
    sim.wake_machine(machine);
    let _ = sim.run_for(ms(11));
    assert_eq!(log.take(), [(at(15), at(15))]);
}

#[test]
fn a_process_paused_before_and_resumed_after_a_suspension_gets_its_timer_when_it_falls_due() {
    let World { mut sim, machine, log, .. } = world();
    let ticker = sim.processes().next().unwrap();
    let _ = sim.run_for(ms(5));
    sim.pause(ticker);
    sim.suspend_machine(machine);
    let _ = sim.run_for(ms(100));
    sim.wake_machine(machine);
    let _ = sim.run_for(MS);
    sim.resume(ticker);
    let _ = sim.run_for(ms(10));
    assert_eq!(log.take(), [(at(10), at(10))]);
}

#[test]
fn the_lease_clock_keeps_the_laws_of_clocks_through_suspension() {
    let World { mut sim, machine, seams, .. } = world();
    let mut rounds = 0_u32;
    let pass = |span| {
        rounds += 1;
        if rounds.is_multiple_of(2) {
            sim.suspend_machine(machine)
        } else {
            sim.wake_machine(machine)
        }
        let _ = sim.run_for(span);
    };
    tidemill_contracts::clock(|| seams.lease_clock(), pass, Pace::Virtual { drift_ppm: 0 }, Effort::Board)
        .unwrap();
}
