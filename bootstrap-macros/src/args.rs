//! The grammar of the attribute's arguments, and of the attributes on fields.
//!
//! Parsing goes on after a mistake, at the next comma, so that one run shows all of them.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprLit, ExprPath, Lit, LitBool, LitStr, Path, Token, Type};

use crate::check::text;
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
    pub(crate) ports: Slot<Vec<Type>>,
    pub(crate) primary: Slot<LitBool>,
    pub(crate) timeout: Slot<LitStr>,
    pub(crate) close_timeout: Slot<LitStr>,
    pub(crate) retry: Slot<Expr>,
    pub(crate) supervise: Slot<Expr>,
    pub(crate) after: Slot<Vec<Path>>,
    pub(crate) collect: Slot<LitBool>,
    pub(crate) within: Slot<Path>,
    pub(crate) children: Slot<Vec<Path>>,
    pub(crate) stands_in_for: Slot<Path>,
    pub(crate) enabled: Slot<Enabled>,
    pub(crate) krate: Slot<Path>,
}

const KEYS: [&str; 15] = [
    "name",
    "states",
    "ports",
    "primary",
    "timeout",
    "close_timeout",
    "retry",
    "supervise",
    "after",
    "collect",
    "within",
    "children",
    "stands_in_for",
    "enabled",
    "crate",
];

/// What decides whether a plugin is part of an app.
#[derive(Clone)]
pub(crate) enum Enabled {
    /// A function that is asked.
    Predicate(ExprPath),
    /// A key of the configuration, and what holds if it is not set.
    Key(LitStr, bool),
}

impl Enabled {
    const WHAT: &'static str =
        "a function, a key of the configuration, or a key and what holds without it";
    const EXAMPLE: &'static str =
        "enabled = is_wanted`, `enabled = \"mail.enabled\"`, `enabled = (\"mail.enabled\", false)";
}

impl Parse for Enabled {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let given: Expr = input.parse()?;
        let key = |expr: &Expr| match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Str(key), ..
            }) => Some(key.clone()),
            _ => None,
        };
        let found = match &given {
            Expr::Path(path) => Some(Self::Predicate(path.clone())),
            Expr::Tuple(pair) => match (pair.elems.first().and_then(key), pair.elems.last()) {
                (
                    Some(key),
                    Some(Expr::Lit(ExprLit {
                        lit: Lit::Bool(otherwise),
                        ..
                    })),
                ) if pair.elems.len() == 2 => Some(Self::Key(key, otherwise.value)),
                _ => None,
            },
            other => key(other).map(|key| Self::Key(key, true)),
        };
        found.ok_or_else(|| syn::Error::new_spanned(&given, "no switch"))
    }
}

/// What other libraries call arguments of ours.
const SYNONYMS: [(&str, &str); 6] = [
    ("restart", "supervise"),
    ("retries", "retry"),
    ("provides", "states"),
    ("exports", "states"),
    ("replaces", "stands_in_for"),
    ("parent", "within"),
];

