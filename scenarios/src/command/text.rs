use std::fmt;

/// Rows of cells: the first column to the left, numbers to the right.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    indent: &'static str,
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(indent: &'static str) -> Self {
        Self { indent, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; N];
        // A column is one of numbers if its last row is.
        let mut right = [false; N];
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                widths[at] = widths[at].max(cell.chars().count());
                right[at] = at > 0 && cell.starts_with(|c: char| c.is_ascii_digit()) && !cell.contains("..");
            }
        }
        for row in &self.rows {
            let mut line = String::from(self.indent);
            for (at, cell) in row.iter().enumerate() {
                // Nothing stands behind the last column, however wide it is.
                let pads = at + 1 < N || right[at];
                let gap = " ".repeat(if pads { widths[at] - cell.chars().count() } else { 0 });
                let (before, after) = if right[at] { (gap.as_str(), "") } else { ("", gap.as_str()) };
                line += &format!("{}{before}{cell}{after}", if at > 0 { "  " } else { "" });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Foreign text on one line of a terminal: without control characters, and cut where it would flood it.
pub(super) fn plain(text: &str) -> String {
    const SHOWN: usize = 400;
    let mut shown: String = text.chars().take(SHOWN).flat_map(escaped).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (escaped, itself) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(itself)
}

/// A whole number with its thousands apart: `8,759`.
pub(super) fn count(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time in at most two units: `3d 4h`, `12m 8s`, `4.51 s`, `310 µs`.
pub(super) fn span(ns: u128) -> String {
    let (us, ms, s) = (ns / 1_000, ns / 1_000_000, ns / 1_000_000_000);
    match s {
        0 if ms == 0 => format!("{us} µs"),
        0 => format!("{ms} ms"),
        1..60 => format!("{s}.{:02} s", ms % 1_000 / 10),
        60..3_600 => format!("{}m {}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d {}h", count(s / 86_400), s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, count, span};

    #[test]
    fn numbers_keep_their_thousands_apart() {
        assert_eq!([count(0_u64), count(999_u64), count(8_759_u64)], ["0", "999", "8,759"]);
        assert_eq!(count(1_234_567_u64), "1,234,567");
    }

    #[test]
    fn spans_show_at_most_two_units() {
        let s = 1_000_000_000;
        assert_eq!([span(310_000), span(45_000_000), span(4_510 * s / 1_000)], ["310 µs", "45 ms", "4.51 s"]);
        assert_eq!([span(728 * s), span(7_260 * s), span(273_600 * s)], ["12m 8s", "2h 1m", "3d 4h"]);
    }

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let mut table = Table::new("");
        table.row(["story".into(), "seeds".into(), "note".into()]);
        table.row(["ping_pong".into(), "7".into(), String::new()]);
        assert_eq!(table.to_string(), "story      seeds  note\nping_pong      7\n");
    }
}
