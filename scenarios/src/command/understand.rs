use super::campaign;
use super::ledger::Ledger;
use super::{Arguments, Command};
use clap::Parser;

/// Whether the command understands these words, its own name left out. They are parsed, and settled as far as that goes
/// without a file and before anything runs; `variable` reads a variable of the environment.
///
/// # Errors
/// What the command would say instead of running.
pub fn understand(
    words: impl IntoIterator<Item = String>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let words = std::iter::once("tidemill".to_owned()).chain(words);
    let arguments = Arguments::try_parse_from(words).map_err(|refusal| refusal.to_string())?;
    match arguments.command {
        Command::Run(run) => {
            let (plan, partition) = run.settled(variable)?;
            for (story, _) in plan {
                let (whole, part) = (run.range(story), partition.part(&run.range(story)));
                assert!(whole.start <= part.start && part.end <= whole.end, "{part:?} of {whole:?}");
            }
            Ok(())
        }
        Command::Campaign(long) => long.ways().map(drop),
        Command::Trace(trace) => trace.source().settled(),
        Command::Diff(diff) => diff.sources().iter().try_for_each(|source| source.settled()),
        _ => Ok(()),
    }
}

/// A campaign's file, as it would be written again and as it is shown.
///
/// # Errors
/// Why no campaign goes on from it.
pub fn campaign_file(bytes: &[u8]) -> Result<(String, String), String> {
    let ledger = Ledger::read(bytes).map_err(|bad| bad.to_string())?;
    let mut shown = Vec::new();
    campaign::print(&mut shown, &ledger).map_err(|error| error.to_string())?;
    let written = ledger.bytes().map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(written), text(shown)))
}

#[cfg(test)]
mod tests {
    use super::{campaign_file, understand};

    const CAMPAIGN: &str = r#"{"tidemill_campaign":1,"block":20,"settings":[],"lanes":[{"story":"s","strategy":"random",
"blocks":2,"runs":40,"failed":1,"digest":"5b0d1c5ee1a9c1d2f07a6e2a3c44be10","exhausted":false}],"findings":[{"story":"s",
"tag":"t","id":"\u001b[2J gone","runs":1,"strategy":"random","run":1,"tape":null,"choices":null}],
"coverage":{"tidemill_coverage":1,"crate_version":"0.1.0","stories":[]}}"#;

    #[test]
    fn what_a_campaign_file_says_is_escaped_before_it_is_shown() {
        let (written, shown) = campaign_file(CAMPAIGN.as_bytes()).expect("a campaign");
        assert!(shown.contains("\\u{1b}[2J gone") && shown.contains("5b0d1c5e"), "{shown}");
        assert_eq!(campaign_file(written.as_bytes()), Ok((written, shown)));
    }

    #[test]
    fn a_campaign_file_that_no_campaign_writes_is_refused() {
        let refused = |from: &str, to: &str| {
            campaign_file(CAMPAIGN.replace(from, to).as_bytes()).expect_err("no campaign writes it")
        };
        let digest = refused("5b0d1c5ee1a9c1d2f07a6e2a3c44be10", "é");
        assert_eq!(digest, "no campaign: é is no digest: 32 hexadecimal digits");
        assert_eq!(refused("\"failed\":1", "\"failed\":41"), "no campaign: 41 of 40 runs of s failed");
        let strange = refused("\"block\":20", "\"\\u001b[2J\":20");
        assert!(strange.starts_with("line 1: no campaign: unknown field `\\u{1b}[2J`"), "{strange}");
    }

    #[test]
    fn words_are_understood_or_answered_and_nothing_runs() {
        let asks = |words: &str, part: Option<&str>| {
            let variable = |name: &str| part.filter(|_| name == "CI_NODE_INDEX").map(str::to_owned);
            understand(words.split(' ').map(str::to_owned), &variable)
        };
        assert_eq!(asks("run ping* --seeds 18446744073709551615 --partition /7", Some("7")), Ok(()));
        let beyond = asks("run --partition /7", Some("8")).expect_err("there are seven");
        assert!(beyond.starts_with("CI_NODE_INDEX=8 is none of 7 jobs"), "{beyond}");
        let unknown = asks("diff canary ping_pong --set-b luck=1", None).expect_err("there is no luck");
        assert!(unknown.contains("ping_pong: no such parameter"), "{unknown}");
        assert!(asks("trace ping_pong --from eternity", None).is_err());
    }
}
