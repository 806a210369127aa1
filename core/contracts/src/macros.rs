/// One `#[test]` that runs one suite and prints the law, the seed and the step of a violation.
#[doc(hidden)]
#[macro_export]
macro_rules! __laws {
    ($(#[$meta:meta])* $name:ident, $verdict:expr) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            let verdict: $crate::Verdict = $verdict;
            if let Err(violation) = verdict {
                panic!("{violation}");
            }
        }
    };
}

/// Tests that a [`Clock`](tidemill_seam::Clock) keeps its laws: `clock_contract!(name, handle, pass, pace)`.
///
/// `handle: FnMut() -> impl Clock` gives one more handle of the same clock, `pass: FnMut(Duration)` lets time go by, and
/// `pace` says [how](crate::clock::Pace). Expands to one `#[test]` function of that name, which calls
/// [`clock`](crate::clock()).
#[macro_export]
macro_rules! clock_contract {
    ($name:ident, $handle:expr, $pass:expr, $pace:expr) => {
        $crate::__laws!($name, $crate::clock($handle, $pass, $pace, $crate::Effort::Quick));
    };
}

/// Tests that an [`Entropy`](tidemill_seam::Entropy) keeps its laws: `entropy_contract!(name, pair, bits)`.
///
/// `pair: FnMut() -> (E, E)` gives two owners' handles of a fresh world; `bits` says [where they come
/// from](crate::entropy::Bits). Expands to one `#[test]` function, which calls [`entropy`](crate::entropy()).
#[macro_export]
macro_rules! entropy_contract {
    ($name:ident, $pair:expr, $bits:expr) => {
        $crate::__laws!($name, $crate::entropy($pair, $bits, $crate::Effort::Quick));
    };
}

/// Tests that a [`Notify`](tidemill_seam::Notify) keeps its laws: `notify_contract!(name, make, clock)`, or
/// `notify_contract!(name, make, clock, threads)` for one that two threads may share (feature `std`).
///
/// `make: FnMut() -> impl Notify` gives a fresh bell; deadlines are instants of `clock`. Expands to one `#[test]`
/// function which calls [`notify`](crate::notify()), or to a module of two.
#[macro_export]
macro_rules! notify_contract {
    ($name:ident, $make:expr, $clock:expr) => {
        $crate::__laws!($name, $crate::notify($make, &$clock, $crate::Effort::Quick));
    };
    ($name:ident, $make:expr, $clock:expr, threads) => {
        mod $name {
            #[allow(
                unused_imports,
                reason = "the expressions may name anything in scope around the macro"
            )]
            use super::*;
            $crate::__laws!(alone, $crate::notify($make, &$clock, $crate::Effort::Quick));
            $crate::__laws!(threads, $crate::notify_threads($make, &$clock, $crate::Effort::Quick));
        }
    };
}

/// Tests that a [`Region`](tidemill_seam::Region) with two handles keeps its laws: `region_contract!(name, views)`, or
/// `region_contract!(name, views, threads)` where the handles are `Send` (feature `std`), or with `exchange` in front of
/// either for one that is an [`Exchange`](tidemill_seam::Exchange) too, and `lent` behind for one that is a
/// [`Lend`](tidemill_seam::Lend).
///
/// `views: FnMut(u32) -> (A, B)` gives two handles of a fresh region of at least so many words. Expands to a module of
/// one `#[test]` function per suite.
#[macro_export]
macro_rules! region_contract {
    ($name:ident, $views:expr $(, $more:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "the expressions may name anything in scope around the macro")]
            use super::*;
            $crate::__laws!(histories, $crate::region_views($views, $crate::Effort::Quick));
            $($crate::region_contract!(@ $more $views);)*
            $crate::region_contract!(@@ $views $(, $more)*);
        }
    };
    (@ threads $views:expr) => {
        $crate::__laws!(threads, $crate::region_threads($views, $crate::Effort::Quick));
    };
    (@ exchange $views:expr) => {
        $crate::__laws!(exchange, $crate::exchange($views, $crate::Effort::Quick));
    };
    (@ lent $views:expr) => {
        $crate::__laws!(lent, $crate::region_lent($views, $crate::Effort::Quick));
    };
    (@@ $views:expr, exchange, threads $(, $more:ident)*) => {
        $crate::__laws!(exchange_threads, $crate::exchange_threads($views, $crate::Effort::Quick));
    };
    (@@ $views:expr $(, $more:ident)*) => {};
}

/// Tests that a [`Liveness`](tidemill_seam::Liveness) keeps its laws: `liveness_contract!(name, make, settle)`.
///
/// `make: FnMut() -> (A, B)` gives what two parties of a fresh world have; `settle: FnMut()` lets the world notice what was
/// given back, for a bounded time. Expands to one `#[test]` function, which calls [`liveness`](crate::liveness()).
#[macro_export]
macro_rules! liveness_contract {
    ($name:ident, $make:expr, $settle:expr) => {
        $crate::__laws!($name, $crate::liveness($make, $settle, $crate::Effort::Quick));
    };
}

