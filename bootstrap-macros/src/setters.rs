//! How options are set in code, also from other crates: `Http::default().port(80)`, and
//! `Database::new(file)` for a plugin with options that have no default.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Attribute;

use crate::expand::Names;
use crate::fields;
use crate::model::{DefaultValue, Field, FieldKind, PluginModel};

/// A method for each option, with the visibility of its field, and the constructor.
pub(crate) fn setters(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let setters: Vec<_> = model.settable().map(setter).collect();
    let constructor = model.has_constructor().then(|| constructor(model, names));
    if setters.is_empty() && constructor.is_none() {
        return None;
    }
    let (generics, types, wheres) = model.generics.split_for_impl();
    let ident = &model.ident;
    // At the name of the struct, for the reason for which aliases of fields have their names there.
    Some(quote_spanned!(ident.span()=>
        impl #generics #ident #types #wheres { #constructor #(#setters)* }
    ))
}

fn setter((field, name): (&Field, &Ident)) -> TokenStream {
    let (cfgs, vis, ty) = (&field.cfgs, &field.vis, &field.ty);
    let docs = docs(&field.docs, || format!("Sets the option `{}`.", field.name));
    // The type of the field, and no `impl Into` of it: a number would have no type. No parameter with
    // the name of the field: a static of that name would be an error.
    quote_spanned!(name.span()=>
        #(#cfgs)* #docs
        #vis fn #name(mut self, __value: #ty) -> Self {
            self.#name = __value;
            self
        }
    )
}

/// Takes the required options, in the order of the fields.
fn constructor(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let arguments = model.required().map(|field| {
        let (cfgs, member, ty) = (&field.cfgs, &field.member, &field.ty);
        quote!(#(#cfgs)* #member: #ty)
    });
    let values = model.fields.iter().map(|field| {
        let (cfgs, member) = (&field.cfgs, &field.member);
        let value = match &field.kind {
            FieldKind::Option(DefaultValue::Required) => member.to_token_stream(),
            _ => fields::start(field, names),
        };
        quote!(#(#cfgs)* #member: #value,)
    });
    let required: Vec<_> = model.required().map(|field| field.name.as_str()).collect();
    let doc = format!(
        "Makes the plugin with its required options: `{}`. The others have their defaults.",
        required.join("`, `")
    );
    let vis = &model.vis;
    quote_spanned!(model.ident.span()=>
        #[doc = #doc]
        #vis fn new(#(#arguments),*) -> Self {
            Self { #(#values)* }
        }
    )
}

fn docs(written: &[Attribute], otherwise: impl FnOnce() -> String) -> TokenStream {
    if written.is_empty() {
        let doc = otherwise();
        quote!(#[doc = #doc])
    } else {
        quote!(#(#written)*)
    }
}
