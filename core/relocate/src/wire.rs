//! Requests and replies as datagrams: what the ends of an edge and a host say to each other over any link.
//!
//! ```text
//! magic 4 · version 1 · kind 1 · tag 8 · fields · digest 8
//! ```
//! The tag comes back with the reply, so that a reply finds its request whatever the link repeats or overtakes. The digest is
//! the low half of XXH3-128 of all before. A datagram that appends holds a run of entries, at consecutive offsets: a request each, and
//! one tag for all of them.

use crate::bad::{Bad, Object, Why};
use crate::bytes::Source;
use crate::host::{Entry, Reply, Request, Target, Verb};
use crate::{Boot, Capability, Chain, EdgeId, FenceEpoch, Incarnation, Label, Nonce};
use alloc::vec::Vec;
use tidemill_seam::Duration;
use twox_hash::XxHash3_128;

const REQUEST: [u8; 4] = *b"TMRQ";
const REPLY: [u8; 4] = *b"TMRP";
const VERSION: u8 = 1;
const HEAD: usize = 14;
const DIGEST: usize = 8;
/// What an entry takes on top of its payload.
const ENTRY: usize = 36;

/// Bytes that a request to append one entry takes on top of the payload; a reply that shows one entry never takes more.
pub const APPEND_OVERHEAD: usize = HEAD + 48 + 16 + ENTRY + DIGEST;

/// Bytes of the longest request that appends nothing; no reply without entries takes more.
pub const REQUEST_MAX: usize = HEAD + 48 + 56 + DIGEST;

fn digest(bytes: &[u8]) -> [u8; DIGEST] {
    (XxHash3_128::oneshot(bytes) as u64).to_le_bytes()
}

fn head(into: &mut Vec<u8>, magic: [u8; 4], kind: u8, tag: u64) {
    into.clear();
    into.extend(magic);
    into.extend([VERSION, kind]);
    into.extend(tag.to_le_bytes());
}

pub(crate) fn seal(into: &mut Vec<u8>) {
    let digest = digest(into);
    into.extend(digest);
}

/// Kind, tag and fields of a datagram.
fn open(magic: [u8; 4], bytes: &[u8]) -> Result<(u8, u64, Source<'_>), Bad> {
    let corrupt = |why| Bad::Corrupt { object: Object::Frame, why };
    let (covered, found) = bytes.split_last_chunk::<DIGEST>().ok_or(corrupt(Why::Length))?;
    let mut from = Source::new(covered);
    if from.array() != magic {
        return Err(corrupt(Why::Magic));
    }
    if digest(covered) != *found {
        return Err(corrupt(Why::Checksum));
    }
    let version = from.u8();
    if version != VERSION {
        return Err(Bad::Unsupported { object: Object::Frame, version: version.into() });
    }
    let (kind, tag) = (from.u8(), from.u64());
    Ok((kind, tag, from))
}

/// What was read, if there was exactly that much.
fn whole<T>(tag: u64, read: T, from: &Source<'_>) -> Result<(u64, T), Bad> {
    if from.short() || !from.left().is_empty() {
        return Err(Bad::Corrupt { object: Object::Frame, why: Why::Length });
    }
    Ok((tag, read))
}

/// Writes a request into `into`, in the place of what is there.
pub fn encode_request<P: AsRef<[u8]>>(tag: u64, request: &Request<P>, into: &mut Vec<u8>) {
    open_request(tag, request, into);
    seal(into);
}

