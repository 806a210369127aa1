//! clients ◀══ streams ══▶ server      every request is carried out once and answered, however the streams break
//!
//! A client asks one thing at a time. Where its stream breaks, or nothing is heard for a while (the peer may have vanished
//! without a word), it opens another one and asks again. The server keeps what it answered last, and dies with its streams.

use super::{broken, law};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_seam::{Broken, Duration, Heard, Instant, Stream};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Address, Bandwidth, Cut, Env, Failure, Latency, LinkConfig, MachineId, ProcessId, Rate, Sim, SimStream,
    SimStreams, StreamConfig, Swizzle,
};

pub(super) const STORY: Story = Story {
    name: "streams",
    picture: "clients ◀══ streams ══▶ server",
    about: "every request is carried out once and answered, though streams are reset, half-open, cut and narrow",
    seeds: 500,
    must: Must::Pass,
    params: &[
        Param {
            name: "clients",
            default: 3,
            range: 1..=50,
            about: "clients, each on a machine of its own",
            shrink: Shrink::Machines,
        },
        Param {
            name: "requests",
            default: 20,
            range: 1..=100_000,
            about: "requests of a client",
            shrink: Shrink::Items,
        },
        Param {
            name: "faults",
            default: 6,
            range: 0..=100,
            about: "resets, deaths, vanishings and swizzles, at most",
            shrink: Shrink::Faults,
        },
    ],
    body: play,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How long a client listens before it takes its peer for gone.
const LISTEN: Duration = Duration::from_secs(2);

/// A request or its answer: who, which one, and what came of it.
type Frame = [u64; 3];
const BYTES: usize = 24;

/// What the server keeps through its deaths, by client: requests carried out, and what all of them added up to.
type Durable = Rc<RefCell<Vec<(u64, u64)>>>;

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let (clients, requests) = (params.get("clients"), params.get("requests"));
    sim.links(LinkConfig {
        latency: Latency::Exponential { min: ms(1), mean: ms(4) },
        loss: Rate::percent(2),
        reorder: Rate::percent(2),
        corrupt: Rate::percent(1),
        bandwidth: Some(Bandwidth::bits_per_second(256_000).queue(8, 12_000)),
        ..LinkConfig::default()
    });
    let (patience, short) = (Duration::from_secs(5), Rate::percent(20));
    sim.streams(StreamConfig { patience, short, refuse: Rate::percent(2), ..StreamConfig::default() });
    let home = sim.machine("server");
    let (kept, done) = (Durable::default(), Rc::new(RefCell::new(vec![0; clients as usize])));
    kept.borrow_mut().resize(clients as usize, (0, 0));
    let durable = Rc::clone(&kept);
    let server = sim.spawn_async(home, "serve", move |env| serve(env, Rc::clone(&durable)));
    sim.daemon(server);
    let to = sim.address(server);
    let mut machines = vec![home];
    for client in 0..clients {
        let machine = sim.machine(&format!("client{client}"));
        machines.push(machine);
        let done = Rc::clone(&done);
        sim.spawn_async(machine, "ask", move |env| ask_all(env, to, (client, requests), Rc::clone(&done)));
    }
    for _ in 0..sim.choose("faults", params.get("faults") + 1) {
        misfortune(sim, server, &machines);
    }
    broken(sim.run())?;
    for (client, (answered, kept)) in done.borrow().iter().zip(kept.borrow().iter()).enumerate() {
        law(sim, "every request is answered", *answered == requests, || {
            format!("{answered} of {requests} of client {client} were")
        })?;
        law(sim, "every request is carried out once", kept.0 == requests, || {
            format!("{} for {requests} requests of client {client}", kept.0)
        })?;
    }
    Ok(())
}

