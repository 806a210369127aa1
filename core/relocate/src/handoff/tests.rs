use super::{HandoffReader, HandoffWriter, PublishError, QueueLocator};
use crate::bad::{Bad, Object, Why};
use crate::desk::{Desk, DeskError, Swapped};
use crate::record::{EdgeRecord, Seg, Terms, Unfit};
use crate::{ChainKind, EdgeId, FenceEpoch, HostId, Incarnation, Nonce, Owner, StageId};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};

/// A register in memory, shared by all who hold it, which may be put back or lag.
#[derive(Clone, Default)]
struct Shared {
    values: Rc<RefCell<Vec<Vec<u8>>>>,
    lags: bool,
    lost: bool,
}

impl Register for Shared {
    fn capacity(&self) -> usize {
        4096
    }
    fn reads_may_be_stale(&self) -> bool {
        self.lags
    }
    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        let values = self.values.borrow();
        let value = values.last().ok_or(ReadingError::Absent)?;
        let room = into.get_mut(..value.len()).ok_or(ReadingError::Truncated { len: value.len() })?;
        room.copy_from_slice(value);
        Ok(Reading { version: Version(values.len() as u64), len: value.len() })
    }
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let mut values = self.values.borrow_mut();
        if expected.0 != values.len() as u64 {
            return Ok(Exchanged::Lost(Version(values.len() as u64)));
        }
        values.push(value.to_vec());
        Ok(if self.lost { Exchanged::Unknown } else { Exchanged::Won(Version(values.len() as u64)) })
    }
    fn watch(&mut self, seen: Version) -> bool {
        self.values.borrow().len() as u64 > seen.0
    }
}

const EDGE: EdgeId = EdgeId([4; 16]);

fn locator(generation: u64, host: u64) -> QueueLocator {
    let seg = Seg {
        generation: FenceEpoch::new(generation),
        host: HostId(host),
        nonce: Nonce(generation * 10),
        base: 0,
    };
    QueueLocator { edge: EDGE, seg }
}

fn owner(inc: u64) -> Owner {
    Owner { stage: StageId([1; 16]), inc: Incarnation(inc) }
}

fn founded() -> Shared {
    let shared = Shared::default();
    let record = EdgeRecord::new(EDGE, ChainKind::Origin, Terms::default());
    assert_eq!(Desk::new(shared.clone(), 0).found(&record), Ok(Swapped::Won(Version(1))));
    shared
}

#[test]
fn a_reader_is_shown_each_home_once_and_never_an_older_one() {
    let shared = founded();
    let (mut writer, mut reader) = (HandoffWriter::new(shared.clone(), owner(1)), HandoffReader::new(shared));
    assert_eq!(reader.poll(), Ok(None), "nobody owns it");
    for generation in 1..4 {
        let ver = writer.ver().expect("a record");
        assert!(matches!(writer.publish(ver, locator(generation, 7)), Ok(Swapped::Won(_))));
        let state = reader.poll().expect("a record").expect("a newer home");
        assert_eq!((state.ver, state.owner, state.locator), (ver + 1, owner(1), locator(generation, 7)));
        assert_eq!(reader.poll(), Ok(None));
    }
}

#[test]
fn two_publishers_one_winner() {
    let shared = founded();
    let mut writers = [1, 2].map(|host| (HandoffWriter::new(shared.clone(), owner(host)), locator(1, host)));
    let published = writers.each_mut().map(|(writer, locator)| writer.publish(1, *locator));
    assert_eq!(published, [Ok(Swapped::Won(Version(2))), Err(PublishError::Moved { ver: 2 })]);
    let home = HandoffReader::new(shared).poll().expect("a record").expect("a home");
    assert_eq!(home.locator.seg.host, HostId(1));
}

#[test]
fn an_older_life_an_older_generation_and_another_edge_publish_nothing() {
    let shared = founded();
    let mut new = HandoffWriter::new(shared.clone(), owner(2));
    assert!(matches!(new.publish(1, locator(5, 7)), Ok(Swapped::Won(_))));
    let mut old = HandoffWriter::new(shared.clone(), owner(1));
    assert_eq!(old.publish(2, locator(6, 8)), Err(PublishError::Fenced { by: owner(2) }));
    assert_eq!(new.publish(2, locator(5, 8)), Err(PublishError::Unfit(Unfit::Older)));
    let mut foreign = locator(6, 8);
    foreign.edge = EdgeId([9; 16]);
    assert_eq!(new.publish(2, foreign), Err(PublishError::Foreign));
    assert_eq!(shared.values.borrow().len(), 2);
}

#[test]
fn an_unknown_outcome_is_settled_by_reading() {
    let mut shared = founded();
    shared.lost = true;
    let mut writer = HandoffWriter::new(shared.clone(), owner(1));
    assert_eq!(writer.publish(1, locator(1, 7)), Ok(Swapped::Unknown));
    assert_eq!(writer.ver(), Ok(2), "it was written");
    assert_eq!(HandoffReader::new(shared).poll().map(|home| home.map(|home| home.owner)), Ok(Some(owner(1))));
}

// A damaged record is no default, and neither is a blank one, nor none at all.
#[test]
fn what_is_no_record_is_an_error() {
    assert_eq!(HandoffReader::new(Shared::default()).poll(), Err(DeskError::Absent));
    let shared = founded();
    let sound = shared.values.borrow()[0].clone();
    let mut torn = sound.clone();
    torn[300] ^= 1;
    let cases: [(Vec<u8>, DeskError); 4] = [
        (torn, bad(Why::Checksum)),
        (sound[..200].to_vec(), bad(Why::Length)),
        (Vec::from([0; 512]), bad(Why::Magic)),
        (Vec::from([1; 513]), DeskError::Corrupt),
    ];
    for (value, error) in cases {
        shared.values.borrow_mut().push(value);
        assert_eq!(HandoffReader::new(shared.clone()).poll(), Err(error));
    }
}

fn bad(why: Why) -> DeskError {
    DeskError::Bad(Bad::Corrupt { object: Object::EdgeRecord, why })
}

#[test]
fn a_register_that_was_put_back_has_regressed_and_one_that_lags_is_asked_again() {
    for lags in [false, true] {
        let mut shared = founded();
        shared.lags = lags;
        let mut writer = HandoffWriter::new(shared.clone(), owner(1));
        assert!(matches!(writer.publish(1, locator(1, 7)), Ok(Swapped::Won(_))));
        let mut desk = Desk::new(shared.clone(), 0);
        assert_eq!(desk.read().map(|standing| standing.record.ver), Ok(2));
        shared.values.borrow_mut().pop();
        let error = if lags { DeskError::Unavailable } else { DeskError::Regressed { seen: 2, found: 1 } };
        assert_eq!((desk.read(), desk.behind()), (Err(error), u64::from(lags)));
    }
}
