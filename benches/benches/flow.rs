//! What a message costs: a slot from the pool, a hop over an edge, the way through a graph.
//!
//! ```text
//! pool:   reserve ─▶ write ─▶ commit ─▶ give back      with 0 … 4,095 of 4,096 slots in use: it must be flat (M10)
//! edge:   store ─▶ push ─▶ pop ─▶ read ─▶ return       beside the boxes that one would send through rtrb
//! graph:  numbers ─▶ squares ─▶ sum                    beside the same three functions, by hand, over two rtrb rings
//! ```

use std::hint::black_box;

use benches::contest::{Contestant, Effort, contest};
use benches::figure::cpu_time;
use benches::three_nodes::ThreeNodes;
use tidemill_flow::{Caps, Edge, Header, Home, Manager, Payload, Rx, StaticPool, Token, Tx};
use tidemill_seam::{Instant, PoolId};

const SLOTS: usize = 4096;
const CAPACITY: usize = 64;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let effort =
        |items| Effort { rounds: if quick { 9 } else { 51 }, items: if quick { items / 8 } else { items } };
    pool_at_any_fill(effort(2_000_000));
    hop("an edge hop, u32", effort(1_000_000), |i| i, |payload| *payload);
    hop("an edge hop, 1 KiB", effort(200_000), |i| [i; 256], |payload| payload[255]);
    graph(effort(1_000_000));
}

/// `step` is given a number and must give it back; processor time.
fn timed(items: u32, mut step: impl FnMut(u32) -> u32) -> f64 {
    let start = cpu_time();
    let total: u64 = (0..items).map(|i| u64::from(step(black_box(i)))).sum();
    let spent = cpu_time() - start;
    assert_eq!(total, u64::from(items) * u64::from(items - 1) / 2, "a message was lost or changed");
    spent.as_nanos() as f64 / f64::from(items)
}

fn header(sequence: u32) -> Header {
    Header::new(1, u64::from(sequence), Instant::ZERO)
}

/// A pool with `used` of its slots in use.
fn pool_with(used: usize) -> (Home<'static, u32>, Vec<Token<'static, u32>>) {
    let pool: &'static StaticPool<u32, SLOTS> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
    let mut home = pool.home().expect("opened once");
    let held = (0..used).map(|_| home.loan().expect("a slot").commit(header(0), || 0)).collect();
    (home, held)
}

fn pool_at_any_fill(effort: Effort) {
    let fills =
        [("empty", 0), ("1 in use", 1), ("64 in use", 64), ("2,048 in use", 2048), ("4,095 in use", 4095)];
    let mut contestants = fills.map(|(name, used)| {
        let (mut home, _held) = pool_with(used);
        Contestant::new(name, move |items| {
            timed(items, |i| {
                let token = home.loan().expect("a slot").commit(header(i), || i);
                let read = *black_box(&*token);
                Manager::give_back(&mut home, token).expect("its own pool");
                read
            })
        })
    });
    contest("allocate and free in a pool of 4,096 slots", effort, &mut contestants);
}

type Ends<P> = (Home<'static, P>, Tx<'static, P>, Rx<'static, P>);

fn edge<P: Payload>() -> Ends<P> {
    let pool: &'static StaticPool<P, CAPACITY> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
    let edge: &'static Edge<P, CAPACITY> = Box::leak(Box::new(Edge::new(Caps::wait(CAPACITY as u32))));
    let (tx, rx) = edge.split(pool).expect("split once");
    (pool.home().expect("opened once"), tx, rx)
}

fn hop<P: Payload>(title: &str, effort: Effort, make: fn(u32) -> P, read: fn(&P) -> u32) {
    let (mut home, mut tx, mut rx) = edge::<P>();
    let (mut boxes_in, mut boxes_out) = rtrb::RingBuffer::<(Header, Box<P>)>::new(CAPACITY);
    let (mut values_in, mut values_out) = rtrb::RingBuffer::<(Header, P)>::new(CAPACITY);
    let mut contestants = [
        Contestant::new("tidemill edge over its pool", |items| {
            timed(items, |i| {
                let token = home.loan().expect("a slot").commit(header(i), || make(i));
                tx.push(token, Instant::ZERO, |_| ()).expect("room");
                let token = rx.pop().expect("a message");
                let value = read(black_box(&*token));
                rx.give_back(token).expect("its own pool");
                value
            })
        }),
        Contestant::new("rtrb of header and box", |items| {
            timed(items, |i| {
                assert!(boxes_in.push((header(i), Box::new(make(i)))).is_ok(), "room");
                let (_, payload) = boxes_out.pop().expect("a message");
                read(black_box(&*payload))
            })
        }),
        Contestant::new("rtrb of header and value", |items| {
            timed(items, |i| {
                assert!(values_in.push((header(i), make(i))).is_ok(), "room");
                let (_, payload) = values_out.pop().expect("a message");
                read(black_box(&payload))
            })
        }),
    ];
    contest(title, effort, &mut contestants);
}

fn graph(effort: Effort) {
    let mut nodes = ThreeNodes::new();
    let (mut numbers_in, mut numbers_out) = rtrb::RingBuffer::<(Header, u32)>::new(8);
    let (mut squares_in, mut squares_out) = rtrb::RingBuffer::<(Header, u64)>::new(8);
    let mut contestants = [
        Contestant::new("tidemill graph, one worker", |items| {
            let (start, before) = (cpu_time(), nodes.carry(0));
            let carried = nodes.carry(items) - before;
            (cpu_time() - start).as_nanos() as f64 / carried as f64
        }),
        Contestant::new("three functions over rtrb", |items| {
            let (start, mut sum) = (cpu_time(), 0_u64);
            for i in 0..items {
                numbers_in.push((header(i), black_box(i))).expect("room");
                let (header, n) = numbers_out.pop().expect("a number");
                squares_in.push((header, u64::from(n).pow(2))).expect("room");
                sum = sum.wrapping_add(squares_out.pop().expect("a square").1);
            }
            black_box(sum);
            (cpu_time() - start).as_nanos() as f64 / f64::from(items)
        }),
    ];
    contest("a message through three nodes", effort, &mut contestants);
}
