//! How a line looks, chosen while the process runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::Deserialize;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{Compact, Format, Full, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How a line of the log looks: the key `log.format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// For people: time, level, spans with their fields, target, message, fields. In colour on a terminal.
    #[default]
    Pretty,
    /// As `Pretty`, and shorter: the fields of spans follow those of the event.
    Compact,
    /// One JSON object a line: `timestamp`, `level`, `fields` with the `message`, `target`, `span` and `spans`.
    Json,
}

/// The format of a process. Until it is chosen, lines are `Pretty`, and the fields of spans are kept for all formats.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen(Arc<AtomicU8>);

const PRETTY: u8 = 1;
const COMPACT: u8 = 2;
const JSON: u8 = 3;

impl Chosen {
    pub(super) fn choose(&self, format: LogFormat) {
        let number = match format {
            LogFormat::Pretty => PRETTY,
            LogFormat::Compact => COMPACT,
            LogFormat::Json => JSON,
        };
        self.0.store(number, Ordering::Relaxed);
    }

    fn number(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn writes_json(&self) -> bool {
        self.number() == JSON
    }

    fn may_write(&self, json: bool) -> bool {
        let number = self.number();
        number == 0 || (number == JSON) == json
    }
}

/// A layer that writes lines while its format is the chosen one.
pub(super) struct Only<L> {
    layer: L,
    json: bool,
    chosen: Chosen,
}

impl<L> Only<L> {
    pub(super) fn text(layer: L, chosen: &Chosen) -> Self {
        let (json, chosen) = (false, chosen.clone());
        Self {
            layer,
            json,
            chosen,
        }
    }

    pub(super) fn json(layer: L, chosen: &Chosen) -> Self {
        let (json, chosen) = (true, chosen.clone());
        Self {
            layer,
            json,
            chosen,
        }
    }
}

impl<S, L> Layer<S> for Only<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if self.chosen.may_write(self.json) {
            self.layer.on_new_span(attributes, id, cx);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if self.chosen.may_write(self.json) {
            self.layer.on_record(id, values, cx);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        if self.chosen.writes_json() != self.json {
            return;
        }
        if self.json {
            complete_spans(event, &cx);
        }
        self.layer.on_event(event, cx);
    }
}

/// Gives spans that were made under another format an empty list of fields: the format of JSON panics without one.
fn complete_spans<S>(event: &Event<'_>, cx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    type Fields = FormattedFields<JsonFields>;
    for span in cx.event_scope(event).into_iter().flatten() {
        if span.extensions().get::<Fields>().is_some() {
            continue;
        }
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Fields>().is_none() {
            extensions.insert(Fields::new("{}".to_owned()));
        }
    }
}

/// The formats for people.
#[derive(Debug)]
pub(super) struct Text {
    pretty: Format<Full>,
    compact: Format<Compact>,
    chosen: Chosen,
}

impl Text {
    pub(super) fn new(chosen: Chosen) -> Self {
        Self {
            pretty: Format::default(),
            compact: Format::default().compact(),
            chosen,
        }
    }
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match self.chosen.number() {
            COMPACT => self.compact.format_event(cx, writer, event),
            _ => self.pretty.format_event(cx, writer, event),
        }
    }
}
