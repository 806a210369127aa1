use crate::outcome::{Outcome, presentable};
use crate::story::STORY;
use tidemill_sim::Trace;
use tidemill_sim::harness::Trial;
use tidemill_sim::trace::Window;

/// Events whose causal past is asked for, from the last one on.
const ASKED: usize = 8;

pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let trace = match Trace::decode(bytes) {
        Ok(trace) => trace,
        Err(error) => {
            assert!(error.at <= bytes.len(), "byte {} of {}: {error}", error.at, bytes.len());
            presentable(&error.to_string());
            return Outcome::of(&error);
        }
    };
    assert!(Trace::is_trace(bytes), "what is read begins as a trace does");
    assert_eq!(trace.encode(), bytes, "a trace changes when it is written");
    assert_eq!(trace.parting(&trace), None, "a trace parts from itself");
    let events = Window::default().select(&trace);
    assert_eq!(events.len(), trace.len(), "an open window shows everything");
    let perfetto = trace.perfetto(&events);
    serde_json::from_str::<serde_json::Value>(&perfetto).expect("Perfetto reads JSON");
    let (text, page) = (trace.text(&events), trace.html(&events));
    assert!(text.lines().count() >= events.len(), "an event has no line");
    assert!(!page.is_empty() && !trace.mermaid(&events).is_empty(), "a drawing of nothing");
    for event in (0..trace.len()).rev().take(ASKED) {
        let past = trace.past(event);
        assert!(
            past.contains(event) && past.iter().all(|earlier| earlier <= event),
            "a past of event {event}"
        );
        assert!((1..=event + 1).contains(&past.count()), "{} events before {event}", past.count());
    }
    Outcome::sized("trace", &[trace.machines().len(), trace.processes().len(), trace.len()])
}

/// Traces of real runs, long and short.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let trace = |seed, pings| {
        let mut params = STORY.params();
        STORY.set(&mut params, "pings", pings).expect("within its range");
        STORY.trace(&params, &Trial::seed(seed)).1.encode()
    };
    vec![trace(1, "1"), trace(2, "3"), trace(3, "12"), Trace::default().encode()]
}
