use crate::Reading;
use core::fmt;

/// The longest row that can be one of ours, in bytes.
pub const TEXT_MAX: usize = 32;

/// One row of the file, as it stands there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its number in the file, from 1; 0 stands for the whole file.
    pub number: u32,
    len: u8,
    too_long: bool,
    /// The file ended before a line feed came.
    cut: bool,
    text: [u8; TEXT_MAX],
}

/// Why a row gave no reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Reason {
    /// The file has no rows at all.
    Empty,
    /// The first row does not name the columns `date` and `temp`.
    Header,
    /// Not UTF-8.
    NotUtf8,
    /// Longer than [`TEXT_MAX`] bytes.
    TooLong,
    /// Fewer than two columns.
    MissingColumn,
    /// More than two columns.
    ExtraColumn,
    /// Not `YYYY/MM/DD HH:MM`, or no such time.
    Time,
    /// Not a decimal number with at most one digit behind the point.
    Number,
    /// Outside of what air on Earth can have: −130 to 140 °F.
    OutOfRange,
    /// The file ends in the middle of this row.
    CutOff,
}

/// A row that gave no reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// The row's number in the file, from 1; 0 for the whole file.
    pub line: u32,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Which column is which; learned from the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Columns {
    /// `date,temp`.
    #[default]
    DateTemp,
    /// `temp,date`.
    TempDate,
}

/// The rows of a file in order; one [`Line`] numbered 0 if there is none.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Lines<'a> {
    /// The rows of `file`.
    pub const fn new(file: &'a [u8]) -> Self {
        Self { rest: file, number: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.rest.is_empty() {
            let empty = self.number == 0;
            self.number = u32::MAX;
            return empty.then(|| Line::new(0, b"", false));
        }
        self.number += 1;
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let (row, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        Some(Line::new(self.number, row.strip_suffix(b"\r").unwrap_or(row), end.is_none()))
    }
}

impl Line {
    fn new(number: u32, row: &[u8], cut: bool) -> Self {
        let len = row.len().min(TEXT_MAX);
        let mut text = [0; TEXT_MAX];
        text[..len].copy_from_slice(&row[..len]);
        Self { number, len: len as u8, too_long: row.len() > TEXT_MAX, cut, text }
    }

    /// Reads the row as a header.
    pub fn header(&self) -> Result<Columns, Rejected> {
        match self.text() {
            _ if self.number == 0 => Err(self.reject(Reason::Empty)),
            Ok("date,temp") => Ok(Columns::DateTemp),
            Ok("temp,date") => Ok(Columns::TempDate),
            _ => Err(self.reject(Reason::Header)),
        }
    }

    /// Reads the row as a reading.
    pub fn reading(&self, columns: Columns) -> Result<Reading, Rejected> {
        self.parse(columns).map_err(|reason| {
            let torn = self.cut && !matches!(reason, Reason::NotUtf8 | Reason::TooLong | Reason::OutOfRange);
            self.reject(if torn { Reason::CutOff } else { reason })
        })
    }

    fn reject(&self, reason: Reason) -> Rejected {
        Rejected { line: self.number, reason }
    }

    fn text(&self) -> Result<&str, Reason> {
        if self.too_long {
            return Err(Reason::TooLong);
        }
        core::str::from_utf8(&self.text[..usize::from(self.len)]).map_err(|_| Reason::NotUtf8)
    }

    fn parse(&self, columns: Columns) -> Result<Reading, Reason> {
        let (first, second) = self.text()?.split_once(',').ok_or(Reason::MissingColumn)?;
        if second.contains(',') {
            return Err(Reason::ExtraColumn);
        }
        let (date, temp) = match columns {
            Columns::DateTemp => (first, second),
            Columns::TempDate => (second, first),
        };
        // A number that the file's end may have cut short is one without its digit behind the point.
        if self.cut && columns == Columns::DateTemp && !temp.contains('.') {
            return Err(Reason::CutOff);
        }
        let minute = minute(date).ok_or(Reason::Time)?;
        let tenths_f = tenths(temp).ok_or(Reason::Number)?;
        if !(-1_300..=1_400).contains(&tenths_f) {
            return Err(Reason::OutOfRange);
        }
        Ok(Reading { line: self.number, minute, tenths_f })
    }
}

/// Minutes since 1970-01-01 00:00 of `YYYY/MM/DD HH:MM`, whole minutes only; a `:00` of seconds may follow.
fn minute(text: &str) -> Option<u32> {
    let (date, time) = text.split_once(' ')?;
    let (year, rest) = date.split_once('/')?;
    let (month, day) = rest.split_once('/')?;
    let (hour, minute) =
        time.strip_suffix(":00").filter(|time| time.contains(':')).unwrap_or(time).split_once(':')?;
    let [year, month, day, hour, minute] =
        [digits(year, 4)?, digits(month, 2)?, digits(day, 2)?, digits(hour, 2)?, digits(minute, 2)?];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=month_days).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    // Days before the civil date, counting years from March (H. Hinnant, "chrono-compatible low-level date algorithms").
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Some((days * 24 + hour) * 60 + minute)
}