/// Tests that a pair of [`Link`](tidemill_seam::Link)s keeps its laws: `link_contract!(name, make, settle)`.
///
/// `make: FnMut() -> Ends<A, B>` gives a fresh pair without corruption, of an mtu of at most 65 535 bytes; `settle:
/// FnMut()` lets the world carry what is under way, for a bounded time. Expands to one `#[test]` function, which calls
/// [`link`](crate::link()).
#[macro_export]
macro_rules! link_contract {
    ($name:ident, $make:expr, $settle:expr) => {
        $crate::__laws!($name, {
            let mut scratch = [0_u8; 2 * 65_536];
            $crate::link($make, $settle, &mut scratch, $crate::Effort::Quick)
        });
    };
}

/// Tests that a [`Store`](tidemill_seam::Store) keeps its laws: `store_contract!(name, make)`.
///
/// `make: FnMut() -> impl Bench` gives a fresh store in [its world](crate::store::Bench). Expands to one `#[test]` function,
/// which calls [`store`](crate::store()).
#[macro_export]
macro_rules! store_contract {
    ($name:ident, $make:expr) => {
        $crate::__laws!($name, $crate::store($make, $crate::Effort::Quick));
    };
}

/// Tests that a [`Register`](tidemill_seam::Register) keeps its laws: `register_contract!(name, make)`.
///
/// `make: FnMut() -> impl Bench` gives a fresh register without a value in [its world](crate::register::Bench). Expands to
/// one `#[test]` function, which calls [`register`](crate::register()).
#[macro_export]
macro_rules! register_contract {
    ($name:ident, $make:expr) => {
        $crate::__laws!($name, $crate::register($make, $crate::Effort::Quick));
    };
}

/// Tests that a [`Stream`](tidemill_seam::Stream) keeps its laws: `stream_contract!(name, make, settle)`.
///
/// `make: FnMut() -> (A, B)` gives both ends of a fresh stream that is open; `settle: FnMut()` lets the world carry what is
/// under way, for a bounded time. Expands to one `#[test]` function, which calls [`stream`](crate::stream()).
#[macro_export]
macro_rules! stream_contract {
    ($name:ident, $make:expr, $settle:expr) => {
        $crate::__laws!($name, $crate::stream($make, $settle, $crate::Effort::Quick));
    };
}

/// Tests that a ring keeps its laws: `ring_contract!(name, make)`, or with `threads` behind it where the halves are `Send`
/// (feature `std`), or with `evicting` in front for one that was split to evict.
///
/// `make: FnMut(capacity, start) -> Option<(P, C)>` gives the halves of a fresh ring, of types that implement
/// [`RingProducer`](crate::ring::RingProducer) and [`RingConsumer`](crate::ring::RingConsumer), or `None` where it cannot
/// be of that capacity. Expands to a module of one `#[test]` function per suite.
#[macro_export]
macro_rules! ring_contract {
    (evicting $name:ident, $make:expr $(, $threads:ident)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the expressions may name anything in scope around the macro")]
            use super::*;
            $crate::__laws!(histories, $crate::ring_evicting($make, $crate::Effort::Quick));
            $($crate::__laws!($threads, $crate::ring_threads($make, $crate::Effort::Quick));)?
        }
    };
    ($name:ident, $make:expr $(, $threads:ident)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the expressions may name anything in scope around the macro")]
            use super::*;
            $crate::__laws!(histories, $crate::ring($make, $crate::Effort::Quick));
            $($crate::__laws!($threads, $crate::ring_threads($make, $crate::Effort::Quick));)?
        }
    };
}

/// Tests that a [`Manager`](tidemill_flow::Manager) keeps its laws: `manager_contract!(name, make)`.
///
/// `make: FnMut(capacity, PoolId) -> Option<M>` gives a fresh manager of [`Cargo`](crate::manager::Cargo), or `None` where
/// it cannot be of that capacity. Expands to one `#[test]` function, which calls [`manager`](crate::manager()).
#[macro_export]
macro_rules! manager_contract {
    ($name:ident, $make:expr) => {
        $crate::__laws!($name, {
            static LEDGER: $crate::manager::Ledger = $crate::manager::Ledger::new();
            $crate::manager($make, &LEDGER, $crate::Effort::Quick)
        });
    };
}

/// Tests that an edge keeps its laws: `edge_contract!(name, make)`, or with `threads` behind it where the ends are `Send`
/// (feature `std`).
///
/// `make: FnMut(Caps, start) -> Option<(T, R)>` gives the ends of a fresh edge, of types that implement
/// [`EdgeTx`](crate::edge::EdgeTx) and [`EdgeRx`](crate::edge::EdgeRx), or `None` where it cannot have these caps. Expands
/// to a module of one `#[test]` function per suite.
#[macro_export]
macro_rules! edge_contract {
    ($name:ident, $make:expr $(, $threads:ident)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the expressions may name anything in scope around the macro")]
            use super::*;
            $crate::__laws!(histories, $crate::edge($make, $crate::Effort::Quick));
            $($crate::__laws!($threads, $crate::edge_threads($make, $crate::Effort::Quick));)?
        }
    };
}
