//! The arguments of the attribute, and of the attributes on fields.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::token::Paren;
use syn::{Expr, ExprPath, Lit, LitBool, LitStr, Path, Token, Type, parenthesized};

use crate::check::text;
use crate::diagnostics::Diagnostics;
use crate::grammar::{AFTER, CHILDREN, PORTS, STATES, each_argument, skip_to_comma, value};
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
    pub(crate) name: Slot<Expr>,
    pub(crate) states: Slot<Vec<Type>>,
    pub(crate) ports: Slot<Vec<PortType>>,
    pub(crate) primary: Slot<()>,
    pub(crate) load_timeout: Slot<LitStr>,
    pub(crate) close_timeout: Slot<LitStr>,
    pub(crate) retry: Slot<Expr>,
    pub(crate) supervise: Slot<Expr>,
    pub(crate) after: Slot<Vec<Path>>,
    pub(crate) collect: Slot<Collect>,
    pub(crate) child_of: Slot<Path>,
    pub(crate) children: Slot<Vec<Path>>,
    pub(crate) replaces: Slot<Path>,
    pub(crate) requires: Slot<Expr>,
    pub(crate) enabled: Slot<Enabled>,
    pub(crate) krate: Slot<Path>,
}

const KEYS: [&str; 16] = [
    "name",
    "states",
    "ports",
    "primary",
    "load_timeout",
    "close_timeout",
    "retry",
    "supervise",
    "after",
    "collect",
    "child_of",
    "children",
    "replaces",
    "requires",
    "enabled",
    "crate",
];

/// A port in a list: its type, and whether the plugin itself is what it provides there.
pub(crate) struct PortType {
    pub(crate) ty: Type,
    pub(crate) is_own: bool,
}

impl Parse for PortType {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let own: Option<Token![self]> = input.parse()?;
        if own.is_some() {
            input.parse::<Token![as]>()?;
        }
        let (ty, is_own) = (input.parse()?, own.is_some());
        Ok(Self { ty, is_own })
    }
}

/// Which apps a linked plugin joins by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collect {
    /// Every app that collects.
    Always,
    /// An app that collects, if a field requires it.
    Needed,
    /// None.
    Never,
}

impl Parse for Collect {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let word: Ident = input.parse()?;
        match word.to_string().as_str() {
            "always" => Ok(Self::Always),
            "needed" => Ok(Self::Needed),
            "never" => Ok(Self::Never),
            _ => Err(syn::Error::new(word.span(), "not a policy")),
        }
    }
}

/// What decides whether a plugin is part of an app.
#[derive(Clone)]
pub(crate) enum Enabled {
    /// A function that is called.
    Predicate(ExprPath),
    /// A key of the configuration.
    Key(KeySwitch),
}

/// A key of the configuration that decides.
#[derive(Clone)]
pub(crate) struct KeySwitch {
    pub(crate) key: LitStr,
    /// The value with which the plugin is enabled; without one, the value is a bool.
    pub(crate) is: Option<LitStr>,
    /// What holds if the key is not set.
    pub(crate) default: Option<LitBool>,
}

impl Enabled {
    const WHAT: &'static str = "a function, a key of the configuration, or a key with a value";
    const EXAMPLE: &'static str = "enabled = is_wanted`, `enabled = \"mail.enabled\"`, \
        `enabled = (\"mail.enabled\", default = false)`, `enabled = (\"mail.engine\", is = \"smtp\")";
}

impl Parse for Enabled {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            let (key, is, default) = (input.parse()?, None, None);
            return Ok(Self::Key(KeySwitch { key, is, default }));
        }
        if input.peek(Paren) {
            let content;
            parenthesized!(content in input);
            let parsed = content.parse().map(Self::Key);
            // What is left would be an error of its own.
            content.parse::<TokenStream>()?;
            return parsed;
        }
        input.parse().map(Self::Predicate)
    }
}

impl Parse for KeySwitch {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.parse()?;
        let (mut is, mut default) = (None, None);
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "is" if is.is_none() => is = Some(input.parse()?),
                "default" if default.is_none() => default = Some(input.parse()?),
                _ => return Err(syn::Error::new(name.span(), "not a part of a switch")),
            }
        }
        Ok(Self { key, is, default })
    }
}

/// What other libraries call arguments of ours.
const SYNONYMS: [(&str, &str); 7] = [
    ("restart", "supervise"),
    ("retries", "retry"),
    ("provides", "states"),
    ("exports", "states"),
    ("overrides", "replaces"),
    ("timeout", "load_timeout"),
    ("parent", "child_of"),
];

