use super::Exit;
use super::text::Table;
use crate::stories;
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use tidemill_sim::harness::{Must, Story};

#[derive(Args, Debug)]
pub(super) struct List {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        if self.json {
            let stories: Vec<_> = stories::all().iter().map(describe).collect();
            writeln!(out, "{:#}", json!({ "stories": stories }))?;
            return Ok(Exit::Passed);
        }
        for (at, story) in stories::all().iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            let note = if story.must == Must::Fail { "   (must fail; runs only when named)" } else { "" };
            writeln!(out, "{}{note}\n  {}\n  {}", story.name, story.picture, story.about)?;
            let mut table = Table::new("  ");
            for param in story.params {
                let range = format!("{}..={}", param.range.start(), param.range.end());
                table.row([format!("--set {}={}", param.name, param.default), range, param.about.to_owned()]);
            }
            write!(out, "{table}")?;
        }
        Ok(Exit::Passed)
    }
}

fn describe(story: &Story) -> serde_json::Value {
    let param = |param: &tidemill_sim::harness::Param| {
        let (min, max) = (param.range.start(), param.range.end());
        json!({ "name": param.name, "default": param.default, "min": min, "max": max, "about": param.about })
    };
    json!({
        "name": story.name,
        "picture": story.picture,
        "about": story.about,
        "seeds": story.seeds,
        "must_fail": story.must == Must::Fail,
        "params": story.params.iter().map(param).collect::<Vec<_>>(),
    })
}
