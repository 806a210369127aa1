//! The memory of a segment is what its layout declares, for whoever takes part.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::fs::fstat;
use rustix::param::page_size;
use tidemill_host::ring::{memfd, ring};
use tidemill_ring::frame::Var;
use tidemill_ring::{Layout, Plain, Spec};

fn bytes(spec: &Spec) -> u64 {
    Layout::of(spec).expect("a ring").bytes()
}

/// Lengths in bytes of this process's mappings of that file.
fn mapped(path: &str) -> Vec<u64> {
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux");
    let of_file = maps.lines().filter(|line| line.ends_with(path));
    let length = |line: &str| {
        let (from, to) = line.split_whitespace().next()?.split_once('-')?;
        Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
    };
    of_file.map(|line| length(line).expect("a line of maps")).collect()
}

fn in_pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(page_size() as u64)
}

/// A header, a line each for the state, the position, the gate and those who sleep, a word each for who takes part, two lines
/// for their cursors and accounts, a journal; then, on a page, the slots and nothing between them.
#[test]
fn a_layout_is_the_sum_of_its_blocks() {
    let (line, page, participants, slots) = (128, 4096, 16, 4096);
    let blocks = 512 + 4 * line + line + 2 * line * participants + (line + 32 * 64);
    let spec = Spec::of::<u64>(slots as u32);
    assert_eq!(bytes(&spec), u64::next_multiple_of(blocks, page) + 8 * slots);
    // Sixteen bytes an entry of the index, and 64 a granule.
    let spec = Var::<64>::spec(slots as u32);
    let before = u64::next_multiple_of(blocks, line);
    assert_eq!(bytes(&spec), u64::next_multiple_of(before + 16 * slots, page) + 64 * slots);
    // An index too, a line each for those who may produce, and what each reader passed without an item, in the line that it has.
    let spec = Spec::of::<u64>(slots as u32).producers(4);
    let posts = before + line * participants + 4 * line;
    assert_eq!(bytes(&spec), u64::next_multiple_of(posts + 16 * slots, page) + 8 * slots);
}

fn is_as_long_as_declared<E: Plain>(n: u32) {
    let name = format!("mem{}", std::process::id());
    let open = || ring(&name).expect("a name").slots::<E>(n);
    let path = ring(&name).expect("a name").path().to_owned();
    let text = path.to_str().expect("a path of letters").to_owned();
    let declared = bytes(&Spec::of::<E>(n));
    let producer = open().producer().expect("nobody has that name");
    let file = fs::metadata(&path).expect("it has a name");
    assert_eq!(file.len(), declared);
    // All of it is there from the start: a full disk refuses a ring and kills none.
    assert_eq!(file.blocks() * 512, in_pages(declared));
    assert_eq!(mapped(&text), [in_pages(declared)]);
    let consumer = open().name("one").consumer().expect("a place");
    let (mapped, pages) = (mapped(&text), in_pages(declared));
    // What a consumer may only read is a mapping of its own in the kernel's eyes.
    assert_eq!(mapped.iter().sum::<u64>(), 2 * pages, "{mapped:?}");
    assert_eq!(fs::metadata(&path).expect("it has a name").blocks() * 512, pages);
    drop((producer, consumer));
    ring(&name).expect("a name").remove().expect("nobody has it open");
}

#[test]
fn a_file_is_as_long_as_its_layout_and_each_party_maps_it_once() {
    is_as_long_as_declared::<u64>(1);
    is_as_long_as_declared::<[u8; 24]>(4096);
    is_as_long_as_declared::<[u64; 100]>(256);
}

#[test]
fn a_memfd_is_as_long_as_its_layout() {
    for spec in [Spec::of::<u64>(8), Spec::of::<u64>(8).producers(8), Var::<256>::spec(64)] {
        let file = fstat(memfd(&spec).expect("there is memory")).expect("it is open");
        assert_eq!(u64::try_from(file.st_size), Ok(bytes(&spec)));
        assert_eq!(u64::try_from(file.st_blocks * 512), Ok(in_pages(bytes(&spec))));
    }
}
