use core::marker::PhantomData;

use tidemill_seam::Instant;

use super::outlet::Outlet1;
use super::permit::{Permit, Through};
use super::ports::sealed;
use crate::graph::Wire;
use crate::message::{Header, Payload};

/// A port that sends on what came in, and so needs no slots of its own.
#[derive(Debug)]
pub struct Relay<P>(PhantomData<fn(P) -> P>);

/// What one element of [`Node::Out`](super::Node::Out) may be: a payload, or a [`Relay`] of one. Not for implementing.
pub trait Port: 'static {
    /// What a step is given for it.
    type Permit<'s>;
}

impl<P: Payload> Port for P {
    type Permit<'s> = Permit<'s, P>;
}

impl<P: Payload> Port for Relay<P> {
    type Permit<'s> = Through<'s, P>;
}

/// The output side of a node: a tuple of [`Port`]s. Not for implementing.
pub trait Outputs: 'static + sealed::Outs {
    /// What a step is given.
    type Permits<'s>;
}

/// The ports of a node as they are bound. Not for implementing.
#[doc(hidden)]
pub trait Outlets<'a, O: Outputs> {
    fn permitted(&mut self) -> bool;
    fn permits<'s>(&'s mut self, lead: Option<&'s Header>, now: Instant) -> O::Permits<'s>
    where
        'a: 's;
    fn commit(&mut self, now: Instant) -> u32;
    fn abort(&mut self);
    fn close(&mut self) -> u32;
    fn full(&mut self) -> u8;
    fn wires(&self, each: &mut impl FnMut(Wire));
    fn link(&mut self, find: &mut impl FnMut(usize) -> u8);
}

impl sealed::Outs for () {}

impl Outputs for () {
    type Permits<'s> = ();
}

impl<'a> Outlets<'a, ()> for () {
    #[inline]
    fn permitted(&mut self) -> bool {
        true
    }
    #[inline]
    fn permits<'s>(&'s mut self, _: Option<&'s Header>, _: Instant)
    where
        'a: 's,
    {
    }
    #[inline]
    fn commit(&mut self, _: Instant) -> u32 {
        0
    }
    fn abort(&mut self) {}
    fn close(&mut self) -> u32 {
        0
    }
    fn full(&mut self) -> u8 {
        u8::MAX
    }
    fn wires(&self, _: &mut impl FnMut(Wire)) {}
    fn link(&mut self, _: &mut impl FnMut(usize) -> u8) {}
}

macro_rules! outputs {
    ($($($port:ident $outlet:ident $at:tt)+;)*) => {$(
        impl<$($port: Port),+> sealed::Outs for ($($port,)+) {}

        impl<$($port: Port),+> Outputs for ($($port,)+) {
            type Permits<'s> = ($($port::Permit<'s>,)+);
        }

        impl<'a, $($port: Port, $outlet: Outlet1<'a, $port>),+> Outlets<'a, ($($port,)+)> for ($($outlet,)+) {
            #[inline]
            fn permitted(&mut self) -> bool {
                true $(&& self.$at.permits())+
            }
            #[inline]
            fn permits<'s>(&'s mut self, lead: Option<&'s Header>, now: Instant) -> ($($port::Permit<'s>,)+)
            where
                'a: 's,
            {
                ($(self.$at.permit(lead, now),)+)
            }
            #[inline]
            fn commit(&mut self, now: Instant) -> u32 {
                0 $(| self.$at.commit(now))+
            }
            fn abort(&mut self) {
                $(self.$at.abort();)+
            }
            fn close(&mut self) -> u32 {
                0 $(| self.$at.close())+
            }
            fn full(&mut self) -> u8 {
                $(if !self.$at.permits() { return self.$at.full(); })+
                u8::MAX
            }
            fn wires(&self, each: &mut impl FnMut(Wire)) {
                $(self.$at.wires($at, each);)+
            }
            fn link(&mut self, find: &mut impl FnMut(usize) -> u8) {
                $(self.$at.link(find);)+
            }
        }
    )*};
}

outputs! {
    A OA 0;
    A OA 0 B OB 1;
    A OA 0 B OB 1 C OC 2;
    A OA 0 B OB 1 C OC 2 D OD 3;
}
