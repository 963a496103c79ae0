//! What a plugin gives: its states, then its ports, in the order in which `load` returns them.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::check::text;
use crate::expand::Names;
use crate::model::{PluginModel, StateType};

/// One thing that `load` makes.
struct Gift {
    /// Its type, as `load` returns it.
    made: TokenStream,
    /// The type of the handle to it.
    handle: TokenStream,
    /// The door through which it goes; `None` for what can't be a state.
    door: Option<TokenStream>,
}

fn gifts(model: &PluginModel, names: &Names<'_>) -> Vec<Gift> {
    let states = names.states().into_iter().zip(&model.states);
    let states = states.map(|(made, StateType { ty, is_right, .. })| {
        let private = names.private_at(ty.span());
        let handle = quote_spanned!(ty.span()=> #private::State<#made>);
        let door = is_right.then(|| state_door(model, ty.span(), &made, &private));
        Gift { made, handle, door }
    });
    let ports = names.ports().into_iter().zip(&model.ports);
    let returned = ports.filter(|(_, port)| !port.is_own);
    let ports = returned.map(|(port, StateType { ty, .. })| {
        let private = names.private_at(ty.span());
        Gift {
            made: quote_spanned!(ty.span()=> #private::Arc<#port>),
            handle: quote_spanned!(ty.span()=> #private::Port<#port>),
            door: Some(quote_spanned!(ty.span()=> <#port as #private::SharedAtPort>::MADE)),
        }
    });
    states.chain(ports).collect()
}

fn state_door(
    model: &PluginModel,
    span: Span,
    state: &TokenStream,
    private: &Ident,
) -> TokenStream {
    let made = if model.replaces.is_some() {
        Ident::new("made_instead", span)
    } else {
        Ident::new("made", span)
    };
    quote_spanned!(span=> #private::#made::<#state>())
}

/// What a declaration says that the plugin provides.
pub(crate) fn keys(names: &Names<'_>) -> Vec<TokenStream> {
    let private = names.private();
    let states = names.states().into_iter();
    let states = states.map(|state| quote!(#private::StateKey::of::<#state>()));
    let ports = names.ports().into_iter();
    let ports = ports.map(|port| quote!(#private::StateKey::port::<#port>()));
    states.chain(ports).collect()
}

/// What `load` returns and contexts hand out, and the ways between the two.
pub(crate) fn gives(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let gifts = gifts(model, names);
    let (types, pack) = (types(model, &gifts), pack(&gifts, names));
    let handles = handles(&gifts, names);
    let own_ports = own_ports(model, names);
    quote!(#types #pack #handles #own_ports)
}

fn types(model: &PluginModel, gifts: &[Gift]) -> TokenStream {
    let states_type = shape(gifts.iter().map(|gift| &gift.made));
    let handles_type = shape(gifts.iter().map(|gift| &gift.handle));
    // A public plugin with a private state is rustc's to report, at the state.
    let first = model.states.iter().chain(model.returned_ports()).next();
    let at_states = first.map_or_else(|| model.ident.span(), |state| state.ty.span());
    quote_spanned!(at_states=>
        type States = #states_type;
        type Handles = #handles_type;
    )
}

/// The call that rejects a plugin with states that has no `load`; `None` for one without states.
pub(crate) fn with_load(model: &PluginModel) -> Option<TokenStream> {
    let states = model.states.iter().map(|state| text(&state.ty));
    let ports = model.returned_ports().map(|port| text(&port.ty));
    let provided: Vec<_> = states.clone().chain(ports.clone()).collect();
    let returned = states.chain(ports.map(|port| format!("Arc<{port}>")));
    let returned: Vec<_> = returned.collect();
    let returned = match returned.as_slice() {
        [] => return None,
        [only] => only.clone(),
        several => format!("({})", several.join(", ")),
    };
    let ident = &model.ident;
    let name = model.name.literal().unwrap_or_else(|| ident.to_string());
    let own = model.returned_ports().map(|port| text(&port.ty)).next();
    let own = own.map_or_else(String::new, |port| {
        format!("; if the plugin itself is the `{port}`, write `ports = [self as {port}]` instead")
    });
    let missing = format!(
        "the plugin `{name}` provides `{}`, but has no `load`\n\
         help: add `async fn load(&mut self, cx: &mut LoadContext) -> Result<{returned}>` to `impl Hooks for {ident}`{own}",
        provided.join("`, `"),
    );
    Some(quote_spanned!(ident.span()=> .with_load(#missing)))
}

/// From what `load` returned to states without types.
fn pack(gifts: &[Gift], names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let values: Vec<_> = (0..gifts.len())
        .map(|i| format_ident!("__state{i}"))
        .collect();
    let pattern = shape(&values);
    let none = quote!(#private::States::new());
    let packed = gifts
        .iter()
        .zip(&values)
        .fold(none, |packed, (gift, value)| {
            let door = gift.door.as_ref();
            door.map_or_else(|| packed.clone(), |door| quote!(#door.put(#value, #packed)))
        });
    quote!(fn pack(#pattern: Self::States) -> #private::States { #packed })
}

/// Back from there to handles with types.
fn handles(gifts: &[Gift], names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let find = |door: &TokenStream| quote!(#door.find(__states)?);
    let nothing = || quote!(#private::None?);
    let found = gifts.iter().map(|gift| gift.door.as_ref());
    let found = shape(found.map(|door| door.map_or_else(nothing, find)));
    quote! {
        fn handles(__states: &#private::States) -> #private::Option<Self::Handles> {
            #private::Some(#found)
        }
    }
}

/// Puts the plugin itself at the ports where it stands as `self`.
fn own_ports(model: &PluginModel, names: &Names<'_>) -> Option<TokenStream> {
    let ports = names.ports().into_iter().zip(&model.ports);
    let own = ports.filter(|(_, listed)| listed.is_own);
    let puts: Vec<_> = own
        .map(|(port, listed)| {
            let private = names.private_at(listed.ty.span());
            quote_spanned!(listed.ty.span()=>
                let __own: #private::Arc<#port> = #private::Arc::clone(__plugin) as _;
                let __states = <#port as #private::SharedAtPort>::MADE.put(__own, __states);
            )
        })
        .collect();
    let private = names.private();
    (!puts.is_empty()).then(|| {
        quote! {
            fn own_ports(
                __plugin: &#private::Arc<Self>,
                __states: #private::States,
            ) -> #private::States {
                #(#puts)*
                __states
            }
        }
    })
}

/// What the plugin provides. A replacement makes the states of another plugin: that it provides them is said
/// there. A port is anybody's.
pub(crate) fn provided(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let states = provided_states(model, names);
    let plugin = names.plugin();
    let mut seen = HashSet::new();
    let ports = names.ports().into_iter().zip(&model.ports);
    let once = ports.filter(|(_, listed)| seen.insert(text(&listed.ty)));
    let ports = once.map(|(port, listed)| {
        let span = listed.ty.span();
        let door = names.private_at(span);
        let path = quote_spanned!(span=> #door::ProvidesPort<#port>);
        names.implement_path(span, &path, &plugin, &TokenStream::new())
    });
    quote!(#states #(#ports)*)
}

fn provided_states(model: &PluginModel, names: &Names<'_>) -> TokenStream {
    let private = names.private();
    let plugin = names.plugin();
    let mut seen = HashSet::new();
    let states = names.states().into_iter().zip(&model.states);
    // A state that is listed twice is reported as that; implementing its traits twice would only
    // add errors about it.
    let once = states.filter(|(_, listed)| listed.is_right && seen.insert(text(&listed.ty)));
    let impls = once.map(|(state, listed)| {
        let span = listed.ty.span();
        let door = names.private_at(span);
        let path = quote_spanned!(span=> #door::Provides<#state>);
        let provides = names.implement_path(span, &path, &plugin, &TokenStream::new());
        let makes = model.replaces.is_none().then(|| {
            let body = quote! {
                const PROVIDER: #private::Provider = #private::Provider::of::<#plugin>();
            };
            names.implement(span, "OneProviderPerState", &state, &body)
        });
        quote!(#provides #makes)
    });
    quote!(#(#impls)*)
}

/// Nothing as `()`, one thing as itself, several as a tuple.
fn shape(things: impl IntoIterator<Item = impl ToTokens>) -> TokenStream {
    let things: Vec<_> = things.into_iter().collect();
    if let [only] = things.as_slice() {
        only.to_token_stream()
    } else {
        quote!((#(#things),*))
    }
}
