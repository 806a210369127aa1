use super::{BYTES_MAX, Ending, LINE_MAX, Mark, Pair, Pin, Reason, Tape, TapeError, VERSION};
use crate::Base;
use std::collections::BTreeSet;
use std::io::Read;

const HEADER: &str = "tidemill tape ";

impl Tape {
    /// Reads a tape, at most [`BYTES_MAX`] of it. The outer error is the reader's own.
    pub fn read(from: impl Read) -> std::io::Result<Result<Self, TapeError>> {
        let mut bytes = Vec::new();
        from.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// Reads a tape from bytes that anybody may have written.
    pub fn parse(bytes: &[u8]) -> Result<Self, TapeError> {
        if bytes.is_empty() {
            return Err(TapeError::at(1, Reason::Empty));
        }
        if bytes.len() > BYTES_MAX {
            let line = 1 + bytes[..BYTES_MAX].iter().filter(|b| **b == b'\n').count() as u32;
            return Err(TapeError::at(line, Reason::FileTooLong));
        }
        let mut parser = Parser::default();
        let mut number = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            number += 1;
            let (line, whole) = match rest.iter().position(|b| *b == b'\n') {
                Some(at) => {
                    let line = &rest[..at];
                    rest = &rest[at + 1..];
                    (line, true)
                }
                None => (core::mem::take(&mut rest), false),
            };
            parser.number = number;
            if let Err(reason) = parser.line(line) {
                // A last line without its newline is most likely cut short, so whatever it says is not the trouble.
                let cut = !whole && !parser.ended && number > 1;
                return Err(TapeError::at(number, if cut { Reason::Truncated } else { reason }));
            }
        }
        if parser.ended { Ok(parser.tape) } else { Err(TapeError::at(number, Reason::Truncated)) }
    }
}

#[derive(Default)]
struct Parser {
    tape: Tape,
    number: u32,
    seen: BTreeSet<String>,
    ended: bool,
}

impl Parser {
    fn line(&mut self, line: &[u8]) -> Result<(), Reason> {
        if line.len() > LINE_MAX {
            return Err(Reason::LineTooLong);
        }
        if self.number == 1 && !line.starts_with(HEADER.as_bytes()) {
            return Err(Reason::NotATape);
        }
        let line = core::str::from_utf8(line).map_err(|_| Reason::NotText)?.trim();
        if line.contains(char::is_control) {
            return Err(Reason::NotText);
        }
        if self.number == 1 {
            return header(line);
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if self.ended {
            return Err(Reason::AfterEnd);
        }
        if line == "end" {
            return self.end();
        }
        // The value of a choice is a number, so a site may hold `=`; a parameter's value may, so its name may not.
        let split = if line.starts_with("choice") { line.rsplit_once('=') } else { line.split_once('=') };
        let (left, value) = split.ok_or(Reason::Malformed)?;
        let (left, value) = (left.trim(), value.trim());
        let (key, name) = match left.split_once(char::is_whitespace) {
            Some((key, name)) => (key, name.trim()),
            None => (left, ""),
        };
        self.once(format!("{key} {name}").trim_end())?;
        match (key, name) {
            ("config" | "choice" | "mark", "") => Err(Reason::Malformed),
            ("config", name) => {
                self.tape.config.push(Pair { line: self.number, ..Pair::new(name, value) });
                Ok(())
            }
            ("choice", site) => {
                let site = site.parse().map_err(|_| Reason::BadSite(site.to_owned()))?;
                let value = number(value, "a choice: a whole number below 2^64")?;
                self.tape.choices.push(Pin { site, value, line: self.number });
                Ok(())
            }
            ("mark", events) => self.mark(events, value),
            (key, "") => self.single(key, value),
            _ => Err(Reason::UnknownKey(left.to_owned())),
        }
    }

    fn single(&mut self, key: &str, value: &str) -> Result<(), Reason> {
        match key {
            "crate" => self.tape.crate_version = value.to_owned(),
            "story" => self.tape.story = Pair { line: self.number, ..Pair::new(key, value) },
            "seed" => self.tape.seed = number(value, "a seed: a whole number below 2^64")?,
            "base" => self.tape.base = base(value)?,
            "hash" => self.tape.hash = hash(value)?,
            "failure" if value == "none" => self.tape.failure = None,
            "failure" => {
                let (tag, id) = value.split_once(' ').unwrap_or((value, ""));
                if tag.is_empty() {
                    return Err(Reason::Malformed);
                }
                self.tape.failure = Some(Ending { tag: tag.to_owned(), id: id.to_owned() });
            }
            _ => return Err(Reason::UnknownKey(key.to_owned())),
        }
        Ok(())
    }

    fn mark(&mut self, events: &str, value: &str) -> Result<(), Reason> {
        let mark = Mark { events: number(events, "a count of events")?, hash: hash(value)? };
        if self.tape.marks.last().is_some_and(|last| last.events >= mark.events) {
            return Err(Reason::MarksDescend);
        }
        self.tape.marks.push(mark);
        Ok(())
    }

    fn once(&mut self, left: &str) -> Result<(), Reason> {
        if self.seen.insert(left.to_owned()) { Ok(()) } else { Err(Reason::Repeated(left.to_owned())) }
    }

    fn end(&mut self) -> Result<(), Reason> {
        for key in ["story", "seed", "failure", "hash"] {
            if !self.seen.contains(key) {
                return Err(Reason::Missing(key));
            }
        }
        self.ended = true;
        Ok(())
    }
}

fn header(line: &str) -> Result<(), Reason> {
    let version = line.strip_prefix(HEADER).ok_or(Reason::NotATape)?.trim();
    if version.parse() == Ok(VERSION) { Ok(()) } else { Err(Reason::UnknownVersion(version.to_owned())) }
}

fn base(text: &str) -> Result<Base, Reason> {
    match text {
        "seed" => Ok(Base::Seed),
        "zero" => Ok(Base::Zero),
        _ => Err(Reason::UnknownBase(text.to_owned())),
    }
}

fn number<N: core::str::FromStr>(text: &str, of: &'static str) -> Result<N, Reason> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| Reason::BadNumber { of, text: text.to_owned() })
}

fn hash(text: &str) -> Result<u128, Reason> {
    let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    u128::from_str_radix(text, 16)
        .ok()
        .filter(|_| hex)
        .ok_or_else(|| Reason::BadNumber { of: "a trace hash: 32 hexadecimal digits", text: text.to_owned() })
}
