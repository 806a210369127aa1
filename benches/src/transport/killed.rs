//! How long a killed process holds up those who live: from the kernel's notice of its death, a descriptor of the process that
//! becomes readable, to the next thing that a survivor gets or gets rid of.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{self, Builder, Watch};
use tidemill_ring::wait::Until;
use tidemill_ring::{End, Next, Start};
use tidemill_seam::Clock;

use super::Report;

const SLOTS: u32 = 64;
#[cfg(feature = "ring-peers")]
const NEVER_NS: u64 = 2_000_000_000;

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Victim {
    /// A taker for whom everybody waits, in a full ring.
    Taker,
    /// The only sender: a successor takes its place.
    Sender,
    /// One of two senders, in a claim that the other one's items lie behind.
    Claimer,
}

/// How the survivor learns of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Survivor {
    /// It watches the process itself, and asks about the claim at once.
    Told,
    /// It sleeps in its call; a `Watch` of this process wakes it.
    Watched,
    /// It sleeps in its call, and asks every ten milliseconds.
    Probing,
    /// disruptor-mp: it tries again for two seconds.
    DisruptorMp,
    /// iceoryx2: it watches the process itself, and cleans up dead nodes at once.
    Iceoryx,
}

impl Victim {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Taker, Self::Sender, Self::Claimer];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taker => "taker",
            Self::Sender => "sender",
            Self::Claimer => "claimer",
        }
    }
}

fn now() -> u64 {
    MonotonicClock.now().as_nanos()
}

fn slots(name: &str) -> Builder<u64> {
    ring::ring(name).expect("a name").slots(SLOTS)
}

/// What a victim does: it joins, says so, and waits for its end.
///
/// # Panics
/// Where it cannot join.
pub fn die(kind: &str, name: &str) -> ! {
    let part: Box<dyn std::any::Any> = match kind {
        "taker" => Box::new(slots(name).name("victim").start(Start::Earliest).consumer().expect("a place")),
        "sender" => {
            let mut producer = slots(name).producer().expect("nobody produces");
            (0..8).for_each(|i| assert!(producer.try_push(i).is_ok(), "there is room"));
            Box::new(producer)
        }
        "claimer" => {
            let mut producer = slots(name).producers(2).multi_producer().expect("a post");
            std::mem::forget(producer.claim().expect("room"));
            Box::new(producer)
        }
        #[cfg(feature = "ring-peers")]
        "mp" => Box::new(super::disruptor_mp::consumer::<u64>(name, 0)),
        #[cfg(feature = "ring-peers")]
        "iceoryx" => {
            let node = super::iceoryx::node();
            let subscriber = super::iceoryx::subscriber::<u64>(&node, name);
            Box::new((node, subscriber))
        }
        other => panic!("nobody dies as {other}"),
    };
    println!("ready");
    std::io::stdout().flush().expect("a parent");
    loop {
        thread::park();
        std::hint::black_box(&part);
    }
}

/// A victim that lives yet.
struct Doomed(Child);

