//! The attributes and derives of `bootstrap-services`, which re-exports them with their documentation.

#[cfg(feature = "cron")]
mod cron;
#[cfg(feature = "events")]
mod events;
#[cfg(any(feature = "events", feature = "jobs"))]
mod handler;
#[cfg(feature = "jobs")]
mod jobs;
#[cfg(feature = "cron")]
#[allow(
    dead_code,
    reason = "the macro only checks, and this file is that of `bootstrap-services`"
)]
#[path = "../../src/cron/pattern.rs"]
mod pattern;
#[cfg(feature = "workflows")]
mod workflows;

/// The implementation of `#[cron]`.
#[cfg(feature = "cron")]
#[proc_macro_attribute]
pub fn cron(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cron::expand(arguments.into(), &item.into()).into()
}

/// The implementation of `#[derive(Event)]`.
#[cfg(feature = "events")]
#[proc_macro_derive(Event, attributes(event))]
pub fn event(item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    events::derive(item.into()).into()
}

/// The implementation of `#[event_handler]`.
#[cfg(feature = "events")]
#[proc_macro_attribute]
pub fn event_handler(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    handler::expand(&events::HANDLER, arguments.into(), &item.into()).into()
}

/// The implementation of `#[job_handler]`.
#[cfg(feature = "jobs")]
#[proc_macro_attribute]
pub fn job_handler(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    handler::expand(&jobs::HANDLER, arguments.into(), &item.into()).into()
}

/// The implementation of `#[workflow]`.
#[cfg(feature = "workflows")]
#[proc_macro_attribute]
pub fn workflow(
    arguments: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    handler::expand(&workflows::WORKFLOW, arguments.into(), &item.into()).into()
}
