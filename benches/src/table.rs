//! Numbers as people read them, in columns.

/// `12.3 M`, `4.56 k`, `0.789`: three digits and a prefix.
#[must_use]
pub fn short(value: f64) -> String {
    let (scaled, prefix) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, " G"),
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e3 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let decimals = match scaled.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{prefix}")
}

/// Prints `rows` under `head`: the first column to the left, the others to the right.
pub fn print(head: &[&str], rows: &[Vec<String>]) {
    let cells = |row: usize| -> Vec<&str> {
        row.checked_sub(1).map_or_else(|| head.to_vec(), |at| rows[at].iter().map(String::as_str).collect())
    };
    let width = |column: usize| {
        (0..=rows.len())
            .filter_map(|row| cells(row).get(column).map(|cell| cell.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in 0..=rows.len() {
        let mut line = String::new();
        for (column, (cell, width)) in cells(row).iter().zip(&widths).enumerate() {
            line += &if column == 0 { format!("  {cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        println!("{}", line.trim_end());
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn three_digits_and_a_prefix_say_enough() {
        assert_eq!(short(0.5), "0.50");
        assert_eq!(short(999.0), "999");
        assert_eq!(short(1_234.0), "1.23 k");
        assert_eq!(short(12_345_678.0), "12.3 M");
        assert_eq!(short(2.6e9), "2.60 G");
    }
}
