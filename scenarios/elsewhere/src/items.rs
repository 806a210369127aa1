//! ticker ─▶ near ═══ link ═══▶ far ─▶ sink      the shipped wire, a hundred and twenty items

use std::cell::RefCell;

use tidemill_flow::wire::{Inbound, Outbound, Timing};
use tidemill_flow::{
    Caps, Cx, Edge, Fault, Graph, Items, Node, Outcome, Permits, StaticPool, Step, bind, sink,
};
use tidemill_seam::{Clock, Duration, Instant, Link, PoolId};

use crate::{Act, Board, Class, Here, Stage};

const STREAM: u32 = 0x776f_726c;
const COUNT: u32 = 120;
/// The item at which something happens to the world.
const MIDDLE: u32 = 40;
const TICK: Duration = Duration::from_millis(1);
/// How long the receiver answers a sender that missed the last acknowledgement.
const LINGER: Duration = Duration::from_secs(1);
/// A round trip takes a fifth of the first wait, and many of the last fit into the linger.
const TIMING: Timing = Timing { resend_max: Duration::from_millis(100), ..Timing::DEFAULT };

/// One number a tick.
struct Ticker {
    next: u32,
    due: Instant,
}

impl Node for Ticker {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, cx: &mut Cx, _: Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        if cx.now() < self.due {
            return Ok(Step::SleepUntil(self.due));
        }
        out.send(self.next);
        (self.next, self.due) = (self.next + 1, cx.now() + TICK);
        Ok(if self.next == COUNT { Step::Done } else { Step::SleepUntil(self.due) })
    }
}

/// Sends every item to the client, from the first one on: also after a restart.
pub(crate) async fn send<H: Here, L: Link<Address = H::Address>>(mut stage: Stage<H>, link: L) {
    let client = stage.client().await;
    let (pool, edge) = (StaticPool::<u32, 6>::new(PoolId(0)), Edge::<u32, 4>::new(Caps::wait(4)));
    let (tx, rx) = edge.split(&pool).expect("it is split once");
    let ticker = Ticker { next: 0, due: stage.here.clock().now() };
    let mut near = Outbound::<_, u32, 16, 8>::new(link, client, STREAM, TIMING);
    let mut graph = Graph::new((
        bind("ticker", ticker, (), (pool.home().expect("it has one").feed([tx]),)),
        bind("near", &mut near, (rx,), ()),
    ))
    .expect("the graph is sound");
    let outcome = stage.here.run(&mut graph).await;
    assert!(outcome == Outcome::Done, "the sender ended early: {outcome:?}");
    drop(graph);
    stage.board.all_sent(near.repeats());
}

/// Receives every item; in the middle, has something done to the world. Where that is `hard` on datagrams, some must have
/// been sent again; where the sender starts anew, some must have come again.
pub(crate) async fn receive<H: Here, L: Link<Address = H::Address>>(
    mut stage: Stage<H>,
    link: L,
    act: Option<Act>,
    hard: bool,
) -> Class {
    let (pool, edge) = (StaticPool::<u32, 6>::new(PoolId(0)), Edge::<u32, 4>::new(Caps::wait(4)));
    let (tx, rx) = edge.split(&pool).expect("it is split once");
    let (heard, board) = (RefCell::new(Vec::new()), stage.board.clone());
    let take = |item: &u32| {
        heard.borrow_mut().push(*item);
        if let Some(act) = act
            && *item == MIDDLE
        {
            board.ask(act);
        }
    };
    let mut far = Inbound::<_, u32, 16, 8>::new(link, STREAM, LINGER);
    let mut graph = Graph::new((
        bind("far", &mut far, (), (pool.home().expect("it has one").feed([tx]),)),
        bind("sink", sink(take), (rx,), ()),
    ))
    .expect("the graph is sound");
    let outcome = stage.here.run(&mut graph).await;
    drop(graph);
    if outcome != Outcome::Done {
        return Class::Odd;
    }
    let felt = stage.read(Board::repeats).await > 0 || !hard;
    let acted = act.is_none_or(|act| stage.board.times(act) == 1);
    let again = act != Some(Act::Restart) || far.repeats() > 0;
    match heard.into_inner().into_iter().eq(0..COUNT) {
        true if felt && acted && again => Class::Delivered,
        true => Class::Odd,
        false => Class::Garbled,
    }
}
