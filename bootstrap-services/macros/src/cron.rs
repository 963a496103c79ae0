//! `#[cron]`: a struct becomes a plugin that adds its schedule when it is ready, and stops it when the app drains.
//!
//! ```text
//! #[cron("0 3 * * *")]             #[plugin(name = "nightly", ports = [self as dyn Task<Nightly>], ..)]
//! struct Nightly {                 struct Nightly {
//!     mail: Port<dyn Mailer>,  ->      mail: Port<dyn Mailer>,
//! }                                    bootstrap_cron: State<Cron>,          the requirement
//!                                      #[option(config = "cron.nightly.pattern", ..)]
//!                                      bootstrap_cron_pattern: String,
//!                                  }
//!                                  impl Hooks for Nightly { load, ready, drain, close }
//! ```

use std::time::SystemTime;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    Error, Field, Fields, Item, ItemStruct, LitInt, LitStr, Path, Token, parenthesized, parse_quote,
};

use crate::pattern::{self, Pattern, Wrong};

const ARGUMENTS: &str = "the arguments are the pattern, `zone`, `overlap`, `missed`, `timeout`, `name`, and of `#[plugin]` \
                         `collect`, `after`, `child_of`, `replaces`, `load_timeout`, `close_timeout` and `crate`";

/// The plugin; or the struct as it was and what is wrong, so that one mistake is one error.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut structure = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(structure)) => structure,
        Ok(other) => {
            let error = wrong(
                &other,
                "`#[cron]` must be on a struct",
                "write `#[cron(..)] struct Nightly;`, and `impl CronTask for Nightly`",
            );
            let error = error.to_compile_error();
            return quote!(#item #error);
        }
        Err(error) => return error.to_compile_error(),
    };
    let read = Arguments::parse
        .parse2(arguments)
        .and_then(|arguments| arguments.check(&structure).map(|()| arguments));
    match read {
        Ok(arguments) => arguments.plugin(&mut structure),
        Err(error) => {
            for field in &mut structure.fields {
                let ours = |path: &Path| path.is_ident("option") || path.is_ident("local");
                field.attrs.retain(|attribute| !ours(attribute.path()));
            }
            let error = error.to_compile_error();
            quote!(#structure #error)
        }
    }
}

fn wrong(at: impl ToTokens, what: &str, help: &str) -> Error {
    Error::new_spanned(at, format!("{what}\nhelp: {help}"))
}

fn wrong_at(literal: &LitStr, Wrong { what, help }: &Wrong) -> Error {
    wrong(literal, what, help)
}

