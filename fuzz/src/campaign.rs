use crate::outcome::{Outcome, presentable};
use tidemill_scenarios::command::campaign_file;

/// Keys and values of the format.
pub(crate) const WORDS: &[&str] = &[
    "\"tidemill_campaign\":1,",
    "\"digest\":\"\",",
    "\"tape\":null",
    "\"choices\":[1,2]",
    "\"exhausted\":true",
    "18446744073709551615",
    "\\u001b[31m",
    "{}",
    "[]",
    "null",
];

pub(crate) fn run(bytes: &[u8]) -> Outcome {
    match campaign_file(bytes) {
        Ok((text, shown)) => {
            let again = campaign_file(text.as_bytes()).expect("what is written is read");
            assert_eq!(again.0, text, "a campaign changes when it is written a second time");
            let plain = shown.chars().all(|c| c == '\n' || !c.is_control());
            assert!(plain, "a control character in {shown:?}");
            Outcome::sized("campaign", &[shown.lines().count()])
        }
        Err(why) => {
            presentable(&why);
            Outcome::of(&why)
        }
    }
}

/// A campaign that was just begun, and one that found something, both as they are written.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [BEGUN, FOUND].map(|text| text.as_bytes().to_vec()).to_vec()
}

const BEGUN: &str = r#"{"tidemill_campaign":1,"block":500,"settings":[],"lanes":[
{"story":"ping_pong","strategy":"random","blocks":0,"runs":0,"failed":0,"digest":"00000000000000000000000000000000","exhausted":false}],
"findings":[],"coverage":{"tidemill_coverage":1,"crate_version":"0.1.0","stories":[]}}"#;

const FOUND: &str = r#"{"tidemill_campaign":1,"block":20,"settings":["loss=200"],"lanes":[
{"story":"canary","strategy":"random","blocks":2,"runs":40,"failed":40,"digest":"5b0d1c5ee1a9c1d2f07a6e2a3c44be10","exhausted":false},
{"story":"canary","strategy":"exhaustive:1","blocks":1,"runs":7,"failed":3,"digest":"1f6e0c55aa90b37c44f1d20be56a7781","exhausted":true}],
"findings":[{"story":"canary","tag":"20f78d0c","id":"oracle delivered: # of # messages","runs":43,"strategy":"random","run":1,
"tape":"sim-failures/canary-20f78d0c.tape","choices":[16,1]}],
"coverage":{"tidemill_coverage":1,"crate_version":"0.1.0","stories":[{"story":"canary","runs":47,"claims":[
{"claims":"sometimes","name":"a pong is late","file":"scenarios/src/stories/canary.rs","line":40,"runs":47,"evaluated":9,"met":2,"seed":3}]}]}}"#;
