//! A segment: one ring in one region, made once, and attached to by whoever has the region.
//!
//! ```text
//!  create ─▶ Making ─▶ Ready ◀─open─ Closed │ Shut          generation + 1 at every open
//!                        └─close, shut_down──▶ ┘
//! ```
//! - **RL-10** *Restart.* A new producer takes the claim of one that closed or is proved dead, goes on at `published` and
//!   begins a generation; consumers are told, and lose nothing that was published.

use crate::claim::Said;
use crate::counters::Account;
use crate::element::Plain;
use crate::header::{AttachError, Creator, Field, Header, Incompatible, SegmentId};
use crate::heal::{self, Healed};
use crate::journal::{Entry, Kind};
use crate::layout::{At, HEADER_WORDS, Layout, Spec, SpecError};
use crate::sync::Ordering;
use crate::table::{Ctl, Identity, PeerName, State};
use crate::view::View;
use core::fmt;
use tidemill_seam::{Exchange, Life, Liveness, Region};

mod filled;

/// The number of an item: from 0 over the life of a segment, whoever produces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Position(pub u64);

/// Where a segment stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It is being made.
    Making,
    /// Somebody produces, or is to.
    Ready,
    /// The stream came to its end.
    Closed,
    /// The producer gave up, because somebody that it needs did.
    Shut,
}

/// A phase and the generation of the producer that it belongs to: zero before the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Where the segment stands.
    pub phase: Phase,
    /// Which producer.
    pub generation: u32,
}

/// A word that no owner of it writes (RL-18).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerFault {
    /// Whose word: a slot, [`Layout::PRODUCER`], or the claim of one of several producers.
    pub slot: u32,
    /// Its index.
    pub word: u32,
    /// What was found.
    pub value: u64,
    /// The least and the most that is possible.
    pub allowed: (u64, u64),
}

/// Why no segment was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateError {
    /// There is no such ring.
    Spec(SpecError),
    /// The region ends too early.
    Short {
        /// Words that it would have to have.
        need: u32,
        /// Words that it has.
        have: u32,
    },
    /// A segment lies there, and somebody uses it or cannot be proved dead.
    Taken {
        /// The first such slot, [`Layout::PRODUCER`], or the claim of one of several producers.
        slot: u32,
        /// Who that is.
        who: Identity,
    },
    /// Somebody else makes one there at this moment.
    Contended,
    /// A ring of several producers, in a region where a pair of words is no atomic.
    Narrow,
    /// Its slots are to hold others than those that they were to be filled with.
    Elements(Incompatible),
}

/// One participant, as of the moment of looking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Participant {
    /// Its slot.
    pub slot: u32,
    /// Its control word.
    pub ctl: Ctl,
    /// What it is called.
    pub name: Option<PeerName>,
    /// Who it is to its system.
    pub who: Identity,
    /// How far it has come.
    pub cursor: Position,
    /// What became of its items.
    pub account: Account,
    /// Whether it said that it was ready.
    pub ready: bool,
}

/// One ring in one region, whose header was checked. A handle: it takes part in nothing.
#[derive(Clone, Debug)]
pub struct Segment<R> {
    pub(crate) view: View<R>,
    header: Header,
}

impl Standing {
    const PHASES: u32 = 3;

    pub(crate) const fn encode(self) -> u32 {
        let phase = match self.phase {
            Phase::Making => 1,
            Phase::Ready => 2,
            Phase::Closed => 3,
            Phase::Shut => 4,
        };
        phase | self.generation << Self::PHASES
    }

    pub(crate) const fn decode(word: u32) -> Option<Self> {
        let phase = match word & ((1 << Self::PHASES) - 1) {
            1 => Phase::Making,
            2 => Phase::Ready,
            3 => Phase::Closed,
            4 => Phase::Shut,
            _ => return None,
        };
        Some(Self { phase, generation: Self::generation_in(word) })
    }

    /// The generation that such a word is of.
    pub(crate) const fn generation_in(word: u32) -> u32 {
        word >> Self::PHASES
    }

