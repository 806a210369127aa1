use crate::Outcome;
use crate::feed::Feed;
use crate::outcome::presentable;
use tidemill_ring::doctor::{Cure, Doctor, Finding, Symptom, copy, repair};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{Consumer, Heap, Layout, Local, Peer, PeerName, Policy, Position, Producer, Reader};
use tidemill_ring::{Segment, Spec, Start};
use tidemill_seam::{Duration, Instant, Life, Liveness, Region};

/// Steps of one input, at most.
const STEPS: usize = 256;
/// Findings in one segment, at most: some for each of four slots, each event and the producer.
const FINDINGS: usize = 64;

type Item = [u32; 2];
type Tx<'m> = Producer<Item, &'m Heap, &'m Local>;

/// Somebody who reads.
enum Party<'m> {
    Consumer(Consumer<Item, &'m Heap, &'m Local>),
    Reader(Reader<Item, &'m Heap, &'m Local>),
}

/// The input is the words of a segment, or a script: parties that come, work, leave and die, a doctor that looks twice, and
/// a hostile peer that writes any word to any place. Until it does so the doctor blames nobody; it ends whatever it is shown.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    if feed.byte() & 1 == 1 {
        return raw(feed);
    }
    let (shape, table) = (feed.byte(), feed.byte());
    let spec = Spec::of::<Item>(1 << (shape % 4)).line(1).page(1);
    let spec = spec.history(u32::from(shape >> 4) % spec.capacity).participants(1 + u32::from(table % 4));
    let spec = spec.journal([0, 4, 16][usize::from(table >> 2) % 3]);
    let (memory, claims) = (Heap::new(Layout::of(&spec).expect("a ring").words()), Local::new());
    Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &claims).expect("it fits");
    let mut ring = Ring {
        memory: &memory,
        claims: &claims,
        tx: None,
        parties: Vec::new(),
        first: copied(&memory),
        now: 0,
        sound: true,
    };
    let (mut steps, mut findings) = (0, 0);
    while !feed.is_empty() && steps < STEPS {
        findings += ring.step(&mut feed);
        steps += 1;
    }
    Outcome::sized("judged", &[findings, steps, usize::from(ring.sound)])
}

/// Any words, with or without a sound header before them.
fn raw(mut feed: Feed<'_>) -> Outcome {
    let header = feed.byte() & 1 == 1;
    let spec = Spec::of::<Item>(8).history(2).line(1).page(1).participants(4).journal(16);
    let (memory, claims) = (Heap::new(Layout::of(&spec).expect("a ring").words()), Local::new());
    let mut words = vec![0; memory.words() as usize];
    if header {
        Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &claims).expect("it fits");
        copy(&memory, &mut words);
    }
    for word in words.iter_mut().skip(if header { 129 } else { 0 }) {
        if feed.is_empty() {
            break;
        }
        *word = feed.u32();
    }
    let found = Doctor::meet(&words, memory.words(), &claims).and_then(|doctor| judge(&doctor, &words));
    found.map_or_else(|error| Outcome::of(&error), |found| Outcome::sized("words", &[found.len()]))
}

fn copied(memory: &Heap) -> Vec<u32> {
    let mut words = vec![0; memory.words() as usize];
    copy(memory, &mut words);
    words
}

fn judge(doctor: &Doctor<'_>, words: &[u32]) -> Result<Vec<Finding>, tidemill_ring::header::AttachError> {
    let mut found = Vec::new();
    doctor.examine(words, &mut |finding| found.push(finding))?;
    assert!(found.len() <= FINDINGS, "{} findings", found.len());
    for finding in &found {
        presentable(&finding.to_string());
        presentable(&finding.symptom.cure().to_string());
    }
    Ok(found)
}