/// Begins a datagram with a request; [`add_entry`] may follow where it appends, and [`seal`] has to.
pub(crate) fn open_request<P: AsRef<[u8]>>(tag: u64, request: &Request<P>, into: &mut Vec<u8>) {
    let kind = match request.verb {
        Verb::Alloc { .. } => 0,
        Verb::Append { .. } => 1,
        Verb::Seal { .. } => 2,
        Verb::Read { .. } => 3,
        Verb::Trim { .. } => 4,
        Verb::Renew { .. } => 5,
        Verb::Free { .. } => 6,
        Verb::Attach => 7,
        Verb::Hello => 8,
    };
    head(into, REQUEST, kind, tag);
    let Target { edge, capability, generation, nonce } = request.target;
    into.extend(edge.0);
    into.extend(capability.0.to_le_bytes());
    into.extend(generation.get().to_le_bytes());
    into.extend(nonce.0.to_le_bytes());
    match &request.verb {
        Verb::Alloc { boot, inc, base, chain, capacity, ttl } => {
            into.extend(boot.0.to_le_bytes());
            into.extend(inc.0.to_le_bytes());
            into.extend(base.to_le_bytes());
            into.extend(chain.0.to_le_bytes());
            into.extend(capacity.to_le_bytes());
            into.extend(ttl.as_nanos().to_le_bytes());
        }
        Verb::Append { inc, off, entry } => {
            into.extend(inc.0.to_le_bytes());
            into.extend(off.to_le_bytes());
            put_entry(entry, into);
        }
        Verb::Seal { by } => into.extend(by.get().to_le_bytes()),
        Verb::Read { off, max } => {
            into.extend(off.to_le_bytes());
            into.extend(max.to_le_bytes());
        }
        Verb::Trim { off } => into.extend(off.to_le_bytes()),
        Verb::Renew { inc } | Verb::Free { inc } => into.extend(inc.0.to_le_bytes()),
        Verb::Attach | Verb::Hello => {}
    }
}

/// Adds an entry to a datagram that is begun with another one, for the offset after that; `false` where it would be longer than `max`.
pub(crate) fn add_entry<P: AsRef<[u8]>>(entry: &Entry<P>, max: usize, into: &mut Vec<u8>) -> bool {
    let fits = into.len() + ENTRY + entry.payload.as_ref().len() + DIGEST <= max;
    if fits {
        put_entry(entry, into);
    }
    fits
}

fn put_entry<P: AsRef<[u8]>>(Entry { label, chain, payload }: &Entry<P>, into: &mut Vec<u8>) {
    let payload = payload.as_ref();
    into.extend(label.0.to_le_bytes());
    into.extend(chain.0.to_le_bytes());
    into.extend((payload.len() as u32).to_le_bytes());
    into.extend(payload);
}

/// The request in a datagram, and its tag; several where it appends several entries, in the order of their offsets.
///
/// # Errors
/// If it is not exactly that, and whole.
pub fn decode_request<P: for<'a> From<&'a [u8]>>(bytes: &[u8]) -> Result<(u64, Vec<Request<P>>), Bad> {
    let (kind, tag, mut from) = open(REQUEST, bytes)?;
    let (edge, capability) = (EdgeId(from.array()), Capability(from.u128()));
    let (generation, nonce) = (FenceEpoch::new(from.u64()), Nonce(from.u64()));
    let target = Target { edge, capability, generation, nonce };
    let verb = match kind {
        0 => {
            let (boot, inc, base) = (Boot(from.u64()), Incarnation(from.u64()), from.u64());
            let (chain, capacity) = (Chain(from.u128()), from.u64());
            let ttl = Duration::from_nanos(from.u64());
            Verb::Alloc { boot, inc, base, chain, capacity, ttl }
        }
        1 => {
            let (inc, off) = (Incarnation(from.u64()), from.u64());
            let entries = take_entries(&mut from)?;
            let append = |(off, entry)| Request { target, verb: Verb::Append { inc, off, entry } };
            return match off.checked_add(entries.len() as u64) {
                Some(_) => whole(tag, (off..).zip(entries).map(append).collect(), &from),
                None => Err(Bad::Corrupt { object: Object::Frame, why: Why::Field("off") }),
            };
        }
        2 => Verb::Seal { by: FenceEpoch::new(from.u64()) },
        3 => Verb::Read { off: from.u64(), max: from.u32() },
        4 => Verb::Trim { off: from.u64() },
        5 => Verb::Renew { inc: Incarnation(from.u64()) },
        6 => Verb::Free { inc: Incarnation(from.u64()) },
        7 => Verb::Attach,
        8 => Verb::Hello,
        _ => return Err(Bad::Corrupt { object: Object::Frame, why: Why::Field("verb") }),
    };
    whole(tag, [Request { target, verb }].into(), &from)
}

