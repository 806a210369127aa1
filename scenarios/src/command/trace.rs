use super::source::Source;
use super::{Exit, complain};
use clap::{Args, ValueEnum};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use tidemill_sim::Instant;
use tidemill_sim::trace::Window;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  the trace was written, whether or not the run failed
  2  unknown story, a tape that cannot be read, or a file that cannot be written

Examples:
  tidemill trace ping_pong --seed 7 --to 20ms
  tidemill trace sim-failures/canary-20f78d0c.tape --format html -o canary.html
  tidemill trace pipeline --seed 3 --set rows=50 --process centre/ --grep dropped")]
pub(super) struct Trace {
    /// A tape, or the name of a story.
    #[arg(value_name = "TAPE|STORY")]
    source: String,

    /// Which run of the story.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Sets a parameter of the story.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,

    /// What is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Where to [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Nothing before this much virtual time, such as `1s 500ms`.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Instant>,

    /// Nothing after this much virtual time.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<Instant>,

    /// Only what happened at processes whose name contains this, or came from them.
    #[arg(long, value_name = "NAME")]
    process: Option<String>,

    /// Only events whose place, kind or detail contains this.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Format {
    /// One line an event.
    Text,
    /// JSON for <https://ui.perfetto.dev> and chrome://tracing.
    Perfetto,
    /// A sequence diagram; the first 200 events.
    Mermaid,
    /// One page that needs nothing else: lanes, arrows, search, causal past.
    Html,
}

fn instant(text: &str) -> Result<Instant, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    u64::try_from(span.as_nanos()).map(Instant::from_nanos).map_err(|_| "longer than virtual time".to_owned())
}

impl Trace {
    /// Which run.
    pub(super) fn source(&self) -> Source<'_> {
        Source { what: &self.source, seed: self.seed, settings: &self.settings }
    }

    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let trace = match self.source().trace() {
            Ok((_, trace)) => trace,
            Err(why) => {
                complain(&why);
                return Ok(Exit::Usage);
            }
        };
        let window =
            Window { from: self.from, to: self.to, process: self.process.clone(), grep: self.grep.clone() };
        let events = window.select(&trace);
        let text = match self.format {
            Format::Text => head(&trace, events.len()) + &trace.text(&events),
            Format::Perfetto => trace.perfetto(&events),
            Format::Mermaid => trace.mermaid(&events),
            Format::Html => trace.html(&events),
        };
        match &self.out {
            None => out.write_all(text.as_bytes())?,
            Some(path) => {
                if let Err(error) = fs::write(path, text) {
                    complain(&format_args!("{}: {error}", path.display()));
                    return Ok(Exit::Usage);
                }
            }
        }
        Ok(Exit::Passed)
    }
}

fn head(trace: &tidemill_sim::Trace, shown: usize) -> String {
    let end = trace.failure().map_or_else(|| "passed".to_owned(), ToString::to_string);
    let (story, seed, hash, all) = (trace.story(), trace.seed(), trace.hash(), trace.len());
    format!("{story} seed {seed} hash {hash:032x}: {end}\n{shown} of {all} events\n\n")
}
