use crate::harness::Must;
use crate::tape::Tape;
use core::fmt::Write as _;

/// The test that somebody would have typed for a story's tape, in Rust. `find` is what finds the story by its name,
/// for instance `tidemill_scenarios::stories::find`; `must` is what the story's runs must do.
pub fn typed(tape: &Tape, find: &str, must: Must) -> String {
    let story = &tape.story.value;
    let (tag, id) = match &tape.failure {
        Some(ending) => (ending.tag.as_str(), ending.id.as_str()),
        None => ("passes", "no failure"),
    };
    let mut text =
        String::from("use tidemill_sim::harness::Trial;\nuse tidemill_sim::{Base, Overlay, Site};\n\n");
    let _ = writeln!(text, "/// {}", id.replace(char::is_control, " "));
    let _ = writeln!(text, "#[test]\nfn {story}_{tag}() {{");
    let _ = writeln!(text, "    let story = {find}({story:?}).expect(\"the story is there\");");
    let mutable = if tape.config.is_empty() { "" } else { "mut " };
    let _ = writeln!(text, "    let {mutable}params = story.params();");
    for pair in &tape.config {
        let _ = writeln!(
            text,
            "    story.set(&mut params, {:?}, {:?}).expect(\"in range\");",
            pair.key, pair.value
        );
    }
    let _ = writeln!(text, "    let choices = [");
    for pin in &tape.choices {
        let (site, value) = (&pin.site, pin.value);
        let _ = writeln!(
            text,
            "        (Site::new({:?}, {:?}, {}), {value}),",
            site.entity, site.kind, site.counter
        );
    }
    let _ = writeln!(text, "    ];\n    let overlay = Overlay::from_iter(choices);");
    let _ = writeln!(
        text,
        "    let trial = Trial {{ base: Base::{:?}, overlay, ..Trial::seed({}) }};\n    \
         let failure = story.trial(&params, &trial).failure;",
        tape.base, tape.seed
    );
    text += match must {
        Must::Pass => "    assert_eq!(failure, None);\n}\n",
        Must::Fail => "    assert!(failure.is_some(), \"the story must fail\");\n}\n",
    };
    text
}
