use super::error::AttachError;
use super::lock::Lock;
use super::named::Backing;
use super::region::{Mapping, guard};
use super::witness::{Doubt, Process, Verdict, Witness};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tidemill_ring::header::SegmentId;
use tidemill_ring::table::Identity;
use tidemill_ring::wait::PROBE_DEFAULT;
use tidemill_ring::{Holder, Segment};
use tidemill_seam::{Duration, Life, Liveness};

mod thread;

pub use thread::Watch;

/// The longest sleep of who reads and is woken at a death.
const SLICE_WATCHED: Duration = Duration::from_millis(250);
/// How often is looked who came, while everybody who did can be seen.
const SCAN: Duration = Duration::from_millis(100);

/// What the witnesses of a claim say, where that is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// In which segment.
    pub segment: SegmentId,
    /// Whose claim.
    pub holder: Holder,
    /// What they say.
    pub verdict: Verdict,
}

/// Watches over everybody who takes part in some segments, and wakes who waits for the dead. Something to poll: it is
/// readable once a process has ended, and has to be turned then, and as often as it says. [`Watch`] is a thread that does.
///
/// The kernel tells of a death once nothing more is stored and the lock is free; whoever is woken asks about the lock, as
/// ever. Who came since the last turn is seen at the next.
#[derive(Debug)]
pub struct Vigil {
    epoll: OwnedFd,
    wards: Vec<Ward>,
    seen: Vec<Seen>,
    holders: Vec<Holder>,
}

/// A segment that is watched over, for one who waits there.
#[derive(Debug)]
struct Ward {
    segment: Segment<Mapping>,
    lock: Lock,
    told: Arc<Told>,
    /// What was said last, where that was anything but alive.
    said: Vec<(Holder, Verdict)>,
}

#[derive(Debug)]
struct Seen {
    who: Identity,
    witness: Witness,
    process: Process,
    /// Somebody of that process holds a claim.
    wanted: bool,
}

/// What one who waits and the vigil know of each other.
#[derive(Default, Debug)]
struct Told {
    notices: AtomicU32,
    gone: AtomicBool,
}

/// The end of that in the hands of who waits.
#[derive(Debug)]
pub(super) struct Tie {
    told: Arc<Told>,
    /// How many notices were acted upon.
    heard: AtomicU32,
    /// Turns the vigil for as long as somebody relies on that.
    watch: Option<Watch>,
}

impl Tie {
    pub(super) fn noticed(&self) -> bool {
        // Acquire: pairs with the Release in `Ward::free`. Who was announced and finds the old number is woken (RL-16).
        // Relaxed: of who waits, who is one.
        self.told.notices.load(Ordering::Acquire) != self.heard.load(Ordering::Relaxed)
    }

    pub(super) fn asks(&self) {
        // As in `noticed`: what is asked from now on is asked behind the death.
        self.heard.store(self.told.notices.load(Ordering::Acquire), Ordering::Relaxed);
    }

    pub(super) fn slice(&self) -> Duration {
        if self.watch.is_some() { SLICE_WATCHED } else { PROBE_DEFAULT }
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        // Relaxed: the bell, or nothing, orders it.
        self.told.gone.store(true, Ordering::Relaxed);
        if let Some(watch) = &self.watch {
            watch.ring();
        }
    }
}

impl Ward {
    /// Another handle to the segment, which does not keep its name.
    fn over(backing: &Backing) -> Result<Self, AttachError> {
        let Backing { mapping, lock } = Backing::of(backing.lock.file())?;
        let segment = Segment::attach(mapping)?;
        let data = segment.header().layout.data();
        guard(segment.region(), data).map_err(|error| AttachError::os("mprotect", error))?;
        Ok(Self { segment, lock, told: Arc::default(), said: Vec::new() })
    }

    fn tie(&self, watch: Option<Watch>) -> Tie {
        Tie { told: Arc::clone(&self.told), heard: AtomicU32::new(0), watch }
    }

