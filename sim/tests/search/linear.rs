//! The linearizability checker: hand-made and published histories, and every small one against all orders there are.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidemill_seam::Duration;
use tidemill_sim::oracle::{
    Call, History, Linearization, Map, MapOp, MapRet, Model, Operation, Queue, QueueOp, QueueRet, Register,
    RegisterOp, RegisterRet, STEPS, Set, SetOp, linearizable, linearize,
};
use tidemill_sim::{Outcome, Sim};

/// One line of a history: a client asks, or is told. A client asks for one thing at a time.
enum Line<M: Model> {
    Asks(u64, M::Op),
    Told(u64, M::Ret),
}
use Line::{Asks, Told};

fn history<M: Model>(lines: Vec<Line<M>>) -> History<M> {
    let (history, mut open) = (History::new("told"), BTreeMap::<u64, Call>::new());
    for line in lines {
        match line {
            Asks(client, op) => {
                open.insert(client, history.call(client, op));
            }
            Told(client, ret) => history.returned(open.remove(&client).expect("it asked"), ret),
        }
    }
    history
}

fn judge<M: Model>(model: &M, lines: Vec<Line<M>>) -> Linearization<M> {
    linearize(model, &history(lines).operations(), STEPS)
}

#[track_caller]
fn legal<M: Model>(model: &M, lines: Vec<Line<M>>) {
    let history = history(lines);
    match linearize(model, &history.operations(), STEPS) {
        Linearization::Legal { orders, .. } => {
            orders.iter().for_each(|(key, order)| explains(model, key, order));
            let placed: usize = orders.iter().map(|(_, order)| order.len()).sum();
            let returned = history.operations().iter().filter(|op| op.returned.is_some()).count();
            assert!(placed >= returned, "an answer was left out");
        }
        otherwise => panic!("{otherwise}"),
    }
}

#[track_caller]
fn illegal<M: Model>(model: &M, lines: Vec<Line<M>>, stuck: &str) {
    match judge(model, lines) {
        Linearization::Illegal(unplaced) => {
            explains(model, &unplaced.key, &unplaced.order);
            assert_eq!(unplaced.stuck.to_string(), stuck, "{unplaced}");
        }
        otherwise => panic!("accepted: {otherwise}"),
    }
}

/// The order gives every answer, and puts nothing before what had returned when it was called.
#[track_caller]
fn explains<M: Model>(model: &M, key: &M::Key, order: &[Operation<M>]) {
    let mut state = model.begin(key);
    for (at, operation) in order.iter().enumerate() {
        let answer = model.apply(&mut state, &operation.op);
        assert!(
            operation.returned.as_ref().is_none_or(|(_, seen)| *seen == answer),
            "{operation} after {at}"
        );
        let overtaken = order[..at].iter().find(|before| {
            operation.returned.as_ref().is_some_and(|(returned, _)| *returned < before.called)
        });
        assert!(overtaken.is_none(), "{overtaken:?} was put before {operation}");
    }
}

fn register() -> Register<u64> {
    Register::new(0)
}

fn write(value: u64) -> RegisterOp<u64> {
    RegisterOp::Write(value)
}

fn swap(from: u64, to: u64) -> RegisterOp<u64> {
    RegisterOp::Swap { from, to }
}

const READ: RegisterOp<u64> = RegisterOp::Read;
const DONE: RegisterRet<u64> = RegisterRet::Done;

fn value(value: u64) -> RegisterRet<u64> {
    RegisterRet::Value(value)
}

fn swapped(done: bool) -> RegisterRet<u64> {
    RegisterRet::Swapped(done)
}

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 3;

fn push(value: char) -> QueueOp<char> {
    QueueOp::Push(value)
}

fn item(value: char) -> QueueRet<char> {
    QueueRet::Item(Some(value))
}

const POP: QueueOp<char> = QueueOp::Pop;
const PUSHED: QueueRet<char> = QueueRet::Done;