/// Writes a reply into `into`, in the place of what is there. Of the entries in it as many as fit into `max` bytes are written,
/// oldest first; `false` where none fits.
pub fn encode_reply<P: AsRef<[u8]>>(tag: u64, reply: &Reply<P>, max: usize, into: &mut Vec<u8>) -> bool {
    let (kind, words) = match *reply {
        Reply::Granted { credit } => (0, [credit, 0]),
        Reply::NoSpace => (1, [0; 2]),
        Reply::Stale { fence } => (2, [fence.get(), 0]),
        Reply::Ack { next, credit } => (3, [next, credit]),
        Reply::AlreadyHave { next } => (4, [next, 0]),
        Reply::Gap { next } => (5, [next, 0]),
        Reply::Conflict => (6, [0; 2]),
        Reply::Sealed { end } => (7, [end, 0]),
        Reply::Full => (8, [0; 2]),
        Reply::End { off, .. } => (9, [off, 0]),
        Reply::Data { off, ref entries, .. } => (10, [off, entries.len() as u64]),
        Reply::Empty { next, sealed } => (11, [next, u64::from(sealed)]),
        Reply::Below { base } => (12, [base, 0]),
        Reply::Beyond { next } => (13, [next, 0]),
        Reply::Ok => (14, [0; 2]),
        Reply::Unknown => (15, [0; 2]),
        Reply::Boot { boot } => (16, [boot.0, 0]),
    };
    head(into, REPLY, kind, tag);
    words.iter().for_each(|word| into.extend(word.to_le_bytes()));
    let fits = match reply {
        Reply::End { chain, .. } => {
            into.extend(chain.0.to_le_bytes());
            true
        }
        Reply::Data { chain, entries, .. } => {
            into.extend(chain.0.to_le_bytes());
            put_entries(entries, max, into)
        }
        _ => true,
    };
    seal(into);
    fits
}

/// Writes entries while they fit, and says how many they are; whether there is any.
fn put_entries<P: AsRef<[u8]>>(entries: &[Entry<P>], max: usize, into: &mut Vec<u8>) -> bool {
    let mut count = 0_u64;
    for entry in entries {
        if !add_entry(entry, max, into) {
            break;
        }
        count += 1;
    }
    into[HEAD + 8..HEAD + 16].copy_from_slice(&count.to_le_bytes());
    count > 0
}

/// The reply in a datagram, and the tag of the request that it answers.
///
/// # Errors
/// If it is not exactly one, and whole.
pub fn decode_reply<P: for<'a> From<&'a [u8]>>(bytes: &[u8]) -> Result<(u64, Reply<P>), Bad> {
    let (kind, tag, mut from) = open(REPLY, bytes)?;
    let (first, second) = (from.u64(), from.u64());
    let reply = match kind {
        0 => Reply::Granted { credit: first },
        1 => Reply::NoSpace,
        2 => Reply::Stale { fence: FenceEpoch::new(first) },
        3 => Reply::Ack { next: first, credit: second },
        4 => Reply::AlreadyHave { next: first },
        5 => Reply::Gap { next: first },
        6 => Reply::Conflict,
        7 => Reply::Sealed { end: first },
        8 => Reply::Full,
        9 => Reply::End { off: first, chain: Chain(from.u128()) },
        10 => {
            let (chain, entries) = (Chain(from.u128()), take_entries(&mut from)?);
            if entries.len() as u64 != second {
                return Err(Bad::Corrupt { object: Object::Frame, why: Why::Field("entries") });
            }
            Reply::Data { off: first, chain, entries }
        }
        11 => Reply::Empty { next: first, sealed: second != 0 },
        12 => Reply::Below { base: first },
        13 => Reply::Beyond { next: first },
        14 => Reply::Ok,
        15 => Reply::Unknown,
        16 => Reply::Boot { boot: Boot(first) },
        _ => return Err(Bad::Corrupt { object: Object::Frame, why: Why::Field("reply") }),
    };
    whole(tag, reply, &from)
}

/// Entries up to the end; at least one.
fn take_entries<P: for<'a> From<&'a [u8]>>(from: &mut Source<'_>) -> Result<Vec<Entry<P>>, Bad> {
    let mut entries = Vec::new();
    while !from.left().is_empty() {
        let (label, chain, len) = (Label(from.u128()), Chain(from.u128()), from.u32());
        let payload = P::from(from.bytes(len as usize));
        entries.push(Entry { label, chain, payload });
    }
    if entries.is_empty() {
        return Err(Bad::Corrupt { object: Object::Frame, why: Why::Field("entries") });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
