//! Rules over lines.

use super::{File, Finding};

/// Lines after which a file deserves a second look, and after which it must be split.
const FILE_LINES: (usize, usize) = (500, 700);

/// Words that promise work instead of doing it. Joined here from halves, so that this file may name them.
const FORBIDDEN: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
    concat!("for ", "now"),
];

/// No text says that it will be finished later.
pub(super) fn forbidden(files: &[File]) -> Vec<Finding> {
    let prose = files.iter().filter(|file| !file.path.ends_with(".csv") && !file.path.ends_with(".lock"));
    let mut found = Vec::new();
    for file in prose {
        for (number, line) in file.lines() {
            for word in FORBIDDEN.iter().filter(|word| holds_word(line, word)) {
                found
                    .push(file.finding(number, format!("\"{word}\": finish it, or leave it out and say so")));
            }
        }
    }
    found
}

/// Whether `line` holds `word` between other characters than letters; small words in any case of letters.
fn holds_word(line: &str, word: &str) -> bool {
    let lower;
    let line = if word.contains(' ') {
        lower = line.to_lowercase();
        &lower
    } else {
        line
    };
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// A file fits in a head.
pub(super) fn long_files(files: &[File]) -> Vec<Finding> {
    let (look, split) = FILE_LINES;
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let finding =
                file.finding(1, format!("{lines} lines; {look} deserve a second look, {split} are the most"));
            if lines > split { Some(finding) } else { (lines > look).then(|| finding.warning()) }
        })
        .collect()
}

/// Every example in the documentation compiles.
pub(super) fn ignored_examples(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() || file.is_prose()) {
        for (number, line) in file.lines() {
            let line = line.trim_start().trim_start_matches("///").trim_start_matches("//!").trim_start();
            let Some(info) = line.strip_prefix("```") else { continue };
            if info.split([',', ' ']).any(|word| word == "ignore" || word.starts_with("ignore-")) {
                found.push(file.finding(number, "an example that is not compiled will rot"));
            }
        }
    }
    found
}

/// In the lock-free rooms an ordering other than `Relaxed` names its partner in a comment nearby.
pub(super) fn unsung_orderings(files: &[File]) -> Vec<Finding> {
    let strong = ["Ordering::Acquire", "Ordering::Release", "Ordering::AcqRel", "Ordering::SeqCst"];
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with("core/ring/src/")) {
        if file.path.contains("/tests") {
            continue;
        }
        let lines: Vec<&str> = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !strong.iter().any(|ordering| code.contains(ordering)) {
                continue;
            }
            let near = &lines[at.saturating_sub(8)..=at];
            let sung = near.iter().any(|line| {
                let comment = line.split_once("//").map_or("", |(_, comment)| comment).to_lowercase();
                comment.contains("pairs with") || comment.contains("partner")
            });
            if !sung {
                found.push(
                    file.finding(at + 1, "this ordering does not name its partner (\"pairs with …\")")
                        .warning(),
                );
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{forbidden, ignored_examples, long_files, unsung_orderings};
    use crate::tidy::File;

    #[test]
    fn a_promise_of_later_work_is_found_in_code_and_prose() {
        let promise = format!("let x = 1; // {}: later\n", concat!("TO", "DO"));
        let phrase = format!("# Notes\nThis is enough {}.\n", concat!("For ", "now"));
        let found = forbidden(&[File::new("a.rs", &promise), File::new("b.md", &phrase)]);
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_longer_word_and_a_lint_name_are_not_promises() {
        let text = format!("{}S and todo = \"warn\"; wait for nowhere\n", concat!("TO", "DO"));
        assert_eq!(forbidden(&[File::new("a.toml", &text)]), []);
    }

    #[test]
    fn a_file_past_the_first_mark_warns_and_past_the_second_fails() {
        let file = |lines: usize| File::new("a.rs", &"x\n".repeat(lines));
        assert_eq!(long_files(&[file(500)]), []);
        assert!(long_files(&[file(501)]).iter().all(|f| !f.fatal));
        assert_eq!(long_files(&[file(501)]).len(), 1);
        assert!(long_files(&[file(701)])[0].fatal);
    }

    #[test]
    fn an_ignored_example_is_found_behind_every_kind_of_comment() {
        let fence = "```";
        let text = format!("/// {fence}ignore\n//! {fence}rust,ignore\n{fence}rust\n/// {fence}no_run\n");
        let found = ignored_examples(&[File::new("a.rs", &text)]);
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_ordering_without_a_partner_is_found_and_one_with_a_partner_is_not() {
        let lone = "fn f() {\n    x.store(1, Ordering::Release);\n}\n";
        let pair = "// Release: pairs with the Acquire in `g`.\nx.store(1, Ordering::Release);\n";
        assert_eq!(unsung_orderings(&[File::new("core/ring/src/a.rs", lone)]).len(), 1);
        assert_eq!(unsung_orderings(&[File::new("core/ring/src/a.rs", pair)]), []);
        assert_eq!(unsung_orderings(&[File::new("sim/src/a.rs", lone)]), []);
    }
}
