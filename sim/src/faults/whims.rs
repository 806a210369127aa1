//! [`Buggify`] in a simulation: which sites are on in a run, and how often they fire.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_seam::{Buggify, BuggifySite};

use super::FaultCounts;
use crate::assert::{Notebook, Witness};
use crate::choice::Rate;
use crate::process::Context;
use crate::seams::Seams;
use crate::streams::{Choices, StreamId, stream_of};
use crate::task::Env;

/// The sites of one simulation. A site is off in half of the runs; where it is on, it fires at one in 2 to 256
/// evaluations, drawn by magnitude. Choices are `buggify/NAME#on`, `#rarity` and `#fires`; 0 is off, rarest, no.
#[derive(Debug)]
pub(crate) struct Whims {
    choices: RefCell<Choices>,
    sites: RefCell<Vec<Whim>>,
    /// The world is healed: everything is as usual from now on.
    calm: Cell<bool>,
}

#[derive(Clone, Debug)]
struct Whim {
    site: &'static BuggifySite,
    stream: StreamId,
    rate: Rate,
    counts: FaultCounts,
}

impl Whims {
    pub(crate) fn new(choices: Choices) -> Self {
        Self { choices: RefCell::new(choices), sites: RefCell::default(), calm: Cell::new(false) }
    }

    pub(crate) fn calm(&self) {
        self.calm.set(true);
    }

    fn place(&self, site: &'static BuggifySite) -> usize {
        let mut sites = self.sites.borrow_mut();
        if let Some(at) = sites.iter().position(|whim| whim.site == site) {
            return at;
        }
        let mut choices = self.choices.borrow_mut();
        // One switch for all places of a name.
        let twin = sites.iter().find(|whim| whim.site.name == site.name);
        let (stream, rate) = twin.map_or_else(|| draw(&mut choices, site), |whim| (whim.stream, whim.rate));
        sites.push(Whim { site, stream, rate, counts: FaultCounts::default() });
        sites.len() - 1
    }

    fn ask(&self, site: &'static BuggifySite) -> bool {
        let at = self.place(site);
        let whim = &mut self.sites.borrow_mut()[at];
        whim.counts.looked += 1;
        let fires = !self.calm.get() && self.choices.borrow_mut().chance_by(whim.stream, "fires", whim.rate);
        whim.counts.fired += u64::from(fires);
        fires
    }

    fn changed(&self, site: &'static BuggifySite) {
        let at = self.place(site);
        self.sites.borrow_mut()[at].counts.changed += 1;
    }

    /// What every site did.
    pub(crate) fn counts(&self) -> Vec<(&'static BuggifySite, FaultCounts)> {
        self.sites.borrow().iter().map(|whim| (whim.site, whim.counts)).collect()
    }
}

fn draw(choices: &mut Choices, site: &BuggifySite) -> (StreamId, Rate) {
    let name = format!("buggify/{}", site.name.replace(|c: char| c.is_whitespace() || c == '#', "-"));
    let stream = choices.open(stream_of(&name), || name);
    let on = choices.choose_by(stream, "on", 2) == 1;
    let rarity = 8 - choices.choose_by(stream, "rarity", 8);
    (stream, if on { Rate::of_two_to_32(1 << (32 - rarity)) } else { Rate::NEVER })
}

/// The [`Buggify`] of a process, for shipped code to own.
#[derive(Clone, Debug)]
pub struct SimBuggify(Rc<Notebook>);

impl Seams {
    /// Rare and lawful behaviour, by the choices of the world.
    pub fn buggify(&self) -> SimBuggify {
        SimBuggify(Rc::clone(&self.0.notebook))
    }
}

impl Witness for SimBuggify {
    fn notebook(&self) -> &Notebook {
        &self.0
    }
}

macro_rules! whims {
    ($($of:ty)*) => {$(
        impl Buggify for $of {
            fn buggify(&self, site: &'static BuggifySite) -> bool {
                self.notebook().whims.ask(site)
            }
            fn changed(&self, site: &'static BuggifySite) {
                self.notebook().whims.changed(site);
            }
        }
    )*};
}
whims!(SimBuggify Seams Env Context<'_>);
