use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::str::FromStr;

/// One of several machines that share a range of seeds: the `at`-th, from 1, `of` so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Partition {
    at: u64,
    of: NonZeroU64,
}

/// What `--partition` says: `k/n`, or `/n` with `k` from the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Whole(Partition),
    Of(NonZeroU64),
}

/// The variables by which CI services and array jobs say which one a job is, and how many there are.
struct Scheme {
    index: &'static str,
    /// The number that the first job has.
    first: First,
    count: Option<&'static str>,
}

enum First {
    Zero,
    One,
    /// As that variable says, 0 where it is not set; a third one says how far the numbers are apart.
    Named(&'static str, &'static str),
}

const SCHEMES: [Scheme; 6] = [
    Scheme { index: "CI_NODE_INDEX", first: First::One, count: Some("CI_NODE_TOTAL") },
    Scheme { index: "CIRCLE_NODE_INDEX", first: First::Zero, count: Some("CIRCLE_NODE_TOTAL") },
    Scheme {
        index: "BUILDKITE_PARALLEL_JOB",
        first: First::Zero,
        count: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
    },
    Scheme {
        index: "SLURM_ARRAY_TASK_ID",
        first: First::Named("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Scheme {
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: First::Zero,
        count: Some("AWS_BATCH_JOB_ARRAY_SIZE"),
    },
    // Kubernetes tells a job its index and not how many there are.
    Scheme { index: "JOB_COMPLETION_INDEX", first: First::Zero, count: None },
];

impl Partition {
    /// All of the seeds.
    pub(super) const ALL: Self = Self { at: 1, of: NonZeroU64::MIN };

    fn new(at: u64, of: u64) -> Option<Self> {
        let of = NonZeroU64::new(of)?;
        (1..=of.get()).contains(&at).then_some(Self { at, of })
    }

    /// What was asked for; where nothing was, what the environment says; otherwise everything. `variable` reads a
    /// variable of the environment.
    pub(super) fn settle(
        wanted: Option<Wanted>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        match wanted {
            Some(Wanted::Whole(partition)) => Ok(partition),
            Some(Wanted::Of(of)) => {
                let names: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.index).collect();
                let scheme = SCHEMES.iter().find(|scheme| variable(scheme.index).is_some());
                let scheme = scheme
                    .ok_or_else(|| format!("--partition /{of}: none of {} is set", names.join(", ")))?;
                scheme.read(Some(of.get()), variable)
            }
            None => {
                let set = |scheme: &&Scheme| {
                    variable(scheme.index).is_some()
                        && scheme.count.is_some_and(|count| variable(count).is_some())
                };
                SCHEMES.iter().find(set).map_or(Ok(Self::ALL), |scheme| scheme.read(None, variable))
            }
        }
    }

    /// This machine's part of a range: whole, without gaps, and no seed twice.
    pub(super) fn part(self, seeds: &Range<u64>) -> Range<u64> {
        let length = u128::from(seeds.end.saturating_sub(seeds.start));
        let cut = |at: u64| seeds.start + (length * u128::from(at) / u128::from(self.of.get())) as u64;
        cut(self.at - 1)..cut(self.at)
    }

    /// Whether it is only a part.
    pub(super) fn is_part(self) -> bool {
        self.of.get() > 1
    }
}

impl Scheme {
    fn read(&self, of: Option<u64>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Partition, String> {
        let number = |name: &str| -> Result<u64, String> {
            let text = variable(name).unwrap_or_default();
            text.trim()
                .parse()
                .map_err(|_| format!("{name}={text}: not a whole number; `--partition 1/1` ignores it"))
        };
        let or =
            |name: &str, otherwise: u64| if variable(name).is_some() { number(name) } else { Ok(otherwise) };
        let index = number(self.index)?;
        let at = match self.first {
            First::One => Some(index),
            First::Zero => index.checked_add(1),
            First::Named(first, apart) => {
                let (first, apart) = (or(first, 0)?, or(apart, 1)?);
                index
                    .checked_sub(first)
                    .and_then(|above| above.checked_div(apart))
                    .and_then(|at| at.checked_add(1))
            }
        };
        let of = match (of, self.count) {
            (Some(of), _) => of,
            (None, Some(count)) => number(count)?,
            (None, None) => 1,
        };
        at.and_then(|at| Partition::new(at, of)).ok_or_else(|| {
            format!("{}={index} is none of {of} jobs; `--partition 1/1` ignores it", self.index)
        })
    }
}

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "a partition reads k/n with k from 1 to n, or /n";
        let (at, of) = text.split_once('/').ok_or(SHAPE)?;
        let of: u64 = of.parse().map_err(|_| SHAPE)?;
        if at.is_empty() {
            return NonZeroU64::new(of).map(Self::Of).ok_or(SHAPE);
        }
        let at = at.parse().map_err(|_| SHAPE)?;
        Partition::new(at, of).map(Self::Whole).ok_or(SHAPE)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::{Partition, Wanted};

