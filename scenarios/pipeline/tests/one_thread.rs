//! Both halves on one thread, over a queue that loses nothing: the graph against the loop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tidemill_flow::Polled;
use tidemill_flow::wire::Timing;
use tidemill_pipeline::{
    Reason, ReceiverCells, Rejected, SenderCells, Summary, far, near, receiver, reference, sender,
};
use tidemill_seam::{Duration, Instant, Link, Received, RecvError, SendError};

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

struct End {
    out: Queue,
    back: Queue,
}

impl Link for End {
    type Address = ();
    fn mtu(&self) -> usize {
        256
    }
    fn send(&mut self, (): (), datagram: &[u8]) -> Result<(), SendError> {
        self.out.borrow_mut().push_back(datagram.to_vec());
        Ok(())
    }
    fn recv(&mut self, buffer: &mut [u8]) -> Result<Option<Received<()>>, RecvError> {
        Ok(self.back.borrow_mut().pop_front().map(|datagram| {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            Received { len: datagram.len(), from: () }
        }))
    }
}

fn run(file: &[u8]) -> (Summary, Vec<Rejected>) {
    let (there, back) = (Queue::default(), Queue::default());
    let (sender_cells, receiver_cells) = (Box::new(SenderCells::new()), Box::new(ReceiverCells::new()));
    let (rejects, summary) = (RefCell::default(), RefCell::new(Summary::new()));
    let near_end = End { out: there.clone(), back: back.clone() };
    let far_end = End { out: back, back: there };
    let mut tx = sender(&sender_cells, file, near(near_end, (), Timing::DEFAULT), |bad| {
        RefCell::<Vec<Rejected>>::borrow_mut(&rejects).push(*bad);
    })
    .unwrap();
    let mut rx =
        receiver(&receiver_cells, far(far_end, Duration::ZERO), |verdict| summary.borrow_mut().push(verdict))
            .unwrap();
    tx.start(Instant::ZERO).unwrap();
    rx.start(Instant::ZERO).unwrap();
    let now = Cell::new(Instant::ZERO);
    {
        let (mut a, mut b) = (tx.worker(), rx.worker());
        loop {
            a.notified();
            b.notified();
            let near = a.poll(now.get(), 1_000);
            let far = b.poll(now.get(), 1_000);
            if (near, far) == (Polled::Done, Polled::Done) {
                break;
            }
            for polled in [near, far] {
                assert!(!matches!(polled, Polled::Halted(_) | Polled::Stalled), "{polled:?}");
            }
            now.set(now.get() + Duration::from_millis(1));
            assert!(now.get() < Instant::ZERO + Duration::from_secs(60), "it ends: {near:?} {far:?}");
        }
    }
    drop((tx, rx));
    (summary.into_inner(), rejects.into_inner())
}

fn expected(file: &[u8]) -> (Summary, Vec<Rejected>) {
    let mut rejects = Vec::new();
    let summary = reference(file, |bad| rejects.push(bad));
    (summary, rejects)
}

#[test]
fn the_graph_says_what_the_loop_says_of_a_year_in_seattle() {
    let file = include_bytes!("../../data/seattle-temps.csv");
    assert_eq!(run(file), expected(file));
}

#[test]
fn bad_rows_are_reported_in_order_and_the_rest_is_processed() {
    let file = b"date,temp\n2010/01/01 00:00,39.4\n\xff\xfe\n2010/01/01 01:00\n2010/01/01 02:00,999.9\n2010/01/01 03:00,38.9\n2010/01/01 0";
    let (summary, rejects) = run(file);
    let reasons: Vec<_> = rejects.iter().map(|bad| (bad.line, bad.reason)).collect();
    assert_eq!(
        reasons,
        [(3, Reason::NotUtf8), (4, Reason::MissingColumn), (5, Reason::OutOfRange), (7, Reason::CutOff)]
    );
    assert_eq!(summary.verdicts(), 2);
    assert_eq!((summary, rejects), expected(file));
}

#[test]
fn an_empty_file_ends_in_an_empty_summary() {
    let (summary, rejects) = run(b"");
    assert_eq!((summary.verdicts(), rejects), (0, vec![Rejected { line: 0, reason: Reason::Empty }]));
}