/// What is written in `#[cron(..)]`.
struct Arguments {
    pattern: LitStr,
    zone: Option<LitStr>,
    name: Option<LitStr>,
    krate: Option<Path>,
    /// Calls that set the other options of the schedule.
    options: Vec<TokenStream>,
    /// What is for `#[plugin(..)]`.
    plugin: Vec<TokenStream>,
    given: Vec<String>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let pattern = input.parse().map_err(|error| {
            let text = "`#[cron]` begins with its pattern, a literal\nhelp: write `#[cron(\"0 3 * * *\")]`";
            Error::new(error.span(), text)
        })?;
        let mut arguments = Self {
            pattern,
            zone: None,
            name: None,
            krate: None,
            options: Vec::new(),
            plugin: Vec::new(),
            given: Vec::new(),
        };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                arguments.parse_one(input)?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_one(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            self.krate = Some(input.parse()?);
            return Ok(());
        }
        let key: Ident = input.parse()?;
        let name = key.to_string();
        if self.given.contains(&name) {
            return Err(wrong(
                &key,
                &format!("`{name}` is given twice"),
                "remove one of them",
            ));
        }
        input.parse::<Token![=]>()?;
        match name.as_str() {
            "zone" => self.zone = Some(input.parse()?),
            "name" => self.name = Some(input.parse()?),
            "overlap" => self.options.push(overlap(input)?),
            "missed" => self.options.push(missed(input)?),
            "timeout" => self.options.push(timeout(input)?),
            "collect" | "after" | "child_of" | "replaces" | "load_timeout" | "close_timeout" => {
                let value = value(input)?;
                self.plugin.push(quote!(#key = #value));
            }
            "enabled" => {
                let help = "remove it: the key `cron.<name>.enabled` of the configuration switches the plugin off";
                return Err(wrong(&key, "`#[cron]` has no `enabled`", help));
            }
            other => {
                let what = format!("`{other}` is not an argument of `#[cron]`");
                return Err(wrong(&key, &what, ARGUMENTS));
            }
        }
        self.given.push(name);
        Ok(())
    }

    /// What the run time would refuse.
    fn check(&self, structure: &ItemStruct) -> syn::Result<()> {
        if !structure.generics.params.is_empty() {
            let help = "write one struct for each schedule";
            return Err(wrong(
                &structure.generics,
                "a struct with `#[cron]` can't be generic",
                help,
            ));
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if let Some(name) = &self.name {
            let text = name.value();
            if text.is_empty() || text.len() > 200 || !text.chars().all(is_word) {
                let what = "the name of a schedule is one word of letters, digits, `-` and `_`";
                return Err(wrong(name, what, "write `name = \"nightly-report\"`"));
            }
            if text == "store" {
                let what =
                    "a schedule can't be called `store`, because `cron.store` chooses the engine";
                return Err(wrong(name, what, "choose another name"));
            }
        }
        let zone = match &self.zone {
            Some(zone) => pattern::zone(&zone.value()).map_err(|error| wrong_at(zone, &error))?,
            None => jiff::tz::TimeZone::UTC,
        };
        let text = self.pattern.value();
        let first =
            Pattern::new(&text, zone).and_then(|pattern| pattern.first(&text, SystemTime::now()));
        first
            .map(drop)
            .map_err(|error| wrong_at(&self.pattern, &error))
    }

    fn plugin(&self, structure: &mut ItemStruct) -> TokenStream {
        let ident = structure.ident.clone();
        let krate = self.krate.as_ref();
        let krate = krate.map_or_else(|| quote!(::bootstrap_services), ToTokens::to_token_stream);
        let (cron, private) = (quote!(#krate::cron), quote!(#krate::cron::private));
        let bootstrap = quote!(#private::bootstrap);
        let name = self
            .name
            .as_ref()
            .map_or_else(|| kebab_case(&ident.to_string()), LitStr::value);
        let enabled = format!("cron.{name}.enabled");
        let key = format!("cron.{name}.pattern");
        let pattern = &self.pattern;
        let [at_cron, at_pattern] = add_fields(
            structure,
            [
                parse_quote!(bootstrap_cron: #bootstrap::State<#cron::Cron>),
                parse_quote! {
                    #[option(config = #key, default = ::std::string::String::from(#pattern), setter = false)]
                    bootstrap_cron_pattern: ::std::string::String
                },
            ],
        );
        let zone = self.zone.as_ref().map(|zone| quote!(.zone(#zone)));
        let (options, plugin) = (&self.options, &self.plugin);
        let cfgs: Vec<_> = structure
            .attrs
            .iter()
            .filter(|it| it.path().is_ident("cfg"))
            .cloned()
            .collect();
        let options = options.iter().map(|option| quote!(.#option));
        quote! {
            #[#bootstrap::plugin(
                crate = #bootstrap,
                name = #name,
                ports = [self as dyn #private::Task<#ident>],
                enabled = #enabled,
                #(#plugin,)*
            )]
            #structure

            #(#cfgs)*
            const _: () = {
                use #cron::{Missed, Overlap};
                use ::core::time::Duration;

                impl #ident {
                    fn __cron_schedule(&self) -> #cron::Schedule {
                        #cron::Schedule::new(#name, ::core::clone::Clone::clone(&self.#at_pattern)) #zone #(#options)*
                    }
                }

                impl #bootstrap::Hooks for #ident {
                    async fn load(&mut self, cx: &mut #bootstrap::LoadContext) -> #bootstrap::Result<()> {
                        #private::check(&self.#at_cron, &self.__cron_schedule(), cx, #key)
                    }

                    async fn ready(&self, cx: &#bootstrap::ReadyContext<Self>) -> #bootstrap::Result<()> {
                        #private::enter(&self.#at_cron, self.__cron_schedule(), &cx.try_get::<#private::PortOf<Self>>()?)
                    }

                    async fn drain(&self, cx: &#bootstrap::DrainContext<Self>) -> #bootstrap::Result<()> {
                        #private::leave(&self.#at_cron, #name, cx.remaining()).await;
                        ::core::result::Result::Ok(())
                    }

                    async fn close(&self, cx: &#bootstrap::CloseContext<Self>) -> #bootstrap::Result<()> {
                        #private::leave(&self.#at_cron, #name, cx.remaining()).await;
                        ::core::result::Result::Ok(())
                    }
                }
            };
        }
    }
}

/// Adds fields to a struct of any form. Returns how they are reached.
fn add_fields(structure: &mut ItemStruct, added: [Field; 2]) -> [TokenStream; 2] {
    if let Fields::Unit = structure.fields {
        structure.fields = Fields::Named(parse_quote!({}));
        structure.semi_token = None;
    }
    added.map(|mut field| match &mut structure.fields {
        Fields::Unnamed(fields) => {
            let index = syn::Index::from(fields.unnamed.len());
            (field.ident, field.colon_token) = (None, None);
            fields.unnamed.push(field);
            quote!(#index)
        }
        Fields::Named(fields) => {
            let name = field.ident.to_token_stream();
            fields.named.push(field);
            name
        }
        Fields::Unit => TokenStream::new(),
    })
}

fn overlap(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let policy: Ident = input.parse()?;
    match policy.to_string().as_str() {
        "skip" => Ok(quote!(overlap(Overlap::Skip))),
        "queue" => Ok(quote!(overlap(Overlap::Queue))),
        "allow" => Ok(quote!(overlap(Overlap::Allow))),
        other => {
            let what = format!("there is no `overlap = {other}`");
            Err(wrong(&policy, &what, "write `skip`, `queue` or `allow`"))
        }
    }
}

fn missed(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let policy: Ident = input.parse()?;
    match policy.to_string().as_str() {
        "skip" => Ok(quote!(missed(Missed::Skip))),
        "once" => Ok(quote!(missed(Missed::Once))),
        "all" if input.peek(syn::token::Paren) => {
            let content;
            parenthesized!(content in input);
            let most: LitInt = content.parse()?;
            match most.base10_parse::<u32>() {
                Ok(1..=1000) => Ok(quote!(missed(Missed::All(#most)))),
                _ => {
                    let what = "the number of `all(..)` is not between 1 and 1000";
                    Err(wrong(&most, what, "write `skip` for none"))
                }
            }
        }
        other => {
            let what = format!("there is no `missed = {other}`");
            Err(wrong(&policy, &what, "write `skip`, `once` or `all(5)`"))
        }
    }
}

fn timeout(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let literal: LitStr = input.parse()?;
    let millis = millis(&literal.value()).ok_or_else(|| {
        let what = "`timeout` takes a whole number and a unit";
        wrong(
            &literal,
            what,
            "write `ms`, `s`, `m` or `h` after the number, as in `\"5m\"`",
        )
    })?;
    Ok(quote!(timeout(Duration::from_millis(#millis))))
}

fn millis(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)
        .filter(|it| *it > 0)
}

/// Everything up to the next comma: `#[plugin]` reports what is wrong with it.
fn value(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut value = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        value.extend([input.parse::<TokenTree>()?]);
    }
    if value.is_empty() {
        return Err(input.error("expected a value"));
    }
    Ok(value)
}

/// `NightlyReport` becomes `nightly-report`, as the name of a plugin does.
fn kebab_case(ident: &str) -> String {
    let letters: Vec<char> = ident.trim_start_matches("r#").chars().collect();
    let mut kebab = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let after = letters.get(i + 1).is_some_and(|after| after.is_lowercase());
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() && before != '_' || before.is_uppercase() && after
            });
        if begins_word || *letter == '_' {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase().filter(|c| *c != '_'));
    }
    kebab.trim_matches('-').to_owned()
}