    pub(crate) const fn next_generation(self) -> u32 {
        (self.generation + 1) & (u32::MAX >> Self::PHASES)
    }
}

impl<R: Region> View<R> {
    /// Where the segment stands; `None` where no producer writes that.
    #[inline]
    pub(crate) fn standing(&self) -> Option<Standing> {
        // Acquire: pairs with the Release of who opened or closed; a close shows the last publication.
        Standing::decode(self.load(Layout::STATE, Ordering::Acquire))
    }

    pub(crate) fn producer_who(&self) -> Identity {
        let mut words = [0; Identity::WORDS];
        self.read(Layout::PRODUCER_WHO, &mut words);
        Identity::decode(&words)
    }
}

/// The words of a header and the state behind it; `None` where the region is shorter than that.
fn rumour<R: Region>(region: &R) -> Option<([u32; HEADER_WORDS as usize], u32)> {
    if region.words() <= HEADER_WORDS {
        return None;
    }
    // SAFETY: the word behind the header lies within the region.
    // Acquire: pairs with the Release in `create`; a header behind a segment that is ready is whole.
    let state = unsafe { region.load(HEADER_WORDS, Ordering::Acquire) };
    let mut words = [0; HEADER_WORDS as usize];
    // SAFETY: the header lies within the region.
    unsafe { region.read(0, &mut words) };
    Some((words, state))
}

impl<R: Region> Segment<R> {
    /// The segment that lies in `region`.
    ///
    /// # Errors
    /// [`AttachError::NotReady`] where none was made yet, [`AttachError::Incompatible`] where one lies there that cannot be
    /// used from here, with the first field that is wrong.
    pub fn attach(region: R) -> Result<Self, AttachError> {
        let have = region.words();
        let short =
            Incompatible { field: Field::Length, got: u64::from(have), want: u64::from(HEADER_WORDS) + 1 };
        let (words, state) = rumour(&region).ok_or(short)?;
        let making = Standing::decode(state).is_some_and(|standing| standing.phase == Phase::Making);
        if making || (state == 0 && Header::begins(&words)) {
            return Err(AttachError::NotReady);
        }
        let header = Header::check(&words, have)?;
        let producers = header.layout.spec().producers;
        if producers > 1 && !region.is_wide() {
            let (field, got, want) = (Field::Producers, u64::from(producers), 1);
            return Err(Incompatible { field, got, want }.into());
        }
        let view = View::new(region, header.layout).ok_or(short)?;
        Ok(Self { view, header })
    }

    /// What its maker wrote.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The region that it lies in.
    pub fn region(&self) -> &R {
        self.view.region()
    }

    /// Where it stands; `None` where no producer writes that (RL-18).
    pub fn standing(&self) -> Option<Standing> {
        self.view.standing()
    }

    /// Items published so far: the position of the next.
    pub fn published(&self) -> Position {
        Position(self.view.published())
    }

    /// The oldest position that is surely intact (RL-2).
    pub fn gate(&self) -> Position {
        Position(self.view.gate())
    }

    /// Items that the gate passed while nobody gated (RL-17). Of several producers each counts what it moved the gate over, and
    /// who dies between the two has not counted that.
    pub fn unheard(&self) -> u64 {
        self.view.unheard()
    }

    /// Who the present or last producer is.
    pub fn producer_identity(&self) -> Identity {
        self.view.producer_who()
    }

    /// The control word of a slot of the table. `None` where there is no such slot, or no owner writes what stands there.
    pub fn ctl(&self, slot: u32) -> Option<Ctl> {
        if self.view.slots().contains(&slot) { self.view.ctl(slot) } else { None }
    }

    /// What lies in a slot of the table. `None` where there is no such slot, or no owner writes what stands there.
    pub fn participant(&self, slot: u32) -> Option<Participant> {
        let ctl = self.ctl(slot)?;
        let gone =
            matches!(ctl.state, State::Free | State::Dead | State::Held | State::Evicted | State::Leaving);
        Some(Participant {
            slot,
            ctl,
            name: self.view.name_of(slot),
            who: self.view.who_of(slot),
            cursor: Position(self.view.position(self.view.layout().cursor(slot))),
            account: self.view.account(slot, gone),
            ready: self.view.is_ready(slot, ctl),
        })
    }

