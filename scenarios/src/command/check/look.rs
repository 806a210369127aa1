use std::fmt;
use std::str::FromStr;

/// The one run of a way that is looked at, and where: `STORY:SEED:UNTIL:AT,AT…`, `UNTIL` empty where it runs to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Look {
    pub(super) story: String,
    pub(super) seed: u64,
    /// It ends after more events than these.
    pub(super) until: Option<u64>,
    /// Its hash is noted after so many events.
    pub(super) at: Vec<u64>,
}

impl Look {
    pub(super) fn is_at(&self, story: &str, seed: u64) -> bool {
        self.story == story && self.seed == seed
    }
}

impl FromStr for Look {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "not STORY:SEED:UNTIL:AT,AT…";
        let [story, seed, until, at] = text.split(':').collect::<Vec<_>>()[..] else { return Err(SHAPE) };
        let number = |text: &str| text.parse::<u64>().map_err(|_| SHAPE);
        let at = at.split(',').filter(|at| !at.is_empty()).map(number).collect::<Result<_, _>>()?;
        let until = if until.is_empty() { None } else { Some(number(until)?) };
        Ok(Self { story: story.to_owned(), seed: number(seed)?, until, at })
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.until.map(|until| until.to_string()).unwrap_or_default();
        let at: Vec<String> = self.at.iter().map(u64::to_string).collect();
        write!(f, "{}:{}:{until}:{}", self.story, self.seed, at.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::Look;

    #[test]
    fn a_look_reads_back_as_it_was_written() {
        for look in [
            Look { story: "a_story".into(), seed: 7, until: None, at: vec![] },
            Look { story: "b".into(), seed: u64::MAX, until: Some(9), at: vec![1, 5, 9] },
        ] {
            assert_eq!(look.to_string().parse(), Ok(look));
        }
        for text in ["", "a", "a:1", "a:1:2", "a:x::", "a:1:y:", "a:1::2,z", "a:1:2:3:4"] {
            assert!(text.parse::<Look>().is_err(), "{text}");
        }
    }
}
