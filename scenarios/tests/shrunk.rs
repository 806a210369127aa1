//! What `tidemill shrink` printed for the canary's tape.

use tidemill_sim::harness::Trial;
use tidemill_sim::{Base, Overlay, Site};

/// every ping arrives: # of # did
#[test]
fn canary_20f78d0c() {
    let story = tidemill_scenarios::stories::find("canary").expect("the story is there");
    let mut params = story.params();
    story.set(&mut params, "pings", "1").expect("in range");
    let choices = [(Site::new("client/link→server", "loss", 0), 1)];
    let overlay = Overlay::from_iter(choices);
    let trial = Trial { base: Base::Zero, overlay, ..Trial::seed(0) };
    let failure = story.trial(&params, &trial).failure;
    assert!(failure.is_some(), "the story must fail");
}
