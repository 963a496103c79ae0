//! What ties a plugin to others: its link, the proofs, and what the linker collects.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use crate::check::text;
use crate::expand::Names;
use crate::model::PluginModel;

/// The link to the plugin itself, with what tells it from every other.
pub(crate) fn link(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let (kind, target) = if model.is_generic() {
        let target = quote!(<Self as #private::Declare>::DECLARATION);
        (format_ident!("generic"), target)
    } else {
        (format_ident!("new"), quote!(&__DECLARED))
    };
    let tokens = fingerprint(model);
    let of_child = model.child_of.is_some().then(|| quote!(.of_child()));
    quote!(#private::link_at!(#kind, #tokens, #target) #of_child)
}

/// A hash of what is written, and where (FNV-1a).
fn fingerprint(model: &PluginModel) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let start = model.ident.span().start();
    add(&start.line.to_le_bytes());
    add(&start.column.to_le_bytes());
    add(model.ident.to_string().as_bytes());
    let fields = model.requirements().map(|field| field.text.clone());
    let gifts = model.states.iter().chain(&model.ports);
    let gifts = gifts.map(|gift| text(&gift.ty));
    let kin = model.child_of.iter().chain(&model.children);
    let named = model.after.iter().chain(kin).map(text);
    for tokens in fields.chain(gifts).chain(named) {
        add(tokens.as_bytes());
    }
    hash
}

/// What needs nothing, and has no kin, is in no cycle. An instance of a generic plugin has no
/// static.
pub(crate) fn needs_proof(model: &PluginModel) -> bool {
    let has_requirements = model.requirements().next().is_some() || model.requires.is_some();
    let needs_something = has_requirements || !model.after.is_empty();
    (needs_something || model.has_kin()) && !model.is_generic()
}

/// A static is evaluated when its crate is compiled, whether or not it is used.
pub(crate) fn proof(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    if !needs_proof(model) {
        return TokenStream::new();
    }
    let span = model.ident.span();
    let private = names.private_at(span);
    let name = Ident::new("plugins_depend_on_each_other_in_a_cycle", span);
    let children = model.children.iter().enumerate();
    let children = children.map(|(i, path)| check_child(i, path, names));
    quote_spanned!(span=>
        static __PROOF: #private::Proof = #private::explore(&__DECLARED);
        static #name: () = #private::check(&__DECLARED);
        #(#children)*
    )
}

/// The proof that a child is not collected.
fn check_child(i: usize, path: &Path, names: &Names<'_>) -> TokenStream {
    let span = path.span();
    let private = names.private_at(span);
    let name = format_ident!("__a_child_is_registered_by_its_parent{i}", span = span);
    let link = names.link_to(span, names.child(i, path));
    quote_spanned!(span=> static #name: () = #private::check_child(#link);)
}

pub(crate) fn submission(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let collected = model.is_collected().then(
        || quote!(#private::inventory::submit! { #private::Collected(&__DECLARED.declaration) }),
    );
    let kin = (model.has_kin() && !model.is_generic())
        .then(|| quote!(#private::inventory::submit! { #private::Kin(&__DECLARED.declaration) }));
    let aside = model
        .is_aside()
        .then(|| quote!(#private::inventory::submit! { #private::Aside(&__DECLARED.declaration) }));
    quote!(#collected #kin #aside)
}
