//! What arguments are written in: `key = value` between commas, and lists of types.
//!
//! Parsing goes on after a mistake, at the next comma, so that one run shows all of them.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{LitStr, Token};

use crate::diagnostics::Diagnostics;

/// Calls `argument` for every `key ..` between top-level commas.
pub(crate) fn each_argument(
    tokens: TokenStream,
    diagnostics: &mut Diagnostics,
    mut argument: impl FnMut(&Ident, ParseStream<'_>, &mut Diagnostics),
) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Ok(key) = input.call(Ident::parse_any) {
                argument(&key, input, diagnostics);
            } else {
                let rest = skip_to_comma(input);
                diagnostics.at(rest, "expected an argument, as in `name = \"database\"`");
            }
            if input.is_empty() {
                break;
            }
            if input.peek(Token![,]) {
                input.parse::<Token![,]>()?;
            } else if input.peek(Ident::peek_any) {
                let next = input.fork().call(Ident::parse_any)?;
                diagnostics.at(&next, format_args!("expected `,` before `{next}`"));
            } else {
                let rest = skip_to_comma(input);
                diagnostics.at(rest, "expected `,` before this");
                let _ = input.parse::<Option<Token![,]>>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        diagnostics.push(error);
    }
}

/// Parses `= value`. On a mistake, skips to the next comma and says what to write.
pub(crate) fn value<T: Parse>(
    key: &Ident,
    input: ParseStream<'_>,
    what: &str,
    example: &str,
) -> syn::Result<T> {
    let start = input.cursor();
    input
        .parse::<Token![=]>()
        .and_then(|_| input.parse::<T>())
        .map_err(|_| {
            skip_to_comma(input);
            malformed(key, start, what, example)
        })
}

/// An argument that takes a list of types.
pub(crate) struct List {
    example: &'static str,
    /// What to say to a string in the list.
    no_string: &'static str,
    /// What mostly stands before a name in the list.
    mostly: &'static str,
}

pub(crate) const STATES: List = List {
    example: "states = [Pool, Metrics]",
    no_string: "a state is a type: write it without quotes, as in `states = [Pool]`",
    mostly: "",
};

pub(crate) const PORTS: List = List {
    example: "ports = [dyn Mailer]",
    no_string: "a port is a type: write it without quotes, as in `ports = [dyn Mailer]`",
    mostly: "dyn ",
};

pub(crate) const AFTER: List = List {
    example: "after = [Migrations]",
    no_string: "`after` takes the types of plugins, not their names: `after = [Migrations]`",
    mostly: "",
};

pub(crate) const CHILDREN: List = List {
    example: "children = [Routes]",
    no_string: "`children` takes the types of plugins, not their names: `children = [Routes]`",
    mostly: "",
};

impl List {
    /// Parses `= [a, b, ..]`. What is wrong but clear is reported here and taken for what it
    /// means, so that code which uses it has no errors of its own.
    pub(crate) fn parse<T: Parse>(
        &self,
        key: &Ident,
        input: ParseStream<'_>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<Vec<T>> {
        let start = input.cursor();
        let equals: Option<Token![=]> = input.parse()?;
        let bare = equals.is_none();
        if let Ok((delimiter, items)) = input.call(parse_group) {
            if bare || delimiter != Delimiter::Bracket {
                skip_to_comma(input);
                diagnostics.push(self.malformed(key, start));
            }
            return Ok(self.items(items, diagnostics));
        }
        match input.parse::<T>() {
            // `states = Pool` is wrong, but what it means is clear.
            Ok(single) if !bare => {
                skip_to_comma(input);
                diagnostics.push(self.malformed(key, start));
                Ok(vec![single])
            }
            _ => {
                skip_to_comma(input);
                Err(self.malformed(key, start))
            }
        }
    }

    fn malformed(&self, key: &Ident, start: Cursor<'_>) -> syn::Error {
        malformed(key, start, "a list of types in brackets", self.example)
    }

    /// The items of a list that are right; every other is reported.
    fn items<T: Parse>(&self, tokens: TokenStream, diagnostics: &mut Diagnostics) -> Vec<T> {
        let mut items = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                items.extend(self.item(input, diagnostics));
                if input.is_empty() {
                    break;
                }
                if input.parse::<Option<Token![,]>>()?.is_none() {
                    let next: TokenTree = input.fork().parse()?;
                    diagnostics.at(&next, format_args!("expected `,` before `{next}`"));
                    if matches!(next, TokenTree::Punct(_)) {
                        skip_to_comma(input);
                        let _ = input.parse::<Option<Token![,]>>()?;
                    }
                }
            }
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        diagnostics.keep(parsed);
        items
    }

    fn item<T: Parse>(&self, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> Option<T> {
        if input.peek(LitStr) {
            let literal: LitStr = input.parse().ok()?;
            diagnostics.at(&literal, self.no_string);
            // `"Pool"` is a type in quotes, `"database"` is a name.
            let meant = literal.value();
            let is_a_type = meant.starts_with(char::is_uppercase);
            let meant = LitStr::new(&format!("{}{meant}", self.mostly), literal.span());
            return is_a_type.then(|| meant.parse().ok()).flatten();
        }
        if let Ok(item) = input.fork().parse() {
            // Twice, because a failed attempt would have taken tokens away.
            let _ = input.parse::<T>();
            return Some(item);
        }
        let rest = skip_to_comma(input);
        let message = format!("expected a type, as in `{}`", self.example);
        diagnostics.at(rest, message);
        None
    }
}

/// Whatever stands between brackets of any kind.
fn parse_group(input: ParseStream<'_>) -> syn::Result<(Delimiter, TokenStream)> {
    match input.fork().parse()? {
        TokenTree::Group(group) => {
            input.parse::<TokenTree>()?;
            Ok((group.delimiter(), group.stream()))
        }
        other => Err(syn::Error::new(other.span(), "expected a list")),
    }
}

/// The error for an argument with a wrong value: at what stands there, or at the key if nothing
/// does.
fn malformed(key: &Ident, start: Cursor<'_>, what: &str, example: &str) -> syn::Error {
    let mut given = TokenStream::new();
    let mut rest = start;
    while let Some((token, next)) = rest.token_tree() {
        let comma = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
        if comma {
            break;
        }
        let equals = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '=');
        if !(equals && given.is_empty()) {
            given.extend([token]);
        }
        rest = next;
    }
    let message = format!("`{key}` takes {what}: `{example}`");
    if given.is_empty() {
        syn::Error::new(key.span(), message)
    } else {
        syn::Error::new_spanned(given, message)
    }
}

pub(crate) fn skip_to_comma(input: ParseStream<'_>) -> TokenStream {
    let mut skipped = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        match input.parse::<TokenTree>() {
            Ok(token) => skipped.extend([token]),
            Err(_) => break,
        }
    }
    skipped
}
