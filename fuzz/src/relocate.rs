use crate::Outcome;
use crate::feed::Feed;
use crc::{CRC_32_ISCSI, Crc};
use tidemill_relocate::{
    Chain, ChainKind, Checkpoint, EdgeId, EdgeRecord, FenceEpoch, HostId, Incarnation, Input, Label, Log,
    LogEntry, LogSalt, Nonce, Output, Owner, Salt, Seg, StageId, StageRecord, Terms, pack, unpack,
};
use tidemill_seam::Duration;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const STAGE: StageId = StageId([8; 16]);
const SALT: Salt = Salt { stage: STAGE, inc: Incarnation(2), seq: 5 };
const LOG: LogSalt = LogSalt { stage: STAGE, inc: Incarnation(2) };
const BLOCK: usize = 64;

/// The input says what it claims to be, whether a record gets a good checksum, and then the bytes of it.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let (what, sound) = (feed.byte() % 5, feed.byte() % 2 == 1);
    let mut bytes = feed.0.to_vec();
    if sound && what < 2 {
        sign(&mut bytes);
    }
    match what {
        0 => match EdgeRecord::decode(&bytes) {
            Ok(record) => {
                assert_eq!(record.encode()[..], bytes, "{record:?} is written in another way");
                handed_over(record)
            }
            Err(bad) => Outcome::of(&bad),
        },
        1 => match StageRecord::decode(&bytes) {
            Ok(record) => {
                assert_eq!(record.encode()[..], bytes, "{record:?} is written in another way");
                Outcome::sized("stage", &[usize::from(record.checkpoint.seq > 0)])
            }
            Err(bad) => Outcome::of(&bad),
        },
        2 => match Checkpoint::decode(&bytes) {
            Ok(checkpoint) => {
                assert_eq!(checkpoint.encode(), bytes, "{checkpoint:?} is written in another way");
                Outcome::sized("checkpoint", &[checkpoint.inputs.len(), checkpoint.outputs.len()])
            }
            Err(bad) => Outcome::of(&bad),
        },
        3 => log(&bytes),
        _ => blocks(&bytes, feed.byte()),
    }
}

/// A record of 512 bytes that somebody computed a checksum for.
fn sign(bytes: &mut Vec<u8>) {
    bytes.resize(EdgeRecord::BYTES, 0);
    let (covered, checksum) = bytes.split_at_mut(EdgeRecord::BYTES - 4);
    checksum.copy_from_slice(&CRC.checksum(covered).to_le_bytes());
}

/// Whatever a record says, whoever takes it over leaves one that can be read, or changes nothing.
fn handed_over(mut record: EdgeRecord) -> Outcome {
    let before = record.clone();
    let generation = record.generation.bump().unwrap_or(FenceEpoch::LAST);
    let owner = Owner { stage: STAGE, inc: Incarnation(record.owner.inc.0 | 1) };
    let seg = Seg { generation, host: HostId(1), nonce: Nonce(2), base: record.floor.off };
    let taken = record.hand_over(owner, seg);
    match taken {
        Ok(()) => assert_eq!(EdgeRecord::decode(&record.encode()), Ok(record.clone()), "after {before:?}"),
        Err(_) => assert_eq!(record, before),
    }
    Outcome::sized("edge", &[before.segs().len(), record.segs().len(), usize::from(taken.is_ok())])
}

/// The sound entries of a log are what was written, up to the byte.
fn log(bytes: &[u8]) -> Outcome {
    let (mut written, mut count) = (Vec::new(), 0);
    let mut refused = None;
    for entry in Log::new(bytes, LOG, 3) {
        match entry {
            Ok(entry) => {
                assert!(refused.is_none(), "an entry behind a bad one");
                entry.append(LOG, &mut written);
                count += 1;
            }
            Err(bad) => refused = Some(bad),
        }
    }
    assert!(bytes.starts_with(&written), "what was read is not what was there");
    refused
        .map_or(Outcome::sized("log", &[count]), |bad| Outcome::of(&format!("{count} entries, then {bad}")))
}

fn blocks(bytes: &[u8], len: u8) -> Outcome {
    let room = bytes.len() / BLOCK * BLOCK;
    let len = bytes.len().saturating_sub(usize::from(len)) as u64;
    match unpack(&bytes[..room], len, BLOCK, SALT) {
        Ok(found) => {
            assert_eq!(pack(&found, BLOCK, SALT), bytes[..room]);
            Outcome::sized("blocks", &[found.len()])
        }
        Err(bad) => {
            let packed = pack(bytes, BLOCK, SALT);
            assert_eq!(unpack(&packed, bytes.len() as u64, BLOCK, SALT).as_deref(), Ok(bytes));
            Outcome::of(&bad)
        }
    }
}

/// One of each, in every form that a run leaves.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let terms = Terms { ttl: Duration::from_secs(10), drift_ppm: 200 };
    let mut edge = EdgeRecord::new(EdgeId([1; 16]), ChainKind::Content, terms);
    let mut seeds = vec![claim(0, &edge.encode())];
    for generation in 1..4_u64 {
        let (generation, base) = (FenceEpoch::new(generation), 10 * (generation - 1));
        let owner = Owner { stage: STAGE, inc: Incarnation(base + 1) };
        let seg = Seg { generation, host: HostId(4), nonce: Nonce(5), base };
        edge.hand_over(owner, seg).expect("room for three");
        edge.ver += 1;
        seeds.push(claim(0, &edge.encode()));
    }
    let checkpoint = Checkpoint {
        inc: Incarnation(2),
        seq: 5,
        inputs: vec![Input { edge: EdgeId([1; 16]), off: 7, chain: Chain(9), seen: 4, ended: true }],
        outputs: vec![Output {
            edge: EdgeId([2; 16]),
            off: 6,
            chain: Chain(8),
            retained: 3,
            seen: 5,
            ended: false,
        }],
        state: b"state".to_vec(),
    };
    let mut stage = StageRecord::new(STAGE, 1);
    seeds.push(claim(1, &stage.encode()));
    (stage.inc, stage.checkpoint.inc, stage.checkpoint.seq) = (Incarnation(3), Incarnation(2), 5);
    stage.checkpoint.len = checkpoint.encode().len() as u64;
    stage.checkpoint.extents[0].count = 4;
    seeds.push(claim(1, &stage.encode()));
    seeds.push(claim(2, &checkpoint.encode()));
    let mut log = Vec::new();
    for (off, payload) in (3..).zip([&b"three"[..], b"", b"and five"]) {
        LogEntry { off, label: Label(2), payload }.append(LOG, &mut log);
    }
    seeds.push(claim(3, &log));
    seeds.push(claim(4, &pack(&checkpoint.encode(), BLOCK, SALT)));
    seeds
}

fn claim(what: u8, bytes: &[u8]) -> Vec<u8> {
    [&[what, 1], bytes].concat()
}
