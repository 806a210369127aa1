use tidemill_pipeline::{Lines, reference};

pub(crate) fn run(bytes: &[u8]) {
    let mut rejected = 0;
    let summary = reference(bytes, |_| rejected += 1);
    let mut lines = Lines::new(bytes);
    let Some(Ok(columns)) = lines.next().map(|line| line.header()) else { return };
    let (rows, readings) = lines.fold((0, 0), |(rows, readings), line| {
        (rows + 1, readings + usize::from(line.reading(columns).is_ok()))
    });
    assert!(rows <= bytes.len(), "{rows} rows out of {} bytes", bytes.len());
    assert_eq!(rows - readings, rejected, "{summary:?}: a row is a reading or a reason");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let good = b"date,temp\n2026/01/02 03:04,55.5\n2026/01/02 03:05,-12\n2026/01/02 03:06,140\n";
    let turned = b"temp,date\r\n55.5,2026/01/02 03:04\r\n,2026/01/02 03:05\r\n9999,2026/02/30 25:61";
    vec![good.to_vec(), turned.to_vec()]
}
