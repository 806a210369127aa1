/// A place that can do something rare, and lawful, instead of the usual.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BuggifySite {
    /// Its name: what the rare thing is.
    pub name: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// Decides whether code takes a path that is lawful and rarely taken: a short read, a full batch of one, an early
/// timeout. Asked by [`buggify!`](crate::buggify).
///
/// # Laws
/// - `false` is always lawful: whoever asks does the usual then. [`Usual`] never says anything else.
/// - `true` is lawful, too: whoever asks keeps every promise whatever the answers.
pub trait Buggify {
    /// Whether to do the rare thing here and now.
    fn buggify(&self, site: &'static BuggifySite) -> bool;

    /// The rare thing that was decided last differed from the usual.
    fn changed(&self, site: &'static BuggifySite) {
        let _ = site;
    }
}

/// Always does the usual thing. Has no size, and a branch on its answer is no branch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usual;

impl Buggify for Usual {
    #[inline(always)]
    fn buggify(&self, _: &'static BuggifySite) -> bool {
        false
    }

    #[inline(always)]
    fn changed(&self, _: &'static BuggifySite) {}
}

impl<B: Buggify + ?Sized> Buggify for &B {
    #[inline(always)]
    fn buggify(&self, site: &'static BuggifySite) -> bool {
        (**self).buggify(site)
    }

    #[inline(always)]
    fn changed(&self, site: &'static BuggifySite) {
        (**self).changed(site);
    }
}

/// Asks a [`Buggify`] whether to do something rare.
///
/// ```
/// use tidemill_seam::{Buggify, Usual, buggify};
///
/// /// Sends in batches; any size is lawful.
/// fn batch(whims: &impl Buggify, waiting: usize) -> usize {
///     if buggify!(whims, "nothing is sent this time") {
///         return 0;
///     }
///     buggify!(whims, "a batch of one", usual: waiting.min(64), rare: waiting.min(1))
/// }
///
/// assert_eq!(batch(&Usual, 100), 64);
/// ```
///
/// With `usual` and `rare` it gives one of the two values, and counts as changed where they differ. Alone it is a
/// condition, and counts as changed whenever it holds.
#[macro_export]
macro_rules! buggify {
    ($whims:expr, $name:literal $(,)?) => {{
        static SITE: $crate::BuggifySite =
            $crate::BuggifySite { name: $name, file: ::core::file!(), line: ::core::line!() };
        let fired = $crate::Buggify::buggify(&$whims, &SITE);
        if fired {
            $crate::Buggify::changed(&$whims, &SITE);
        }
        fired
    }};
    ($whims:expr, $name:literal, usual: $usual:expr, rare: $rare:expr $(,)?) => {{
        static SITE: $crate::BuggifySite =
            $crate::BuggifySite { name: $name, file: ::core::file!(), line: ::core::line!() };
        let usual = $usual;
        if $crate::Buggify::buggify(&$whims, &SITE) {
            let rare = $rare;
            if rare != usual {
                $crate::Buggify::changed(&$whims, &SITE);
            }
            rare
        } else {
            usual
        }
    }};
}
