use core::marker::PhantomData;

use super::Item;
use crate::edge::Rx;
use crate::graph::Wire;
use crate::message::{Header, Payload};

/// Inputs that fire one at a time: each step is shown one message of one port, the ports taking turns, or none at all
/// when the node was woken for another reason.
#[derive(Debug)]
pub struct Any<T>(PhantomData<fn(T) -> T>);

/// Which ports a step is shown: all, one, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chosen {
    /// No port.
    None,
    /// This one.
    One(u8),
    /// Every one.
    All,
}

/// The input side of a node: a tuple of payloads, or [`Any`] of one. Not for implementing.
pub trait Inputs: 'static + sealed::Sealed {
    /// What a step is shown.
    type Items<'s>;
    /// The edge ends that feed the ports.
    type Ends<'a>;
    #[doc(hidden)]
    const PORTS: u8;
    #[doc(hidden)]
    const ALL: bool;
    #[doc(hidden)]
    fn choose(ends: &mut Self::Ends<'_>, turn: u8) -> Chosen;
    /// # Safety
    /// Until the shown messages are retired, dropped or kept, this is called once.
    #[doc(hidden)]
    unsafe fn items<'s>(ends: &'s Self::Ends<'_>, chosen: Chosen) -> Self::Items<'s>;
    #[doc(hidden)]
    fn lead<'s>(ends: &'s Self::Ends<'_>, chosen: Chosen) -> Option<&'s Header>;
    /// Ends the life of what was shown; returns the stages that gained room.
    #[doc(hidden)]
    fn retire(ends: &mut Self::Ends<'_>, chosen: Chosen) -> u32;
    #[doc(hidden)]
    fn fault(ends: &mut Self::Ends<'_>) -> u32;
    #[doc(hidden)]
    fn keep(ends: &Self::Ends<'_>);
    /// Ports, as bits, on which nothing will ever come again.
    #[doc(hidden)]
    fn drained(ends: &Self::Ends<'_>) -> u8;
    /// The stages at the other ends.
    #[doc(hidden)]
    fn peers(ends: &Self::Ends<'_>) -> u32;
    /// The stage that feeds the first port on which nothing is at hand.
    #[doc(hidden)]
    fn starved(ends: &Self::Ends<'_>) -> u8;
    #[doc(hidden)]
    fn wires(ends: &Self::Ends<'_>, each: &mut impl FnMut(Wire));
    #[doc(hidden)]
    fn link(ends: &mut Self::Ends<'_>, find: &mut impl FnMut(usize) -> u8);
}

pub(crate) mod sealed {
    pub trait Sealed {}
    pub trait Outs {}
}

pub(crate) const fn bit(stage: u8) -> u32 {
    if stage < 32 { 1 << stage } else { 0 }
}

impl sealed::Sealed for () {}

impl Inputs for () {
    type Items<'s> = ();
    type Ends<'a> = ();
    const PORTS: u8 = 0;
    const ALL: bool = false;
    #[inline]
    fn choose((): &mut (), _: u8) -> Chosen {
        Chosen::None
    }
    #[inline]
    unsafe fn items((): &(), _: Chosen) {}
    #[inline]
    fn lead((): &(), _: Chosen) -> Option<&Header> {
        None
    }
    #[inline]
    fn retire((): &mut (), _: Chosen) -> u32 {
        0
    }
    fn fault((): &mut ()) -> u32 {
        0
    }
    fn keep((): &()) {}
    #[inline]
    fn drained((): &()) -> u8 {
        0
    }
    fn peers((): &()) -> u32 {
        0
    }
    fn starved((): &()) -> u8 {
        u8::MAX
    }
    fn wires((): &(), _: &mut impl FnMut(Wire)) {}
    fn link((): &mut (), _: &mut impl FnMut(usize) -> u8) {}
}

/// # Safety
/// As for [`Inputs::items`].
#[inline]
unsafe fn view<'s, P: Payload>(rx: &'s Rx<'_, P>) -> Option<Item<'s, P>> {
    // SAFETY: the step that gets the only shadow either commits, and then one of the two is dropped unused, or does
    // not, and then the shadow is.
    rx.front().map(|token| Item::new(unsafe { token.shadow() }, &rx.sent_on))
}

/// # Safety
/// As for [`Inputs::items`].
#[inline]
unsafe fn view_if<'s, P: Payload>(rx: &'s Rx<'_, P>, chosen: bool) -> Option<Item<'s, P>> {
    if chosen {
        // SAFETY: the caller's promise, handed on.
        unsafe { view(rx) }
    } else {
        None
    }
}

fn wire<P: Payload>(rx: &Rx<'_, P>, port: u8) -> Wire {
    let pool = rx.pool();
    Wire {
        output: false,
        port,
        home: false,
        alone: None,
        edge: rx.key(),
        pool: pool.key(),
        depth: pool.slots.len() as u32,
        hard_items: 0,
        stage: 0,
    }
}

macro_rules! inputs {
    ($($n:literal: $($name:ident $at:tt)+;)*) => {$(
        impl<$($name: Payload),+> sealed::Sealed for ($($name,)+) {}
        impl<$($name: Payload),+> sealed::Sealed for Any<($($name,)+)> {}

        impl<$($name: Payload),+> Inputs for ($($name,)+) {
            type Items<'s> = ($(Item<'s, $name>,)+);
            type Ends<'a> = ($(Rx<'a, $name>,)+);
            const PORTS: u8 = $n;
            const ALL: bool = true;
            #[inline]
            fn choose(ends: &mut Self::Ends<'_>, _: u8) -> Chosen {
                // Every port, also past an empty one: who waits for what is read off the fronts.
                if true $(& ends.$at.fill())+ { Chosen::All } else { Chosen::None }
            }
            #[inline]
            unsafe fn items<'s>(ends: &'s Self::Ends<'_>, _: Chosen) -> Self::Items<'s> {
                // SAFETY: the caller's promise, handed on.
                ($(unsafe { view(&ends.$at) }.expect("a step is shown what was chosen"),)+)
            }
            #[inline]
            fn lead<'s>(ends: &'s Self::Ends<'_>, _: Chosen) -> Option<&'s Header> {
                ends.0.front().map(|token| token.header())
            }
            #[inline]
            fn retire(ends: &mut Self::Ends<'_>, _: Chosen) -> u32 {
                $(ends.$at.retire();)+
                Self::peers(ends)
            }
            fn fault(ends: &mut Self::Ends<'_>) -> u32 {
                $(ends.$at.fault();)+
                Self::peers(ends)
            }
            shared_inputs!($($at)+);
        }

        impl<$($name: Payload),+> Inputs for Any<($($name,)+)> {
            type Items<'s> = ($(Option<Item<'s, $name>>,)+);
            type Ends<'a> = ($(Rx<'a, $name>,)+);
            const PORTS: u8 = $n;
            const ALL: bool = false;
            #[inline]
            fn choose(ends: &mut Self::Ends<'_>, turn: u8) -> Chosen {
                for k in 0..$n {
                    let port = if turn + k < $n { turn + k } else { turn + k - $n };
                    if match port { $($at => ends.$at.fill(),)+ _ => false } {
                        return Chosen::One(port);
                    }
                }
                Chosen::None
            }
            #[inline]
            unsafe fn items<'s>(ends: &'s Self::Ends<'_>, chosen: Chosen) -> Self::Items<'s> {
                // SAFETY: the caller's promise, handed on.
                ($(unsafe { view_if(&ends.$at, chosen == Chosen::One($at)) },)+)
            }
            #[inline]
            fn lead<'s>(ends: &'s Self::Ends<'_>, chosen: Chosen) -> Option<&'s Header> {
                match chosen {
                    $(Chosen::One($at) => ends.$at.front().map(|token| token.header()),)+
                    _ => None,
                }
            }
            #[inline]
            fn retire(ends: &mut Self::Ends<'_>, chosen: Chosen) -> u32 {
                match chosen {
                    $(Chosen::One($at) => {
                        ends.$at.retire();
                        ends.$at.bell
                    })+
                    _ => 0,
                }
            }
            fn fault(ends: &mut Self::Ends<'_>) -> u32 {
                $(ends.$at.fault();)+
                Self::peers(ends)
            }
            shared_inputs!($($at)+);
        }
    )*};
}

macro_rules! shared_inputs {
    ($($at:tt)+) => {
        fn keep(ends: &Self::Ends<'_>) {
            $(ends.$at.sent_on.set(false);)+
        }
        #[inline]
        fn drained(ends: &Self::Ends<'_>) -> u8 {
            0 $(| u8::from(ends.$at.is_drained()) << $at)+
        }
        #[inline]
        fn peers(ends: &Self::Ends<'_>) -> u32 {
            0 $(| ends.$at.bell)+
        }
        fn starved(ends: &Self::Ends<'_>) -> u8 {
            $(if ends.$at.front().is_none() { return ends.$at.bell.trailing_zeros() as u8; })+
            u8::MAX
        }
        fn wires(ends: &Self::Ends<'_>, each: &mut impl FnMut(Wire)) {
            $(each(wire(&ends.$at, $at));)+
        }
        fn link(ends: &mut Self::Ends<'_>, find: &mut impl FnMut(usize) -> u8) {
            $(ends.$at.bell = bit(find(ends.$at.key()));)+
        }
    };
}

inputs! {
    1: A 0;
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
    7: A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    8: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}
