//! Implementations that each break one law, and say which.
//!
//! Every module holds one implementation that is right by inspection and takes an `Option<Fault>`: with `None` it
//! keeps every law, with a fault it breaks the one that [`Fault::law`](clock::Fault::law) names. A suite is worth as
//! much as the faults it catches, so the tests run all of them.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident => $law:literal,)*) => {
        /// A way to break a law.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Fault {
            $($(#[$doc])* #[doc = concat!("Caught by ", $law, ".")] $name,)*
        }

        impl Fault {
            /// Every fault of this module.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The law that rejects it.
            pub const fn law(self) -> &'static str {
                match self {
                    $(Self::$name => $law,)*
                }
            }
        }
    };
}
use faults;

pub mod admission;
pub mod clock;
#[cfg(feature = "std")]
pub mod crowd;
pub mod edge;
pub mod entropy;
pub mod frames;
pub mod link;
pub mod liveness;
pub mod manager;
pub mod notify;
#[cfg(feature = "std")]
pub mod racing;
#[cfg(target_has_atomic = "32")]
pub mod region;
pub mod register;
pub mod ring;
pub mod segment;
pub mod shared;
#[cfg(feature = "std")]
pub mod sleep;
#[cfg(feature = "_mutants")]
pub mod stage;
pub mod store;
pub mod stream;