    /// Says what is new of `holder`; true if that frees who waits for it.
    fn judge(&mut self, holder: Holder, process: Process, each: &mut impl FnMut(&Notice)) -> (Verdict, bool) {
        let verdict = Verdict::of(self.lock.probe(holder.slot, holder.generation), process);
        let before = self.said.iter().position(|(one, _)| *one == holder);
        let same = before.map_or(verdict == Verdict::Alive, |at| self.said[at].1 == verdict);
        // Who leaves says so in the table before it lets go.
        if same || (verdict.frees() && !self.segment.is_held_by(&holder)) {
            return (verdict, false);
        }
        match before {
            Some(at) => self.said[at].1 = verdict,
            None => self.said.push((holder, verdict)),
        }
        each(&Notice { segment: self.segment.header().id, holder, verdict });
        (verdict, verdict.frees())
    }

    /// Sees to what dead producers among several left, and wakes everybody.
    fn free(&self) {
        self.segment.heal(&self.lock);
        // Release: pairs with the Acquire in `Tie::noticed`; ahead of the fence behind which sleepers are looked for.
        self.told.notices.fetch_add(1, Ordering::Release);
        self.segment.rouse();
    }
}

impl Vigil {
    /// One that watches over nobody yet.
    ///
    /// # Errors
    /// Where the system has no descriptor for it.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, wards: Vec::new(), seen: Vec::new(), holders: Vec::new() })
    }

    /// Watches over who takes part in that segment, for as long as its claims are in use: whoever waits with them is woken at a
    /// death, and asks about it at once.
    ///
    /// # Errors
    /// [`AttachError`]: no segment lies there, or by the system.
    pub fn add(&mut self, backing: &mut Backing) -> Result<(), AttachError> {
        let ward = Ward::over(backing)?;
        backing.lock.watched_by(ward.tie(None));
        self.wards.push(ward);
        Ok(())
    }

    /// Looks who came and who has ended, tells `each` what is new, and wakes who waits for the dead. Never waits. Gives how
    /// soon it is to be turned again where no process ends before: `None` where it watches over nobody.
    pub fn turn(&mut self, mut each: impl FnMut(&Notice)) -> Option<Duration> {
        // Relaxed: as in `Tie::drop`.
        self.wards.retain(|ward| !ward.told.gone.load(Ordering::Relaxed));
        let ended = self.somebody_ended();
        for one in &mut self.seen {
            one.wanted = false;
            if ended {
                one.process = one.witness.says();
            }
        }
        let mut rest = SCAN;
        let Self { epoll, wards, seen, holders } = self;
        for ward in wards.iter_mut() {
            holders.clear();
            holders.extend(ward.segment.holders());
            ward.said.retain(|(holder, _)| holders.contains(holder));
            let mut frees = false;
            for holder in holders.iter() {
                let (verdict, freed) = ward.judge(*holder, process_of(seen, epoll, &holder.who), &mut each);
                frees |= freed;
                if matches!(
                    verdict,
                    Verdict::Doubt(Doubt::Inherited | Doubt::Unasked | Doubt::Apart(Life::Alive))
                ) {
                    // No process tells of the end of that claim.
                    rest = PROBE_DEFAULT;
                }
            }
            if frees {
                ward.free();
            }
        }
        seen.retain(|one| one.wanted);
        (!wards.is_empty()).then_some(rest)
    }

    /// Whether any process ended that was seen to live.
    fn somebody_ended(&self) -> bool {
        let none = epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Where the kernel does not say, each is asked.
        epoll::wait(&self.epoll, &mut [none][..], Some(&at_once)) != Ok(0)
    }
}

/// What a process is seen to be, by a witness that is called where there is none yet.
fn process_of(seen: &mut Vec<Seen>, epoll: &OwnedFd, who: &Identity) -> Process {
    if let Some(one) = seen.iter_mut().find(|one| one.who == *who) {
        one.wanted = true;
        return one.process;
    }
    let mut witness = Witness::of(who);
    let mut process = witness.says();
    if let Some(handle) = witness.handle() {
        let data = epoll::EventData::new_u64(0);
        match epoll::add(epoll, handle, data, epoll::EventFlags::IN) {
            Ok(()) | Err(Errno::EXIST) => {}
            // A witness that cannot call is none.
            Err(_) => process = Process::Unseen,
        }
    }
    seen.push(Seen { who: *who, witness, process, wanted: true });
    process
}

impl AsFd for Vigil {
    /// Readable once a process has ended: to be turned then.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
