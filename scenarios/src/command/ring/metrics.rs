//! One look at a ring in the text of OpenMetrics, for whoever collects such.

use super::seen::{self, Seen};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use tidemill_seam::Life;

/// One thing that is measured, of nobody in particular or of several by their labels.
#[derive(Debug)]
struct Measure {
    name: &'static str,
    help: &'static str,
    /// It only ever grows.
    grows: bool,
    of: Vec<(Vec<(&'static str, String)>, u64)>,
}

#[derive(Debug)]
struct Measures(Vec<Measure>);

impl Collector for Measures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Measure { name, help, grows, of } in &self.0 {
            let (counter, gauge) = (ConstCounter::new(0_u64), ConstGauge::new(0_u64));
            let kind = if *grows { counter.metric_type() } else { gauge.metric_type() };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in of {
                let one = family.encode_family(labels)?;
                if *grows {
                    ConstCounter::new(*value).encode(one)?
                } else {
                    ConstGauge::new(*value).encode(one)?
                };
            }
        }
        Ok(())
    }
}

/// What there is to measure.
fn measures(seen: &Seen) -> Vec<Measure> {
    let segment = seen.look.segment();
    let alone = |name, help, grows, value| Measure { name, help, grows, of: vec![(Vec::new(), value)] };
    let each = |name, help, grows, value: &dyn Fn(&tidemill_ring::segment::Participant, Life) -> u64| {
        let row = |(one, life): &(tidemill_ring::segment::Participant, Life)| {
            let labels = vec![("name", seen::name(one)), ("slot", one.slot.to_string())];
            (labels, value(one, *life))
        };
        Measure { name, help, grows, of: seen.participants.iter().map(row).collect() }
    };
    let counted = |(one, _): &(tidemill_ring::app::AppCount, Life)| {
        (vec![("id", format!("{:#x}", one.id)), ("label", seen::label(one))], one.value)
    };
    let mut all = vec![
        alone("generation", "Producers so far", false, u64::from(seen.generation())),
        alone(
            "producer_alive",
            "Whether the producer lives",
            false,
            u64::from(seen.producer == Some(Life::Alive)),
        ),
        alone("published", "Items published", true, segment.published().0),
        alone("gate", "The oldest position that is surely intact", false, segment.gate().0),
        alone("unheard", "Items that nobody waited for", true, segment.unheard()),
        each("participant_alive", "Whether its owner lives", false, &|_, life| {
            u64::from(life == Life::Alive)
        }),
        each("in_flight", "Items that wait for it", false, &|one, _| one.account.in_flight),
        each("consumed", "Items that it took", true, &|one, _| one.account.consumed),
        each("lagged", "Items that it was told it missed", true, &|one, _| one.account.lagged),
        each("lost", "Items that it left, or died before", true, &|one, _| one.account.lost),
    ];
    all.push(Measure {
        name: "app",
        help: "Counters of the application",
        grows: true,
        of: seen.counters.iter().map(counted).collect(),
    });
    all.retain(|measure| !measure.of.is_empty());
    all
}

/// The text.
pub(super) fn text(seen: &Seen) -> Result<String, fmt::Error> {
    let ring = [("ring".into(), seen.path.to_string_lossy().into_owned().into())];
    let mut registry = Registry::with_prefix_and_labels("tidemill_ring", ring.into_iter());
    registry.register_collector(Box::new(Measures(measures(seen))));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
