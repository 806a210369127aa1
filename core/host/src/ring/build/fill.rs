//! What lies in the slots of a ring that is new.

use super::{AttachError, Backing, Builder, Draft, identity};
use std::fmt;
use std::path::Path;
use tidemill_ring::{Layout, Plain, Segment, Spec};

/// What fresh slots hold: zeroes, or what is given for each.
pub(super) struct Fill<E>(Option<Box<dyn FnMut(u32) -> E + Send>>);

impl<E> Fill<E> {
    pub(super) const ZEROES: Self = Self(None);
}

impl<E: Plain> Builder<E> {
    /// Where this producer makes the ring, its slots hold what `fill` gives for each, counted from 0: zeroes unless told.
    ///
    /// Before the ring has a name, and never again: a ring that is there is as it is, whoever attaches or produces again.
    /// What is made while somebody else makes one of that name goes, and `fill` ran in vain.
    ///
    /// ```
    /// use tidemill_host::ring;
    /// use tidemill_ring::{Policies, Trusting};
    ///
    /// # let name = format!("fil{}", std::process::id());
    /// # let name = name.as_str();
    /// let orders = ring(name)?.slots::<[u64; 2]>(64).fill_with(|slot| [u64::from(slot), 0]);
    /// let producer = orders.policies(Policies::BLOCK).producer()?;
    /// // SAFETY: nobody else has this ring.
    /// let mut producer = unsafe { Trusting::new(producer)? };
    /// let mut order = producer.try_loan()?;
    /// assert_eq!(order[0], 0);
    /// order[1] = 7;
    /// order.commit();
    /// assert_eq!(producer.try_loan()?[0], 1);
    /// # drop(producer);
    /// # ring(name)?.remove()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fill_with(mut self, fill: impl FnMut(u32) -> E + Send + 'static) -> Self {
        self.fill = Fill(Some(Box::new(fill)));
        self
    }
}

/// Makes a segment and gives it that name. Nothing where it is somebody else's already.
pub(super) fn make<E: Plain>(path: &Path, spec: &Spec, fill: &mut Fill<E>) -> Result<(), AttachError> {
    let bytes = Layout::of(spec).map_err(AttachError::Spec)?.bytes();
    let draft = Draft::new(path.to_owned(), bytes)?;
    let Backing { mapping, lock } = draft.backing();
    let (id, creator) = (identity::fresh(), identity::creator());
    match &mut fill.0 {
        None => Segment::create(mapping, spec, id, creator, lock)?,
        Some(fill) => Segment::create_filled(mapping, spec, id, creator, lock, fill)?,
    };
    draft.link().map(|_| ())
}

impl<E> fmt::Debug for Fill<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Fill(..)" } else { "Fill(zeroes)" })
    }
}
