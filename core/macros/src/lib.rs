//! The derive behind `tidemill_ring::Plain`: parses and emits; what it promises is settled at the trait.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Field, Index, Member, Path, parse_quote};

/// Implements `tidemill_ring::Plain` for a struct of plain fields, and refuses one with padding.
///
/// ```
/// use tidemill_ring::Plain;
///
/// #[derive(Clone, Copy, Plain)]
/// #[repr(C)]
/// struct Tick {
///     price: u64,
///     size: u32,
///     venue: [u8; 4],
/// }
///
/// assert_ne!(Tick::FINGERPRINT, u64::FINGERPRINT);
/// ```
///
/// The struct is `repr(C)` or `repr(transparent)`, so that two builds agree on its layout, has no parameters, and no
/// byte of it belongs to no field.
///
/// `#[plain(crate = tidemill::ring)]` names the crate where it goes by another path.
#[proc_macro_derive(Plain, attributes(plain))]
pub fn plain(item: TokenStream) -> TokenStream {
    let item = syn::parse_macro_input!(item as DeriveInput);
    expand(&item).unwrap_or_else(|error| error.into_compile_error()).into()
}

fn expand(item: &DeriveInput) -> syn::Result<Tokens> {
    let name = &item.ident;
    let fields = match &item.data {
        Data::Struct(body) => &body.fields,
        Data::Enum(body) => {
            let advice = "an enum does not take every bit pattern: send its number, and check it on arrival";
            return Err(Error::new_spanned(body.enum_token, advice));
        }
        Data::Union(body) => {
            let advice = "bytes of a union may be undefined: send one of its fields";
            return Err(Error::new_spanned(body.union_token, advice));
        }
    };
    if !item.generics.params.is_empty() {
        let advice = "a type with parameters has no one layout: derive for one without";
        return Err(Error::new_spanned(&item.generics, advice));
    }
    if !has_stable_layout(&item.attrs)? {
        let advice = "two builds agree on its layout only with `#[repr(C)]` or `#[repr(transparent)]`";
        return Err(Error::new_spanned(name, advice));
    }
    let path = crate_path(&item.attrs)?;
    let (members, kinds): (Vec<Member>, Vec<_>) =
        fields.iter().enumerate().map(|(at, field)| (member(at, field), &field.ty)).unzip();
    let names = members.iter().map(spelling);
    let padded = format!("`{name}` has padding: name the bytes that belong to no field");
    Ok(quote! {
        const _: () = ::core::assert!(
            ::core::mem::size_of::<#name>() == 0 #(+ ::core::mem::size_of::<#kinds>())*,
            #padded
        );

        // SAFETY: every field is plain, and no byte is left for padding.
        #[automatically_derived]
        unsafe impl #path::Plain for #name {
            const FINGERPRINT: #path::Fingerprint =
                #path::Fingerprint::of_fields(::core::mem::size_of::<Self>())
                #(.field(#names, ::core::mem::offset_of!(Self, #members), <#kinds as #path::Plain>::FINGERPRINT))*;
        }
    })
}

fn member(at: usize, field: &Field) -> Member {
    field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(at)), Member::Named)
}

fn spelling(member: &Member) -> String {
    match member {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(at) => at.index.to_string(),
    }
}

fn has_stable_layout(attributes: &[Attribute]) -> syn::Result<bool> {
    let mut stable = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            stable |= meta.path.is_ident("C") || meta.path.is_ident("transparent");
            skip_argument(&meta)
        })?;
    }
    Ok(stable)
}

/// Reads past the number in `align(16)` and `packed(2)`.
fn skip_argument(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(syn::token::Paren) {
        let number;
        syn::parenthesized!(number in meta.input);
        number.parse::<syn::LitInt>()?;
    }
    Ok(())
}

fn crate_path(attributes: &[Attribute]) -> syn::Result<Path> {
    let mut path = parse_quote!(::tidemill_ring);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("plain")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("expected `crate = …`"));
            }
            path = meta.value()?.parse()?;
            Ok(())
        })?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