    /// The participant of that name: who is there, or who was there last.
    pub fn find(&self, name: &str) -> Option<Participant> {
        self.view.find(name).and_then(|(slot, _)| self.participant(slot))
    }

    /// Those who are there and whose names begin so, in order of their slots.
    pub fn find_prefix<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = Participant> + 's {
        self.participants().filter(move |one| one.name.is_some_and(|name| name.as_str().starts_with(prefix)))
    }

    /// Every slot that is somebody's, in order.
    pub fn participants(&self) -> impl Iterator<Item = Participant> + '_ {
        self.view.slots().filter_map(|slot| self.participant(slot)).filter(|one| one.ctl.state != State::Free)
    }

    /// The events that are remembered, oldest first.
    pub fn journal(&self) -> impl Iterator<Item = Entry> + '_ {
        self.view.noted().filter_map(|number| self.view.entry(number))
    }

    /// The item at `position`, by a copy that is whole: `None` where it was not published yet, was overwritten, or the slots
    /// hold something else. For who looks on: it takes part in nothing.
    pub fn item<E: Plain>(&self, position: Position) -> Option<E> {
        let there = if self.view.shared() {
            self.view.said(position.0).0 == Said::Item
        } else {
            position < self.published()
        };
        if self.holds::<E>().is_err() || !there {
            return None;
        }
        let item = self.view.take(position.0);
        // Acquire: pairs with the fence in `Gate::rescan`, as in a reader (RL-5).
        self.view.fence(Ordering::Acquire);
        (self.gate() <= position).then_some(item)
    }

    /// Whether no item lies at `position`, and none ever will: one of several producers had claimed it, and aborted or died.
    pub fn skipped(&self, position: Position) -> bool {
        self.view.shared() && self.view.said(position.0).0 == Said::Gap
    }

    /// Whose what lies at `position` is, in a ring of several producers: its claim, as long as that is settled and not overwritten.
    /// Looked at before the item is copied it is as true as the copy.
    pub fn producer_of(&self, position: Position) -> Option<u32> {
        self.view.owner_at(position.0).checked_sub(1).map(Layout::claim_of_post)
    }

    /// Whether its slots hold elements like `E`.
    ///
    /// # Errors
    /// [`Incompatible`] with the first of size, alignment and fingerprint that differs.
    pub fn holds<E: Plain>(&self) -> Result<(), Incompatible> {
        agree::<E>(self.header.layout.spec())
    }
}

/// Whether the slots of such a ring hold elements like `E`.
fn agree<E: Plain>(own: &Spec) -> Result<(), Incompatible> {
    let want = Spec::of::<E>(1);
    Incompatible::unless(Field::ElementSize, u64::from(own.size), u64::from(want.size))?;
    Incompatible::unless(Field::ElementAlign, u64::from(own.align), u64::from(want.align))?;
    Incompatible::unless(Field::Fingerprint, own.fingerprint, want.fingerprint)
}

impl<R: Exchange> Segment<R> {
    /// Sees to producers that are proved dead, where there are several: what one had claimed is void from now on, and its
    /// place is free (RL-12). Producers and consumers that [tend](crate::Consumer::tend) do so too.
    pub fn heal<L: Liveness>(&self, live: &L) -> Healed {
        heal::producers(&self.view, live)
    }

    /// Makes a segment of `region`, over whatever stood there before, unless somebody uses that.
    ///
    /// Written last is that it is ready: until then nobody attaches, and who dies in between leaves nothing but words.
    ///
    /// # Errors
    /// [`CreateError`]: a ring that cannot be, a region that is too short, or one that is in use (RL-8: whoever cannot be
    /// proved dead uses it).
    pub fn create<L: Liveness>(
        region: R,
        spec: &Spec,
        id: SegmentId,
        creator: Creator,
        live: &L,
    ) -> Result<Self, CreateError> {
        Self::lay_out(region, spec, (id, creator), live, |_| ())
    }

