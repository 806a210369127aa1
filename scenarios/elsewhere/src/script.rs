use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tidemill_host::{Impaired, Impairment, SeededEntropy};
use tidemill_seam::{Broken, Clock, Duration, Instant, Link, SendError};

use crate::items::{receive, send};
use crate::streams::ANSWER;
use crate::{Act, Here, Stage, streams};

/// How long nobody waits for what cannot come.
const SILENCE: Duration = Duration::from_millis(300);

/// How a step ended, as its client sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// What was sent arrived, whole, once and in order.
    Delivered,
    /// Something else arrived, or too much, or in another order.
    Garbled,
    /// Nothing came, and nobody said why.
    Silence,
    /// Nothing was sent: it is too large.
    TooLarge,
    /// Nobody accepts streams there.
    Refused,
    /// The peer did not answer in time.
    TimedOut,
    /// The stream broke.
    Reset,
    /// The stream ended as one ends.
    End,
    /// An error that no step asks for.
    Odd,
}

impl From<Broken> for Class {
    fn from(why: Broken) -> Self {
        match why {
            Broken::Refused => Self::Refused,
            Broken::TimedOut => Self::TimedOut,
            Broken::Reset => Self::Reset,
            Broken::Closed | Broken::Unroutable => Self::Odd,
        }
    }
}

/// A program that runs on a host.
pub type Program<H> = fn(Stage<H>) -> Pin<Box<dyn Future<Output = ()>>>;
/// A program that says how the step ended.
pub type Teller<H> = fn(Stage<H>) -> Pin<Box<dyn Future<Output = Class>>>;

/// Two programs and what comes of them.
pub struct Step<H: Here> {
    /// What happens, in words.
    pub name: &'static str,
    /// How it ends.
    pub ends: Class,
    /// The program of the server, which may die and start anew.
    pub server: Program<H>,
    /// The program of the client.
    pub client: Teller<H>,
}

impl<H: Here> Clone for Step<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Here> Copy for Step<H> {}

impl<H: Here> fmt::Debug for Step<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("name", &self.name).field("ends", &self.ends).finish_non_exhaustive()
    }
}

macro_rules! step {
    ($name:literal, $ends:ident, $server:expr, $client:expr) => {
        Step {
            name: $name,
            ends: Class::$ends,
            server: |stage| Box::pin($server(stage)),
            client: |stage| Box::pin($client(stage)),
        }
    };
}

/// The script: what a world does to datagrams, to items on a wire, and to streams.
pub fn script<H: Here>() -> Vec<Step<H>> {
    use streams::{answer, echo, resets};
    use streams::{bulk, cut_off, deaf, dies, half_close, hushed, nobody_there, reset_by_peer, restarted};
    vec![
        step!("a datagram is answered", Delivered, echo_datagrams, |stage| ping(stage, &[])),
        step!("a datagram is too large", TooLarge, echo_datagrams, too_large),
        step!("a datagram goes to nobody", Silence, echo_datagrams, to_nobody),
        step!("a datagram meets a cut", Silence, echo_datagrams, |stage| ping(stage, &[Act::Cut])),
        step!("a datagram comes after the healing", Delivered, echo_datagrams, |stage| ping(
            stage,
            &[Act::Cut, Act::Heal]
        )),
        step!("items cross a link", Delivered, send_plain, |stage| receive_plain(stage, None, false)),
        step!("items cross a link that loses", Delivered, send_plain, receive_lossy),
        step!("items cross a link made rough by our own hand", Delivered, send_rough, receive_rough),
        step!("items cross an outage", Delivered, send_plain, |stage| receive_plain(
            stage,
            Some(Act::Outage),
            true
        )),
        step!("items outlive their sender", Delivered, send_plain, |stage| receive_plain(
            stage,
            Some(Act::Restart),
            false
        )),
        step!("a stream goes to nobody", Refused, echo, nobody_there),
        step!("a stream goes to somebody who is silent", TimedOut, deaf, hushed),
        step!("a stream carries bytes both ways", Delivered, echo, bulk),
        step!("a stream ends in one direction, then in the other", End, answer, half_close),
        step!("a stream is reset by the peer", Reset, resets, reset_by_peer),
        step!("a stream's peer dies with bytes unread", Reset, deaf, dies),
        step!("a stream crosses an outage", Delivered, echo, cut_off),
        step!("a server that died is reached again", Delivered, echo, restarted),
    ]
}

/// A step of one hour, in which nothing happens.
pub fn an_hour<H: Here>() -> Step<H> {
    step!("an hour passes", Delivered, echo_datagrams, sleep_an_hour)
}

