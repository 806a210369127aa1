use crate::outcome::{Outcome, presentable};
use tidemill_pipeline::{Lines, reference};

pub(crate) const WORDS: &[&str] =
    &["date,temp\n", "temp,date\n", "2028/02/29 23:59", ",140.0\n", ",-130\n", ":00", "\r\n", "9999/12/31 "];

pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut rejected = 0;
    let summary = reference(bytes, |_| rejected += 1);
    let mut lines = Lines::new(bytes);
    let columns = match lines.next().map(|line| line.header()) {
        Some(Ok(columns)) => columns,
        Some(Err(bad)) => return Outcome::of(&bad),
        None => return Outcome::NOTHING,
    };
    let (mut rows, mut readings, mut last) = (0, 0, 1);
    let mut why = Outcome::sized("csv", &[]);
    for line in lines {
        rows += 1;
        assert_eq!(line.number, last + 1, "a row is missing");
        last = line.number;
        match line.reading(columns) {
            Ok(reading) => {
                readings += 1;
                assert!((-1_300..=1_400).contains(&reading.tenths_f), "{reading:?} is no air on Earth");
                assert_eq!(reading.line, line.number, "a reading of another row");
            }
            Err(bad) => {
                assert_eq!(bad.line, line.number, "the reason of another row");
                presentable(&bad.to_string());
                why = Outcome::of(&bad);
            }
        }
    }
    assert!(rows <= bytes.len(), "{rows} rows out of {} bytes", bytes.len());
    assert_eq!(rows - readings, rejected, "{summary:?}: a row is a reading or a reason");
    if rejected == 0 { Outcome::sized("clean", &[readings]) } else { why }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let good = b"date,temp\n2026/01/02 03:04,55.5\n2026/01/02 03:05,-12\n2026/01/02 03:06,140\n";
    let turned = b"temp,date\r\n55.5,2026/01/02 03:04\r\n,2026/01/02 03:05\r\n9999,2026/02/30 25:61";
    vec![good.to_vec(), turned.to_vec()]
}
