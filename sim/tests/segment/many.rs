//! Two producers, three who read and one who heals, over one segment in shared memory, and what has to hold at every store.

mod publish;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::{Identity, State};
use tidemill_ring::{
    JoinError, Layout, MultiProducer, Next, Peer, PeerName, Policy, Position, Segment, Spec, Start,
};
use tidemill_sim::{Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use publish::{publish, publish_together};

use super::watch::{Look, Since};
use super::world::{TICK, spawn};
use tidemill_sim::Duration;

/// Its position, the complement of that, who published it, and which of its attempts that was.
type Item = [u32; 4];
const HOLD: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_micros(60);
pub(crate) const PRODUCERS: [&str; 2] = ["left", "right"];

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    /// Items of each producer.
    pub(crate) items: u32,
    pub(crate) capacity: u32,
    /// Who dies is back after a while.
    pub(crate) returns: bool,
    /// Others read besides `risk`: one that is lossy, one that is evicted.
    pub(crate) others: bool,
    /// Somebody heals who does nothing else; whether the others do as well.
    pub(crate) healer: bool,
    pub(crate) mends: bool,
    /// Stores are seen late, and probes are in doubt.
    pub(crate) late: bool,
    /// Positions are claimed and shown together.
    pub(crate) batches: bool,
    /// Producers begin before anybody reads, and keep what they publish until somebody does.
    pub(crate) keeps: bool,
}

impl Crowd {
    pub(crate) const ALL: Self = Self {
        items: 5,
        capacity: 4,
        returns: true,
        others: true,
        healer: true,
        mends: true,
        late: false,
        batches: false,
        keeps: false,
    };
    pub(crate) const SMALL: Self = Self { items: 1, capacity: 2, others: false, ..Self::ALL };
    pub(crate) const BATCHES: Self = Self { items: 8, capacity: 8, batches: true, ..Self::ALL };
    pub(crate) const SMALL_BATCHES: Self = Self { items: 2, capacity: 4, batches: true, ..Self::SMALL };

    fn spec(self) -> Spec {
        let spec = Spec::of::<Item>(self.capacity).line(1).page(1).history(1);
        spec.participants(3).producers(2).journal(8)
    }
}

/// What a producer knows of itself, over all its lives.
#[derive(Default)]
struct Own {
    alive: Cell<bool>,
    attempts: Cell<u32>,
    /// What it has claimed right now: where, and how many positions.
    claim: Cell<Option<(u64, u32)>>,
    /// What it has claimed to be seen at once.
    together: RefCell<Vec<(u64, u32)>>,
    /// It will publish nothing more.
    finished: Cell<bool>,
    /// What it was told was published: position and attempt.
    published: RefCell<Vec<(u64, u32)>>,
}

/// What the laws look at in the end.
#[derive(Default)]
pub(crate) struct Board {
    own: [Own; 2],
    /// What `risk` was given, by position.
    given: RefCell<Vec<(u64, Item)>>,
    pub(crate) lagged: Cell<u64>,
    pub(crate) evicted: Cell<u64>,
    pub(crate) gaps: Cell<u64>,
    /// `risk` has heard the end.
    heard: Cell<bool>,
    crowd: Cell<Option<Crowd>>,
}

impl Board {
    fn crowd(&self) -> Crowd {
        self.crowd.get().expect("the story has a plan")
    }

    fn is_over(&self) -> bool {
        self.own.iter().all(|own| own.finished.get() || !(own.alive.get() || self.crowd().returns))
    }

    /// Every item that a producer was told is published is read, once and as it was, and nothing else is.
    pub(crate) fn judge(&self) {
        let given = self.given.borrow();
        assert!(given.windows(2).all(|two| two[0].0 < two[1].0), "RL-1: {given:?}");
        for (who, own) in self.own.iter().enumerate() {
            for (at, attempt) in &*own.published.borrow() {
                let found = given.iter().find(|(position, _)| position == at).map(|(_, item)| *item);
                let sent = item(*at, who, *attempt);
                assert_eq!(found, Some(sent), "RL-12: what {} published is lost", PRODUCERS[who]);
            }
            let mut attempts: Vec<u32> =
                given.iter().filter(|(_, item)| item[2] == who as u32).map(|(_, item)| item[3]).collect();
            assert!(attempts.is_sorted_by(|one, next| one < next), "RL-11: {attempts:?}");
            attempts.retain(|attempt| *attempt > own.attempts.get());
            assert!(attempts.is_empty(), "RL-13: nobody published {attempts:?}");
        }
    }

    pub(crate) fn finished(&self) -> usize {
        self.own.iter().filter(|own| own.finished.get()).count()
    }

    pub(crate) fn given(&self) -> usize {
        self.given.borrow().len()
    }
}

fn item(at: u64, who: usize, attempt: u32) -> Item {
    [at as u32, !(at as u32), who as u32, attempt]
}

