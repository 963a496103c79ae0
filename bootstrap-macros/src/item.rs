//! What the attribute stands on, and the attributes on its fields.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Generics, Item, ItemStruct, LitStr, Member, Meta, Path, Token, Type, Visibility,
    parse_quote_spanned,
};

use crate::args::{OptionArgs, Start};
use crate::check::{handle, shown, text, wrapped, wrapped_mut};
use crate::diagnostics::Diagnostics;
use crate::generics::bound_parameters;
use crate::model::{DefaultValue, Field, FieldKind};
use crate::suggest::nearest;

/// What the attribute stands on, as far as it can be a plugin.
pub(crate) struct Subject {
    /// The item without the attributes that are ours.
    pub(crate) tokens: TokenStream,
    pub(crate) is_struct: bool,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) fields: Vec<Field>,
}

/// Parses the struct; anything else is reported in the words that fit it. `krate` is where the
/// runtime crate is, if not at `::bootstrap`.
pub(crate) fn parse(
    tokens: &TokenStream,
    krate: Option<&Path>,
    diagnostics: &mut Diagnostics,
) -> Option<Subject> {
    // A struct first, without the look ahead that any item takes.
    match syn::parse2(tokens.clone()) {
        Ok(item) => Some(parse_struct(item, krate, diagnostics)),
        Err(_) => no_struct(tokens, diagnostics),
    }
}

fn parse_struct(
    mut item: ItemStruct,
    krate: Option<&Path>,
    diagnostics: &mut Diagnostics,
) -> Subject {
    take_second_plugin(&mut item.attrs, diagnostics);
    // Not in the struct, where rustc would report them at each of its uses.
    let mut generics = item.generics.clone();
    bound_parameters(&mut generics, diagnostics);
    let fields = take_fields(&mut item, krate, diagnostics);
    Subject {
        tokens: item.to_token_stream(),
        is_struct: true,
        vis: item.vis,
        ident: item.ident,
        generics,
        attributes: item.attrs,
        fields,
    }
}

/// A type that can't be a plugin is kept usable all the same, so that its users have no errors of
/// their own.
fn no_struct(tokens: &TokenStream, diagnostics: &mut Diagnostics) -> Option<Subject> {
    // What does not parse is reported by rustc, which sees the same tokens.
    let item = syn::parse2(tokens.clone()).ok()?;
    let (token, what) = describe(&item);
    diagnostics.at(
        token,
        format_args!(
            "`#[plugin]` goes on a struct, not on {what}: its fields are what the plugin needs"
        ),
    );
    let (ident, generics) = match item {
        Item::Enum(item) => (item.ident, item.generics),
        Item::Union(item) => (item.ident, item.generics),
        _ => return None,
    };
    Some(Subject {
        tokens: tokens.clone(),
        is_struct: false,
        vis: Visibility::Inherited,
        ident,
        generics,
        attributes: Vec::new(),
        fields: Vec::new(),
    })
}

fn take_second_plugin(attributes: &mut Vec<Attribute>, diagnostics: &mut Diagnostics) {
    attributes.retain(|attribute| {
        let path = text(attribute.path());
        let again = matches!(
            path.as_str(),
            "plugin" | "bootstrap::plugin" | "::bootstrap::plugin"
        );
        if again {
            diagnostics.at(
                attribute,
                "`#[plugin]` stands here twice: write one with the arguments of both",
            );
        }
        !again
    });
}

fn describe(item: &Item) -> (TokenStream, &'static str) {
    match item {
        Item::Enum(item) => (item.enum_token.to_token_stream(), "an enum"),
        Item::Union(item) => (item.union_token.to_token_stream(), "a union"),
        Item::Fn(item) => (item.sig.fn_token.to_token_stream(), "a function"),
        Item::Impl(item) => (item.impl_token.to_token_stream(), "an `impl`"),
        Item::Trait(item) => (item.trait_token.to_token_stream(), "a trait"),
        Item::Type(item) => (item.type_token.to_token_stream(), "a type alias"),
        Item::Mod(item) => (item.mod_token.to_token_stream(), "a module"),
        other => (other.to_token_stream(), "this"),
    }
}

