use super::expand;
use proc_macro2::TokenStream;
use quote::quote;

fn emitted(item: TokenStream) -> String {
    let item = syn::parse2(item).expect("an item");
    expand(&item).expect("a good struct was refused").to_string()
}

fn refusal(item: TokenStream) -> String {
    let item = syn::parse2(item).expect("an item");
    expand(&item).expect_err("a bad type was accepted").to_string()
}

#[test]
fn the_derive_expands_to_what_you_would_have_typed() {
    let typed = quote! {
        const _: () = ::core::assert!(
            ::core::mem::size_of::<Tick>() == 0 + ::core::mem::size_of::<u64>() + ::core::mem::size_of::<u32>(),
            "`Tick` has padding: name the bytes that belong to no field"
        );

        #[automatically_derived]
        unsafe impl ::tidemill_ring::Plain for Tick {
            const FINGERPRINT: ::tidemill_ring::Fingerprint =
                ::tidemill_ring::Fingerprint::of_fields(::core::mem::size_of::<Self>())
                .field("price", ::core::mem::offset_of!(Self, price), <u64 as ::tidemill_ring::Plain>::FINGERPRINT)
                .field("type", ::core::mem::offset_of!(Self, r#type), <u32 as ::tidemill_ring::Plain>::FINGERPRINT);
        }
    };
    let derived = emitted(quote! {
        #[repr(C, align(8))]
        struct Tick { price: u64, r#type: u32 }
    });
    assert_eq!(derived, typed.to_string());
}

#[test]
fn a_tuple_struct_counts_its_fields_and_another_path_is_taken() {
    let derived = emitted(quote! {
        #[repr(transparent)]
        #[plain(crate = tidemill::ring)]
        struct Price(u64);
    });
    let field =
        quote!(.field("0", ::core::mem::offset_of!(Self, 0), <u64 as tidemill::ring::Plain>::FINGERPRINT));
    assert!(derived.contains(&field.to_string()), "{derived}");
}

// RING-PLAIN: a type without one layout, or with bit patterns that mean nothing, is refused with advice.
#[test]
fn what_has_no_one_layout_is_refused_with_advice() {
    assert!(
        refusal(quote!(
            #[repr(u8)]
            enum Side {
                Buy,
                Sell,
            }
        ))
        .contains("every bit pattern")
    );
    assert!(refusal(quote!(#[repr(C)] union Either { a: u32, b: f32 })).contains("undefined"));
    assert!(
        refusal(quote!(
            #[repr(C)]
            struct Pair<T> {
                a: T,
            }
        ))
        .contains("parameters")
    );
    assert!(
        refusal(quote!(
            #[repr(C)]
            struct Look<'a> {
                at: &'a u8,
            }
        ))
        .contains("parameters")
    );
    assert!(
        refusal(quote!(
            struct Loose {
                a: u32,
            }
        ))
        .contains("repr(C)")
    );
    assert!(
        refusal(quote!(
            #[repr(packed)]
            struct Loose {
                a: u32,
            }
        ))
        .contains("repr(C)")
    );
    assert!(
        refusal(quote!(
            #[repr(C)]
            #[plain(name = x)]
            struct Odd {
                a: u32,
            }
        ))
        .contains("expected `crate")
    );
}
