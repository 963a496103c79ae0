//! The rules that turn arguments and a struct into a model.
//!
//! | mistake | who reports it | where |
//! |---|---|---|
//! | unknown, repeated, malformed argument | `args` | the key, or the value |
//! | not a struct; wrong attributes on fields | `item` | the keyword; the attribute |
//! | empty or unprintable name | here | the literal |
//! | the same state written twice | here, by its tokens | the second one |
//! | generics on a collected plugin | here | the generics |
//! | a required option on a collected plugin | here | the field |
//! | `derive(Default)` beside the generated one | here | the derive |
//! | a type that does not exist | rustc | the type |
//! | a state without provider; a field that can't be injected | rustc, by `Inject` | the field's type |
//! | two providers of one state; a foreign type as a state | rustc, coherence | the state |
//! | a state or a plugin that is not `Send + Sync + 'static` | rustc, supertraits | the state; the plugin |
//! | a missing `impl Hooks`; `load` that makes something else | rustc, by `Hooks` | the plugin; the hook |
//! | plugins in a circle, also of one | rustc, by a constant that walks the graph | the plugin |
//! | one state under two aliases; two plugins with one name | the plan | at run time |

use std::collections::HashSet;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Attribute, GenericParam, ItemStruct, LitStr};

use crate::args::PluginArgs;
use crate::diagnostics::Diagnostics;
use crate::item;
use crate::model::{DefaultValue, FieldKind, PluginModel};
use crate::time;

/// Applies every rule. The model is usable only if `diagnostics` stayed empty; if it did not, it
/// is still good enough to keep the rest of the program from failing because of this item.
pub(crate) fn check(
    args: &PluginArgs,
    mut item: ItemStruct,
    diagnostics: &mut Diagnostics,
) -> PluginModel {
    let fields = item::take_fields(&mut item, diagnostics);
    let model = PluginModel {
        ident: item.ident.clone(),
        generics: item.generics.clone(),
        krate: args.krate.value().cloned(),
        name: name(args, &item.ident, diagnostics),
        states: args.states.value().cloned().unwrap_or_default(),
        after: args.after.value().cloned().unwrap_or_default(),
        timeout: limit(args.timeout.value(), diagnostics),
        close_timeout: limit(args.close_timeout.value(), diagnostics),
        stands_in_for: args.stands_in_for.value().cloned(),
        collect: is_collected(args, diagnostics),
        derives_default: item
            .attrs
            .iter()
            .any(|attr| derived_default(attr).is_some()),
        fields,
        item,
    };
    states_differ(&model, diagnostics);
    can_be_collected(&model, diagnostics);
    borrows_nothing(&model, diagnostics);
    derives_no_default(&model, diagnostics);
    model
}

fn name(args: &PluginArgs, ident: &Ident, diagnostics: &mut Diagnostics) -> LitStr {
    let Some(name) = args.name.value() else {
        return LitStr::new(&kebab_case(&ident.to_string()), ident.span());
    };
    let text = name.value();
    if text.is_empty() {
        diagnostics.at(name, "a plugin's name can't be empty: messages show it");
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#' || c == '`') {
        diagnostics.at(
            name,
            "a plugin's name is one word: no spaces, no `#` (it numbers instances), no backtick",
        );
    }
    name.clone()
}

/// `HttpServer2` becomes `http-server2`, `HTTPServer` becomes `http-server`.
pub(crate) fn kebab_case(ident: &str) -> String {
    let ident = ident.trim_start_matches("r#");
    let letters: Vec<char> = ident.chars().collect();
    let mut kebab = String::with_capacity(ident.len() + 4);
    for (i, letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let after = letters.get(i + 1);
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins_word || *letter == '_' {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase().filter(|c| *c != '_'));
    }
    kebab.trim_matches('-').to_owned()
}

fn limit(text: Option<&LitStr>, diagnostics: &mut Diagnostics) -> Option<u64> {
    diagnostics.keep(time::millis(text?))
}

fn is_collected(args: &PluginArgs, diagnostics: &mut Diagnostics) -> bool {
    let stands_in = args.stands_in_for.key().is_some();
    match args.collect.value() {
        Some(collect) if stands_in && collect.value => {
            diagnostics.at(
                collect,
                "a stand-in is never collected: it replaces a plugin where it is registered",
            );
            false
        }
        Some(collect) => collect.value,
        None => !stands_in,
    }
}

fn states_differ(model: &PluginModel, diagnostics: &mut Diagnostics) {
    let mut seen = HashSet::new();
    for state in &model.states {
        let text = text(state);
        if seen.contains(&text) {
            diagnostics.at(state, format_args!("the state `{text}` is listed twice"));
        }
        seen.insert(text);
    }
}

fn can_be_collected(model: &PluginModel, diagnostics: &mut Diagnostics) {
    if !model.collect {
        return;
    }
    if model.is_generic() {
        diagnostics.at(
            &model.generics,
            "a plugin with generic parameters can't be collected: write `collect = false`, and register it with the types that it is for",
        );
    }
    for field in &model.fields {
        if matches!(field.kind, FieldKind::Option(DefaultValue::Required)) {
            diagnostics.push(syn::Error::new(
                field.span,
                format_args!(
                    "the option `{}` has no default, so this plugin can't be collected: give it one, or write `collect = false` and register the plugin",
                    field.name
                ),
            ));
        }
    }
}

fn borrows_nothing(model: &PluginModel, diagnostics: &mut Diagnostics) {
    for param in &model.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            diagnostics.at(
                lifetime,
                "a plugin lives as long as its app and can't borrow: own the value, or share it in an `Arc`",
            );
        }
    }
}

fn derives_no_default(model: &PluginModel, diagnostics: &mut Diagnostics) {
    if !model.has_default() {
        return;
    }
    for attribute in &model.item.attrs {
        if let Some(default) = derived_default(attribute) {
            diagnostics.at(
                default,
                "`#[plugin]` implements `Default` from the options: take it out of the derive",
            );
        }
    }
}

fn derived_default(attribute: &Attribute) -> Option<syn::Path> {
    if !attribute.path().is_ident("derive") {
        return None;
    }
    let mut found = None;
    // A malformed derive is rustc's to report.
    let _ = attribute.parse_nested_meta(|meta| {
        if meta
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Default")
        {
            found = Some(meta.path);
        }
        Ok(())
    });
    found
}

/// Tokens as a person would write them: `State<Config>`, `[u8; 4]`.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let spaced: Vec<char> = tokens.to_token_stream().to_string().chars().collect();
    let tight = |c: Option<&char>| c.is_none_or(|c| "<>:&()[];,".contains(*c));
    let mut text = String::with_capacity(spaced.len());
    for (i, c) in spaced.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| spaced.get(i));
        let separates = matches!(before, Some(',' | ';'));
        let dispensable = *c == ' ' && (tight(before) || tight(spaced.get(i + 1)));
        if !dispensable || separates {
            text.push(*c);
        }
    }
    text
}
