//! `#[supplied]` and `#[section]`: states that no plugin makes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Generics, Item, LitStr, Path, Token, WherePredicate, parse_quote_spanned};

use crate::check::{renamed, text};
use crate::configured::{IS_ON, NO_FEATURE, check_key};
use crate::diagnostics::Diagnostics;
use crate::expand::location;

/// What stands in the brackets of the attribute.
#[derive(Default)]
struct Args {
    key: Option<LitStr>,
    krate: Option<Path>,
}

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut args = Self::default();
        while !input.is_empty() {
            if input.peek(LitStr) && args.key.is_none() {
                args.key = Some(input.parse()?);
            } else {
                let name = input.call(Ident::parse_any)?;
                if name != "crate" {
                    return Err(syn::Error::new(name.span(), "unknown argument"));
                }
                input.parse::<Token![=]>()?;
                args.krate = Some(input.parse()?);
            }
            if input.parse::<Option<Token![,]>>()?.is_none() {
                break;
            }
        }
        Ok(args)
    }
}

/// `#[supplied]`: `main` hands in the value.
pub(crate) fn supplied(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let example = "`#[supplied]` takes no argument";
    let args = arguments(args, example, &mut diagnostics);
    if let Some(key) = &args.key {
        diagnostics.at(key, example);
    }
    let krate = args.krate.or_else(|| renamed("supplied", &mut diagnostics));
    let subject = subject("supplied", item, &mut diagnostics);
    let declared = subject.map(|subject| subject.supplied(krate.as_ref()));
    finish(item, declared.as_ref(), diagnostics)
}

/// `#[section("key")]`: the configuration holds the value.
pub(crate) fn section(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let example = "`#[section]` takes a key of the configuration: `#[section(\"database\")]`, or \
        none for the whole of it";
    let args = arguments(args, example, &mut diagnostics);
    match &args.key {
        Some(key) => check_key(key, IS_ON, &mut diagnostics),
        None if IS_ON => {}
        None => diagnostics.push(syn::Error::new(Span::call_site(), NO_FEATURE)),
    }
    let krate = args.krate.or_else(|| renamed("section", &mut diagnostics));
    let subject = subject("section", item, &mut diagnostics);
    let key = args.key.map_or_else(String::new, |key| key.value());
    let declared = subject.map(|subject| {
        if !IS_ON || subject.is_generic() {
            // Reported: it stays a state, so that the plugins that require it have no errors.
            return subject.supplied(krate.as_ref());
        }
        let provider = quote!(__bootstrap::Provider::Plugin(__LINK));
        let declaration = section_plugin(&subject.ident, &key);
        subject.provided(krate.as_ref(), &provider, &declaration)
    });
    finish(item, declared.as_ref(), diagnostics)
}

fn arguments(args: TokenStream, example: &str, diagnostics: &mut Diagnostics) -> Args {
    let tokens = args.clone();
    Args::parse.parse2(args).unwrap_or_else(|_| {
        diagnostics.at(tokens, example);
        Args::default()
    })
}

/// The type on which the attribute stands.
struct Subject {
    ident: Ident,
    generics: Generics,
}

fn subject(attribute: &str, item: &TokenStream, diagnostics: &mut Diagnostics) -> Option<Subject> {
    // What does not parse is reported by rustc, which sees the same tokens.
    let parsed: Item = syn::parse2(item.clone()).ok()?;
    let (ident, generics) = match parsed {
        Item::Struct(item) => (item.ident, item.generics),
        Item::Enum(item) => (item.ident, item.generics),
        Item::Union(item) => (item.ident, item.generics),
        Item::Type(item) => {
            diagnostics.at(
                item.type_token,
                format_args!(
                    "an alias is another name of a type, and `#[{attribute}]` goes on a type of \
                     yours: wrap it, as in `struct {}({});`",
                    item.ident,
                    text(&item.ty),
                ),
            );
            return None;
        }
        other => {
            let message = format!("`#[{attribute}]` goes on a struct or an enum");
            diagnostics.at(other, message);
            return None;
        }
    };
    let subject = Subject { ident, generics };
    if subject.is_generic() {
        let Subject { ident, generics } = &subject;
        diagnostics.at(
            generics,
            format_args!(
                "a state is one type, and `{ident}` is many: wrap the one that you mean, as in \
                 `struct Name({ident}<..>);`"
            ),
        );
    }
    Some(subject)
}

impl Subject {
    fn is_generic(&self) -> bool {
        !self.generics.params.is_empty()
    }

    /// Says that `main` provides the type.
    fn supplied(mut self, krate: Option<&Path>) -> TokenStream {
        let (ident, span) = (&self.ident, self.ident.span());
        if self.is_generic() {
            // A mistake, but those of its types that can be states are states.
            let (_, types, _) = self.generics.split_for_impl();
            let state: WherePredicate = parse_quote_spanned!(span=>
                #ident #types: ::core::marker::Send + ::core::marker::Sync + 'static
            );
            self.generics.make_where_clause().predicates.push(state);
        }
        let location = location(span);
        let provider = quote!(__bootstrap::Provider::Supplied(#location));
        self.provided(krate, &provider, &TokenStream::new())
    }

    /// Says which plugin provides the type.
    fn provided(
        &self,
        krate: Option<&Path>,
        provider: &TokenStream,
        more: &TokenStream,
    ) -> TokenStream {
        let door = krate.map_or_else(
            || quote!(::bootstrap::__private),
            |krate| quote!(#krate::__private),
        );
        let ident = &self.ident;
        let (generics, types, wheres) = self.generics.split_for_impl();
        let implementation = quote_spanned!(ident.span()=>
            impl #generics __bootstrap::OneProviderPerState for #ident #types #wheres {
                const PROVIDER: __bootstrap::Provider = #provider;
            }
        );
        quote! {
            #[allow(clippy::all, clippy::pedantic, missing_docs, reason = "generated code")]
            const _: () = {
                use #door as __bootstrap;
                #more
                #implementation
            };
        }
    }
}

/// The plugin that reads a section, called by its key.
fn section_plugin(ident: &Ident, key: &str) -> TokenStream {
    let name = match key {
        "" => "config".to_owned(),
        key => format!("config.{key}"),
    };
    let (location, text) = (location(ident.span()), ident.to_string());
    let access = quote_spanned!(ident.span()=> &__bootstrap::section::<#ident>());
    quote! {
        static __DECLARED: __bootstrap::Declared = __bootstrap::Declared::new(
            __bootstrap::Declaration {
                provides: &[__bootstrap::StateKey::of::<#ident>()],
                settings: &[__bootstrap::Setting {
                    field: "",
                    type_text: #text,
                    location: #location,
                    key: #key,
                    required: true,
                    access: #access,
                }],
                is_section: true,
                ..__bootstrap::Declaration::of::<__bootstrap::SectionPlugin<#ident>>(
                    #name,
                    #location,
                    __bootstrap::Behaviour::section::<#ident>(),
                )
            },
            __LINK,
            __bootstrap::None,
        );
        const __LINK: __bootstrap::Link = __bootstrap::link_at!(new, 0, &__DECLARED);
        __bootstrap::inventory::submit! { __bootstrap::Sectioned(&__DECLARED.declaration) }
    }
}

fn finish(
    item: &TokenStream,
    declared: Option<&TokenStream>,
    diagnostics: Diagnostics,
) -> TokenStream {
    let errors = diagnostics.finish().map(|errors| errors.to_compile_error());
    quote!(#item #declared #errors)
}