/// What other libraries call the list of requirements, which are fields here.
const REQUIREMENTS: [&str; 5] = ["requires", "depends_on", "depends", "needs", "dependencies"];

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
                let parsed = STATES.parse(key, input, diagnostics);
                self.states.fill(key, parsed, diagnostics);
            }
            "ports" => {
                let parsed = PORTS.parse(key, input, diagnostics);
                self.ports.fill(key, parsed, diagnostics);
            }
            "primary" => {
                let parsed = value(key, input, "a bool", "primary = true");
                self.primary.fill(key, parsed, diagnostics);
            }
            "timeout" => {
                let parsed = value(key, input, "a string", "timeout = \"5s\"");
                self.timeout.fill(key, parsed, diagnostics);
            }
            "close_timeout" => {
                let parsed = value(key, input, "a string", "close_timeout = \"30s\"");
                self.close_timeout.fill(key, parsed, diagnostics);
            }
            "retry" => {
                let parsed = value(key, input, "a number or a `Retry`", "retry = 3");
                self.retry.fill(key, parsed, diagnostics);
            }
            "supervise" => {
                let example = "supervise = Supervision::new().on_end(Policy::StopApp)";
                let parsed = value(key, input, "a `Supervision`", example);
                self.supervise.fill(key, parsed, diagnostics);
            }
            "after" => {
                let parsed = AFTER.parse(key, input, diagnostics);
                self.after.fill(key, parsed, diagnostics);
            }
            "collect" => {
                let parsed = value(key, input, "a bool", "collect = false");
                self.collect.fill(key, parsed, diagnostics);
            }
            "within" => {
                let parsed = value(key, input, "a plugin", "within = Server");
                self.within.fill(key, parsed, diagnostics);
            }
            "children" => {
                let parsed = CHILDREN.parse(key, input, diagnostics);
                self.children.fill(key, parsed, diagnostics);
            }
            "stands_in_for" => {
                let parsed = value(key, input, "a plugin", "stands_in_for = Database");
                self.stands_in_for.fill(key, parsed, diagnostics);
            }
            "enabled" => {
                let parsed = value(key, input, Enabled::WHAT, Enabled::EXAMPLE);
                self.enabled.fill(key, parsed, diagnostics);
            }
            "crate" => {
                let parsed = value(key, input, "a path", "crate = my_crate::bootstrap");
                self.krate.fill(key, parsed, diagnostics);
            }
            _ => self.unknown(key, input, diagnostics),
        }
    }

    fn unknown(&mut self, key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
        let text = key.to_string();
        if REQUIREMENTS.contains(&text.as_str()) {
            skip_to_comma(input);
            diagnostics.at(
                key,
                format_args!(
                    "`{key}` is no argument: a requirement is a field, as in `config: State<Config>`"
                ),
            );
            return;
        }
        if let Some((_, meant)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == text) {
            diagnostics.at(key, format_args!("`{key}` is called `{meant}`"));
            self.argument(&Ident::new(meant, key.span()), input, diagnostics);
            return;
        }
        let Some(meant) = nearest(&text, &KEYS) else {
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
pub(crate) struct OptionArgs {
    pub(crate) start: Start,
    /// `config = ".."`
    pub(crate) config: Slot<LitStr>,
}

/// The value with which an option starts.
pub(crate) enum Start {
    /// Nothing: the default of its type.
    TypeDefault,
    /// `default = ..`
    Default(Box<Expr>),
    /// `required`
    Required,
}

impl From<Start> for OptionArgs {
    fn from(start: Start) -> Self {
        let config = Slot::Absent;
        Self { start, config }
    }
}

impl OptionArgs {
    pub(crate) fn parse(attribute: &syn::Attribute, diagnostics: &mut Diagnostics) -> Self {
        let tokens = match &attribute.meta {
            syn::Meta::Path(_) => return Start::TypeDefault.into(),
            syn::Meta::List(list) => list.tokens.clone(),
            syn::Meta::NameValue(pair) => {
                diagnostics.at(pair, "write `#[option(default = ..)]`");
                return Start::TypeDefault.into();
            }
        };
        if let Some(value) = bare_value(&tokens) {
            let message = format!("write `#[option(default = {})]`", text(&value));
            diagnostics.at(&value, message);
            return Start::Default(Box::new(value)).into();
        }
        let mut args = Self::from(Start::TypeDefault);
        each_argument(tokens, diagnostics, |key, input, diagnostics| {
            args.argument(key, input, diagnostics);
        });
        args
    }

    fn argument(&mut self, key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
        let parsed = match key.to_string().as_str() {
            "config" => {
                let parsed = value(key, input, "a key", "config = \"database.size\"");
                self.config.fill(key, parsed, diagnostics);
                return;
            }
            "default" => value(key, input, "an expression", "default = 8")
                .map(|expr| Start::Default(Box::new(expr))),
            "required" => {
                if input.peek(Token![=]) {
                    let value = skip_to_comma(input);
                    diagnostics.at(
                        value,
                        "`required` takes no value: write `#[option(required)]`",
                    );
                }
                Ok(Start::Required)
            }
            _ => Err(Self::unknown(key, input)),
        };
        match (parsed, &self.start) {
            (Err(error), _) => diagnostics.push(error),
            (Ok(parsed), Start::TypeDefault) => self.start = parsed,
            (Ok(_), _) => diagnostics.at(
                key,
                "an option has one `default`, or is `required`: take one of them away",
            ),
        }
    }

    fn unknown(key: &Ident, input: ParseStream<'_>) -> syn::Error {
        skip_to_comma(input);
        let hint = nearest(&key.to_string(), &["default", "required", "config"]).map_or_else(
            || "; `#[option]` takes `default = ..`, `required` or `config = \"..\"`".into(),
            |meant| format!(", did you mean `{meant}`?"),
        );
        let message = format!("unknown argument `{key}`{hint}");
        syn::Error::new(key.span(), message)
    }
}

/// The value in `#[option(8)]`, where `default = 8` was meant.
fn bare_value(tokens: &TokenStream) -> Option<Expr> {
    let starts_with_a_key = matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(ident))
        if ident != "true" && ident != "false");
    if starts_with_a_key {
        return None;
    }
    syn::parse2(tokens.clone()).ok()
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
        .map_err(|_| {
            skip_to_comma(input);
            malformed(key, start, what, example)
        })
}

/// An argument that takes a list of types.
struct List {
    example: &'static str,
    /// What to say to a string in the list.
    no_string: &'static str,
    /// What mostly stands before a name in the list.
    mostly: &'static str,
}

const STATES: List = List {
    example: "states = [Pool, Metrics]",
    no_string: "a state is a type: write it without quotes, as in `states = [Pool]`",
    mostly: "",
};

const PORTS: List = List {
    example: "ports = [dyn Mailer]",
    no_string: "a port is a type: write it without quotes, as in `ports = [dyn Mailer]`",
    mostly: "dyn ",
};

const AFTER: List = List {
    example: "after = [Migrations]",
    no_string: "`after` takes the types of plugins, not their names: `after = [Migrations]`",
    mostly: "",
};

const CHILDREN: List = List {
    example: "children = [Routes]",
    no_string: "`children` takes the types of plugins, not their names: `children = [Routes]`",
    mostly: "",
};

impl List {
    /// Parses `= [a, b, ..]`. What is wrong but clear is reported here and taken for what it
    /// means, so that who uses it has no errors of its own.
    fn parse<T: Parse>(
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
            // `"Pool"` is a type that somebody has put into quotes, `"database"` is a name.
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
