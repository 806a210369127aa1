//! Whatever hosts and registers answer, no step panics, asks for more than it may, or makes a record that cannot be read.

use crate::rig::{A, EDGE, Item, Rig};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use tidemill_relocate::{
    Chain, ConsumerEffect, ConsumerEvent, ConsumerTimer, DeskError, EdgeRecord, Entry, FenceEpoch,
    Incarnation, Label, Preset, ProducerEffect, ProducerEvent, ProducerTimer, Reply, Resumed, Standing,
    Swapped,
};
use tidemill_seam::Version;

/// One answer, whether it fits what was asked or not.
#[derive(Clone, Debug)]
enum Answer {
    Truth,
    Late,
    Lie(Reply<Item>),
    Swapped(Swapped),
    Failed(DeskError),
    /// The record, with another writing, frontier, floor, complaint, end and accepted loss.
    Record(u64, u64, u64, u64, u64, u64),
    /// No more comes, or the end is covered.
    End(u64),
    /// The stage goes back to its checkpoint.
    Again,
    Wake,
    Push,
    Write,
    Fenced,
}

fn off() -> impl Strategy<Value = u64> {
    prop_oneof![0..12_u64, any::<u64>()]
}

fn reply() -> impl Strategy<Value = Reply<Item>> {
    let entry = (any::<u8>(), any::<u8>()).prop_map(|(label, chain)| Entry {
        label: Label(label.into()),
        chain: Chain(chain.into()),
        payload: vec![label],
    });
    prop_oneof![
        off().prop_map(|credit| Reply::Granted { credit }),
        off().prop_map(|next| Reply::Ack { next, credit: 0 }),
        off().prop_map(|next| Reply::AlreadyHave { next }),
        off().prop_map(|next| Reply::Gap { next }),
        off().prop_map(|off| Reply::End { off, chain: Chain::EMPTY }),
        off().prop_map(|next| Reply::Empty { next, sealed: true }),
        off().prop_map(|base| Reply::Below { base }),
        off().prop_map(|fence| Reply::Stale { fence: FenceEpoch::new(fence) }),
        (off(), proptest::collection::vec(entry, 0..4)).prop_map(|(off, entries)| Reply::Data {
            off,
            chain: Chain::EMPTY,
            entries
        }),
        Just(Reply::Full),
        Just(Reply::Conflict),
        Just(Reply::NoSpace),
        Just(Reply::Ok),
        Just(Reply::Unknown),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        6 => Just(Answer::Truth),
        1 => Just(Answer::Late),
        3 => reply().prop_map(Answer::Lie),
        1 => prop_oneof![Just(Swapped::Lost), Just(Swapped::Unknown), Just(Swapped::Won(Version(9)))].prop_map(Answer::Swapped),
        1 => prop_oneof![Just(DeskError::Unavailable), Just(DeskError::Pending)].prop_map(Answer::Failed),
        1 => (0..9_u64, off(), off(), 0..4_u64, off(), off()).prop_map(|(ver, frontier, floor, complaint, end, loss)| {
            Answer::Record(ver, frontier, floor, complaint, end, loss)
        }),
        1 => off().prop_map(Answer::End),
        1 => Just(Answer::Again),
        2 => Just(Answer::Wake),
        2 => Just(Answer::Push),
        1 => Just(Answer::Write),
        1 => prop_oneof![30 => Just(Answer::Wake), 1 => Just(Answer::Fenced)],
    ]
}

/// A record that a register could hold: possible, and true of nothing.
fn forged(rig: &Rig, answer: &Answer) -> Option<Standing> {
    let Answer::Record(ver, frontier, floor, complaint, end, loss) = *answer else { return None };
    let mut standing = rig.record.clone();
    let record = &mut standing.record;
    record.ver = record.ver.saturating_add(ver);
    (record.frontier.off, record.floor.off) = (frontier, floor);
    record.end = if end < 12 { end } else { tidemill_relocate::OPEN };
    record.accepted_loss = if loss < 12 { loss } else { 0 };
    record.complaint.generation = FenceEpoch::new(complaint);
    EdgeRecord::decode(&standing.record.encode()).is_ok().then_some(standing)
}

