//! The fields of a plugin: what they require, how they are reached, and how they start.
//!
//! All that can be wrong with the type of a requirement is wrong with a path through our traits
//! (`<State<Pool> as Inject>::..`), so that messages quote no bound of a function. The type is
//! written there as it is underlined: from the span of its first token to that of its last.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Member, Token};

use crate::check::{handle, wrapped};
use crate::expand::Names;
use crate::model::{DefaultValue, Field, FieldKind, PluginModel};

/// The type of each requirement is emitted once, as those of states are.
///
/// It stands in the struct as well, where rustc adds a suggestion at the name of the struct to the
/// report of a type that does not exist. So the alias has its name there: two reports that are equal
/// are shown once.
pub(crate) fn aliases(model: &PluginModel) -> TokenStream {
    if model.is_generic() {
        return TokenStream::new();
    }
    let aliases = model.requirements().map(|field| {
        let (cfgs, ty) = (&field.cfgs, without_self(&model.ident, &field.ty));
        let alias = alias(field, model.ident.span());
        quote!(#(#cfgs)* type #alias = #ty;)
    });
    aliases.collect()
}

fn alias(field: &Field, span: Span) -> Ident {
    format_ident!("__Field_{}", field.name, span = span)
}

/// The type of a field with the name of the plugin instead of `Self`, which an alias can't see.
fn without_self(plugin: &Ident, ty: impl ToTokens) -> TokenStream {
    let tokens = ty.to_token_stream().into_iter();
    let named = tokens.map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut named = plugin.clone();
            named.set_span(ident.span());
            named.into()
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_self(plugin, group.stream()));
            inner.set_span(group.span());
            inner.into()
        }
        other => other,
    });
    named.collect()
}

/// The type of a requirement with the span of the whole type.
fn underlined(field: &Field, names: &Names<'_>) -> TokenStream {
    if names.is_generic() {
        return field.ty.to_token_stream();
    }
    let private = names.private_at(field.first);
    let (alias, end) = (alias(field, field.first), Token![>](field.last));
    quote_spanned!(field.first=> #private::Itself<#alias #end)
}

/// What a declaration says about a requirement.
pub(crate) fn requirement(field: &Field, names: &Names<'_>) -> TokenStream {
    let private = names.private_at(field.first);
    let ty = underlined(field, names);
    let provided = quote_spanned!(field.first=> RequiredBy<#ty>);
    let required = constant(field, names, &ty, ["Requires", "REQUIRED"], &provided);
    // That threads can share a state is proven at its provider, which a port has none of.
    let inner = wrapped(&field.ty, "Lazy").unwrap_or(&field.ty);
    let shared = if handle(inner) == Some("State") {
        quote!(())
    } else {
        let at_port = quote_spanned!(field.first=> SharedAtPort);
        constant(field, names, &ty, ["Shares", "SHARED"], &at_port)
    };
    let project = project(field, names);
    let location = names.location(field.span);
    let (cfgs, name, text) = (&field.cfgs, &field.name, &field.text);
    quote_spanned!(field.first=> #(#cfgs)*
        #private::field(#project, #required, #shared).requirement(#name, #text, #location)
    )
}

/// A constant of what a field requires or shares, by a path that rustc underlines as it does the
/// type.
fn constant(
    field: &Field,
    names: &Names<'_>,
    ty: &TokenStream,
    [of, constant]: [&str; 2],
    by: &TokenStream,
) -> TokenStream {
    let private = names.private_at(field.first);
    let (of, constant) = (Ident::new(of, field.last), Ident::new(constant, field.last));
    let end = Token![>](field.last);
    // `< <` with a space: as one token it would have one span.
    quote_spanned!(field.first=>
        < <#ty as #private::Inject>::#of as #private::#by #end::#constant
    )
}

/// The way from the plugin to the field that holds what is bound of its derived requirements.
pub(crate) fn derived(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    model.requires.as_ref()?;
    let mut fields = model.fields.iter();
    let field = fields.find(|field| matches!(field.kind, FieldKind::Derived))?;
    let private = names.private_at(field.first);
    let project = project(field, names);
    Some(quote_spanned!(field.first=> #private::derived(#project)))
}

/// An option that is read, as a value that knows how to read it.
pub(crate) fn configured(field: &Field, names: &Names<'_>) -> TokenStream {
    let private = names.private_at(field.first);
    let project = project(field, names);
    quote_spanned!(field.first=> #private::configured(#project))
}

/// From the plugin to the field: a closure that rustc underlines as it does the type.
fn project(field: &Field, names: &Names<'_>) -> TokenStream {
    let plugin = respanned(names.plugin(), field.first);
    let mut member = field.member.clone();
    let place = field.span.located_at(field.last);
    match &mut member {
        Member::Named(ident) => ident.set_span(place),
        Member::Unnamed(index) => index.span = place,
    }
    quote_spanned!(field.first=> |__plugin: &mut #plugin| &mut __plugin.#member)
}

/// The same names, blamed on another place.
fn respanned(tokens: TokenStream, place: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    tokens.into_iter().map(respan).collect()
}

/// The value with which a field starts.
pub(crate) fn start(field: &Field, names: &Names<'_>) -> TokenStream {
    match &field.kind {
        FieldKind::Option(DefaultValue::Expr(expr)) => expr.to_token_stream(),
        // By the trait of its declaration, and in the same words, so that a field that can't be
        // injected is reported once.
        FieldKind::Requirement => {
            let private = names.private_at(field.first);
            let ty = underlined(field, names);
            quote_spanned!(field.first=> <#ty as #private::Inject>::unbound())
        }
        FieldKind::Derived => {
            let private = names.private_at(field.first);
            quote_spanned!(field.first=> #private::extend::Requirements::of(&__DERIVED()))
        }
        FieldKind::Local => type_default(field, names, "LocalDefault"),
        FieldKind::Option(_) => type_default(field, names, "OptionDefault"),
    }
}

/// What sets the plugin's own memory back.
pub(crate) fn reset(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let reset = model.locals().map(|field| reset_field(field, names));
    let reset: Vec<_> = reset.collect();
    let is_there = !reset.is_empty();
    is_there.then(|| quote!(fn reset(&mut self) { #(#reset)* }))
}

fn reset_field(field: &Field, names: &Names<'_>) -> TokenStream {
    let (cfgs, member) = (&field.cfgs, &field.member);
    let default = type_default(field, names, "LocalDefault");
    quote!(#(#cfgs)* { self.#member = #default; })
}

/// The default of the type, by the trait whose words fit the field.
fn type_default(field: &Field, names: &Names<'_>, by: &str) -> TokenStream {
    let private = names.private_at(field.first);
    let by = Ident::new(by, field.first);
    quote_spanned!(field.first=> #private::#by::start())
}