// SIM-ORACLES: linearizability; the queues of Herlihy and Wing 1990, figure 1 (H1 to H4)
#[test]
fn the_queues_of_herlihy_and_wing() {
    let queue = Queue::new();
    // H1: x and y are pushed at the same time, so that either may come first.
    let both = || vec![Asks(A, push('x')), Asks(B, push('y')), Told(B, PUSHED), Told(A, PUSHED)];
    let mut h1 = both();
    h1.extend([Asks(B, POP), Told(B, item('x')), Asks(A, POP), Told(A, item('y')), Asks(A, push('z'))]);
    legal(&queue, h1);
    // H2: x is there before y is pushed, and y is popped first.
    let h2 = vec![
        Asks(A, push('x')),
        Told(A, PUSHED),
        Asks(B, push('y')),
        Asks(A, POP),
        Told(B, PUSHED),
        Told(A, item('y')),
    ];
    illegal(&queue, h2, "client 1: Pop → Item(Some('y'))");
    // H3: the push of x has not returned, and x is there all the same.
    let h3 = vec![Asks(A, push('x')), Asks(B, POP), Told(B, item('x'))];
    legal(&queue, h3);
    // H4: y is popped twice.
    let mut h4 = both();
    h4.extend([Asks(A, POP), Asks(B, POP), Told(A, item('y')), Told(B, item('y'))]);
    illegal(&queue, h4, "client 2: Pop → Item(Some('y'))");
}

// SIM-ORACLES: linearizability; registers as in Herlihy and Wing 1990, figure 2 (H5, H6)
#[test]
fn the_registers_of_herlihy_and_wing() {
    let reads = |last| {
        vec![
            Asks(A, write(0)),
            Told(A, DONE),
            Asks(B, write(1)),
            Asks(A, READ),
            Told(A, value(1)),
            Asks(C, write(0)),
            Told(C, DONE),
            Told(B, DONE),
            Asks(B, READ),
            Told(B, value(last)),
        ]
    };
    // H5: 1 was there when A read it, and C wrote 0 after that.
    legal(&register(), reads(0));
    // H6: what C wrote came after what A read, so that nobody reads 1 any more.
    illegal(&register(), reads(1), "client 2: Read → Value(1)");
}

// SIM-ORACLES: linearizability; the two histories of the MIT course 6.824 (2017, second quiz, VII), which Porcupine shows
#[test]
fn a_read_may_be_as_old_as_a_write_that_is_under_way_but_no_older_than_another_read() {
    let lines = vec![
        Asks(A, write(100)),
        Asks(B, READ),
        Asks(C, READ),
        Told(C, value(0)),
        Told(B, value(100)),
        Told(A, DONE),
    ];
    legal(&register(), lines);
    let lines = vec![
        Asks(A, write(200)),
        Asks(B, READ),
        Told(B, value(200)),
        Asks(C, READ),
        Told(C, value(0)),
        Told(A, DONE),
    ];
    illegal(&register(), lines, "client 3: Read → Value(0)");
}

// SIM-ORACLES: linearizability; compare-and-swap with lost answers, as Knossos judges tests of etcd
#[test]
fn a_swap_whose_answer_was_lost_may_explain_a_read_and_a_failed_one_may_not() {
    let lines = |first: Line<Register<u64>>| {
        vec![
            Asks(A, write(1)),
            Told(A, DONE),
            first,
            Asks(B, swap(1, 2)),
            Told(B, swapped(true)),
            Asks(C, READ),
            Told(C, value(4)),
        ]
    };
    legal(&register(), lines(Asks(4, swap(2, 4))));
    illegal(&register(), lines(Asks(4, swap(3, 4))), "client 3: Read → Value(4)");

    // Two that swap from the same value cannot both succeed, unless somebody puts it back in between.
    let race = |last: Vec<Line<Register<u64>>>| {
        let mut lines =
            vec![Asks(A, swap(0, 1)), Asks(B, swap(0, 2)), Told(A, swapped(true)), Told(B, swapped(true))];
        lines.splice(0..0, last);
        lines
    };
    illegal(&register(), race(vec![]), "client 2: Swap { from: 0, to: 2 } → Swapped(true)");
    legal(&register(), race(vec![Asks(C, write(0))]));
    legal(&register(), race(vec![Asks(C, swap(2, 0))]));
    illegal(
        &register(),
        race(vec![Asks(C, swap(3, 0))]),
        "client 2: Swap { from: 0, to: 2 } → Swapped(true)",
    );
}

