//! The way from tokens to tokens: parse, check, expand.
//!
//! Whatever is wrong, the user's item comes out again, so that one mistake is one error.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::PluginArgs;
use crate::check::check;
use crate::diagnostics::Diagnostics;
use crate::expand::expand;
use crate::item;

pub(crate) fn plugin(args: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let args = PluginArgs::parse(args, &mut diagnostics);
    let Some(subject) = item::parse(tokens, args.krate.value(), &mut diagnostics) else {
        let errors = diagnostics.finish().map(|error| error.to_compile_error());
        return quote!(#tokens #errors);
    };
    let model = check(&args, subject, &mut diagnostics);
    match diagnostics.finish() {
        None => expand(&model, true),
        Some(errors) => {
            let errors = errors.to_compile_error();
            let item = &model.item;
            if model.borrows() {
                // Nothing that can be written about a plugin with lifetimes compiles.
                return quote!(#item #errors);
            }
            let usable = expand(&model, false);
            quote!(#usable #errors)
        }
    }
}
