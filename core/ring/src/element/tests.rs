extern crate std;
use super::{Fingerprint, Plain, bytes, bytes_mut, from_bytes, zeroed};
use std::format;

// RING-PLAIN: a fingerprint is a constant of the layout, the same in every build.
#[test]
fn fingerprints_are_the_same_in_every_build() {
    let golden = [
        (u32::FINGERPRINT, "8ccb1f43536d5772"),
        (f32::FINGERPRINT, "0a773243097f3293"),
        (<[u8; 4]>::FINGERPRINT, "65cd275f37d011c5"),
        (Fingerprint::of_fields(8).field("a", 0, u32::FINGERPRINT), "696906a9987ce14e"),
    ];
    for (found, wanted) in golden {
        assert_eq!(format!("{found}"), wanted);
        assert_eq!(Fingerprint::from_bits(found.bits()), found);
    }
}

#[test]
fn no_two_kinds_share_a_fingerprint_r_ring_09() {
    let all = [
        u8::FINGERPRINT,
        u16::FINGERPRINT,
        u32::FINGERPRINT,
        u64::FINGERPRINT,
        u128::FINGERPRINT,
        i8::FINGERPRINT,
        i16::FINGERPRINT,
        i32::FINGERPRINT,
        i64::FINGERPRINT,
        i128::FINGERPRINT,
        f32::FINGERPRINT,
        f64::FINGERPRINT,
        <[u8; 0]>::FINGERPRINT,
        <[u8; 4]>::FINGERPRINT,
        <[[u8; 2]; 2]>::FINGERPRINT,
        <[u16; 2]>::FINGERPRINT,
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}: {one}");
    }
}

#[test]
fn a_name_does_not_run_into_its_neighbour() {
    let kind = u8::FINGERPRINT;
    let one = Fingerprint::of_fields(2).field("ab", 0, kind).field("c", 1, kind);
    let other = Fingerprint::of_fields(2).field("a", 0, kind).field("bc", 1, kind);
    assert_ne!(one, other);
    assert_ne!(Fingerprint::of_kind("fields"), Fingerprint::of_fields(6));
}

#[test]
fn a_value_is_its_bytes_at_any_alignment() {
    let mut value = [0x0403_0201_u32.to_le(), 0x0807_0605_u32.to_le()];
    assert_eq!(bytes(&value), [1, 2, 3, 4, 5, 6, 7, 8]);
    bytes_mut(&mut value)[7] = 0xff;
    assert_eq!(value[1].to_le(), 0xff07_0605);
    let shifted = [9, 1, 0, 0, 0, 9];
    assert_eq!(from_bytes::<u32>(&shifted[1..5]).map(u32::to_le), Some(1));
    assert_eq!(from_bytes::<u32>(&shifted), None);
    assert_eq!(from_bytes::<u32>(&shifted[..3]), None);
    assert_eq!(zeroed::<[u16; 3]>(), [0; 3]);
}
