//! Every subcommand has a page, and what the pages show is what the command prints.
//!
//! A block that begins with `$ tidemill …` is run, block by block in one folder of the page's own, and compared with what
//! stands below it: numbers and spans of time aside, because some of them are measured. A line `…` stands for the rest.
//! With `INSTA_UPDATE=always` the blocks are written anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tidemill_host::ring::ring;
use tidemill_ring::codec::Postcard;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

/// Subcommands, as the command itself lists them.
fn subcommands() -> Vec<String> {
    let help = printed(Path::new("."), "tidemill --help");
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    names.filter(|name| name != "help").collect()
}

/// What a line of a page prints, on both outputs.
fn printed(desk: &Path, line: &str) -> String {
    let arguments = line.split_whitespace().skip(1).map(|word| word.trim_matches('\''));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
    for name in ["COLUMNS", "GITHUB_ACTIONS", "CI_NODE_INDEX"] {
        command.env_remove(name);
    }
    let output = command.current_dir(desk).args(arguments).output().expect("the command starts");
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

/// A page: prose, and blocks with the line that prints each.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn open(name: &str) -> Self {
        let path = Path::new(FOLDER).join(name).with_extension("md");
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|_| panic!("`tidemill {name}` has no page {}", path.display()));
        Self { path, text }
    }

    /// The page with every block as it is printed now; what a block leaves out behind `…` is left out again.
    fn anew(&self, desk: &Path) -> String {
        let mut page = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            page += &format!("{line}\n");
            let Some(command) = line.strip_prefix("$ ") else { continue };
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ") && !line.starts_with("```")) {
                shown.push(line);
            }
            let all = printed(desk, command);
            let cut = shown.iter().position(|line| *line == "…");
            let kept = all.trim_end().lines().take(cut.unwrap_or(usize::MAX));
            kept.for_each(|line| page += &format!("{line}\n"));
            if cut.is_some() {
                page += "…\n";
            }
        }
        page
    }
}

/// Blanks as one, numbers as `#`, units of time as one: what is left must agree to the letter.
fn gist(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        for word in line.split_whitespace() {
            let number = word.starts_with(|c: char| c.is_ascii_digit());
            let word: String = word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            let word = if number { word.replace([',', '.'], "").replace("##", "#") } else { word };
            out += match word.as_str() {
                "µs" | "ms" | "s" | "#m" | "#s" => "t",
                _ if number && word.chars().all(|c| c == '#') => "#",
                word => word,
            };
            out.push(' ');
        }
        out.push('\n');
    }
    out
}

/// What has to be there for a page: rings for `ring`, one of items in use and a copy whose users are therefore dead, and one of
/// values.
fn furnish(page: &str, desk: &Path) -> impl Sized {
    (page == "ring").then(|| {
        let prices = || ring("prices").expect("a name").under(desk).slots::<[u8; 8]>(4).history(2);
        let mut tx = prices().producer().expect("nobody else does");
        let mut rx = prices().name("risk").consumer().expect("there is room");
        let ui = prices().name("screen").lossy().reader().expect("there is room");
        for item in [b"EUR 1.08", b"GBP 0.84", b"JPY 162.", b"CHF 0.95", b"SEK 11.3"] {
            while tx.try_push(*item).is_err() {
                drop(rx.try_next());
            }
        }
        fs::copy(desk.join("prices.ring"), desk.join("corpse.ring")).expect("copied");
        let orders = ring("orders").expect("a name").under(desk).frames::<16>(8);
        let mut orders = orders.typed::<(u64, String), _>(Postcard).producer().expect("nobody else does");
        for (id, note) in [(7, "at best"), (8, "not above 1.0850, until noon")] {
            orders.try_publish(&(id, note.to_owned())).expect("nobody is waited for");
        }
        (tx, rx, ui, orders)
    })
}

fn desk(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("docs-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder to run in");
    path
}

#[expect(
    clippy::disallowed_methods,
    reason = "the switch that insta reads for snapshots; no simulation runs here"
)]
fn updating() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always")
}

#[test]
fn every_subcommand_has_a_page_and_every_page_shows_what_is_printed() {
    for name in subcommands() {
        let page = Page::open(&name);
        let usage = format!("$ tidemill {name} --help\n");
        assert!(page.text.contains(&usage), "{} does not show its --help", page.path.display());
        let desk = desk(&name);
        let _furniture = furnish(&name, &desk);
        let anew = page.anew(&desk);
        if gist(&anew) == gist(&page.text) {
            continue;
        }
        if updating() {
            fs::write(&page.path, anew).expect("the page can be written");
        } else {
            let differs = anew.lines().zip(page.text.lines()).find(|(new, old)| gist(new) != gist(old));
            panic!("{} is out of date; INSTA_UPDATE=always writes it anew: {differs:?}", page.path.display());
        }
    }
}

#[test]
fn every_page_is_about_a_subcommand() {
    let known = subcommands();
    for entry in fs::read_dir(FOLDER).expect("the folder of pages") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(known.contains(&name) || name == "README", "{} is about nothing", path.display());
    }
}
