//! The grammar of the attribute's arguments, and of the attributes on fields.
//!
//! Parsing goes on after a mistake, at the next comma, so that one run shows all of them.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, LitBool, LitStr, Path, Token, Type, bracketed};

use crate::diagnostics::Diagnostics;
use crate::suggest::nearest;

/// An argument that may be given once.
#[derive(Default)]
pub(crate) enum Slot<T> {
    #[default]
    Absent,
    Given {
        key: Span,
        value: T,
    },
    /// A mistake in it has been reported; it must not be reported as missing as well.
    Broken,
}

impl<T> Slot<T> {
    fn is_absent(&self) -> bool {
        matches!(self, Slot::Absent)
    }

    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Slot::Given { value, .. } => Some(value),
            Slot::Absent | Slot::Broken => None,
        }
    }

    pub(crate) fn key(&self) -> Option<Span> {
        match self {
            Slot::Given { key, .. } => Some(*key),
            Slot::Absent | Slot::Broken => None,
        }
    }

    /// Takes what was parsed, or reports what was not.
    fn fill(&mut self, key: &Ident, parsed: syn::Result<T>, diagnostics: &mut Diagnostics) {
        let again = !self.is_absent();
        match parsed {
            Err(error) => {
                diagnostics.push(error);
                *self = Slot::Broken;
            }
            Ok(_) if again => diagnostics.at(key, format_args!("`{key}` is given twice")),
            Ok(value) => {
                *self = Slot::Given {
                    key: key.span(),
                    value,
                };
            }
        }
    }
}

/// What stands in `#[plugin(..)]`.
#[derive(Default)]
pub(crate) struct PluginArgs {
    pub(crate) name: Slot<LitStr>,
    pub(crate) states: Slot<Vec<Type>>,
    pub(crate) timeout: Slot<LitStr>,
    pub(crate) close_timeout: Slot<LitStr>,
    pub(crate) after: Slot<Vec<Path>>,
    pub(crate) collect: Slot<LitBool>,
    pub(crate) stands_in_for: Slot<Path>,
    pub(crate) krate: Slot<Path>,
}

const KEYS: [&str; 8] = [
    "name",
    "states",
    "timeout",
    "close_timeout",
    "after",
    "collect",
    "stands_in_for",
    "crate",
];

impl PluginArgs {
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        each_argument(tokens, diagnostics, |key, input, diagnostics| {
            args.argument(key, input, diagnostics);
        });
        args
    }

    fn argument(&mut self, key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
        match key.to_string().as_str() {
            "name" => {
                let parsed = value(key, input, "a string", "name = \"database\"");
                self.name.fill(key, parsed, diagnostics);
            }
            "states" => {
                let ahead = input.fork();
                let parsed = list(key, input, "states = [Pool, Metrics]");
                self.states.fill(key, parsed, diagnostics);
                if let (Slot::Broken, Some(state)) = (&self.states, single(&ahead)) {
                    // `states = Pool` is wrong, but what it means is clear.
                    let (key, value) = (key.span(), vec![state]);
                    self.states = Slot::Given { key, value };
                }
            }
            "timeout" => {
                let parsed = value(key, input, "a string", "timeout = \"5s\"");
                self.timeout.fill(key, parsed, diagnostics);
            }
            "close_timeout" => {
                let parsed = value(key, input, "a string", "close_timeout = \"30s\"");
                self.close_timeout.fill(key, parsed, diagnostics);
            }
            "after" => {
                let parsed = list(key, input, "after = [Migrations]");
                self.after.fill(key, parsed, diagnostics);
            }
            "collect" => {
                let parsed = value(key, input, "a bool", "collect = false");
                self.collect.fill(key, parsed, diagnostics);
            }
            "stands_in_for" => {
                let parsed = value(key, input, "a plugin", "stands_in_for = Database");
                self.stands_in_for.fill(key, parsed, diagnostics);
            }
            "crate" => {
                let parsed = value(key, input, "a path", "crate = my_crate::bootstrap");
                self.krate.fill(key, parsed, diagnostics);
            }
            _ => self.unknown(key, input, diagnostics),
        }
    }

    fn unknown(&mut self, key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
        let Some(meant) = nearest(&key.to_string(), &KEYS) else {
            skip_to_comma(input);
            diagnostics.at(
                key,
                format_args!(
                    "unknown argument `{key}`; `#[plugin]` takes {}",
                    quoted(&KEYS)
                ),
            );
            return;
        };
        diagnostics.at(
            key,
            format_args!("unknown argument `{key}`, did you mean `{meant}`?"),
        );
        // Go on as if it had been spelt right, so that nothing else fails because of the slip.
        self.argument(&Ident::new(meant, key.span()), input, diagnostics);
    }
}

