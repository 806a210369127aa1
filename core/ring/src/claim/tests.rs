extern crate std;

use super::{Post, RUN_MAX, Run, Said, claimed, owner, said, settled};
use crate::cases::cases;
use crate::index::{Mark, STAMPS};
use proptest::prelude::{any, prop_assert, prop_assert_eq, prop_assert_ne, proptest};

const MARKS: [Mark; 3] = [Mark::Committed, Mark::Skip, Mark::Void];

#[test]
fn a_fresh_word_is_of_no_position_and_the_first_claim_is_not_fresh() {
    for position in [0, 1, STAMPS / 2 - 1] {
        assert_eq!(said(0, position), Said::Earlier);
    }
    assert_ne!(claimed(0, 0), 0);
    assert_eq!(said(claimed(0, 0), 0), Said::Claimed(0));
}

#[test]
fn a_post_comes_back_as_it_was_written_and_counts_its_owners() {
    let mut post = Post { taken: false, crashed: false, generation: 0 };
    for generation in 1..5 {
        post = post.next();
        assert!(post.taken && post.generation == generation);
        assert_eq!(Post::decode(post.encode()), post);
        post = post.freed(generation % 2 == 0);
        assert_eq!(Post::decode(post.encode()), post);
    }
    let last = Post { taken: true, crashed: false, generation: u32::MAX >> 2 };
    assert_eq!(last.next().generation, 0);
}

proptest! {
    #![proptest_config(cases(256))]

    // RING-MPSC: the word of a position is of no other position and no other owner, in no state of theirs (RL-12, RL-13).
    #[test]
    fn no_two_claims_have_a_word_in_common(
        one in 0..STAMPS / 2, other in 0..STAMPS / 2, first in 0..32_u32, second in 0..32_u32, mark in 0..3_usize,
    ) {
        let words = |position, post| [claimed(position, post), settled(position, post, MARKS[mark])];
        let (mine, theirs) = (words(one, first), words(other, second));
        prop_assert_ne!(mine[0], mine[1]);
        if (one, first) != (other, second) {
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                prop_assert_ne!(mine[i], theirs[j]);
            }
        }
        let expected = if other < one { Said::Earlier } else { Said::Later };
        if one != other {
            prop_assert_eq!(theirs.map(|word| said(word, one)), [expected; 2]);
        }
        let whole = if mark == 0 { Said::Item } else { Said::Gap };
        prop_assert_eq!(mine.map(|word| said(word, one)), [Said::Claimed(first), whole]);
    }

    // RING-MPSC: what was written down of a run is read as it was from anywhere near it, and says something always (RL-11).
    #[test]
    fn a_run_comes_back_as_it_was_written(
        first in 0..STAMPS / 2, n in 1..=RUN_MAX, away in any::<i32>(), post in 0..32_u32, foreign in any::<u64>(),
    ) {
        let run = Run::new(first, n);
        let base = first.saturating_add_signed(i64::from(away));
        prop_assert_ne!(run.encode(), 0);
        prop_assert_eq!(Run::decode(run.encode(), base), Some(run));
        prop_assert!(run.contains(first) && run.contains(run.end - 1) && !run.contains(run.end));
        prop_assert!(first == 0 || !run.contains(first - 1));
        prop_assert_eq!([claimed(first, post), settled(first, post, MARKS[1])].map(owner), [Some(post); 2]);
        prop_assert!(Run::decode(foreign, base).is_none_or(|run| run.end.wrapping_sub(run.first) <= u64::from(RUN_MAX)));
    }

    #[test]
    fn whatever_stands_in_a_word_says_something(word in any::<u64>(), position in any::<u64>()) {
        if let Said::Claimed(post) = said(word, position) {
            prop_assert_eq!(said(word | 1, position), Said::Item, "{}", post);
        }
    }
}
