//! The attributes of the `bootstrap` crate, which re-exports them. See there.

use proc_macro::TokenStream;

mod args;
mod check;
mod configured;
mod diagnostics;
mod expand;
mod family;
mod fields;
mod generics;
mod gives;
mod grammar;
mod item;
mod model;
mod pipeline;
mod renamed;
mod setters;
mod state;
mod suggest;
mod ties;
mod time;

#[cfg(test)]
mod tests;

/// The implementation of the attribute; `bootstrap` re-exports it with its documentation.
#[proc_macro_attribute]
pub fn plugin(args: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::plugin(args.into(), &item.into()).into()
}

/// The implementation of the attribute; `bootstrap` re-exports it with its documentation.
#[proc_macro_attribute]
pub fn supplied(args: TokenStream, item: TokenStream) -> TokenStream {
    state::supplied(args.into(), &item.into()).into()
}

/// The implementation of the attribute; `bootstrap` re-exports it with its documentation.
#[proc_macro_attribute]
pub fn section(args: TokenStream, item: TokenStream) -> TokenStream {
    state::section(args.into(), &item.into()).into()
}