/// Reads the attributes on the fields and takes ours off, because rustc does not know them.
fn take_fields(
    item: &mut ItemStruct,
    krate: Option<&Path>,
    diagnostics: &mut Diagnostics,
) -> Vec<Field> {
    let theirs_may_be_helpers = item.attrs.iter().any(brings_helpers);
    let count = item.fields.len();
    let mut fields = Vec::new();
    for (field, index) in item.fields.iter_mut().zip(0_u32..) {
        if !theirs_may_be_helpers {
            correct_spelling(&mut field.attrs, diagnostics);
        }
        let ours = take_ours(&mut field.attrs, diagnostics);
        let role = role(&ours, &field.ty, diagnostics);
        if matches!(role.kind, FieldKind::Requirement) {
            correct_state(&mut field.ty, krate, diagnostics);
        }
        let field = describe_field(field, index, role);
        let is_last = fields.len() + 1 == count;
        if let (Member::Unnamed(_), Some(cfg), false) = (&field.member, field.cfgs.first(), is_last)
        {
            diagnostics.at(
                cfg,
                "without this field those after it have other numbers: give the fields names",
            );
        }
        fields.push(field);
    }
    fields
}

/// What the attributes on a field say.
struct Role {
    kind: FieldKind,
    /// The key of the configuration from which it is read.
    config: Option<LitStr>,
    has_setter: bool,
}

impl From<FieldKind> for Role {
    fn from(kind: FieldKind) -> Self {
        let (config, has_setter) = (None, false);
        Self {
            kind,
            config,
            has_setter,
        }
    }
}

fn describe_field(field: &syn::Field, index: u32, role: Role) -> Field {
    let span = field
        .ident
        .as_ref()
        .map_or_else(|| field.ty.span(), Ident::span);
    let member = match &field.ident {
        Some(ident) => Member::Named(ident.clone()),
        None => Member::Unnamed(syn::Index { index, span }),
    };
    let name = match &field.ident {
        Some(ident) => syn::ext::IdentExt::unraw(ident).to_string(),
        None => index.to_string(),
    };
    let tokens = field.ty.to_token_stream();
    let text = shown(&tokens);
    let (first, last) = (field.ty.span(), tokens.into_iter().last());
    Field {
        text,
        first,
        last: last.map_or(first, |token| token.span()),
        cfgs: attributes(field, is_cfg),
        docs: attributes(field, |it| is(it, "doc")),
        vis: field.vis.clone(),
        member,
        name,
        span,
        ty: field.ty.clone(),
        kind: role.kind,
        config: role.config,
        has_setter: role.has_setter,
    }
}

fn attributes(field: &syn::Field, are: impl Fn(&Attribute) -> bool) -> Vec<Attribute> {
    let all = field.attrs.iter().filter(|it| are(it));
    all.cloned().collect()
}

/// Whether the attribute decides about whether a field is there.
fn is_cfg(attribute: &Attribute) -> bool {
    is(attribute, "cfg") || (is(attribute, "cfg_attr") && switched(attribute).any(|it| it == "cfg"))
}

/// What a `cfg_attr` switches on: the names of attributes, as far as they are single words.
fn switched(attribute: &Attribute) -> impl Iterator<Item = Ident> {
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated;
    // A malformed one is rustc's to report.
    let parts = attribute.parse_args_with(parts).unwrap_or_default();
    let switched = parts.into_iter().skip(1);
    switched.filter_map(|meta| meta.path().get_ident().cloned())
}

/// Whether an attribute of the struct may know attributes of its fields.
fn brings_helpers(attribute: &Attribute) -> bool {
    const PLAIN: [&str; 9] = [
        "Clone",
        "Copy",
        "Debug",
        "Default",
        "Eq",
        "Hash",
        "Ord",
        "PartialEq",
        "PartialOrd",
    ];
    const BUILT_IN: [&str; 8] = [
        "allow", "cfg", "deny", "doc", "expect", "must_use", "repr", "warn",
    ];
    let mut helpers = false;
    if is(attribute, "derive") {
        let _ = attribute.parse_nested_meta(|derive| {
            let last = derive.path.segments.last();
            helpers |= !last.is_some_and(|it| PLAIN.contains(&it.ident.to_string().as_str()));
            Ok(())
        });
        return helpers;
    }
    !BUILT_IN.iter().any(|name| is(attribute, name))
}

/// Takes a misspelt attribute for the one that was meant.
fn correct_spelling(attributes: &mut [Attribute], diagnostics: &mut Diagnostics) {
    for attribute in attributes {
        let Some(ident) = attribute.path().get_ident().cloned() else {
            continue;
        };
        let name = ident.to_string();
        let meant = match name.as_str() {
            "option" | "local" => continue,
            "opt" => Some("option"),
            _ => nearest(&name, &["option", "local"]),
        };
        let Some(meant) = meant else { continue };
        diagnostics.at(
            &ident,
            format_args!("unknown attribute `{name}`, did you mean `#[{meant}]`?"),
        );
        let meant = Ident::new(meant, ident.span()).into();
        match &mut attribute.meta {
            Meta::Path(path) => *path = meant,
            Meta::List(list) => list.path = meant,
            Meta::NameValue(pair) => pair.path = meant,
        }
    }
}