struct Ring<'m> {
    memory: &'m Heap,
    claims: &'m Local,
    tx: Option<(Tx<'m>, u32)>,
    /// With slot and generation.
    parties: Vec<(Party<'m>, u32, u32)>,
    first: Vec<u32>,
    now: u64,
    /// Nobody has written what is not his.
    sound: bool,
}

impl<'m> Ring<'m> {
    fn segment(&self) -> Option<Segment<&'m Heap>> {
        Segment::attach(self.memory).ok()
    }

    /// One step; how much a doctor found in it.
    fn step(&mut self, feed: &mut Feed<'_>) -> usize {
        match feed.byte() % 12 {
            0 => self.open(),
            1 => {
                for _ in 0..feed.byte() % 8 {
                    self.now += 3;
                    let now = Instant::from_nanos(self.now);
                    self.tx.iter_mut().for_each(|(tx, _)| {
                        if tx.try_push([7; 2]).is_err() {
                            tx.tend(now);
                        }
                    });
                }
            }
            2 => self.end(feed.byte()),
            3 | 4 => self.join(feed),
            5 | 6 => {
                let (which, many) = (feed.byte(), feed.byte() % 8);
                (0..many).for_each(|_| self.read(which));
            }
            7 => {
                let leaver = self.pick(feed.byte());
                drop(leaver.map(|at| self.parties.swap_remove(at)));
            }
            8 => {
                let victim = self.pick(feed.byte());
                if let Some((party, slot, generation)) = victim.map(|at| self.parties.swap_remove(at)) {
                    std::mem::forget(party);
                    self.claims.release(slot, generation);
                }
            }
            9 => self.first = copied(self.memory),
            10 => return self.examine(feed.byte()),
            _ => self.scribble(feed),
        }
        0
    }

    fn pick(&self, which: u8) -> Option<usize> {
        usize::from(which).checked_rem(self.parties.len())
    }

    fn open(&mut self) {
        if self.tx.is_none()
            && let Some(segment) = self.segment()
            && let Ok(tx) = segment.producer(self.claims, Identity::default())
        {
            let generation = tx.generation();
            self.tx = Some((tx, generation));
        }
    }

    fn end(&mut self, how: u8) {
        let Some((tx, generation)) = self.tx.take() else { return };
        match how % 4 {
            0 => tx.close(),
            1 => tx.shut_down(),
            2 => tx.hand_over(),
            _ => {
                std::mem::forget(tx);
                self.claims.release(Layout::PRODUCER, generation);
            }
        }
    }

    fn join(&mut self, feed: &mut Feed<'_>) {
        let (who, how, start) = (feed.byte(), feed.byte(), feed.byte());
        let Some(segment) = self.segment() else { return };
        let name = ["one", "two", "three", "four"][usize::from(who) % 4];
        let after = Duration::from_nanos(u64::from(how >> 4));
        let policy = [Policy::Block, Policy::Lossy, Policy::Evict { after }, Policy::Fail { after }]
            [usize::from(how) % 4];
        let hold = Duration::from_nanos(u64::from(how >> 6));
        let peer = Peer::new(PeerName::parse(name).expect("a name")).policy(policy).hold(hold);
        let start = match start % 4 {
            0 => Start::Earliest,
            1 => Start::Latest,
            2 => Start::Resume,
            _ => Start::At(Position(u64::from(start / 4))),
        };
        let table = segment.clone();
        let party = if policy.copies() {
            segment.reader(self.claims, &peer, start).map(Party::Reader)
        } else {
            segment.consumer(self.claims, &peer, start).map(Party::Consumer)
        };
        if let Ok(party) = party {
            let slot = match &party {
                Party::Consumer(rx) => rx.slot(),
                Party::Reader(rx) => rx.slot(),
            };
            let generation = table.ctl(slot).map_or(0, |ctl| ctl.generation);
            self.parties.push((party, slot, generation));
        }
    }

    fn read(&mut self, which: u8) {
        let Some(at) = self.pick(which) else { return };
        match &mut self.parties[at].0 {
            Party::Consumer(rx) => drop(rx.try_next()),
            Party::Reader(rx) => drop(rx.try_next()),
        }
    }

    /// Looks again, after a repair or without one.
    fn examine(&mut self, how: u8) -> usize {
        let met = Doctor::meet(&self.first, self.memory.words(), self.claims);
        let found = met.and_then(|doctor| judge(&doctor, &copied(self.memory))).unwrap_or_default();
        let blamed = |one: &&Finding| matches!(one.symptom.cure(), Cure::Anew | Cure::Nothing);
        if let Some(finding) = found.iter().find(blamed) {
            assert!(!self.sound, "nobody wrote what is not his: {finding}");
        }
        if how.is_multiple_of(4)
            && let Some(segment) = self.segment()
        {
            repair(&segment, &self.claims);
            let words = copied(self.memory);
            let met = Doctor::meet(&words, self.memory.words(), self.claims);
            let left = met.and_then(|doctor| judge(&doctor, &words)).unwrap_or_default();
            assert!(!self.sound || left.iter().all(|one| one.symptom != Symptom::Dead), "{left:?}");
        }
        found.len()
    }

    fn scribble(&mut self, feed: &mut Feed<'_>) {
        let (at, value) = (feed.u32() % self.memory.words(), feed.u32());
        // SAFETY: `at` lies within the region.
        unsafe { self.memory.store(at, value, std::sync::atomic::Ordering::Relaxed) };
        self.sound = false;
        let probe = self.claims.probe(value % 80, value >> 8);
        assert!(probe != Life::Unknown);
    }
}

/// Scripts of every step, in rings of every shape, with a peer that lies at the end or never; and words of any kind.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let script = |salt: u8| {
        (0..90_u8).flat_map(move |at| {
            let step = (at.wrapping_mul(7).wrapping_add(salt)) % 11;
            [step, at.wrapping_mul(salt | 1), at.wrapping_add(salt), at / 3]
        })
    };
    let lies: Vec<u8> =
        (0..40_u8).flat_map(|at| [11, at.wrapping_mul(37), at % 3, 0, 0, at, 0, 0, at, 9, 10, 1]).collect();
    let mut seeds = vec![vec![1, 0, 1, 2, 3], [&[1, 1][..], &[255; 400]].concat()];
    for (shape, table, salt) in [(0x13, 7, 0), (0x02, 1, 3), (0x21, 10, 5), (3, 3, 9)] {
        let sound: Vec<u8> = [0, shape, table].into_iter().chain(script(salt)).collect();
        seeds.push([&sound[..], &lies].concat());
        seeds.push(sound);
    }
    seeds
}
