use super::{Ask, Curve, Finding, Share, clean_seeds, curve, measure, slice};
use crate::harness::{Must, Params, Story, Subject, Trial};
use crate::tape::Tape;
use crate::{Address, Context, Event, Failure, Outcome, Process, Sim};
use tidemill_seam::Duration;

/// A hundred steps; at the fortieth a coin of eight sides decides whether the last one fails.
const FATE: Story = Story {
    name: "fate",
    picture: "step ─▶ step",
    about: "the fortieth step never decides against the last one",
    seeds: 100,
    must: Must::Pass,
    params: &[],
    body: fate,
};

fn fate(sim: &mut Sim, _: &Params) -> Result<(), Failure> {
    fn step(sim: &mut Sim, at: u64, doomed: bool) {
        sim.choose("noise", 1_000);
        let doomed = doomed || (at == 40 && sim.choose("fate", 8) == 7);
        if at == 100 {
            if doomed {
                sim.fail("fate", "it was settled");
            }
            return;
        }
        sim.after(Duration::from_nanos(1), move |sim| step(sim, at + 1, doomed));
    }
    step(sim, 0, false);
    match sim.run() {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

fn tape(story: &Story) -> Tape {
    let params = story.params();
    let failed = |seed: &u64| story.trial(&params, &Trial::seed(*seed)).failure.is_some();
    let trial = Trial::seed((0..).find(failed).expect("some seed fails"));
    story.tape_of(&params, &trial, &story.trial(&params, &trial)).expect("it is deterministic")
}

fn fate_curve() -> Curve {
    curve(&Subject::from(&FATE), &tape(&FATE), Ask { cuts: 10, runs: 64 }, &mut |_, _| true)
        .expect("it fails")
}

// SIM-WHY: the probability of the failure over the run, and the interval in which it was decided.
#[test]
fn the_curve_rises_where_the_failure_was_decided() {
    let curve = fate_curve();
    let (low, high) = curve.rise().expect("two points");
    assert!(low.events < 40 && high.events >= 40 && high.events - low.events <= 2, "{low:?} {high:?}");
    for point in &curve.points {
        let (least, most) = if point.events < 40 { (0.0, 0.3) } else { (1.0, 1.0) };
        assert!((least..=most).contains(&point.share.rate()), "{point:?}");
    }
    let (first, last) = (curve.points[0], curve.points[curve.points.len() - 1]);
    assert_eq!((first.events, first.decisions, last.events), (0, 0, curve.events));
    assert_eq!(fate_curve(), curve, "the same question gets the same answer");
}

#[test]
fn a_curve_can_be_read_as_text_and_as_a_picture() {
    let curve = fate_curve();
    let line = curve.sparkline();
    assert!(
        line.chars().count() == curve.points.len() && line.ends_with('█') && !line.starts_with('█'),
        "{line}"
    );
    let svg = curve.svg("fate <&> story");
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("<title>fate &lt;&amp;&gt; story</title>") && !svg.contains("NaN"), "{svg}");
    assert_eq!(svg.matches("<circle").count(), curve.points.len());
    let (low, high) = curve.rise().expect("two points");
    assert!(
        svg.contains(&format!("decided between event {} and event {}", low.events, high.events)),
        "{svg}"
    );
}

#[test]
fn what_fails_in_any_case_was_decided_nowhere() {
    let story = Story { body: |sim, _| panic!("seed {}", sim.seed()), ..FATE };
    let ask = Ask { cuts: 4, runs: 2 };
    let flat = curve(&Subject::from(&story), &tape(&story), ask, &mut |_, _| true).expect("it fails");
    assert_eq!((flat.rise(), flat.points.len()), (None, 1), "{flat:?}");
    assert!(!flat.svg("flat").contains("decided"));
}

#[test]
fn a_measurement_can_be_ended_at_any_point() {
    let subject = Subject::from(&FATE);
    let ask = Ask { cuts: 4, runs: 2 };
    let ended = curve(&subject, &tape(&FATE), ask, &mut |done, of| {
        assert!(done <= of);
        done < 3
    });
    let ended = ended.expect("it fails");
    assert!(!ended.complete && ended.points.len() >= 3, "{ended:?}");
}

/// Hands a message on.
enum Relay {
    Begin(Address),
    Middle(Address),
    End,
    Listen,
}

impl Process for Relay {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match (self, event) {
            (Self::Begin(next), Event::Start) | (Self::Middle(next), Event::Datagram { .. }) => {
                context.send(*next, b"on").expect("a machine that is there");
            }
            (Self::End, Event::Datagram { .. }) => context.fail("end", "the message went all the way"),
            _ => {}
        }
    }
}

