use crate::outcome::{Outcome, refused};
use tidemill_scenarios::stories;
use tidemill_sim::{Coverage, CoverageFile, Overlay};

/// Keys and kinds of the format.
pub(crate) const WORDS: &[&str] = &[
    "\"tidemill_coverage\":1,",
    "\"stories\":[",
    "\"range\":[-9223372036854775808,9223372036854775807],",
    "\"seed\":18446744073709551615,",
    "\"claims\":\"expected\",",
    "\"buggify\"",
    "\"met\":0",
    "\\u001b",
    "1e999",
    "[[[[[[[[",
    "{}",
    "null",
];

pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let file = match CoverageFile::parse(bytes) {
        Ok(file) => file,
        Err(error) => return refused(bytes, error.line, &error),
    };
    let read = |text: String| CoverageFile::parse(text.as_bytes()).expect("what is written is read");
    assert_eq!(read(file.to_string()), file, "a coverage file changes when it is written");
    let (mut twice, mut late) = (file.clone(), CoverageFile::default());
    twice.merge(file.clone());
    late.merge(file.clone());
    assert_eq!(late, file, "a sum with nothing is another one");
    assert_eq!(read(twice.to_string()), twice, "a sum cannot be read");
    let stories = file.stories.values();
    let (claims, unmet) = stories.fold((0, 0), |(claims, unmet), story| {
        (claims + story.iter().count(), unmet + story.unmet().count())
    });
    assert!(unmet <= claims, "{unmet} of {claims} claims are not met");
    Outcome::sized("coverage", &[file.stories.len(), claims, unmet])
}

/// What a few runs of two stories came to, apart and together, and files of shapes that no run writes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let covered = |name: &str| {
        let story = stories::find(name).expect("a story of this name");
        let mut sum = Coverage::default();
        (0..3).for_each(|seed| sum.merge(story.run(seed, &story.params(), Overlay::new()).coverage));
        let mut file = CoverageFile::default();
        file.add(name, sum);
        file
    };
    let (few, many) = (covered("ping_pong"), covered("lock_service"));
    let mut both = few.clone();
    both.merge(many.clone());
    let mut seeds: Vec<_> = [few, many, both].iter().map(|file| file.to_string().into_bytes()).collect();
    seeds.push(br#"{"tidemill_coverage": 2}"#.to_vec());
    seeds.push(ALL.as_bytes().to_vec());
    seeds
}

/// A claim with every field, and one of each kind that has to be met.
const ALL: &str = r#"{"tidemill_coverage":1,"crate_version":"0.1.0","stories":[{"story":"s","runs":9,"claims":[
{"claims":"watermark","name":"w","file":"f.rs","line":1,"runs":9,"evaluated":8,"met":7,"changed":6,"refused":5,"range":[-4,3],"seed":2},
{"claims":"expected","name":"e","file":"","line":0,"runs":9,"evaluated":0,"met":0},
{"claims":"sometimes","name":"s","file":"f.rs","line":2,"runs":9,"evaluated":1,"met":0}]}]}
"#;
