//! The metrics of events, through the facade; nothing without the feature `metrics`.
#![cfg_attr(
    not(feature = "metrics"),
    allow(unused_variables, reason = "nothing is counted")
)]

use crate::events::Event;

#[cfg(feature = "metrics")]
use metrics::{Key, Label, Level, Metadata, counter, describe_counter, with_recorder};

#[cfg(feature = "metrics")]
const PUBLISHED: &str = "events_published_total";
#[cfg(feature = "metrics")]
const HANDLED: &str = "events_handled_total";
#[cfg(feature = "metrics")]
const LAGGED: &str = "events_lagged_total";
#[cfg(feature = "metrics")]
const NOT_SENT: &str = "events_bus_not_sent_total";
#[cfg(feature = "metrics")]
const UNREADABLE: &str = "events_bus_unreadable_total";

/// Describes the metrics to the recorder.
pub(super) fn describe() {
    #[cfg(feature = "metrics")]
    {
        describe_counter!(PUBLISHED, "Events that were published, by name.");
        describe_counter!(HANDLED, "Events that were handled, by handler and outcome.");
        describe_counter!(
            LAGGED,
            "Events that were dropped because a reader was slow."
        );
        describe_counter!(NOT_SENT, "Messages that did not reach the bus, by topic.");
        describe_counter!(
            UNREADABLE,
            "Messages of the bus that were not read, by topic."
        );
    }
}

/// The key of an event in the metrics, which is hashed by the compiler, and not for each event.
#[cfg(feature = "metrics")]
struct KeyOf<E>(std::marker::PhantomData<E>);

#[cfg(feature = "metrics")]
impl<E: Event> KeyOf<E> {
    const LABELS: &'static [Label] = &[Label::from_static_parts("event", E::NAME)];
    const KEY: &'static Key = &Key::from_static_parts(PUBLISHED, Self::LABELS);
}

pub(super) fn published<E: Event>() {
    #[cfg(feature = "metrics")]
    {
        static METADATA: Metadata<'static> =
            Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
        let key = KeyOf::<E>::KEY;
        with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
    }
}

pub(super) fn handled(handler: &str, is_ok: bool) {
    #[cfg(feature = "metrics")]
    {
        let outcome = if is_ok { "ok" } else { "failed" };
        counter!(HANDLED, "handler" => handler.to_owned(), "outcome" => outcome).increment(1);
    }
}

pub(super) fn lagged(reader: &str, missed: u64) {
    #[cfg(feature = "metrics")]
    counter!(LAGGED, "reader" => reader.to_owned()).increment(missed);
}

pub(crate) fn not_sent(topic: &'static str, messages: u64) {
    #[cfg(feature = "metrics")]
    counter!(NOT_SENT, "topic" => topic).increment(messages);
}

pub(crate) fn unreadable(topic: &'static str) {
    #[cfg(feature = "metrics")]
    counter!(UNREADABLE, "topic" => topic).increment(1);
}
