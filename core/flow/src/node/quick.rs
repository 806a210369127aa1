//! Nodes from closures.

use core::fmt;
use core::marker::PhantomData;

use super::{Any, Cx, Fault, Items, Node, Permits, Relay, Step};
use crate::message::{Flags, Payload};

macro_rules! quick {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),+>;)*) => {$(
        $(#[$doc])*
        pub struct $name<F, $($param),+> {
            f: F,
            payloads: PhantomData<fn() -> ($($param,)+)>,
        }

        impl<F, $($param),+> fmt::Debug for $name<F, $($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

quick! {
    /// From [`source`].
    Source<P>;
    /// From [`map`].
    Map<A, B>;
    /// From [`filter`].
    Filter<P>;
    /// From [`join`].
    Join<A, B, C>;
    /// From [`sink`].
    Sink<P>;
}

/// Sends what `f` gives, until it gives `None`.
pub const fn source<P: Payload, F: FnMut() -> Option<P>>(f: F) -> Source<F, P> {
    Source { f, payloads: PhantomData }
}

/// Sends one message for each.
pub const fn map<A: Payload, B: Payload, F: FnMut(&A) -> B>(f: F) -> Map<F, A, B> {
    Map { f, payloads: PhantomData }
}

/// Sends on, in their slots, the messages that `f` approves of.
pub const fn filter<P: Payload, F: FnMut(&P) -> bool>(f: F) -> Filter<F, P> {
    Filter { f, payloads: PhantomData }
}

/// Gathers messages into a state. `f` may give out something for each; `end` gives out what is left after a message
/// flagged [`Flags::END`], and when the input is closed and drained.
pub const fn fold<S, A, B, F, E>(state: S, f: F, end: E) -> Fold<S, F, E, A, B>
where
    A: Payload,
    B: Payload,
    F: FnMut(&mut S, &A) -> Option<B>,
    E: FnMut(&mut S) -> Option<B>,
{
    Fold { state, f, end, flush: false, payloads: PhantomData }
}

/// Sends one message for one of each input.
pub const fn join<A: Payload, B: Payload, C: Payload, F: FnMut(&A, &B) -> C>(f: F) -> Join<F, A, B, C> {
    Join { f, payloads: PhantomData }
}

/// Shows `f` every message.
pub const fn sink<P: Payload, F: FnMut(&P)>(f: F) -> Sink<F, P> {
    Sink { f, payloads: PhantomData }
}

impl<P: Payload, F: FnMut() -> Option<P>> Node for Source<F, P> {
    type In = ();
    type Out = (P,);

    #[inline]
    fn step(&mut self, _: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        Ok(match (self.f)() {
            Some(payload) => {
                out.send(payload);
                Step::Progress
            }
            None => Step::Done,
        })
    }
}

impl<A: Payload, B: Payload, F: FnMut(&A) -> B> Node for Map<F, A, B> {
    type In = (A,);
    type Out = (B,);

    #[inline]
    fn step(
        &mut self,
        _: &mut Cx,
        (item,): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        out.send((self.f)(&item));
        Ok(Step::Progress)
    }
}

impl<P: Payload, F: FnMut(&P) -> bool> Node for Filter<F, P> {
    type In = (P,);
    type Out = (Relay<P>,);

    #[inline]
    fn step(
        &mut self,
        _: &mut Cx,
        (item,): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        if (self.f)(&item) {
            out.forward(item).map_err(|_| Fault("a filter's output belongs to the pool of its input"))?;
        }
        Ok(Step::Progress)
    }
}

impl<A: Payload, B: Payload, C: Payload, F: FnMut(&A, &B) -> C> Node for Join<F, A, B, C> {
    type In = (A, B);
    type Out = (C,);

    #[inline]
    fn step(
        &mut self,
        _: &mut Cx,
        (a, b): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        out.send((self.f)(&a, &b));
        Ok(Step::Progress)
    }
}

impl<P: Payload, F: FnMut(&P)> Node for Sink<F, P> {
    type In = (P,);
    type Out = ();

    #[inline]
    fn step(&mut self, _: &mut Cx, (item,): Items<'_, Self>, (): ()) -> Result<Step, Fault> {
        (self.f)(&item);
        Ok(Step::Progress)
    }
}

/// From [`fold`].
pub struct Fold<S, F, E, A, B> {
    state: S,
    f: F,
    end: E,
    /// What is left is to be given out before the next message.
    flush: bool,
    payloads: PhantomData<fn(A) -> B>,
}

impl<S, F, E, A, B> Node for Fold<S, F, E, A, B>
where
    A: Payload,
    B: Payload,
    F: FnMut(&mut S, &A) -> Option<B>,
    E: FnMut(&mut S) -> Option<B>,
{
    type In = Any<(A,)>;
    type Out = (B,);

    fn open(&self) -> bool {
        !self.flush
    }

    #[inline]
    fn step(
        &mut self,
        cx: &mut Cx,
        (item,): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        let (made, flags) = match item {
            Some(item) => {
                self.flush = item.header().flags.contains(Flags::END);
                ((self.f)(&mut self.state, &item), Flags::NONE)
            }
            None if self.flush || cx.closed() => {
                let flags = if self.flush { Flags::END } else { Flags::NONE };
                self.flush = false;
                ((self.end)(&mut self.state), flags)
            }
            None => return Ok(Step::Idle),
        };
        if let Some(made) = made {
            out.send_as(|header| header.flags = flags, || made);
        }
        Ok(match (self.flush, cx.closed()) {
            (true, _) => Step::SleepUntil(cx.now()),
            (false, true) => Step::Done,
            (false, false) => Step::Progress,
        })
    }
}

impl<S, F, E, A, B> fmt::Debug for Fold<S, F, E, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fold")
    }
}