/// What other libraries call the list of requirements, which are fields here.
const REQUIREMENTS: [&str; 4] = ["depends_on", "depends", "needs", "dependencies"];

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
                let example = "name = \"database\"`, `name = NAME";
                let parsed = value(key, input, "a string or a constant", example);
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
                flag(key, input, diagnostics);
                self.primary.fill(key, Ok(()), diagnostics);
            }
            "load_timeout" => {
                let parsed = value(key, input, "a string", "load_timeout = \"5s\"");
                self.load_timeout.fill(key, parsed, diagnostics);
            }
            "close_timeout" => {
                let parsed = value(key, input, "a string", "close_timeout = \"30s\"");
                self.close_timeout.fill(key, parsed, diagnostics);
            }
            "retry" => {
                let is_number = |literal: &Lit| matches!(literal, Lit::Int(_));
                let what = "a number or a `Retry`";
                let parsed = expression(key, input, what, "retry = 3", is_number);
                self.retry.fill(key, parsed, diagnostics);
            }
            "supervise" => {
                let example = "supervise = Supervision::new().on_end(Policy::StopApp)";
                let parsed = expression(key, input, "a `Supervision`", example, |_| false);
                self.supervise.fill(key, parsed, diagnostics);
            }
            "after" => {
                let parsed = AFTER.parse(key, input, diagnostics);
                self.after.fill(key, parsed, diagnostics);
            }
            "collect" => {
                let what = "`always`, `needed` or `never`";
                let parsed = value(key, input, what, "collect = never");
                self.collect.fill(key, parsed, diagnostics);
            }
            "child_of" => {
                let parsed = value(key, input, "a plugin", "child_of = Server");
                self.child_of.fill(key, parsed, diagnostics);
            }
            "children" => {
                let parsed = CHILDREN.parse(key, input, diagnostics);
                self.children.fill(key, parsed, diagnostics);
            }
            "replaces" => {
                let parsed = value(key, input, "a plugin", "replaces = Database");
                self.replaces.fill(key, parsed, diagnostics);
            }
            "requires" => {
                let what = "a function that lists requirements";
                let parsed = value(key, input, what, "requires = list_them");
                if let Ok(Expr::Array(list)) = &parsed {
                    diagnostics.at(
                        list,
                        "a requirement is a field, as in `config: State<Config>`; `requires` \
                         takes a function that lists what another crate derives",
                    );
                    self.requires = Slot::Broken;
                    return;
                }
                self.requires.fill(key, parsed, diagnostics);
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
    /// `setter = false`
    pub(crate) setter: Slot<LitBool>,
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
        let (config, setter) = (Slot::Absent, Slot::Absent);
        Self {
            start,
            config,
            setter,
        }
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
            "setter" => {
                let parsed = value(key, input, "a bool", "setter = false");
                self.setter.fill(key, parsed, diagnostics);
                return;
            }
            "default" => value(key, input, "an expression", "default = 8")
                .map(|expr| Start::Default(Box::new(expr))),
            "required" => {
                flag(key, input, diagnostics);
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
        let hint = nearest(&key.to_string(), &["default", "required", "config", "setter"]).map_or_else(
            || "; `#[option]` takes `default = ..`, `required`, `config = \"..\"` or `setter = false`".into(),
            |meant| format!(", did you mean `{meant}`?"),
        );
        let message = format!("unknown argument `{key}`{hint}");
        syn::Error::new(key.span(), message)
    }
}

/// An expression. A literal of a kind that is not `taken` would be a mismatch of types in what is
/// generated.
fn expression(
    key: &Ident,
    input: ParseStream<'_>,
    what: &str,
    example: &str,
    taken: impl FnOnce(&Lit) -> bool,
) -> syn::Result<Expr> {
    match value(key, input, what, example)? {
        Expr::Lit(given) if !taken(&given.lit) => {
            let message = format!("`{key}` takes {what}: `{example}`");
            Err(syn::Error::new_spanned(given, message))
        }
        expr => Ok(expr),
    }
}

/// An argument without a value.
fn flag(key: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) {
    if input.peek(Token![=]) {
        let value = skip_to_comma(input);
        diagnostics.at(
            value,
            format_args!("`{key}` takes no value: write `{key}` alone"),
        );
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
