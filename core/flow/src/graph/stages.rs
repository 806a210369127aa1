use core::cell::UnsafeCell;

use super::stage::{AnyStage, Inner, Stage};
use crate::node::{Node, Outlets};

/// Something to do with a stage, whatever its node.
#[doc(hidden)]
pub trait Visit {
    type Output;
    fn visit<A: AnyStage>(self, stage: &mut A) -> Self::Output;
}

/// A tuple of stages, or of tuples of them. Not for implementing.
///
/// # Safety
/// Sealed: `visit` reaches exactly the stage with that index.
pub unsafe trait Stages {
    /// How many there are.
    const COUNT: usize;

    #[doc(hidden)]
    fn visit_mut<V: Visit>(&mut self, index: usize, visit: V) -> V::Output {
        // SAFETY: `&mut self` is the whole.
        unsafe { self.visit(index, visit) }
    }

    /// # Safety
    /// `index < COUNT`, and nobody else looks at that stage during the call.
    #[doc(hidden)]
    unsafe fn visit<V: Visit>(&self, index: usize, visit: V) -> V::Output;
}

// SAFETY: the one stage has index 0.
unsafe impl<'a, N: Node, O: Outlets<'a, N::Out>> Stages for Stage<'a, N, O> {
    const COUNT: usize = 1;

    #[inline]
    unsafe fn visit<V: Visit>(&self, _: usize, visit: V) -> V::Output {
        let cell: &UnsafeCell<Inner<'a, N, O>> = &self.inner;
        // SAFETY: nobody else looks at this stage: the caller's promise.
        visit.visit(unsafe { &mut *cell.get() })
    }
}

macro_rules! stages {
    ($($($name:ident $at:tt)+;)*) => {$(
        // SAFETY: the indices of an element follow those of the elements before it.
        unsafe impl<$($name: Stages),+> Stages for ($($name,)+) {
            const COUNT: usize = 0 $(+ $name::COUNT)+;

            #[inline]
            unsafe fn visit<VV: Visit>(&self, mut index: usize, visit: VV) -> VV::Output {
                $(
                    if index < $name::COUNT {
                        // SAFETY: the caller's promise, handed on.
                        return unsafe { self.$at.visit(index, visit) };
                    }
                    index -= $name::COUNT;
                )+
                unreachable!("stage {index} beyond the last")
            }
        }
    )*};
}

stages! {
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15;
}
