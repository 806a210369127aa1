//! What an image weighs and which symbols it carries.

use crate::shell::Failure;
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::path::Path;

/// Bytes of an image, by where they end up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Sizes {
    /// Code and constants.
    pub(crate) text: u64,
    /// Initialised variables: in flash and in RAM.
    pub(crate) data: u64,
    /// Zeroed variables: in RAM only.
    pub(crate) bss: u64,
}

/// A linked image.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) sizes: Sizes,
    /// Symbols of the allocator interface, sorted.
    pub(crate) allocator_symbols: Vec<String>,
}

impl Image {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let blame = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| blame(&error))?;
        let file = object::File::parse(&*bytes).map_err(|error| blame(&error))?;
        let mut sizes = Sizes::default();
        for section in file.sections() {
            match section.kind() {
                SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => {
                    sizes.text += section.size();
                }
                SectionKind::Data => sizes.data += section.size(),
                SectionKind::UninitializedData => sizes.bss += section.size(),
                _ => {}
            }
        }
        let mut allocator_symbols: Vec<String> = file
            .symbols()
            .filter_map(|symbol| symbol.name().ok())
            .filter(|name| allocates(name))
            .map(String::from)
            .collect();
        allocator_symbols.sort();
        Ok(Self { sizes, allocator_symbols })
    }
}

/// Whether a symbol belongs to an allocator: Rust's own interface, mangled or not, or C's.
fn allocates(symbol: &str) -> bool {
    let rust = ["__rust_alloc", "__rust_dealloc", "__rust_realloc", "__rg_alloc", "__rdl_alloc"];
    rust.iter().any(|name| symbol.contains(name)) || ["malloc", "calloc", "realloc", "free"].contains(&symbol)
}

#[cfg(test)]
mod tests {
    use super::{Image, allocates};
    use std::path::Path;

    #[test]
    fn an_allocator_is_known_by_its_symbols_and_a_free_slot_is_not_one() {
        assert!(allocates("__rust_alloc"));
        assert!(allocates("_RNvCs5QKde7ScR4H_7___rustc12___rust_alloc"));
        assert!(allocates("malloc"));
        assert!(!allocates("_ZN8tidemill4flow4pool4free17h"));
    }

    #[test]
    fn a_program_that_allocates_is_seen_to_allocate() {
        let me = std::env::current_exe().expect("this test is a program");
        let image = Image::read(&me).expect("this test is an image");
        assert!(!image.allocator_symbols.is_empty());
        assert!(image.sizes.text > 0);
    }

    #[test]
    fn a_file_that_is_no_image_is_refused() {
        assert!(Image::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).is_err());
    }
}
