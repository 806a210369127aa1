use super::source::Source;
use super::{Exit, complain};
use clap::Args;
use std::io::{self, Write};
use tidemill_sim::harness::Report;
use tidemill_sim::trace::Trace;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  the two runs are the same, event for event
  1  they part; the first event that differs is printed with its causal past in both
  2  unknown story, a tape that cannot be read, or runs of two different stories

Examples:
  tidemill diff sim-failures/canary-20f78d0c.tape canary --seed-b 1
  tidemill diff ping_pong ping_pong --seed-a 7 --seed-b 7 --set-b loss=0")]
pub(super) struct Diff {
    /// A tape, or the name of a story.
    #[arg(value_name = "A")]
    a: String,

    /// Another tape, or the name of a story.
    #[arg(value_name = "B")]
    b: String,

    /// Which run of story A.
    #[arg(long, value_name = "N")]
    seed_a: Option<u64>,

    /// Which run of story B.
    #[arg(long, value_name = "N")]
    seed_b: Option<u64>,

    /// Which run, for every story without a seed of its own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Sets a parameter of story A.
    #[arg(long = "set-a", value_name = "NAME=VALUE")]
    settings_a: Vec<String>,

    /// Sets a parameter of story B.
    #[arg(long = "set-b", value_name = "NAME=VALUE")]
    settings_b: Vec<String>,
}

impl Diff {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let [a, b] = match self.traces() {
            Ok(traces) => traces,
            Err(why) => {
                complain(&why);
                return Ok(Exit::Usage);
            }
        };
        for (name, (report, trace)) in [("A", &a), ("B", &b)] {
            let end = report.failure.as_ref().map_or("passed", |failure| &failure.id);
            let (seed, events) = (trace.seed(), trace.len());
            writeln!(
                out,
                "{name}  {} seed {seed}, {events} events, hash {:032x}: {end}",
                trace.story(),
                report.hash
            )?;
        }
        writeln!(out)?;
        let Some(parting) = a.1.parting(&b.1) else {
            let same_end = a.0.failure == b.0.failure;
            let end = if same_end { "" } else { "; the two differ in how they end, and in nothing before" };
            writeln!(out, "the same, event for event{end}")?;
            return Ok(if same_end { Exit::Passed } else { Exit::Failed });
        };
        write!(out, "{}", a.1.parting_text(["A", "B"], &b.1, parting))?;
        Ok(Exit::Failed)
    }

    /// Which two runs.
    pub(super) fn sources(&self) -> [Source<'_>; 2] {
        let shared = |what: &str| self.seed.filter(|_| crate::stories::find(what).is_some());
        [(&self.a, self.seed_a, &self.settings_a), (&self.b, self.seed_b, &self.settings_b)]
            .map(|(what, own, settings)| Source { what, seed: own.or(shared(what)), settings })
    }

    fn traces(&self) -> Result<[(Report, Trace); 2], String> {
        let [a, b] = self.sources();
        let (a, b) = (a.trace()?, b.trace()?);
        if a.1.story() != b.1.story() {
            return Err(format!("A is about {} and B about {}", a.1.story(), b.1.story()));
        }
        Ok([a, b])
    }
}
