//! Safety, heal, liveness: a run in three phases converges in time, or says what does not and in which phase.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_sim::oracle::{Probe, exactly_once};
use tidemill_sim::{
    Duration, Failure, Family, Fault, Instant, Keeps, LinkConfig, Load, Moment, Occasion, Placement,
    ProcessId, Rate, Sim, Swarm, Taken, Verdict, isolate, kill, pause,
};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `count` frames, one a millisecond, into the queue of [`camera_pipeline`]. Sent again until it has them.
struct Frames {
    count: u64,
    stored: Rc<Cell<u64>>,
}

fn frames(count: u64) -> Frames {
    Frames { count, stored: Rc::default() }
}

impl Load<Box<dyn tidemill_sim::Process>> for Frames {
    fn begin(&mut self, sim: &mut Sim) {
        let (count, stored, probe) = (self.count, self.stored.clone(), sim.probe("sink"));
        let camera = sim.machine("camera-host");
        let queue = sim.processes().find(|process| sim.name(*process) == "queue-host/queue");
        let to = sim.address(queue.expect("the pipeline has a queue"));
        sim.spawn_async(camera, "camera", move |env| {
            let (stored, probe) = (stored.clone(), probe.clone());
            async move {
                while stored.get() < count {
                    let frame = stored.get();
                    probe.sent(frame);
                    env.send(to, &frame.to_be_bytes()).expect("the queue is there");
                    env.sleep(ms(1)).await;
                    while let Some((_, bytes)) = env.try_recv() {
                        let kept = u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
                        stored.set(stored.get().max(kept + 1));
                    }
                }
            }
        });
    }

    fn left(&self, _: &Sim) -> u64 {
        self.count - self.stored.get()
    }
}

/// camera ─▶ queue ─▶ sink: the queue is durable if `durable`; the sink takes each number once.
fn camera_pipeline_with(sim: &mut Sim, durable: bool) -> ProcessId {
    sim.links(LinkConfig { loss: Rate::percent(2), ..LinkConfig::default() });
    let host = sim.machine("queue-host");
    let sink = sim.probe("sink");
    let disk = Rc::new(Cell::new(0));
    sim.spawn_async(host, "queue", move |env| {
        let (disk, sink) = (disk.clone(), sink.clone());
        async move {
            let mut next = if durable { disk.get() } else { 0 };
            loop {
                let (from, bytes) = env.recv().await;
                let frame = u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
                if frame == next {
                    next += 1;
                    disk.set(next);
                    sink.delivered(frame);
                }
                if frame < next {
                    env.send(from, &bytes).expect("the camera is there");
                }
            }
        }
    })
}

fn camera_pipeline(sim: &mut Sim) -> ProcessId {
    let queue = camera_pipeline_with(sim, true);
    sim.daemon(queue);
    queue
}

// SIM-LIVENESS: the test of the manual, word for word.
#[tidemill_sim::test(seeds = 50)]
fn frames_survive_a_dead_queue_host(sim: &mut Sim) {
    let pipeline = camera_pipeline(sim);
    sim.load(frames(200)).fault(kill("queue-host").once()).check(exactly_once("sink")).live_within(secs(5));
    assert!(sim.is_alive(pipeline));
}

#[tidemill_sim::test(seeds = 100)]
fn frames_survive_a_swarm(sim: &mut Sim) {
    camera_pipeline(sim);
    let lived = sim
        .load(frames(50))
        .swarm(&Swarm::all().without(Family::Corrupt).without(Family::Truncate).among("queue-host"))
        .check(exactly_once("sink"))
        .safe_for(secs(1))
        .live_within(secs(5));
    assert!(lived.safety <= secs(1) && lived.liveness.is_some_and(|span| span <= secs(5)));
}

fn failure(sim: &Sim) -> Failure {
    sim.failure().expect("it fails").clone()
}