// SIM-WHY: the causal slice holds what could have influenced the failure, and nothing else.
#[test]
fn the_slice_leaves_out_whoever_could_not_have_known() {
    let story = Story {
        body: |sim, _| {
            let boxes = ["a", "b", "c", "x", "y"].map(|name| sim.machine(name));
            let mut spawn = |at: usize, name: &str, relay| {
                let process = sim.spawn(boxes[at], name, Box::new(relay));
                sim.address(process)
            };
            let end = spawn(2, "end", Relay::End);
            let middle = spawn(1, "middle", Relay::Middle(end));
            spawn(0, "begin", Relay::Begin(middle));
            // Two who talk to each other alone.
            let listener = spawn(4, "listener", Relay::Listen);
            spawn(3, "talker", Relay::Begin(listener));
            match sim.run() {
                Outcome::Failed(failure) => Err(failure),
                _ => Ok(()),
            }
        },
        ..FATE
    };
    let (report, trace) = story.trace(&story.params(), &Trial::seed(0));
    assert_eq!(report.failure.as_ref().map(|failure| failure.entity.as_str()), Some("c/end"));
    let names: Vec<String> = slice(&trace).iter().map(|event| trace.name(trace.place(*event))).collect();
    assert!(!names.iter().any(|name| name.starts_with('x') || name.starts_with('y')), "{names:?}");
    for name in ["a/begin", "b/middle", "c/end"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    assert!(slice(&trace).len() < trace.len());
}

// SIM-WHY: how many clean seeds are needed before a fix is believed.
#[test]
fn the_number_of_clean_seeds_follows_from_the_rate_and_the_doubt() {
    // One in a hundred: 299 clean seeds leave 5 % doubt, since 0.99^299 < 0.05 < 0.99^298.
    assert_eq!(clean_seeds(0.01, 0.05), Some(299));
    assert_eq!(clean_seeds(0.5, 0.05), Some(5));
    assert_eq!(
        (clean_seeds(1.0, 0.05), clean_seeds(0.0, 0.05), clean_seeds(0.5, 1.0)),
        (Some(1), None, None)
    );
    assert_eq!((clean_seeds(f64::NAN, 0.05), clean_seeds(0.5, f64::NAN)), (None, None));
    // A small rate keeps its meaning: about 3 / rate.
    let rare = clean_seeds(1e-18, 0.05).expect("a number");
    assert!((2_995_000_000_000_000_000..2_996_000_000_000_000_000).contains(&rare), "{rare}");
}

#[test]
fn an_interval_holds_the_published_values() {
    let near = |got: (f64, f64), want: (f64, f64)| {
        assert!((got.0 - want.0).abs() < 5e-4 && (got.1 - want.1).abs() < 5e-4, "{got:?}, not {want:?}");
    };
    // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    near(Share { hits: 81, of: 263 }.interval(), (0.2553, 0.3662));
    near(Share { hits: 15, of: 148 }.interval(), (0.0624, 0.1605));
    near(Share { hits: 1, of: 29 }.interval(), (0.0061, 0.1718));
    near(Share { hits: 0, of: 300 }.interval(), (0.0, 0.01));
    assert_eq!(Share::default().interval(), (0.0, 1.0));
    assert!((Share { hits: 9, of: 9 }.interval().1 - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_failure_is_counted_by_its_id_over_seeds() {
    let subject = Subject::from(&FATE);
    let tape = tape(&FATE);
    let (params, wanted) = (FATE.params(), tape.failure.expect("it fails").tag);
    let found = measure(&subject, &params, 200, Some(&wanted), &mut |_| true);
    assert_eq!((found.share.of, found.first, found.otherwise), (200, Some(tape.seed), 0));
    let (low, high) = found.share.interval();
    assert!(low < 0.125 && 0.125 < high, "an eighth of all seeds: {found:?}");
    let other = measure(&subject, &params, 200, Some("00000000"), &mut |_| true);
    assert_eq!((other.share.hits, other.otherwise, other.first), (0, found.share.hits, None));
    let any = measure(&subject, &params, 200, None, &mut |found: &Finding| found.share.hits < 1);
    assert_eq!((any.share.hits, any.share.of), (1, tape.seed + 1));
}