/// One thing goes wrong, some time within the first seconds.
fn misfortune(sim: &mut Sim, server: ProcessId, machines: &[MachineId]) {
    let which = sim.choose("which", 4);
    let after = sim.draw("when", Latency::Uniform { min: Duration::ZERO, max: ms(5_000) });
    let down = sim.draw("down", Latency::Uniform { min: ms(1), max: ms(4_000) });
    let targets: Vec<Cut> = machines.iter().map(|machine| Cut::Machine(*machine)).collect();
    sim.after(after, move |sim| match which {
        0 => {
            let streams = sim.streams_of(server);
            if !streams.is_empty() {
                let unlucky = sim.choose("reset", streams.len() as u64) as usize;
                sim.reset_stream(streams[unlucky]);
            }
        }
        1 | 2 if sim.is_alive(server) => {
            if which == 1 {
                sim.kill(server)
            } else {
                sim.vanish(server)
            }
            sim.after(down, move |sim| sim.restart(server));
        }
        1 | 2 => {}
        _ => {
            let every = Latency::Uniform { min: ms(10), max: ms(900) };
            let clog = sim.chance("clog", Rate::percent(50));
            let how = Swizzle { member: Rate::percent(60), cut_every: every, heal_every: every, clog };
            sim.swizzle(&targets, how);
        }
    });
}

async fn serve(env: Env, durable: Durable) {
    let mut port = env.streams();
    loop {
        let (stream, _) = env.accept(&mut port).await;
        let served = answer(env.clone(), stream, Rc::clone(&durable));
        drop(env.spawn("answer", served));
    }
}

/// Answers what is asked through one stream until it breaks.
async fn answer(env: Env, mut stream: SimStream, durable: Durable) {
    while let Ok(Some([client, number, amount])) = take(&env, &mut stream, None).await {
        let sum = {
            let mut durable = durable.borrow_mut();
            let (next, sum) = &mut durable[client as usize];
            if number == *next {
                (*next, *sum) = (*next + 1, *sum + amount);
            } else if number + 1 != *next {
                env.fail("a client asks for one thing at a time", format!("{number} after {next}"));
            }
            *sum
        };
        if env.say(&mut stream, &bytes([client, number, sum])).await.is_err() {
            return;
        }
    }
}

async fn ask_all(env: Env, server: Address, (client, requests): (u64, u64), done: Rc<RefCell<Vec<u64>>>) {
    let (mut port, mut stream, mut sum) = (env.streams(), None, 0);
    for number in 0..requests {
        let amount = 1 + number % 7;
        sum += amount;
        let answer = loop {
            match ask(&env, (&mut port, server), &mut stream, [client, number, amount]).await {
                Ok(answer) => break answer,
                Err(_) => stream = None,
            }
            let pause = env.draw("pause", Latency::Uniform { min: ms(10), max: ms(200) });
            env.sleep(pause).await;
        };
        if answer != [client, number, sum] {
            env.fail("the answer is that of the request", format!("{answer:?} instead of {number}, {sum}"));
        }
        done.borrow_mut()[client as usize] += 1;
    }
}

/// Asks through the stream there is, or another one.
async fn ask(
    env: &Env,
    (port, server): (&mut SimStreams, Address),
    stream: &mut Option<SimStream>,
    request: Frame,
) -> Result<Frame, Broken> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(env.connect(port, server).await?),
    };
    env.say(stream, &bytes(request)).await?;
    take(env, stream, Some(env.now() + LISTEN)).await?.ok_or(Broken::TimedOut)
}

/// The next frame; `None` where it does not come in time, or the peer has finished.
async fn take(env: &Env, stream: &mut impl Stream, due: Option<Instant>) -> Result<Option<Frame>, Broken> {
    let (mut bytes, mut len) = ([0; BYTES], 0);
    while len < BYTES {
        match env.hear(stream, &mut bytes[len..], due).await? {
            Heard::Bytes(more) => len += more,
            Heard::Nothing | Heard::End => return Ok(None),
        }
    }
    let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    Ok(Some([(); 3].map(|()| words.next().expect("a frame is three words"))))
}

fn bytes(frame: Frame) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (word, into) in frame.iter().zip(bytes.as_chunks_mut::<8>().0) {
        *into = word.to_le_bytes();
    }
    bytes
}
