//! The derive against the compiler: what it accepts has the fingerprint that the trait's documentation promises.

use tidemill_ring::{Fingerprint, Plain};

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Tick {
    price: u64,
    size: u32,
    venue: [u8; 4],
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Swapped {
    size: u64,
    price: u32,
    venue: [u8; 4],
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Moved {
    venue: [u8; 4],
    size: u32,
    price: u64,
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Floated {
    price: f64,
    size: u32,
    venue: [u8; 4],
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Renamed {
    price: u64,
    size: u32,
    venue: [u8; 4],
}

#[derive(Clone, Copy, Plain)]
#[repr(C, packed)]
struct Packed {
    price: u64,
    side: u8,
}

#[derive(Clone, Copy, Plain)]
#[repr(transparent)]
struct Price(u64);

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Nothing;

/// As a crate sees the trait that knows the room by another name.
mod room {
    pub(super) use tidemill_ring as ring;
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
#[plain(crate = room::ring)]
struct Nested {
    tick: Tick,
    last: [Price; 3],
}

// RING-PLAIN: types of equal size differ by fingerprint where a name, a kind or an offset does.
#[test]
fn equal_sizes_differ_by_fingerprint_r_ring_09() {
    let all = [
        Tick::FINGERPRINT,
        Swapped::FINGERPRINT,
        Moved::FINGERPRINT,
        Floated::FINGERPRINT,
        <[u64; 2]>::FINGERPRINT,
        <[u8; 16]>::FINGERPRINT,
        u128::FINGERPRINT,
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}: {one}");
    }
    assert_eq!(size_of::<Tick>(), size_of::<Swapped>());
    assert_eq!(size_of::<Tick>(), size_of::<Moved>());
    assert_eq!(size_of::<Tick>(), size_of::<Floated>());
}

#[test]
fn the_name_of_the_type_itself_is_no_part_of_it() {
    assert_eq!(Tick::FINGERPRINT, Renamed::FINGERPRINT);
}

#[test]
fn the_derive_folds_what_the_trait_says() {
    let typed = Fingerprint::of_fields(16)
        .field("price", 0, u64::FINGERPRINT)
        .field("size", 8, u32::FINGERPRINT)
        .field("venue", 12, <[u8; 4]>::FINGERPRINT);
    assert_eq!(Tick::FINGERPRINT, typed);
    assert_eq!(Price::FINGERPRINT, Fingerprint::of_fields(8).field("0", 0, u64::FINGERPRINT));
    assert_eq!(Nothing::FINGERPRINT, Fingerprint::of_fields(0));
    let typed =
        Fingerprint::of_fields(9).field("price", 0, u64::FINGERPRINT).field("side", 8, u8::FINGERPRINT);
    assert_eq!(Packed::FINGERPRINT, typed);
}

#[test]
fn plain_types_nest() {
    let typed = Fingerprint::of_fields(40).field("tick", 0, Tick::FINGERPRINT).field(
        "last",
        16,
        <[Price; 3]>::FINGERPRINT,
    );
    assert_eq!(Nested::FINGERPRINT, typed);
}
