use crate::stories;
use glob::Pattern;
use std::fmt;
use tidemill_sim::harness::{Must, Params, Story};

/// A name or pattern that matches no story.
#[derive(Debug)]
pub(super) struct UnknownStory(String);

/// The stories that `patterns` name, in the order of the list, each once; none names every story that must pass.
/// A pattern is a name in which `*` stands for anything, `?` for one character, and `[ab]` for one of several.
pub(super) fn select(patterns: &[String]) -> Result<Vec<&'static Story>, UnknownStory> {
    let all = stories::all();
    if patterns.is_empty() {
        return Ok(all.iter().filter(|story| story.must == Must::Pass).collect());
    }
    if let Some(unknown) =
        patterns.iter().find(|pattern| !all.iter().any(|story| matches(pattern, story.name)))
    {
        return Err(UnknownStory(unknown.clone()));
    }
    Ok(all.iter().filter(|story| patterns.iter().any(|pattern| matches(pattern, story.name))).collect())
}

/// The parameters of a story with these `NAME=VALUE` set.
pub(super) fn settle(story: &Story, settings: &[String]) -> Result<Params, String> {
    let mut params = story.params();
    for setting in settings {
        let (name, value) =
            setting.split_once('=').ok_or_else(|| format!("--set {setting}: not NAME=VALUE"))?;
        let bad = |bad| format!("--set {setting}: {}: {bad}", story.name);
        story.set(&mut params, name, value).map_err(bad)?;
    }
    Ok(params)
}

fn matches(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
}

impl fmt::Display for UnknownStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown story `{}`; the stories are:", self.0.escape_debug())?;
        stories::all().iter().try_for_each(|story| write!(f, "\n  {}", story.name))
    }
}

#[cfg(test)]
mod tests {
    use super::select;

    fn names(patterns: &[&str]) -> Vec<&'static str> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        select(&patterns).expect("known stories").iter().map(|story| story.name).collect()
    }

    #[test]
    fn no_name_means_every_story_that_must_pass() {
        assert!(names(&[]).contains(&"ping_pong"));
        assert!(!names(&[]).contains(&"canary"));
    }

    #[test]
    fn a_pattern_stands_for_any_name_that_it_matches_and_nothing_is_named_twice() {
        assert_eq!(names(&["ping*", "ping_pong"]), ["ping_pong"]);
        assert_eq!(names(&["*_pong"]), ["ping_pong"]);
        assert_eq!(names(&["p[ix]ng?p*"]), ["ping_pong"]);
        assert!(select(&["p[ing".to_owned()]).is_err(), "no pattern at all");
        assert_eq!(names(&["canary"]), ["canary"]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_list() {
        let message = select(&["pong".to_owned()]).expect_err("no such story").to_string();
        assert!(
            message.starts_with("unknown story `pong`") && message.contains("\n  ping_pong"),
            "{message}"
        );
    }
}
