//! Attributes of handlers: `#[event_handler(..)]`, `#[job_handler(..)]` and `#[workflow(..)]`. Types come first; what else is written is for `#[plugin]`.
//!
//! ```text
//! #[event_handler(UserCreated, name = "mailer")]     #[plugin(name = "mailer", ports = [self as dyn EventHandler])]
//! struct Mailer { .. }                          ->   struct Mailer { .., event_handlers: Lazy<State<EventHandlers>> }
//!                                                    impl EventHandler for Mailer { .. }
//! ```

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, Field, Fields, Ident, ItemStruct, Result, Token, Type, bracketed, parse_quote,
};

/// One of the attributes.
pub(crate) struct Kind {
    /// What a plugin with it is, as in `a handler of events`.
    pub(crate) what: &'static str,
    /// What is wrong if no type is written, and what to do.
    pub(crate) no_type: &'static str,
    /// Whether there may be several types.
    pub(crate) takes_several: bool,
    /// The ports that the attribute adds.
    pub(crate) ports: fn(&[Type]) -> Vec<TokenStream>,
    /// The name of the plugin, if it is not given.
    pub(crate) name: fn(&[Type]) -> Option<TokenStream>,
    /// The fields that make what runs the handlers part of the app: that requires all of them, so the way back is without an order.
    pub(crate) fields: fn() -> Vec<Field>,
    /// The implementation of the port.
    pub(crate) implement: fn(&Ident, &[Type]) -> TokenStream,
    /// The proof that a plugin has the attribute, if a port demands it.
    pub(crate) proof: Option<fn() -> Proof>,
}

/// A trait that is implemented for the type in the attribute, and a bound of all such types.
pub(crate) struct Proof {
    pub(crate) of: TokenStream,
    pub(crate) bound: TokenStream,
}

impl Proof {
    fn of(&self, ident: &Ident, written: &Type) -> TokenStream {
        let of = &self.of;
        quote!(impl #of<#written> for #ident {})
    }

    /// For all types, so that a mistake in the attribute is not reported at the implementation of the port as well.
    fn of_all(&self, plugin: &ItemStruct) -> TokenStream {
        let (of, bound, ident) = (&self.of, &self.bound, &plugin.ident);
        let mut all = plugin.generics.clone();
        all.params.push(parse_quote!(BootstrapProof: #bound));
        let (all, ..) = all.split_for_impl();
        let (_, own, bounds) = plugin.generics.split_for_impl();
        quote!(impl #all #of<BootstrapProof> for #ident #own #bounds {})
    }
}

/// The plugin. After a mistake it is still one, without handlers, so that one mistake is one error.
pub(crate) fn expand(kind: &Kind, arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let Ok(mut plugin) = syn::parse2::<ItemStruct>(item.clone()) else {
        // `#[plugin]` reports what is not a struct.
        return quote!(#[::bootstrap::plugin] #item);
    };
    let mut read = Arguments::default();
    let parsed = (|input: ParseStream<'_>| read.parse(kind, input)).parse2(arguments);
    let implementation = match parsed.and_then(|()| attach(kind, &read.types, &mut plugin)) {
        Ok(implementation) => {
            read.ports.extend((kind.ports)(&read.types));
            if let Some(name) = (kind.name)(&read.types).filter(|_| !read.has_name) {
                read.plugin.push(quote!(name = #name));
            }
            implementation
        }
        Err(error) => {
            let proof = kind.proof.map(|proof| proof().of_all(&plugin));
            let error = error.to_compile_error();
            quote!(#error #proof)
        }
    };
    let (ports, others) = (&read.ports, &read.plugin);
    quote! {
        #[::bootstrap::plugin(ports = [#(#ports),*], #(#others),*)]
        #plugin

        #implementation
    }
}

/// Where a type is written, for what is wrong with it. Names are those of the attribute, as the type may come from a macro.
pub(crate) fn at(written: &Type) -> Span {
    written.span().resolved_at(Span::call_site())
}

/// What is written in the attribute.
#[derive(Default)]
struct Arguments {
    types: Vec<Type>,
    ports: Vec<TokenStream>,
    has_name: bool,
    /// What is for `#[plugin(..)]`.
    plugin: Vec<TokenStream>,
}

impl Arguments {
    fn parse(&mut self, kind: &Kind, input: ParseStream<'_>) -> Result<()> {
        while !input.is_empty() {
            self.parse_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        match &self.types[..] {
            [] => Err(Error::new(Span::call_site(), kind.no_type)),
            [_, second, ..] if !kind.takes_several => {
                let text = format!(
                    "{} has one type\nhelp: write a plugin for each type",
                    kind.what
                );
                Err(Error::new_spanned(second, text))
            }
            _ => Ok(()),
        }
    }

    fn parse_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(Ident) && input.peek2(Token![=]) {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            if key == "ports" {
                let list;
                bracketed!(list in input);
                let ports = Punctuated::<Port, Token![,]>::parse_terminated(&list)?;
                self.ports.extend(ports.into_iter().map(|port| port.0));
            } else {
                self.has_name |= key == "name";
                let value: Expr = input.parse()?;
                self.plugin.push(quote!(#key = #value));
            }
        } else if input.peek(Ident) && input.fork().parse::<Ident>()? == "primary" {
            let key: Ident = input.parse()?;
            self.plugin.push(quote!(#key));
        } else {
            self.types.push(input.parse()?);
        }
        Ok(())
    }
}

/// One item of `ports = [..]`, which `#[plugin]` checks.
struct Port(TokenStream);

impl Parse for Port {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut tokens = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            tokens.extend([input.parse::<proc_macro2::TokenTree>()?]);
        }
        Ok(Self(tokens))
    }
}

/// Adds the field of a handler. Returns the implementation of its port.
fn attach(kind: &Kind, types: &[Type], plugin: &mut ItemStruct) -> Result<TokenStream> {
    let ident = plugin.ident.clone();
    let Fields::Named(fields) = &mut plugin.fields else {
        let text = format!(
            "{} has named fields\n\
             help: write `struct {ident} {{}}`, and `{ident}::default()` where it is registered: \
             the attribute adds a field",
            kind.what
        );
        return Err(Error::new(ident.span(), text));
    };
    if let Some(parameter) = plugin.generics.params.first() {
        let text = format!(
            "{} has no generic parameters\nhelp: write a plugin for each type",
            kind.what
        );
        return Err(Error::new_spanned(parameter, text));
    }
    fields.named.extend((kind.fields)());
    let implementation = (kind.implement)(&ident, types);
    let proof = kind.proof.map(|proof| proof().of(&ident, &types[0]));
    Ok(quote!(#implementation #proof))
}
