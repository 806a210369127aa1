use crate::{Columns, Lines, Rejected, Summary, Verdict, Window, judge};

/// What the whole pipeline comes to. Calls `rejected` for each row that gave no reading.
pub fn reference(file: &[u8], rejected: impl FnMut(Rejected)) -> Summary {
    let mut summary = Summary::new();
    sequential(file, rejected, |verdict| summary.push(&verdict));
    summary
}

/// The whole pipeline as one loop: what every world is held to. Calls `rejected` for each row that gave no reading, and
/// `verdict` for each other, in order.
pub fn sequential(file: &[u8], mut rejected: impl FnMut(Rejected), mut verdict: impl FnMut(Verdict)) {
    let mut columns = Columns::default();
    let mut window = Window::new();
    for line in Lines::new(file) {
        if line.number <= 1 {
            match line.header() {
                Ok(learned) => columns = learned,
                Err(bad) => rejected(bad),
            }
            continue;
        }
        match line.reading(columns) {
            Ok(reading) => {
                let celsius = reading.celsius();
                verdict(judge(celsius, window.push(celsius)));
            }
            Err(bad) => rejected(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::reference;
    use std::vec::Vec;

    #[test]
    fn the_real_file_has_8759_readings_and_no_bad_row() {
        let file = include_bytes!("../../data/seattle-temps.csv");
        let mut bad = Vec::new();
        let summary = reference(file, |rejected| bad.push(rejected));
        assert_eq!((summary.verdicts(), bad.len()), (8_759, 0));
        assert!(summary.anomalies() > 0, "a year in Seattle has its surprises");
    }
}
