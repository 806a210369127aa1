use super::N;
use crate::frames::LEN_MAX;
use crate::segment::Claims;
use core::marker::PhantomData;
use core::mem;
use tidemill_ring::frame::{FrameConsumer, Room, VarConsumer};
use tidemill_ring::{Next, Peer, Segment, Start, Trusting};
use tidemill_seam::{Exchange, Lend};

type Bytes = Room<LEN_MAX>;

/// How a message is let go of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LetGo {
    /// It is acknowledged.
    Taken,
    /// It comes again.
    PutBack,
    /// By a party that dies with it.
    Forgotten,
}

/// How messages are taken.
pub trait Takes<'c, R: Exchange + Clone> {
    /// The half that takes.
    type Rx;
    /// The only consumer.
    fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx;
    /// Its slot in the table.
    fn slot(rx: &Self::Rx) -> u32;
    /// Shows what comes next to `see`, by its kind and its bytes, where it is a message; then lets go of it.
    fn hear(rx: &mut Self::Rx, let_go: LetGo, see: &mut dyn FnMut(u8, &[u8])) -> Option<Next<()>>;
}

/// Messages in parts, put together.
#[derive(Debug)]
pub enum PartsTaken {}
/// Messages in runs, copied out.
#[derive(Debug)]
pub enum RunsTaken {}
/// Those of `T` where they lie.
#[derive(Debug)]
pub struct Seen<T>(PhantomData<T>);

/// One that copies, and the same where nothing is copied.
macro_rules! takes {
    ($taken:ident, $half:ident, $join:ident) => {
        impl<'c, R: Exchange + Clone + 'c> Takes<'c, R> for $taken {
            type Rx = $half<N, R, &'c Claims, Bytes>;

            fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx {
                segment.$join(claims, peer, start, Room::new()).expect("there is a place")
            }

            fn slot(rx: &Self::Rx) -> u32 {
                rx.slot()
            }

            fn hear(rx: &mut Self::Rx, let_go: LetGo, see: &mut dyn FnMut(u8, &[u8])) -> Option<Next<()>> {
                Some(rx.try_next()?.map(|received| {
                    see(received.message().kind, received.message().bytes);
                    match let_go {
                        LetGo::Taken => drop(received),
                        LetGo::PutBack => received.put_back(),
                        LetGo::Forgotten => mem::forget(received),
                    }
                }))
            }
        }

        impl<'c, R: Exchange + Clone + Lend + 'c> Takes<'c, R> for Seen<$taken> {
            type Rx = Trusting<$half<N, R, &'c Claims, Bytes>>;

            fn join(segment: Segment<R>, claims: &'c Claims, peer: &Peer, start: Start) -> Self::Rx {
                let rx = $taken::join(segment, claims, peer, start);
                // SAFETY: the halves of this ring keep the laws, and the suite writes into nobody's bytes besides.
                unsafe { Trusting::new(rx) }.expect("bytes lie anywhere")
            }

            fn slot(rx: &Self::Rx) -> u32 {
                rx.half().slot()
            }

            fn hear(rx: &mut Self::Rx, let_go: LetGo, see: &mut dyn FnMut(u8, &[u8])) -> Option<Next<()>> {
                Some(rx.try_next()?.map(|seen| {
                    see(seen.message().kind, &seen);
                    if let_go == LetGo::Taken {
                        seen.ack();
                    }
                }))
            }
        }
    };
}

takes!(PartsTaken, FrameConsumer, frame_consumer);
takes!(RunsTaken, VarConsumer, var_consumer);