fn quoted(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

/// What stands in `#[option(..)]`.
pub(crate) enum OptionArgs {
    /// Nothing: the default of its type.
    TypeDefault,
    /// `default = ..`
    Default(Box<Expr>),
    /// `required`
    Required,
}

impl OptionArgs {
    pub(crate) fn parse(attribute: &syn::Attribute, diagnostics: &mut Diagnostics) -> Self {
        let tokens = match &attribute.meta {
            syn::Meta::Path(_) => return Self::TypeDefault,
            syn::Meta::List(list) => list.tokens.clone(),
            syn::Meta::NameValue(pair) => {
                diagnostics.at(pair, "write `#[option(default = ..)]`");
                return Self::TypeDefault;
            }
        };
        let mut args = Self::TypeDefault;
        each_argument(tokens, diagnostics, |key, input, diagnostics| {
            args.argument(key, input, diagnostics);
        });
        args
    }

    fn argument(&mut self, key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
        let parsed = match key.to_string().as_str() {
            "default" => value(key, input, "an expression", "default = 8")
                .map(|expr| Self::Default(Box::new(expr))),
            "required" => Ok(Self::Required),
            _ => {
                skip_to_comma(input);
                let hint = nearest(&key.to_string(), &["default", "required"]).map_or_else(
                    || "; `#[option]` takes `default = ..` or `required`".into(),
                    |meant| format!(", did you mean `{meant}`?"),
                );
                Err(syn::Error::new(
                    key.span(),
                    format_args!("unknown argument `{key}`{hint}"),
                ))
            }
        };
        match (parsed, &*self) {
            (Err(error), _) => diagnostics.push(error),
            (Ok(parsed), Self::TypeDefault) => *self = parsed,
            (Ok(_), _) => diagnostics.at(
                key,
                "an option has one `default`, or is `required`: take one of them away",
            ),
        }
    }
}

/// Calls `argument` for every `key ..` between top-level commas.
fn each_argument(
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
fn value<T: Parse>(
    key: &Ident,
    input: ParseStream<'_>,
    what: &str,
    example: &str,
) -> syn::Result<T> {
    let start = input.cursor();
    input
        .parse::<Token![=]>()
        .and_then(|_| input.parse::<T>())
        .map_err(|_| malformed(key, start, input, what, example))
}

/// What stands in `= Pool` instead of a list.
fn single(input: ParseStream<'_>) -> Option<Type> {
    input.parse::<Token![=]>().ok()?;
    input.parse().ok()
}

/// Parses `= [a, b, ..]`.
fn list<T: Parse>(key: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<Vec<T>> {
    let start = input.cursor();
    let parse = || -> syn::Result<Vec<T>> {
        input.parse::<Token![=]>()?;
        let items;
        bracketed!(items in input);
        let items = Punctuated::<T, Token![,]>::parse_terminated(&items)?;
        Ok(items.into_iter().collect())
    };
    parse().map_err(|_| malformed(key, start, input, "a list of types in brackets", example))
}

/// The error for an argument with a wrong value: at what stands there, or at the key if nothing
/// does.
fn malformed(
    key: &Ident,
    start: syn::buffer::Cursor<'_>,
    input: ParseStream<'_>,
    what: &str,
    example: &str,
) -> syn::Error {
    skip_to_comma(input);
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

fn skip_to_comma(input: ParseStream<'_>) -> TokenStream {
    let mut skipped = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        match input.parse::<TokenTree>() {
            Ok(token) => skipped.extend([token]),
            Err(_) => break,
        }
    }
    skipped
}