    /// Makes a segment of which `fill` writes the slots.
    fn lay_out<L: Liveness>(
        region: R,
        spec: &Spec,
        (id, creator): (SegmentId, Creator),
        live: &L,
        fill: impl FnOnce(&View<R>),
    ) -> Result<Self, CreateError> {
        let layout = Layout::of(spec).map_err(CreateError::Spec)?;
        let have = region.words();
        if spec.shared() && !region.is_wide() {
            return Err(CreateError::Narrow);
        }
        let header = Header { layout, id, creator };
        live.claim(Layout::CREATOR, 0).map_err(|_| CreateError::Contended)?;
        let _claim = MakesIt(live);
        vacant(&region, live)?;
        let view = View::new(region, layout).ok_or(CreateError::Short { need: layout.words(), have })?;
        make(&view, &header, fill);
        Ok(Self { view, header })
    }
}

/// The claim of whoever makes a segment, which ends however that does.
struct MakesIt<'l, L: Liveness>(&'l L);

impl<L: Liveness> Drop for MakesIt<'_, L> {
    fn drop(&mut self) {
        self.0.release(Layout::CREATOR, 0);
    }
}

/// Whether nobody uses what lies in the region.
fn vacant<R: Region, L: Liveness>(region: &R, live: &L) -> Result<(), CreateError> {
    let Some((words, state)) = rumour(region) else { return Ok(()) };
    let (Some(standing), Ok(header)) = (Standing::decode(state), Header::check(&words, region.words()))
    else {
        return Ok(());
    };
    let Some(view) = View::new(region, header.layout) else { return Ok(()) };
    let users = view.slots().filter_map(|slot| view.ctl(slot).map(|ctl| (slot, ctl)));
    let users = users.filter(|(_, ctl)| ctl.state != State::Free).map(|(slot, ctl)| (slot, ctl.generation));
    let producer = (standing.generation > 0).then_some((Layout::PRODUCER, standing.generation));
    let posts = view.posts().map(|k| (Layout::claim_of_post(k), view.post(k))).filter(|(_, post)| post.taken);
    let posts = posts.map(|(slot, post)| (slot, post.generation));
    for (slot, generation) in producer.into_iter().chain(posts).chain(users) {
        if live.probe(slot, generation) != Life::Dead {
            let who = match slot {
                Layout::PRODUCER => view.producer_who(),
                Layout::POSTS.. => view.post_who(slot - Layout::POSTS),
                _ => view.who_of(slot),
            };
            return Err(CreateError::Taken { slot, who });
        }
    }
    Ok(())
}

fn make<R: Exchange>(view: &View<R>, header: &Header, fill: impl FnOnce(&View<R>)) {
    let making = Standing { phase: Phase::Making, generation: 0 };
    // Release: pairs with the Acquire of whoever attaches: whoever sees a word of the new segment sees that it is not ready.
    view.store(Layout::STATE, making.encode(), Ordering::Release);
    view.fence(Ordering::Release);
    let data = view.layout().data.0;
    (HEADER_WORDS + 1..data).for_each(|at| view.store(At(at), 0, Ordering::Relaxed));
    view.write(At(0), &header.encode());
    view.clear_unheard();
    view.note(Kind::Made, Layout::CREATOR, 0, 0);
    fill(view);
    let ready = Standing { phase: Phase::Ready, generation: 0 };
    // Release: pairs with the Acquire of who attaches.
    view.store(Layout::STATE, ready.encode(), Ordering::Release);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for PeerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, word, value, allowed: (least, most) } = self;
        write!(f, "word {word} of slot {slot} is {value}, which is not between {least} and {most}")
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(error) => fmt::Display::fmt(error, f),
            Self::Short { need, have } => write!(f, "a segment of {need} words does not fit into {have}"),
            Self::Taken { slot, who } => {
                write!(f, "slot {slot} of the segment there is process {}'s", who.process)
            }
            Self::Contended => f.write_str("somebody else makes a segment there"),
            Self::Narrow => f.write_str("several producers need pairs of words that are one atomic"),
            Self::Elements(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for PeerFault {}
impl core::error::Error for CreateError {}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