// SIM-ORACLES: linearizability; operations that never returned take effect at any time, or never, or once
#[test]
fn an_operation_that_never_returned_takes_effect_late_or_never_but_not_twice() {
    let lines = |reads: &[u64]| {
        let mut lines = vec![Asks(A, write(5))];
        lines.extend(reads.iter().flat_map(|seen| [Asks(B, READ), Told(B, value(*seen))]));
        lines
    };
    legal(&register(), lines(&[0, 0, 0]));
    legal(&register(), lines(&[0, 0, 5, 5]));
    illegal(&register(), lines(&[0, 5, 0]), "client 2: Read → Value(0)");
    let queue = |seen: Option<char>| {
        vec![
            Asks(A, push('x')),
            Asks(B, POP),
            Told(B, item('x')),
            Asks(B, POP),
            Told(B, QueueRet::Item(seen)),
        ]
    };
    legal(&Queue::new(), queue(None));
    illegal(&Queue::new(), queue(Some('x')), "client 2: Pop → Item(Some('x'))");
}

#[test]
fn what_was_refused_did_nothing_and_what_is_unknown_may_still_be_answered() {
    let seen = |settle: fn(&History<Register<u64>>, Call)| {
        let history = History::new("settled");
        let call = history.call(A, write(5));
        settle(&history, call);
        let read = history.call(B, READ);
        history.returned(read, value(5));
        matches!(linearize(&register(), &history.operations(), STEPS), Linearization::Legal { .. })
    };
    assert!(seen(|_, _| ()));
    assert!(seen(|history, call| history.unknown(call)));
    assert!(!seen(|history, call| history.refused(call)));
    assert!(seen(|history, call| {
        history.unknown(call);
        history.returned(call, DONE);
    }));
}

#[test]
#[should_panic(expected = "call 0 of history twice was answered twice")]
fn an_answer_that_comes_twice_is_a_mistake_of_the_test() {
    let history = History::<Register<u64>>::new("twice");
    let call = history.call(A, READ);
    history.returned(call, value(0));
    history.returned(call, value(0));
}

// SIM-ORACLES: linearizability, key by key
#[test]
fn keys_are_judged_one_by_one() {
    let map = Map::new();
    let get = |client, key: &'static str, seen: Option<u64>| {
        [Asks(client, MapOp::Get(key)), Told(client, MapRet::Value(seen))]
    };
    let mut lines = vec![Asks(A, MapOp::Put("x", 1)), Asks(B, MapOp::Put("y", 2)), Told(B, MapRet::Done)];
    lines.extend(get(C, "x", None));
    lines.extend(get(C, "y", Some(2)));
    lines.extend(get(C, "x", Some(1)));
    lines
        .extend([Asks(B, MapOp::Swap { key: "y", from: Some(2), to: None }), Told(B, MapRet::Swapped(true))]);
    lines.extend(get(C, "y", None));
    legal(&map, lines);
    let stale: Vec<_> =
        [Asks(B, MapOp::Put("y", 2)), Told(B, MapRet::Done)].into_iter().chain(get(C, "y", None)).collect();
    illegal(&map, stale, "client 3: Get(\"y\") → Value(None)");
    let deleted = vec![
        Asks(A, MapOp::Put("x", 1)),
        Told(A, MapRet::Done),
        Asks(A, MapOp::Delete("x")),
        Told(A, MapRet::Done),
    ];
    let again = |seen| deleted_then(&deleted, get(C, "x", seen));
    legal(&map, again(None));
    illegal(&map, again(Some(1)), "client 3: Get(\"x\") → Value(Some(1))");

    let set = Set::new();
    let twice =
        |second| vec![Asks(A, SetOp::Insert(7)), Asks(B, SetOp::Insert(7)), Told(A, false), Told(B, second)];
    legal(&set, twice(true));
    illegal(&set, twice(false), "client 2: Insert(7) → false");
    let gone = |seen| {
        let mut lines = twice(true);
        lines.extend([Asks(C, SetOp::Remove(7)), Told(C, true), Asks(C, SetOp::Contains(7)), Told(C, seen)]);
        lines
    };
    legal(&set, gone(false));
    illegal(&set, gone(true), "client 3: Contains(7) → true");
}

fn deleted_then<M: Model>(first: &[Line<M>], then: [Line<M>; 2]) -> Vec<Line<M>> {
    let again = first.iter().map(|line| match line {
        Asks(client, op) => Asks(*client, op.clone()),
        Told(client, ret) => Told(*client, ret.clone()),
    });
    again.chain(then).collect()
}

