//! Laws are numbered where they are made (`- **C1** …`) and cited by number everywhere else.
//!
//! Crates number alike: a number means a law of the crate that cites it, where that crate made one, and of a seam otherwise.

use super::{File, Finding};
use std::collections::BTreeSet;

/// A cited law is a law that somebody wrote down.
///
/// A citation is a number of a known family in a comment, a string or prose (`W1`), or whatever stands behind the
/// word `law`.
pub(super) fn cited_laws_exist(files: &[File]) -> Vec<Finding> {
    let readable = || files.iter().filter(|file| file.is_rust() || file.is_prose());
    let made: BTreeSet<&str> = readable().flat_map(|file| file.text.lines()).flat_map(made_in).collect();
    let families: BTreeSet<&str> = made.iter().map(|law| family(law)).collect();
    let mut found = Vec::new();
    for file in readable() {
        for (number, line) in file.lines() {
            let said = if file.is_rust() { spoken(line) } else { line };
            for law in cited_in(said, &families).filter(|law| !made.contains(law)) {
                found.push(file.finding(number, format!("law {law} is cited, but nobody made it")));
            }
        }
    }
    found
}

/// The laws that a line makes: `**C1**`.
fn made_in(line: &str) -> impl Iterator<Item = &str> {
    line.split("**").skip(1).step_by(2).map(|bold| bold.trim_end_matches('.')).filter(|bold| is_law(bold))
}

/// One or two capitals and a number below a hundred.
fn is_law(word: &str) -> bool {
    let letters = family(word);
    let digits = &word[letters.len()..];
    (1..=2).contains(&letters.len())
        && (1..=2).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn family(law: &str) -> &str {
    &law[..law.bytes().take_while(u8::is_ascii_uppercase).count()]
}

/// The part of a line of code that speaks to people: from the first comment or string on.
fn spoken(line: &str) -> &str {
    let at = [line.find("//"), line.find('"')].into_iter().flatten().min();
    at.map_or("", |at| &line[at..])
}

fn cited_in<'a>(said: &'a str, families: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
    let mut after_law = false;
    said.split(|c: char| !(c.is_alphanumeric() || "-_<>".contains(c))).filter(|word| !word.is_empty()).filter(
        move |word| {
            let cited = is_law(word) && (after_law || families.contains(family(word)));
            let glue = ["law", "laws", "Law", "Laws"].contains(word);
            // `laws C1 and C2`: the word carries over to the next number.
            after_law = glue || (after_law && (is_law(word) || ["and", "to", "or"].contains(word)));
            cited
        },
    )
}

#[cfg(test)]
mod tests {
    use super::cited_laws_exist;
    use crate::tidy::File;

    const LAWS: &str = "/// - **C1** Time never goes back.\n/// - **C2** Time passes.\n";

    /// Findings in `text`, in which `~` breaks a number in two, so that this file cites no law that nobody made.
    fn unmade(text: &str) -> usize {
        let text = text.replace('~', "");
        cited_laws_exist(&[File::new("seam.rs", LAWS), File::new("test.rs", &text)]).len()
    }

    #[test]
    fn a_law_that_exists_may_be_cited_anywhere() {
        assert_eq!(unmade("// Law C1 and C2.\nassert!(x, \"C2: time stood still\");\n"), 0);
    }

    #[test]
    fn a_number_beyond_a_known_family_is_found() {
        assert_eq!(unmade("// C~3 holds.\n"), 1);
        assert_eq!(unmade("assert!(x, \"(C~9) time stood still\");\n"), 1);
    }

    #[test]
    fn behind_the_word_law_an_unknown_family_is_found_as_well() {
        assert_eq!(unmade("//! Keeps laws C1, Q~7 and Q~8.\n"), 2);
        assert_eq!(unmade("//! Cortex-M4 and f32 and H264 and S3.\n"), 0);
    }

    #[test]
    fn code_is_not_a_citation() {
        assert_eq!(unmade("struct Pair<C~7>(C~7);\n"), 0);
    }
}
