//! From the model to tokens.
//!
//! ```text
//! #[plugin(states = [Pool])]            struct Database { config: State<Config> }
//! struct Database {               ->    const _: () = {
//!     config: State<Config>,                use ::bootstrap::__private as ..;   the only path there
//!                                           static __DECLARED: Declared = ..;   what is above
//! }                                         impl Declare for Database { .. }    fields, states
//!                                           impl OneProviderPerState for Pool ..
//!                                           impl Default for Database { .. }    from the options
//!                                           static ..: () = check(..);          the proof
//!                                           submit! { .. }                      for `collect`
//!                                       };
//! ```
//!
//! Spans: rustc blames the tokens that we hand it, so everything that can fail because of a user's
//! token carries that token's span, and nothing that can fail carries the span of the attribute.
//!
//! Names: bindings are called `__x`, because a constant of the user's with the name of a binding
//! would make a pattern of it, also if it comes from a glob import.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, Path, Type};

use crate::args::Collect;
use crate::configured;
use crate::fields;
use crate::gives;
use crate::model::{Name, PluginModel, StateType};
use crate::setters;
use crate::ties::{link, needs_proof, proof, submission};

/// The struct and everything that makes it a plugin.
///
/// With `sound` false, the item has mistakes that are reported elsewhere: then it is kept usable,
/// but neither collected nor proven.
pub(crate) fn expand(model: &PluginModel, sound: bool) -> TokenStream {
    let item = &model.item;
    let names = Names::new(model);
    let door = door(model);
    let aliases = aliases(model);
    let field_aliases = fields::aliases(model);
    let declared = declared(model, &names, sound);
    let declare = declare(model, &names);
    let provided = gives::provided(model, &names);
    let default = default(model, &names);
    let from_outside = configured::from_outside(model, &names);
    let setters = setters::setters(model, &names);
    let loads = sound.then(|| loads(model, &names));
    let proof = sound.then(|| proof(model, &names));
    let submission = sound.then(|| submission(model, &names));
    let derived = derived(model, &names);
    let name = name(model, &names, sound);
    quote! {
        #item

        #[allow(
            clippy::all,
            clippy::pedantic,
            clippy::restriction,
            dead_code,
            missing_docs,
            non_camel_case_types,
            non_upper_case_globals,
            private_interfaces,
            unused_qualifications,
            reason = "generated code"
        )]
        const _: () = {
            #door
            #derived
            #aliases
            #field_aliases
            #declared
            #declare
            #provided
            #default
            #from_outside
            #setters
            #loads
            #proof
            #submission
            #name
        };
    }
}

/// How generated code calls things.
pub(crate) struct Names<'m> {
    model: &'m PluginModel,
}

impl<'m> Names<'m> {
    fn new(model: &'m PluginModel) -> Self {
        Self { model }
    }

    /// The private door of the runtime crate, as [`door`] calls it.
    pub(crate) fn private(&self) -> Ident {
        self.private_at(Span::call_site())
    }

    #[allow(clippy::unused_self, reason = "how things are called is known here")]
    pub(crate) fn private_at(&self, span: Span) -> Ident {
        Ident::new("__bootstrap", span)
    }

    pub(crate) fn is_generic(&self) -> bool {
        self.model.is_generic()
    }

