use crate::{Failure, Outcome, Sim};
use core::any::Any;
use core::fmt::Debug;

/// What a simulated test may give back.
pub trait Finish {
    /// The failure, if it is one. A [`Failure`] keeps its own id.
    fn failure(self, sim: &Sim) -> Option<Failure>;
}

impl Finish for () {
    fn failure(self, _: &Sim) -> Option<Failure> {
        None
    }
}

impl Finish for Outcome {
    fn failure(self, _: &Sim) -> Option<Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Quiet | Self::Due | Self::Stopped => None,
        }
    }
}

impl<T: Finish, E: Debug + 'static> Finish for Result<T, E> {
    fn failure(self, sim: &Sim) -> Option<Failure> {
        match self {
            Ok(value) => value.failure(sim),
            Err(error) => Some(match (&error as &dyn Any).downcast_ref::<Failure>() {
                Some(failure) => failure.clone(),
                None => Failure::new("error", format!("{error:?}"), "world", sim.now(), sim.stats().events),
            }),
        }
    }
}
