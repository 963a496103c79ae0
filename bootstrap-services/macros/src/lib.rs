//! The attributes and derives of `bootstrap-services`, which re-exports them with their documentation.

#[cfg(feature = "cron")]
mod cron;
#[cfg(feature = "events")]
mod events;
#[cfg(feature = "cron")]
#[allow(
    dead_code,
    reason = "the macro only checks, and this file is that of `bootstrap-services`"
)]
#[path = "../../src/cron/pattern.rs"]
mod pattern;


/// The implementation of the attribute; `bootstrap-services` re-exports it with its documentation.
#[cfg(feature = "cron")]
#[proc_macro_attribute]
pub fn cron(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cron::expand(arguments.into(), item.into()).into()
}

#[cfg(feature = "events")]
mod events;

/// The implementation of the derive; `bootstrap-services` re-exports it with its documentation.
#[cfg(feature = "events")]
#[proc_macro_derive(Event, attributes(event))]
pub fn event(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    events::derive(item.into()).into()
}

/// The implementation of the attribute; `bootstrap-services` re-exports it with its documentation.
#[cfg(feature = "events")]
#[proc_macro_attribute]
pub fn event_handler(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    events::handler(arguments.into(), &item.into()).into()
    events::handler(arguments.into(), item.into()).into()
}