    /// The plugin with its generics, as in `impl .. for #it`.
    pub(crate) fn plugin(&self) -> TokenStream {
        let ident = &self.model.ident;
        let (_, generics, _) = self.model.generics.split_for_impl();
        quote!(#ident #generics)
    }

    /// The types of the states.
    pub(crate) fn states(&self) -> Vec<TokenStream> {
        self.types("__State", &self.model.states)
    }

    /// The types of the ports.
    pub(crate) fn ports(&self) -> Vec<TokenStream> {
        self.types("__Port", &self.model.ports)
    }

    fn types(&self, kind: &str, listed: &[StateType]) -> Vec<TokenStream> {
        let generic = self.model.is_generic();
        let name = |(i, StateType { ty, .. }): (usize, &StateType)| {
            if generic {
                ty.to_token_stream()
            } else {
                alias(kind, i, ty).to_token_stream()
            }
        };
        listed.iter().enumerate().map(name).collect()
    }

    /// `impl<..> private::Trait for Target where .. { body }`, blamed on `span`: also the braces,
    /// or rustc would show all of the attribute.
    pub(crate) fn implement(
        &self,
        span: Span,
        name: &str,
        target: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let private = self.private_at(span);
        let name = Ident::new(name, span);
        self.implement_path(span, &quote_spanned!(span=> #private::#name), target, body)
    }

    pub(crate) fn implement_path(
        &self,
        span: Span,
        path: &TokenStream,
        target: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let (generics, _, wheres) = self.model.generics.split_for_impl();
        quote_spanned!(span=> impl #generics #path for #target #wheres { #body })
    }

    #[allow(clippy::unused_self, reason = "how things are called is known here")]
    pub(crate) fn location(&self, span: Span) -> TokenStream {
        location(span)
    }

    /// The type of a child, which is emitted once, as those of states are.
    pub(crate) fn child(&self, i: usize, path: &Path) -> TokenStream {
        if self.model.is_generic() {
            path.to_token_stream()
        } else {
            child_alias(i, path).to_token_stream()
        }
    }

    /// A link to a plugin that is named at `span`.
    pub(crate) fn link_to(&self, span: Span, plugin: impl ToTokens) -> TokenStream {
        let private = self.private_at(span);
        quote_spanned!(span=> <#plugin as #private::Declare>::LINK)
    }
}

/// Where something stands in the source.
pub(crate) fn location(span: Span) -> TokenStream {
    let start = span.start();
    let (line, column) = (to_u32(start.line), to_u32(start.column + 1));
    // Not `file!()`: in what a macro declares, that is the file of the call.
    let file = span.file();
    quote!(__bootstrap::Location::new(#file, #line, #column))
}

/// The one path to the runtime crate: if it leads nowhere, that is one error, at the path.
fn door(model: &PluginModel) -> TokenStream {
    match &model.krate {
        None => quote!(
            use ::bootstrap::__private as __bootstrap;
        ),
        Some(krate) => {
            let door = quote_spanned!(krate.span()=> #krate::__private);
            quote!(use #door as __bootstrap;)
        }
    }
}

/// The type of each state, port and child is emitted once, as an alias: one that does not exist is
/// then reported once. Aliases can't see type parameters, so generic plugins do without.
fn aliases(model: &PluginModel) -> TokenStream {
    if model.is_generic() {
        return TokenStream::new();
    }
    let aliases = [("__State", &model.states), ("__Port", &model.ports)];
    let aliases = aliases.into_iter().flat_map(|(kind, listed)| {
        listed.iter().enumerate().map(move |(i, state)| {
            let ty = &state.ty;
            let alias = alias(kind, i, ty);
            quote!(type #alias = #ty;)
        })
    });
    let children = model.children.iter().enumerate().map(|(i, path)| {
        let alias = child_alias(i, path);
        quote!(type #alias = #path;)
    });
    quote!(#(#aliases)* #(#children)*)
}

fn child_alias(i: usize, path: &Path) -> Ident {
    format_ident!("__Child{i}", span = path.span())
}

fn alias(kind: &str, i: usize, ty: &Type) -> Ident {
    format_ident!("{kind}{i}", span = ty.span())
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The constant that holds what the attribute says: a static, so that declarations can refer to
/// each other in any order; a promoted constant for a generic plugin, of which there are many.
fn declared(model: &PluginModel, names: &Names<'_>, sound: bool) -> TokenStream {
    if model.is_generic() {
        return TokenStream::new();
    }
    let private = names.private();
    let declaration = declaration(model, names);
    let plugin = &model.ident;
    let is_proven = sound && needs_proof(model);
    let proof = if is_proven {
        quote!(#private::Some(&__PROOF))
    } else {
        quote!(#private::None)
    };
    quote! {
        static __DECLARED: #private::Declared = #private::Declared::new(
            #declaration,
            <#plugin as #private::Declare>::LINK,
            #proof,
        );
    }
}

/// The function that lists requirements beside the fields, as a constant with a type, so that another
/// one is a mistake of the expression alone.
fn derived(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let expr = model.requires.as_ref()?;
    let private = names.private_at(expr.span());
    Some(quote_spanned!(expr.span()=>
        const __DERIVED: fn() -> #private::Vec<#private::extend::Requirement> = #expr;
    ))
}

/// The name as a constant, and the proof that messages can show it. A static of its own, as
/// [`loads`] is.
fn name(model: &PluginModel, names: &Names<'_>, sound: bool) -> Option<TokenStream> {
    let Name::Constant(expr) = &model.name else {
        return None;
    };
    let span = expr.span();
    let private = names.private_at(span);
    let name = Ident::new("a_name_is_one_word", span);
    let check = quote_spanned!(span=> static #name: () = #private::check_name(__NAME););
    let check = sound.then_some(check);
    Some(quote_spanned!(span=>
        const __NAME: &'static str = #expr;
        #check
    ))
}

/// What is not said is left to the runtime crate: the fewer tokens, the faster.
fn declaration(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let plugin = names.plugin();
    let name = match &model.name {
        Name::Literal(literal) => literal.to_token_stream(),
        Name::Constant(_) => quote!(__NAME),
    };
    let location = names.location(model.ident.span());
    let behaviour = behaviour(model, names);
    let mut said = TokenStream::new();
    said.extend(list("provides", gives::keys(names)));
    let requires = model.requirements();
    let requires = requires.map(|field| fields::requirement(field, names));
    said.extend(list("requires", requires));
    let derived = fields::derived(model, names);
    let derived = derived.map(|field| quote!(#private::Derived::new(__DERIVED, &#field)));
    said.extend(some("derived", derived, names));
    let after = model.after.iter().map(|path| mention(path, path, names));
    said.extend(list("after", after));
    let children = model.children.iter().enumerate();
    let children = children.map(|(i, path)| mention(path, names.child(i, path), names));
    said.extend(list("children", children));
    said.extend(list("settings", configured::settings(model, names)));
    if model.is_primary {
        said.extend(quote!(is_primary: true,));
    }
    if model.collect == Collect::Needed {
        said.extend(quote!(is_collected_if_needed: true,));
    }
    let parent = model.child_of.as_ref();
    let parent = parent.map(|path| mention(path, path, names));
    said.extend(some("child_of", parent, names));
    said.extend(some(
        "load_timeout",
        limit(model.load_timeout, names),
        names,
    ));
    said.extend(some(
        "close_timeout",
        limit(model.close_timeout, names),
        names,
    ));
    let retry = model.retry.as_ref().map(|expr| retry(expr, names));
    said.extend(some("retry", retry, names));
    if let Some(supervision) = &model.supervise {
        said.extend(quote!(supervision: #supervision,));
    }
    let replaces = model.replaces.as_ref();
    let replaces = replaces.map(|path| names.link_to(path.span(), path));
    said.extend(some("replaces", replaces, names));
    said.extend(some("enabled", configured::switch(model, names), names));
    quote!(#private::Declaration {
        #said
        ..#private::Declaration::of::<#plugin>(
            #name,
            #location,
            #behaviour,
        )
    })
}

/// A field of the declaration that is a list, unless that is empty.
fn list(name: &str, items: impl IntoIterator<Item = TokenStream>) -> Option<TokenStream> {
    let name = Ident::new(name, Span::call_site());
    let items: Vec<_> = items.into_iter().collect();
    (!items.is_empty()).then(|| quote!(#name: &[#(#items),*],))
}

/// A field of the declaration that is optional.
fn some(name: &str, value: Option<TokenStream>, names: &Names<'_>) -> Option<TokenStream> {
    let (name, private) = (Ident::new(name, Span::call_site()), names.private());
    value.map(|value| quote!(#name: #private::Some(#value),))
}

/// A plugin that the attribute names at `path`.
fn mention(path: &Path, plugin: impl ToTokens, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let location = names.location(path.span());
    let link = names.link_to(path.span(), plugin);
    quote!(#private::Mention { location: #location, plugin: #link })
}

/// The one place that needs the plugin's hooks, so that a missing `impl Hooks` is one error.
fn behaviour(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let span = model.ident.span();
    let private = names.private_at(span);
    if !model.is_struct {
        return quote!(#private::Behaviour::unknown());
    }
    let plugin = names.plugin();
    let made = if configured::is_made_from_outside(model) {
        format_ident!("from_outside", span = span)
    } else if model.is_collected() && model.has_default() {
        format_ident!("collected", span = span)
    } else {
        format_ident!("registered", span = span)
    };
    let with_load = gives::with_load(model).filter(|_| model.is_generic());
    quote_spanned!(span=> #private::Behaviour::#made::<#plugin>() #with_load)
}

/// The proof that a plugin with states has a `load`. A static of its own: a declaration that can't
/// be evaluated would be noted again at every dependent. A generic plugin has none, so its
/// declaration proves it where the plugin is used.
fn loads(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let with_load = gives::with_load(model).filter(|_| !model.is_generic())?;
    let span = model.ident.span();
    let private = names.private_at(span);
    let name = Ident::new("a_plugin_with_states_needs_a_load", span);
    Some(quote_spanned!(span=>
        static #name: #private::Behaviour = __DECLARED.declaration.behaviour #with_load;
    ))
}

fn limit(millis: Option<u64>, names: &Names<'_>) -> Option<TokenStream> {
    let private = names.private();
    millis.map(|millis| quote!(#private::Duration::from_millis(#millis)))
}

/// A bare number is a number of attempts.
fn retry(expr: &Expr, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(attempts),
            ..
        }) => quote!(#private::Retry::attempts(#attempts)),
        // With a type, so that another one is a mistake of the expression alone.
        expr => quote!({
            let __retry: #private::Retry = #expr;
            __retry
        }),
    }
}

fn declare(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let ident = &model.ident;
    let gives = gives::gives(model, names);
    let declaration = if model.is_generic() {
        let declaration = declaration(model, names);
        quote!(&#declaration)
    } else {
        quote!(&__DECLARED.declaration)
    };
    let link = link(model, names);
    let reset = fields::reset(model, names);
    let body = quote! {
        #gives
        const DECLARATION: &'static #private::Declaration = #declaration;
        const LINK: #private::Link = #link;
        #reset
    };
    names.implement(ident.span(), "Declare", &names.plugin(), &body)
}

fn default(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    if !model.has_default() || model.derives_default {
        return TokenStream::new();
    }
    let fields = model.fields.iter().map(|field| {
        let (cfgs, member, value) = (&field.cfgs, &field.member, fields::start(field, names));
        quote!(#(#cfgs)* #member: #value,)
    });
    let span = model.ident.span();
    let made = if model.is_struct {
        quote!(Self { #(#fields)* })
    } else {
        quote!(::core::panic!("not a plugin"))
    };
    let body = quote!(fn default() -> Self { #made });
    let (generics, _, wheres) = model.generics.split_for_impl();
    let mut wheres = wheres.map_or_else(|| quote!(where), ToTokens::to_token_stream);
    let bounds = configured::default_bounds(model);
    if !bounds.is_empty() {
        let comma = model.generics.where_clause.as_ref();
        let comma = comma.filter(|it| !it.predicates.empty_or_trailing());
        let comma = comma.map(|_| quote!(,));
        wheres.extend(quote!(#comma #(#bounds),*));
    }
    let plugin = names.plugin();
    quote_spanned!(span=>
        #[automatically_derived]
        impl #generics ::core::default::Default for #plugin #wheres { #body }
    )
}