impl Doomed {
    fn new(kind: &str, name: &str) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut child = Command::new(program)
            .args(["--victim", kind, name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut said = String::new();
        let out = child.stdout.take().expect("a pipe");
        let mut out = BufReader::new(out);
        while said.trim() != "ready" {
            said.clear();
            assert!(out.read_line(&mut said).expect("a pipe") > 0, "{kind} did not get ready");
        }
        Self(child)
    }

    /// Kills it, and gives the moment at which the kernel says that it is dead. Nobody has waited for it then.
    fn kill(&self) -> u64 {
        let pid = Pid::from_child(&self.0);
        let notice = pidfd_open(pid, PidfdFlags::empty()).expect("a child");
        kill_process(pid, Signal::KILL).expect("a child");
        poll(&mut [PollFd::new(&notice, PollFlags::IN)], None).expect("a descriptor");
        now()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // It is dead, or is to be; a zombie is no use to anybody.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills so many victims, one after the other; `None` where the survivor has no such thing.
///
/// # Panics
/// Where something else happens than a death and its end.
#[must_use]
pub fn survive(survivor: Survivor, victim: Victim, name: &str, times: u64) -> Option<Report> {
    let spans = |each: &dyn Fn() -> u64| Some(Report::Rounds((0..times).map(|_| each()).collect()));
    match (survivor, victim) {
        (Survivor::Told, Victim::Taker) => spans(&|| told_of_a_taker(name)),
        (Survivor::Told, Victim::Sender) => spans(&|| told_of_a_sender(name)),
        (Survivor::Told, Victim::Claimer) => spans(&|| told_of_a_claimer(name)),
        (Survivor::Watched | Survivor::Probing, victim) => {
            let watch = (survivor == Survivor::Watched).then(|| Watch::new(|_| ()).expect("a thread"));
            spans(&|| asleep(name, victim, watch.as_ref()))
        }
        #[cfg(feature = "ring-peers")]
        (Survivor::DisruptorMp, Victim::Taker) => Some(disruptor_mp(name)),
        #[cfg(feature = "ring-peers")]
        (Survivor::Iceoryx, Victim::Taker) => spans(&|| iceoryx(name)),
        _ => None,
    }
}

fn watched(builder: Builder<u64>, watch: Option<&Watch>) -> Builder<u64> {
    match watch {
        Some(watch) => builder.watched_by(watch),
        None => builder,
    }
}

fn told_of_a_taker(name: &str) -> u64 {
    let mut producer = slots(name).producer().expect("nobody produces");
    let victim = Doomed::new("taker", name);
    while producer.try_push(1).is_ok() {}
    let dead = victim.kill();
    while producer.try_push(2).is_err() {
        producer.tend(MonotonicClock.now());
    }
    now() - dead
}

/// Somebody takes the place of the dead sender, and its first item arrives.
fn succeed(name: &str, consumer: &mut ring::Consumer<u64>) -> u64 {
    let mut producer = slots(name).producer().expect("the last one is dead");
    producer.try_push(99).expect("room");
    loop {
        match consumer.try_next() {
            Some(Next::Item(item)) if *item == 99 => return now(),
            Some(Next::Restarted { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn drain(consumer: &mut ring::Consumer<u64>) {
    while let Some(Next::Item(_) | Next::Restarted { .. }) = consumer.try_next() {}
}

fn told_of_a_sender(name: &str) -> u64 {
    let victim = Doomed::new("sender", name);
    let mut consumer = slots(name).name("survivor").start(Start::Earliest).consumer().expect("a place");
    drain(&mut consumer);
    let dead = victim.kill();
    while consumer.tend() != Some(End::Crashed) {}
    succeed(name, &mut consumer) - dead
}

fn told_of_a_claimer(name: &str) -> u64 {
    let ring = || slots(name).producers(2);
    let mut other = ring().multi_producer().expect("a post");
    let mut consumer = ring().name("survivor").consumer().expect("a place");
    let victim = Doomed::new("claimer", name);
    other.try_push(1).expect("room");
    assert!(consumer.try_next().is_none(), "it lies behind a claim");
    let dead = victim.kill();
    loop {
        if let Some(Next::Item(_)) = consumer.try_next() {
            return now() - dead;
        }
        consumer.tend();
    }
}

/// The survivor sleeps in its call while the victim dies.
fn asleep(name: &str, victim: Victim, watch: Option<&Watch>) -> u64 {
    let forever = Until::forever();
    let several =
        |builder: Builder<u64>| if victim == Victim::Claimer { builder.producers(2) } else { builder };
    let consumer = || {
        let ring = watched(several(slots(name)), watch).name("survivor").start(Start::Earliest);
        ring.consumer().expect("a place")
    };
    let (doomed, survives): (Doomed, Box<dyn FnOnce() -> u64 + Send>) = match victim {
        Victim::Taker => {
            let mut producer = watched(slots(name), watch).producer().expect("nobody produces");
            let doomed = Doomed::new("taker", name);
            while producer.try_push(1).is_ok() {}
            let survives = move || {
                producer.publish(|_| 2, forever).expect("room, once it is dead");
                now()
            };
            (doomed, Box::new(survives))
        }
        Victim::Sender => {
            let doomed = Doomed::new("sender", name);
            let mut consumer = consumer();
            drain(&mut consumer);
            let name = name.to_owned();
            let survives = move || {
                let heard = consumer.next(forever).map(|next| next.map(|item| *item));
                assert_eq!(heard, Ok(Next::Closed(End::Crashed)));
                succeed(&name, &mut consumer)
            };
            (doomed, Box::new(survives))
        }
        Victim::Claimer => {
            let mut other = several(slots(name)).multi_producer().expect("a post");
            let mut consumer = consumer();
            while let Some(Next::Item(_)) = consumer.try_next() {}
            let doomed = Doomed::new("claimer", name);
            other.try_push(1).expect("room");
            let survives = move || {
                let heard = consumer.next(forever).map(|next| next.map(|item| *item));
                assert_eq!(heard, Ok(Next::Item(1)));
                let then = now();
                drop(other);
                then
            };
            (doomed, Box::new(survives))
        }
    };
    let survivor = thread::spawn(survives);
    // It sleeps by then, and a probe may be due at any moment; and a watch, which looks who came every 100 ms, has seen it.
    thread::sleep(std::time::Duration::from_micros(130_000 + now() % 10_000));
    let dead = doomed.kill();
    let survived = survivor.join().expect("it survives");
    survived.saturating_sub(dead)
}

#[cfg(feature = "ring-peers")]
fn disruptor_mp(name: &str) -> Report {
    let mut producer = super::disruptor_mp::producer::<u64>(name, 1);
    let victim = Doomed::new("mp", name);
    super::disruptor_mp::find(&mut producer, 1);
    while producer.try_publish(|slot| *slot = 1).is_ok() {}
    let dead = victim.kill();
    while producer.try_publish(|slot| *slot = 2).is_err() {
        if now() - dead > NEVER_NS {
            return Report::Never(std::time::Duration::from_nanos(NEVER_NS));
        }
    }
    Report::Rounds(vec![now() - dead])
}

#[cfg(feature = "ring-peers")]
fn iceoryx(name: &str) -> u64 {
    use iceoryx2::prelude::BackpressureStrategy;
    let node = super::iceoryx::node();
    let publisher = super::iceoryx::publisher::<u64>(&node, name, BackpressureStrategy::DiscardData);
    let victim = Doomed::new("iceoryx", name);
    let send = || publisher.loan_uninit().expect("a sample").write_payload(1).send().expect("a port");
    while send() > 0 {}
    let dead = victim.kill();
    // Done once the dead one's resources are removed and a send finds nobody to deliver to.
    while node.try_cleanup_dead_nodes().cleanups == 0 {}
    send();
    now() - dead
}