// SIM-ORACLES: linearizability, bounded in steps
#[test]
fn a_search_that_runs_out_of_steps_says_so_and_neither_accepts_nor_rejects() {
    let mut lines: Vec<Line<Register<u64>>> = (0..12).map(|client| Asks(client, write(client))).collect();
    lines.extend((0..12).map(|client| Told(client, DONE)));
    lines.extend([Asks(A, READ), Told(A, value(99))]);
    let operations = history(lines).operations();
    let Linearization::Unknown { steps, .. } = linearize(&register(), &operations, 1_000) else {
        panic!("a thousand steps do not try all orders of twelve writes")
    };
    assert_eq!(steps, 1_000);
    let verdict = linearize(&register(), &operations, STEPS);
    assert!(matches!(verdict, Linearization::Illegal(_)), "{verdict}");
}

#[test]
fn a_long_history_costs_about_a_step_an_operation() {
    let mut lines = Vec::new();
    for n in 0..5_000 {
        lines.extend([Asks(A, write(n)), Asks(B, READ), Told(A, DONE), Told(B, value(n))]);
    }
    match judge(&register(), lines) {
        Linearization::Legal { steps, .. } => assert!(steps < 30_000, "{steps} steps for 10,000 operations"),
        otherwise => panic!("{otherwise}"),
    }
}

#[test]
fn many_lost_operations_do_not_multiply() {
    let mut lines: Vec<Line<Register<u64>>> = (0..40).map(|n| Asks(100 + n, write(7))).collect();
    for _ in 0..200 {
        lines.extend([Asks(A, write(1)), Told(A, DONE), Asks(A, READ), Told(A, value(1))]);
    }
    lines.extend([Asks(A, READ), Told(A, value(8))]);
    illegal(&register(), lines, "client 1: Read → Value(8)");
}

#[test]
fn a_violation_is_told_with_the_order_so_far_the_state_and_who_was_under_way() {
    let history = History::new("register");
    let mut sim: Sim = Sim::new(1);
    sim.watch(linearizable(register(), &history));
    let ms = Duration::from_millis;
    let (writes, reads, lost) = (history.clone(), history.clone(), history.clone());
    sim.after(ms(1), move |sim| {
        let call = writes.call(A, write(5));
        sim.after(ms(4), move |_| writes.returned(call, DONE));
    });
    sim.after(ms(2), move |_| lost.unknown(lost.call(C, write(9))));
    for (at, seen) in [(3, 5), (7, 0)] {
        let reads = reads.clone();
        sim.after(ms(at), move |sim| {
            let call = reads.call(B, READ);
            sim.after(ms(1), move |_| reads.returned(call, value(seen)));
        });
    }
    let outcome = sim.run();
    let failure = outcome.failure().expect("0 was overwritten");
    assert_eq!(failure.id, "linearizable(register): no order of the operations explains their answers");
    let told = "\
no order of the operations explains their answers
  this order explains all answers before the one below
     1  client 1: Write(5) → Done   t+1ms to t+5ms
     2  client 2: Read → Value(5)   t+3ms to t+4ms
  state 5
  none explains client 2: Read → Value(0)   t+7ms to t+8ms
  which would be Value(5) here
  open  client 3: Write(9) → ?   t+2ms on";
    assert_eq!(failure.message, told);
}

#[test]
fn a_run_that_is_cut_short_is_judged_too_and_what_is_not_decided_is_a_failure() {
    let run = |steps| {
        let history = history(vec![Asks(A, write(5)), Told(A, DONE), Asks(B, READ), Told(B, value(5))]);
        let mut sim: Sim = Sim::new(1);
        sim.watch(linearizable(register(), &history).steps(steps));
        sim.conclude()
    };
    assert_eq!(run(2), Outcome::Stopped);
    let outcome = run(1);
    let id = outcome.failure().map(|failure| failure.id.as_str());
    assert_eq!(id, Some("linearizable(told): not decided within # steps"));
}

#[test]
fn a_violation_is_found_while_the_history_is_short() {
    let history = History::new("register");
    let mut sim: Sim = Sim::new(1);
    sim.watch(linearizable(register(), &history));
    for at in 0..1_000 {
        let history = history.clone();
        sim.after(Duration::from_millis(at), move |_| {
            let call = history.call(A, READ);
            history.returned(call, value(u64::from(at == 100)));
        });
    }
    let outcome = sim.run();
    let failure = outcome.failure().expect("nobody wrote 1");
    assert!(failure.event < 260, "{failure}");
}

