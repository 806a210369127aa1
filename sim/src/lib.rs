//! One thread, one seed, one world: the simulated seams and the harness around them.

mod choice;
mod failure;
mod hash;

pub use choice::{BadSite, Base, Choice, Overlay, OverlayReport, Rate, Site};
pub use failure::{Failure, Outcome, normalise};
