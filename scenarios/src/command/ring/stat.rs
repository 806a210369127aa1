use super::frame::{self, Marks, Rates};
use super::seen::Seen;
use super::{Exit, metrics, open, span};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tidemill_host::MonotonicClock;
use tidemill_seam::{Clock, Instant};

const AFTER: &str = "\
Opens and maps read-only, and takes part in nothing: a ring in use and one whose users are all dead are looked at alike.
With `--watch` it looks again and again, until a signal ends it or it has looked often enough; where output is no
terminal, look stands below look, and with `--json` each is one line. A rate is of the items since the look before.

Exit codes:
  0  nothing to remark
  1  an owner that is proved dead still has its place (with `--watch`: at the last look)
  2  there is no such ring, or it may not be read
  3  what is there is no ring

Examples:
  tidemill ring stat prices                       the ring of that name in shared memory
  tidemill ring stat ./prices.ring --watch        a ring in a file, once a second
  tidemill ring stat prices --watch --every 100ms --count 5 --json
  tidemill ring stat prices --openmetrics > /var/lib/node_exporter/prices.prom";

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(super) struct Stat {
    /// The name of a ring in shared memory, or the path of its file: with a slash or a dot in it.
    #[arg(value_name = "RING")]
    ring: String,

    /// Looks again and again, and says how fast everybody is.
    #[arg(long)]
    watch: bool,

    /// How long from one look to the next.
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span, requires = "watch")]
    every: Duration,

    /// How often to look.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "watch")]
    count: Option<u64>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,

    /// Prints the text of OpenMetrics, as Prometheus and others collect it.
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    openmetrics: bool,
}

impl Stat {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let mut seen = match open(&self.ring, Seen::at) {
            Ok((_, seen)) => seen,
            Err(exit) => return Ok(exit),
        };
        if self.watch {
            self.watch(&mut seen, out)?;
        } else if self.openmetrics {
            write!(out, "{}", metrics::text(&seen).map_err(io::Error::other)?)?;
        } else if self.json {
            writeln!(out, "{:#}", seen.whole())?;
        } else {
            write!(out, "{}", text(&seen, None))?;
        }
        Ok(if seen.remarkable() { Exit::Failed } else { Exit::Passed })
    }

    fn watch(&self, seen: &mut Seen, out: &mut impl Write) -> io::Result<()> {
        let mut screen = Screen::new(self.json);
        let mut last: Option<(Marks, Instant)> = None;
        for turn in 0.. {
            if turn > 0 {
                std::thread::sleep(self.every);
                seen.again();
            }
            let (marks, now) = (Marks::of(seen), MonotonicClock.now());
            let rates = last.as_ref().map(|(last, then)| marks.since(last, now.since(*then)));
            screen.show(seen, rates.as_ref(), self.json, out)?;
            last = Some((marks, now));
            if self.count == Some(turn + 1) {
                break;
            }
        }
        screen.leave();
        Ok(())
    }
}

fn text(seen: &Seen, rates: Option<&Rates>) -> String {
    frame::whole(seen, rates).expect("a string takes what is written")
}

fn line(seen: &Seen, rates: Option<&Rates>) -> Value {
    let mut whole = seen.whole();
    whole["published_a_second"] = rates.map(|rates| rates.published).into();
    let of = |(one, _): &(tidemill_ring::segment::Participant, _)| json!({ "slot": one.slot, "a_second": rates.and_then(|rates| rates.of(one)) });
    whole["rates"] = seen.participants.iter().map(of).collect();
    whole
}

/// Where looks are drawn: over each other on a terminal, one below the other elsewhere.
struct Screen(Option<ProgressBar>);

impl Screen {
    fn new(json: bool) -> Self {
        if json || !io::stdout().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout_with_hz(u8::MAX));
        let style = ProgressStyle::with_template("{msg}");
        Self(Some(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))))
    }

    fn show(
        &mut self,
        seen: &Seen,
        rates: Option<&Rates>,
        json: bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        match &self.0 {
            Some(bar) => {
                bar.set_message(text(seen, rates));
                bar.tick();
                return Ok(());
            }
            None if json => writeln!(out, "{}", line(seen, rates))?,
            None => writeln!(out, "{}", text(seen, rates))?,
        }
        // Whoever reads along is not to wait for the end.
        out.flush()
    }

    /// Leaves the last look where it stands.
    fn leave(self) {
        if let Some(bar) = self.0 {
            bar.abandon();
        }
    }
}