fn to_producer(rig: &mut Rig, answer: &Answer) {
    match answer {
        Answer::Push => {
            _ = rig.push();
            return;
        }
        Answer::Write if rig.producer.is_active() => return rig.write(),
        Answer::End(off) => {
            _ = rig.producer.close();
            let seq = rig.written.durable.seq;
            return rig.tell(ProducerEvent::Ended { off: (*off).min(rig.producer.next()), seq });
        }
        Answer::Again => return rig.go_back(),
        Answer::Fenced => return rig.tell(ProducerEvent::Fenced { by: Incarnation(99) }),
        Answer::Wake => {
            return [ProducerTimer::Again, ProducerTimer::Poll, ProducerTimer::Renew]
                .into_iter()
                .for_each(|timer| rig.tell(ProducerEvent::Woke(timer)));
        }
        _ => {}
    }
    let asked = |want: &ProducerEffect<Item>| match want {
        ProducerEffect::Read(op) | ProducerEffect::Swap(op, ..) | ProducerEffect::Ask(op, ..) => Some(*op),
        _ => None,
    };
    let Some((at, op)) = rig.wants.iter().enumerate().find_map(|(at, want)| Some((at, asked(want)?))) else {
        return;
    };
    let event = match answer.clone() {
        Answer::Late => ProducerEvent::Late(op),
        Answer::Lie(reply) => ProducerEvent::Reply(op, reply),
        Answer::Swapped(swapped) => ProducerEvent::Swapped(op, Ok(swapped)),
        Answer::Failed(error) => ProducerEvent::Record(op, Err(error)),
        forge @ Answer::Record(..) => match forged(rig, &forge) {
            Some(standing) => ProducerEvent::Record(op, Ok(Box::new(standing))),
            None => return,
        },
        _ => {
            _ = rig.produce_one();
            return;
        }
    };
    rig.wants.remove(at);
    rig.tell(event);
}

fn to_consumer(rig: &mut Rig, answer: &Answer) {
    if let Answer::End(off) = answer {
        return rig.show(ConsumerEvent::Finished { off: *off, seq: 1 });
    }
    if let Answer::Again = answer {
        rig.taken.inc.0 += 1;
        rig.shown.clone_from(&rig.committed);
        // Its store takes nothing more of the life before.
        rig.asks.retain(|ask| !matches!(ask, ConsumerEffect::Commit(_) | ConsumerEffect::Finish(_)));
        return rig.show(ConsumerEvent::Minted(Resumed { committed: rig.taken, seen: 0 }));
    }
    if let Answer::Wake | Answer::Push = answer {
        rig.show(ConsumerEvent::Woke(ConsumerTimer::Again));
        rig.show(ConsumerEvent::Woke(ConsumerTimer::Poll));
        return rig.show(ConsumerEvent::Snapshot { off: rig.consumer.delivered() });
    }
    let asked = |ask: &ConsumerEffect<Item>| match ask {
        ConsumerEffect::Read(op) | ConsumerEffect::Swap(op, ..) | ConsumerEffect::Ask(op, ..) => Some(*op),
        _ => None,
    };
    let Some((at, op)) = rig.asks.iter().enumerate().find_map(|(at, ask)| Some((at, asked(ask)?))) else {
        return;
    };
    let event = match answer.clone() {
        Answer::Late => ConsumerEvent::Late(op),
        Answer::Lie(reply) => ConsumerEvent::Reply(op, reply),
        Answer::Swapped(swapped) => ConsumerEvent::Swapped(op, Ok(swapped)),
        Answer::Failed(error) => ConsumerEvent::Record(op, Err(error)),
        forge @ Answer::Record(..) => match forged(rig, &forge) {
            Some(standing) => ConsumerEvent::Record(op, Ok(Box::new(standing))),
            None => return,
        },
        _ => {
            _ = rig.settle_one(u64::MAX);
            return;
        }
    };
    rig.asks.remove(at);
    rig.show(event);
}

proptest! {
    #[test]
    fn no_answer_makes_an_end_panic(
        preset in 0..4_usize,
        tape in proptest::collection::vec((any::<bool>(), answer()), 1..120),
    ) {
        let presets =
            [Preset::ExactlyOnce, Preset::ExactlyOnceEarly, Preset::AtLeastOnce, Preset::Deterministic];
        let mut rig = Rig::new(presets[preset]);
        rig.bear_producer();
        rig.bear_consumer();
        assert_eq!((rig.record.record.edge, rig.hosts[0].id()), (EDGE, A));
        for (producer, answer) in tape {
            if producer {
                to_producer(&mut rig, &answer);
            } else {
                to_consumer(&mut rig, &answer);
            }
        }
    }
}
