//! Admission functions that each break one row of the table.

use tidemill_flow::{Caps, Cause, Header, Load, Verdict, admit};
use tidemill_seam::{Duration, Instant};

super::faults! {
    /// B19: no pressure is ever reported.
    NoPressure => "E10",
    /// The soft cap excludes the incoming item.
    SoftExcludesIncoming => "E10",
    /// B21: the hard caps exclude the incoming item.
    HardExcludesIncoming => "E5",
    /// What is too long is judged like the rest.
    TooLongIsOrdinary => "E6",
    /// An item expires at its deadline instead of after it.
    ExpiresAtTheDeadline => "E21",
    /// Deadlines are ignored.
    NeverExpires => "E21",
    /// Full is told from full by looking at bytes alone.
    ItemsIgnored => "E5",
    /// Whoever is above a hard cap waits, under every policy.
    AlwaysWaits => "E5",
}

/// The table with a fault.
pub fn judge(fault: Option<Fault>, caps: &Caps, waiting: Load, item: &Header, now: Instant) -> Verdict {
    let nothing =
        Load { items: waiting.items.saturating_sub(1), bytes: waiting.bytes.saturating_sub(item.bytes()) };
    let found = admit(caps, waiting, item, now);
    match (fault, found) {
        (Some(Fault::NoPressure), Verdict::Accept(_)) => admit(&blind(caps), waiting, item, now),
        (Some(Fault::SoftExcludesIncoming), Verdict::Accept(_)) => admit(caps, nothing, item, now),
        (
            Some(Fault::HardExcludesIncoming),
            Verdict::Wait | Verdict::Evict | Verdict::Refuse(Cause::Full),
        ) => admit(caps, nothing, item, now),
        (Some(Fault::TooLongIsOrdinary), Verdict::Refuse(Cause::TooLarge)) => Verdict::Wait,
        (Some(Fault::ExpiresAtTheDeadline), _) => admit(caps, waiting, item, now + Duration::from_nanos(1)),
        (Some(Fault::NeverExpires), _) => admit(caps, waiting, item, Instant::ZERO),
        (Some(Fault::ItemsIgnored), _) => admit(caps, Load { items: 0, ..waiting }, item, now),
        (Some(Fault::AlwaysWaits), Verdict::Evict | Verdict::Refuse(Cause::Full)) => Verdict::Wait,
        (_, found) => found,
    }
}

fn blind(caps: &Caps) -> Caps {
    Caps { soft_items: caps.hard_items, soft_bytes: caps.hard_bytes, ..*caps }
}