#[test]
fn a_queue_that_forgets_is_caught_in_the_phase_in_which_it_does() {
    let caught = (0..40).filter(|seed| {
        let mut sim = Sim::new(*seed);
        let queue = camera_pipeline_with(&mut sim, false);
        sim.daemon(queue);
        let fault = kill("queue-host").once().restart_after(ms(5));
        sim.load(frames(100)).fault(fault).check(exactly_once("sink")).live_within(secs(5));
        sim.failure().is_some_and(|failure| {
            // Either the forgotten frame is taken twice, or the queue waits for one that never comes again.
            let twice = failure.message.ends_with("arrived twice\nin the phase of safety");
            let stuck = failure.message.starts_with("did not converge: the load still has ")
                && failure.message.ends_with("items within 5s\nin the phase of liveness");
            assert!(twice || stuck, "{}", failure.message);
            true
        })
    });
    let caught = caught.count();
    assert!(caught > 12, "{caught} of 40");
}

/// A process that answers, on a machine of its own, and one that asks it for ever.
fn heartbeat(sim: &mut Sim) -> [ProcessId; 2] {
    let (near, far) = (sim.machine("near"), sim.machine("far"));
    let echo = sim.spawn_async(far, "echo", |env| async move {
        loop {
            let (from, bytes) = env.recv().await;
            env.send(from, &bytes).expect("it is there");
        }
    });
    let to = sim.address(echo);
    let heart = sim.spawn_async(near, "heart", move |env| async move {
        loop {
            env.send(to, b"?").expect("it is there");
            env.sleep(ms(100)).await;
        }
    });
    [echo, heart]
}

fn nothing(_: &mut Sim) {}

// SIM-LIVENESS: what beats for ever must be declared, or it is a leak.
#[test]
fn what_is_left_when_the_world_has_converged_is_a_leak_unless_it_is_a_daemons() {
    let mut sim: Sim = Sim::new(1);
    let beats = heartbeat(&mut sim);
    sim.load(nothing).safe_for(secs(1)).live_within(secs(1));
    let left = failure(&sim);
    let undeclared = "liveness: did not converge: far/echo waits: task main within #";
    assert_eq!(left.id, undeclared);

    let mut sim: Sim = Sim::new(1);
    let [echo, heart] = heartbeat(&mut sim);
    [echo, heart].into_iter().for_each(|beat| sim.daemon(beat));
    assert!(sim.load(nothing).safe_for(secs(1)).live_within(secs(1)).liveness.is_some());
    assert_eq!(sim.failure(), None);

    let mut sim: Sim = Sim::new(1);
    beats.iter().zip(heartbeat(&mut sim)).for_each(|(_, beat)| sim.daemon(beat));
    let host = sim.machine("host");
    struct Forgetful;
    impl tidemill_sim::Process for Forgetful {
        fn on(&mut self, context: &mut tidemill_sim::Context<'_>, _: tidemill_sim::Event<'_>) {
            context.timer(secs(1_000), 0);
        }
    }
    sim.spawn(host, "forgetful", Box::new(Forgetful));
    sim.load(nothing).safe_for(secs(1)).live_within(secs(1));
    let leak = failure(&sim);
    assert_eq!(
        leak.id,
        "leak: did not come to rest: # events still wait, among them a timer of host/forgetful within #"
    );
    assert!(leak.message.ends_with("\nin the phase of liveness"), "{}", leak.message);
}

#[test]
fn a_goal_that_is_not_reached_is_named_with_its_reason() {
    let mut sim: Sim = Sim::new(1);
    heartbeat(&mut sim).into_iter().for_each(|beat| sim.daemon(beat));
    sim.load(nothing)
        .goal("the moon is full", |sim| Err(format!("it is {:?}", sim.now().as_nanos() % 3)))
        .safe_for(secs(1))
        .live_within(secs(2));
    assert_eq!(failure(&sim).id, "liveness: did not converge: the moon is full: it is # within #");
}

