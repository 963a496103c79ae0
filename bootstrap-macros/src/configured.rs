//! What comes from the configuration: options, and keys that switch a plugin on or off.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitBool, LitStr};

use crate::args::{Enabled, KeySwitch, PluginArgs};
use crate::check::text;
use crate::diagnostics::Diagnostics;
use crate::expand::Names;
use crate::fields::{self, start};
use crate::model::{DefaultValue, Field, FieldKind, PluginModel};

/// Whether the runtime crate can read a configuration.
pub(crate) const IS_ON: bool = cfg!(feature = "config");

pub(crate) const NO_FEATURE: &str = "the configuration requires the feature `config` of `bootstrap`: write `bootstrap = { .., features = [\"config\"] }`";

/// What decides whether the plugin is part of an app.
pub(crate) fn enabled(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Option<Enabled> {
    let enabled = args.enabled.value()?;
    if let Enabled::Key(switch) = enabled {
        check_key(&switch.key, IS_ON, diagnostics);
    }
    Some(enabled.clone())
}

pub(crate) fn check(model: &PluginModel, diagnostics: &mut Diagnostics) {
    for (_, key) in model.configured() {
        check_key(key, IS_ON, diagnostics);
    }
}

pub(crate) fn check_key(key: &LitStr, is_on: bool, diagnostics: &mut Diagnostics) {
    if !is_on {
        diagnostics.at(key, NO_FEATURE);
        return;
    }
    let text = key.value();
    let is_word = |word: &str| !word.is_empty() && !word.contains(char::is_whitespace);
    if text.is_empty() {
        diagnostics.at(
            key,
            "a key of the configuration can't be empty: `\"database.size\"`",
        );
    } else if !text.split('.').all(is_word) {
        diagnostics.at(
            key,
            "a key of the configuration is words with dots between them: `\"database.size\"`",
        );
    }
}

/// The options that are read, in a declaration. Nothing else stands there if the runtime crate
/// can't read any.
pub(crate) fn settings(model: &PluginModel, names: &Names<'_>) -> Vec<TokenStream> {
    if !IS_ON {
        return Vec::new();
    }
    let settings = model
        .configured()
        .map(|(field, key)| setting(field, key, names));
    settings.collect()
}

fn setting(field: &Field, key: &LitStr, names: &Names<'_>) -> TokenStream {
    let location = names.location(field.span);
    let (cfgs, name, text) = (&field.cfgs, &field.name, &field.text);
    let value = fields::configured(field, names);
    let is_required = matches!(field.kind, FieldKind::Option(DefaultValue::Configured));
    let call = quote_spanned!(field.ty.span()=> #value.setting);
    quote!(#(#cfgs)* #call((#name, #text), #location, #key, #is_required))
}

/// What decides whether it is part of an app, in a declaration.
pub(crate) fn switch(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let private = names.private();
    let switch = model.enabled.as_ref().map(|enabled| {
        let (span, by): (Span, TokenStream) = match enabled {
            Enabled::Predicate(path) => {
                let (span, name) = (path.span(), text(path));
                let door = names.private_at(span);
                let ask = quote_spanned!(span=> #door::answer(#path()));
                (span, quote!(Predicate { text: #name, ask: || #ask }))
            }
            Enabled::Key(_) if !IS_ON => return None,
            Enabled::Key(KeySwitch { key, is, default }) => {
                // A key alone enables the plugin if it is not set, and a value does not.
                let otherwise = default.as_ref().map_or(is.is_none(), LitBool::value);
                let is = is.as_ref().map_or_else(
                    || quote!(#private::None),
                    |value| quote!(#private::Some(#value)),
                );
                let by = quote!(Key { key: #key, is: #is, otherwise: #otherwise });
                (key.span(), by)
            }
        };
        let location = names.location(span);
        Some(quote!(#private::Switch { location: #location, by: #private::By::#by }))
    });
    switch.flatten()
}

/// How the plugin is made when the configuration is known; nothing if it has a default.
pub(crate) fn from_outside(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    if !is_made_from_outside(model) {
        return TokenStream::new();
    }
    let private = names.private();
    let fields = model.fields.iter().map(|field| {
        let (cfgs, member) = (&field.cfgs, &field.member);
        let value = match field.kind {
            FieldKind::Option(DefaultValue::Configured) => {
                let name = &field.name;
                let get = quote_spanned!(field.ty.span()=> __values.get);
                quote!(#get(#name)?)
            }
            _ => start(field, names),
        };
        quote!(#(#cfgs)* #member: #value,)
    });
    let body = quote! {
        fn from_outside(__values: &#private::Values<'_>) -> #private::Result<Self> {
            #private::Result::Ok(Self { #(#fields)* })
        }
    };
    names.implement(model.ident.span(), "FromOutside", &names.plugin(), &body)
}

pub(crate) fn is_made_from_outside(model: &PluginModel) -> bool {
    let is_made = model.is_struct && model.is_collected() && model.has_default();
    IS_ON && is_made && model.needs_configuration()
}

/// What has to hold for the plugin to have a `Default`: that its options have one. A bound without
/// variables that does not hold is an error, unless it is for all lifetimes.
pub(crate) fn default_bounds(model: &PluginModel) -> Vec<TokenStream> {
    let bounds = model.unread().map(|field| {
        let ty = field.ty.to_token_stream();
        quote!(for<'__a> #ty: ::core::default::Default)
    });
    bounds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_a_feature_of_the_runtime_crate() {
        let key = LitStr::new("database.size", Span::call_site());
        let mut diagnostics = Diagnostics::default();
        check_key(&key, false, &mut diagnostics);
        let error = diagnostics.finish().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(NO_FEATURE));
        let mut diagnostics = Diagnostics::default();
        check_key(&key, true, &mut diagnostics);
        assert!(diagnostics.finish().is_none());
    }
}