fn take_ours(attributes: &mut Vec<Attribute>, diagnostics: &mut Diagnostics) -> Vec<Attribute> {
    attributes.retain(|attribute| {
        let ours = switched(attribute).find(|it| it == "option" || it == "local");
        let ours = ours.filter(|_| is(attribute, "cfg_attr"));
        if let Some(name) = &ours {
            diagnostics.at(
                name,
                format_args!(
                    "`#[{name}]` can't stand in `cfg_attr`: what a field is for does not change"
                ),
            );
        }
        ours.is_none()
    });
    let (ours, theirs) = attributes
        .drain(..)
        .partition(|attribute| is(attribute, "option") || is(attribute, "local"));
    *attributes = theirs;
    ours
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

/// Takes a type in `State<..>` that no plugin can provide for the one that is meant, also in an
/// `Option` or a `Lazy`. rustc would report a missing provider, or that a state has a size.
fn correct_state(ty: &mut Type, krate: Option<&Path>, diagnostics: &mut Diagnostics) {
    for outer in ["Option", "Lazy"] {
        if let Some(inner) = wrapped_mut(ty, outer) {
            return correct_state(inner, krate, diagnostics);
        }
    }
    let Some(written) = wrapped(ty, "State") else {
        return;
    };
    let mut handles = ["Arc", "Rc", "State"].into_iter();
    let shared = handles.find_map(|handle| wrapped(written, handle));
    let optional = wrapped(written, "Option");
    let own = shared.or(optional).unwrap_or(written).clone();
    let (meant, span) = (text(&own), ty.span());
    if let Type::TraitObject(object) = &own {
        diagnostics.at(
            &*ty,
            format_args!("a trait object is provided at a port: write `Port<{meant}>`"),
        );
        let krate = krate.map_or_else(
            || quote_spanned!(span=> ::bootstrap),
            ToTokens::to_token_stream,
        );
        *ty = parse_quote_spanned!(span=> #krate::Port<#object>);
        return;
    }
    let message = if shared.is_some() {
        format!("a `State` is a shared handle already: write `State<{meant}>`")
    } else if optional.is_some() {
        format!(
            "an optional requirement is an `Option` of the handle: write `Option<State<{meant}>>`"
        )
    } else {
        return;
    };
    let is_optional = shared.is_none();
    diagnostics.at(&*ty, message);
    if let Some(inner) = wrapped_mut(ty, "State") {
        *inner = own;
    }
    if is_optional {
        *ty = parse_quote_spanned!(span=> ::core::option::Option<#ty>);
    }
}

/// Whether a field holds what is bound of `requires = ..`, by the last word of its type.
fn holds_derived(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "Requirements" && last.arguments.is_none())
}

/// What a field is for.
fn role(ours: &[Attribute], ty: &Type, diagnostics: &mut Diagnostics) -> Role {
    let [first, rest @ ..] = ours else {
        return if holds_derived(ty) {
            FieldKind::Derived.into()
        } else {
            FieldKind::Requirement.into()
        };
    };
    if let Some(handle) = handle(ty) {
        diagnostics.at(
            first,
            format_args!(
                "a `{handle}` is a requirement, which the app fills: take this attribute away"
            ),
        );
        return FieldKind::Requirement.into();
    }
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
        if !matches!(first.meta, Meta::Path(_)) {
            diagnostics.at(
                first,
                "`#[local]` takes no argument: the field starts as the default of its type",
            );
        }
        return FieldKind::Local.into();
    }
    let args = OptionArgs::parse(first, diagnostics);
    let config = args.config.value().cloned();
    let start = match args.start {
        Start::TypeDefault if args.config.key().is_some() => DefaultValue::Configured,
        Start::TypeDefault => DefaultValue::OfItsType,
        Start::Default(expr) => DefaultValue::Expr(expr),
        Start::Required => {
            if let Some(key) = args.config.key() {
                diagnostics.push(syn::Error::new(
                    key,
                    "an option that is read from the configuration is required there unless it \
                     has a `default`: take `required` away",
                ));
            }
            DefaultValue::Required
        }
    };
    let setter = args.setter.value();
    Role {
        kind: FieldKind::Option(start),
        config,
        has_setter: setter.is_none_or(|setter| setter.value),
    }
}
