use crate::outcome::{Outcome, refused};
use crate::story::STORY;
use tidemill_sim::Overlay;
use tidemill_sim::harness::Replay;
use tidemill_sim::tape::Tape;

/// Keys, and values that mean something.
pub(crate) const WORDS: &[&str] = &[
    "tidemill tape 1\n",
    "config  pings = 20\n",
    "choice  client/link→server#loss#0 = 1\n",
    "choice  world/order#next#1 = 2\n",
    "mark    1 = 00000000000000000000000000000000\n",
    "base    = zero\n",
    "failure = none\n",
    "→",
];

pub(crate) fn parse(bytes: &[u8]) -> Outcome {
    let tape = match Tape::parse(bytes) {
        Ok(tape) => tape,
        Err(error) => return refused(bytes, error.line, &error),
    };
    let text = tape.to_string();
    let again = Tape::parse(text.as_bytes()).expect("what is written is read");
    assert_eq!(again.to_string(), text, "a tape changes when it is written a second time");
    Outcome::sized("tape", &[tape.config.len(), tape.choices.len(), tape.marks.len()])
}

pub(crate) fn replay(bytes: &[u8]) -> Outcome {
    let Ok(tape) = Tape::parse(bytes) else { return Outcome::NOTHING };
    match STORY.replay(&tape) {
        Err(error) => refused(bytes, error.line, &error),
        Ok(Replay::Same(report)) => Outcome::sized("same", &[report.events as usize]),
        Ok(Replay::Left { departure, report, .. }) => {
            assert!(!departure.to_string().is_empty(), "it left without a word");
            Outcome::sized("left", &[report.events as usize])
        }
    }
}

/// Tapes of real runs, with and without pinned choices.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let params = STORY.params();
    let tape = |seed, pins: &[(&str, u64)]| {
        let pins = pins.iter().map(|(site, value)| (site.parse().expect("a site"), *value));
        let overlay: Overlay = pins.collect();
        let report = STORY.run(seed, &params, overlay.clone());
        STORY.tape(&params, &overlay, &report).expect("it repeats").to_string().into_bytes()
    };
    vec![
        tape(1, &[]),
        tape(2, &[("client/link→server#loss#0", 1), ("client/link→server#latency#1", 7)]),
        tape(3, &[("world/order#next#0", 1)]),
    ]
}
