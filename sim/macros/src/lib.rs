//! The attribute behind `tidemill_sim::test`: a test that runs once per seed.
//!
//! Parses and emits; what a run is and how it fails is settled in `tidemill_sim::harness`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Expr, ItemFn, LitInt};

/// Seeds of a test that does not say how many.
const SEEDS: u64 = 100;

/// Runs a test once for each seed from 0.
///
/// The function takes `&mut Sim` and gives nothing, an `Outcome`, or a `Result` of one of them. A panic, an error or a
/// failed outcome fails the seed: the test stops there, writes a tape, and names the seed, the failure and the command
/// that repeats it.
///
/// | argument | what it sets |
/// |---|---|
/// | `seeds = 500` | how many seeds run, from 0; 100 if not said |
/// | `tapes = "folder"` | where tapes are written and found, from the package's folder; `sim-failures` if not said |
/// | `strategy = "pct:3"` | where choices come from: `random` if not said, `swarm`, `pct:DEPTH`, `exhaustive:FAULTS`, `guided`, `portfolio` |
///
/// Tapes of this test that lie in the folder run first, for ever. Seed 0 runs twice, with other hash keys and other
/// addresses: a run that takes another path the second time fails, and the first event that differs is named. What reads
/// a clock, draws random numbers or spawns a thread is named with its line by the crate `tidemill-sim-guard`.
///
/// | variable | what it changes |
/// |---|---|
/// | `TIDEMILL_SEEDS=10000` | how many seeds run |
/// | `TIDEMILL_SEED=8123` | this seed alone, with the panic and its backtrace shown as they happen |
/// | `TIDEMILL_STRATEGY=guided` | where choices come from |
/// | `TIDEMILL_TAPE=file` | this tape alone, in the test whose name it bears |
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}

#[derive(Default)]
struct Arguments {
    seeds: Option<u64>,
    tapes: Option<Expr>,
    strategy: Option<Expr>,
}

impl Arguments {
    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("seeds") {
            let literal: LitInt = meta.value()?.parse()?;
            let seeds = literal.base10_parse()?;
            if seeds == 0 {
                return Err(syn::Error::new(literal.span(), "a test without a seed proves nothing"));
            }
            self.seeds = Some(seeds);
            Ok(())
        } else if meta.path.is_ident("tapes") {
            self.tapes = Some(meta.value()?.parse()?);
            Ok(())
        } else if meta.path.is_ident("strategy") {
            self.strategy = Some(meta.value()?.parse()?);
            Ok(())
        } else {
            Err(meta.error("expected `seeds = …`, `tapes = …` or `strategy = …`"))
        }
    }
}

fn expand(arguments: Tokens, item: Tokens) -> syn::Result<Tokens> {
    let mut read = Arguments::default();
    syn::meta::parser(|meta| read.take(&meta)).parse2(arguments)?;
    let body: ItemFn = syn::parse2(item)?;
    check(&body)?;

    let seeds = read.seeds.unwrap_or(SEEDS);
    let tapes = read.tapes.map_or_else(|| quote!("sim-failures"), |tapes| quote!(#tapes));
    let strategy = read.strategy.map_or_else(|| quote!("random"), |strategy| quote!(#strategy));
    let ItemFn { attrs, vis, sig, block } = body;
    let name = &sig.ident;
    Ok(quote! {
        #(#attrs)*
        #[test]
        #vis fn #name() {
            #sig #block
            ::tidemill_sim::harness::check(
                &::tidemill_sim::harness::Test {
                    name: concat!(module_path!(), "::", stringify!(#name)),
                    package: env!("CARGO_PKG_NAME"),
                    folder: env!("CARGO_MANIFEST_DIR"),
                    seeds: #seeds,
                    tapes: #tapes,
                    strategy: #strategy,
                },
                #name,
            );
        }
    })
}

fn check(body: &ItemFn) -> syn::Result<()> {
    let sig = &body.sig;
    if let Some(word) = &sig.asyncness {
        let advice = "the test is not async itself: spawn async blocks on the machines of `sim`";
        return Err(syn::Error::new(word.span, advice));
    }
    if sig.inputs.len() != 1 {
        return Err(syn::Error::new_spanned(sig, "a simulated test takes one argument, `sim: &mut Sim`"));
    }
    if !sig.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&sig.generics, "a test has no generic parameters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    fn refusal(arguments: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> String {
        expand(arguments, item).expect_err("a bad test was accepted").to_string()
    }

    #[test]
    fn the_attribute_expands_to_what_you_would_have_typed() {
        let emitted = expand(
            quote!(seeds = 7),
            quote! {
                #[ignore]
                fn quiet(sim: &mut Sim) {
                    sim.run();
                }
            },
        );
        let typed = quote! {
            #[ignore]
            #[test]
            fn quiet() {
                fn quiet(sim: &mut Sim) {
                    sim.run();
                }
                ::tidemill_sim::harness::check(
                    &::tidemill_sim::harness::Test {
                        name: concat!(module_path!(), "::", stringify!(quiet)),
                        package: env!("CARGO_PKG_NAME"),
                        folder: env!("CARGO_MANIFEST_DIR"),
                        seeds: 7u64,
                        tapes: "sim-failures",
                        strategy: "random",
                    },
                    quiet,
                );
            }
        };
        assert_eq!(emitted.expect("a good test").to_string(), typed.to_string());
    }

    #[test]
    fn a_test_that_could_not_fail_or_run_is_refused() {
        let good = quote!(
            fn t(sim: &mut Sim) {}
        );
        assert!(refusal(quote!(seeds = 0), good.clone()).contains("proves nothing"));
        assert!(refusal(quote!(jobs = 2), good).contains("expected `seeds"));
        assert!(
            refusal(
                quote!(),
                quote!(
                    fn t() {}
                )
            )
            .contains("one argument")
        );
        assert!(
            refusal(
                quote!(),
                quote!(
                    async fn t(sim: &mut Sim) {}
                )
            )
            .contains("not async")
        );
        assert!(
            refusal(
                quote!(),
                quote!(
                    fn t<T>(sim: &mut Sim) {}
                )
            )
            .contains("generic")
        );
    }
}