/// Every order of every choice of lost operations: slow, and right by inspection.
fn any_order_explains<M: Model>(model: &M, state: &M::State, left: &[Operation<M>]) -> bool {
    let Some(first_return) = left.iter().filter_map(|op| Some(op.returned.as_ref()?.0)).min() else {
        return true;
    };
    (0..left.len()).filter(|at| left[*at].called < first_return).any(|at| {
        let (mut state, mut rest) = (state.clone(), left.to_vec());
        let next = rest.remove(at);
        let answer = model.apply(&mut state, &next.op);
        next.returned.is_none_or(|(_, seen)| seen == answer) && any_order_explains(model, &state, &rest)
    })
}

/// What one of three clients does next, if it can: ask, be told the right thing, or any.
type Move = (u64, u8, u64, u64);

fn acted(moves: &[Move]) -> Vec<Operation<Register<u64>>> {
    let (history, model, mut state) = (History::new("acted"), register(), 0);
    let mut open: BTreeMap<u64, (Call, RegisterOp<u64>)> = BTreeMap::new();
    for (client, kind, x, y) in moves {
        match open.remove(client) {
            None => {
                let op = match kind % 3 {
                    0 => READ,
                    1 => write(*x),
                    _ => swap(*x, *y),
                };
                open.insert(*client, (history.call(*client, op.clone()), op));
            }
            Some((call, _)) if *kind == 0 => history.unknown(call),
            Some((call, op)) => {
                let right = model.apply(&mut state, &op);
                let answer = match (right, *kind == 1) {
                    (RegisterRet::Value(_), true) => value(*x),
                    (RegisterRet::Swapped(_), true) => swapped(*y == 0),
                    (right, _) => right,
                };
                history.returned(call, answer);
            }
        }
    }
    history.operations()
}

/// The same for a queue.
fn queued(moves: &[Move]) -> Vec<Operation<Queue<u64>>> {
    let (history, model, mut state) = (History::new("queued"), Queue::new(), Default::default());
    let mut open: BTreeMap<u64, (Call, QueueOp<u64>)> = BTreeMap::new();
    for (client, kind, x, y) in moves {
        match open.remove(client) {
            None => {
                let op = if kind % 2 == 0 { QueueOp::Pop } else { QueueOp::Push(*x) };
                open.insert(*client, (history.call(*client, op.clone()), op));
            }
            Some((call, _)) if *kind == 0 => history.unknown(call),
            Some((call, op)) => {
                let answer = match (model.apply(&mut state, &op), *kind == 1) {
                    (QueueRet::Item(_), true) => QueueRet::Item((*y > 0).then_some(*x)),
                    (right, _) => right,
                };
                history.returned(call, answer);
            }
        }
    }
    history.operations()
}

/// The search and the trial of all orders agree: on the history, and on where it stops being linearizable.
fn agrees<M: Model<Key = ()>>(model: &M, operations: &[Operation<M>]) -> Result<(), TestCaseError> {
    let begin = model.begin(&());
    match linearize(model, operations, STEPS) {
        Linearization::Legal { orders, .. } => {
            prop_assert!(any_order_explains(model, &begin, operations));
            orders.iter().for_each(|(key, order)| explains(model, key, order));
        }
        Linearization::Illegal(unplaced) => {
            prop_assert!(!any_order_explains(model, &begin, operations));
            // Right before the answer that fits nowhere, the history was linearizable.
            let (end, _) = unplaced.stuck.returned.expect("only an answer can be wrong");
            let mut before = operations.to_vec();
            before.retain(|op| op.called < end);
            before.iter_mut().for_each(|op| op.returned = op.returned.take().filter(|(at, _)| *at < end));
            prop_assert!(any_order_explains(model, &begin, &before));
            explains(model, &unplaced.key, &unplaced.order);
        }
        unknown @ Linearization::Unknown { .. } => prop_assert!(false, "{unknown}"),
    }
    Ok(())
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec((0_u64..3, 0_u8..6, 0_u64..3, 0_u64..3), 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    // SIM-ORACLES: linearizability of registers, against every order there is
    #[test]
    fn every_small_history_of_a_register_is_judged_as_by_trying_all_orders(moves in moves()) {
        agrees(&register(), &acted(&moves))?;
    }

    // SIM-ORACLES: linearizability of queues, against every order there is
    #[test]
    fn every_small_history_of_a_queue_is_judged_as_by_trying_all_orders(moves in moves()) {
        agrees(&Queue::new(), &queued(&moves))?;
    }
}
