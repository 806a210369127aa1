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