fn whole(at: u64, item: Item) -> bool {
    item[..2] == [at as u32, !(at as u32)]
}

struct Watch {
    look: Look,
    board: Rc<Board>,
    segment: Option<Segment<Look>>,
    gate: u64,
    published: u64,
}

impl Watch {
    fn judge(&mut self) {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => match Segment::attach(self.look.clone()) {
                Ok(segment) => segment,
                Err(_) => return,
            },
        };
        let (gate, published) = (segment.gate().0, segment.published().0);
        assert!(gate >= self.gate, "RL-2: the gate goes back from {} to {gate}", self.gate);
        assert!(published >= self.published, "RL-1: {} was published, now {published}", self.published);
        assert!(gate <= published, "RL-2: the gate at {gate} is beyond {published}");
        let least = gate.max(published.saturating_sub(u64::from(self.board.crowd().capacity)));
        for at in least..published {
            let found = segment.item::<Item>(Position(at));
            let gap = segment.skipped(Position(at));
            assert!(
                found.is_some_and(|item| whole(at, item)) != gap,
                "RL-2: position {at}: {found:?}, {gap}"
            );
        }
        for (own, name) in self.board.own.iter().zip(PRODUCERS) {
            let claim = own.claim.get().filter(|_| own.alive.get());
            let void = |(at, n): (u64, u32)| (at..at + u64::from(n)).any(|at| segment.skipped(Position(at)));
            assert!(!claim.is_some_and(void), "RL-12: what {name} has claimed is void, and it lives");
            let cut = |(at, n): &(u64, u32)| (at + 1..at + u64::from(*n)).contains(&published);
            let cut = own.together.borrow().iter().copied().find(cut);
            assert_eq!(cut, None, "RL-1: a part of it is published, up to {published}");
        }
        for one in segment.participants() {
            let account = one.account;
            let told = account.consumed + account.lagged + account.skipped + account.lost + account.in_flight;
            assert_eq!(account.end - account.start, told, "RL-17: {one:?}");
        }
        (self.gate, self.published) = (gate, published);
        self.segment = Some(segment);
    }
}

/// Plays the story to its end, and judges it.
pub(crate) fn play(sim: &mut Sim, crowd: Crowd) -> Rc<Board> {
    let host = sim.machine("host");
    let words = Layout::of(&crowd.spec()).expect("a ring").words();
    let arena = sim.arena(host, "segment", words);
    let board = Rc::new(Board::default());
    board.crowd.set(Some(crowd));
    let mut watch =
        Watch { look: Look(arena.clone()), board: Rc::clone(&board), segment: None, gate: 0, published: 0 };
    let since = Since::default();
    let told = since.clone();
    arena.watch(move |stored| {
        if since.is_past(stored) {
            watch.judge();
        }
    });
    let world = (host, &arena, &board);
    spawn(sim, world, "maker", |env, mapping, board| async move {
        let live = mapping.liveness();
        let spec = board.crowd().spec();
        Segment::create(mapping, &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
        drop(env);
    });
    sim.run_for(TICK).expect_ok();
    if crowd.late {
        let (rate, order) = (Rate::percent(40), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 30, within: TICK.saturating_mul(2), order }));
        arena.doubt(Rate::percent(30));
    }
    spawn(sim, world, PRODUCERS[0], |env, mapping, board| produce(env, mapping, board, 0));
    spawn(sim, world, PRODUCERS[1], |env, mapping, board| produce(env, mapping, board, 1));
    spawn(sim, world, "risk", risk);
    if crowd.others {
        spawn(sim, world, "lossy", lossy);
        spawn(sim, world, "slow", slow);
    }
    if crowd.healer {
        spawn(sim, world, "healer", heal);
    }
    told.the_crash_point(sim);
    sim.run_for(PATIENCE).expect_ok();
    board
}

fn attached(mapping: &Mapping) -> Segment<Mapping> {
    Segment::attach(mapping.clone()).expect("it was made")
}

/// Alive for as long as this is.
struct Alive(Rc<Board>, usize);

impl Alive {
    fn new(board: &Rc<Board>, who: usize) -> Self {
        board.own[who].alive.set(true);
        board.own[who].claim.set(None);
        Self(Rc::clone(board), who)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.own[self.1].alive.set(false);
    }
}

