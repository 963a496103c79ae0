//! The rules that turn arguments and a struct into a model.
//!
//! | mistake | reported by | where |
//! |---|---|---|
//! | unknown, repeated, malformed argument | `args` | the key, or the value |
//! | not a struct; wrong attributes on fields | `item` | the keyword; the attribute |
//! | an option that is a `State`; a misspelt `#[option]` | `item` | the attribute |
//! | `State<..>`, `Arc<..>`, `Option<..>`, `dyn ..`, `&..` as a state | here | the state |
//! | a type parameter whose bounds can't be enough | `generics` | the parameter |
//! | `State<dyn ..>`, `State<Arc<..>>`, `State<Option<..>>` as a field | `item` | the field's type |
//! | `after = [Self]` | here | the word |
//! | a plugin that is a child of itself; one that is child and parent; `child_of` on a generic plugin or a replacement | `family` | the path |
//! | empty or unprintable name | here | the literal |
//! | the same state or port written twice | here, by its tokens | the second one |
//! | `Port<..>`, `Arc<..>`, `Box<..>` as a port | here | the port |
//! | generics on a collected plugin | here | the generics |
//! | an option whose setter would hide `Default::default` or `new` | here | the field |
//! | an option whose setter is there already | rustc, E0592 | the field; the method |
//! | a required option on a collected plugin | here | the field |
//! | an empty key of the configuration; `config` or a key without the feature; `enabled` on a child | `configured` | the key |
//! | `derive(Default)` beside the generated one | here | the derive |
//! | a runtime crate with another name, not given | here | the attribute |
//! | a type that does not exist | rustc | the type |
//! | a state without provider; a field that can't be injected | rustc, by `Inject` | the field's type |
//! | an option or a local of a type without `Default` | rustc, by `OptionDefault` and `LocalDefault` | the field's type |
//! | two providers of one state; a foreign type as a state | rustc, coherence | the state |
//! | a state or a plugin that is not `Send + Sync + 'static` | rustc, supertraits | the state; the plugin |
//! | a missing `impl Hooks`; `load` that makes something else | rustc, by `Hooks` | the plugin; the hook |
//! | a missing `load` of a plugin with states | rustc, by a constant | the plugin |
//! | plugins in a cycle, also of one; plugins that are children of each other | rustc, by a constant that walks the graph | the plugin |
//! | a child that is collected | rustc, by a constant | the child |
//! | one state under two aliases; two plugins with one name | the plan | at run time |

use std::collections::HashSet;

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{Attribute, GenericArgument, GenericParam, LitStr, Path, PathArguments, Type};

use crate::args::{Collect, PluginArgs, PortType};
use crate::diagnostics::Diagnostics;
use crate::family;
use crate::item::Subject;
use crate::model::{DefaultValue, Field, FieldKind, Name, PluginModel, StateType};
use crate::{configured, renamed, time};

/// Applies every rule. The model is usable only if `diagnostics` stayed empty; if it did not, it
/// is still good enough to keep the rest of the program from failing because of this item.
pub(crate) fn check(
    args: &PluginArgs,
    subject: Subject,
    diagnostics: &mut Diagnostics,
) -> PluginModel {
    let name = name(args, &subject.ident, diagnostics);
    let derived_default = subject.attributes.iter().find_map(derived_default);
    let mut model = PluginModel {
        item: subject.tokens,
        is_struct: subject.is_struct,
        vis: subject.vis,
        generics: subject.generics,
        krate: krate(args, diagnostics),
        name,
        states: states(args, diagnostics),
        ports: ports(args, diagnostics),
        is_primary: args.primary.value().is_some(),
        after: after(args, diagnostics),
        child_of: family::child_of(args, &subject.ident, diagnostics),
        children: family::children(args, &subject.ident, diagnostics),
        ident: subject.ident,
        load_timeout: limit(args.load_timeout.value(), diagnostics),
        close_timeout: limit(args.close_timeout.value(), diagnostics),
        retry: args.retry.value().cloned(),
        supervise: args.supervise.value().cloned(),
        replaces: args.replaces.value().cloned(),
        enabled: configured::enabled(args, diagnostics),
        collect: collect(args, diagnostics),
        requires: args.requires.value().cloned(),
        derives_default: derived_default.is_some(),
        fields: subject.fields,
    };
    derived_has_a_field(args, &model, diagnostics);
    states_differ(&model, diagnostics);
    configured::check(&model, diagnostics);
    family::check(&model, diagnostics);
    borrows_nothing(&model, diagnostics);
    can_be_collected(&model, diagnostics);
    setters_hide_nothing(&mut model, diagnostics);
    if let Some(derived) = derived_default.filter(|_| model.has_default()) {
        diagnostics.at(
            derived,
            "`#[plugin]` implements `Default` from the options: take it out of the derive",
        );
    }
    model
}

