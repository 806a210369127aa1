use crate::Outcome;
use crate::feed::Feed;
use std::collections::VecDeque;
use tidemill_ring::frame::{Cause, Fed, Meta, Owners, Stamp, split};

/// Steps of one input, at most.
const STEPS: usize = 512;
const ROOM: usize = 16;
/// Bytes of the longest message of several parts.
const MEMORY: usize = 96;
/// Owners that tell the truth; the one after them says anything.
const HONEST: usize = 3;

type Part = (Meta, Vec<u8>);

/// One honest owner: what it sent, what is still under way, and how each message ended.
#[derive(Default)]
struct Owner {
    sent: Vec<Sent>,
    under_way: VecDeque<Part>,
}

struct Sent {
    payload: Vec<u8>,
    /// Parts that come, and parts that were lost.
    comes: usize,
    lost: usize,
    delivered: usize,
    broken: usize,
    /// Whether it was ended from outside, or ended another.
    disturbed: bool,
}

/// The input is a script: owners that send messages in parts, some of which are lost, mixed in any order, beside one
/// whose headers say anything.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let mut owners = Owners::new([[0; MEMORY]; HONEST + 1]);
    let mut honest: [Owner; HONEST] = Default::default();
    let (mut delivered, mut invented) = (0, 0);
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        let (what, who) = (feed.byte() % 8, usize::from(feed.byte()) % HONEST);
        let owner = &mut honest[who];
        match what {
            0 | 1 => send(owner, who, feed.byte(), feed.u32()),
            2..=4 => {
                for _ in 0..feed.byte() % 8 {
                    delivered += usize::from(step(owner, &mut owners, who));
                }
            }
            5 => {
                let cause = [Cause::Void, Cause::Lagged][usize::from(feed.byte() % 2)];
                if let Some(broken) = owners.of(who).and_then(|of| of.end(cause)) {
                    let sent = &mut owner.sent[broken.message as usize];
                    (sent.broken, sent.disturbed) = (sent.broken + 1, true);
                }
            }
            _ => invented += usize::from(lie(&mut owners, &mut feed)),
        }
    }
    for (who, owner) in honest.iter_mut().enumerate() {
        while !owner.under_way.is_empty() {
            delivered += usize::from(step(owner, &mut owners, who));
        }
        if let Some(broken) = owners.of(who).and_then(|of| of.end(Cause::Void)) {
            owner.sent[broken.message as usize].broken += 1;
        }
        owner.sent.iter().for_each(judge);
    }
    assert!(owners.of(HONEST + 1).is_none());
    Outcome::sized("parts", &[delivered, invented])
}

fn send(owner: &mut Owner, who: usize, len: u8, lost: u32) {
    let message = owner.sent.len() as u32;
    let payload: Vec<u8> = (0..len).map(|at| at ^ (message as u8) << 2 ^ (who as u8) << 6).collect();
    let parts = split(&payload, ROOM, who as u8, message, Stamp::default()).expect("it is small");
    let all = parts.len();
    let kept: Vec<Part> = parts
        .filter(|part| lost >> part.meta.part & 1 == 0)
        .map(|part| (part.meta, part.bytes.to_vec()))
        .collect();
    let (comes, lost) = (kept.len(), all - kept.len());
    owner.under_way.extend(kept);
    owner.sent.push(Sent { payload, comes, lost, delivered: 0, broken: 0, disturbed: false });
}

/// One part arrives; whether a message was delivered.
fn step(owner: &mut Owner, owners: &mut Owners<[u8; MEMORY], { HONEST + 1 }>, who: usize) -> bool {
    let Some((meta, bytes)) = owner.under_way.pop_front() else { return false };
    let (cut, fed) = owners.of(who).expect("it is one of them").feed(meta, &bytes);
    if let Some(broken) = cut {
        owner.sent[broken.message as usize].broken += 1;
    }
    match fed {
        Fed::Message(message) => {
            let sent = &mut owner.sent[message.message as usize];
            assert_eq!(message.bytes, sent.payload, "it was not sent like that");
            assert_eq!(usize::from(message.kind), who, "another owner's");
            sent.delivered += 1;
            true
        }
        Fed::Broken(broken) => {
            owner.sent[broken.message as usize].broken += 1;
            false
        }
        Fed::Kept | Fed::Skipped => false,
    }
}

/// A header of any kind, with any number of bytes; whether it made a message.
fn lie(owners: &mut Owners<[u8; MEMORY], { HONEST + 1 }>, feed: &mut Feed<'_>) -> bool {
    let mut meta = Meta::unpack([feed.u32(), feed.u32(), feed.u32(), 0]);
    if meta.kind & 1 == 0 {
        (meta.part, meta.parts, meta.message) = (meta.part % 4, meta.parts % 5, meta.message % 3);
        meta.len %= 24;
    }
    let bytes = feed.bytes(if meta.kind & 2 == 0 { meta.len as usize % 64 } else { ROOM });
    let (cut, fed) = owners.of(HONEST).expect("it is one of them").feed(meta, bytes);
    assert!(cut.is_none_or(|broken| broken.parts_seen > 0), "{cut:?}: nothing was open");
    match fed {
        Fed::Message(message) => {
            assert!(message.bytes.len() <= MEMORY.max(64), "{} bytes", message.bytes.len());
            true
        }
        _ => false,
    }
}

/// Each message of which a part came is delivered or broken, once; whole ones are delivered, others never.
fn judge(sent: &Sent) {
    let ends = sent.delivered + sent.broken;
    assert_eq!(ends, usize::from(sent.comes > 0), "{} parts came, {} lost", sent.comes, sent.lost);
    let fits = sent.payload.len() <= MEMORY;
    let whole = sent.lost == 0 && fits && !sent.disturbed;
    assert_eq!(sent.delivered == 1, whole, "{} parts came, {} lost", sent.comes, sent.lost);
}

/// Traffic of three owners with and without losses, and lies.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let quiet = |lost: u8| -> Vec<u8> {
        (0..24_u8)
            .flat_map(|at| [at % 2, at % 3, at * 7, lost & at, 0, 0, 0, 2, (at + 1) % 3, 3, 4, at % 3, 5])
            .collect()
    };
    let hostile: Vec<u8> = (0..24_u8)
        .flat_map(|at| [6, 0, 16, 0, 0, 0, at % 4, 0, 4, 0, at % 3, 0, 0, 0, at, at, at, at, 5, at % 3, at])
        .collect();
    vec![quiet(0), quiet(0xff), [quiet(3), hostile].concat()]
}