/// Publishes its items, and gives up every third claim in between.
async fn produce(env: Env, mapping: Mapping, board: Rc<Board>, who: usize) {
    let own = &board.own[who];
    if own.finished.get() {
        return;
    }
    let _alive = Alive::new(&board, who);
    let mut tx: MultiProducer<Item, Mapping, SimLiveness> = loop {
        match attached(&mapping).multi_producer(mapping.liveness(), Identity::default()) {
            Ok(tx) => break tx,
            Err(_) => env.sleep(TICK).await,
        }
    };
    if board.crowd().keeps {
        let how = Coordinate::BufferUntil { n: 1, max: u64::from(board.crowd().capacity) };
        tx = tx.coordinate(how, env.now());
    }
    let heard = |one: tidemill_ring::segment::Participant| {
        one.ctl.state == State::Live && one.name.is_some_and(|name| name.as_str() == "risk")
    };
    for _ in 0..60 {
        if board.crowd().keeps || attached(&mapping).participants().any(heard) {
            break;
        }
        env.sleep(TICK).await;
    }
    let mends = board.crowd().mends;
    while own.published.borrow().len() < board.crowd().items as usize {
        let batches = board.crowd().batches;
        let done = if batches { publish_together(&mut tx, own, who) } else { publish(&mut tx, own, who) };
        if !done && mends {
            tx.tend(env.now());
        }
        env.sleep(TICK).await;
    }
    own.finished.set(true);
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

/// Loses nothing: its place is kept while it is dead.
async fn risk(env: Env, mapping: Mapping, board: Rc<Board>) {
    if board.heard.get() {
        return;
    }
    if board.crowd().keeps {
        env.sleep(TICK.saturating_mul(9)).await;
    }
    let mut rx = loop {
        match attached(&mapping).consumer::<Item, _>(
            mapping.liveness(),
            &peer("risk").hold(HOLD),
            Start::Resume,
        ) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    rx.ready();
    loop {
        let closed = match rx.try_next() {
            Some(Next::Item(lease)) => {
                let (at, item) = (lease.position().0, *lease);
                assert!(whole(at, item), "RL-1: {item:?} at {at}");
                take(&board, at, item);
                None
            }
            None => Some(false),
            Some(Next::Closed(_)) => Some(true),
            Some(other) => panic!("a consumer hears {other:?}"),
        };
        if closed == Some(true) && board.is_over() {
            break;
        }
        if closed.is_some() && board.crowd().mends {
            rx.tend();
        }
        env.sleep(TICK).await;
    }
    let account = attached(&mapping).participant(rx.slot()).expect("its slot").account;
    board.gaps.set(account.skipped);
    board.heard.set(true);
}

/// Whoever died between an item and its acknowledgement sees that one again.
fn take(board: &Board, at: u64, item: Item) {
    let mut given = board.given.borrow_mut();
    match given.last() {
        Some((last, before)) if *last == at => assert_eq!(*before, item, "RL-10"),
        _ => given.push((at, item)),
    }
}

/// Is told what it missed.
async fn lossy(env: Env, mapping: Mapping, board: Rc<Board>) {
    let lossy = peer("lossy").policy(Policy::Lossy);
    let mut ui = loop {
        match attached(&mapping).reader::<Item, _>(mapping.liveness(), &lossy, Start::Earliest) {
            Ok(ui) => break ui,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    loop {
        let next = ui.position().0;
        match ui.try_next() {
            Some(Next::Item(got)) => assert!(whole(ui.position().0 - 1, got), "RL-5"),
            Some(Next::Lagged { from, to }) => {
                assert!(from.0 >= next && to > from);
                board.lagged.set(board.lagged.get() + to.0 - from.0);
            }
            Some(Next::Closed(_)) if board.is_over() => return,
            None | Some(Next::Closed(_)) => {
                ui.tend();
            }
            Some(other) => panic!("a lossy reader hears {other:?}"),
        }
        env.sleep(TICK.saturating_mul(if next.is_multiple_of(4) { 9 } else { 1 })).await;
    }
}

/// Too slow for its policy, again and again.
async fn slow(env: Env, mapping: Mapping, board: Rc<Board>) {
    let evict = peer("slow").policy(Policy::Evict { after: TICK.saturating_mul(4) });
    loop {
        let Ok(mut reader) = attached(&mapping).reader::<Item, _>(mapping.liveness(), &evict, Start::Latest)
        else {
            env.sleep(TICK).await;
            continue;
        };
        loop {
            match reader.try_next() {
                Some(Next::Item(got)) => assert!(whole(reader.position().0 - 1, got), "RL-5"),
                Some(Next::Evicted { .. }) => {
                    board.evicted.set(board.evicted.get() + 1);
                    break;
                }
                Some(Next::Closed(_)) if board.is_over() => return,
                None | Some(Next::Closed(_)) => {
                    reader.tend();
                }
                Some(other) => panic!("a slow reader hears {other:?}"),
            }
            env.sleep(TICK.saturating_mul(13)).await;
        }
    }
}

/// Sees to dead producers, and to nothing else.
async fn heal(env: Env, mapping: Mapping, board: Rc<Board>) {
    while !board.is_over() {
        attached(&mapping).heal(&mapping.liveness());
        env.sleep(TICK.saturating_mul(3)).await;
    }
}
