//! What the tests of shared memory have in common: two processes over one arena.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_seam::Region;
use tidemill_sim::{Arena, Duration, Env, Lateness, MachineId, Mapping, ProcessId, Sim};

pub(crate) const NS: Duration = Duration::from_nanos(1);

pub(crate) fn get(memory: &impl Region, at: u32, order: Ordering) -> u32 {
    assert!(at < memory.words());
    // SAFETY: `at` was just found to lie within the region.
    unsafe { memory.load(at, order) }
}

/// An arena of `words` on a machine called `host`, its stores late where `late` says so.
pub(crate) fn arena(sim: &mut Sim, words: u32, late: Option<Lateness>) -> (MachineId, Arena) {
    let host = sim.machine("host");
    let arena = sim.arena(host, "ring", words);
    arena.delay(late);
    (host, arena)
}

/// Where something is left for a process to fetch.
pub(crate) type Desk<T> = Rc<RefCell<Option<T>>>;

/// A process that maps the arena; what is laid on its desk it finds there when it starts.
pub(crate) fn resident<T: 'static, F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    (host, arena): (MachineId, &Arena),
    name: &str,
    mut body: impl FnMut(Env, Desk<T>) -> F + 'static,
) -> (ProcessId, Mapping, Desk<T>) {
    let (desk, shown) = (Desk::<T>::default(), Desk::<Mapping>::default());
    let (given, shows, arena) = (Rc::clone(&desk), Rc::clone(&shown), arena.clone());
    let process = sim.spawn_async(host, name, move |env| {
        shows.borrow_mut().replace(env.seams().map(&arena));
        body(env, Rc::clone(&given))
    });
    let mapping = shown.take().expect("it was born");
    (process, mapping, desk)
}
