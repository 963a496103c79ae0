//! The bounds of type parameters.

use proc_macro2::Ident;
use syn::punctuated::Punctuated;
use syn::{
    Generics, PredicateType, Token, Type, TypeParamBound, WherePredicate, parse_quote_spanned,
};

use crate::check::text;
use crate::diagnostics::Diagnostics;

/// What every part of a plugin is.
const NEEDED: [&str; 3] = ["Send", "Sync", "'static"];

/// Traits that are not more than they say. Any other may imply what a plugin needs.
const PLAIN: [&str; 10] = [
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Unpin",
];

/// Reports a parameter whose bounds can't be enough for a plugin, and adds what is missing, so that
/// rustc does not report it in generated code.
pub(crate) fn bound_parameters(generics: &mut Generics, diagnostics: &mut Diagnostics) {
    let clause = generics.where_clause.clone();
    let predicates = || clause.iter().flat_map(|clause| &clause.predicates);
    if predicates().any(|predicate| bounded(predicate).is_none()) {
        // It may say of a larger type what a plugin needs.
        return;
    }
    for param in generics.type_params_mut() {
        let ident = param.ident.clone();
        let here = predicates().filter_map(bounded);
        let here = here.filter(|(bounded, _)| **bounded == ident);
        let here = here.flat_map(|(_, bounds)| bounds);
        let bounds: Vec<String> = param.bounds.iter().chain(here).map(text).collect();
        let is_enough = NEEDED
            .iter()
            .all(|needed| bounds.iter().any(|it| it == needed));
        if is_enough || bounds.iter().any(|bound| may_imply_more(bound)) {
            continue;
        }
        let others = bounds.iter().map(String::as_str);
        let others = others.filter(|bound| !NEEDED.contains(bound));
        let all: Vec<&str> = others.chain(NEEDED).collect();
        diagnostics.at(
            &ident,
            format_args!(
                "a plugin is shared between threads and lives as long as its app: write `{ident}: {}`, here and in `impl Hooks`",
                all.join(" + ")
            ),
        );
        let span = ident.span();
        param.colon_token.get_or_insert(Token![:](span));
        let needed: [TypeParamBound; 3] = [
            parse_quote_spanned!(span=> ::core::marker::Send),
            parse_quote_spanned!(span=> ::core::marker::Sync),
            parse_quote_spanned!(span=> 'static),
        ];
        param.bounds.extend(needed);
    }
}

/// What a `where` says about a single word; `None` if it is about more.
fn bounded(predicate: &WherePredicate) -> Option<(&Ident, &Punctuated<TypeParamBound, Token![+]>)> {
    let WherePredicate::Type(PredicateType {
        bounded_ty: Type::Path(path),
        bounds,
        ..
    }) = predicate
    else {
        return None;
    };
    Some((path.path.get_ident()?, bounds))
}

fn may_imply_more(bound: &str) -> bool {
    let is_of_std = bound.starts_with("std::") || bound.starts_with("::std::");
    let is_plain =
        PLAIN.contains(&bound) || NEEDED.contains(&bound) || bound.starts_with(['\'', '?']);
    !is_plain && !is_of_std
}
