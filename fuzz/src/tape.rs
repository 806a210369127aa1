use crate::story::STORY;
use tidemill_sim::Overlay;
use tidemill_sim::tape::Tape;

pub(crate) fn parse(bytes: &[u8]) {
    let Ok(tape) = Tape::parse(bytes) else { return };
    let text = tape.to_string();
    let again = Tape::parse(text.as_bytes()).expect("what is written is read");
    assert_eq!(again.to_string(), text, "a tape changes when it is written a second time");
}

pub(crate) fn replay(bytes: &[u8]) {
    if let Ok(tape) = Tape::parse(bytes) {
        drop(STORY.replay(&tape));
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
