use super::seen::Seen;
use super::{Exit, complain, open, shown, span};
use clap::Args;
use form::{Codec, Form, Refusal, Shown, object};
use schema::Type;
use serde_json::json;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;
use walk::{Heard, Walk};

mod form;
mod parse;
mod schema;
mod value;
mod walk;
mod wire;

const AFTER: &str = "\
Reads through a read-only mapping and takes part in nothing: nobody waits for it, and it may be overtaken. An item is
printed whole or not at all; what was overwritten is told of as a gap. Without `--hex` bytes that are no printable ASCII
are escaped.

With `--codec` messages are printed instead, put together from their parts, and what is none is told of as broken. A header
names a codec and no type, so who knows the type says it, in the spelling of Rust: a type, or the fields of one. Numbers, bool,
char, String, bytes, Option<T>, Vec<T>, [T; N], (T, …), {name: T, …} and enum {Name, Name(T), …} can be in it. Where the slots
hold elements, `--type` alone shows them as they lie; one whose fields have names is compared with the ring's own.

Exit codes:
  0  the items that there were, or with `--follow` all of them to the end of the stream
  1  with `--codec` or `--type`: a message was broken; with `--follow`: the producer is gone without an end
  2  there is no such ring, it may not be read, or not as was asked
  3  what is there is no ring

Examples:
  tidemill ring tail prices                     what can still be read
  tidemill ring tail prices --from latest -f    what is published from now on
  tidemill ring tail ./prices.ring --from 1000 --count 2 --hex
  tidemill ring tail prices --type 'price: u64, size: u32, venue: [u8; 4]'
  tidemill ring tail orders --codec postcard --type 'id: u64, note: Option<String>' --json";

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
    #[arg(long, conflicts_with_all = ["json", "codec", "kind"])]
    hex: bool,

    /// Prints messages, in that codec. Without it, where there is a type: the codec that the header names.
    #[arg(long, value_name = "NAME")]
    codec: Option<Codec>,

    /// Prints values of that type.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Type>,

    /// Prints JSON: one line an item.
    #[arg(long)]
    json: bool,
}

impl Tail {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (path, mut seen) = match open(&self.ring, Seen::at) {
            Ok(opened) => opened,
            Err(exit) => return Ok(exit),
        };
        let (mut walk, form) = match self.begin(&seen) {
            Ok(begun) => begun,
            Err(refusal) => {
                complain(&format_args!("{}: {refusal}", shown(&path)));
                return Ok(Exit::Usage);
            }
        };
        let mut printer =
            Printer { form, json: self.json, left: self.count.unwrap_or(u64::MAX), broken: false };
        loop {
            // Looked at before the items: what the last producer published before its end is printed.
            seen.again();
            let state = seen.state();
            while printer.left > 0
                && let Some(heard) = walk.step(seen.look.segment())
            {
                printer.print(heard, out)?;
            }
            let (ended, gone) =
                (matches!(state, "closed" | "shut down"), matches!(state, "orphaned" | "foreign"));
            if printer.left > 0 && (ended || gone) {
                walk.end().map_or(Ok(()), |heard| printer.print(heard, out))?;
            }
            if !self.follow || printer.left == 0 || ended {
                return Ok(if printer.broken { Exit::Failed } else { Exit::Passed });
            }
            if gone {
                complain(&format_args!("{}: the ring is {state} at {}", shown(&path), walk.next));
                return Ok(Exit::Failed);
            }
            out.flush()?;
            std::thread::sleep(self.every);
        }
    }

    /// Where to begin, and in which form to print what is there.
    fn begin(&self, seen: &Seen) -> Result<(Walk, Form), Refusal> {
        let segment = seen.look.segment();
        let next = match self.from {
            Begin::Earliest => segment.gate().0,
            Begin::Latest => segment.published().0,
            Begin::At(position) => position,
        };
        let spec = segment.header().layout.spec();
        if self.codec.is_none() && self.kind.is_none() {
            let form = if self.hex { Form::Hex } else { Form::Bytes };
            return Ok((Walk::items(segment, next), form));
        }
        match Walk::messages(segment, next) {
            Some(walk) => Ok((walk, Form::of_messages(spec.codec, self.codec, self.kind.clone())?)),
            None => {
                let form = Form::of_elements(spec, self.codec, self.kind.clone())?;
                Ok((Walk::items(segment, next), form))
            }
        }
    }
}

/// Prints what a walk comes to.
struct Printer {
    form: Form,
    json: bool,
    /// Items that are still to be printed.
    left: u64,
    /// A message was broken, or no value.
    broken: bool,
}

impl Printer {
    fn print(&mut self, heard: Heard, out: &mut impl Write) -> io::Result<()> {
        match heard {
            Heard::Item { position, kind, bytes } => {
                self.left -= 1;
                self.item(position, kind, &bytes, out)
            }
            Heard::Lagged { from, to } if self.json => {
                writeln!(out, "{}", json!({ "lagged": { "from": from, "to": to } }))
            }
            Heard::Lagged { from, to } => writeln!(out, "{from}..{to}  overwritten"),
            Heard::Skipped(position) if self.json => writeln!(out, "{}", json!({ "skipped": position })),
            Heard::Skipped(position) => writeln!(out, "{position}  skipped"),
            Heard::Broken { position, cause, finding } => {
                self.broken |= finding;
                self.say_broken(position, &cause.to_string(), out)
            }
        }
    }

    fn item(
        &mut self,
        position: u64,
        kind: Option<u8>,
        bytes: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let form = if self.json { self.form.member(bytes) } else { self.form.line(bytes) };
        let said = kind.filter(|kind| *kind != 0).map_or_else(String::new, |kind| format!("  kind {kind}"));
        match form {
            Ok(Shown::Member(name, value)) => writeln!(out, "{}", object(position, kind, (name, value))),
            Ok(Shown::Line(line)) => writeln!(out, "{position}{said}  {line}"),
            Ok(Shown::Rows(rows)) => {
                writeln!(out, "{position}{said}")?;
                rows.iter().try_for_each(|row| writeln!(out, "{row}"))
            }
            Err(why) => {
                self.broken = true;
                self.say_broken(position, &why, out)
            }
        }
    }

    fn say_broken(&self, position: u64, why: &str, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", json!({ "broken": { "position": position, "why": why } }));
        }
        writeln!(out, "{position}  broken: {why}")
    }
}