async fn sleep_an_hour<H: Here>(mut stage: Stage<H>) -> Class {
    let (begun, hour) = (stage.here.clock().now(), Duration::from_secs(3_600));
    stage.rest(hour).await;
    if stage.here.clock().now().since(begun) >= hour { Class::Delivered } else { Class::Odd }
}

async fn echo_datagrams<H: Here>(mut stage: Stage<H>) {
    let (mut link, at) = stage.here.link().await;
    stage.board.server_is_at(at);
    let mut buffer = [0; 64];
    while let Some((len, from)) = hear(&mut stage.here, &mut link, &mut buffer, Instant::MAX).await {
        let _ = link.send(from, &buffer[..len]);
    }
}

/// The next datagram, if it comes in time and the link lives.
async fn hear<H: Here>(
    here: &mut H,
    link: &mut H::Link,
    buffer: &mut [u8],
    due: Instant,
) -> Option<(usize, H::Address)> {
    loop {
        let seen = here.epoch();
        match link.recv(buffer) {
            Ok(Some(got)) => return Some((got.len, got.from)),
            Ok(None) if here.clock().now() < due => {
                here.changed(seen, (due < Instant::MAX).then_some(due)).await;
            }
            Ok(None) | Err(_) => return None,
        }
    }
}

/// One datagram before each act, whatever becomes of it, and one after the last, which counts.
async fn ping<H: Here>(mut stage: Stage<H>, acts: &'static [Act]) -> Class {
    let (mut link, _) = stage.here.link().await;
    let server = stage.server().await;
    let mut class = call(&mut stage, &mut link, server, 0, ANSWER).await;
    for (number, act) in (1..).zip(acts) {
        stage.act(*act).await;
        let patience = if *act == Act::Cut { SILENCE } else { ANSWER };
        class = call(&mut stage, &mut link, server, number, patience).await;
    }
    class
}

async fn call<H: Here>(
    stage: &mut Stage<H>,
    link: &mut H::Link,
    to: H::Address,
    number: u8,
    patience: Duration,
) -> Class {
    let mut buffer = [0; 64];
    link.send(to, &[number; 32]).expect("there is room for one");
    let due = stage.here.clock().now() + patience;
    while let Some((len, from)) = hear(&mut stage.here, link, &mut buffer, due).await {
        match buffer[..len] == [number; 32] && from == to {
            true => return Class::Delivered,
            false if buffer[0] >= number => return Class::Garbled,
            false => {}
        }
    }
    Class::Silence
}

async fn too_large<H: Here>(mut stage: Stage<H>) -> Class {
    let (mut link, _) = stage.here.link().await;
    let (server, mtu) = (stage.server().await, link.mtu());
    match link.send(server, &vec![0; mtu + 1]) {
        Err(SendError::TooLarge { mtu: told }) if told == mtu => Class::TooLarge,
        _ => Class::Odd,
    }
}

async fn to_nobody<H: Here>(mut stage: Stage<H>) -> Class {
    let (mut link, _) = stage.here.link().await;
    let nobody = H::nobody(stage.server().await);
    call(&mut stage, &mut link, nobody, 0, SILENCE).await
}

async fn send_plain<H: Here>(mut stage: Stage<H>) {
    let (link, _) = stage.here.link().await;
    send(stage, link).await;
}

async fn receive_plain<H: Here>(mut stage: Stage<H>, act: Option<Act>, hard: bool) -> Class {
    let (link, at) = stage.here.link().await;
    stage.board.client_is_at(at);
    receive(stage, link, act, hard).await
}

async fn receive_lossy<H: Here>(mut stage: Stage<H>) -> Class {
    stage.act(Act::Lossy).await;
    receive_plain(stage, None, true).await
}

fn rough<H: Here>(here: &H, link: H::Link, seed: u64) -> Impaired<H::Link, SeededEntropy, H::Clock> {
    let impairment = Impairment {
        loss_ppm: 100_000,
        duplicate_ppm: 100_000,
        corrupt_ppm: 50_000,
        reorder_ppm: 200_000,
        hold_max: Duration::from_millis(20),
    };
    Impaired::new(link, SeededEntropy::new(seed), here.clock(), impairment)
}

async fn send_rough<H: Here>(mut stage: Stage<H>) {
    let (link, _) = stage.here.link().await;
    let link = rough(&stage.here, link, 1);
    send(stage, link).await;
}

async fn receive_rough<H: Here>(mut stage: Stage<H>) -> Class {
    let (link, at) = stage.here.link().await;
    stage.board.client_is_at(at);
    let link = rough(&stage.here, link, 2);
    receive(stage, link, None, true).await
}
