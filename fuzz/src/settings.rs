use crate::outcome::{Outcome, presentable};
use tidemill_scenarios::stories;
use tidemill_sim::Site;
use tidemill_sim::explore::Strategy;

/// Every line is a `NAME=VALUE` for every story, the name of a strategy, and a site.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let (mut taken, mut strategies, mut sites) = (0, 0, 0);
    for line in text.lines() {
        if let Some((name, value)) = line.split_once('=') {
            taken += set(name, value);
        }
        if let Ok(strategy) = line.parse::<Strategy>() {
            strategies += 1;
            assert_eq!(strategy.to_string().parse(), Ok(strategy), "a strategy changes when it is written");
        }
        if let Ok(site) = line.parse::<Site>() {
            sites += 1;
            assert_eq!(site.to_string().parse().as_ref(), Ok(&site), "a site changes when it is written");
        }
    }
    Outcome::sized("settings", &[taken, strategies, sites])
}

/// Sets the parameter wherever there is one of that name; how many stories took it.
fn set(name: &str, value: &str) -> usize {
    let mut taken = 0;
    for story in stories::all() {
        let (mut params, before) = (story.params(), story.params());
        match story.set(&mut params, name, value) {
            Ok(()) => {
                taken += 1;
                let param = story.params.iter().find(|param| param.name == name).expect("it was set");
                assert!(param.range.contains(&params.get(name)), "{name}={value} is out of range");
                assert_eq!(Ok(params.get(name)), value.parse(), "another value than the one that was given");
            }
            Err(bad) => {
                assert_eq!(params, before, "what is refused changes nothing");
                presentable(&bad.to_string());
            }
        }
    }
    taken
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let settings: String = stories::all()
        .iter()
        .flat_map(|story| story.params)
        .map(|param| format!("{}={}\n", param.name, param.range.end()))
        .collect();
    let others =
        b"pct:3\nexhaustive:2\nportfolio\nclient/link\xe2\x86\x92server#loss#3\nworld/order#next#0\n";
    vec![settings.into_bytes(), others.to_vec()]
}
