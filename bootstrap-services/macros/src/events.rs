//! `#[derive(Event)]` and `#[event_handler(..)]`.
//!
//! ```text
//! #[derive(Event)]                        impl Event for UserCreated { const NAME .. }
//! #[event(name = "user.created")]   ->    submit! { EventType::of::<UserCreated>(..) }
//! struct UserCreated { .. }
//! ```

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, Ident, LitInt, LitStr, Result, Type, parse_quote};

use crate::handler::{Kind, at};

/// The most bytes of a name.
const LONGEST_NAME: usize = 200;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let derived = syn::parse2(item).and_then(|input| derive_event(&input));
    derived.unwrap_or_else(|error| error.to_compile_error())
}

fn derive_event(input: &DeriveInput) -> Result<TokenStream> {
    let Options { name, version } = Options::of(input)?;
    if let Some(parameter) = input.generics.params.first() {
        let text = "an event has no generic parameters\n\
                    help: its name stands for one type: write a type for each event";
        return Err(Error::new(parameter.span(), text));
    }
    let ident = &input.ident;
    let events = quote!(::bootstrap_services::events);
    let private = quote!(::bootstrap_services::events::__private);
    Ok(quote_spanned! {ident.span()=>
        const _: () = {
            impl #events::Event for #ident {
                const NAME: &'static str = #name;
                const VERSION: u16 = #version;
                const DERIVED: #private::Derived = #private::DERIVED;
            }
            #private::inventory::submit! {
                #private::EventType::of::<#ident>(::core::file!(), ::core::line!())
            }
        };
    })
}

/// What is written in `#[event(..)]`.
struct Options {
    name: LitStr,
    version: u16,
}

impl Options {
    fn of(input: &DeriveInput) -> Result<Self> {
        let (mut name, mut version) = (None, None);
        let attributes = input.attrs.iter();
        for attribute in attributes.filter(|it| it.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    let literal: LitStr = meta.value()?.parse()?;
                    check_name(&literal)?;
                    once(&mut name, literal, &meta.path)
                } else if meta.path.is_ident("version") {
                    let literal: LitInt = meta.value()?.parse()?;
                    once(&mut version, literal.base10_parse()?, &meta.path)
                } else {
                    let text = "this is not an option of an event\n\
                                help: the options are `name` and `version`";
                    Err(Error::new(meta.path.span(), text))
                }
            })?;
        }
        let name = name.ok_or_else(|| {
            let text = format!(
                "the event `{0}` has no name\n\
                 help: write `#[event(name = \"..\")]`, for example `user.created`: other processes know it by this name, \
                 which stays if `{0}` is renamed",
                input.ident
            );
            Error::new(input.ident.span(), text)
        })?;
        let version = version.unwrap_or(1);
        Ok(Self { name, version })
    }
}

fn once<T>(slot: &mut Option<T>, value: T, key: &syn::Path) -> Result<()> {
    if slot.replace(value).is_some() {
        let text = "this option is set twice\nhelp: remove one of the two";
        return Err(Error::new(key.span(), text));
    }
    Ok(())
}

/// The rule of `Pattern` at run time, without wildcards.
fn check_name(literal: &LitStr) -> Result<()> {
    let name = literal.value();
    let is_segment = |segment: &str| {
        let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !segment.is_empty() && segment.chars().all(is_right)
    };
    if name.len() <= LONGEST_NAME && name.split('.').all(is_segment) {
        return Ok(());
    }
    let text = format!(
        "`{name}` is not the name of an event\n\
         help: write segments of `a-z`, `0-9` and `-` with dots between them, for example `user.created`; \
         at most {LONGEST_NAME} characters"
    );
    Err(Error::new(literal.span(), text))
}

/// `#[event_handler(..)]`.
pub(crate) const HANDLER: Kind = Kind {
    what: "a handler of events",
    no_type: "a handler of events lists them\n\
              help: write the types of the events: `#[event_handler(UserCreated)]`",
    takes_several: true,
    ports: |_| {
        vec![quote!(
            self as dyn ::bootstrap_services::events::EventHandler
        )]
    },
    name: |_| None,
    fields: || {
        vec![parse_quote! {
            event_handlers: ::bootstrap::Lazy<::bootstrap::State<::bootstrap_services::events::EventHandlers>>
        }]
    },
    implement,
    proof: None,
};

fn implement(ident: &Ident, events: &[Type]) -> TokenStream {
    let adds = events
        .iter()
        .map(|event| quote_spanned!(at(event)=> list.add::<#event, Self>(&self);));
    quote! {
        impl ::bootstrap_services::events::EventHandler for #ident {
            fn attach(
                self: ::std::sync::Arc<Self>,
                list: &mut ::bootstrap_services::events::HandlerList,
            ) {
                // Read by nothing: it makes the plugin that runs handlers part of the app.
                let _ = &self.event_handlers;
                #(#adds)*
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::expand;

    fn expanded(arguments: TokenStream, item: &TokenStream) -> (String, usize) {
        let text = expand(&HANDLER, arguments, item).to_string();
        let errors = text.matches("compile_error").count();
        (text, errors)
    }

    #[test]
    fn a_mistake_is_one_error_and_leaves_a_plugin_with_its_arguments() {
        for (arguments, item) in [
            (
                quote!(name = "log"),
                quote!(
                    struct Log {}
                ),
            ),
            (
                quote!(name = "log", UserCreated),
                quote!(
                    struct Log;
                ),
            ),
            (
                quote!(name = "log", UserCreated),
                quote!(
                    struct Log(u32);
                ),
            ),
            (
                quote!(name = "log", UserCreated),
                quote!(
                    struct Log<T> {
                        value: T,
                    }
                ),
            ),
            (
                quote!(name = "log", 7),
                quote!(
                    struct Log {}
                ),
            ),
        ] {
            let (text, errors) = expanded(arguments, &item);
            assert_eq!(errors, 1, "{text}");
            assert!(text.contains(":: bootstrap :: plugin"), "{text}");
            assert!(text.contains("name = \"log\""), "{text}");
            assert!(!text.contains("EventHandler"), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_struct_is_left_to_the_attribute_of_plugins() {
        let item = quote!(
            enum Log {}
        );
        let (text, errors) = expanded(quote!(UserCreated), &item);
        let expected = quote!(#[::bootstrap::plugin] #item);
        assert_eq!((text, errors), (expected.to_string(), 0));
    }
}
