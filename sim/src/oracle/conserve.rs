use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Item, Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// What leaves an edge was on it, and at the end nothing is left on it: [`conservation`].
///
/// Reads `sent`, `unknown`, `delivered` and `dropped`; here every `sent` is a copy of its own. Refuses, at the event, an
/// item that is delivered or dropped more often than it was sent; and, once the world is quiet, one that was sent more
/// often. Accepts that an item whose sender does not know leaves the edge once, or never.
///
/// Costs a search in an ordered map a word; memory for what is on the edge.
///
/// ```
/// use tidemill_sim::oracle::conservation;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let edge = sim.probe("edge");
/// sim.watch(conservation("edge"));
/// edge.sent(1);
/// edge.sent(2);
/// edge.delivered(1);
/// edge.dropped(2, "full");
/// sim.run().expect_ok();
///
/// edge.sent(3);
/// let failure = sim.run().failure().unwrap().message.clone();
/// assert_eq!(failure, "item 3 vanished: 3 sent = 1 delivered + 1 dropped + 1 not seen since");
/// ```
#[derive(Debug)]
pub struct Conservation {
    tap: Tap,
    ledger: Ledger,
}

#[derive(Debug, Default)]
struct Ledger {
    sent: u64,
    delivered: u64,
    dropped: u64,
    /// Copies of an item on the edge, and copies that may be.
    there: BTreeMap<Item, (u64, u64)>,
}

/// Sent = delivered + dropped with a cause + in flight, item by item, on the probe `name`.
pub fn conservation(name: &str) -> Conservation {
    Conservation { tap: Tap::new(name), ledger: Ledger::default() }
}

impl Ledger {
    fn take(&mut self, note: Note) -> Result<(), String> {
        match note {
            Note::Sent(item) => {
                self.sent += 1;
                self.there.entry(item).or_default().0 += 1;
            }
            Note::Unknown(item) => {
                let (certain, perhaps) = self.there.entry(item).or_default();
                self.sent -= u64::from(*certain > 0);
                *certain = certain.saturating_sub(1);
                *perhaps += 1;
            }
            Note::Delivered(item) => {
                self.delivered += 1;
                self.leave(item, "arrived")?;
            }
            Note::Dropped(item, _) => {
                self.dropped += 1;
                self.leave(item, "was dropped")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self, item: Item, how: &str) -> Result<(), String> {
        let Some((certain, perhaps)) = self.there.get_mut(&item) else {
            return Err(format!("{item} {how} and was not on the edge"));
        };
        if *certain > 0 {
            *certain -= 1;
        } else {
            // It was sent after all.
            *perhaps -= 1;
            self.sent += 1;
        }
        if (*certain, *perhaps) == (0, 0) {
            self.there.remove(&item);
        }
        Ok(())
    }
}

impl<P: Process> Oracle<P> for Conservation {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, ledger } = self;
        tap.read(sim, moment, |note| ledger.take(note))?;
        let Ledger { sent, delivered, dropped, there } = ledger;
        match there.iter().find(|(_, (certain, _))| *certain > 0) {
            Some((item, _)) if moment == Moment::Quiet => {
                let gone = *sent - *delivered - *dropped;
                let left = format!("{delivered} delivered + {dropped} dropped + {gone} not seen since");
                Err(format!("{item} vanished: {sent} sent = {left}"))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("conservation({})", self.tap.name).into()
    }
}

/// No datagram vanishes or comes from nowhere: [`network_conservation`].
///
/// Compares [`Stats`](crate::Stats) at every event, and counts [`Sim::in_flight`] one by one as often as keeps its cost
/// at a few comparisons an event: at every 64th event, or at as many as there are events waiting. Keeps two numbers.
#[derive(Debug)]
pub struct NetworkConservation {
    next: u64,
}

/// Sent + duplicated = delivered + dropped + in flight, over all links.
///
/// ```
/// use tidemill_sim::oracle::network_conservation;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// sim.watch(network_conservation());
/// sim.run().expect_ok();
/// ```
pub fn network_conservation() -> NetworkConservation {
    NetworkConservation { next: 0 }
}

/// Events between two counts of what is in flight, at least.
const COUNT_EVERY: u64 = 64;

impl<P: Process> Oracle<P> for NetworkConservation {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let stats = sim.stats();
        let (entered, left) = (stats.sent + stats.duplicated, stats.delivered + stats.dropped_in_all());
        if left > entered {
            return Err(format!("{left} datagrams left the links and {entered} entered them"));
        }
        if stats.events < self.next && matches!(moment, Moment::Event(_)) {
            return Ok(());
        }
        self.next = stats.events + COUNT_EVERY.max(sim.pending() as u64);
        let there = sim.in_flight();
        if entered == left + there {
            return Ok(());
        }
        Err(format!("{entered} datagrams entered the links, {left} left them, and {there} are under way"))
    }

    fn name(&self) -> Cow<'static, str> {
        "network_conservation".into()
    }
}

#[cfg(test)]
mod tests {
    use super::network_conservation;
    use crate::{Context, Duration, Event, LinkConfig, Process, Rate, Sim};

    struct Chatter;

    impl Process for Chatter {
        fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
            if let Event::Start | Event::Timer { .. } = event {
                context.send(context.address(), b"to myself").unwrap();
                context.timer(Duration::from_millis(1), 0);
            }
        }
    }

    fn chatter() -> Sim<Chatter> {
        let mut sim = Sim::new(1);
        let machine = sim.machine("host");
        sim.link(machine, machine, LinkConfig { loss: Rate::percent(10), ..LinkConfig::default() });
        sim.spawn(machine, "chatter", Chatter);
        sim.watch(network_conservation());
        sim
    }

    // SIM-ORACLES: conservation over the links
    #[test]
    fn a_world_that_counts_right_is_accepted_and_one_that_miscounts_is_not() {
        let mut sim = chatter();
        assert!(sim.run_for(Duration::from_secs(1)).failure().is_none());

        let miscounts: [fn(&mut crate::Stats); 3] =
            [|stats| stats.delivered += 1, |stats| stats.sent += 1, |stats| stats.delivered += 1 << 40];
        for (miscount, says) in miscounts.into_iter().zip(["entered", "entered", "left the links"]) {
            let mut sim = chatter();
            sim.after(Duration::from_millis(100), move |sim| miscount(&mut sim.kernel.stats));
            let outcome = sim.run_for(Duration::from_secs(1));
            let failure = outcome.failure().expect("a datagram too many or too few");
            assert!(
                failure.id.starts_with("network_conservation: # datagrams ") && failure.id.contains(says)
            );
        }
    }
}