fn digits(text: &str, len: usize) -> Option<u32> {
    (text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn tenths(text: &str) -> Option<i32> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || whole.len() > 5 {
        return None;
    }
    let tenths = digits(whole, whole.len())? * 10 + digits(tenth, 1)?;
    Some(sign * i32::try_from(tenths).ok()?)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty",
            Self::Header => "the header does not name the columns date and temp",
            Self::NotUtf8 => "not UTF-8",
            Self::TooLong => "longer than 32 bytes",
            Self::MissingColumn => "a column is missing",
            Self::ExtraColumn => "more than two columns",
            Self::Time => "no such time",
            Self::Number => "not a temperature",
            Self::OutOfRange => "outside -130 to 140 °F",
            Self::CutOff => "the file ends in mid-row",
        })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Columns, Lines, Reason};

    fn reasons(file: &[u8]) -> [Option<Reason>; 4] {
        let mut found = [None; 4];
        let mut columns = Columns::default();
        for (line, slot) in Lines::new(file).zip(&mut found) {
            *slot = if line.number <= 1 {
                line.header().map(|learned| columns = learned).err()
            } else {
                line.reading(columns).err().inspect(|rejected| assert_eq!(rejected.line, line.number))
            }
            .map(|rejected| rejected.reason);
        }
        found
    }

    #[test]
    fn every_bad_row_is_named_and_the_next_is_read() {
        for (row, reason) in [
            (&b"2010/01/01 00:00"[..], Reason::MissingColumn),
            (b"2010/01/01 00:00,1.0,2", Reason::ExtraColumn),
            (b"2010/01/01 00:00,\xff\xfe", Reason::NotUtf8),
            (b"2010/02/29 00:00,1.0", Reason::Time),
            (b"2010/1/1 00:00,1.0", Reason::Time),
            (b"2010/01/01 24:00,1.0", Reason::Time),
            (b"2010/01/01 00:00,warm", Reason::Number),
            (b"2010/01/01 00:00,1.23", Reason::Number),
            (b"2010/01/01 00:00,", Reason::Number),
            (b"2010/01/01 00:00,140.1", Reason::OutOfRange),
            (b"2010/01/01 00:00,-500", Reason::OutOfRange),
            (b"2010/01/01 00:00,1.0000000000000000000", Reason::TooLong),
        ] {
            let file = [b"date,temp\n", row, b"\n2010/01/01 01:00,39.2\n"].concat();
            assert_eq!(reasons(&file), [None, Some(reason), None, None], "{}", row.escape_ascii());
        }
    }

    #[test]
    fn a_file_that_ends_in_mid_row_says_so() {
        for cut in [&b"2010/0"[..], b"2010/01/01 00:00", b"2010/01/01 00:00,3", b"2010/01/01 00:00,39."] {
            assert_eq!(
                reasons(&[b"date,temp\n", cut].concat())[1],
                Some(Reason::CutOff),
                "{}",
                cut.escape_ascii()
            );
        }
        assert_eq!(reasons(b"date,temp\n2010/01/01 00:00,39.4"), [None; 4]);
    }

    #[test]
    fn an_empty_file_and_a_foreign_header_are_reported() {
        assert_eq!(reasons(b"")[0], Some(Reason::Empty));
        assert_eq!(reasons(b"when,what\n2010/01/01 00:00,39.4\n")[..2], [Some(Reason::Header), None]);
    }

    #[test]
    fn either_column_order_gives_the_same_reading() {
        let read = |file: &'static [u8]| {
            let mut lines = Lines::new(file);
            let columns = lines.next().unwrap().header().unwrap();
            lines.next().unwrap().reading(columns).unwrap()
        };
        let reading = read(b"date,temp\r\n2010/01/01 00:00,-4.5\r\n");
        assert_eq!(reading, read(b"temp,date\n-4.5,2010/01/01 00:00:00\n"));
        assert_eq!((reading.minute, reading.tenths_f), (14_610 * 24 * 60, -45));
    }
}
