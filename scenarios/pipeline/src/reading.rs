use serde::{Deserialize, Serialize};

/// A temperature as the file states it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Row in the file, from 1.
    pub line: u32,
    /// Minutes since 1970-01-01 00:00, local time.
    pub minute: u32,
    /// Tenths of a degree Fahrenheit.
    pub tenths_f: i32,
}

/// A temperature in thousandths of a degree Celsius.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Celsius {
    /// Row in the file, from 1.
    pub line: u32,
    /// Minutes since 1970-01-01 00:00, local time.
    pub minute: u32,
    /// Thousandths of a degree Celsius.
    pub milli_c: i32,
}

/// The mean of a window that ends with a certain reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mean {
    /// Row of the newest reading in the window.
    pub line: u32,
    /// Thousandths of a degree Celsius, rounded towards zero.
    pub milli_c: i32,
}

/// What the pipeline says of one reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The reading.
    pub reading: Celsius,
    /// The mean of the day that ends with it, thousandths of a degree Celsius.
    pub mean_milli_c: i32,
    /// Further from that mean than [`Verdict::ANOMALY_MILLI_C`].
    pub anomalous: bool,
}

impl Verdict {
    /// Distance from the mean beyond which a reading is anomalous.
    pub const ANOMALY_MILLI_C: u32 = 5_000;
}

impl Reading {
    /// The reading in Celsius, rounded half away from zero.
    pub const fn celsius(&self) -> Celsius {
        let ninths = (self.tenths_f - 320) * 500;
        let milli_c = (ninths + if ninths < 0 { -4 } else { 4 }) / 9;
        Celsius { line: self.line, minute: self.minute, milli_c }
    }
}

/// A sliding window over the last [`Window::READINGS`] readings.
#[derive(Clone, Debug)]
pub struct Window {
    ring: [i32; Self::READINGS],
    seen: usize,
    sum: i32,
}

impl Window {
    /// One day of hourly readings.
    pub const READINGS: usize = 24;

    /// An empty window.
    pub const fn new() -> Self {
        Self { ring: [0; Self::READINGS], seen: 0, sum: 0 }
    }

    /// Takes in a reading; gives the mean of the window that ends with it.
    pub const fn push(&mut self, reading: Celsius) -> Mean {
        let slot = self.seen % Self::READINGS;
        self.sum += reading.milli_c - self.ring[slot];
        self.ring[slot] = reading.milli_c;
        self.seen += 1;
        let filled = if self.seen < Self::READINGS { self.seen } else { Self::READINGS };
        Mean { line: reading.line, milli_c: self.sum / filled as i32 }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

/// Holds a reading against the mean of its window.
///
/// # Panics
/// If they are not of the same row: the join has lost its step.
pub fn judge(reading: Celsius, mean: Mean) -> Verdict {
    assert_eq!(reading.line, mean.line, "a reading meets the mean of its own window");
    let anomalous = reading.milli_c.abs_diff(mean.milli_c) > Verdict::ANOMALY_MILLI_C;
    Verdict { reading, mean_milli_c: mean.milli_c, anomalous }
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn fahrenheit_becomes_celsius_rounded_half_away_from_zero() {
        for (tenths_f, milli_c) in
            [(320, 0), (2_120, 100_000), (-400, -40_000), (394, 4_111), (321, 56), (319, -56)]
        {
            assert_eq!(Reading { line: 1, minute: 0, tenths_f }.celsius().milli_c, milli_c, "{tenths_f}");
        }
    }
}
