use super::seen::Seen;
use super::{Exit, complain, open, shown, span};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;
use tidemill_ring::Position;
use tidemill_ring::tail::Missing;

const AFTER: &str = "\
Reads through a read-only mapping and takes part in nothing: nobody waits for it, and it may be overtaken. An item is
printed whole or not at all; what was overwritten is told of as a gap. Without `--hex` bytes that are no printable ASCII
are escaped.

Exit codes:
  0  the items that there were, or with `--follow` all of them to the end of the stream
  1  with `--follow`: the producer is gone without an end
  2  there is no such ring, or it may not be read
  3  what is there is no ring

Examples:
  tidemill ring tail prices                     what can still be read
  tidemill ring tail prices --from latest -f    what is published from now on
  tidemill ring tail ./prices.ring --from 1000 --count 2 --hex";

/// Where to begin.
#[derive(Clone, Copy, Debug)]
enum Begin {
    Earliest,
    Latest,
    At(u64),
}

impl FromStr for Begin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            number => number
                .parse()
                .map(Self::At)
                .map_err(|_| "no position, and neither earliest nor latest".to_owned()),
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(super) struct Tail {
    /// The name of a ring in shared memory, or the path of its file: with a slash or a dot in it.
    #[arg(value_name = "RING")]
    ring: String,

    /// The first item: `earliest`, `latest`, or a position.
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    from: Begin,

    /// Waits for more, until the stream ends.
    #[arg(long, short)]
    follow: bool,

    /// How long to wait before it looks for more.
    #[arg(long, value_name = "SPAN", default_value = "10ms", value_parser = span, requires = "follow")]
    every: Duration,

    /// Ends after so many items.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Prints bytes as numbers, sixteen a line, with their text beside.
    #[arg(long, conflicts_with = "json")]
    hex: bool,

    /// Prints JSON: one line an item.
    #[arg(long)]
    json: bool,
}

/// How far a walk along the items came.
struct Walk<'s> {
    seen: &'s mut Seen,
    next: u64,
    left: u64,
    words: Vec<u32>,
}

impl Tail {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (path, mut seen) = match open(&self.ring, Seen::at) {
            Ok(opened) => opened,
            Err(exit) => return Ok(exit),
        };
        let segment = seen.look.segment();
        let next = match self.from {
            Begin::Earliest => segment.gate().0,
            Begin::Latest => segment.published().0,
            Begin::At(position) => position,
        };
        let words = vec![0; segment.item_words() as usize];
        let left = self.count.unwrap_or(u64::MAX);
        let mut walk = Walk { seen: &mut seen, next, left, words };
        loop {
            // Looked at before the items: what the last producer published before its end is printed.
            walk.seen.again();
            let state = walk.seen.state();
            self.print(&mut walk, out)?;
            if !self.follow || walk.left == 0 || matches!(state, "closed" | "shut down") {
                return Ok(Exit::Passed);
            }
            if matches!(state, "orphaned" | "foreign") {
                complain(&format_args!("{}: the ring is {state} at {}", shown(&path), walk.next));
                return Ok(Exit::Failed);
            }
            out.flush()?;
            std::thread::sleep(self.every);
        }
    }

    /// Prints what can be read at this moment.
    fn print(&self, walk: &mut Walk<'_>, out: &mut impl Write) -> io::Result<()> {
        while walk.left > 0 {
            let segment = walk.seen.look.segment();
            match segment.words_of(Position(walk.next), &mut walk.words) {
                Ok(()) => {
                    let size = segment.header().layout.spec().size as usize;
                    let bytes: Vec<u8> =
                        walk.words.iter().flat_map(|word| word.to_ne_bytes()).take(size).collect();
                    self.item(walk.next, &bytes, out)?;
                    walk.next += 1;
                    walk.left -= 1;
                }
                Err(Missing::Gone { earliest }) => {
                    let (from, to) = (walk.next, earliest.0);
                    if self.json {
                        writeln!(out, "{}", json!({ "lagged": { "from": from, "to": to } }))?;
                    } else {
                        writeln!(out, "{from}..{to}  overwritten")?;
                    }
                    walk.next = to;
                }
                Err(Missing::Ahead { .. } | Missing::Room { .. }) => break,
            }
        }
        Ok(())
    }

    fn item(&self, position: u64, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        if self.json {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a string takes what is written");
                hex
            });
            return writeln!(out, "{}", json!({ "position": position, "hex": hex }));
        }
        if !self.hex {
            return writeln!(out, "{position}  {}", bytes.escape_ascii());
        }
        writeln!(out, "{position}")?;
        for (at, row) in (0..).step_by(16).zip(bytes.chunks(16)) {
            let numbers: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String = row.iter().map(|byte| printable(*byte)).collect();
            writeln!(out, "  {at:04x}  {:<47}  {text}", numbers.join(" "))?;
        }
        Ok(())
    }
}

fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' }
}
