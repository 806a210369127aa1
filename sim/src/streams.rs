//! The streams behind [`choose`](Choices::choose), the overlay on top of them, and the record of what was taken.

use std::cell::RefCell;
use std::rc::Rc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::choice::{Base, Choice, Fork, Overlay, OverlayReport, Rate, Site};
use crate::explore::{Asked, Drive, Ready};
use crate::latency::Latency;

/// An entity's stream, opened at its first decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StreamId(u32);

impl StreamId {
    /// Not opened yet.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// The decisions of one simulation, or the part of them that an entity outside of the kernel takes.
#[derive(Debug)]
pub struct Choices {
    seed: u64,
    base: Base,
    streams: Vec<ChaCha8Rng>,
    /// The owner of each stream, in the watch.
    owners: Vec<u32>,
    world: StreamId,
    watch: Option<Rc<RefCell<Watch>>>,
    /// Latencies are not drawn: what they leave open gathers in `slack_ns`.
    loose: bool,
    slack_ns: u64,
}

/// What an overlay or a recording needs; a run without either never touches it. All parts of the decisions share it.
#[derive(Debug)]
struct Watch {
    pins: Vec<Pin>,
    out_of_range: Vec<Choice>,
    owners: Vec<Owner>,
    recording: bool,
    /// Decisions that came to zero are recorded too.
    zeros: bool,
    taken: Vec<Taken>,
    decisions: u64,
    fork: Option<Forked>,
    drive: Option<Drive>,
    /// Who stands behind the values of the decision that is being taken.
    among: Vec<usize>,
}

/// The streams of the other seed, opened at the first decision after the fork.
#[derive(Debug)]
struct Forked {
    at: Fork,
    /// By owner.
    streams: Vec<Option<ChaCha8Rng>>,
}

#[derive(Debug)]
struct Pin {
    site: Site,
    value: u64,
    used: bool,
}

#[derive(Debug)]
struct Owner {
    name: String,
    counters: Vec<(&'static str, u64)>,
}

#[derive(Debug)]
struct Taken {
    owner: u32,
    kind: &'static str,
    counter: u64,
    value: u64,
    n: u64,
}

/// The stream number of a name: the same wherever and in whatever order entities are created. FNV-1a of 64 bits (Fowler,
/// Noll, Vo), apart from the hash of the trace, so that a change there moves no decision.
pub(crate) fn stream_of(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A stream that belongs to one handle, outside of [`Choices`]: entropy is drawn, not decided.
pub(crate) fn entropy_stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut rng = keyed(seed);
    rng.set_stream(stream_of(name));
    rng
}

fn keyed(seed: u64) -> ChaCha8Rng {
    let mut key = *b"--------tidemill choices, law K1";
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A draw below `n`. The bias of the multiplication is below `n` / 2⁶⁴ (Lemire, "Fast random integer generation in an
/// interval", 2019, without the rejection).
#[inline]
pub(crate) fn below(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

impl Choices {
    pub(crate) fn new(seed: u64, base: Base, overlay: Overlay, recording: bool, fork: Option<Fork>) -> Self {
        let watch = (recording || fork.is_some() || !overlay.is_empty()).then(|| {
            let pins = overlay.into_iter().map(|(site, value)| Pin { site, value, used: false });
            Rc::new(RefCell::new(Watch {
                pins: pins.collect(),
                out_of_range: Vec::new(),
                owners: Vec::new(),
                recording,
                zeros: false,
                taken: Vec::new(),
                decisions: 0,
                fork: fork.map(|at| Forked { at, streams: Vec::new() }),
                drive: None,
                among: Vec::new(),
            }))
        });
        Self { seed, base, watch, ..Self::away() }
    }

    /// Has `drive` say what no overlay says, from the first decision on, where anybody watches.
    pub(crate) fn driven(self, drive: Option<Drive>) -> Self {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().drive = drive;
        }
        self
    }

    /// Has the record list what came to zero too, from the first decision on, where anybody watches.
    pub(crate) fn record_zeros(&self) {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().zeros = true;
        }
    }

    /// Stands in for decisions that are lent out.
    pub(crate) const fn away() -> Self {
        Self {
            seed: 0,
            base: Base::Zero,
            streams: Vec::new(),
            owners: Vec::new(),
            world: StreamId::NONE,
            watch: None,
            loose: false,
            slack_ns: 0,
        }
    }

    /// Decisions for entities that handles reach in the middle of an event: streams of their own, under the same seed,
    /// overlay and record.
    pub(crate) fn branch(&self) -> Self {
        Self { seed: self.seed, base: self.base, watch: self.watch.clone(), ..Self::away() }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Opens the stream of the entity called `name`.
    pub(crate) fn open(&mut self, number: u64, name: impl FnOnce() -> String) -> StreamId {
        let mut rng = keyed(self.seed);
        rng.set_stream(number);
        self.streams.push(rng);
        if let Some(watch) = &self.watch {
            let owners = &mut watch.borrow_mut().owners;
            self.owners.push(owners.len() as u32);
            owners.push(Owner { name: name(), counters: Vec::new() });
        }
        StreamId((self.streams.len() - 1) as u32)
    }

    /// Decides something that belongs to no machine, below `n`; a single possibility draws nothing.
    ///
    /// # Panics
    /// If `n` is zero: there is nothing to choose from.
    pub fn choose(&mut self, kind: &'static str, n: u64) -> u64 {
        let world = self.world();
        self.choose_by(world, kind, n)
    }

    /// Decides whether something that belongs to no machine happens; never and always draw nothing.
    pub fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        let world = self.world();
        self.chance_by(world, kind, rate)
    }

    /// Decides how long something takes that belongs to no machine, in nanoseconds.
    pub(crate) fn draw(&mut self, kind: &'static str, latency: Latency) -> u64 {
        let world = self.world();
        latency.draw(self, world, kind)
    }

    fn world(&mut self) -> StreamId {
        if self.world == StreamId::NONE {
            self.world = self.open(stream_of("world"), || "world".to_owned());
        }
        self.world
    }

    /// One draw whatever comes of it, so that a pinned value moves no later one.
    #[inline]
    pub(crate) fn choose_by(&mut self, stream: StreamId, kind: &'static str, n: u64) -> u64 {
        assert!(n > 0, "a choice among nothing");
        if n == 1 {
            return 0;
        }
        let drawn = match self.base {
            Base::Seed => below(&mut self.streams[stream.0 as usize], n),
            Base::Zero => 0,
        };
        if self.watch.is_some() {
            self.watched(stream, kind, n, drawn, |rng| below(rng, n), |drive, asked| drive.value(asked))
        } else {
            drawn
        }
    }

    /// Decides which of several goes next; each is known to a source by its number.
    #[inline]
    pub(crate) fn pick_by(&mut self, stream: StreamId, kind: &'static str, among: &[usize]) -> usize {
        if let Some(watch) = &self.watch {
            watch.borrow_mut().among.extend_from_slice(among);
        }
        let which = self.choose_by(stream, kind, among.len() as u64) as usize;
        if let Some(watch) = &self.watch {
            watch.borrow_mut().among.clear();
        }
        which
    }

    /// Decides which event is next.
    pub(crate) fn next_by(&mut self, stream: StreamId, kind: &'static str, ready: &[Ready]) -> usize {
        let n = ready.len() as u64;
        if n == 1 {
            if let Some(drive) = self.watch.as_ref().and_then(|watch| watch.borrow().drive.clone()) {
                drive.only(&ready[0]);
            }
            return 0;
        }
        let drawn = match self.base {
            Base::Seed => below(&mut self.streams[stream.0 as usize], n),
            Base::Zero => 0,
        };
        let draw = |rng: &mut ChaCha8Rng| below(rng, n);
        self.watched(stream, kind, n, drawn, draw, |drive, asked| drive.next(asked, ready) as u64) as usize
    }

    /// Tells who drives the decisions that the present event has touched everything.
    pub(crate) fn widened(&self) {
        if let Some(drive) = self.watch.as_ref().and_then(|watch| watch.borrow().drive.clone()) {
            drive.widened();
        }
    }

    /// Whether who drives the decisions has nothing more to show.
    pub(crate) fn is_over(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.borrow().drive.as_ref().is_some_and(Drive::is_over))
    }

    /// From now on a latency is not drawn: what it leaves open becomes the event's window.
    pub(crate) fn loosen(&mut self) {
        self.loose = true;
    }

    #[inline]
    pub(crate) fn is_loose(&self) -> bool {
        self.loose
    }

    /// The next event that is scheduled may happen up to `slack_ns` later than that.
    #[cold]
    pub(crate) fn leave_open(&mut self, slack_ns: u64) {
        self.slack_ns = self.slack_ns.saturating_add(slack_ns);
    }

    /// As [`choose_by`](Self::choose_by), for a span of time that may be left open.
    #[inline]
    pub(crate) fn span_by(&mut self, stream: StreamId, kind: &'static str, n: u64) -> u64 {
        if self.loose {
            self.leave_open(n - 1);
            return 0;
        }
        self.choose_by(stream, kind, n)
    }

    /// What was left open since the last call; `slack_ns` stays behind.
    pub(crate) fn take_slack(&mut self, slack_ns: u64) -> u64 {
        std::mem::replace(&mut self.slack_ns, slack_ns)
    }

    #[inline]
    pub(crate) fn chance_by(&mut self, stream: StreamId, kind: &'static str, rate: Rate) -> bool {
        if rate == Rate::NEVER || rate == Rate::ALWAYS {
            return rate == Rate::ALWAYS;
        }
        let drawn = match self.base {
            Base::Seed => rate.hits(self.streams[stream.0 as usize].next_u32()),
            Base::Zero => false,
        };
        if self.watch.is_none() {
            return drawn;
        }
        let draw = |rng: &mut ChaCha8Rng| u64::from(rate.hits(rng.next_u32()));
        let ask = |drive: &Drive, asked: &Asked<'_>| drive.value(&Asked { rate: Some(rate), ..*asked });
        self.watched(stream, kind, 2, u64::from(drawn), draw, ask) == 1
    }

    #[cold]
    fn watched(
        &mut self,
        stream: StreamId,
        kind: &'static str,
        n: u64,
        drawn: u64,
        draw: impl FnOnce(&mut ChaCha8Rng) -> u64,
        ask: impl FnOnce(&Drive, &Asked<'_>) -> u64,
    ) -> u64 {
        let Some(watch) = &self.watch else { return drawn };
        let watch = &mut *watch.borrow_mut();
        watch.decisions += 1;
        let decisions = watch.decisions;
        let index = self.owners[stream.0 as usize];
        let elsewhere = match &mut watch.fork {
            Some(fork) if decisions > fork.at.after => {
                let known = &self.streams[stream.0 as usize];
                Some(draw(fork.stream(index as usize, known)))
            }
            _ => None,
        };
        let owner = &mut watch.owners[index as usize];
        let counter = owner.count(kind);
        let found = watch.pins.binary_search_by(|pin| {
            (pin.site.entity.as_str(), pin.site.kind.as_str(), pin.site.counter).cmp(&(
                &owner.name,
                kind,
                counter,
            ))
        });
        let value = match (elsewhere, found, &watch.drive) {
            (Some(elsewhere), ..) => elsewhere,
            (None, Ok(found), _) => {
                let pin = &mut watch.pins[found];
                pin.used = true;
                if pin.value >= n {
                    watch.out_of_range.push(Choice { site: pin.site.clone(), value: pin.value, n });
                }
                pin.value.min(n - 1)
            }
            (None, Err(_), Some(drive)) => {
                let among = watch.among.as_slice();
                let asked = Asked { entity: &owner.name, kind, counter, n, rate: None, drawn, among };
                ask(drive, &asked).min(n - 1)
            }
            (None, Err(_), None) => drawn,
        };
        if watch.recording && (value != 0 || watch.zeros) {
            watch.taken.push(Taken { owner: index, kind, counter, value, n });
        }
        value
    }

    /// Decisions so far, while an overlay, a fork or a recording watches.
    pub(crate) fn decisions(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| watch.borrow().decisions)
    }

    pub(crate) fn recorded(&self) -> Vec<Choice> {
        let Some(watch) = &self.watch else { return Vec::new() };
        let watch = watch.borrow();
        let name = |taken: &Taken| watch.owners[taken.owner as usize].name.as_str();
        watch
            .taken
            .iter()
            .map(|taken| Choice {
                site: Site::new(name(taken), taken.kind, taken.counter),
                value: taken.value,
                n: taken.n,
            })
            .collect()
    }

    pub(crate) fn report(&self) -> OverlayReport {
        let Some(watch) = &self.watch else { return OverlayReport::default() };
        let watch = watch.borrow();
        let unused: Vec<Site> =
            watch.pins.iter().filter(|pin| !pin.used).map(|pin| pin.site.clone()).collect();
        let unknown = unused.iter().filter(|site| !watch.decides(site)).cloned().collect();
        OverlayReport { unused, unknown, out_of_range: watch.out_of_range.clone() }
    }
}

impl Watch {
    /// Whether the site's entity took decisions of its kind.
    fn decides(&self, site: &Site) -> bool {
        let owners = self.owners.iter().filter(|owner| owner.name == site.entity);
        owners.flat_map(|owner| &owner.counters).any(|(kind, _)| *kind == site.kind)
    }
}

impl Forked {
    /// The stream of `owner`, whose number is that of the one it had before.
    fn stream(&mut self, owner: usize, known: &ChaCha8Rng) -> &mut ChaCha8Rng {
        if self.streams.len() <= owner {
            self.streams.resize_with(owner + 1, || None);
        }
        self.streams[owner].get_or_insert_with(|| {
            let mut other = keyed(self.at.seed);
            other.set_stream(known.get_stream());
            other
        })
    }
}

impl Owner {
    fn count(&mut self, kind: &'static str) -> u64 {
        if let Some((_, counter)) = self.counters.iter_mut().find(|(known, _)| *known == kind) {
            *counter += 1;
            return *counter - 1;
        }
        assert!(crate::choice::is_name(kind), "{kind:?} cannot name a kind of choice");
        self.counters.push((kind, 1));
        0
    }
}

#[cfg(test)]
mod tests;
