//! Rules over tokens: strings and comments cannot fool them, and macro bodies are read as well.

use super::{File, Finding};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Lines after which a function deserves a second look, and after which it must be cut.
const FUNCTION_LINES: (usize, usize) = (70, 120);

/// A lint is lifted with a reason, never silently. (That it is `expect` where `expect` can stand is clippy's to say.)
pub(super) fn attributes(files: &[File]) -> Vec<Finding> {
    over_tokens(files, |file, trees, found| {
        for (i, tree) in trees.iter().enumerate() {
            let TokenTree::Group(group) = tree else { continue };
            if group.delimiter() == Delimiter::Bracket && opens_attribute(&trees[..i]) {
                judge_attribute(file, group.stream(), found);
            }
        }
    })
}

fn opens_attribute(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Punct(hash), TokenTree::Punct(bang)] if bang.as_char() == '!' => {
            hash.as_char() == '#'
        }
        [.., TokenTree::Punct(hash)] => hash.as_char() == '#',
        _ => false,
    }
}

/// Finds `allow` and `expect` anywhere in an attribute, so also behind `cfg_attr`.
fn judge_attribute(file: &File, attribute: TokenStream, found: &mut Vec<Finding>) {
    let trees: Vec<TokenTree> = attribute.into_iter().collect();
    for pair in trees.windows(2) {
        let [TokenTree::Ident(name), TokenTree::Group(lints)] = pair else { continue };
        let reasoned = lints
            .stream()
            .into_iter()
            .any(|tree| matches!(&tree, TokenTree::Ident(word) if word == "reason"));
        let line = name.span().start().line;
        if (name == "allow" || name == "expect") && !reasoned {
            found.push(file.finding(line, format!("`{name}` without a reason")));
        } else if name == "cfg_attr" {
            judge_attribute(file, lints.stream(), found);
        }
    }
}

/// No code panics with a promise.
pub(super) fn unfinished(files: &[File]) -> Vec<Finding> {
    over_tokens(files, |file, trees, found| {
        for pair in trees.windows(2) {
            let [TokenTree::Ident(name), TokenTree::Punct(bang)] = pair else { continue };
            if bang.as_char() == '!' && (name == "todo" || name == "unimplemented") {
                found.push(
                    file.finding(name.span().start().line, format!("`{name}!` is not an implementation")),
                );
            }
        }
    })
}

/// A function fits on a screen.
pub(super) fn long_functions(files: &[File]) -> Vec<Finding> {
    let (look, cut) = FUNCTION_LINES;
    over_tokens(files, |file, trees, found| {
        for (i, pair) in trees.windows(2).enumerate() {
            let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair else { continue };
            if keyword != "fn" {
                continue;
            }
            let Some(body) = body(&trees[i + 2..]) else { continue };
            let first = keyword.span().start().line;
            let lines = body.span_close().end().line - first + 1;
            let why = format!("`{name}` has {lines} lines; {look} deserve a second look, {cut} are the most");
            if lines > cut {
                found.push(file.finding(first, why));
            } else if lines > look {
                found.push(file.finding(first, why).warning());
            }
        }
    })
}

/// The braces of a function, where it has any: a declaration ends in a semicolon.
fn body(after_name: &[TokenTree]) -> Option<&Group> {
    for tree in after_name {
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return None,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return Some(group),
            _ => {}
        }
    }
    None
}

/// Shows each level of brackets of each Rust file to `look`.
fn over_tokens(files: &[File], look: impl Fn(&File, &[TokenTree], &mut Vec<Finding>)) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        match file.text.parse::<TokenStream>() {
            Ok(stream) => descend(file, stream, &look, &mut found),
            Err(error) => found.push(file.finding(error.span().start().line, format!("not Rust: {error}"))),
        }
    }
    found
}

fn descend(
    file: &File,
    stream: TokenStream,
    look: &impl Fn(&File, &[TokenTree], &mut Vec<Finding>),
    found: &mut Vec<Finding>,
) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    look(file, &trees, found);
    for tree in trees {
        if let TokenTree::Group(group) = tree {
            descend(file, group.stream(), look, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{attributes, long_functions, unfinished};
    use crate::tidy::File;

    fn file(text: &str) -> [File; 1] {
        [File::new("a.rs", text)]
    }

    #[test]
    fn an_allow_is_found_outside_inside_and_behind_a_condition() {
        let text = "#![allow(dead_code)]\n#[allow(unused)]\n#[cfg_attr(test, allow(unused))]\nfn f() {}\n";
        let lines: Vec<usize> = attributes(&file(text)).iter().map(|f| f.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn a_reason_makes_it_good_and_a_method_of_that_name_is_none_of_ours() {
        assert_eq!(attributes(&file("#[expect(unused)]\nfn f() {}\n")).len(), 1);
        assert_eq!(
            attributes(&file("#[expect(unused, reason = \"why\")]\nfn f() { x.expect(\"y\"); }\n")),
            []
        );
    }

    #[test]
    fn an_unfinished_body_is_found_even_in_a_macro_but_not_in_a_string() {
        let text =
            "macro_rules! m { () => { todo!() } }\nfn f() { unimplemented!() }\nfn g() { \"todo!()\"; }\n";
        assert_eq!(unfinished(&file(text)).iter().map(|f| f.line).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_long_function_is_measured_from_its_name_to_its_last_brace() {
        let body = |lines: usize| format!("fn f() {{\n{}}}\nfn g();\n", "    x();\n".repeat(lines - 2));
        assert_eq!(long_functions(&file(&body(70))), []);
        assert!(!long_functions(&file(&body(71)))[0].fatal);
        assert!(long_functions(&file(&body(121)))[0].fatal);
    }

    #[test]
    fn a_file_that_is_not_rust_is_a_finding_and_not_a_panic() {
        assert_eq!(unfinished(&file("fn f( {")).len(), 1);
    }
}