    fn settle(wanted: Option<&str>, set: &[(&str, &str)]) -> Result<String, String> {
        let wanted = wanted.map(|text| text.parse::<Wanted>().expect("a partition"));
        let variable =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Partition::settle(wanted, &variable).map(|partition| partition.to_string())
    }

    #[test]
    fn the_parts_make_up_the_whole_in_order() {
        for of in [1_u64, 2, 3, 7, 100] {
            for seeds in [0..0, 0..1, 0..99, 10..1_010, 0..u64::MAX] {
                let mut next = seeds.start;
                for at in 1..=of {
                    let part = Partition::new(at, of).expect("one of them").part(&seeds);
                    assert_eq!(part.start, next);
                    next = part.end;
                }
                assert_eq!(next, seeds.end);
            }
        }
    }

    #[test]
    fn what_is_asked_for_wins_and_otherwise_the_environment_says_which_part() {
        let gitlab = [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "5")];
        assert_eq!(settle(None, &[]), Ok("1/1".into()));
        assert_eq!(settle(None, &gitlab), Ok("2/5".into()));
        assert_eq!(settle(Some("3/4"), &gitlab), Ok("3/4".into()));
        assert_eq!(settle(Some("/8"), &gitlab), Ok("2/8".into()));
        for (set, want) in [
            (&[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "3")][..], "1/3"),
            (&[("BUILDKITE_PARALLEL_JOB", "2"), ("BUILDKITE_PARALLEL_JOB_COUNT", "3")], "3/3"),
            (&[("AWS_BATCH_JOB_ARRAY_INDEX", "9"), ("AWS_BATCH_JOB_ARRAY_SIZE", "10")], "10/10"),
            (&[("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "2")], "1/2"),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "14"),
                    ("SLURM_ARRAY_TASK_MIN", "10"),
                    ("SLURM_ARRAY_TASK_STEP", "2"),
                    ("SLURM_ARRAY_TASK_COUNT", "4"),
                ],
                "3/4",
            ),
            // Only the total is set where a job of GitLab runs alone.
            (&[("CI_NODE_TOTAL", "1")], "1/1"),
            // Kubernetes says only which one it is.
            (&[("JOB_COMPLETION_INDEX", "3")], "1/1"),
        ] {
            assert_eq!(settle(None, set), Ok(want.into()), "{set:?}");
        }
        assert_eq!(settle(Some("/4"), &[("JOB_COMPLETION_INDEX", "3")]), Ok("4/4".into()));
    }

    #[test]
    fn what_is_no_partition_is_refused_by_name() {
        for text in ["", "1", "0/3", "4/3", "a/3", "1/0", "/0", "/", "1/3/5", "-1/3"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
        let zero = settle(None, &[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "2")]);
        assert!(zero.expect_err("GitLab counts from 1").starts_with("CI_NODE_INDEX=0 is none of 2 jobs"));
        let odd = settle(None, &[("CI_NODE_INDEX", "two"), ("CI_NODE_TOTAL", "2")]);
        assert!(odd.expect_err("not a number").starts_with("CI_NODE_INDEX=two: not a whole number"));
        assert!(settle(Some("/4"), &[]).expect_err("nothing is set").contains("CI_NODE_INDEX, CIRCLE"));
        let step =
            [("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_STEP", "0"), ("SLURM_ARRAY_TASK_COUNT", "2")];
        assert!(settle(None, &step).is_err());
    }
}
