//! What the attribute stands on, and the attributes on its fields.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, ItemStruct, Member};

use crate::args::OptionArgs;
use crate::diagnostics::Diagnostics;
use crate::model::{DefaultValue, Field, FieldKind};

/// Parses the struct; anything else is reported in the words that fit it.
pub(crate) fn parse(tokens: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ItemStruct> {
    match syn::parse2::<syn::Item>(tokens.clone()) {
        Ok(syn::Item::Struct(item)) => Some(item),
        Ok(other) => {
            let (token, what) = describe(&other);
            diagnostics.at(
                token,
                format_args!(
                    "`#[plugin]` goes on a struct, not on {what}: its fields are what the plugin needs"
                ),
            );
            None
        }
        Err(error) => {
            diagnostics.push(error);
            None
        }
    }
}

fn describe(item: &syn::Item) -> (TokenStream, &'static str) {
    match item {
        syn::Item::Enum(item) => (item.enum_token.to_token_stream(), "an enum"),
        syn::Item::Union(item) => (item.union_token.to_token_stream(), "a union"),
        syn::Item::Fn(item) => (item.sig.fn_token.to_token_stream(), "a function"),
        syn::Item::Impl(item) => (item.impl_token.to_token_stream(), "an `impl`"),
        syn::Item::Trait(item) => (item.trait_token.to_token_stream(), "a trait"),
        syn::Item::Type(item) => (item.type_token.to_token_stream(), "a type alias"),
        syn::Item::Mod(item) => (item.mod_token.to_token_stream(), "a module"),
        other => (other.to_token_stream(), "this"),
    }
}

/// Reads the attributes on the fields and takes ours off, because rustc does not know them.
pub(crate) fn take_fields(item: &mut ItemStruct, diagnostics: &mut Diagnostics) -> Vec<Field> {
    let mut fields = Vec::new();
    for (field, member) in item.fields.iter_mut().zip(0_u32..) {
        let span = field
            .ident
            .as_ref()
            .map_or_else(|| field.ty.span(), proc_macro2::Ident::span);
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(syn::Index {
                index: member,
                span,
            }),
        };
        let name = match &field.ident {
            Some(ident) => syn::ext::IdentExt::unraw(ident).to_string(),
            None => member.to_token_stream().to_string(),
        };
        let ours = take_ours(&mut field.attrs);
        fields.push(Field {
            member,
            name,
            span,
            ty: field.ty.clone(),
            kind: kind(&ours, diagnostics),
        });
    }
    fields
}

fn take_ours(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let (ours, theirs) = attributes
        .drain(..)
        .partition(|attribute| is(attribute, "option") || is(attribute, "local"));
    *attributes = theirs;
    ours
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

fn kind(ours: &[Attribute], diagnostics: &mut Diagnostics) -> FieldKind {
    let [first, rest @ ..] = ours else {
        return FieldKind::Requirement;
    };
    for another in rest {
        let message = if is(first, "option") && is(another, "option") {
            "`#[option]` stands here twice"
        } else if is(first, "local") && is(another, "local") {
            "`#[local]` stands here twice"
        } else {
            "a field is an `#[option]` or `#[local]`, not both"
        };
        diagnostics.at(another, message);
    }
    if is(first, "local") {
        if !matches!(first.meta, syn::Meta::Path(_)) {
            diagnostics.at(
                first,
                "`#[local]` takes no argument: the field starts as the default of its type",
            );
        }
        return FieldKind::Local;
    }
    FieldKind::Option(match OptionArgs::parse(first, diagnostics) {
        OptionArgs::TypeDefault => DefaultValue::OfItsType,
        OptionArgs::Default(expr) => DefaultValue::Expr(expr),
        OptionArgs::Required => DefaultValue::Required,
    })
}
