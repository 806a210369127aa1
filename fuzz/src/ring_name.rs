use crate::outcome::{Outcome, presentable};
use tidemill_ring::name::{FileName, Name, NameError};
use tidemill_ring::topology::{Depths, Session, Topology, Workers};

pub(crate) const WORDS: &[&str] = &["tm.", "abcdefghijklmn", "/", "..", "\0", "é", "🦀", "Z"];

/// Numbers in the first eight bytes, a text in the rest.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let (numbers, text) = bytes.split_at(bytes.len().min(8));
    let number = |at: usize| numbers.get(at).copied().map_or(0, u32::from);
    let text = String::from_utf8_lossy(text);
    let session = session(&text, number(0), 1 << (number(1) % 34), number(2));
    let name = match Name::parse(&text) {
        Ok(name) => name,
        Err(error) => {
            assert!(is_right(&text, error), "{text:?}: {error}");
            presentable(&error.to_string());
            return Outcome::of(&error);
        }
    };
    assert_eq!(name.as_str(), text, "a name is its text");
    let file = name.file().to_string();
    assert!(file.len() <= 17 && FileName::parse(&file) == Some(name), "{file}");
    let workers = Workers::new(number(3));
    assert_eq!(workers.is_ok(), (1..=64).contains(&number(3)));
    if let Ok(topology) = workers.and_then(|workers| Topology::new(name, 1 << (number(4) % 32), workers)) {
        let names: Vec<Name> = topology.worker_names().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(names.iter().all(|name| Name::parse(name.as_str()) == Ok(*name)));
    }
    Outcome::sized("name", &[name.len(), session])
}

/// Whether the text has what the error says.
fn is_right(text: &str, error: NameError) -> bool {
    match error {
        NameError::Empty => text.is_empty(),
        NameError::Long { len, max } => len == text.len() && len > max,
        NameError::Character { at, found } => {
            let foreign = !found.is_ascii_lowercase() && !found.is_ascii_digit();
            foreign && text.get(at..).and_then(|rest| rest.chars().next()) == Some(found)
        }
    }
}

/// Any label is a session of good names, each of one ring; how many rings it has.
fn session(label: &str, runners: u32, depth: u64, prefix: u32) -> usize {
    let prefix = ["", "a", "zz9", "long"][prefix as usize % 4];
    let depth = u32::try_from(depth).unwrap_or(u32::MAX);
    let session = Session::prefixed(prefix, label, runners, Depths { rpc: depth, response: 1 });
    let lawful = (1..=64).contains(&runners) && depth <= 1 << 30 && prefix.len() <= 3;
    assert_eq!(session.is_ok(), lawful, "{session:?}");
    let Ok(session) = session else { return 0 };
    let mut names: Vec<Name> = session.paths("/").map(|file| file.name).collect();
    assert!(names.iter().all(|name| Name::parse(name.as_str()) == Ok(*name)), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), runners as usize + 1, "two rings of one name");
    names.len()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = ["prices", "abcdefghijklmn", "abcdefghijklmno", "Prices", "a/b", "", "a label of any length"];
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let at = at as u8;
            [&[at * 9 + 1, at * 5, at, at * 11 + 1, 10, 0, 0, 0], text.as_bytes()].concat()
        })
        .collect()
}