// SIM-LIVENESS: the core is started, resumed, joined, and keeps time again; the rest stays as it is.
#[test]
fn the_core_is_healed_and_up_to_f_of_a_group_stay_broken() {
    let (mut whole, mut broken) = (0, 0);
    for seed in 0..100 {
        let mut sim: Sim = Sim::new(seed);
        let [echo, heart] = heartbeat(&mut sim);
        let (near, far) = (sim.address(heart).machine, sim.address(echo).machine);
        [echo, heart].into_iter().for_each(|beat| sim.daemon(beat));
        let third = sim.machine("third");
        let extra = sim.spawn_async(third, "extra", |env| async move { env.sleep(ms(1)).await });
        let at = Instant::ZERO + ms(500);
        sim.load(nothing)
            .place(Placement::new().replicas("pair", &["near", "far"], 1, Keeps::Durable))
            .fault(kill("far").at(at))
            .fault(pause("third").at(at).lasting(secs(1_000)))
            .fault(isolate("third").at(at).lasting(secs(1_000)))
            .fault(tidemill_sim::clock_rate("third", 1_000).at(at).lasting(secs(1_000)))
            .safe_for(secs(1))
            .live_within(secs(1));
        assert_eq!(sim.failure(), None, "seed {seed}");
        assert!(sim.is_alive(heart) && sim.is_alive(extra));
        if sim.is_alive(echo) {
            whole += 1
        } else {
            broken += 1
        }
        let sent = sim.stats().dropped(tidemill_sim::Cause::Partition);
        sim.run_for(secs(1)).expect_ok();
        let rate = |sim: &Sim| sim.local_now(third);
        let before = rate(&sim);
        sim.run_for(secs(1)).expect_ok();
        assert_eq!(rate(&sim).since(before), secs(1));
        assert_eq!(sim.stats().dropped(tidemill_sim::Cause::Partition), sent);
        let _ = (near, far);
    }
    assert!(whole > 20 && broken > 20, "{whole} healed whole, {broken} left one behind");
}

#[test]
fn no_fault_strikes_after_the_heal() {
    let mut sim: Sim = Sim::new(1);
    heartbeat(&mut sim).into_iter().for_each(|beat| sim.daemon(beat));
    let late = Rc::new(Cell::new(0_u64));
    let seen = late.clone();
    let watcher = Fault::new("watcher", move |occasion, _| {
        if let Occasion::Take { at, event: Taken::Timer { .. }, .. } = occasion {
            seen.set(at.as_nanos());
        }
        Verdict::Pass
    });
    sim.load(nothing)
        .fault(watcher)
        .fault(kill("far").every(ms(150)).restart_after(ms(40)))
        .fault(kill("near").at(Instant::ZERO + secs(60)))
        .safe_for(secs(1))
        .live_within(secs(5));
    let kills = sim.stats().kills;
    sim.run_for(secs(100)).expect_ok();
    assert_eq!((sim.stats().kills, sim.failure()), (kills, None));
    assert!(kills == 6 && late.get() > 0 && late.get() <= 1_000_000_000, "{kills} {}", late.get());
}

#[test]
fn an_oracle_has_its_last_word_when_the_world_has_come_to_rest() {
    let mut sim: Sim = Sim::new(1);
    let probe: Probe = sim.probe("sink");
    probe.sent(1);
    let words = Rc::new(Cell::new(0));
    let said = words.clone();
    sim.load(nothing)
        .check(move |_: &Sim, moment: Moment| {
            said.set(said.get() + u32::from(moment == Moment::Quiet));
            Ok(())
        })
        .check(exactly_once("sink"))
        .live_within(secs(1));
    assert_eq!(words.get(), 1);
    let failure = failure(&sim);
    assert_eq!(failure.id, "exactly_once(sink): item # never arrived, as # of those sent");
    assert!(failure.message.ends_with("\nin the phase of liveness"), "{}", failure.message);
}
