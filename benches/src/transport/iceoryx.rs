//! iceoryx2 0.10: loaned samples between processes, delivered as offsets; each taker has a buffer of its own.
//!
//! A full buffer makes the sender wait inside `send`, in its own way (`RetryUntilDelivered`). Payloads are made where they
//! lie. Dead nodes are found and their resources removed, when somebody asks for it.

use iceoryx2::node::{Node, NodeBuilder};
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{BackpressureStrategy, LogLevel, ServiceName, ipc, set_log_level};

use super::{Ball, CAPACITY, Case, Role, ping, pong, seed, send_all, take_all};

/// The roles of a case; `None` where it has no such thing.
#[must_use]
pub fn roles(case: Case, name: &str, items: u64) -> Option<Vec<Role>> {
    match case {
        Case::Signal { takers } => Some(signal(name, takers, items)),
        Case::PingPong => Some(ping_pong(name, items)),
        Case::Framed { bytes } => Some(framed(name, bytes, items)),
        Case::Batches | Case::Merge { .. } | Case::Asleep(_) | Case::Killed(_) => None,
    }
}

/// A node of its own for this party.
///
/// # Panics
/// Where there can be none.
#[must_use]
pub fn node() -> Node<ipc::Service> {
    set_log_level(LogLevel::Fatal);
    NodeBuilder::new().create::<ipc::Service>().expect("a node")
}

/// The name of a service.
///
/// # Panics
/// Never for the names of this bench.
#[must_use]
pub fn service_name(name: &str) -> ServiceName {
    name.try_into().expect("a name")
}

macro_rules! service {
    ($node:ident, $kind:ty, $name:expr, $depth:expr) => {
        $node
            .service_builder(&service_name($name))
            .publish_subscribe::<$kind>()
            .subscriber_max_buffer_size($depth)
            .enable_safe_overflow(false)
            .max_publishers(1)
            .max_subscribers(8)
            .max_nodes(16)
            .open_or_create()
            .expect("a service")
    };
}

/// The sending end.
///
/// # Panics
/// Where there can be none.
#[must_use]
pub fn publisher<E>(
    node: &Node<ipc::Service>,
    name: &str,
    full: BackpressureStrategy,
) -> Publisher<ipc::Service, E, ()>
where
    E: std::fmt::Debug + iceoryx2::prelude::ZeroCopySend + 'static,
{
    service!(node, E, name, CAPACITY)
        .publisher_builder()
        .backpressure_strategy(full)
        .create()
        .expect("a port")
}

/// A taking end.
///
/// # Panics
/// Where there can be none.
#[must_use]
pub fn subscriber<E>(node: &Node<ipc::Service>, name: &str) -> Subscriber<ipc::Service, E, ()>
where
    E: std::fmt::Debug + iceoryx2::prelude::ZeroCopySend + 'static,
{
    service!(node, E, name, CAPACITY).subscriber_builder().create().expect("a port")
}

fn signal(name: &str, takers: usize, items: u64) -> Vec<Role> {
    let taker = |_| -> Role {
        let name = name.to_owned();
        Box::new(move |meet| {
            meet();
            let node = node();
            let subscriber = subscriber::<u64>(&node, &name);
            meet();
            let report = take_all(items, |taken| match subscriber.receive().expect("a connection") {
                Some(sample) => {
                    taken.item(*sample);
                    1
                }
                None => 0,
            });
            meet();
            report
        })
    };
    let mut roles: Vec<Role> = (0..takers).map(taker).collect();
    let name = name.to_owned();
    roles.push(Box::new(move |meet| {
        let node = node();
        let publisher = publisher::<u64>(&node, &name, BackpressureStrategy::RetryUntilDelivered);
        meet();
        meet();
        let report = send_all(items, |at| {
            let sample = publisher.loan_uninit().expect("a sample").write_payload(at);
            u64::from(sample.send().expect("delivered") == takers)
        });
        meet();
        report
    }));
    roles
}

fn ping_pong(name: &str, rounds: u64) -> Vec<Role> {
    let player = |mine: String, theirs: String, first: bool| -> Role {
        Box::new(move |meet| {
            let node = node();
            let publisher = publisher::<Ball>(&node, &mine, BackpressureStrategy::RetryUntilDelivered);
            meet();
            let subscriber = subscriber::<Ball>(&node, &theirs);
            meet();
            let send = |ball: &Ball| {
                let sample = publisher.loan_uninit().expect("a sample").write_payload(*ball);
                sample.send().expect("delivered") == 1
            };
            let take = || subscriber.receive().expect("a connection").map(|sample| *sample);
            let report = if first { ping(rounds, send, take) } else { pong(rounds, send, take) };
            meet();
            report
        })
    };
    let (a, b) = (format!("{name}a"), format!("{name}b"));
    vec![player(a.clone(), b.clone(), true), player(b, a, false)]
}

fn framed(name: &str, bytes: usize, items: u64) -> Vec<Role> {
    let (depth, words) = (((4 << 20) / bytes).min(CAPACITY), bytes / 8);
    let (taker, name) = (name.to_owned(), name.to_owned());
    vec![
        Box::new(move |meet| {
            meet();
            let node = node();
            let subscriber =
                service!(node, [u64], &taker, depth).subscriber_builder().create().expect("a port");
            meet();
            let report = take_all(items, |taken| match subscriber.receive().expect("a connection") {
                Some(sample) => {
                    taken.words(sample.payload().iter().copied(), words);
                    1
                }
                None => 0,
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let node = node();
            let publisher = service!(node, [u64], &name, depth)
                .publisher_builder()
                .initial_max_slice_len(words)
                .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
                .create()
                .expect("a port");
            meet();
            meet();
            let report = send_all(items, |at| {
                let sample = publisher.loan_slice_uninit(words).expect("a sample");
                let sample = sample.write_from_fn(|k| seed(at).wrapping_add(k as u64));
                u64::from(sample.send().expect("delivered") == 1)
            });
            meet();
            report
        }),
    ]
}