/// Where the runtime crate is; a name of its own in the manifest has to be said.
fn krate(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Option<Path> {
    if args.krate.key().is_some() {
        return args.krate.value().cloned();
    }
    renamed("plugin", diagnostics)
}

/// The name that the runtime crate has in the manifest, if it is another one; `attribute` has to say
/// so.
pub(crate) fn renamed(attribute: &str, diagnostics: &mut Diagnostics) -> Option<Path> {
    let name = renamed::runtime_crate()?;
    diagnostics.push(syn::Error::new(
        Span::call_site(),
        format_args!(
            "the crate `bootstrap` is called `{name}` here: write `#[{attribute}(crate = {name})]`"
        ),
    ));
    Some(name.into())
}

fn states(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Vec<StateType> {
    let listed = args.states.value().into_iter().flatten();
    listed.filter_map(|ty| state(ty, diagnostics)).collect()
}

/// A listed type, or what it is clearly meant to be; `None` if it can't be the type of a value.
fn state(ty: &Type, diagnostics: &mut Diagnostics) -> Option<StateType> {
    let inner = ["State", "Arc", "Rc", "Option"]
        .into_iter()
        .find_map(|wrapper| Some((wrapper, wrapped(ty, wrapper)?)));
    let message = match (ty, inner) {
        (_, Some((wrapper, own))) => {
            let own = text(own);
            let why = match wrapper {
                "State" => format!("`State<{own}>` is how other plugins ask for it"),
                "Option" => {
                    format!("a plugin that can do without it asks for an `Option<State<{own}>>`")
                }
                _ => format!("`State<{own}>` is a shared handle already"),
            };
            format!("list the state's own type, `{own}`: {why}")
        }
        (Type::TraitObject(_), _) => {
            let text = text(ty);
            format!(
                "a state has a size: provide it at a port, with `ports = [{text}]`, or wrap it in a \
                 struct of yours, as in `struct Name(Box<{text}>);`"
            )
        }
        (Type::Reference(_), _) => {
            let text = text(ty);
            format!(
                "a state owns what it is: wrap it in a struct of yours, as in `struct Name({text});`"
            )
        }
        _ => {
            let (ty, is_right, is_own) = (ty.clone(), true, false);
            return Some(StateType {
                ty,
                is_right,
                is_own,
            });
        }
    };
    diagnostics.at(ty, message);
    match (ty, inner) {
        (Type::TraitObject(_), _) => None,
        (_, Some(("State", own))) => Some(StateType {
            ty: own.clone(),
            is_right: true,
            is_own: false,
        }),
        _ => Some(StateType {
            ty: ty.clone(),
            is_right: false,
            is_own: false,
        }),
    }
}

fn ports(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Vec<StateType> {
    let listed = args.ports.value().into_iter().flatten();
    listed.map(|listed| port(listed, diagnostics)).collect()
}

/// A listed type without the handle that is clearly not meant.
fn port(PortType { ty, is_own }: &PortType, diagnostics: &mut Diagnostics) -> StateType {
    let handles = ["Port", "Ports", "Arc", "Box", "Rc"];
    let inner = handles.into_iter().find_map(|handle| wrapped(ty, handle));
    if let Some(own) = inner {
        let own = text(own);
        diagnostics.at(
            ty,
            format_args!(
                "list the port's own type, `{own}`: `load` returns an `Arc<{own}>`, and other \
                 plugins ask for a `Port<{own}>`"
            ),
        );
    }
    StateType {
        ty: inner.unwrap_or(ty).clone(),
        is_right: true,
        is_own: *is_own,
    }
}

/// The `T` of a `Wrapper<T>`, by the last word of its path.
pub(crate) fn wrapped<'t>(ty: &'t Type, wrapper: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) if last.ident == wrapper && arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

/// The same, to change it.
pub(crate) fn wrapped_mut<'t>(ty: &'t mut Type, wrapper: &str) -> Option<&'t mut Type> {
    wrapped(ty, wrapper)?;
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &mut path.path.segments.last_mut()?.arguments
    else {
        return None;
    };
    match arguments.args.first_mut()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// The handle that a field of this type is, as far as can be seen: it is a requirement then.
pub(crate) fn handle(ty: &Type) -> Option<&'static str> {
    let ty = wrapped(ty, "Option").unwrap_or(ty);
    let mut handles = ["State", "Port", "Ports", "Lazy"].into_iter();
    handles.find(|handle| wrapped(ty, handle).is_some())
}

