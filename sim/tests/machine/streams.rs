//! Reliable ordered streams: what they carry, and every way in which they break.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Broken, Duration, Heard, Stream, Streams};
use tidemill_sim::{
    Context, Event, Latency, LinkConfig, MachineId, News, Process, ProcessId, Rate, Sim, SimStream,
    SimStreams, StreamConfig,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What a test asks of the ends, and what it saw of them.
#[derive(Default)]
struct Book {
    port: Option<SimStreams>,
    streams: Vec<SimStream>,
    news: Vec<News>,
}

type Shared = Rc<RefCell<Book>>;

/// Leaves its streams to the test, which works them between events.
struct Host(Shared);

impl Process for Host {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let mut book = self.0.borrow_mut();
        match event {
            Event::Start => book.port = Some(context.streams(80)),
            Event::Stream { news, .. } => {
                book.news.push(news);
                if let News::Accepted { port } = news {
                    assert_eq!(port, 80);
                    let (stream, _) = book.port.as_mut().unwrap().accept().unwrap();
                    book.streams.push(stream);
                }
            }
            _ => {}
        }
    }
}

struct World {
    sim: Sim,
    left: Shared,
    right: Shared,
    machines: [MachineId; 2],
    server: ProcessId,
}

fn world(seed: u64, link: LinkConfig, config: StreamConfig) -> World {
    let mut sim: Sim = Sim::new(seed);
    sim.links(link);
    sim.streams(config);
    let machines = [sim.machine("left"), sim.machine("right")];
    let (left, right) = (Shared::default(), Shared::default());
    let host = Rc::clone(&left);
    sim.spawn(machines[0], "host", Box::new(Host(host)));
    let host = Rc::clone(&right);
    let server = sim.spawn_with(machines[1], "host", move |_| Box::new(Host(Rc::clone(&host))));
    sim.run_for(Duration::ZERO).expect_ok();
    World { sim, left, right, machines, server }
}

impl World {
    fn connect(&mut self) {
        let to = tidemill_sim::Address { machine: self.machines[1], port: 80 };
        let mut left = self.left.borrow_mut();
        let stream = left.port.as_mut().unwrap().connect(to);
        left.streams.push(stream);
    }

    fn pass(&mut self, span: Duration) {
        self.sim.run_for(span).expect_ok();
    }

    fn opened(seed: u64, link: LinkConfig, config: StreamConfig) -> Self {
        let mut world = world(seed, link, config);
        world.connect();
        while !world.near(|stream| stream.is_open()).unwrap() {
            world.pass(ms(1));
        }
        world
    }

    fn near<R>(&mut self, work: impl FnOnce(&mut SimStream) -> R) -> R {
        work(&mut self.left.borrow_mut().streams[0])
    }

    fn far<R>(&mut self, work: impl FnOnce(&mut SimStream) -> R) -> R {
        work(&mut self.right.borrow_mut().streams[0])
    }
}

fn steady() -> LinkConfig {
    LinkConfig { latency: Latency::Constant(ms(5)), ..LinkConfig::PERFECT }
}

fn rough() -> LinkConfig {
    let rate = Rate::percent(15);
    LinkConfig {
        loss: rate,
        duplicate: rate,
        reorder: rate,
        corrupt: rate,
        truncate: rate,
        ..LinkConfig::default()
    }
}

fn hear(stream: &mut SimStream, into: &mut Vec<u8>) -> Result<Heard, Broken> {
    let mut buffer = [0; 700];
    loop {
        match stream.read(&mut buffer)? {
            Heard::Bytes(len) => into.extend(&buffer[..len]),
            other => return Ok(other),
        }
    }
}

