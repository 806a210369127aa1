extern crate std;

use super::{Full, Inline, Model, Spec, Vec, split, split_evicting};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::Config;
use proptest::{collection, prop_oneof, proptest};
use std::vec;

#[derive(Clone, Copy, Debug)]
enum Op {
    Push,
    Stage,
    Publish,
    Unstage,
    PushBatch(usize),
    Pop,
    Take,
    Release,
    PopBatch(usize),
    Peek(u32),
    EvictOver(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Push),
        2 => Just(Op::Stage),
        1 => Just(Op::Publish),
        1 => Just(Op::Unstage),
        1 => (0..20usize).prop_map(Op::PushBatch),
        3 => Just(Op::Pop),
        3 => Just(Op::Take),
        1 => Just(Op::Release),
        1 => (0..20usize).prop_map(Op::PopBatch),
        1 => (0..18u32).prop_map(Op::Peek),
        1 => (0..18u32).prop_map(Op::EvictOver),
    ]
}

fn config() -> Config {
    let cases = if cfg!(miri) { 3 } else { 512 };
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history_agrees_with_a_queue_e1_e2_e4_e8_e13_e14_e22(
        ops in collection::vec(op(), 0..if cfg!(miri) { 40 } else { 200 }),
        shift in 0..5u32,
        start in prop_oneof![Just(u32::MAX - 3), any::<u32>()],
        evict in any::<bool>(),
    ) {
        replay(&ops, Spec::new(1 << shift).starting_at(start), evict);
    }
}

fn replay(ops: &[Op], spec: Spec, evict: bool) {
    let memory = Inline::<256>::new();
    let halves = if evict { split_evicting(&memory, spec) } else { split(&memory, spec) };
    let (mut producer, mut consumer) = halves.unwrap();
    let capacity = spec.capacity as usize;
    let mut model = Model::default();
    // Taken entries whose slots the consumer has not given back.
    let mut held = 0;
    let mut fresh = (0..).map(|i| [i, !i]);
    for op in ops {
        let used = model.waiting.len() + model.staged.len() + held;
        match *op {
            Op::Push | Op::Stage => {
                let entry = fresh.next().unwrap();
                let push = matches!(op, Op::Push);
                let got = if push { producer.push(entry) } else { producer.stage(entry) };
                assert_eq!(got, if used < capacity { Ok(()) } else { Err(Full(entry)) }, "E4");
                if got.is_ok() {
                    model.staged.push_back(entry);
                    if push {
                        model.publish();
                    }
                }
            }
            Op::Publish => {
                producer.publish();
                model.publish();
            }
            Op::Unstage => assert_eq!(producer.unstage(), model.staged.pop_back()),
            Op::PushBatch(n) => {
                let entries: Vec<_> = fresh.by_ref().take(n).collect();
                let fit = n.min(capacity - used);
                assert_eq!(producer.push_batch(&entries), fit, "E14");
                if fit > 0 {
                    model.staged.extend(&entries[..fit]);
                    model.publish();
                }
            }
            Op::Pop => {
                let got = consumer.pop();
                assert_eq!(got, model.waiting.pop_front(), "E1");
                if got.is_some() {
                    held = 0;
                }
            }
            Op::Take => {
                let got = consumer.take();
                assert_eq!(got, model.waiting.pop_front(), "E1");
                held += usize::from(got.is_some() && !evict);
                if 2 * held > capacity - 1 {
                    held = 0;
                }
            }
            Op::Release => {
                consumer.release();
                held = 0;
            }
            Op::PopBatch(n) => {
                let mut into = vec![[0; 2]; n];
                let fit = n.min(model.waiting.len());
                assert_eq!(consumer.pop_batch(&mut into), fit, "E14");
                assert!(model.waiting.drain(..fit).eq(into[..fit].iter().copied()), "E1");
                if fit > 0 {
                    held = 0;
                }
            }
            Op::Peek(i) => assert_eq!(consumer.peek(i), model.waiting.get(i as usize).copied(), "E13"),
            Op::EvictOver(keep) => {
                let mut evicted = Vec::new();
                producer.evict_over(keep, |entry| evicted.push(entry));
                assert!(evicted.into_iter().eq(model.evict_over(keep as usize, evict)), "E7, E8");
            }
        }
        let waiting = model.waiting.len();
        assert_eq!(consumer.waiting() as usize, waiting, "E11, E22");
        assert_eq!(producer.waiting() as usize, waiting + model.staged.len() + held, "E11");
        assert_eq!(producer.staged() as usize, model.staged.len());
    }
    let left = model.waiting.len();
    producer.publish();
    model.publish();
    drop(producer);
    assert!(consumer.is_closed(), "E20");
    assert!(core::iter::from_fn(|| consumer.pop()).eq(model.waiting), "E2 with {left} left");
}

impl Model {
    fn publish(&mut self) {
        self.waiting.append(&mut self.staged);
    }

    fn evict_over(&mut self, keep: usize, evict: bool) -> Vec<[u32; 2]> {
        let over = (self.waiting.len() + self.staged.len()).saturating_sub(keep).min(self.waiting.len());
        self.waiting.drain(..if evict { over } else { 0 }).collect()
    }
}