fn after(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Vec<Path> {
    let mut paths = args.after.value().cloned().unwrap_or_default();
    paths.retain(|path| {
        let itself = path.is_ident("Self");
        if itself {
            diagnostics.at(
                path,
                "a plugin can't load after itself: name the plugins that have to load before it",
            );
        }
        !itself
    });
    paths
}

fn name(args: &PluginArgs, ident: &Ident, diagnostics: &mut Diagnostics) -> Name {
    let Some(given) = args.name.value() else {
        let literal = LitStr::new(&kebab_case(&ident.to_string()), ident.span());
        return Name::Literal(literal);
    };
    let name = Name::of(given);
    let text = name.literal();
    // A constant is checked where it is evaluated, by the same rules.
    if text.as_deref() == Some("") {
        diagnostics.at(given, "a plugin's name can't be empty: messages show it");
    } else if text.is_some_and(|text| text.contains(is_hidden)) {
        diagnostics.at(
            given,
            "a plugin's name is one word: no spaces, no `#` (it numbers instances), no backtick",
        );
    }
    name
}

/// Whether a character can't be part of a name.
fn is_hidden(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '#' || c == '`'
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

/// A replacement and a child join no app by themselves, unless a replacement says so.
fn collect(args: &PluginArgs, diagnostics: &mut Diagnostics) -> Collect {
    let replaces = args.replaces.key().is_some();
    let is_child = args.child_of.key().is_some();
    let Some(key) = args.collect.key() else {
        return if replaces || is_child {
            Collect::Never
        } else {
            Collect::Always
        };
    };
    let said = args.collect.value().copied().unwrap_or(Collect::Never);
    if is_child && said != Collect::Never {
        let message = "the child of another plugin is not collected: its parent registers it";
        diagnostics.push(syn::Error::new(key, message));
        return Collect::Never;
    }
    if replaces && said == Collect::Needed {
        let message =
            "a replacement is collected `always`, in every app with its original, or `never`";
        diagnostics.push(syn::Error::new(key, message));
        return Collect::Never;
    }
    said
}

/// `requires` and the field that holds what is bound of it come together.
fn derived_has_a_field(args: &PluginArgs, model: &PluginModel, diagnostics: &mut Diagnostics) {
    let mut fields = model.fields.iter();
    let mut holders = fields
        .by_ref()
        .filter(|field| matches!(field.kind, FieldKind::Derived));
    let holder = holders.next();
    if let Some(second) = holders.next() {
        let message = "a plugin has one field of type `Requirements`";
        diagnostics.push(syn::Error::new(second.first, message));
    }
    match (args.requires.key(), holder) {
        (Some(key), None) => diagnostics.push(syn::Error::new(
            key,
            "`requires` needs a field that holds what is bound: \
             `requirements: bootstrap::extend::Requirements`",
        )),
        (None, Some(field)) => diagnostics.push(syn::Error::new(
            field.first,
            "a field of type `Requirements` holds what is bound of `requires`: write \
             `#[plugin(requires = ..)]` with a function that lists them",
        )),
        (Some(key), Some(_)) if model.is_generic() => diagnostics.push(syn::Error::new(
            key,
            "a plugin with generic parameters can't have `requires`",
        )),
        _ => {}
    }
}

fn states_differ(model: &PluginModel, diagnostics: &mut Diagnostics) {
    for (noun, listed) in [("state", &model.states), ("port", &model.ports)] {
        let mut seen = HashSet::new();
        for StateType { ty, .. } in listed {
            let text = text(ty);
            if seen.contains(&text) {
                diagnostics.at(ty, format_args!("the {noun} `{text}` is listed twice"));
            }
            seen.insert(text);
        }
    }
}

fn can_be_collected(model: &PluginModel, diagnostics: &mut Diagnostics) {
    if model.collect == Collect::Never {
        return;
    }
    // A lifetime is a mistake by itself, however the plugin is registered.
    if model.is_generic() && !model.borrows() {
        diagnostics.at(
            &model.generics,
            "a plugin with generic parameters can't be collected: write `collect = never`, and register it with the types that it is for",
        );
    }
    for field in model.required() {
        diagnostics.push(syn::Error::new(
            field.span,
            format_args!(
                "the option `{}` has no default, so this plugin can't be collected: give it one, or write `collect = never` and register the plugin",
                field.name
            ),
        ));
    }
}

/// A method of the struct is found before one of a trait.
fn setters_hide_nothing(model: &mut PluginModel, diagnostics: &mut Diagnostics) {
    let has_constructor = model.has_constructor();
    let has_method = |field: &&mut Field| {
        field.has_setter && !matches!(field.kind, FieldKind::Option(DefaultValue::Required))
    };
    for field in model.fields.iter_mut().filter(has_method) {
        let hidden = match field.name.as_str() {
            "default" => "Default::default",
            "new" if has_constructor => "new",
            _ => continue,
        };
        diagnostics.push(syn::Error::new(
            field.span,
            format_args!(
                "the setter of this option would hide `{hidden}`: write `#[option(setter = false)]`, \
                 or give it another name"
            ),
        ));
        field.has_setter = false;
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

fn derived_default(attribute: &Attribute) -> Option<Path> {
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
    let spaced = tokens.to_token_stream().to_string();
    // Long tokens come with line breaks.
    let one_line = |c: char| if c.is_whitespace() { ' ' } else { c };
    let spaced: Vec<char> = spaced.chars().map(one_line).collect();
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

/// The type of a field in messages. Absolute paths, which macros write, have their last segment only.
pub(crate) fn shown(tokens: impl ToTokens) -> String {
    let text = text(tokens);
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut shown = String::with_capacity(text.len());
    let mut parts = text.split("::").peekable();
    let mut is_absolute = false;
    while let Some(part) = parts.next() {
        let has_more = parts.peek().is_some();
        if is_absolute && has_more && !part.is_empty() && part.chars().all(is_name) {
            continue;
        }
        // A `::` after anything else than a name or `>` begins an absolute path.
        is_absolute = !part.ends_with(|c| is_name(c) || c == '>');
        shown.push_str(part);
        if has_more && !is_absolute {
            shown.push_str("::");
        }
    }
    shown
}
