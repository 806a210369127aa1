use super::{
    APPEND_OVERHEAD, REQUEST_MAX, add_entry, decode_reply, decode_request, encode_reply, encode_request,
    open_request, seal,
};
use crate::host::{Entry, Reply, Request, Target, Verb};
use crate::{Bad, Boot, Capability, Chain, EdgeId, FenceEpoch, Incarnation, Label, Nonce, Object, Why};
use alloc::vec::Vec;
use tidemill_seam::Duration;

type Item = Vec<u8>;

fn entry(number: u8) -> Entry<Item> {
    Entry { label: Label(number.into()), chain: Chain(1 << number), payload: [number; 9].into() }
}

fn requests() -> Vec<Request<Item>> {
    let target = Target {
        edge: EdgeId([1; 16]),
        capability: Capability(u128::MAX - 2),
        generation: FenceEpoch::new(3),
        nonce: Nonce(4),
    };
    let (inc, off) = (Incarnation(5), 6);
    let ttl = Duration::from_secs(10);
    let verbs = [
        Verb::Alloc { boot: Boot(13), inc, base: 7, chain: Chain(8), capacity: 9, ttl },
        Verb::Append { inc, off, entry: entry(10) },
        Verb::Seal { by: FenceEpoch::new(11) },
        Verb::Read { off, max: 12 },
        Verb::Trim { off },
        Verb::Renew { inc },
        Verb::Free { inc },
        Verb::Attach,
        Verb::Hello,
    ];
    verbs.into_iter().map(|verb| Request { target, verb }).collect()
}

fn replies() -> Vec<Reply<Item>> {
    alloc::vec![
        Reply::Granted { credit: 1 },
        Reply::NoSpace,
        Reply::Stale { fence: FenceEpoch::new(2) },
        Reply::Ack { next: 3, credit: 4 },
        Reply::AlreadyHave { next: 5 },
        Reply::Gap { next: 6 },
        Reply::Conflict,
        Reply::Sealed { end: 7 },
        Reply::Full,
        Reply::End { off: 8, chain: Chain(9) },
        Reply::Data { off: 10, chain: Chain(11), entries: [12, 13, 14].map(entry).into() },
        Reply::Empty { next: 15, sealed: true },
        Reply::Below { base: 16 },
        Reply::Beyond { next: 17 },
        Reply::Ok,
        Reply::Unknown,
        Reply::Boot { boot: Boot(18) },
    ]
}

#[test]
fn what_is_said_is_what_is_heard() {
    let mut bytes = Vec::new();
    for (tag, request) in (7..).zip(requests()) {
        encode_request(tag, &request, &mut bytes);
        let appends = matches!(request.verb, Verb::Append { .. });
        assert!(bytes.len() <= if appends { APPEND_OVERHEAD + 9 } else { REQUEST_MAX });
        assert_eq!(decode_request(&bytes), Ok((tag, [request].into())));
        assert!(decode_reply::<Item>(&bytes).is_err(), "a request is no reply");
    }
    for (tag, reply) in (7..).zip(replies()) {
        assert!(encode_reply(tag, &reply, 1000, &mut bytes));
        assert_eq!(decode_reply(&bytes), Ok((tag, reply)));
        assert!(decode_request::<Item>(&bytes).is_err(), "a reply is no request");
    }
}

#[test]
fn no_flipped_bit_and_no_cut_passes() {
    let mut bytes = Vec::new();
    let refused = |bytes: &[u8], pass: &dyn Fn(&[u8]) -> bool| {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!pass(&flipped), "bit {bit}");
        }
        assert!((0..bytes.len()).all(|len| !pass(&bytes[..len])));
    };
    for request in requests() {
        encode_request(1, &request, &mut bytes);
        refused(&bytes, &|bytes| decode_request::<Item>(bytes).is_ok());
    }
    for reply in replies() {
        encode_reply(1, &reply, 1000, &mut bytes);
        refused(&bytes, &|bytes| decode_reply::<Item>(bytes).is_ok());
    }
}

#[test]
fn a_datagram_that_nobody_writes_is_refused_by_name() {
    let corrupt = |why| Bad::Corrupt { object: Object::Frame, why };
    let sealed = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        encode_reply::<Item>(1, &Reply::Ok, 1000, &mut bytes);
        bytes.truncate(bytes.len() - 8);
        edit(&mut bytes);
        seal(&mut bytes);
        decode_reply::<Item>(&bytes).map(|_| ())
    };
    assert_eq!(sealed(&|_| {}), Ok(()));
    assert_eq!(sealed(&|bytes| bytes[4] = 2), Err(Bad::Unsupported { object: Object::Frame, version: 2 }));
    assert_eq!(sealed(&|bytes| bytes[5] = 17), Err(corrupt(Why::Field("reply"))));
    assert_eq!(sealed(&|bytes| bytes[5] = 10), Err(corrupt(Why::Field("entries"))), "data without entries");
    assert_eq!(sealed(&|bytes| bytes.push(0)), Err(corrupt(Why::Length)));
}

#[test]
fn a_run_of_entries_is_a_request_each() {
    let run = requests().remove(1);
    let Verb::Append { inc, off, .. } = run.verb else { panic!("the second one appends") };
    let mut bytes = Vec::new();
    open_request(3, &run, &mut bytes);
    let most = bytes.len() + 2 * 45 + 8;
    assert_eq!([11, 12, 13].map(|number| add_entry(&entry(number), most, &mut bytes)), [true, true, false]);
    seal(&mut bytes);
    let append = |at: u8| {
        let verb = Verb::Append { inc, off: off + u64::from(at), entry: entry(10 + at) };
        Request { target: run.target, verb }
    };
    assert_eq!(decode_request(&bytes), Ok((3, (0..3).map(append).collect())));
    let last = Verb::Append { inc, off: u64::MAX, entry: entry(10) };
    encode_request(3, &Request { target: run.target, verb: last }, &mut bytes);
    let why = Why::Field("off");
    assert_eq!(decode_request::<Item>(&bytes), Err(Bad::Corrupt { object: Object::Frame, why }));
}

#[test]
fn as_many_entries_are_shown_as_fit() {
    let reply = Reply::Data { off: 1, chain: Chain(2), entries: [3, 4, 5].map(entry).into() };
    let mut bytes = Vec::new();
    assert!(encode_reply(1, &reply, usize::MAX, &mut bytes));
    let all = bytes.len();
    assert!(encode_reply(1, &reply, all - 1, &mut bytes) && bytes.len() == all - 45);
    let Ok((1, Reply::Data { off: 1, entries, .. })) = decode_reply::<Item>(&bytes) else {
        panic!("{:?}", decode_reply::<Item>(&bytes));
    };
    assert_eq!(entries, [entry(3), entry(4)]);
    assert!(!encode_reply(1, &reply, all - 2 * 45 - 1, &mut bytes), "none fits");
    // Whatever came in a datagram leaves in one of the same size.
    assert!(encode_reply(1, &reply, APPEND_OVERHEAD + 9, &mut bytes));
}
