use super::{Choices, stream_of};
use crate::choice::{Base, Choice, Fork, Overlay, Rate, Site};

fn open(choices: &mut Choices, name: &'static str) -> super::StreamId {
    choices.open(stream_of(name), || name.to_owned())
}

#[test]
fn a_draw_by_one_entity_moves_no_other() {
    let mut plain = Choices::new(7, Base::Seed, Overlay::new(), false, None);
    let a = open(&mut plain, "a");
    let want: Vec<u64> = (0..32).map(|_| plain.choose_by(a, "k", 1000)).collect();

    let mut busy = Choices::new(7, Base::Seed, Overlay::new(), false, None);
    let (b, a) = (open(&mut busy, "b"), open(&mut busy, "a"));
    let got: Vec<u64> = (0..32)
        .map(|_| {
            busy.choose_by(b, "k", 9);
            busy.chance("world-wide", Rate::percent(50));
            busy.choose_by(a, "k", 1000)
        })
        .collect();
    assert_eq!(got, want);
}

#[test]
fn a_branch_shares_seed_overlay_and_record() {
    let overlay = Overlay::from_iter([(Site::new("b", "k", 1), 9)]);
    let mut whole = Choices::new(7, Base::Seed, overlay, true, None);
    let (mut branch, a) = (whole.branch(), open(&mut whole, "a"));
    let b = open(&mut branch, "b");
    let drawn = [branch.choose_by(b, "k", 1000), branch.choose_by(b, "k", 1000)];
    whole.choose_by(a, "k", 1000);
    let mut alone = Choices::new(7, Base::Seed, Overlay::new(), false, None);
    let b = open(&mut alone, "b");
    assert_eq!(drawn, [alone.choose_by(b, "k", 1000), 9]);
    assert_eq!(whole.report(), super::OverlayReport::default());
    let sites: Vec<String> = whole.recorded().iter().map(|choice| choice.site.to_string()).collect();
    assert_eq!(sites, ["b#k#0", "b#k#1", "a#k#0"]);
}

#[test]
fn a_pinned_value_moves_no_later_one() {
    let run = |overlay: Overlay| {
        let mut choices = Choices::new(7, Base::Seed, overlay, false, None);
        let a = open(&mut choices, "a");
        (0..8).map(|_| choices.choose_by(a, "k", 1000)).collect::<Vec<_>>()
    };
    let mut want = run(Overlay::new());
    want[3] = 999;
    assert_eq!(run(Overlay::from_iter([(Site::new("a", "k", 3), 999)])), want);
}

#[test]
fn what_was_recorded_replays_without_the_seed() {
    let run = |seed, base, overlay| {
        let mut choices = Choices::new(seed, base, overlay, true, None);
        let a = open(&mut choices, "a");
        let taken: Vec<u64> = (0..100)
            .map(|_| {
                choices.choose_by(a, "pick", 3) * 2
                    + u64::from(choices.chance_by(a, "fault", Rate::percent(30)))
            })
            .collect();
        (taken, choices.recorded(), choices.report())
    };
    let (taken, recorded, _) = run(1, Base::Seed, Overlay::new());
    assert!(recorded.iter().all(|choice| choice.value != 0), "the boring thing is not worth a line");
    let (again, _, report) = run(2, Base::Zero, recorded.into_iter().collect());
    assert_eq!(again, taken);
    assert_eq!(report, super::OverlayReport::default());
}

#[test]
fn an_overlay_entry_that_nobody_asked_for_or_that_is_too_large_is_reported() {
    let (unknown, large) = (Site::new("nobody", "k", 0), Site::new("a", "k", 0));
    let unreached = Site::new("a", "k", 9);
    let overlay = Overlay::from_iter([(unknown.clone(), 1), (large.clone(), 10), (unreached.clone(), 1)]);
    let mut choices = Choices::new(7, Base::Seed, overlay, false, None);
    let a = open(&mut choices, "a");
    assert_eq!(choices.choose_by(a, "k", 10), 9);
    let report = choices.report();
    assert_eq!(report.unused, [unreached, unknown.clone()]);
    assert_eq!(report.unknown, [unknown]);
    assert_eq!(report.out_of_range, [Choice { site: large, value: 10, n: 10 }]);
}

#[test]
fn a_fork_keeps_what_was_decided_before_it_and_draws_the_rest_from_the_other_seed() {
    let run = |seed, overlay, fork| {
        let mut choices = Choices::new(seed, Base::Seed, overlay, true, fork);
        let (a, b) = (open(&mut choices, "a"), open(&mut choices, "b"));
        (0..16).map(|at| choices.choose_by(if at % 2 == 0 { a } else { b }, "k", 1000)).collect::<Vec<_>>()
    };
    let (plain, other) = (run(7, Overlay::new(), None), run(8, Overlay::new(), None));
    let pins = Overlay::from_iter([(Site::new("a", "k", 2), 999), (Site::new("b", "k", 5), 999)]);
    let forked = run(7, pins, Some(Fork { after: 6, seed: 8 }));
    assert_eq!((forked[4], &forked[..4], forked[5]), (999, &plain[..4], plain[5]));
    // The other seed's streams begin where the fork is, and the pin behind it is no more.
    let (evens, odds) = (other.iter().step_by(2), other.iter().skip(1).step_by(2));
    let fresh: Vec<u64> = evens.zip(odds).flat_map(|(a, b)| [*a, *b]).take(10).collect();
    assert_eq!(forked[6..], fresh);
}

#[test]
fn certainty_draws_nothing() {
    let mut choices = Choices::new(7, Base::Seed, Overlay::new(), true, None);
    let a = open(&mut choices, "a");
    assert_eq!(choices.choose_by(a, "k", 1), 0);
    assert!(choices.chance_by(a, "k", Rate::ALWAYS) && !choices.chance_by(a, "k", Rate::NEVER));
    assert_eq!(choices.recorded(), []);
    let first = choices.choose_by(a, "k", 1 << 40);
    let mut fresh = Choices::new(7, Base::Seed, Overlay::new(), false, None);
    let a = open(&mut fresh, "a");
    assert_eq!(fresh.choose_by(a, "k", 1 << 40), first);
}