// SIM-LINKS: a stream makes delay of loss, corruption and truncation, and never disorder.
#[test]
fn every_byte_arrives_once_and_in_order_over_a_link_that_does_its_worst() {
    for seed in 0..20 {
        let config = StreamConfig {
            short: Rate::percent(30),
            patience: Duration::from_secs(600),
            ..StreamConfig::default()
        };
        let mut world = World::opened(seed, rough(), config);
        let sent: Vec<u8> = (0..60_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (mut rest, mut heard, mut partial, mut steps) = (&sent[..], Vec::new(), 0, 0);
        loop {
            let taken = world.near(|stream| stream.write(rest)).unwrap();
            partial += u32::from(taken > 0 && taken < rest.len());
            rest = &rest[taken..];
            if rest.is_empty() {
                world.near(|stream| stream.finish()).unwrap();
            }
            world.pass(ms(20));
            if world.far(|stream| hear(stream, &mut heard)).unwrap() == Heard::End {
                break;
            }
            steps += 1;
            assert!(steps < 100_000, "seed {seed}: {} of {} bytes", heard.len(), sent.len());
        }
        assert!(heard == sent && partial > 0, "seed {seed}");
        assert!(world.sim.stats().retries > 0);
        assert_eq!(world.far(|stream| stream.read(&mut [0; 8])), Ok(Heard::End), "the end stays the end");
    }
}

#[test]
fn nobody_who_is_not_read_from_writes_for_ever() {
    let config = StreamConfig { buffer: 1_000, window: 3_000, ..StreamConfig::default() };
    let mut world = World::opened(1, steady(), config);
    let mut taken = 0;
    for _ in 0..100 {
        taken += world.near(|stream| stream.write(&[7; 999])).unwrap();
        world.pass(ms(20));
    }
    assert_eq!(taken, 4_000, "what was not read, and what was not sent");
    let mut heard = Vec::new();
    world.far(|stream| hear(stream, &mut heard)).unwrap();
    world.pass(ms(50));
    assert!(world.left.borrow().news.contains(&News::Writable), "whoever found no room is told of some");
    assert!(world.near(|stream| stream.write(&[7; 999])).unwrap() > 0);
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    let mut world = World::opened(1, steady(), StreamConfig::default());
    world.near(|stream| stream.write(b"question")).unwrap();
    world.near(|stream| stream.finish()).unwrap();
    assert_eq!(world.near(|stream| stream.write(b"more")), Ok(0));
    world.pass(ms(20));
    let mut heard = Vec::new();
    assert_eq!(world.far(|stream| hear(stream, &mut heard)), Ok(Heard::End));
    world.far(|stream| stream.write(b"answer")).unwrap();
    world.pass(ms(20));
    assert_eq!(world.near(|stream| hear(stream, &mut heard)), Ok(Heard::Nothing));
    assert_eq!(heard, b"questionanswer");
}

#[test]
fn a_stream_is_refused_where_nobody_accepts_and_times_out_where_nobody_answers() {
    let mut world = world(1, steady(), StreamConfig::default());
    let nowhere = tidemill_sim::Address { machine: world.machines[1], port: 81 };
    let mut port = world.left.borrow_mut().port.take().unwrap();
    let mut refused = port.connect(nowhere);
    world.pass(ms(11));
    assert_eq!(refused.is_open(), Err(Broken::Refused));
    world.sim.partition_one_way(world.machines[1], world.machines[0]);
    let mut unanswered = port.connect(tidemill_sim::Address { port: 80, ..nowhere });
    world.pass(ms(29_000));
    assert_eq!(unanswered.is_open(), Ok(false));
    world.pass(ms(60_000));
    world.sim.partition(world.machines[0], world.machines[1]);
    let mut cut = port.connect(tidemill_sim::Address { port: 80, ..nowhere });
    world.pass(ms(31_000));
    assert_eq!(cut.is_open(), Err(Broken::TimedOut));
    assert!(world.sim.stats().refused == 1 && world.sim.stats().timed_out >= 1);
}

#[test]
fn a_reset_by_the_peer_by_its_death_or_by_the_story_breaks_both_ends_for_good() {
    let broken = |how: fn(&mut World)| {
        let mut world = World::opened(1, steady(), StreamConfig::default());
        world.near(|stream| stream.write(b"half a")).unwrap();
        how(&mut world);
        world.pass(ms(30));
        for _ in 0..3 {
            assert_eq!(world.near(|stream| stream.write(b" word")), Err(Broken::Reset));
            assert_eq!(world.near(|stream| stream.read(&mut [0; 9])), Err(Broken::Reset));
        }
        assert!(world.left.borrow().news.contains(&News::Broken));
    };
    broken(|world| world.far(Stream::reset));
    broken(|world| drop(world.right.borrow_mut().streams.pop()));
    broken(|world| world.sim.kill(world.server));
    broken(|world| {
        let id = world.near(|stream| stream.id()).unwrap();
        world.sim.reset_stream(id);
        assert_eq!(world.far(|stream| stream.read(&mut [0; 9])), Err(Broken::Reset));
    });
}

// SIM-PROCESSES, SIM-LINKS: half-open: a peer that vanished without a word is found out by a write only.
#[test]
fn a_vanished_peer_is_noticed_by_who_writes_and_a_restarted_one_says_so() {
    for back in [false, true] {
        let mut world = World::opened(1, steady(), StreamConfig::default());
        let server = world.server;
        world.sim.vanish(server);
        world.pass(ms(100_000));
        assert_eq!(world.near(|stream| stream.read(&mut [0; 9])), Ok(Heard::Nothing), "silence says nothing");
        assert_eq!(world.near(|stream| stream.write(b"hello?")), Ok(6));
        world.pass(ms(1_000));
        assert_eq!(world.near(|stream| stream.is_open()), Ok(true), "not yet");
        if back {
            world.sim.restart(server);
        }
        world.pass(ms(40_000));
        let why = if back { Broken::Reset } else { Broken::TimedOut };
        assert_eq!(world.near(|stream| stream.read(&mut [0; 9])), Err(why));
    }
}

// SIM-QUEUES: a partition or a clog is delay to a stream, as long as somebody has patience.
#[test]
fn a_stream_survives_a_partition_a_clog_and_a_narrow_link() {
    let narrow = Some(tidemill_sim::Bandwidth::bits_per_second(1_000_000).queue(4, 6_000));
    let mut world = World::opened(1, LinkConfig { bandwidth: narrow, ..steady() }, StreamConfig::default());
    let [a, b] = world.machines;
    let mut heard = Vec::new();
    for round in 0..30_u8 {
        match round % 6 {
            1 => world.sim.partition(a, b),
            3 => world.sim.clog(a, b),
            2 => world.sim.heal_all(),
            5 => world.sim.unclog(a, b),
            _ => {}
        }
        assert_eq!(world.near(|stream| stream.write(&[round; 400])), Ok(400));
        world.pass(ms(1_000));
        assert_eq!(world.far(|stream| hear(stream, &mut heard)), Ok(Heard::Nothing));
    }
    world.pass(ms(60_000));
    assert_eq!(world.far(|stream| hear(stream, &mut heard)), Ok(Heard::Nothing));
    let want: Vec<u8> = (0..30).flat_map(|round| [round; 400]).collect();
    assert!(heard == want, "{} bytes", heard.len());
}

#[test]
fn tasks_open_accept_write_and_read_and_the_same_seed_gives_the_same_hash() {
    let run = |seed| {
        let mut sim: Sim = Sim::new(seed);
        sim.links(rough());
        sim.streams(StreamConfig { short: Rate::percent(20), ..StreamConfig::default() });
        let (left, right) = (sim.machine("left"), sim.machine("right"));
        let server = sim.spawn_async(right, "server", |env| async move {
            let mut port = env.streams();
            let (mut stream, _) = env.accept(&mut port).await;
            let mut buffer = [0; 512];
            while let Ok(Heard::Bytes(len)) = env.hear(&mut stream, &mut buffer, None).await {
                env.say(&mut stream, &buffer[..len]).await.unwrap();
            }
            stream.finish().unwrap();
            while !matches!(env.hear(&mut stream, &mut buffer, None).await, Ok(Heard::End) | Err(_)) {}
            env.sleep(Duration::from_secs(60)).await;
        });
        let to = sim.address(server);
        sim.spawn_async(left, "client", move |env| async move {
            let mut stream = env.connect(&mut env.streams(), to).await.unwrap();
            env.say(&mut stream, &[3; 5_000]).await.unwrap();
            stream.finish().unwrap();
            let (mut heard, mut buffer) = (0, [0; 512]);
            while let Heard::Bytes(len) = env.hear(&mut stream, &mut buffer, None).await.unwrap() {
                heard += len;
            }
            assert_eq!(heard, 5_000);
        });
        sim.run().expect_ok();
        sim.hash()
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
